/*
 * related: answers that are made from pairs of items: similar items, recommendations for a user, for a session; and where
 * those are too few, the chain of what else may be shown: session, popular in the country, popular, latest. From the query to
 * the answer; handle_related.c knows the routes.
 *
 * What the chain needs is asked for only when it is needed, and then together with all the rest, so that an answer is of one
 * moment whichever links it came from.
 */
#ifndef TANDEM_SERVING_RELATED_H
#define TANDEM_SERVING_RELATED_H

#include "serving-layer/call.h"
#include "serving-layer/item_filter.h"
#include "serving-layer/ranking.h"
#include "serving-layer/seen.h"

extern const struct parameter_row page_parameters[]; /* n, offset */
extern const struct parameter_row related_parameters[];
extern const struct parameter_row user_parameters[];
extern const struct parameter_row country_parameter[];

enum related_kind { RELATED_SIMILAR, RELATED_USER, RELATED_SESSION };

struct related_call { // NOLINT(clang-analyzer-optin.performance.Padding): in reading order
    enum related_kind kind;
    struct bytes texts;              /* the body's, where they come from there */
    struct text user, country, list; /* n = 0: none */
    enum similar_by by;
    enum score_kind score;
    size_t offset, n;
    bool explain, fallback, without_seen, without_bought;
    struct item_filter filter;
    struct seen from;  /* the items that it is made from */
    bool chain;        /* the rows of the chain were asked for, too */
    int64_t last_hour; /* of the chain's popular */
    int asked;
};

/*
 * Reads what the kinds have in common from the query into call->more, which it makes. NULL: it has replied. Then fill in
 * user, country and `from`, and related_ask() replies.
 */
struct related_call *related_new(struct call *call, enum related_kind kind);
void related_ask(struct call *call);
/* For who replies otherwise: frees what call->more holds. */
void related_end(struct call *call);

#endif
