/* slow_csv: views/csv.h once more: the whole text at hand, an index, one record at a time. For the fuzzer only. */
#ifndef TANDEM_TESTS_SLOW_CSV_H
#define TANDEM_TESTS_SLOW_CSV_H

#include <stdint.h>

#include "views/bytes.h"
#include "views/csv.h"

struct slow_csv {
    struct text text;
    size_t at;
    struct bytes field[CSV_FIELDS]; /* of the record: slow_csv_free */
    unsigned n;
    bool fault;
    int64_t line; /* at which it begins */
};

bool slow_csv_next(struct slow_csv *csv); /* false: no more */
void slow_csv_free(struct slow_csv *csv);

#endif
