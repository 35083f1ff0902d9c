/* A person's rights: what is remembered of a user, and forgetting: /v1/users/{user}... */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "handover/database.h"
#include "serving-layer/event_id.h"
#include "serving-layer/ingest.h"
#include "serving-layer/json_out.h"
#include "serving-layer/loop.h"
#include "serving-layer/person.h"
#include "serving-layer/producer.h"
#include "serving-layer/routes.h"

/* ---- GET /v1/users/{user} ---- */

static void on_person(struct person *person)
{
    struct call *call = person->call;
    json_put(&call->out, "{");
    if (person_put(&call->out, person))
        call_problem(call, 500, "what is stored of this user is damaged", NULL, -1);
    else
        call_reply_kept(call, &person->as_of);
    person_free(person);
}

void handle_person(struct call *call)
{
    if (!person_is_no_name(call, "user"))
        person_ask(call, NULL, on_person, NULL, NULL);
}

/* ---- DELETE /v1/users/{user} ---- */

struct forget {
    struct producer_place place;
    char event_id[INGEST_ID_BYTES + 1];
};

static void forgets_put(struct call *call, const struct forget *forget)
{
    json_put(&call->out, "{\"event_id\":");
    json_put_text(&call->out, text_of(forget->event_id));
    json_put(&call->out, ",\"partition\":");
    json_put_int(&call->out, forget->place.partition);
    json_put(&call->out, ",\"offset\":");
    json_put_int(&call->out, forget->place.offset);
    json_put(&call->out, "}\n");
}

/* After a retry inside librdkafka Kafka may say that it has the record, not where. Forgetting twice does no harm. */
static void on_forgotten(size_t failed, void *context)
{
    struct call *call = context;
    const struct forget *forget = call->more;
    call->loop->posts--;
    if (failed) {
        call->loop->figures.not_acknowledged++;
        call_unavailable(call, "Kafka has not acknowledged: ask again");
    } else if (forget->place.offset < 0) {
        call->loop->figures.accepted++;
        call_unavailable(call, "Kafka has acknowledged, but not said where it lies: ask again");
    } else {
        call->loop->figures.accepted++;
        forgets_put(call, forget);
        call_reply(call, 202, "application/json");
    }
}

/* The event as a client would post it, through the same check. */
static int forget_parse(struct call *call, struct ingest_refusal *refusal)
{
    struct loop *loop = call->loop;
    struct bytes json = {0};
    json_put(&json, "{\"type\":\"forget\",\"user\":");
    json_put_text(&json, call->arg[0]);
    json_put(&json, "}");
    int refused = ingest_body_parse(&loop->body, loop->decoder, bytes_text(&json), false,
                                    clock_unix_ms(), event_id_make, refusal);
    bytes_free(&json);
    return refused;
}

void handle_forget(struct call *call)
{
    struct loop *loop = call->loop;
    struct ingest_refusal refusal;
    if (forget_parse(call, &refusal)) {
        struct request_error error = {"user", ""};
        snprintf(error.detail, sizeof error.detail, "%s", refusal.reason);
        call_wrong_request(call, &error);
    } else if (ingest_may_post(call, 1)) {
        struct forget *forget = xcalloc(1, sizeof *forget);
        struct text id = ingest_text(&loop->body, loop->body.record[0].event_id);
        memcpy(forget->event_id, id.at, id.n < INGEST_ID_BYTES ? id.n : INGEST_ID_BYTES);
        call->more = forget;
        loop->posts++;
        producer_post_at(loop->producer, &loop->body, &forget->place, on_forgotten, call);
    }
}

/* ---- GET /v1/users/{user}/forgotten ---- */

const struct parameter_row forgotten_parameters[] = {
    {"partition", PARAMETER_INT, NULL, 0, PARTITIONS_MAX - 1, .needed = true,
     .sentence = "As the answer to DELETE said."},
    {"offset", PARAMETER_INT, NULL, 0, INT64_C(999999999999999999), .needed = true,
     .sentence = "As the answer to DELETE said."},
    {0}};

struct forgotten {
    struct call *call;
    struct kept_as_of as_of;
    int partition;
    int64_t offset;
    bool published; /* the run that counts the forget: its transaction has replaced the user's id */
};

/* "batch" is here whether the batch view has done it, so its number is not told. */
static void forgotten_answer(struct forgotten *forgotten)
{
    struct call *call = forgotten->call;
    const struct kept_as_of *as_of = &forgotten->as_of;
    const struct {
        const char *name;
        bool done;
    } part[] = {{"{\"speed\":", as_of->as_of[forgotten->partition] > forgotten->offset},
                {",\"batch\":", as_of->boundary[forgotten->partition] > forgotten->offset},
                {",\"master_dataset\":", forgotten->published}};
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        json_put(&call->out, part[i].name);
        json_put(&call->out, part[i].done ? "true" : "false");
    }
    json_put(&call->out, ",\"boundary\":");
    json_put_ints(&call->out, as_of->boundary, as_of->partitions);
    json_put(&call->out, ",\"as_of\":");
    json_put_ints(&call->out, as_of->as_of, as_of->partitions);
    json_put(&call->out, "}\n");
    call_reply(call, 200, "application/json");
    free(forgotten);
}

static int published_read(PGconn *db, void *context, struct err *err)
{
    struct forgotten *forgotten = context;
    int64_t boundary[PARTITIONS_MAX];
    PGresult *row = database_query(db, err, "SELECT boundary FROM publication", 0, NULL);
    if (!row)
        return -1;
    int n =
        PQntuples(row) == 1 ? vector_parse(PQgetvalue(row, 0, 0), boundary, PARTITIONS_MAX) : -1;
    PQclear(row);
    if (n <= forgotten->partition)
        return err_set(err, ERR_DATA, "publication has no boundary of partition %d",
                       forgotten->partition);
    forgotten->published = boundary[forgotten->partition] > forgotten->offset;
    return 0;
}

static void on_published(const struct err *err, void *context)
{
    struct forgotten *forgotten = context;
    if (!err) {
        forgotten_answer(forgotten);
        return;
    }
    log_warn("person", "%s", err->message);
    call_unavailable(forgotten->call, "Postgres is away or busy, and what is asked for lies there");
    free(forgotten);
}

static void on_forgotten_as_of(const struct snapshot *snapshot, void *context)
{
    struct forgotten *forgotten = context;
    struct call *call = forgotten->call;
    if (call_has_no_snapshot(call, snapshot)) {
        free(forgotten);
        return;
    }
    call_keep_as_of(&forgotten->as_of, snapshot);
    if (forgotten->partition >= forgotten->as_of.partitions) {
        call_problem(call, 404, "this deployment has no such partition", "partition", -1);
        free(forgotten);
        return;
    }
    forgotten->published = forgotten->as_of.boundary[forgotten->partition] > forgotten->offset;
    if (forgotten->published)
        forgotten_answer(forgotten);
    else if (person_job(call, published_read, on_published, forgotten))
        free(forgotten);
}

void handle_forgotten(struct call *call)
{
    if (person_is_no_name(call, "user"))
        return;
    struct forgotten *forgotten = xcalloc(1, sizeof *forgotten);
    forgotten->call = call;
    forgotten->partition = (int)request_int(&call->request, "partition");
    forgotten->offset = request_int(&call->request, "offset");
    reader_ask(call->loop->reader, NULL, 0, (struct text){"", 0}, on_forgotten_as_of, forgotten);
}
