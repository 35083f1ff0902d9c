/*
 * What tandem-feed replays: CSV against a slow reader, the dates and prices of UCI's rows, lines, and whole files: every row
 * is a record that all layers take or is counted as refused. The first byte's lowest bit: keep_bad.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <time.h>

#include "tests/fuzz/harness.h"
#include "tests/fuzz/slow_csv.h"
#include "tests/fuzz/slow_texts.h"
#include "tools/event_file.h"
#include "tools/event_json.h"
#include "tools/uci.h"

enum { LINE_MAX_BYTES = 8 };

/* ---- dates and prices ---- */

static void as_time(struct text text)
{
    int64_t ms = uci_time(text);
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char iso[32], american[32];
    if (ms < 0)
        return;
    fuzz_holds(ms % 1000 == 0 && gmtime_r(&seconds, &tm), "a date is a second of the calendar");
    strftime(iso, sizeof iso, "%Y-%m-%d %H:%M:%S", &tm);
    strftime(american, sizeof american, "%m/%d/%Y %H:%M:%S", &tm);
    fuzz_holds(uci_time(text_of(iso)) == ms && uci_time(text_of(american)) == ms,
               "a date as the C library writes it is the same moment");
}

static int64_t slow_pence(struct text text)
{
    struct text whole, rest = text;
    char places[5] = "0000";
    int64_t pounds, thousandths, all;
    bool more = true;
    slow_part(&rest, &more, '.', &whole);
    if (whole.n > 13 || !slow_number(whole, 0, INT64_MAX, &pounds) || whole.at[0] == '-')
        return -1;
    if (!more)
        return pounds * 100;
    for (size_t i = 0; i < rest.n; i++)
        if (!slow_number((struct text){rest.at + i, 1}, 0, 9, &all))
            return -1;
    memcpy(places, rest.at, rest.n < 3 ? rest.n : 3);
    slow_number((struct text){places, 3}, 0, 999, &thousandths);
    return rest.n ? (pounds * 1000 + thousandths + 5) / 10 : -1;
}

/* ---- CSV ---- */

static void as_csv(struct text text)
{
    struct input *in = input_of_text(text);
    struct csv *csv = csv_new(input_csv_byte, in);
    struct slow_csv slow = {.text = text};
    struct csv_record record;
    while (csv_next(csv, &record)) {
        fuzz_holds(slow_csv_next(&slow), "csv: as many records");
        fuzz_holds(record.line == slow.line, "csv: same line");
        fuzz_holds((record.fault != NULL) == slow.fault, "csv: same verdict");
        fuzz_holds(slow.fault || record.n == slow.n, "csv: as many fields");
        for (unsigned i = 0; !slow.fault && i < slow.n; i++) {
            fuzz_holds(text_equal(record.field[i], bytes_text(&slow.field[i])), "csv: same fields");
            as_time(record.field[i]);
            fuzz_holds(uci_pence(record.field[i]) == slow_pence(record.field[i]), "same price");
        }
    }
    fuzz_holds(!slow_csv_next(&slow), "csv: no record is left");
    slow_csv_free(&slow);
    csv_free(csv);
    input_close(in);
}

/* ---- lines ---- */

static void as_lines(struct text text)
{
    struct input *in = input_of_text(text);
    struct bytes line = {0};
    struct text expected;
    bool more = text.n > 0;
    while (input_line(in, &line, LINE_MAX_BYTES)) {
        fuzz_holds(slow_part(&text, &more, '\n', &expected), "lines: as many");
        more = more && text.n > 0; /* a line end ends a line, it begins none */
        expected.n -= expected.n > 0 && expected.at[expected.n - 1] == '\r';
        bool fits = expected.n <= LINE_MAX_BYTES;
        fuzz_holds(fits == (line.n <= LINE_MAX_BYTES), "a line that is too long can be told");
        fuzz_holds(!fits || text_equal(bytes_text(&line), expected), "lines: same bytes");
    }
    fuzz_holds(!more, "no line is left");
    bytes_free(&line);
    input_close(in);
}

/* ---- files ---- */

static void same_event(const struct event *a, const struct event *b)
{
    fuzz_holds(text_equal(a->event_id, b->event_id) && text_equal(a->user, b->user) &&
                   text_equal(a->item, b->item) && text_equal(a->order, b->order) &&
                   text_equal(a->list, b->list) && text_equal(a->currency, b->currency) &&
                   text_equal(a->country, b->country) && text_equal(a->device, b->device),
               "an event that was written has the same texts");
    fuzz_holds(a->type == b->type && a->ts == b->ts && a->quantity == b->quantity &&
                   a->price == b->price,
               "an event that was written has the same numbers");
}

static void is_record(const struct record *record)
{
    struct event_decoder *decoder = event_decoder_new(), *second = event_decoder_new();
    struct event event, again;
    struct event_error why;
    bool bad = event_decode(decoder, record->value, EVENT_NEEDS_ALL, &event, &why) != 0;
    fuzz_holds(bad == record->bad, "a record is an event or is known to be none");
    if (!bad) {
        struct bytes json = {0};
        fuzz_holds(text_equal(event.user, record->key), "a record's key is the user");
        event_json_write(&event, &json);
        fuzz_holds(event_decode(second, bytes_text(&json), EVENT_NEEDS_ALL, &again, &why) == 0,
                   "an event that was written is one");
        same_event(&event, &again);
        bytes_free(&json);
    }
    event_decoder_free(decoder);
    event_decoder_free(second);
}

static void titles_are_text(struct title_votes *titles)
{
    size_t cursor = 0;
    struct text item, title;
    while (title_votes_next(titles, &cursor, &item, &title))
        fuzz_holds(slow_utf8(item) && slow_utf8(title) && title.n > 0, "titles are UTF-8");
}

static void as_file(struct text text, bool keep_bad)
{
    struct input *in = input_of_text(text);
    struct title_votes *titles = title_votes_new();
    struct event_file *file = event_file_new(in, titles, keep_bad);
    struct source source = event_file_source(file);
    struct record record;
    struct err err;
    int64_t n = 0;
    int more;
    for (; (more = source.next(source.self, &record, &err)) == 1; n++)
        is_record(&record);
    fuzz_holds(more == 0, "memory can be read to its end");
    fuzz_holds(event_file_rows(file) == n + event_file_refusals(file)->total,
               "every row is a record or refused");
    titles_are_text(titles);
    event_file_free(file);
    title_votes_free(titles);
    input_close(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct text rest = {(const char *)data, n};
    bool keep_bad = fuzz_byte(&rest) % 2;
    struct text exact = fuzz_exact((const uint8_t *)rest.at, rest.n);
    as_csv(exact);
    as_lines(exact);
    as_file(exact, keep_bad);
    free((char *)(uintptr_t)exact.at);
    return 0;
}
