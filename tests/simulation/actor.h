/*
 * actor: a process that runs a layer's real code step by step (world.h). The scheduler's side: start, step, kill. The actor's
 * side: actor_yield, which every yield point comes to.
 */
#ifndef TANDEM_TESTS_SIMULATION_ACTOR_H
#define TANDEM_TESTS_SIMULATION_ACTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum actor_state {
    ACTOR_NONE,    /* was killed, or has ended */
    ACTOR_STANDS,  /* at a yield point */
    ACTOR_BLOCKED, /* was let go and has come to none: it waits for a lock that another holds */
};

struct actor {
    pid_t pid;
    int go, at; /* pipes: a byte lets it go on; it says where it stands */
    enum actor_state state;
    char where[40];
    int exit_code; /* of the one that ended; 128 + signal */
};

/* Starts `run` in a process, which stops before its first step. `log`: a file for what it prints. */
void actor_start(struct actor *actor, void (*run)(int argument), int argument, uint64_t seed,
                 const char *log);
/* Lets it go on to its next yield point, or its end. */
void actor_step(struct actor *actor);
void actor_kill(struct actor *actor); /* kill -9, waits */

/* In an actor: stands here until it may go on. `passed_ms` go by meanwhile. */
void actor_yield(const char *where, int64_t passed_ms);

bool actor_is_one(void); /* this process */

/* The layers' mains. speed: which instance; reader: nothing; run: 1 for a rebuild. They do not return, but for run. */
void actor_speed(int instance);
void actor_archive(int unused);
void actor_run(int rebuild);
void actor_reader(int ask_everything);

#endif
