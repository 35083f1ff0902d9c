/*
 * request: a request line taken apart, strictly: path segments and query parameters, percent-decoded. Pure: no HTTP library.
 * Texts lie in the request's own memory until request_free.
 */
#ifndef TANDEM_SERVING_REQUEST_H
#define TANDEM_SERVING_REQUEST_H

#include <stdint.h>

#include "views/bytes.h"

/* A repeatable parameter may be given REQUEST_REPEATS times. */
enum { REQUEST_SEGMENTS = 16, REQUEST_PARAMETERS = 64, REQUEST_REPEATS = 20 };

/* ---- what a call may be given in its query: a table, one row a parameter ---- */

enum parameter_type {
    PARAMETER_INT,     /* a whole number from min to max */
    PARAMETER_CHOICE,  /* one of `choices` */
    PARAMETER_FLAG,    /* 0 or 1 */
    PARAMETER_TEXT,    /* min to max bytes */
    PARAMETER_ID,      /* the same, without control characters, as in events */
    PARAMETER_CURRENCY /* three capital letters */
};

struct parameter_row { // NOLINT(clang-analyzer-optin.performance.Padding): in reading order
    const char *name;  /* NULL ends a table */
    enum parameter_type type;
    const char *initial; /* where it is absent; NULL: nothing is (request_given) */
    int64_t min, max;
    const char *choices; /* "a|b|c" */
    const char *sentence;
    bool repeatable;     /* TEXT, ID: may be given several times */
    bool needed;         /* may not be absent */
    const char *example; /* for readers; may be NULL */
};

struct parameter {
    struct text name, value;
    const struct parameter_row *row; /* once taken */
    int64_t number;                  /* INT, FLAG; CHOICE: its place among the choices */
};

struct request {
    struct bytes memory;
    size_t decoded;                        /* bytes of memory that segments and parameters lie in */
    struct text segment[REQUEST_SEGMENTS]; /* of the path, decoded */
    int n_segments;
    struct parameter parameter[REQUEST_PARAMETERS];
    int n_parameters;
    const struct parameter_row *const *tables; /* once taken */
    size_t n_tables;
};

/* What is wrong with a request, for a 400. */
struct request_error {
    char parameter[65]; /* "" when it is not one parameter's fault */
    char detail[256];
};

/* 0, or -1: malformed escapes, too long. `uri` is path?query. */
int request_parse(struct request *request, const char *uri, struct request_error *error);
void request_free(struct request *request);

/*
 * Checks every parameter of the query against the tables (NULL: none). -1: one that no row has, that is given twice or out of
 * its range; error says what came and what is allowed. `tables` are borrowed as long as the request lives.
 */
int request_take(struct request *request, const struct parameter_row *const *tables,
                 size_t n_tables, struct request_error *error);

/* -1: this value is not in the row's range. */
int request_check(const struct parameter_row *row, struct text value, struct request_error *error);

/* After that, by a name that a row has: was it in the query? */
bool request_given(const struct request *request, const char *name);
/* The number of an INT, 0 or 1 of a FLAG, the place of a CHOICE; the initial one (0 without) where it is absent. */
int64_t request_int(const struct request *request, const char *name);
/* The text, which lives as long as the request; the initial one ("" without) where it is absent. */
struct text request_text(const struct request *request, const char *name);
/* All texts of a repeatable one; returns how many, at most REQUEST_PARAMETERS. */
size_t request_texts(const struct request *request, const char *name,
                     struct text into[REQUEST_PARAMETERS]);

/*
 * Does the path have this pattern, as "/v1/views/{view}/{group*}"? {name} is any one segment, {name*} the rest joined by
 * slashes (at least one). The segments that stood for them go to `arg` (at most 2) and stay until the next call.
 */
bool request_matches(struct request *request, const char *pattern, struct text arg[2]);

#endif
