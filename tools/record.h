/*
 * record: what goes from a source (replay, generate) to a sink (Kafka, HTTP).
 */
#ifndef TANDEM_TOOLS_RECORD_H
#define TANDEM_TOOLS_RECORD_H

#include <stdint.h>

#include "common/err.h"
#include "views/text.h"

struct record {        /* borrowed until the source's next call */
    struct text key;   /* the user; n = 0: unknown, no key */
    struct text value; /* JSON, without a line end */
    bool bad;          /* known to be no event: the system shall refuse it */
    struct text
        mark; /* where it stands in the file that is backfilled (backfill.h); n = 0: nowhere */
};

/* Where records come from. */
struct source {
    void *self;
    /* 1: a record; 0: no more; -1: err. */
    int (*next)(void *self, struct record *record, struct err *err);
    double (*fraction)(void *self); /* how much is done, 0 to 1; -1: unknown */
};

struct sink_figures {
    int64_t sent;         /* taken by the sink */
    int64_t acknowledged; /* stored by the system for certain */
    int64_t refused;      /* bad records that the system refused, as it should (HTTP 422) */
    int64_t failed;       /* neither */
};

/* Where they go. Records of one user arrive in the order in which they were sent. */
struct sink {
    void *self;
    /* Takes a record, waiting for room as long as it must. -1: nothing more can be sent. */
    int (*send)(void *self, const struct record *record, struct err *err);
    /* Goes on with what is under way, for up to `ms`. */
    void (*work)(void *self, int ms);
    /* Until all that was sent is acknowledged, refused or failed. */
    int (*flush)(void *self, struct err *err);
    void (*close)(void *self);
    struct sink_figures *figures;
};

#endif
