/*
 * csv: records of RFC 4180 text, strictly: quoted fields with "" for a quote, commas and line ends inside quotes, lines
 * that end with LF or CR LF. A malformed record is reported with its line and skipped up to the end of the line, so that
 * every row can be accounted for: that is why this is not libcsv, which stops at the first one and knows no lines.
 */
#ifndef TANDEM_VIEWS_CSV_H
#define TANDEM_VIEWS_CSV_H

#include <stdint.h>

#include "views/text.h"

enum { CSV_FIELDS = 32, CSV_RECORD_BYTES = 65536, CSV_END = -1, CSV_FAILED = -2 };

struct csv_record {
    int64_t line;                  /* at which it begins, from 1 */
    const char *fault;             /* what is malformed (a constant), NULL: nothing */
    unsigned n;                    /* fields */
    struct text field[CSV_FIELDS]; /* until the next csv_next */
};

struct csv;

/* The next byte, CSV_END, or CSV_FAILED: the input broke off. */
typedef int (*csv_byte)(void *from);

struct csv *csv_new(csv_byte next, void *from); /* borrows `from` */
void csv_free(struct csv *csv);

/* 1, or 0 at the end (or when the input failed). */
int csv_next(struct csv *csv, struct csv_record *record);

#endif
