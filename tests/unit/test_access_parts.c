/* The pure parts of access and manners: keys, the token bucket, origins, gzip, request ids, ETags, cursors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "serving-layer/access_key.h"
#include "serving-layer/bucket.h"
#include "serving-layer/compress.h"
#include "serving-layer/history.h"
#include "serving-layer/manners.h"
#include "serving-layer/origins.h"

/* ---- keys ---- */

static void key_of(char into[KEY_BYTES + 1], unsigned char seed)
{
    unsigned char random[KEY_RANDOM_BYTES];
    for (int i = 0; i < KEY_RANDOM_BYTES; i++)
        random[i] = (unsigned char)(seed + 7 * i);
    key_make(into, random);
}

static void a_key_that_was_made_is_parsed_and_its_id_found(void **state)
{
    (void)state;
    char key[KEY_BYTES + 1], id[KEY_ID_BYTES + 1];
    key_of(key, 0);
    assert_string_equal(key, "tdm_00070e151c23_KjE4P0ZNVFtiaXB3foWMk5qhqK-2vcTL0tng5-71_AM");
    assert_true(key_parse(text_of(key), id));
    assert_string_equal(id, "00070e151c23");
}

static void what_differs_from_a_key_in_shape_is_none(void **state)
{
    (void)state;
    char key[KEY_BYTES + 2], id[KEY_ID_BYTES + 1];
    for (int i = 0; i < KEY_BYTES; i++) {
        key_of(key, 1);
        key[i] = '%';
        assert_false(key_parse(text_of(key), id));
        assert_false(key_parse((struct text){key, (size_t)i}, id));
    }
    key_of(key, 1);
    key[KEY_BYTES] = 'A';
    key[KEY_BYTES + 1] = 0;
    assert_false(key_parse(text_of(key), id));
    assert_false(key_parse(text_of(""), id));
}

static void the_hash_is_sha_256_and_one_bit_makes_another(void **state)
{
    (void)state;
    unsigned char a[KEY_HASH_BYTES], b[KEY_HASH_BYTES];
    key_hash(text_of("abc"), a); /* FIPS 180-2, appendix B.1 */
    assert_memory_equal(a, "\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23", 16);
    memcpy(b, a, sizeof b);
    assert_true(key_hash_equal(a, b));
    for (int bit = 0; bit < 8 * KEY_HASH_BYTES; bit++) {
        b[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_false(key_hash_equal(a, b));
        b[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
}

static void roles_allow_what_they_say(void **state)
{
    (void)state;
    static const bool allowed[4][4] = {/* needs: anyone, write, read, admin */
                                       [ROLE_ANYONE] = {true, false, false, false},
                                       [ROLE_WRITE] = {true, true, false, false},
                                       [ROLE_READ] = {true, false, true, false},
                                       [ROLE_ADMIN] = {true, true, true, true}};
    enum role role;
    for (int has = ROLE_WRITE; has <= ROLE_ADMIN; has++) {
        for (int needs = ROLE_ANYONE; needs <= ROLE_ADMIN; needs++)
            assert_int_equal(role_allows((enum role)has, (enum role)needs), allowed[has][needs]);
        assert_true(role_parse(text_of(role_name((enum role)has)), &role));
        assert_int_equal(role, has);
    }
    assert_false(role_parse(text_of("anyone"), &role));
    assert_false(role_parse(text_of("Admin"), &role));
}

/* ---- the bucket ---- */

static const int64_t ms = 1000000; /* in ns */

static void a_bucket_gives_its_burst_at_once_and_then_its_rate(void **state)
{
    (void)state;
    _Atomic int64_t full_at = 0;
    struct bucket_size size = {10, 5};
    struct bucket_told told;
    int64_t now = 77777 * ms;
    for (int i = 4; i >= 0; i--) {
        assert_true(bucket_take(&full_at, size, now, &told));
        assert_int_equal(told.remaining, i);
    }
    assert_false(bucket_take(&full_at, size, now, &told));
    assert_int_equal(told.remaining, 0);
    assert_int_equal(told.wait_s, 1);
    assert_int_equal(told.full_s, 1);
    assert_false(bucket_take(&full_at, size, now + 99 * ms, &told));
    assert_true(bucket_take(&full_at, size, now + 100 * ms, &told));
    assert_false(bucket_take(&full_at, size, now + 100 * ms, &told));
    assert_true(bucket_take(&full_at, size, now + 100000 * ms, &told)); /* full again */
    assert_int_equal(told.remaining, 4);
}

static void a_refusal_takes_nothing_from_a_bucket(void **state)
{
    (void)state;
    _Atomic int64_t full_at = 0;
    struct bucket_size size = {1, 1};
    struct bucket_told told;
    assert_true(bucket_take(&full_at, size, 0, &told));
    for (int i = 0; i < 1000; i++)
        assert_false(bucket_take(&full_at, size, i * ms / 2, &told));
    assert_true(bucket_take(&full_at, size, 1000 * ms, &told));
}

static void a_bucket_holds_no_more_than_burst_and_rate_times_time(void **state)
{
    (void)state;
    srand(5);
    for (int round = 0; round < 200; round++) {
        struct bucket_size size = {1 + rand() % 1000, 1 + rand() % 100};
        _Atomic int64_t full_at = 0;
        int64_t now = 0, taken = 0;
        struct bucket_told told;
        for (int i = 0; i < 2000; i++) {
            now += rand() % (3 * ms);
            taken += bucket_take(&full_at, size, now, &told);
            assert_true(told.remaining >= 0 && told.remaining < size.burst);
            assert_true(taken <= size.burst + (now + ms) * size.rate / (1000 * ms) + 1);
        }
    }
}

/* ---- origins ---- */

static void origins_are_checked_at_the_start(void **state)
{
    (void)state;
    static const char *const good[] = {"", "*", "https://shop.example",
                                       "http://localhost:3000,https://a.b"};
    static const char *const bad[] = {
        "shop.example", "https://shop.example/", "https://", "*,https://a",
        "https://a,",   "https://A.example",     "null",     "https://a b"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_null(origins_fault(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_non_null(origins_fault(bad[i]));
}

static void only_an_origin_of_the_list_is_allowed_and_by_its_whole_name(void **state)
{
    (void)state;
    const char *list = "http://localhost:3000,https://shop.example";
    assert_string_equal(origins_allow(list, "https://shop.example"), "https://shop.example");
    assert_string_equal(origins_allow("*", "https://any.example"), "*");
    static const char *const others[] = {"https://shop.example.evil",
                                         "https://shop.exampl",
                                         "null",
                                         "",
                                         "http://localhost:3000,https://shop.example",
                                         "http://shop.example"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_null(origins_allow(list, others[i]));
    assert_null(origins_allow(list, NULL));
    assert_null(origins_allow("", "https://shop.example"));
}

/* ---- gzip ---- */

static void gzip_is_sent_only_to_who_takes_it(void **state)
{
    (void)state;
    static const char *const wanted[] = {"gzip",   "deflate, gzip",   "GZIP;q=0.5",
                                         "*",      "br;q=1, *;q=0.1", "gzip ; q=0.001",
                                         "x-gzip", "gzip;q=1.000"};
    static const char *const unwanted[] = {"",         "identity",     "deflate, br",
                                           "gzip;q=0", "gzip;q=0.000", "gzip;q=0, *",
                                           "*;q=0",    "gzipped",      "gzip ; q=0 , br"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!compress_wanted(wanted[i]))
            fail_msg("wanted: %s", wanted[i]);
    for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
        if (compress_wanted(unwanted[i]))
            fail_msg("not wanted: %s", unwanted[i]);
    assert_false(compress_wanted(NULL));
}

static void unpacked(const struct bytes *packed, struct text expected)
{
    z_stream stream = {0};
    unsigned char *out = malloc(expected.n + 1);
    assert_int_equal(inflateInit2(&stream, 16 + MAX_WBITS), Z_OK);
    stream.next_in = (unsigned char *)packed->at;
    stream.avail_in = (unsigned)packed->n;
    stream.next_out = out;
    stream.avail_out = (unsigned)expected.n + 1;
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.total_out, expected.n);
    assert_memory_equal(out, expected.at, expected.n);
    inflateEnd(&stream);
    free(out);
}

static void what_is_compressed_comes_back_and_what_grows_is_left(void **state)
{
    (void)state;
    struct compressor *compressor = compressor_new();
    for (size_t n = COMPRESS_FROM_BYTES; n < 100000; n = n * 3 + 1) {
        struct bytes body = {0}, before = {0};
        for (size_t i = 0; i < n; i++)
            bytes_put(&body, &"{\"item\":\"a\",\"score\":0.5}"[i % 24], 1);
        bytes_put_text(&before, bytes_text(&body));
        assert_true(compress_gzip(compressor, &body));
        assert_true(body.n < n / 4);
        unpacked(&body, bytes_text(&before));
        bytes_clear(&body);
        for (size_t i = 0; i < n; i++)
            bytes_put(&body, &(char){(char)(rand() >> 7)}, 1);
        bytes_clear(&before);
        bytes_put_text(&before, bytes_text(&body));
        assert_false(compress_gzip(compressor, &body));
        assert_true(text_equal(bytes_text(&body), bytes_text(&before)));
        bytes_free(&body);
        bytes_free(&before);
    }
    compressor_free(compressor);
}

/* ---- request ids, ETags ---- */

static void a_request_id_is_taken_only_when_it_can_do_no_harm(void **state)
{
    (void)state;
    char long_one[REQUEST_ID_BYTES + 2];
    memset(long_one, 'a', sizeof long_one);
    long_one[REQUEST_ID_BYTES + 1] = 0;
    assert_false(manners_is_id(long_one));
    long_one[REQUEST_ID_BYTES] = 0;
    assert_true(manners_is_id(long_one));
    assert_true(manners_is_id("7f3c-AZ_09.x:y/z+=~"));
    assert_false(manners_is_id(""));
    assert_false(manners_is_id("a b"));
    assert_false(manners_is_id("a\"b"));
    assert_false(manners_is_id("a\nb"));
    assert_false(manners_is_id("\xc3\xa9"));
}

static void if_none_match_is_compared_as_the_rfc_says(void **state)
{
    (void)state;
    assert_true(manners_matches("\"abc\"", "\"abc\""));
    assert_true(manners_matches("W/\"abc\"", "\"abc\""));
    assert_true(manners_matches("\"x\", \"abc\" ,\"y\"", "\"abc\""));
    assert_true(manners_matches("*", "\"abc\""));
    assert_false(manners_matches(NULL, "\"abc\""));
    assert_false(manners_matches("", "\"abc\""));
    assert_false(manners_matches("\"abcd\"", "\"abc\""));
    assert_false(manners_matches("\"abc\"d", "\"abc\""));
    assert_false(manners_matches("\"abc-gzip\"", "\"abc\""));
}

/* ---- cursors ---- */

static void a_cursor_comes_back_and_what_is_none_is_refused(void **state)
{
    (void)state;
    int64_t offsets[3] = {0, 17, INT64_C(999999999999999999)}, back[3];
    struct bytes cursor = {0};
    history_cursor_put(&cursor, offsets, 3);
    assert_int_equal(history_cursor_parse(bytes_text(&cursor), back, 3), 0);
    assert_memory_equal(back, offsets, sizeof back);
    bytes_free(&cursor);
    static const char *const bad[] = {"",      "1.2",    "1.2.3.4", "1..2",
                                      "a.1.2", "1.2.3 ", "-1.2.3",  "1.2.9999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(history_cursor_parse(text_of(bad[i]), back, 3), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_was_made_is_parsed_and_its_id_found),
        cmocka_unit_test(what_differs_from_a_key_in_shape_is_none),
        cmocka_unit_test(the_hash_is_sha_256_and_one_bit_makes_another),
        cmocka_unit_test(roles_allow_what_they_say),
        cmocka_unit_test(a_bucket_gives_its_burst_at_once_and_then_its_rate),
        cmocka_unit_test(a_refusal_takes_nothing_from_a_bucket),
        cmocka_unit_test(a_bucket_holds_no_more_than_burst_and_rate_times_time),
        cmocka_unit_test(origins_are_checked_at_the_start),
        cmocka_unit_test(only_an_origin_of_the_list_is_allowed_and_by_its_whole_name),
        cmocka_unit_test(gzip_is_sent_only_to_who_takes_it),
        cmocka_unit_test(what_is_compressed_comes_back_and_what_grows_is_left),
        cmocka_unit_test(a_request_id_is_taken_only_when_it_can_do_no_harm),
        cmocka_unit_test(if_none_match_is_compared_as_the_rfc_says),
        cmocka_unit_test(a_cursor_comes_back_and_what_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
