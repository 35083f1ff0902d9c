#include "serving-layer/manners.h"

#include <event2/http.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/random.h"
#include "serving-layer/compress.h"
#include "serving-layer/loop.h"
#include "serving-layer/origins.h"
#include "serving-layer/routes.h"

enum { LOGGED_A_SECOND = 10, ID_PREFIX_BYTES = 6, ETAG_HASH_BYTES = 12, ETAG_BYTES = 40 };

struct manners {
    const char *origins;
    struct compressor *compressor;
    char prefix[2 * ID_PREFIX_BYTES + 1]; /* of this loop's request ids */
    uint64_t requests;
    int64_t log_second;
    int logged, kept_back;
};

struct manners *manners_new(const struct serve_settings *settings)
{
    struct manners *manners = xcalloc(1, sizeof *manners);
    manners->origins = settings->cors_origins ? settings->cors_origins : "";
    manners->compressor = compressor_new();
    random_hex(manners->prefix, ID_PREFIX_BYTES);
    return manners;
}

void manners_free(struct manners *manners)
{
    if (!manners)
        return;
    compressor_free(manners->compressor);
    free(manners);
}

static const char *asked(const struct call *call, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(call->http), name);
}

static void put(struct call *call, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(call->http), name, value);
}

static bool is_put(const struct call *call, const char *name)
{
    return evhttp_find_header(evhttp_request_get_output_headers(call->http), name);
}

/* ---- the request's id ---- */

bool manners_is_id(const char *id)
{
    static const char characters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~:+/=-";
    size_t n = strspn(id, characters);
    return n >= 1 && n <= REQUEST_ID_BYTES && !id[n];
}

void manners_begin(struct call *call)
{
    struct manners *manners = call->loop->manners;
    const char *theirs = asked(call, "X-Request-ID");
    if (theirs && manners_is_id(theirs))
        snprintf(call->id, sizeof call->id, "%s", theirs);
    else
        snprintf(call->id, sizeof call->id, "%s-%" PRIx64, manners->prefix, ++manners->requests);
}

void manners_log_problem(struct call *call, int status, const char *detail)
{
    struct manners *manners = call->loop->manners;
    int64_t second = clock_monotonic_us() / 1000000;
    if (status < 500 && status != 401 && status != 403)
        return;
    if (second != manners->log_second) {
        if (manners->kept_back)
            log_warn("serve", "problems not logged one by one n=%d", manners->kept_back);
        manners->log_second = second;
        manners->logged = manners->kept_back = 0;
    }
    if (manners->logged++ >= LOGGED_A_SECOND)
        manners->kept_back++;
    else
        log_warn("serve", "problem status=%d request_id=%s route=%s: %s", status, call->id,
                 call->route ? call->route->pattern : "none", detail);
}

/* ---- headers ---- */

static void cors_put(struct call *call)
{
    const struct manners *manners = call->loop->manners;
    const char *allowed = origins_allow(manners->origins, asked(call, "Origin"));
    if (!allowed)
        return;
    put(call, "Access-Control-Allow-Origin", allowed);
    put(call, "Access-Control-Expose-Headers",
        "X-Request-ID, ETag, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset");
}

/* What a cache must hold apart. */
static void vary_put(struct call *call, bool by_encoding)
{
    const char *origins = call->loop->manners->origins;
    bool by_origin = *origins && strcmp(origins, "*") != 0;
    if (is_put(call, "Vary"))
        return;
    if (by_encoding)
        put(call, "Vary", by_origin ? "Accept-Encoding, Origin" : "Accept-Encoding");
    else if (by_origin)
        put(call, "Vary", "Origin");
}

void manners_headers(struct call *call)
{
    put(call, "X-Request-ID", call->id);
    put(call, "X-Content-Type-Options", "nosniff");
    if (!is_put(call, "Content-Security-Policy"))
        put(call, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    if (!is_put(call, "Cache-Control"))
        put(call, "Cache-Control", "no-store");
    if (*call->loop->manners->origins)
        cors_put(call);
}

/* ---- ETag ---- */

bool manners_matches(const char *if_none_match, const char *etag)
{
    size_t n = strlen(etag);
    for (const char *at = if_none_match; at && *at;) {
        at += strspn(at, ", \t");
        if (*at == '*')
            return true;
        if (strncmp(at, "W/", 2) == 0)
            at += 2;
        if (strncmp(at, etag, n) == 0 && strchr(", \t", at[n]))
            return true;
        at += strcspn(at, ",");
    }
    return false;
}

/* A strong one: what differs in one byte, also by being compressed, has another. True: the client has it. */
static bool etag_put(struct call *call, bool compressed)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char hex[2 * ETAG_HASH_BYTES + 1], etag[ETAG_BYTES];
    crypto_hash_sha256(hash, (const unsigned char *)call->out.at, call->out.n);
    sodium_bin2hex(hex, sizeof hex, hash, ETAG_HASH_BYTES);
    snprintf(etag, sizeof etag, "\"%s%s\"", hex, compressed ? "-gzip" : "");
    put(call, "ETag", etag);
    return manners_matches(asked(call, "If-None-Match"), etag);
}

/* ---- the body ---- */

static bool is_text(const char *content_type)
{
    return strncmp(content_type, "text/", 5) == 0 || strstr(content_type, "json") ||
           strstr(content_type, "javascript");
}

/* Compresses it where that is worth while and wanted. */
static bool body_compress(struct call *call, const char *content_type)
{
    if (!is_text(content_type) || call->out.n < COMPRESS_FROM_BYTES ||
        call->out.n > COMPRESS_UPTO_BYTES || is_put(call, "Content-Encoding"))
        return false;
    vary_put(call, true);
    if (!compress_wanted(asked(call, "Accept-Encoding")) ||
        !compress_gzip(call->loop->manners->compressor, &call->out))
        return false;
    put(call, "Content-Encoding", "gzip");
    return true;
}

int manners_end(struct call *call, int status, const char *content_type)
{
    char length[24];
    bool compressed = body_compress(call, content_type);
    bool has_etag = status == 200 && call->route && call->route->etag;
    if (has_etag)
        put(call, "Cache-Control", "no-cache"); /* may be kept, and is asked for again */
    manners_headers(call);
    vary_put(call, false);
    if (has_etag && etag_put(call, compressed))
        status = 304;
    if (status != 304 && status != 204) {
        put(call, "Content-Type", content_type);
        snprintf(length, sizeof length, "%zu", call->out.n);
        put(call, "Content-Length", length);
    }
    if (status == 304 || status == 204 || evhttp_request_get_command(call->http) == EVHTTP_REQ_HEAD)
        bytes_clear(&call->out);
    return status;
}

/* ---- OPTIONS ---- */

/* A preflight brings no key (the browser sends none), and is told nothing that docs/api.md does not say. */
void manners_options(struct call *call, const char *allow)
{
    put(call, "Allow", allow);
    if (asked(call, "Access-Control-Request-Method") &&
        origins_allow(call->loop->manners->origins, asked(call, "Origin"))) {
        put(call, "Access-Control-Allow-Methods", allow);
        put(call, "Access-Control-Allow-Headers",
            "Authorization, X-API-Key, Content-Type, If-Match, If-None-Match, X-Request-ID");
        put(call, "Access-Control-Max-Age", "600");
    }
    call_reply(call, 204, "");
}
