/*
 * err: what went wrong in the world outside, and what the loop of the layer may do about it.
 * Our own bugs are assert()s, memory that is out ends the process (mem.h): neither is an err.
 */
#ifndef TANDEM_COMMON_ERR_H
#define TANDEM_COMMON_ERR_H

enum err_kind {
    ERR_NONE,
    ERR_RETRY, /* may pass by itself: connect again, later */
    ERR_DATA,  /* these bytes are not what they should be */
    ERR_FATAL, /* needs a person: stop and say what to do */
};

struct err {
    enum err_kind kind;
    char message[512]; /* operation, object and cause; no secrets, no payloads */
};

void err_fill(struct err *err, enum err_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Fills `err`; its value is -1, so that a function can end with `return err_set(...)`: as a macro, so that analysers see it. */
#define err_set(...)           \
    (__extension__({           \
        err_fill(__VA_ARGS__); \
        -1;                    \
    }))

/* Puts words before the message: "archive partition 3: " ... Returns -1. */
int err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
