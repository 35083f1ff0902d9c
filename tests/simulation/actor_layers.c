/* The layers' mains in an actor: the real ones, with options that make them come by every path often. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "batch-layer/commands.h"
#include "common/log.h"
#include "speed-layer/worker.h"
#include "tests/simulation/actor.h"
#include "tests/simulation/world.h"

extern int simulated_instance;

void actor_speed(int instance)
{
    simulated_instance = instance;
    const struct worker_settings settings = {
        .deployment = {"", "events", getenv("TANDEM_REDIS"), getenv("TANDEM_POSTGRES"), PARTITIONS},
        .group = "g",
        .batch_events = 1 + chance(12),
        .cache_bytes = chance(2) ? 1 : 1 << 20, /* 1: every state is looked up each time */
        .compact_bytes = 16,
        .redis_timeout_ms = 5000,
    };
    struct err err = {0};
    struct worker *worker = worker_new(&settings, &err);
    while (worker && worker_turn(worker, &err) == 0)
        actor_yield("turn", 0);
    log_error("simulation", "speed ends: %s", err.message);
    _exit(1);
}

void actor_archive(int unused)
{
    char *arguments[] = {"archive", NULL};
    (void)unused;
    _exit(archive_main(1, arguments));
}

void actor_run(int rebuild)
{
    char *arguments[] = {rebuild ? "rebuild" : "run",
                         "--chunk-events",
                         chance(2) ? "7" : "1000",
                         "--check-wait-s",
                         "1",
                         "--retire-wait-s",
                         "1",
                         "--wait-s",
                         "60",
                         "--retries",
                         "0",
                         NULL};
    _exit(rebuild ? rebuild_main(11, arguments) : run_main(11, arguments));
}
