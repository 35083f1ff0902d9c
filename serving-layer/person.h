/*
 * person: what is remembered of one user, exact at an as_of: from the newest speed segment >= N that has it, else from Postgres, the
 * newest version <= N. A run that publishes or retires meanwhile removes versions only after `states_from` has passed them, in
 * the same transaction: then it is asked again from the start.
 */
#ifndef TANDEM_SERVING_PERSON_H
#define TANDEM_SERVING_PERSON_H

#include "serving-layer/call.h"
#include "serving-layer/jobs.h"

struct person;
/* Also on the thread that may wait for Postgres. */
typedef int (*person_work)(PGconn *db, struct person *person, struct err *err);

struct person {
    struct call *call;
    char *user;
    int partition;
    struct bytes stored; /* views/user_state.h */
    struct kept_as_of as_of;
    void (*done)(struct person *person);
    person_work work; /* NULL: nothing */
    void *more;       /* of `done` and `work` */
    void (*more_free)(void *more);
    int tries;
    bool known, retired;
};

/*
 * Reads the state of the user that the path names, then `work`, then calls `done` from the loop, which answers and calls
 * person_free. What fails is answered with a problem, without `done`. `more` is taken, and ended by
 * `more_free` (NULL: there is none).
 */
void person_ask(struct call *call, person_work work, void (*done)(struct person *person),
                void *more, void (*more_free)(void *more));
void person_free(struct person *person);

/* "user":…,"partition":…,"seen":[…],"bought":[…],"event_ids":n, the newest first, behind an opening brace. -1: it is damaged. */
int person_put(struct bytes *out, const struct person *person);

/* true, and replied with 400: no id of a user or an item. */
bool person_is_no_name(struct call *call, const char *what);

/* Postgres work for a call; when it cannot be taken, replies 503 and returns -1. */
int person_job(struct call *call, jobs_work work, jobs_done done, void *context);

#endif
