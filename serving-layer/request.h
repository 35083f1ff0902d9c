/*
 * request: a request line taken apart, strictly: path segments and query parameters, percent-decoded. Pure: no HTTP library.
 * Texts lie in the request's own memory until request_free.
 */
#ifndef TANDEM_SERVING_REQUEST_H
#define TANDEM_SERVING_REQUEST_H

#include <stdint.h>

#include "views/bytes.h"

enum { REQUEST_SEGMENTS = 16, REQUEST_PARAMETERS = 16 };

struct parameter {
    struct text name, value;
    bool used; /* a handler asked for it */
};

struct request {
    struct bytes memory;
    size_t decoded;                        /* bytes of memory that segments and parameters lie in */
    struct text segment[REQUEST_SEGMENTS]; /* of the path, decoded */
    int n_segments;
    struct parameter parameter[REQUEST_PARAMETERS];
    int n_parameters;
};

/* What is wrong with a request, for a 400. */
struct request_error {
    char parameter[65]; /* "" when it is not one parameter's fault */
    char detail[256];
};

/* 0, or -1: malformed escapes, too long, a parameter twice. `uri` is path?query. */
int request_parse(struct request *request, const char *uri, struct request_error *error);
void request_free(struct request *request);

/* A whole number; `initial` when it is absent. -1: error says what came and what is allowed. */
int request_int(struct request *request, const char *name, int64_t initial, int64_t min,
                int64_t max, int64_t *value, struct request_error *error);
/* Which of `choices` ("a|b|c") it is, the first when absent. -1 as above. */
int request_choice(struct request *request, const char *name, const char *choices, int *value,
                   struct request_error *error);
/* After all were asked for: -1 when there is one that nobody knows. */
int request_no_more(const struct request *request, struct request_error *error);

/*
 * Does the path have this pattern, as "/v1/views/{}/{*}"? {} is any one segment, {*} the rest joined by slashes (at least
 * one). The segments that stood for them go to `arg` (at most 2) and stay until the next call.
 */
bool request_matches(struct request *request, const char *pattern, struct text arg[2]);

#endif
