/* item_out: items as JSON and as lines of CSV, as item_draft.h reads them. Not for: answers around them. */
#ifndef TANDEM_SERVING_ITEM_OUT_H
#define TANDEM_SERVING_ITEM_OUT_H

#include "serving-layer/item.h"
#include "views/bytes.h"

/* An object; what is absent is left out. */
void item_out_json(struct bytes *into, const struct item *item);
/* The names of the columns; a line an item, what is absent empty. */
void item_out_csv_head(struct bytes *into);
void item_out_csv(struct bytes *into, const struct item *item);

/* The cursor of a list that goes on behind this item, and back: false, it is none. `item` is put into `memory`. */
void item_cursor_put(struct bytes *into, const struct item *item);
bool item_cursor_read(struct text cursor, int64_t *created_ms, char memory[ITEM_ID_BYTES],
                      struct text *item);

#endif
