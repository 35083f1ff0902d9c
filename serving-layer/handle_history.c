/* Events of the master dataset: /v1/users/{user}/events, /v1/users/{user}/export, /v1/items/{item}/events. */
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "serving-layer/history.h"
#include "serving-layer/json_out.h"
#include "serving-layer/loop.h"
#include "serving-layer/partition_of.h"
#include "serving-layer/person.h"
#include "serving-layer/routes.h"

enum { EXPORT_EVENTS = 10000, EXPORT_US = 3000000 };

const struct parameter_row events_parameters[] = {
    {"type", PARAMETER_CHOICE, NULL, .choices = "view|cart|purchase|refund|impression|click|forget",
     .sentence = "Only events of this type."},
    {"n", PARAMETER_INT, "50", 1, HISTORY_EVENTS_MAX, .sentence = "At most so many events."},
    {0}};

const struct parameter_row history_parameters[] = {
    {"cursor", PARAMETER_TEXT, NULL, 1, HISTORY_CURSOR_BYTES,
     .sentence = "Where to go on: `next` of the answer before."},
    {0}};

struct history {
    struct call *call; /* NULL: a person has it */
    char *name;
    struct history_ask ask;
    struct history_page page;
};

/* true, and replied with 400: the cursor is none. */
static bool cursor_is_wrong(struct call *call, struct history_ask *ask, int user_partition)
{
    struct request_error error = {"cursor", "is not `next` of an answer"};
    struct text cursor = request_text(&call->request, "cursor");
    int p = user_partition < 0 ? 0 : user_partition;
    ask->from_end = !request_given(&call->request, "cursor");
    if (ask->from_end ||
        !history_cursor_parse(cursor, &ask->before[p], user_partition < 0 ? ask->partitions : 1))
        return false;
    call_wrong_request(call, &error);
    return true;
}

static void history_put(struct bytes *out, const struct history *history)
{
    const struct history_ask *ask = &history->ask;
    const struct history_page *page = &history->page;
    int p = ask->user_partition < 0 ? 0 : ask->user_partition;
    json_put(out, "\"events\":[");
    bytes_put_text(out, bytes_text(&page->events));
    json_put(out, "],\"next\":");
    if (page->more) {
        json_put(out, "\"");
        history_cursor_put(out, &page->before[p], ask->user_partition < 0 ? ask->partitions : 1);
        json_put(out, "\"");
    } else {
        json_put(out, "null");
    }
    json_put(out, ",\"archived\":");
    json_put_ints(out, page->archived, ask->partitions);
}

/* ---- a page of events ---- */

static void history_free(void *context)
{
    struct history *history = context;
    bytes_free(&history->page.events);
    free(history->name);
    free(history);
}

static int history_work(PGconn *db, void *context, struct err *err)
{
    struct history *history = context;
    return history_read(db, &history->ask, &history->page, err);
}

static void on_history(const struct err *err, void *context)
{
    struct history *history = context;
    struct call *call = history->call;
    if (err) {
        log_warn("history", "%s", err->message);
        call_unavailable(call, "Postgres is away or busy, and what is asked for lies there");
    } else {
        json_put(&call->out, history->ask.user_partition < 0 ? "{\"item\":" : "{\"user\":");
        json_put_text(&call->out, call->arg[0]);
        json_put(&call->out, ",");
        history_put(&call->out, history);
        json_put(&call->out, "}\n");
        call_reply(call, 200, "application/json");
    }
    history_free(history);
}

static void events_ask(struct call *call, bool of_user)
{
    if (person_is_no_name(call, of_user ? "user" : "item"))
        return;
    struct history *history = xcalloc(1, sizeof *history);
    struct history_ask *ask = &history->ask;
    history->call = call;
    ask->name = history->name = xasprintf("%.*s", (int)call->arg[0].n, call->arg[0].at);
    ask->partitions = (int)call->loop->settings->deployment.partitions;
    ask->user_partition = of_user ? partition_of(call->arg[0], ask->partitions) : -1;
    ask->n = (int)request_int(&call->request, "n");
    ask->type = request_given(&call->request, "type")
                    ? EVENT_VIEW + (int)request_int(&call->request, "type")
                    : 0;
    if (cursor_is_wrong(call, ask, ask->user_partition) ||
        person_job(call, history_work, on_history, history))
        history_free(history);
}

void handle_user_events(struct call *call)
{
    events_ask(call, true);
}

void handle_item_events(struct call *call)
{
    events_ask(call, false);
}

/* ---- everything of a user ---- */

/* Pages until there are no more, or enough for one answer. */
static int export_work(PGconn *db, struct person *person, struct err *err)
{
    struct history *history = person->more;
    struct history_ask *ask = &history->ask;
    int64_t until_us = clock_monotonic_us() + EXPORT_US;
    size_t n = 0;
    bytes_clear(&history->page.events);
    ask->name = person->user;
    do {
        size_t before = history->page.events.n;
        if (before)
            json_put(&history->page.events, ",\n");
        if (history_read(db, ask, &history->page, err))
            return -1;
        if (before && history->page.n == 0)
            history->page.events.n = before; /* the comma was for nothing */
        n += history->page.n;
        ask->from_end = false;
        ask->before[ask->user_partition] = history->page.before[ask->user_partition];
    } while (history->page.more && n + HISTORY_EVENTS_MAX <= EXPORT_EVENTS &&
             clock_monotonic_us() < until_us);
    return 0;
}

static void on_export(struct person *person)
{
    struct call *call = person->call;
    struct history *history = person->more;
    json_put(&call->out, "{");
    if (person_put(&call->out, person)) {
        call_problem(call, 500, "what is stored of this user is damaged", NULL, -1);
    } else {
        json_put(&call->out, ",");
        history_put(&call->out, history);
        call_reply_kept(call, &person->as_of);
    }
    person_free(person);
}

void handle_export(struct call *call)
{
    if (person_is_no_name(call, "user"))
        return;
    struct history *history = xcalloc(1, sizeof *history);
    struct history_ask *ask = &history->ask;
    ask->partitions = (int)call->loop->settings->deployment.partitions;
    ask->user_partition = partition_of(call->arg[0], ask->partitions);
    ask->n = HISTORY_EVENTS_MAX;
    if (cursor_is_wrong(call, ask, ask->user_partition))
        history_free(history);
    else
        person_ask(call, export_work, on_export, history, history_free);
}
