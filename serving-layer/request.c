#include "serving-layer/request.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "views/utf8.h"

enum { URI_BYTES = 8192, VALUE_SHOWN = 40 };

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static int wrong(struct request_error *error, struct text parameter, const char *detail)
{
    snprintf(error->parameter, sizeof error->parameter, "%.*s",
             (int)utf8_cut(parameter, sizeof error->parameter - 1), parameter.at);
    snprintf(error->detail, sizeof error->detail, "%s", detail);
    return -1;
}

static const struct text no_parameter = {"", 0};

/* Decodes into the request's memory, which has room for the whole URI: it never moves. */
static int decode(struct request *request, struct text raw, bool plus_is_space, struct text *into,
                  struct request_error *error)
{
    char *at = request->memory.at + request->memory.n;
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.at[i];
        if (c == '%') {
            int high = i + 2 < raw.n ? hex_digit(raw.at[i + 1]) : -1;
            int low = i + 2 < raw.n ? hex_digit(raw.at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return wrong(error, no_parameter,
                             "a % in the path or query is not followed by two hex digits");
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == 0)
            return wrong(error, no_parameter, "the path or query holds a zero byte");
        at[n++] = c;
    }
    if (!utf8_is((struct text){at, n}))
        return wrong(error, no_parameter, "the path or query is not UTF-8");
    request->memory.n += n;
    *into = (struct text){at, n};
    return 0;
}

static int path_parse(struct request *request, struct text path, struct request_error *error)
{
    if (path.n == 0 || path.at[0] != '/')
        return wrong(error, no_parameter, "the path does not begin with /");
    for (size_t from = 1; from <= path.n;) {
        const char *slash = memchr(path.at + from, '/', path.n - from);
        size_t to = slash ? (size_t)(slash - path.at) : path.n;
        if (request->n_segments == REQUEST_SEGMENTS)
            return wrong(error, no_parameter, "the path has too many parts");
        struct text raw = {path.at + from, to - from};
        if (decode(request, raw, false, &request->segment[request->n_segments++], error))
            return -1;
        from = to + 1;
    }
    return 0;
}

static int parameter_parse(struct request *request, struct text raw, struct request_error *error)
{
    const char *equals = memchr(raw.at, '=', raw.n);
    size_t n = equals ? (size_t)(equals - raw.at) : raw.n;
    struct parameter p = {.row = NULL};
    struct text value = equals ? (struct text){equals + 1, raw.n - n - 1} : (struct text){"", 0};
    if (decode(request, (struct text){raw.at, n}, true, &p.name, error) ||
        decode(request, value, true, &p.value, error))
        return -1;
    if (request->n_parameters == REQUEST_PARAMETERS)
        return wrong(error, p.name, "is one parameter too many");
    request->parameter[request->n_parameters++] = p;
    return 0;
}

int request_parse(struct request *request, const char *uri, struct request_error *error)
{
    size_t n = strlen(uri), path = strcspn(uri, "?#"), end = strcspn(uri, "#");
    request->n_segments = request->n_parameters = 0;
    bytes_clear(&request->memory);
    if (n > URI_BYTES)
        return wrong(error, no_parameter, "the path and query have more than 8192 bytes");
    bytes_room(&request->memory,
               2 * n + REQUEST_SEGMENTS); /* all decoded, and a joined path once more */
    if (path_parse(request, (struct text){uri, path}, error))
        return -1;
    for (size_t from = path + 1; from < end;) {
        size_t to = from + strcspn(uri + from, "&#");
        if (to > from && parameter_parse(request, (struct text){uri + from, to - from}, error))
            return -1;
        from = to + 1;
    }
    request->decoded = request->memory.n;
    return 0;
}

void request_free(struct request *request)
{
    bytes_free(&request->memory);
}

/* ---- the table ---- */

static const struct parameter_row *row_find(const struct request *request, struct text name)
{
    for (size_t t = 0; t < request->n_tables; t++)
        for (const struct parameter_row *row = request->tables[t]; row && row->name; row++)
            if (text_equal(name, text_of(row->name)))
                return row;
    return NULL;
}

static bool number_take(struct text value, int64_t min, int64_t max, int64_t *number)
{
    bool good = value.n > 0 && value.n <= 18;
    *number = 0;
    for (size_t i = 0; good && i < value.n; i++) {
        good = value.at[i] >= '0' && value.at[i] <= '9';
        *number = *number * 10 + (value.at[i] - '0');
    }
    return good && *number >= min && *number <= max;
}

static bool choice_take(struct text value, const char *choices, int64_t *place)
{
    *place = 0;
    for (const char *at = choices;; at++, ++*place) {
        size_t n = strcspn(at, "|");
        if (text_equal(value, (struct text){at, n}))
            return true;
        at += n;
        if (!*at)
            return false;
    }
}

/* U+0000-001F, U+007F-009F; the text is UTF-8. */
static bool has_control(struct text text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)text.at[i + 1] < 0xa0))
            return true;
    }
    return false;
}

static bool is_currency(struct text code)
{
    for (size_t i = 0; i < code.n; i++)
        if (code.at[i] < 'A' || code.at[i] > 'Z')
            return false;
    return code.n == 3;
}

static bool value_take(const struct parameter_row *row, struct text value, int64_t *number)
{
    switch (row->type) {
    case PARAMETER_INT: return number_take(value, row->min, row->max, number);
    case PARAMETER_FLAG: return number_take(value, 0, 1, number);
    case PARAMETER_CHOICE: return choice_take(value, row->choices, number);
    case PARAMETER_ID:
        if (has_control(value))
            return false;
        break;
    case PARAMETER_CURRENCY: return is_currency(value);
    case PARAMETER_TEXT: break;
    }
    return (int64_t)value.n >= row->min && (int64_t)value.n <= row->max;
}

static int wrong_value(const struct parameter_row *row, struct text value,
                       struct request_error *error)
{
    char detail[200];
    int n = snprintf(detail, sizeof detail, "is '%.*s': it must be ",
                     (int)utf8_cut(value, VALUE_SHOWN), value.at);
    size_t left = sizeof detail - (size_t)n;
    if (row->type == PARAMETER_INT)
        snprintf(detail + n, left, "a whole number from %" PRId64 " to %" PRId64, row->min,
                 row->max);
    else if (row->type == PARAMETER_TEXT || row->type == PARAMETER_ID)
        snprintf(detail + n, left, "%" PRId64 " to %" PRId64 " bytes%s", row->min, row->max,
                 row->type == PARAMETER_ID ? " without control characters" : "");
    else if (row->type == PARAMETER_CURRENCY)
        snprintf(detail + n, left, "three capital letters");
    else
        snprintf(detail + n, left, "one of %s", row->type == PARAMETER_FLAG ? "0|1" : row->choices);
    return wrong(error, text_of(row->name), detail);
}

static const struct parameter *given_find(const struct request *request,
                                          const struct parameter_row *row, int n)
{
    for (int i = 0; i < n; i++)
        if (request->parameter[i].row == row)
            return &request->parameter[i];
    return NULL;
}

static int repeats(const struct request *request, const struct parameter_row *row, int n)
{
    int given = 0;
    for (int i = 0; i < n; i++)
        given += request->parameter[i].row == row;
    return given;
}

int request_check(const struct parameter_row *row, struct text value, struct request_error *error)
{
    int64_t number;
    return value_take(row, value, &number) ? 0 : wrong_value(row, value, error);
}

static int needed_check(const struct request *request, struct request_error *error)
{
    for (size_t t = 0; t < request->n_tables; t++)
        for (const struct parameter_row *row = request->tables[t]; row && row->name; row++)
            if (row->needed && !given_find(request, row, request->n_parameters))
                return wrong(error, text_of(row->name), "is missing");
    return 0;
}

int request_take(struct request *request, const struct parameter_row *const *tables,
                 size_t n_tables, struct request_error *error)
{
    request->tables = tables;
    request->n_tables = n_tables;
    for (int i = 0; i < request->n_parameters; i++) {
        struct parameter *p = &request->parameter[i];
        p->row = row_find(request, p->name);
        if (!p->row)
            return wrong(error, p->name, "is not a parameter of this call");
        if (!p->row->repeatable && given_find(request, p->row, i))
            return wrong(error, p->name, "is given twice");
        if (repeats(request, p->row, i) == REQUEST_REPEATS)
            return wrong(error, p->name, "is given more than 20 times");
        if (!value_take(p->row, p->value, &p->number))
            return wrong_value(p->row, p->value, error);
    }
    return needed_check(request, error);
}

/* The row, which must be there, and what was given for it. */
static const struct parameter *given(const struct request *request, const char *name,
                                     const struct parameter_row **row)
{
    *row = row_find(request, text_of(name));
    assert(*row);
    return given_find(request, *row, request->n_parameters);
}

bool request_given(const struct request *request, const char *name)
{
    const struct parameter_row *row;
    return given(request, name, &row);
}

int64_t request_int(const struct request *request, const char *name)
{
    const struct parameter_row *row;
    const struct parameter *p = given(request, name, &row);
    int64_t number = 0;
    if (p)
        return p->number;
    bool good = !row->initial || value_take(row, text_of(row->initial), &number);
    assert(good);
    return good ? number : 0;
}

struct text request_text(const struct request *request, const char *name)
{
    const struct parameter_row *row;
    const struct parameter *p = given(request, name, &row);
    return p ? p->value : text_of(row->initial ? row->initial : "");
}

size_t request_texts(const struct request *request, const char *name,
                     struct text into[REQUEST_PARAMETERS])
{
    const struct parameter_row *row;
    size_t n = 0;
    if (!given(request, name, &row))
        return 0;
    for (int i = 0; i < request->n_parameters; i++)
        if (request->parameter[i].row == row)
            into[n++] = request->parameter[i].value;
    return n;
}

/* ---- the path ---- */

/* The segments from `first` on, joined by slashes, behind what was decoded, where request_parse has made room for them once. */
static struct text joined(struct request *request, int first)
{
    if (first == request->n_segments - 1)
        return request->segment[first];
    size_t from = request->memory.n = request->decoded;
    for (int i = first; i < request->n_segments; i++) {
        if (i > first)
            bytes_put(&request->memory, "/", 1);
        bytes_put_text(&request->memory, request->segment[i]);
    }
    return (struct text){request->memory.at + from, request->memory.n - from};
}

bool request_matches(struct request *request, const char *pattern, struct text arg[2])
{
    int s = 0, n_args = 0;
    for (const char *at = pattern + 1;; at++, s++) {
        struct text part = {at, strcspn(at, "/")};
        if (s >= request->n_segments)
            return false;
        if (part.n > 2 && part.at[part.n - 2] == '*') {
            arg[n_args] = joined(request, s);
            return true;
        }
        if (part.n > 0 && part.at[0] == '{')
            arg[n_args++] = request->segment[s];
        else if (!text_equal(part, request->segment[s]))
            return false;
        at += part.n;
        if (!*at)
            return s + 1 == request->n_segments;
    }
}
