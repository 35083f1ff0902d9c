/*
 * session_body: the body of POST /v1/sessions/recommendations: {"items":["a","b"],"user":"u","country":"GB"}; the last two may
 * be left out. Checked strictly. No HTTP.
 */
#ifndef TANDEM_SERVING_SESSION_BODY_H
#define TANDEM_SERVING_SESSION_BODY_H

#include "views/bytes.h"
#include "views/user_state.h"

struct session_body { /* zero-initialise; session_body_free */
    struct bytes memory;
    struct text item[STATE_WINDOW]; /* oldest first, as they came */
    size_t n_items;
    struct text user, country; /* n = 0: absent */
};

struct session_refusal {
    int status; /* 400: not JSON; 422 */
    char field[65];
    const char *detail;
    long index; /* of an item, or -1 */
};

int session_body_parse(struct session_body *into, struct text body,
                       struct session_refusal *refusal);
void session_body_free(struct session_body *body);

#endif
