#include "serving-layer/access.h"

#include <event2/http.h>
#include <stdio.h>
#include <strings.h>

#include "common/clock.h"
#include "serving-layer/connections.h"
#include "serving-layer/keys.h"
#include "serving-layer/loop.h"
#include "serving-layer/routes.h"

static const char *header_of(const struct call *call, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(call->http), name);
}

static void header_put(struct call *call, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(call->http), name, value);
}

/* RFC 6750, section 2.1; the scheme in any case, RFC 9110, section 11.1. */
static struct text presented(const struct call *call)
{
    static const char scheme[] = "Bearer ";
    const char *value = header_of(call, "Authorization");
    if (value && strncasecmp(value, scheme, sizeof scheme - 1) == 0)
        return text_of(value + sizeof scheme - 1 + strspn(value + sizeof scheme - 1, " "));
    value = header_of(call, "X-API-Key");
    return value ? text_of(value) : (struct text){"", 0};
}

/*
 * In the address, for who cannot set a header: navigator.sendBeacon. Addresses end up in logs, so only a key that may be seen by
 * everybody is taken from there: one that can write events and nothing else.
 */
static struct text presented_in_query(const struct call *call)
{
    for (int i = 0; i < call->request.n_parameters; i++)
        if (text_equal(call->request.parameter[i].name, text_of("key")))
            return call->request.parameter[i].value;
    return (struct text){"", 0};
}

/* A proxy on this machine is a loopback peer, whoever stands behind it: what it forwards is not from here. */
static bool is_from_here(const struct call *call)
{
    static const char *const forwarded[] = {"X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"};
    for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++)
        if (header_of(call, forwarded[i]))
            return false;
    return connection_is_local(call->connection);
}

/* draft-ietf-httpapi-ratelimit-headers-06, the last with a header a figure. */
static void limits_put(struct call *call, const struct keys_answer *answer)
{
    const struct {
        const char *name;
        int64_t value;
    } header[] = {{"RateLimit-Limit", answer->size.burst},
                  {"RateLimit-Remaining", answer->told.remaining},
                  {"RateLimit-Reset", answer->told.full_s}};
    for (size_t i = 0; i < sizeof header / sizeof *header; i++) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)header[i].value);
        header_put(call, header[i].name, number);
    }
}

static bool refuse_unknown(struct call *call, bool was_presented)
{
    header_put(call, "WWW-Authenticate",
               was_presented ? "Bearer realm=\"tandem\", error=\"invalid_token\""
                             : "Bearer realm=\"tandem\"");
    call_problem(call, 401,
                 was_presented
                     ? "there is no such key, or it was revoked"
                     : "this call needs a key: Authorization: Bearer KEY, or X-API-Key: KEY",
                 NULL, -1);
    return false;
}

static bool refuse_role(struct call *call, enum role has)
{
    char detail[128];
    snprintf(detail, sizeof detail, "the key's role is %s; this call needs %s%s", role_name(has),
             role_name(call->route->role), call->route->role == ROLE_ADMIN ? "" : " or admin");
    call_problem(call, 403, detail, NULL, -1);
    return false;
}

static bool refuse_too_fast(struct call *call, const struct keys_answer *answer)
{
    char seconds[24], detail[128];
    snprintf(seconds, sizeof seconds, "%lld", (long long)answer->told.wait_s);
    snprintf(detail, sizeof detail, "this key may make %lld requests a second and %lld at once",
             (long long)answer->size.rate, (long long)answer->size.burst);
    header_put(call, "Retry-After", seconds);
    call_problem(call, 429, detail, NULL, -1);
    return false;
}

static bool allows_from_here(struct call *call)
{
    if (is_from_here(call))
        return true;
    call_problem(call, 403,
                 "no API keys are set up, so only this server's own machine is answered: make one "
                 "there with `tandem-serve key add --role admin`",
                 NULL, -1);
    return false;
}

static bool allows_by_key(struct call *call, struct text key, bool in_query)
{
    struct keys_answer answer;
    switch (keys_ask(call->loop->server->keys, key, clock_monotonic_us(), &answer)) {
    case KEYS_UNREAD:
        call_unavailable(call, "the API keys have not been read yet: Postgres is away, or this "
                               "server has just started");
        return false;
    case KEYS_OPEN: return allows_from_here(call);
    case KEYS_REFUSED: return refuse_unknown(call, key.n);
    case KEYS_TOO_FAST: limits_put(call, &answer); return refuse_too_fast(call, &answer);
    case KEYS_TAKEN: break;
    }
    if (answer.size.rate)
        limits_put(call, &answer);
    if (in_query && answer.role != ROLE_WRITE) {
        call_problem(call, 403, "only a key with role write may stand in the address", "key", -1);
        return false;
    }
    return role_allows(answer.role, call->route->role) || refuse_role(call, answer.role);
}

bool access_allows(struct call *call)
{
    const struct loop *loop = call->loop;
    if (call->route->role == ROLE_ANYONE ||
        (loop->settings->metrics_open && call->route->handle == handle_metrics))
        return true;
    struct text key = presented(call);
    bool in_query = key.n == 0 && call->route->role == ROLE_WRITE;
    if (in_query)
        key = presented_in_query(call);
    return allows_by_key(call, key, in_query && key.n);
}

bool access_goes_on(struct call *call)
{
    struct keys_answer answer;
    switch (keys_ask(call->loop->server->keys, presented(call), clock_monotonic_us(), &answer)) {
    case KEYS_OPEN: return is_from_here(call);
    case KEYS_TOO_FAST:
    case KEYS_TAKEN: return role_allows(answer.role, call->route->role);
    case KEYS_UNREAD:
    case KEYS_REFUSED: break;
    }
    return false;
}
