
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tools/input.h"
#include "views/csv.h"

/* Reads all of `text`; each record as field|field, faults as !fault, ; between records; with the line it begins at. */
static const char *read_all(const char *text)
{
    static char all[4096];
    struct input *in = input_of_text(text_of(text));
    struct csv *csv = csv_new(input_csv_byte, in);
    struct csv_record r;
    size_t n = 0;
    all[0] = 0;
    while (csv_next(csv, &r)) {
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%d:", n ? ";" : "", (int)r.line);
        if (r.fault)
            n += (size_t)snprintf(all + n, sizeof all - n, "!%s", r.fault);
        else
            for (unsigned i = 0; i < r.n; i++)
                n += (size_t)snprintf(all + n, sizeof all - n, "%s%.*s", i ? "|" : "",
                                      (int)r.field[i].n, r.field[i].at);
    }
    csv_free(csv);
    input_close(in);
    return all;
}

static void lines_may_end_with_or_without_a_carriage_return(void **state)
{
    (void)state;
    assert_string_equal(read_all("a,b\r\nc,d\ne,f"), "1:a|b;2:c|d;3:e|f");
    assert_string_equal(read_all("a,b\r\n"), "1:a|b");
    assert_string_equal(read_all(""), "");
}

static void quoted_fields_hold_commas_quotes_and_line_ends(void **state)
{
    (void)state;
    assert_string_equal(read_all("\"a,b\",\"say \"\"hi\"\"\",\"\"\nx,\"two\r\nlines\",y\nz\n"),
                        "1:a,b|say \"hi\"|;2:x|two\r\nlines|y;4:z");
}

static void empty_fields_are_fields(void **state)
{
    (void)state;
    assert_string_equal(read_all(",\n,,\n\nx\n"), "1:|;2:||;3:;4:x");
}

static void a_malformed_record_is_named_and_the_next_line_is_read(void **state)
{
    (void)state;
    assert_string_equal(read_all("a\"b,c\nd\n"), "1:!a quote inside a field without quotes;2:d");
    assert_string_equal(read_all("\"a\"b,c\nd\n"), "1:!text follows a closing quote;2:d");
    assert_string_equal(read_all("a\rb\nd\n"), "1:!a carriage return without a line feed;2:d");
    assert_string_equal(read_all("x\n\"never closed\n"), "1:x;2:!a quoted field does not end");
}

static void more_fields_than_any_row_has_are_refused(void **state)
{
    (void)state;
    char text[3 * CSV_FIELDS + 8];
    size_t n = 0;
    for (int i = 0; i < CSV_FIELDS + 1; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s", i ? ",x" : "x");
    snprintf(text + n, sizeof text - n, "\ny\n");
    assert_string_equal(read_all(text), "1:!the record has more than 32 fields;2:y");
}

/* Else what stands behind the carriage return would be lost without a word. */
static void a_line_is_too_long_also_when_it_is_cut_at_a_carriage_return(void **state)
{
    (void)state;
    struct input *in = input_of_text(text_of("12345678\rand more\n12345678\r\n1234567\r"));
    struct bytes line = {0};
    assert_int_equal(input_line(in, &line, 8), 1);
    assert_true(line.n > 8);
    assert_int_equal(input_line(in, &line, 8), 1);
    assert_int_equal(line.n, 8);
    assert_int_equal(input_line(in, &line, 8), 1);
    assert_int_equal(line.n, 7);
    assert_int_equal(input_line(in, &line, 8), 0);
    bytes_free(&line);
    input_close(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_may_end_with_or_without_a_carriage_return),
        cmocka_unit_test(quoted_fields_hold_commas_quotes_and_line_ends),
        cmocka_unit_test(empty_fields_are_fields),
        cmocka_unit_test(a_malformed_record_is_named_and_the_next_line_is_read),
        cmocka_unit_test(more_fields_than_any_row_has_are_refused),
        cmocka_unit_test(a_line_is_too_long_also_when_it_is_cut_at_a_carriage_return),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
