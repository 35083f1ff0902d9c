#include "serving-layer/request.h"

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

static struct parameter *parameter_find(struct request *request, struct text name)
{
    for (int i = 0; i < request->n_parameters; i++)
        if (text_equal(request->parameter[i].name, name))
            return &request->parameter[i];
    return NULL;
}

static int parameter_parse(struct request *request, struct text raw, struct request_error *error)
{
    const char *equals = memchr(raw.at, '=', raw.n);
    size_t n = equals ? (size_t)(equals - raw.at) : raw.n;
    struct parameter p = {.used = false};
    struct text value = equals ? (struct text){equals + 1, raw.n - n - 1} : (struct text){"", 0};
    if (decode(request, (struct text){raw.at, n}, true, &p.name, error) ||
        decode(request, value, true, &p.value, error))
        return -1;
    if (parameter_find(request, p.name))
        return wrong(error, p.name, "is given twice");
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

int request_int(struct request *request, const char *name, int64_t initial, int64_t min,
                int64_t max, int64_t *value, struct request_error *error)
{
    struct parameter *p = parameter_find(request, text_of(name));
    *value = initial;
    if (!p)
        return 0;
    p->used = true;
    int64_t number = 0;
    bool good = p->value.n > 0 && p->value.n <= 18;
    for (size_t i = 0; good && i < p->value.n; i++) {
        good = p->value.at[i] >= '0' && p->value.at[i] <= '9';
        number = number * 10 + (p->value.at[i] - '0');
    }
    if (!good || number < min || number > max) {
        char detail[200];
        snprintf(detail, sizeof detail,
                 "is '%.*s': it must be a whole number from %" PRId64 " to %" PRId64,
                 (int)utf8_cut(p->value, VALUE_SHOWN), p->value.at, min, max);
        return wrong(error, p->name, detail);
    }
    *value = number;
    return 0;
}

int request_choice(struct request *request, const char *name, const char *choices, int *value,
                   struct request_error *error)
{
    struct parameter *p = parameter_find(request, text_of(name));
    *value = 0;
    if (!p)
        return 0;
    p->used = true;
    for (const char *at = choices;; at++, ++*value) {
        size_t n = strcspn(at, "|");
        if (text_equal(p->value, (struct text){at, n}))
            return 0;
        at += n;
        if (!*at)
            break;
    }
    char detail[200];
    snprintf(detail, sizeof detail, "is '%.*s': it must be one of %s",
             (int)utf8_cut(p->value, VALUE_SHOWN), p->value.at, choices);
    return wrong(error, p->name, detail);
}

int request_no_more(const struct request *request, struct request_error *error)
{
    for (int i = 0; i < request->n_parameters; i++)
        if (!request->parameter[i].used)
            return wrong(error, request->parameter[i].name, "is not a parameter of this call");
    return 0;
}

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
        if (text_equal(part, text_of("{*}"))) {
            arg[n_args] = joined(request, s);
            return true;
        }
        if (text_equal(part, text_of("{}")))
            arg[n_args++] = request->segment[s];
        else if (!text_equal(part, request->segment[s]))
            return false;
        at += part.n;
        if (!*at)
            return s + 1 == request->n_segments;
    }
}
