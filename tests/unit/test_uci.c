#define _GNU_SOURCE /* asprintf */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/event_file.h"
#include "tools/uci.h"

/* Replays rows behind the header: each record's JSON, a line each; then the refusals: "reason x count at line". */
static const char *replay_rows_of(const char *rows)
{
    static char all[8192];
    char *text = NULL;
    assert_true(asprintf(&text, "%s\r\n%s", UCI_HEADER, rows) > 0);
    struct input *in = input_of_text(text_of(text));
    struct event_file *replay = event_file_new(in, NULL, false);
    struct source source = event_file_source(replay);
    struct record record;
    struct err err;
    size_t n = 0;
    all[0] = 0;
    while (source.next(source.self, &record, &err) == 1)
        n += (size_t)snprintf(all + n, sizeof all - n, "%.*s>%.*s\n", (int)record.key.n,
                              record.key.at, (int)record.value.n, record.value.at);
    const struct refusals *refused = event_file_refusals(replay);
    for (unsigned i = 0; i < refused->n; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s %s x%d at %d\n",
                              refused->reason[i].why.field, refused->reason[i].why.reason,
                              (int)refused->reason[i].count, (int)refused->reason[i].first_line);
    event_file_free(replay);
    input_close(in);
    free(text);
    return all;
}

static void a_row_is_a_purchase_in_pence_at_its_line_of_the_invoice(void **state)
{
    (void)state;
    assert_string_equal(
        replay_rows_of(
            "536365,85123A,\"HEART, \"\"WHITE\"\"\",6,2010-12-01 08:26:00,2.55,17850,United Kingdom\r\n"),
        "17850>{\"type\":\"purchase\",\"event_id\":\"536365-1\",\"user\":\"17850\",\"item\":\"85123A\",\"ts\":1291191960001,"
        "\"quantity\":6,\"price\":255,\"currency\":\"GBP\",\"country\":\"United Kingdom\",\"order\":\"536365\"}\n");
}

static void an_invoice_with_c_is_a_refund_and_its_quantity_has_no_sign(void **state)
{
    (void)state;
    assert_string_equal(
        replay_rows_of("C536379,D,Discount,-2,2010-12-01 09:41:00,27.5,14527,France\n"),
        "14527>{\"type\":\"refund\",\"event_id\":\"C536379-1\",\"user\":\"14527\",\"item\":\"D\",\"ts\":1291196460001,"
        "\"quantity\":2,\"price\":2750,\"currency\":\"GBP\",\"country\":\"France\",\"order\":\"C536379\"}\n");
}

static void a_row_without_customer_belongs_to_a_guest(void **state)
{
    (void)state;
    assert_non_null(
        strstr(replay_rows_of("536414,22139,,56,2010-12-01 11:52:00,0,,EIRE\n"), "guest-536414>{"));
}

static void lines_are_counted_by_invoice_even_if_its_rows_are_apart(void **state)
{
    (void)state;
    const char *all =
        replay_rows_of("1,a,,1,2010-12-01 08:26:00,1,u,X\n2,b,,1,2010-12-01 08:26:00,1,u,X\n"
                       "1,c,,1,2010-12-01 08:26:00,1,u,X\n");
    assert_non_null(strstr(all, "\"event_id\":\"1-1\""));
    assert_non_null(strstr(all, "\"event_id\":\"2-1\""));
    assert_non_null(strstr(all, "\"event_id\":\"1-2\""));
}

static void prices_are_rounded_half_up_from_their_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t pence;
    } cases[] = {{"2.55", 255},   {"0", 0},     {"0.005", 1},       {"0.0049999999999999999999", 0},
                 {"1.005", 101},  {"1.1", 110}, {"38970", 3897000}, {"0.001", 0},
                 {"9.995", 1000}, {"", -1},     {".5", -1},         {"1.", -1},
                 {"1e3", -1},     {"-1", -1},   {"1.5x", -1},       {" 1", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(uci_pence(text_of(cases[i].text)), cases[i].pence);
}

static void dates_are_read_as_utc(void **state)
{
    (void)state;
    assert_int_equal(uci_time(text_of("1970-01-01 00:00:00")), 0);
    assert_int_equal(uci_time(text_of("2010-12-01 08:26:00")), 1291191960000);
    assert_int_equal(uci_time(text_of("12/1/2010 8:26")), 1291191960000);
    assert_int_equal(uci_time(text_of("2012-02-29 23:59:59")), 1330559999000);
    static const char *const none[] = {"",
                                       "2010-12-01",
                                       "2011-02-29 00:00:00",
                                       "2010-13-01 00:00:00",
                                       "2010-12-01 24:00:00",
                                       "2010-12-01 08:26:00 ",
                                       "2010-12-01T08:26:00",
                                       "2010/12-01 08:26:00"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(uci_time(text_of(none[i])), -1);
}

static void every_row_is_sent_or_counted_with_its_reason(void **state)
{
    (void)state;
    assert_string_equal(replay_rows_of("1,a,,1,2010-12-01 08:26:00,-1.5,u,X\n"
                                       "2,a,,0,2010-12-01 08:26:00,1,u,X\n"
                                       "3,a,,1,2010-12-01 08:26:00,-2,u,X\n"
                                       "4,a,,1,yesterday,1,u,X\n"
                                       "5,a,,1\n"
                                       "6,a,,x,2010-12-01 08:26:00,1,u,X\n"
                                       "7,\xff,,1,2010-12-01 08:26:00,1,u,X\n"
                                       "8,,,1,2010-12-01 08:26:00,1,u,X\n"),
                        "UnitPrice is negative x2 at 2\n"
                        "quantity is not a whole number from 1 to 1000000 x1 at 3\n"
                        "InvoiceDate is not a date and time x1 at 5\n"
                        "row has not 8 fields x1 at 6\n"
                        "Quantity is not a whole number x1 at 7\n"
                        "row is not UTF-8 x1 at 8\n"
                        "item is missing x1 at 9\n");
}

static void bad_lines_of_ndjson_are_refused_or_kept_as_they_are(void **state)
{
    (void)state;
    static const char text[] =
        "{\"event_id\":\"1\",\"type\":\"view\",\"user\":\"u\",\"item\":\"a\",\"ts\":1}\r\n{oops\n";
    for (int keep = 0; keep < 2; keep++) {
        struct input *in = input_of_text(text_of(text));
        struct event_file *replay = event_file_new(in, NULL, keep);
        struct source source = event_file_source(replay);
        struct record record;
        struct err err;
        assert_int_equal(source.next(source.self, &record, &err), 1);
        assert_false(record.bad);
        assert_int_equal(source.next(source.self, &record, &err), keep);
        assert_int_equal(event_file_refusals(replay)->total, !keep);
        if (keep)
            assert_true(record.bad && text_equal(record.value, text_of("{oops")));
        event_file_free(replay);
        input_close(in);
    }
}

static void the_most_frequent_title_wins_then_the_longest(void **state)
{
    (void)state;
    struct title_votes *titles = title_votes_new();
    static const char *const given[] = {"damaged", "MUG", "MUG", "", "?\x01", "\xff"};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        title_votes_add(titles, text_of("a"), text_of(given[i]));
    title_votes_add(titles, text_of("b"), text_of("BOWL"));
    title_votes_add(titles, text_of("b"), text_of(" SALAD BOWL "));
    struct text item, title;
    size_t cursor = 0;
    assert_true(title_votes_next(titles, &cursor, &item, &title) &&
                text_equal(title, text_of("MUG")));
    assert_true(title_votes_next(titles, &cursor, &item, &title) &&
                text_equal(title, text_of("SALAD BOWL")));
    assert_false(title_votes_next(titles, &cursor, &item, &title));
    title_votes_free(titles);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_a_purchase_in_pence_at_its_line_of_the_invoice),
        cmocka_unit_test(an_invoice_with_c_is_a_refund_and_its_quantity_has_no_sign),
        cmocka_unit_test(a_row_without_customer_belongs_to_a_guest),
        cmocka_unit_test(lines_are_counted_by_invoice_even_if_its_rows_are_apart),
        cmocka_unit_test(prices_are_rounded_half_up_from_their_text),
        cmocka_unit_test(dates_are_read_as_utc),
        cmocka_unit_test(every_row_is_sent_or_counted_with_its_reason),
        cmocka_unit_test(bad_lines_of_ndjson_are_refused_or_kept_as_they_are),
        cmocka_unit_test(the_most_frequent_title_wins_then_the_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
