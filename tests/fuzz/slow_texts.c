#include "tests/fuzz/slow_texts.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"

static bool is_digits(struct text text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!strchr("0123456789", text.at[i]) || !text.at[i])
            return false;
    return text.n > 0;
}

bool slow_number(struct text text, int64_t min, int64_t max, int64_t *value)
{
    bool negative = text.n > 0 && text.at[0] == '-';
    struct text digits = {text.at + negative, text.n - negative};
    __extension__ __int128 number = 0;
    if (!is_digits(digits))
        return false;
    for (size_t i = 0; i < digits.n; i++)
        if (number < (__extension__(__int128) 1 << 100)) /* far out of any range already */
            number = number * 10 + (digits.at[i] - '0');
    number = negative ? -number : number;
    *value = number >= min && number <= max ? (int64_t)number : 0;
    return number >= min && number <= max;
}

bool slow_part(struct text *rest, bool *more, char separator, struct text *part)
{
    if (!*more)
        return false;
    size_t n = 0;
    while (n < rest->n && rest->at[n] != separator)
        n++;
    *part = (struct text){rest->at, n};
    *more = n < rest->n;
    size_t used = *more ? n + 1 : n;
    *rest = (struct text){rest->at + used, rest->n - used};
    return true;
}

int slow_vector(struct text text, int64_t *vector, int max)
{
    if (text.n < 2 || text.at[0] != '{' || text.at[text.n - 1] != '}')
        return -1;
    struct text rest = {text.at + 1, text.n - 2}, part;
    int n = 0;
    for (bool more = rest.n > 0; slow_part(&rest, &more, ',', &part); n++)
        if (n == max || !slow_number(part, INT64_MIN, INT64_MAX, &vector[n]))
            return -1;
    return n;
}

int slow_servers(struct text text, struct speed_servers *servers)
{
    struct text part;
    int n = 0;
    for (bool more = true; slow_part(&text, &more, ',', &part); n++) {
        size_t colon = part.n;
        while (colon > 0 && part.at[colon - 1] != ':')
            colon--;
        int64_t port;
        struct text digits = {part.at + colon, part.n - colon};
        if (n == SPEED_SERVERS_MAX || colon < 2 || colon > sizeof servers->server[n].host ||
            digits.n == 0 || digits.at[0] == '-' || !slow_number(digits, 1, 65535, &port))
            return -1;
        snprintf(servers->server[n].host, sizeof servers->server[n].host, "%.*s", (int)colon - 1,
                 part.at);
        servers->server[n].port = (int)port;
    }
    servers->n = n;
    return n;
}

/* ---- path and query ---- */

bool slow_utf8(struct text text)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    for (size_t i = 0; i < text.n;) {
        unsigned first = (unsigned char)text.at[i++];
        int n = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
        uint32_t c = n < 2 ? first : first & (0x7fu >> n);
        if (n == 0 || first > 0xf7)
            return false;
        for (int more = 1; more < n; more++, i++) {
            if (i == text.n || ((unsigned char)text.at[i] & 0xc0) != 0x80)
                return false;
            c = c << 6 | ((unsigned char)text.at[i] & 0x3f);
        }
        if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
            return false;
    }
    return true;
}

/* The text decoded, or NULL: it is malformed. */
static char *percent_decoded(struct text raw, bool plus_is_space)
{
    char *decoded = xcalloc(raw.n + 1, 1);
    size_t n = 0;
    bool good = true;
    for (size_t i = 0; good && i < raw.n; i++) {
        char hex[3] = "", *end = hex;
        if (raw.at[i] != '%') {
            decoded[n++] = (char)(raw.at[i] == '+' && plus_is_space ? ' ' : raw.at[i]);
            continue;
        }
        snprintf(hex, sizeof hex, "%.*s", (int)(raw.n - i - 1 < 2 ? raw.n - i - 1 : 2),
                 raw.at + i + 1);
        decoded[n] = (char)strtol(hex, &end, 16);
        good = end == hex + 2 && hex[0] != '+' && hex[0] != '-' && hex[0] != ' ' && decoded[n];
        good = good && strspn(hex, "0123456789abcdefABCDEF") == 2;
        n++;
        i += 2;
    }
    if (good && slow_utf8((struct text){decoded, n}))
        return decoded;
    free(decoded);
    return NULL;
}

static bool slow_query(struct text query, struct slow_request *request)
{
    struct text part;
    for (bool more = true; slow_part(&query, &more, '&', &part);) {
        bool has_value = true;
        struct text name = {"", 0};
        if (part.n == 0)
            continue;
        slow_part(&part, &has_value, '=', &name);
        char *decoded_name = percent_decoded(name, true);
        char *decoded_value = percent_decoded(part, true);
        int n = request->n_parameters;
        bool good = decoded_name && decoded_value && n < REQUEST_PARAMETERS;
        if (!good) {
            free(decoded_name);
            free(decoded_value);
            return false;
        }
        request->name[n] = decoded_name;
        request->value[n] = decoded_value;
        request->n_parameters++;
    }
    return true;
}

bool slow_request_parse(const char *uri, struct slow_request *request)
{
    struct text all = text_of(uri), path, query, part;
    bool more = true;
    *request = (struct slow_request){.n_segments = 0};
    if (all.n > 8192)
        return false;
    slow_part(&all, &more, '#', &query);
    more = true;
    slow_part(&query, &more, '?', &path);
    if (path.n == 0 || path.at[0] != '/')
        return false;
    path = (struct text){path.at + 1, path.n - 1};
    for (more = true; slow_part(&path, &more, '/', &part); request->n_segments++) {
        if (request->n_segments == REQUEST_SEGMENTS)
            return false;
        request->segment[request->n_segments] = percent_decoded(part, false);
        if (!request->segment[request->n_segments])
            return false;
    }
    return slow_query(query, request);
}

void slow_request_free(struct slow_request *request)
{
    for (int i = 0; i < request->n_segments; i++)
        free(request->segment[i]);
    for (int i = 0; i < request->n_parameters; i++) {
        free(request->name[i]);
        free(request->value[i]);
    }
}
