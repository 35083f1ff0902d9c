/* POST /v1/events: all or nothing is accepted, and 202 means that Kafka has acknowledged. */
#include <event2/http.h>
#include <stdlib.h>
#include <strings.h>

#include "common/clock.h"
#include "common/mem.h"
#include "serving-layer/access_key.h"
#include "serving-layer/event_id.h"
#include "serving-layer/ingest.h"
#include "serving-layer/ingest_body.h"
#include "serving-layer/json_out.h"
#include "serving-layer/loop.h"
#include "serving-layer/producer.h"
#include "serving-layer/routes.h"
#include "serving-layer/watcher.h"

const struct parameter_row post_parameters[] = {
    {"key", PARAMETER_TEXT, NULL, 1, KEY_BYTES,
     .sentence = "A key with role write, for navigator.sendBeacon, which cannot set a header."},
    {0}};

/* The answer of success is written before anything is sent; it is thrown away when Kafka does not acknowledge. */
static void accepted_put(struct call *call)
{
    const struct ingest_body *body = &call->loop->body;
    json_put(&call->out, "{\"accepted\":");
    json_put_int(&call->out, (int64_t)body->n);
    json_put(&call->out, ",\"event_ids\":[");
    for (size_t i = 0; i < body->n; i++) {
        if (i)
            json_put(&call->out, ",");
        json_put_text(&call->out, ingest_text(body, body->record[i].event_id));
    }
    json_put(&call->out, "]}\n");
    size_t *n_events = xmalloc(sizeof *n_events);
    *n_events = body->n;
    call->more = n_events;
}

static void on_done(size_t failed, void *context)
{
    struct call *call = context;
    struct figures *figures = &call->loop->figures;
    const size_t *n_events = call->more;
    call->loop->posts--;
    if (failed) {
        figures->not_acknowledged += *n_events;
        call_unavailable(
            call,
            "Kafka has not acknowledged all events: send them again with the same event_ids; each counts once that is among its user's last 32");
        return;
    }
    figures->accepted += *n_events;
    call_reply(call, 202, "application/json");
}

static bool is_ndjson(const struct call *call)
{
    const char *type =
        evhttp_find_header(evhttp_request_get_input_headers(call->http), "Content-Type");
    return type && strncasecmp(type, "application/x-ndjson", strlen("application/x-ndjson")) == 0;
}

static void refused(struct call *call, const struct ingest_refusal *refusal)
{
    struct bytes detail = {0};
    call->loop->figures.refused++;
    if (refusal->field[0]) {
        bytes_put_text(&detail, text_of(refusal->field));
        bytes_put(&detail, " ", 1);
    } else {
        bytes_put_text(&detail, text_of(refusal->index < 0 ? "the body " : "the event "));
    }
    bytes_put(&detail, refusal->reason, strlen(refusal->reason) + 1);
    call_problem(call, refusal->status, detail.at, refusal->status == 422 ? refusal->field : NULL,
                 refusal->index);
    bytes_free(&detail);
}

bool ingest_may_post(struct call *call, size_t n_events)
{
    struct loop *loop = call->loop;
    if (!watcher_log_is_ours(loop->watcher))
        call_unavailable(
            call,
            "Kafka's topic has not been checked yet: it is away, or this server has just started");
    else if (!producer_has_room(loop->producer, n_events))
        call_unavailable(call,
                         "too many events wait for Kafka, none of these was sent: send them again");
    else
        return true;
    return false;
}

void handle_post_events(struct call *call)
{
    struct loop *loop = call->loop;
    struct ingest_refusal refusal;
    if (ingest_body_parse(&loop->body, loop->decoder, call->body, is_ndjson(call), clock_unix_ms(),
                          event_id_make, &refusal)) {
        refused(call, &refusal);
    } else if (ingest_may_post(call, loop->body.n)) {
        accepted_put(call);
        loop->posts++;
        producer_post(loop->producer, &loop->body, on_done, call);
    }
}
