/* json_out: texts and numbers as JSON. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "serving-layer/json_out.h"
#include "tests/unit/is_text.h"

static void put_is(const char *expected, const struct bytes *out)
{
    is_text(bytes_text(out), expected);
}

static void texts_and_numbers_are_written_as_json(void **state)
{
    (void)state;
    struct bytes out = {0};
    json_put_text(&out, text_of("a\"b\\c\n\x01\xc3\xbc"));
    json_put_int(&out, INT64_MIN);
    json_put(&out, ",");
    json_put_int(&out, INT64_MAX);
    json_put_ints(&out, (const int64_t[]){0, -1}, 2);
    put_is("\"a\\\"b\\\\c\\u000a\\u0001\xc3\xbc\"-9223372036854775808,9223372036854775807[0,-1]",
           &out);
    bytes_free(&out);
}

static void scores_have_six_digits(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } scores[] = {{0, "0.000000"},
                  {0.70710678, "0.707107"},
                  {-1.5, "-1.500000"},
                  {0.9999999, "1.000000"},
                  {12345.000001, "12345.000001"}};
    for (size_t i = 0; i < sizeof scores / sizeof *scores; i++) {
        struct bytes out = {0};
        json_put_score(&out, scores[i].value);
        put_is(scores[i].text, &out);
        bytes_free(&out);
    }
    struct bytes out = {0};
    json_put_score(&out, (double)NAN);
    put_is("0", &out);
    bytes_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_and_numbers_are_written_as_json),
        cmocka_unit_test(scores_have_six_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
