#include "serving-layer/static_files.h"

#include <event2/http.h>
#include <stdio.h>
#include <string.h>

#include "build/web/static_files.inc"
#include "serving-layer/compress.h"
#include "serving-layer/manners.h"
#include "serving-layer/routes.h"

enum { N_FILES = sizeof files / sizeof *files, PATH_BYTES = 256, ETAG_BYTES = 40 };

/* A page runs no script, style or frame but those that are built in here; pictures of products come from where the catalogue says. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: https:; manifest-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'";

const struct static_file *static_file_find(struct text path)
{
    for (size_t i = 0; i < N_FILES; i++)
        if (text_equal(path, text_of(files[i].path)))
            return &files[i];
    return NULL;
}

static void etag_print(const struct static_file *file, bool gzip, char into[ETAG_BYTES])
{
    snprintf(into, ETAG_BYTES, gzip ? "\"%s-gzip\"" : "\"%s\"", file->hash);
}

static void headers_put(struct call *call, const struct static_file *file, bool gzip)
{
    /* "no-cache": kept, and asked for again with its validator, so that a page and its script are of one version. */
    const struct {
        const char *name, *value;
    } always[] = {
        {"Cache-Control", "no-cache"},       {"Vary", "Accept-Encoding"},
        {"Content-Security-Policy", policy}, {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},  {"Cross-Origin-Opener-Policy", "same-origin"}};
    struct evkeyvalq *headers = evhttp_request_get_output_headers(call->http);
    char etag[ETAG_BYTES];
    etag_print(file, gzip, etag);
    evhttp_add_header(headers, "ETag", etag);
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        evhttp_add_header(headers, always[i].name, always[i].value);
    if (gzip)
        evhttp_add_header(headers, "Content-Encoding", "gzip");
}

/* The path that was asked for: the route's pattern, with what stood for its {file*}. */
static const struct static_file *file_of(const struct call *call)
{
    char path[PATH_BYTES];
    const char *pattern = call->route->pattern;
    size_t fixed = strcspn(pattern, "{");
    size_t n = pattern[fixed] ? call->arg[0].n : 0;
    if (fixed + n > sizeof path)
        return NULL;
    memcpy(path, pattern, fixed);
    memcpy(path + fixed, n ? call->arg[0].at : "", n);
    return static_file_find((struct text){path, fixed + n});
}

void handle_static(struct call *call)
{
    struct evkeyvalq *asked = evhttp_request_get_input_headers(call->http);
    const struct static_file *file = file_of(call);
    if (!file) {
        call_problem(call, 404, "there is no such file", NULL, -1);
        return;
    }
    bool gzip = file->gzip && compress_wanted(evhttp_find_header(asked, "Accept-Encoding"));
    char etag[ETAG_BYTES];
    etag_print(file, gzip, etag);
    bool is_known = manners_matches(evhttp_find_header(asked, "If-None-Match"), etag);
    headers_put(call, file, gzip);
    if (!is_known)
        bytes_put(&call->out, gzip ? file->gzip : file->plain,
                  gzip ? file->gzip_bytes : file->plain_bytes);
    call_reply(call, is_known ? 304 : 200, file->content_type);
}
