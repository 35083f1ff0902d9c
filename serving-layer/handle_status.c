/* How it stands: /v1/status, /healthz, /readyz. */
#include <stdlib.h>

#include "common/mem.h"
#include "serving-layer/batch_store.h"
#include "serving-layer/item_store.h"
#include "serving-layer/json_out.h"
#include "serving-layer/keys.h"
#include "serving-layer/loop.h"
#include "serving-layer/routes.h"
#include "serving-layer/watcher.h"

static void field_int(struct bytes *out, const char *name, int64_t value, bool known)
{
    json_put(out, ",\"");
    json_put(out, name);
    json_put(out, "\":");
    if (known)
        json_put_int(out, value);
    else
        json_put(out, "null");
}

static void last_run_put(struct bytes *out, const struct last_run *run)
{
    json_put(out, ",\"last_run\":");
    if (run->n == 0) {
        json_put(out, "null");
        return;
    }
    json_put(out, "{\"kind\":");
    json_put_text(out, text_of(run->kind));
    json_put(out, ",\"state\":");
    json_put_text(out, text_of(run->state));
    field_int(out, "n", run->n, true);
    field_int(out, "started_at", run->started_ms, true);
    field_int(out, "finished_at", run->finished_ms, run->finished_ms >= 0);
    field_int(out, "events", run->events, true);
    field_int(out, "drift", run->drift, run->drift >= 0);
    json_put(out, "}");
}

/* The end of the log was asked for before the answer's as_of was read: a lag of 0 is one. */
static void on_status(const struct snapshot *snapshot, void *context)
{
    struct call *call = context;
    const struct look *look = call->more;
    struct bytes *out = &call->out;
    int64_t lag[PARTITIONS_MAX];
    if (call_has_no_snapshot(call, snapshot))
        return;
    int n = snapshot_partitions(snapshot);
    const int64_t *as_of = snapshot_as_of(snapshot);
    for (int p = 0; p < n; p++)
        lag[p] = look->log_end[p] > as_of[p] ? look->log_end[p] - as_of[p] : 0;
    json_put(out, look->kafka ? "{\"kafka\":true" : "{\"kafka\":false");
    json_put(out, look->postgres ? ",\"postgres\":true" : ",\"postgres\":false");
    json_put(out, ",\"log_end\":");
    if (look->kafka)
        json_put_ints(out, look->log_end, n);
    else
        json_put(out, "null");
    json_put(out, ",\"lag\":");
    if (look->kafka)
        json_put_ints(out, lag, n);
    else
        json_put(out, "null");
    json_put(out, ",\"archived\":");
    if (look->postgres)
        json_put_ints(out, look->archived, n);
    else
        json_put(out, "null");
    last_run_put(out, &look->last_run);
    call_reply_snapshot(call, snapshot);
}

static void on_look(const struct look *look, void *context)
{
    struct call *call = context;
    struct look *kept = xmalloc(sizeof *kept);
    *kept = *look;
    call->more = kept;
    call_ask(call, NULL, 0, (struct text){"", 0}, on_status);
}

void handle_status(struct call *call)
{
    watcher_ask(call->loop->watcher, call->loop->base, on_look, call);
}

void handle_healthz(struct call *call)
{
    json_put(&call->out, "{\"alive\":true}\n");
    call_reply(call, 200, "application/json");
}

static void on_ready(const struct snapshot *snapshot, void *context)
{
    struct call *call = context;
    if (call_has_no_snapshot(call, snapshot))
        return;
    json_put(&call->out, "{\"ready\":true");
    call_reply_snapshot(call, snapshot);
}

void handle_readyz(struct call *call)
{
    if (!watcher_log_is_ours(call->loop->watcher))
        call_unavailable(call, "not ready: Kafka's topic has not been checked yet");
    else if (!keys_are_read(call->loop->server->keys))
        call_unavailable(call, "not ready: the API keys have not been read yet");
    else if (!item_store_ready(call->loop->server->items))
        call_unavailable(call, "not ready: the catalogue has not been loaded yet");
    else
        call_ask(call, NULL, 0, (struct text){"", 0}, on_ready);
}
