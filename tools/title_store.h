/*
 * title_store: puts items into the table `item` of Postgres, the catalogue. The one file of tandem-feed that speaks to
 * Postgres.
 */
#ifndef TANDEM_TOOLS_TITLE_STORE_H
#define TANDEM_TOOLS_TITLE_STORE_H

#include "tools/shop.h"
#include "tools/title_votes.h"

/*
 * Inserts what is new, with what `describe` says of it (NULL: a title only); of what is there the title is replaced where it is
 * called otherwise, and nothing else. All or nothing.
 */
int title_store(const char *postgres, struct title_votes *titles,
                struct shop_description (*describe)(struct text item), struct err *err);

#endif
