#define _GNU_SOURCE
#include "tests/simulation/actor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/simulation/world.h"

/* A step takes a millisecond or two, a connect some more. Longer: it waits for another actor. */
enum { PATIENCE_MS = 250 };

static int go_fd = -1, at_fd = -1; /* in an actor */

static void or_die(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

static void become(void (*run)(int argument), int argument, uint64_t seed, const char *log)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        signal(fatal[i], SIG_DFL); /* cmocka's handlers are the scheduler's */
    signal(SIGPIPE, SIG_IGN);      /* as stop_install does */
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    or_die(fd >= 0 && dup2(fd, STDERR_FILENO) >= 0 && dup2(fd, STDOUT_FILENO) >= 0, log);
    chance_seed(seed);
    actor_yield("start", 0);
    run(argument);
    fflush(NULL);
    _exit(0);
}

void actor_start(struct actor *actor, void (*run)(int argument), int argument, uint64_t seed,
                 const char *log)
{
    int go[2], at[2];
    or_die(pipe2(go, O_CLOEXEC) == 0 && pipe2(at, O_CLOEXEC) == 0, "pipe");
    fflush(NULL);
    *actor = (struct actor){.pid = fork(), .go = go[1], .at = at[0], .state = ACTOR_BLOCKED};
    or_die(actor->pid >= 0, "fork");
    if (actor->pid == 0) {
        close(go[1]), close(at[0]);
        go_fd = go[0], at_fd = at[1];
        become(run, argument, seed, log);
    }
    close(go[0]), close(at[1]);
    actor_step(actor); /* to "start" */
}

static void actor_ended(struct actor *actor)
{
    int status = 0;
    waitpid(actor->pid, &status, 0);
    close(actor->go), close(actor->at);
    actor->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    actor->state = ACTOR_NONE;
}

void actor_step(struct actor *actor)
{
    if (actor->state == ACTOR_STANDS)
        or_die(write(actor->go, "", 1) == 1, "write to an actor");
    actor->state = ACTOR_BLOCKED;
    struct pollfd on = {actor->at, POLLIN, 0};
    if (poll(&on, 1, PATIENCE_MS) <= 0)
        return;
    if (read(actor->at, actor->where, sizeof actor->where) == (ssize_t)sizeof actor->where)
        actor->state = ACTOR_STANDS;
    else
        actor_ended(actor);
}

void actor_kill(struct actor *actor)
{
    if (actor->state == ACTOR_NONE)
        return;
    kill(actor->pid, SIGKILL);
    actor_ended(actor);
}

bool actor_is_one(void)
{
    return at_fd >= 0;
}

void actor_yield(const char *where, int64_t passed_ms)
{
    char word[sizeof((struct actor *)0)->where] = "";
    if (!actor_is_one())
        return;
    snprintf(word, sizeof word, "%s", where);
    if (write(at_fd, word, sizeof word) != (ssize_t)sizeof word || read(go_fd, word, 1) != 1)
        _exit(1);
    world->clock_us += 1000 + passed_ms * 1000;
}
