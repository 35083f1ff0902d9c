#include "serving-layer/impressions.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "serving-layer/event_id.h"
#include "serving-layer/json_out.h"
#include "serving-layer/loop.h"
#include "serving-layer/producer.h"
#include "serving-layer/watcher.h"

struct recorded {
    struct loop *loop;
    size_t n;
};

static void on_recorded(size_t failed, void *context)
{
    struct recorded *recorded = context;
    recorded->loop->figures.impressions += recorded->n - failed;
    recorded->loop->figures.impressions_lost += failed;
    free(recorded);
}

static void field_put(struct bytes *out, const char *name, struct text value)
{
    if (!value.n)
        return;
    json_put(out, name);
    json_put_text(out, value);
}

/* An event a line. */
static void lines_put(struct bytes *lines, const struct impressions *impressions)
{
    for (size_t i = 0; i < impressions->n; i++) {
        json_put(lines, "{\"type\":\"impression\"");
        field_put(lines, ",\"user\":", impressions->user);
        field_put(lines, ",\"item\":", impressions->shown[i].item);
        field_put(lines, ",\"list\":", impressions->list);
        field_put(lines, ",\"country\":", impressions->country);
        json_put(lines, "}\n");
    }
}

static bool can_send(struct loop *loop, size_t n)
{
    return watcher_log_is_ours(loop->watcher) &&
           producer_has_room(loop->producer, n + (size_t)loop->settings->outstanding / 2);
}

size_t impressions_record(struct loop *loop, const struct impressions *impressions)
{
    struct bytes lines = {0};
    struct ingest_refusal refusal;
    size_t n = impressions->n;
    if (n == 0)
        return 0;
    lines_put(&lines, impressions);
    int failed = ingest_body_parse(&loop->body, loop->decoder, bytes_text(&lines), true,
                                   clock_unix_ms(), event_id_make, &refusal);
    bytes_free(&lines);
    if (failed) /* the handler has checked the texts, so an item of the catalogue is none of an event */
        log_warn("impressions", "not recorded: %s %s", refusal.field, refusal.reason);
    if (failed || !can_send(loop, n)) {
        loop->figures.impressions_lost += n;
        return 0;
    }
    struct recorded *recorded = xmalloc(sizeof *recorded);
    *recorded = (struct recorded){loop, n};
    producer_post(loop->producer, &loop->body, on_recorded, recorded);
    return n;
}
