/*
 * item_import: many items at once, from NDJSON or CSV: each line is checked, each bad one reported with its number. Pure. Not for:
 * writing them.
 */
#ifndef TANDEM_SERVING_ITEM_IMPORT_H
#define TANDEM_SERVING_ITEM_IMPORT_H

#include "serving-layer/item_draft.h"

enum { IMPORT_LINES_MAX = 10000, IMPORT_ERRORS_SHOWN = 100 };

struct item_import { /* zero-initialise; item_import_free */
    struct item *item;
    size_t n, item_cap; /* good ones; no id twice */
    struct item_draft *draft;
    size_t n_drafts, draft_cap; /* where their texts lie */
    struct names *ids;          /* of all that had one */
    int64_t *line_of;           /* by symbol of the id */
    size_t line_of_cap;
    size_t lines;   /* that held something */
    size_t refused; /* of them */
    bool no_head;   /* the first line of the CSV is none: nothing else was looked at */
    struct bytes
        errors; /* {"line":3,"field":"price","detail":"..."},... of the first IMPORT_ERRORS_SHOWN */
};

/* -1: more than IMPORT_LINES_MAX. */
int item_import_ndjson(struct item_import *import, struct text body);
int item_import_csv(struct item_import *import, struct text body);
void item_import_free(struct item_import *import);

#endif
