/*
 * json: a strict scanner for RFC 8259 texts, without a tree and without recursion: the caller walks one object's fields and
 * has everything that it does not know skipped, fully checked (grammar, UTF-8, duplicate keys at every depth).
 * Not for: writing JSON; numbers other than integers.
 */
#ifndef TANDEM_VIEWS_JSON_H
#define TANDEM_VIEWS_JSON_H

#include <stdint.h>

#include "views/bytes.h"

struct json_key {
    uint64_t hash;
    struct text text;
};

struct json_frame {
    bool is_object;
    size_t first_key; /* its keys are those from here on */
};

/* One scan at a time; its memory is used again. Zero-initialise; json_scan_free() at the end. */
struct json_scan {
    const char *at, *end;
    struct bytes unescaped; /* strings that had escapes; never more bytes than the text has */
    struct json_key *key;
    size_t n_keys, key_cap;
    struct json_frame *frame;
    size_t n_frames, frame_cap;
};

struct json_string {
    struct text text;        /* escapes resolved; lone surrogates as their three bytes */
    bool has_control;        /* U+0000-001F or U+007F-009F stands in it */
    bool has_lone_surrogate; /* so it is no Unicode text */
};

struct json_number {
    bool is_integer; /* neither fraction nor exponent */
    bool fits;       /* value is the number: it has at most 18 digits */
    int64_t value;
};

enum { JSON_BAD = -1 };

void json_begin(struct json_scan *scan, struct text text);
void json_scan_free(struct json_scan *scan);

/* Skips white space; most often there is none. */
static inline void json_space(struct json_scan *scan)
{
    if (scan->at < scan->end && (unsigned char)*scan->at > ' ')
        return;
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t'))
        scan->at++;
}

/* Takes c when it is next. */
static inline bool json_take(struct json_scan *scan, char c)
{
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

/* The first byte that is not plain ASCII text: a quote, a backslash, a control, DEL, or part of a longer character. */
const char *json_plain_end(const char *at, const char *end);
/* A string that is not plain from its first byte to its closing quote: `from` the first byte, scan->at where it is not. */
int json_string_rest(struct json_scan *scan, const char *from, struct json_string *string);

/* At its opening quote; 0 or JSON_BAD. */
static inline int json_string(struct json_scan *scan, struct json_string *string)
{
    if (!json_take(scan, '"'))
        return JSON_BAD;
    const char *from = scan->at;
    scan->at = json_plain_end(from, scan->end);
    if (scan->at == scan->end || *scan->at != '"') {
        struct json_string rest; /* so that the caller's need not be in memory */
        int failed = json_string_rest(scan, from, &rest);
        *string = rest;
        return failed;
    }
    *string = (struct json_string){.text = {from, (size_t)(scan->at++ - from)}};
    return 0;
}

int json_number(struct json_scan *scan,
                struct json_number *number); /* at - or a digit; 0 or JSON_BAD */
int json_skip(struct json_scan *scan);       /* one value of any kind; 0 or JSON_BAD */

/* Keys of the object that is being walked: remember each, then ask once at its end. */
void json_key_push(struct json_scan *scan, struct text key);
bool json_keys_differ(struct json_scan *scan,
                      size_t first_key); /* and forgets those from first_key on */

#endif
