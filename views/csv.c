#include "views/csv.h"

#include <stdlib.h>

#include "views/bytes.h"

enum end { END_FIELD, END_RECORD, END_FAULT };

struct csv {
    csv_byte next;
    void *from;
    bool failed;
    int64_t line;
    struct bytes text;            /* the fields of one record, one after another */
    size_t begin[CSV_FIELDS + 1]; /* where each begins in `text` */
    const char *fault;
};

struct csv *csv_new(csv_byte next, void *from)
{
    size_t cap = 0;
    struct csv *csv = grown(NULL, &cap, 1, sizeof *csv);
    *csv = (struct csv){.next = next, .from = from, .line = 1};
    bytes_room(&csv->text, 1); /* an empty field has a place, too */
    return csv;
}

void csv_free(struct csv *csv)
{
    if (!csv)
        return;
    bytes_free(&csv->text);
    free(csv);
}

static int next_byte(struct csv *csv)
{
    int c = csv->next(csv->from);
    csv->line += c == '\n';
    csv->failed |= c == CSV_FAILED;
    return c;
}

static enum end fail(struct csv *csv, const char *fault)
{
    csv->fault = fault;
    return END_FAULT;
}

/* false: the record is too long. */
static bool put(struct csv *csv, int c)
{
    char byte = (char)c;
    if (csv->text.n >= CSV_RECORD_BYTES)
        return false;
    bytes_put(&csv->text, &byte, 1);
    return true;
}

/* What stands behind a field decides: a comma, the end of the line, the end of the input. */
static enum end field_end(struct csv *csv, int c, const char *otherwise)
{
    if (c == ',')
        return END_FIELD;
    if (c == '\r' && (c = next_byte(csv)) != '\n' && c >= 0)
        return fail(csv, "a carriage return without a line feed");
    if (c == '\n' || c < 0)
        return END_RECORD;
    return fail(csv, otherwise);
}

static enum end read_quoted(struct csv *csv)
{
    for (;;) {
        int c = next_byte(csv);
        if (c < 0)
            return fail(csv, "a quoted field does not end");
        if (c == '"' && (c = next_byte(csv)) != '"')
            return field_end(csv, c, "text follows a closing quote");
        if (!put(csv, c))
            return fail(csv, "the record is longer than 65536 bytes");
    }
}

static enum end read_field(struct csv *csv, int c)
{
    if (c == '"')
        return read_quoted(csv);
    for (;; c = next_byte(csv)) {
        if (c == ',' || c == '\r' || c == '\n' || c < 0)
            return field_end(csv, c, "");
        if (c == '"')
            return fail(csv, "a quote inside a field without quotes");
        if (!put(csv, c))
            return fail(csv, "the record is longer than 65536 bytes");
    }
}

/* After a fault the next record begins at the next line, wherever the fault was. */
static void skip_line(struct csv *csv, int64_t line_of_fault)
{
    while (csv->line == line_of_fault && next_byte(csv) >= 0)
        ;
}

int csv_next(struct csv *csv, struct csv_record *record)
{
    *record = (struct csv_record){.line = csv->line};
    int c = next_byte(csv);
    if (c < 0)
        return 0;
    bytes_clear(&csv->text);
    csv->fault = NULL;
    enum end end;
    do {
        csv->begin[record->n++] = csv->text.n;
        end = read_field(csv, c);
        if (end == END_FIELD && record->n == CSV_FIELDS)
            end = fail(csv, "the record has more than 32 fields");
        if (end == END_FIELD)
            c = next_byte(csv);
    } while (end == END_FIELD);
    if (end == END_FAULT)
        skip_line(csv, csv->line);
    if (csv->failed) /* a record that is cut off by it is none */
        return 0;
    csv->begin[record->n] = csv->text.n;
    for (unsigned i = 0; i < record->n; i++)
        record->field[i] =
            (struct text){csv->text.at + csv->begin[i], csv->begin[i + 1] - csv->begin[i]};
    record->fault = csv->fault;
    return 1;
}
