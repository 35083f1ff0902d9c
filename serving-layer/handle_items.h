/* handle_items: what the handlers of the catalogue share. */
#ifndef TANDEM_SERVING_HANDLE_ITEMS_H
#define TANDEM_SERVING_HANDLE_ITEMS_H

#include "common/err.h"
#include "serving-layer/call.h"
#include "serving-layer/item_draft.h"

/* true, and replies 503: the catalogue has never been loaded. */
bool items_are_away(struct call *call);
/* true, and replies 400: what stands in the path is no item's id. */
bool item_is_wrong(struct call *call);

void etag_put(struct call *call, int64_t version);
/* Does a list of entity tags (RFC 9110; NULL: none) have this version, or *? Weak ones count only where `weakly`. */
bool etag_matches(const char *list, int64_t version, bool weakly);

/* 400 or 422. */
void item_fault_reply(struct call *call, const struct item_fault *fault);
/* 503, or 500 and a line in the log. */
void item_job_failed(struct call *call, const struct err *err);

#endif
