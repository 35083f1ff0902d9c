#define _GNU_SOURCE
/* tandem-serve: HTTP in front of the log and the views. What there is, put together; routes.c says what it answers. */
#include <event2/thread.h>
#include <malloc.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"
#include "handover/speed_view.h"
#include "serving-layer/batch_store.h"
#include "serving-layer/boards.h"
#include "serving-layer/item_store.h"
#include "serving-layer/jobs.h"
#include "serving-layer/key_command.h"
#include "serving-layer/keys.h"
#include "serving-layer/loop.h"
#include "serving-layer/origins.h"
#include "serving-layer/pulse.h"
#include "serving-layer/watcher.h"

static const struct options_usage usage = {
    .program = "tandem-serve",
    .synopsis = "[key COMMAND] [options]",
    .about = "Answers over HTTP from batch view and speed view together, and accepts events.\n"
             "GET /v1 lists the routes. Stop with SIGTERM.",
    .commands = "  key       makes, lists and revokes API keys: `tandem-serve key --help`\n",
};

static void settings_read(struct serve_settings *s, int argc, char **argv)
{
    const struct option_row own[] = {
        {.name = "listen",
         .type = OPTION_TEXT,
         .initial = "127.0.0.1:8080",
         .unit = "host:port",
         .sentence = "Where tandem-serve listens.",
         .into = &s->listen},
        {.name = "threads",
         .type = OPTION_INT,
         .initial = "1",
         .unit = "threads",
         .sentence = "Event loops, each with a thread of its own.",
         .into = &s->threads,
         .min = 1,
         .max = 64},
        {.name = "read_timeout_ms",
         .type = OPTION_INT,
         .initial = "500",
         .unit = "ms",
         .sentence =
             "A Redis server that does not answer for so long is away: its partitions are answered from the batch view.",
         .into = &s->redis_timeout_ms,
         .min = 10,
         .max = 600000},
        {.name = "acknowledge_ms",
         .type = OPTION_INT,
         .initial = "10000",
         .unit = "ms",
         .sentence =
             "How long Kafka may take to acknowledge an event before the client gets a 503.",
         .into = &s->acknowledge_ms,
         .min = 100,
         .max = 600000},
        {.name = "outstanding",
         .type = OPTION_INT,
         .initial = "50000",
         .unit = "events",
         .sentence = "How many events a thread lets wait for Kafka; more are refused with a 503.",
         .into = &s->outstanding,
         .min = 1000,
         .max = 10000000},
        {.name = "idle_s",
         .type = OPTION_INT,
         .initial = "60",
         .unit = "s",
         .sentence = "A connection that sends nothing for so long is closed.",
         .into = &s->idle_s,
         .min = 1,
         .max = 86400},
        {.name = "request_s",
         .type = OPTION_INT,
         .initial = "10",
         .unit = "s",
         .sentence =
             "A request that has not arrived whole so long after its first byte ends its connection.",
         .into = &s->request_s,
         .min = 1,
         .max = 3600},
        {.name = "answer_s",
         .type = OPTION_INT,
         .initial = "30",
         .unit = "s",
         .sentence = "An answer that the client has not fetched after so long ends its connection.",
         .into = &s->answer_s,
         .min = 1,
         .max = 3600},
        {.name = "connections",
         .type = OPTION_INT,
         .initial = "12000",
         .unit = "connections",
         .sentence =
             "How many may be open; for who comes after the longest idle one is closed; if none is idle, a 503.",
         .into = &s->connections,
         .min = 1,
         .max = 1000000},
        {.name = "calls",
         .type = OPTION_INT,
         .initial = "512",
         .unit = "requests",
         .sentence =
             "How many requests may be in hand, posts that wait for Kafka not counted; more get a 503 with Retry-After at once.",
         .into = &s->calls,
         .min = 1,
         .max = 1000000},
        {.name = "buffer_bytes",
         .type = OPTION_INT,
         .initial = "268435456",
         .unit = "bytes",
         .sentence =
             "How much of requests and answers may wait; more is refused or ends its connection.",
         .into = &s->buffer_bytes,
         .min = 4 << 20,
         .max = INT64_C(1) << 40},
        {.name = "cors_origins",
         .type = OPTION_TEXT,
         .initial = "",
         .unit = "origins",
         .sentence =
             "Web pages that may use the API: https://shop.example,... or * for all; none by default.",
         .into = &s->cors_origins},
        {.name = "metrics_open",
         .type = OPTION_FLAG,
         .initial = "0",
         .unit = "",
         .sentence = "GET /metrics needs no key.",
         .into = &s->metrics_open},
        {.name = "boards",
         .type = OPTION_TEXT,
         .initial = "",
         .unit = "file",
         .sentence = "Named leaderboards as JSON: docs/api.md, GET /v1/boards.",
         .into = &s->boards},
    };
    enum { OWN = sizeof own / sizeof *own };
    struct option_row rows[OPTIONS_DEPLOYMENT + OWN];
    size_t n = options_deployment(rows, &s->deployment);
    memcpy(rows + n, own, sizeof own);
    options_read(&usage, rows, n + OWN, argc, argv);
}

/* What options_read cannot know: exit 2 and a message that names it. */
static void settings_check(const struct serve_settings *s)
{
    struct speed_servers servers;
    struct err err;
    if (speed_servers_parse(s->deployment.redis, &servers, &err)) {
        log_error("serve", "TANDEM_REDIS: %s", err.message);
        exit(2);
    }
    const char *fault = origins_fault(s->cors_origins);
    if (fault) {
        log_error("serve", "TANDEM_CORS_ORIGINS=%s %s", s->cors_origins, fault);
        exit(2);
    }
    if (!strrchr(s->listen, ':')) {
        log_error("serve", "TANDEM_LISTEN=%s is not host:port", s->listen);
        exit(2);
    }
}

/* A descriptor a connection; when the system allows fewer, that is the bound. */
static void descriptors_allow(struct serve_settings *s)
{
    enum { OWN_DESCRIPTORS = 200 }; /* Kafka, Redis, Postgres, pipes, logs */
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        log_warn("serve", "the limit of open files cannot be raised");
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur == RLIM_INFINITY ||
        (int64_t)limit.rlim_cur >= s->connections + OWN_DESCRIPTORS)
        return;
    s->connections = (int64_t)limit.rlim_cur - OWN_DESCRIPTORS;
    log_warn("serve", "the system allows %llu open files (ulimit -n): at most %lld connections",
             (unsigned long long)limit.rlim_cur, (long long)s->connections);
}

/* A listening socket on host:port, or -1. */
static int listener_open(const char *listen_on, struct err *err)
{
    char host[256];
    const char *colon = strrchr(listen_on, ':');
    if (!colon || (size_t)(colon - listen_on) >= sizeof host)
        return err_set(err, ERR_FATAL, "TANDEM_LISTEN=%s is not host:port", listen_on);
    snprintf(host, sizeof host, "%.*s", (int)(colon - listen_on), listen_on);
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE},
                    *found = NULL;
    int failed = getaddrinfo(host[0] ? host : NULL, colon + 1, &hints, &found);
    if (failed)
        return err_set(err, ERR_FATAL, "TANDEM_LISTEN=%s: %s", listen_on, gai_strerror(failed));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
                    bind(fd, found->ai_addr, found->ai_addrlen) || listen(fd, 1024))) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    if (fd < 0)
        return err_set(err, ERR_FATAL,
                       "cannot listen on %s: %m; is another server there? Set TANDEM_LISTEN",
                       listen_on);
    return fd;
}

static void *loop_thread(void *loop)
{
    loop_run(loop);
    return NULL;
}

static int loops_run(struct server *server, struct err *err)
{
    for (int i = 1; i < server->n_loops; i++)
        if (pthread_create(&server->loop[i]->thread, NULL, loop_thread, server->loop[i])) {
            log_error("serve", "no thread"); /* before anything was answered: nothing to tidy up */
            exit(1);
        }
    (void)err;
    loop_run(server->loop[0]);
    for (int i = 1; i < server->n_loops; i++)
        pthread_join(server->loop[i]->thread, NULL);
    return 0;
}

enum { JOB_THREADS = 4, JOBS_WAITING = 512 };

static int serve(const struct serve_settings *settings, const struct boards *boards, int listener,
                 struct err *err)
{
    struct batch_store *store = batch_store_new(&(struct batch_store_settings){
        settings->deployment.postgres, (int)settings->deployment.partitions});
    struct watcher *watcher = watcher_new(&settings->deployment);
    struct jobs *jobs =
        jobs_new(&(struct jobs_settings){settings->deployment.postgres, JOB_THREADS, JOBS_WAITING});
    struct keys *keys = keys_new(settings->deployment.postgres);
    struct item_store *items = item_store_new(settings->deployment.postgres);
    struct server server = {.jobs = jobs,
                            .keys = keys,
                            .items = items,
                            .boards = boards,
                            .loop = xcalloc((size_t)settings->threads, sizeof *server.loop),
                            .started_ms = clock_unix_ms()};
    int failed = 0;
    for (int i = 0; i < settings->threads && !failed; i++) {
        server.loop[i] = loop_new(&server, settings, store, watcher, listener, err);
        failed = server.loop[i] ? 0 : -1;
        server.n_loops += !failed;
    }
    if (!failed) {
        server.pulse = pulse_new(server.loop[0]->base, server.loop[0]->reader, watcher, store);
        log_info("serve", "listens url=http://%s threads=%d", settings->listen, server.n_loops);
        failed = loops_run(&server, err);
    }
    if (watcher_failed(watcher, err->message, sizeof err->message))
        failed = -1;
    watcher_free(watcher); /* before the loops that it calls back */
    jobs_free(jobs);
    server.jobs = NULL; /* for who still asks */
    pulse_stop(server.pulse);
    for (int i = 0; i < server.n_loops; i++)
        loop_settle(server.loop[i]);
    keys_free(keys);
    for (int i = 0; i < server.n_loops; i++)
        loop_free(server.loop[i]);
    pulse_free(server.pulse);
    free(server.loop);
    item_store_free(items);
    batch_store_free(store);
    return failed;
}

int main(int argc, char **argv)
{
    struct serve_settings settings = {0};
    struct err err = {0};
    if (argc > 1 && strcmp(argv[1], "key") == 0)
        return key_main(argc - 1, argv + 1);
    settings_read(&settings, argc, argv);
    settings_check(&settings);
    descriptors_allow(&settings);
    struct boards *boards = boards_load(settings.boards, &err);
    if (!boards) {
        log_error("serve", "TANDEM_BOARDS: %s", err.message);
        return 2;
    }
    mallopt(M_ARENA_MAX, 2); /* librdkafka's threads would each keep memory of their own */
    stop_install();
    if (evthread_use_pthreads()) {
        log_error("serve", "libevent has no threads");
        return 1;
    }
    int listener = listener_open(settings.listen, &err);
    int failed = listener < 0 || serve(&settings, boards, listener, &err);
    if (failed)
        log_error("serve", "%s", err.message);
    if (listener >= 0)
        close(listener);
    boards_free(boards);
    return failed ? 1 : 0;
}
