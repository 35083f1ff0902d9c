/* popular_rows: which rows say what is popular: hours of `popular`, or of a country's `popular_country`. Pure. */
#ifndef TANDEM_SERVING_POPULAR_ROWS_H
#define TANDEM_SERVING_POPULAR_ROWS_H

#include "serving-layer/reader.h"

enum { HOUR_MS = 3600000, POPULAR_NAME_BYTES = 24 + EVENT_LABEL_BYTES };

struct popular_names { /* the groups' texts of some rows */
    char name[POPULAR_NAME_BYTES];
};

/*
 * `hours` rows: the hour `last` (ms since 1970 div 3600000), then the ones before, newest first. Country: n = 0: of all. The
 * rows point into `names`, which has room for as many. Returns `hours`, less where time begins.
 */
size_t popular_rows(struct text country, int64_t last, int64_t hours, struct row_ref *rows,
                    struct popular_names *names);

#endif
