#include "serving-layer/framing.h"

#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* RFC 9110, section 5.6.2 */
static bool is_token(const char *name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (const char *c = name; *c; c++)
        if (!(*c >= '0' && *c <= '9') && !((*c | 32) >= 'a' && (*c | 32) <= 'z') &&
            !strchr(others, *c))
            return false;
    return *name;
}

static bool is_number(const char *value)
{
    size_t n = strspn(value, "0123456789");
    return n > 0 && n <= 18 && !value[n];
}

static bool has_control(const char *value)
{
    for (const unsigned char *c = (const unsigned char *)value; *c; c++)
        if ((*c < 32 && *c != '\t') || *c == 127)
            return true;
    return false;
}

static void look_at_byte(struct framing_look *look, char c)
{
    if (c == '\n') {
        look->ambiguous |= !look->cr;
        look->ended = look->line_bytes == look->cr;
        look->line_bytes = 0;
        look->cr = false;
        look->has_line = true;
        return;
    }
    bool folded = look->has_line && look->line_bytes == 0 && (c == ' ' || c == '\t');
    look->ambiguous |= look->cr || c == 0 || folded;
    look->cr = c == '\r';
    look->line_bytes++;
}

void framing_look(struct framing_look *look, const char *at, size_t n)
{
    for (size_t i = 0; i < n && !look->ended; i++)
        look_at_byte(look, at[i]);
}

/* libevent reads no body of a HEAD: it would take it for the next request. */
static bool has_unread_body(const struct evhttp_request *request, const char *length)
{
    return evhttp_request_get_command(request) == EVHTTP_REQ_HEAD &&
           length[strspn(length, "0")] != 0;
}

int framing_check(struct evhttp_request *request, const char **why)
{
    int lengths = 0, hosts = 0;
    const struct evkeyval *header;
    for (header = evhttp_request_get_input_headers(request)->tqh_first; header;
         header = header->next.tqe_next) {
        if (!is_token(header->key) || has_control(header->value)) {
            *why = "a header is malformed";
            return 400;
        }
        if (strcasecmp(header->key, "Transfer-Encoding") == 0) {
            *why = "a body comes with its Content-Length here, not in chunks";
            return 411;
        }
        hosts += strcasecmp(header->key, "Host") == 0;
        if (strcasecmp(header->key, "Content-Length") != 0)
            continue;
        lengths++;
        if (!is_number(header->value)) {
            *why = "Content-Length is not a number";
            return 400;
        }
        if (has_unread_body(request, header->value)) {
            *why = "a HEAD has no body";
            return 400;
        }
    }
    if (lengths > 1) {
        *why = "Content-Length is given twice";
        return 400;
    }
    if (hosts > 1 || (hosts == 0 && request->major == 1 && request->minor == 1)) {
        *why = "Host must be given once";
        return 400;
    }
    return 0;
}
