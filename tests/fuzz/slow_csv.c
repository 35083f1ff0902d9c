#include "tests/fuzz/slow_csv.h"

static bool is(const struct slow_csv *csv, char c)
{
    return csv->at < csv->text.n && csv->text.at[csv->at] == c;
}

static bool ends(const struct slow_csv *csv)
{
    return csv->at == csv->text.n || is(csv, ',') || is(csv, '\r') || is(csv, '\n');
}

static void take(struct slow_csv *csv)
{
    bytes_put(&csv->field[csv->n - 1], csv->text.at + csv->at++, 1);
}

/* Up to what stands behind the field; false: malformed. */
static bool field_take(struct slow_csv *csv)
{
    bool quoted = is(csv, '"');
    csv->at += quoted;
    while (quoted) {
        if (csv->at == csv->text.n)
            return false;
        if (!is(csv, '"')) {
            take(csv);
            continue;
        }
        csv->at++;
        if (!is(csv, '"'))
            return ends(csv);
        take(csv);
    }
    while (!ends(csv)) {
        if (is(csv, '"'))
            return false;
        take(csv);
    }
    return true;
}

/* Behind the last field; false: a carriage return alone. */
static bool line_end_take(struct slow_csv *csv)
{
    csv->at += is(csv, '\r');
    if (csv->at < csv->text.n && !is(csv, '\n'))
        return false;
    csv->at += is(csv, '\n');
    return true;
}

static bool record_take(struct slow_csv *csv)
{
    for (;;) {
        if (csv->n == CSV_FIELDS)
            return false;
        bytes_clear(&csv->field[csv->n++]);
        if (!field_take(csv))
            return false;
        if (!is(csv, ','))
            return line_end_take(csv);
        csv->at++;
    }
}

bool slow_csv_next(struct slow_csv *csv)
{
    csv->line = 1;
    for (size_t i = 0; i < csv->at; i++)
        csv->line += csv->text.at[i] == '\n';
    csv->n = 0;
    if (csv->at == csv->text.n)
        return false;
    csv->fault = !record_take(csv);
    while (csv->fault && csv->at < csv->text.n && csv->text.at[csv->at++] != '\n')
        ;
    return true;
}

void slow_csv_free(struct slow_csv *csv)
{
    for (int i = 0; i < CSV_FIELDS; i++)
        bytes_free(&csv->field[i]);
}
