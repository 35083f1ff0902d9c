/* What a shop asks for: similar items, recommendations for a user and for a session. How they are made: related.h. */
#include <stdlib.h>

#include "common/mem.h"
#include "serving-layer/loop.h"
#include "serving-layer/plain_text.h"
#include "serving-layer/related.h"
#include "serving-layer/routes.h"
#include "serving-layer/session_body.h"

void handle_similar(struct call *call)
{
    struct related_call *related = related_new(call, RELATED_SIMILAR);
    if (!related)
        return;
    related->country = request_text(&call->request, "country");
    seen_take(&related->from, &call->arg[0], 1);
    related_ask(call);
}

/* What is recorded is an event, and must be one. NULL: it can be; else what cannot, `why` says it. */
static const char *unfit(const struct related_call *related, const char **why)
{
    if (!related->list.n)
        return NULL;
    *why = "record needs a user, who has 1 to 64 bytes without control characters";
    if (!plain_text_is(related->user, EVENT_ID_BYTES))
        return "record";
    *why = "record holds control characters";
    if (!plain_text_is(related->list, EVENT_ID_BYTES))
        return "record";
    *why = "country holds control characters";
    return related->country.n && !plain_text_is(related->country, EVENT_LABEL_BYTES) ? "country"
                                                                                     : NULL;
}

static void ask_or_refuse(struct call *call, const struct related_call *related)
{
    const char *why = "exclude_bought needs a user";
    const char *field =
        related->without_bought && !related->user.n ? "exclude_bought" : unfit(related, &why);
    if (!field) {
        related_ask(call);
        return;
    }
    related_end(call);
    call_problem(call, 400, why, field, -1);
}

void handle_recommendations(struct call *call)
{
    if (call->arg[0].n == 0 || call->arg[0].n > EVENT_ID_BYTES) {
        call_problem(call, 400, "a user has 1 to 64 bytes", "user", -1);
        return;
    }
    struct related_call *related = related_new(call, RELATED_USER);
    if (!related)
        return;
    related->user = call->arg[0];
    related->country = request_text(&call->request, "country");
    seen_guess(&related->from, call->loop->store, call->arg[0]);
    ask_or_refuse(call, related);
}

static struct text kept(struct bytes *texts, struct text text)
{
    size_t at = texts->n;
    bytes_put_text(texts, text);
    return (struct text){texts->at + at, text.n};
}

void handle_session(struct call *call)
{
    struct session_body body = {0};
    struct session_refusal refusal;
    if (session_body_parse(&body, call->body, &refusal)) {
        call_problem(call, refusal.status, refusal.detail, refusal.field[0] ? refusal.field : NULL,
                     refusal.index);
        session_body_free(&body);
        return;
    }
    struct related_call *related = related_new(call, RELATED_SESSION);
    if (related) {
        bytes_room(&related->texts, body.user.n + body.country.n + 1); /* they do not move then */
        related->user = kept(&related->texts, body.user);
        related->country = kept(&related->texts, body.country);
        seen_take(&related->from, body.item, body.n_items);
    }
    session_body_free(&body);
    if (related)
        ask_or_refuse(call, related);
}
