#include "tests/fuzz/compare_decoders.h"

#include <stdlib.h>

#include "common/mem.h"
#include "tests/fuzz/slow_decoder.h"

static const char *compare_events(const struct event *a, const struct event *b)
{
    if (a->type != b->type)
        return "type";
    if (!text_equal(a->event_id, b->event_id))
        return "event_id";
    if (!text_equal(a->user, b->user))
        return "user";
    if (!text_equal(a->item, b->item))
        return "item";
    if (a->ts != b->ts || a->quantity != b->quantity || a->price != b->price)
        return "ts, quantity or price";
    if (!text_equal(a->currency, b->currency))
        return "currency";
    if (!text_equal(a->country, b->country) || !text_equal(a->device, b->device))
        return "country or device";
    return text_equal(a->order, b->order) && text_equal(a->list, b->list) ? NULL : "order or list";
}

static const char *compare_verdicts(int failed, const struct event *event,
                                    const struct event_error *why, const struct slow_decoded *slow)
{
    if (failed != (slow->wrong ? -1 : 0))
        return failed ? "the fast decoder refuses an event" : "the fast decoder takes what is none";
    if (!failed)
        return compare_events(event, &slow->event);
    if (strcmp(why->field, slow->wrong) != 0)
        return "the field that is told";
    bool not_an_object = strcmp(why->reason, EVENT_NOT_AN_OBJECT) == 0;
    return not_an_object == (slow->is_json && !slow->is_object) ? NULL : "whether it is JSON";
}

static const char *compare_whole(struct event_decoder *decoder, struct text json,
                                 enum event_needs needs, bool *is_event)
{
    struct event event;
    struct event_error why;
    struct slow_decoded slow;
    slow_decode(json, needs, &slow);
    int failed = event_decode(decoder, json, needs, &event, &why);
    const char *differs = compare_verdicts(failed, &event, &why, &slow);
    if (is_event)
        *is_event = !failed;
    slow_decoded_free(&slow);
    return differs;
}

static const char *compare_prefix(struct event_decoder *decoder, struct text json,
                                  enum event_needs needs)
{
    struct event event;
    struct event_error why;
    struct slow_decoded slow;
    size_t used;
    slow_decode_prefix(json, needs, &slow);
    int failed = event_decode_prefix(decoder, json, needs, &event, &why, &used);
    const char *differs = compare_verdicts(failed, &event, &why, &slow);
    if (!differs && (slow.is_json ? used != slow.used : used > json.n))
        differs = "how many bytes are used";
    slow_decoded_free(&slow);
    return differs;
}

const char *compare_decoders(struct event_decoder *decoder, struct text json, bool *is_event)
{
    char *exact = xmalloc(json.n ? json.n : 1); /* a sanitizer sees what is read behind its end */
    if (json.n)
        memcpy(exact, json.at, json.n);
    struct text text = {exact, json.n};
    const char *differs = compare_whole(decoder, text, EVENT_NEEDS_ALL, is_event);
    if (!differs)
        differs = compare_whole(decoder, text, EVENT_MAY_LACK_ID_AND_TS, NULL);
    if (!differs)
        differs = compare_prefix(decoder, text, EVENT_NEEDS_ALL);
    if (!differs)
        differs = compare_prefix(decoder, text, EVENT_MAY_LACK_ID_AND_TS);
    free(exact);
    return differs;
}
