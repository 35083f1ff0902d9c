#include "serving-layer/person.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "handover/database.h"
#include "serving-layer/json_out.h"
#include "serving-layer/loop.h"
#include "serving-layer/partition_of.h"
#include "views/event.h"
#include "views/user_state.h"

enum { TRIES_MAX = 5, NUMBER_BYTES = 24 };

void person_free(struct person *person)
{
    bytes_free(&person->stored);
    free(person->user);
    if (person->more_free)
        person->more_free(person->more);
    free(person);
}

int person_job(struct call *call, jobs_work work, jobs_done done, void *context)
{
    struct jobs *jobs = call->loop->server->jobs;
    if (jobs && !jobs_ask(jobs, call->loop->base, work, done, context))
        return 0;
    call_unavailable(call, "too many requests wait for Postgres");
    return -1;
}

bool person_is_no_name(struct call *call, const char *what)
{
    struct request_error error;
    if (call->arg[0].n >= 1 && call->arg[0].n <= EVENT_ID_BYTES)
        return false;
    snprintf(error.parameter, sizeof error.parameter, "%s", what);
    snprintf(error.detail, sizeof error.detail, "must be 1 to %d bytes", EVENT_ID_BYTES);
    call_wrong_request(call, &error);
    return true;
}

/* ---- Postgres ---- */

static int state_read(PGconn *db, struct person *person, struct err *err)
{
    char partition[NUMBER_BYTES], n[NUMBER_BYTES];
    snprintf(partition, sizeof partition, "%d", person->partition);
    snprintf(n, sizeof n, "%" PRId64, person->as_of.batch);
    PGresult *row = database_query(
        db, err,
        "SELECT p.states_from > $3::int8, u.state FROM publication p LEFT JOIN LATERAL"
        " (SELECT state FROM user_state WHERE partition = $1::int2 AND \"user\" = $2"
        "  AND n <= $3::int8 ORDER BY n DESC LIMIT 1) u ON true",
        3, (const char *const[]){partition, person->user, n});
    if (!row)
        return -1;
    person->retired = PQgetvalue(row, 0, 0)[0] == 't';
    size_t bytes = 0;
    unsigned char *state = PQgetisnull(row, 0, 1)
                               ? NULL
                               : PQunescapeBytea((unsigned char *)PQgetvalue(row, 0, 1), &bytes);
    bytes_clear(&person->stored);
    bytes_put(&person->stored, state, bytes);
    PQfreemem(state);
    PQclear(row);
    return 0;
}

static int job_work(PGconn *db, void *context, struct err *err)
{
    struct person *person = context;
    if (!person->known && state_read(db, person, err))
        return -1;
    return person->work && !person->retired ? person->work(db, person, err) : 0;
}

/* ---- the loop ---- */

static void on_snapshot(const struct snapshot *snapshot, void *context);

static void person_begin(struct person *person)
{
    reader_ask(person->call->loop->reader, NULL, 0, text_of(person->user), on_snapshot, person);
}

static void on_worked(const struct err *err, void *context)
{
    struct person *person = context;
    if (err) {
        log_warn("person", "%s", err->message);
        call_unavailable(person->call,
                         "Postgres is away or busy, and what is asked for lies there");
        person_free(person);
    } else if (person->retired && ++person->tries < TRIES_MAX) {
        person_begin(person);
    } else if (person->retired) {
        call_unavailable(person->call, "this server's batch view is retired and no newer one came");
        person_free(person);
    } else {
        person->done(person);
    }
}

static void on_snapshot(const struct snapshot *snapshot, void *context)
{
    struct person *person = context;
    struct text stored;
    if (call_has_no_snapshot(person->call, snapshot)) {
        person_free(person);
        return;
    }
    call_keep_as_of(&person->as_of, snapshot);
    person->retired = false;
    person->partition = partition_of(text_of(person->user), person->as_of.partitions);
    person->known = snapshot_state(snapshot, &stored);
    if (person->known) {
        bytes_clear(&person->stored);
        bytes_put_text(&person->stored, stored);
    }
    if (person->known && !person->work)
        person->done(person);
    else if (person_job(person->call, job_work, on_worked, person))
        person_free(person);
}

void person_ask(struct call *call, person_work work, void (*done)(struct person *person),
                void *more, void (*more_free)(void *more))
{
    struct person *person = xcalloc(1, sizeof *person);
    *person = (struct person){
        .call = call,
        .user = xasprintf("%.*s", (int)call->arg[0].n, call->arg[0].at),
        .done = done,
        .work = work,
        .more = more,
        .more_free = more_free,
    };
    person_begin(person);
}

/* ---- JSON ---- */

static void window_put(struct bytes *out, const struct names *names, const struct interaction *at,
                       uint32_t n, bool with_type)
{
    json_put(out, "[");
    for (uint32_t i = n; i-- > 0;) {
        json_put(out, "{\"item\":");
        json_put_text(out, names_text(names, at[i].item));
        if (with_type) {
            json_put(out, ",\"type\":");
            json_put_text(out, text_of(event_type_name((enum event_type)at[i].type)));
        }
        json_put(out, ",\"ts\":");
        json_put_int(out, at[i].ts);
        json_put(out, i ? "}," : "}");
    }
    json_put(out, "]");
}

int person_put(struct bytes *out, const struct person *person)
{
    struct names *names = names_new();
    struct user_state state;
    int damaged = user_state_decode(bytes_text(&person->stored), names, &state);
    if (!damaged) {
        json_put(out, "\"user\":");
        json_put_text(out, text_of(person->user));
        json_put(out, ",\"partition\":");
        json_put_int(out, person->partition);
        json_put(out, ",\"seen\":");
        window_put(out, names, state.seen, state.n_seen, true);
        json_put(out, ",\"bought\":");
        window_put(out, names, state.bought, state.n_bought, false);
        json_put(out, ",\"event_ids\":");
        json_put_int(out, state.n_ids);
    } else {
        log_error("person", "a user's state is damaged, partition=%d", person->partition);
    }
    names_free(names);
    return damaged;
}
