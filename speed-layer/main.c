/* tandem-speed: Kafka -> views -> Redis, exactly once. What there is, put together; worker.c says what it does. */
#include <malloc.h>
#include <string.h>

#include "common/log.h"
#include "common/metrics_http.h"
#include "common/stop.h"
#include "speed-layer/worker.h"

static const struct options_usage usage = {
    .program = "tandem-speed",
    .synopsis = "[options]",
    .about = "Folds each event into the speed view in Redis within milliseconds, exactly once.\n"
             "Any number of instances share the partitions. Stop with SIGTERM.",
    .commands = "",
};

static void settings_read(struct worker_settings *settings, int argc, char **argv)
{
    const struct option_row own[] = {
        {.name = "group",
         .type = OPTION_TEXT,
         .initial = "tandem-speed",
         .unit = "",
         .sentence = "Kafka consumer group by which the instances share the partitions",
         .into = &settings->group},
        {.name = "batch_events",
         .type = OPTION_INT,
         .initial = "1000",
         .unit = "events",
         .sentence = "most events applied in one call; readers wait for it",
         .into = &settings->batch_events,
         .min = 1,
         .max = 100000},
        {.name = "batch_wait_ms",
         .type = OPTION_INT,
         .initial = "0",
         .unit = "ms",
         .sentence = "how long a call that is not full waits for more events",
         .into = &settings->batch_wait_ms,
         .max = 1000},
        {.name = "cache_bytes",
         .type = OPTION_INT,
         .initial = "50331648",
         .unit = "bytes",
         .sentence = "users' states kept in memory; the others are looked up when they come again",
         .into = &settings->cache_bytes,
         .min = 1 << 20,
         .max = INT64_C(1) << 40},
        {.name = "compact_bytes",
         .type = OPTION_INT,
         .initial = "4096",
         .unit = "bytes",
         .sentence = "rows in Redis of this length are compacted when they have grown much",
         .into = &settings->compact_bytes,
         .min = 16,
         .max = INT64_C(1) << 30},
        {.name = "redis_timeout_ms",
         .type = OPTION_INT,
         .initial = "5000",
         .unit = "ms",
         .sentence = "a Redis server that does not answer for so long is away",
         .into = &settings->redis_timeout_ms,
         .min = 10,
         .max = 600000},
        {.name = "metrics",
         .type = OPTION_TEXT,
         .initial = "",
         .unit = "host:port",
         .sentence = "where GET /metrics answers, for who monitors it; none: nowhere",
         .into = &settings->metrics},
    };
    enum { OWN = sizeof own / sizeof *own };
    struct option_row rows[OPTIONS_DEPLOYMENT + OWN];
    size_t n = options_deployment(rows, &settings->deployment);
    memcpy(rows + n, own, sizeof own);
    options_read(&usage, rows, n + OWN, argc, argv);
}

static int run(struct worker *worker, struct err *err)
{
    while (!stop_asked())
        if (worker_turn(worker, err))
            return -1;
    if (worker_finish(worker, err))
        log_warn("speed", "what was held is left to the next start: %s", err->message);
    return 0;
}

static void print(struct metrics *into, void *worker)
{
    worker_metrics(worker, into);
    metrics_process(into);
}

/* Exit codes of the program: 1 failed, 2 wrong configuration. */
static int work(const struct worker_settings *settings, struct err *err)
{
    struct metrics_http *http = NULL;
    struct worker *worker = worker_new(settings, err);
    int code = worker ? 0 : 2;
    if (worker && metrics_http_open(settings->metrics, print, worker, &http, err))
        code = err->kind == ERR_DATA ? 2 : 1;
    if (!code && run(worker, err))
        code = 1;
    metrics_http_close(http);
    worker_free(worker);
    return code;
}

int main(int argc, char **argv)
{
    struct worker_settings settings = {0};
    struct err err = {0};
    settings_read(&settings, argc, argv);
    mallopt(M_ARENA_MAX, 2); /* librdkafka's threads would each keep memory of their own */
    stop_install();
    int code = work(&settings, &err);
    if (code)
        log_error("speed", "%s", err.message);
    return code;
}
