#include "serving-layer/compress.h"

#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

#include "common/mem.h"

enum { LEVEL = 1, GZIP = 16, MEMORY_LEVEL = 8 };

struct compressor {
    z_stream stream;
    struct bytes out;
};

struct compressor *compressor_new(void)
{
    struct compressor *compressor = xcalloc(1, sizeof *compressor);
    if (deflateInit2(&compressor->stream, LEVEL, Z_DEFLATED, MAX_WBITS + GZIP, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        abort(); /* out of memory */
    return compressor;
}

void compressor_free(struct compressor *compressor)
{
    if (!compressor)
        return;
    deflateEnd(&compressor->stream);
    bytes_free(&compressor->out);
    free(compressor);
}

/* ---- negotiation ---- */

static const char *skip(const char *at, const char *what)
{
    return at + strspn(at, what);
}

/* The weight behind a coding is 0 ("0", "0.", "0.000"): it is refused. What is no weight is taken for 1. */
static bool is_refused(const char *at, const char *end)
{
    at = skip(at, " \t");
    if (at >= end || *at != ';')
        return false;
    at = skip(at + 1, " \t");
    if (strncasecmp(at, "q=", 2) != 0 || at[2] != '0')
        return false;
    at += 3;
    if (*at == '.')
        at = skip(at + 1, "0");
    return skip(at, " \t") >= end;
}

bool compress_wanted(const char *accept_encoding)
{
    bool any = false;
    for (const char *at = accept_encoding; at && *at;) {
        at = skip(at, ", \t");
        const char *end = at + strcspn(at, ",");
        size_t n = strcspn(at, " \t;,");
        if ((n == 4 && strncasecmp(at, "gzip", 4) == 0) ||
            (n == 6 && strncasecmp(at, "x-gzip", 6) == 0))
            return !is_refused(at + n, end);
        any |= n == 1 && *at == '*' && !is_refused(at + n, end);
        at = end;
    }
    return any;
}

/* ---- compression ---- */

bool compress_gzip(struct compressor *compressor, struct bytes *body)
{
    z_stream *stream = &compressor->stream;
    bytes_clear(&compressor->out);
    stream->next_in = (unsigned char *)body->at;
    stream->avail_in = (unsigned)body->n;
    stream->next_out = (unsigned char *)bytes_room(&compressor->out, body->n);
    stream->avail_out = (unsigned)body->n;
    bool shorter = deflate(stream, Z_FINISH) == Z_STREAM_END;
    size_t n = body->n - stream->avail_out;
    deflateReset(stream);
    if (!shorter)
        return false;
    bytes_clear(body);
    bytes_put(body, compressor->out.at, n);
    return true;
}
