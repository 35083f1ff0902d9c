/* title_store: puts items' titles into the table `item` of Postgres. The one file of tandem-feed that speaks to Postgres. */
#ifndef TANDEM_TOOLS_TITLE_STORE_H
#define TANDEM_TOOLS_TITLE_STORE_H

#include "tools/title_votes.h"

/* Inserts what is new, replaces what is called otherwise; all or nothing. */
int title_store(const char *postgres, struct title_votes *titles, struct err *err);

#endif
