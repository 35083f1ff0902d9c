/*
 * deployment: a whole private Tandem for one test program: real Kafka, Redis and Postgres and the layers, in a folder and on
 * ports of its own, stopped and removed at the end. Kept when a test failed, and its folder named.
 * Commands run by a shell with the deployment's variables set, in the project's folder, from which a test program must be
 * started; $BIN is the folder of the programs.
 */
#ifndef TANDEM_TESTS_DEPLOYMENT_H
#define TANDEM_TESTS_DEPLOYMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct deployment_settings {
    int redis_servers; /* 1 where 0 */
    int partitions;    /* 4 where 0 */
    bool servers_only; /* no set-up, no programs */
};

/*
 * Starts servers, `tandem-batch setup`, serve, archive and one speed instance named speed-1, these two with /metrics on the
 * ports behind TANDEM_LISTEN's. Exits with a message on failure.
 */
void deployment_up(struct deployment_settings settings);
/* Stops it; removes the folder when `passed`. */
void deployment_down(bool passed);

/* Runs a command; returns its exit code (128 + signal when it was killed). Output goes to the test's log. */
int run(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, and returns what it printed on standard output (caller frees); fails the test if it exits non-zero. */
char *output_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Runs it and fails the test unless it exits with `exit_code`. */
void must_exit(int exit_code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Programs and servers by name: serve, archive, speed-1, kafka, postgres, redis-0. */
void start_program(const char *name, const char *command); /* "tandem-speed" and its arguments */
void kill_program(const char *name);                       /* kill -9 */
void stop_program(const char *name);                       /* SIGTERM, waits */
void kill_server(const char *name);
void start_server(const char *name);

/* Sends generated events to Kafka: never the same for two seeds. Returns when all are acknowledged. */
void feed(int events, int seed, const char *more_options);
/* One event over HTTP; fails the test unless the answer has this status. */
void post_event(int status, const char *json);

/* GET or (body != NULL) POST; fails the test unless the answer is 200. Caller: json_decref. */
json_t *answer_of(const char *path, const char *body);
/* A number in it by a path such as "batch" or "last_run/drift". */
int64_t number_in(const json_t *json, const char *path);
/* One counter of a view, merged. */
int64_t counter(const char *view, const char *group, const char *member);

/* Waits until answers count every record of the log, and the archive has it too. */
void wait_caught_up(void);
/* Waits until a shell condition holds; fails the test after `seconds`. */
void wait_until(int seconds, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The whole invariant: caught up, then `tandem-batch audit` finds no differing counter. */
void must_be_exact(void);
/* One number from Postgres. */
int64_t sql_number(const char *sql);

#endif
