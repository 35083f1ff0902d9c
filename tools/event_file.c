#include "tools/event_file.h"

#include <stdlib.h>

#include "common/mem.h"
#include "tools/event_json.h"
#include "tools/uci.h"

enum { LINE_BYTES = 1024 * 1024 }; /* what the API takes at most */

struct event_file {
    struct input *in;
    struct csv *csv; /* NULL: NDJSON */
    struct uci *uci;
    struct title_votes *titles;
    bool keep_bad;
    struct event_decoder *decoder;
    struct bytes text; /* the record's JSON */
    int64_t rows;
    struct refusals refusals;
};

static bool is_uci(struct input *in)
{
    struct text first = input_peek(in, sizeof UCI_HEADER + 4);
    if (first.n >= 3 && memcmp(first.at, "\xef\xbb\xbf", 3) == 0) {
        first.at += 3;
        first.n -= 3;
    }
    return first.n >= sizeof UCI_HEADER - 1 &&
           memcmp(first.at, UCI_HEADER, sizeof UCI_HEADER - 1) == 0;
}

struct event_file *event_file_new(struct input *in, struct title_votes *titles, bool keep_bad)
{
    struct event_file *f = xcalloc(1, sizeof *f);
    f->in = in;
    f->titles = titles;
    f->keep_bad = keep_bad;
    f->decoder = event_decoder_new();
    if (is_uci(in)) {
        struct csv_record header;
        f->csv = csv_new(input_csv_byte, in);
        f->uci = uci_new();
        csv_next(f->csv, &header);
    }
    return f;
}

void event_file_free(struct event_file *f)
{
    if (!f)
        return;
    event_decoder_free(f->decoder);
    csv_free(f->csv);
    uci_free(f->uci);
    bytes_free(&f->text);
    free(f);
}

/* true: the row became a record. What an event may hold is decided by the one decoder that all layers use. */
static bool take_row(struct event_file *f, const struct csv_record *row, struct record *record)
{
    struct event event;
    struct event_error why;
    struct text title;
    if (uci_event(f->uci, row, &event, &title, &why) == 0) {
        struct text item = event.item;
        bytes_clear(&f->text);
        event_json_write(&event, &f->text);
        struct event decoded;
        if (event_decode(f->decoder, bytes_text(&f->text), EVENT_NEEDS_ALL, &decoded, &why) == 0) {
            *record = (struct record){.key = event.user, .value = bytes_text(&f->text)};
            if (f->titles)
                title_votes_add(f->titles, item, title);
            return true;
        }
        if (!*why.field) /* the JSON around the row's texts is ours */
            why = (struct event_error){"row", "is not UTF-8"};
    }
    refusals_add(&f->refusals, why, row->line);
    return false;
}

static bool take_line(struct event_file *f, struct record *record)
{
    struct event event;
    struct event_error why = {"", "is longer than 1 MiB"};
    bool too_long = f->text.n > LINE_BYTES;
    *record = (struct record){.value = bytes_text(&f->text)};
    if (!too_long && event_decode(f->decoder, record->value, EVENT_NEEDS_ALL, &event, &why) == 0) {
        record->key = event.user;
        return true;
    }
    record->bad = true;
    if (f->keep_bad && !too_long)
        return true;
    refusals_add(&f->refusals, why, f->rows); /* here a row is a line */
    return false;
}

static int next_of_csv(void *self, struct record *record, struct err *err)
{
    struct event_file *f = self;
    struct csv_record row;
    while (csv_next(f->csv, &row)) {
        f->rows++;
        if (take_row(f, &row, record))
            return 1;
    }
    return input_failed(f->in, err);
}

static int next_of_ndjson(void *self, struct record *record, struct err *err)
{
    struct event_file *f = self;
    while (input_line(f->in, &f->text, LINE_BYTES)) {
        f->rows++;
        if (take_line(f, record))
            return 1;
    }
    return input_failed(f->in, err);
}

static double event_file_fraction(void *self)
{
    struct event_file *f = self;
    return input_fraction(f->in);
}

struct source event_file_source(struct event_file *f)
{
    return (struct source){f, f->csv ? next_of_csv : next_of_ndjson, event_file_fraction};
}

int64_t event_file_rows(const struct event_file *f)
{
    return f->rows;
}

const struct refusals *event_file_refusals(const struct event_file *f)
{
    return &f->refusals;
}
