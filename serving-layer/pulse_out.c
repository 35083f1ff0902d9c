#include "serving-layer/pulse_out.h"

#include <stdio.h>

#include "serving-layer/json_out.h"

enum { STILL_S = 10, BEHIND_MS = 10000 };

/* ---- sums ---- */

int64_t pulse_state_lag(const struct pulse_state *state)
{
    int64_t sum = 0;
    if (!state->look.kafka || !state->partitions)
        return PULSE_UNKNOWN;
    for (int p = 0; p < state->partitions; p++)
        sum += state->lag[p];
    return sum;
}

int64_t pulse_state_unarchived(const struct pulse_state *state)
{
    int64_t sum = 0;
    if (!state->look.kafka || !state->look.postgres)
        return PULSE_UNKNOWN;
    for (int p = 0; p < PARTITIONS_MAX; p++)
        if (state->look.archived[p] >= 0 && state->look.log_end[p] > state->look.archived[p])
            sum += state->look.log_end[p] - state->look.archived[p];
    return sum;
}

/* ---- numbers that may not be known ---- */

static void number_put(struct bytes *out, const char *name, int64_t value)
{
    json_put(out, ",\"");
    json_put(out, name);
    json_put(out, "\":");
    if (value == PULSE_UNKNOWN)
        json_put(out, "null");
    else
        json_put_int(out, value);
}

static void rate_put(struct bytes *out, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.1f", value);
    json_put(out, value < 0 ? "null" : text);
}

static void vector_put(struct bytes *out, const char *name, const int64_t *vector, int n)
{
    json_put(out, ",\"");
    json_put(out, name);
    json_put(out, "\":");
    if (n)
        json_put_ints(out, vector, n);
    else
        json_put(out, "null");
}

/* ---- the parts ---- */

static void part_put(struct bytes *out, const char *name, const char *state, const char *detail)
{
    if (out->at[out->n - 1] != '[')
        json_put(out, ",");
    json_put(out, "{\"part\":");
    json_put_text(out, text_of(name));
    json_put(out, ",\"state\":");
    json_put_text(out, text_of(state));
    json_put(out, ",\"detail\":");
    json_put_text(out, text_of(detail));
    json_put(out, "}");
}

static void kafka_put(struct bytes *out, const struct pulse_state *state)
{
    int64_t records = 0;
    char detail[64];
    for (int p = 0; p < PARTITIONS_MAX; p++)
        records += state->look.log_end[p] > 0 ? state->look.log_end[p] : 0;
    snprintf(detail, sizeof detail, "%lld records came into the log", (long long)records);
    part_put(out, "kafka", state->look.kafka ? "ok" : "away",
             state->look.kafka ? detail : "the log does not answer");
}

static void servers_put(struct bytes *out, const struct pulse_state *state)
{
    char name[32], detail[320];
    for (int s = 0; s < state->n_servers; s++) {
        snprintf(name, sizeof name, "redis-%d", s);
        snprintf(detail, sizeof detail, "%s:%d", state->server[s].host, state->server[s].port);
        part_put(out, name, state->server[s].up ? "ok" : "away", detail);
    }
}

static void speed_put(struct bytes *out, const struct pulse_state *state)
{
    int64_t lag = pulse_state_lag(state);
    char detail[96];
    if (lag == PULSE_UNKNOWN) {
        part_put(out, "speed", "unknown", "the end of the log or the batch view is not known");
        return;
    }
    snprintf(detail, sizeof detail, "%lld events behind the log", (long long)lag);
    if (state->degraded)
        part_put(out, "speed", "unknown", "a Redis server is away");
    else if (state->speed_still_s > STILL_S)
        part_put(out, "speed", "stalled", detail);
    else
        part_put(out, "speed", state->freshness_ms > BEHIND_MS ? "behind" : "ok", detail);
}

static void archive_put(struct bytes *out, const struct pulse_state *state)
{
    int64_t lag = pulse_state_unarchived(state);
    char detail[96];
    if (lag == PULSE_UNKNOWN) {
        part_put(out, "archive", "unknown", "Kafka or Postgres is away");
        return;
    }
    snprintf(detail, sizeof detail, "%lld events not yet in the master dataset", (long long)lag);
    part_put(out, "archive", state->archive_still_s > STILL_S ? "stalled" : "ok", detail);
}

static void batch_put(struct bytes *out, const struct pulse_state *state)
{
    const struct last_run *run = &state->look.last_run;
    char detail[96];
    if (!state->look.postgres) {
        part_put(out, "batch", "unknown", "Postgres is away");
        return;
    }
    if (run->n == 0) {
        part_put(out, "batch", "idle", "there was no run yet");
        return;
    }
    snprintf(detail, sizeof detail, "run %lld: %s", (long long)run->n, run->state);
    part_put(out, "batch", run->drift > 0 ? "drift" : "ok", detail);
}

static void parts_put(struct bytes *out, const struct pulse_state *state)
{
    json_put(out, ",\"parts\":[");
    kafka_put(out, state);
    part_put(out, "postgres", state->look.postgres ? "ok" : "away",
             state->look.postgres ? "master dataset and batch views" : "the tables do not answer");
    servers_put(out, state);
    speed_put(out, state);
    archive_put(out, state);
    batch_put(out, state);
    json_put(out, "]");
}

void pulse_state_put(const struct pulse_state *state, struct bytes *out)
{
    int n = state->partitions;
    json_put(out, "{\"at\":");
    json_put_int(out, state->at_ms);
    json_put(out, ",\"events_per_s\":");
    rate_put(out, state->events_per_s);
    number_put(out, "freshness_ms", state->freshness_ms);
    number_put(out, "batch", n ? state->batch : PULSE_UNKNOWN);
    number_put(out, "published_at", n ? state->published_ms : PULSE_UNKNOWN);
    vector_put(out, "boundary", state->boundary, n);
    vector_put(out, "as_of", state->as_of, n);
    vector_put(out, "log_end", state->look.log_end, state->look.kafka ? n : 0);
    vector_put(out, "lag", state->lag, state->look.kafka ? n : 0);
    vector_put(out, "archived", state->look.archived, state->look.postgres ? n : 0);
    json_put(out, state->degraded ? ",\"degraded\":true" : ",\"degraded\":false");
    parts_put(out, state);
    json_put(out, "}");
}

/* ---- the last hour ---- */

static void column_put(struct bytes *out, const char *name, size_t n,
                       const struct pulse_sample *samples, int column)
{
    json_put(out, ",\"");
    json_put(out, name);
    json_put(out, "\":[");
    for (size_t i = 0; i < n; i++) {
        const int64_t values[] = {samples[i].at_ms, samples[i].freshness_ms, samples[i].lag};
        if (i)
            json_put(out, ",");
        if (column == 3)
            rate_put(out, samples[i].events_per_s);
        else if (values[column] == PULSE_UNKNOWN)
            json_put(out, "null");
        else
            json_put_int(out, values[column]);
    }
    json_put(out, "]");
}

void pulse_samples_put(const struct pulse_sample *samples, size_t n, struct bytes *out)
{
    json_put(out, "{\"samples\":");
    json_put_int(out, (int64_t)n);
    column_put(out, "at", n, samples, 0);
    column_put(out, "freshness_ms", n, samples, 1);
    column_put(out, "lag", n, samples, 2);
    column_put(out, "events_per_s", n, samples, 3);
    json_put(out, "}");
}
