/* pulse_out: what the pulse (pulse.h) has found, as JSON. Pure. */
#ifndef TANDEM_SERVING_PULSE_OUT_H
#define TANDEM_SERVING_PULSE_OUT_H

#include "serving-layer/reader.h"
#include "serving-layer/watcher.h"

enum { PULSE_SERVERS_MAX = 64, PULSE_UNKNOWN = -1 };

/* How the whole system is at one moment. Numbers that are not known are PULSE_UNKNOWN. */
struct pulse_state {
    int64_t at_ms;
    struct look look;
    double events_per_s;  /* that came into the log */
    int64_t freshness_ms; /* pulse.h */
    int64_t
        speed_still_s; /* so long as_of has not moved though there is a lag; the same of the archive */
    int64_t archive_still_s;
    /* of the newest read of the speed view; partitions 0: there is no batch view yet */
    int partitions;
    int64_t batch, published_ms;
    int64_t boundary[PARTITIONS_MAX], as_of[PARTITIONS_MAX];
    int64_t lag[PARTITIONS_MAX]; /* events between as_of and the end of the log */
    bool degraded;
    int n_servers; /* of Redis */
    struct reader_server server[PULSE_SERVERS_MAX];
};

/* Behind it by the sum of all partitions; PULSE_UNKNOWN. */
int64_t pulse_state_lag(const struct pulse_state *state);
int64_t pulse_state_unarchived(const struct pulse_state *state);

void pulse_state_put(const struct pulse_state *state, struct bytes *out);

/* One place of the last hour. */
struct pulse_sample {
    int64_t at_ms;
    double events_per_s;
    int64_t freshness_ms, lag;
};
void pulse_samples_put(const struct pulse_sample *samples, size_t n, struct bytes *out);

#endif
