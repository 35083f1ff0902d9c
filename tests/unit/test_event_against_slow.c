/*
 * The strict decoder against a second, slow one (tests/fuzz/slow_decoder.h) over random texts: objects put together from
 * right and wrong pieces, of which half are then damaged.
 *
 *   TANDEM_SEED   the seed (default: the clock)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/clock.h"
#include "tests/fuzz/compare_decoders.h"
#include "tests/fuzz/sanitized.h"
#include "views/bytes.h"

enum { TEXTS = 200000, TEXTS_SANITIZED = 50000, FIELDS_MAX = 14 };

/* splitmix64 */
static uint64_t seed;
static unsigned roll(uint64_t *dice, unsigned sides)
{
    uint64_t z = *dice += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (unsigned)((z ^ (z >> 31)) % sides);
}

#define PICK(dice, from) (from)[roll(dice, sizeof(from) / sizeof *(from))]

static void put(struct bytes *into, const char *text)
{
    bytes_put_text(into, text_of(text));
}

/* ---- an object from pieces ---- */

static const char *const keys[] = {"event_id",
                                   "type",
                                   "user",
                                   "item",
                                   "ts",
                                   "quantity",
                                   "price",
                                   "currency",
                                   "country",
                                   "device",
                                   "order",
                                   "list",
                                   "x",
                                   "",
                                   "y",
                                   "ite",
                                   "items",
                                   "it\\u0065m",
                                   "item\\u0000",
                                   "\\u0074s",
                                   "\xc3\xa9",
                                   "\\u00e9",
                                   "\\ud83d\\ude00",
                                   "\xf0\x9f\x98\x80",
                                   "\\ud800",
                                   "user\\ud800",
                                   "event_i\\u0064",
                                   "Type",
                                   "ts\\u0000"};

static const char *const texts[] = {"\"view\"",
                                    "\"cart\"",
                                    "\"purchase\"",
                                    "\"forget\"",
                                    "\"refund\"",
                                    "\"cl\\u0069ck\"",
                                    "\"GBP\"",
                                    "\"GbP\"",
                                    "\"EURO\"",
                                    "\"G\\u0042P\"",
                                    "\"u42\"",
                                    "\"\"",
                                    "\"a\\/b\\\\\\\"c\"",
                                    "\"\\ud83d\\ude00\"",
                                    "\"\\ud83d\"",
                                    "\"\\ude00\\ud83d\"",
                                    "\"\\ud83dx\"",
                                    "\"\\ud83d\\u0041\"",
                                    "\"\\ud800\\ud83d\\ude00\"",
                                    "\"\\u0000\"",
                                    "\"\\u001f\"",
                                    "\"\\u007f\"",
                                    "\"\\u009f\"",
                                    "\"\\u00a0\"",
                                    "\"\\n\"",
                                    "\"\x7f\"",
                                    "\"\xc2\x85\"",
                                    "\"\xc2\xa0\"",
                                    "\"\xe2\x82\xac\"",
                                    "\"\xed\x9f\xbf\xee\x80\x80\"",
                                    "\"\xf4\x8f\xbf\xbf\"",
                                    "\"\xed\xa0\x80\"",
                                    "\"\xc0\xaf\"",
                                    "\"\\ud800\\udc00\"",
                                    "\"\\udbff\\udfff\"",
                                    "\"\xe0\x9f\xbf\"",
                                    "\"\xe0\xa0\x80\"",
                                    "\"\xf0\x8f\xbf\xbf\"",
                                    "\"\xf0\x90\x80\x80\"",
                                    "\"\xf5\x80\x80\x80\"",
                                    "\"\xf4\x90\x80\x80\"",
                                    "\"\t\"",
                                    "\"\\x\"",
                                    "\"\\u12\"",
                                    "\"\\u12G4\""};

static const char *const others[] = {"0",
                                     "-0",
                                     "1",
                                     "6",
                                     "-1",
                                     "1000000",
                                     "1000001",
                                     "1000000000",
                                     "1000000001",
                                     "1291191960000",
                                     "4102444799999",
                                     "4102444800000",
                                     "999999999999999999",
                                     "9999999999999999999",
                                     "123456789012345678901234567890",
                                     "1.0",
                                     "1e3",
                                     "1E+2",
                                     "0.5",
                                     "01",
                                     "-",
                                     "1.",
                                     ".5",
                                     "+1",
                                     "null",
                                     "true",
                                     "false",
                                     "nul",
                                     "[]",
                                     "{}",
                                     "[1,[2,{\"a\":[]}]]",
                                     "{\"a\":1,\"a\":2}",
                                     "{\"a\":{\"b\":1},\"b\":[{\"a\":0},{\"a\":0}]}",
                                     "[{\"k\":1,\"\\u006b\":2}]",
                                     "[1,]",
                                     "{\"a\"}",
                                     "{\"\xc3\xa9\":1,\"\\u00e9\":2}",
                                     "[1 2]",
                                     "{\"\":1,\"\":2}"};

static const char *const spaces[] = {"", "", "", "", " ", "\n\t", "\r ", "\f", "\xc2\xa0"};

/* A text around the limits of 32 and 64 bytes, some of its characters escaped or of more bytes. */
static void put_long_text(uint64_t *dice, struct bytes *into)
{
    static const char *const pieces[] = {"a", "b", "\\u0063", "\\t", "\xc3\xa9", "\\u00e9"};
    static const unsigned lengths[] = {31, 32, 33, 63, 64, 65};
    unsigned kinds = roll(dice, 3) ? 3 : 6; /* seldom the ones that are wrong or longer */
    put(into, "\"");
    for (unsigned n = PICK(dice, lengths); n > 0; n--)
        put(into, pieces[roll(dice, kinds)]);
    put(into, "\"");
}

/* A value that this field takes, or mostly: so that whole events come about. */
static void put_right_value(uint64_t *dice, size_t key, struct bytes *into)
{
    static const char *const types[] = {"\"view\"", "\"purchase\"", "\"forget\"", "\"refund\""};
    char number[32];
    snprintf(number, sizeof number, "%u", 1 + roll(dice, 1000000));
    if (key == 1)
        put(into, PICK(dice, types));
    else if (key >= 4 && key <= 6)
        put(into, number);
    else if (key == 7)
        put(into, "\"EUR\"");
    else
        put(into, "\"u\\u0034\xc3\xa9\"");
}

static void put_value(uint64_t *dice, size_t key, struct bytes *into)
{
    unsigned kind = roll(dice, 40);
    if (kind == 0)
        put_long_text(dice, into);
    else if (kind == 1)
        put(into, PICK(dice, texts));
    else if (kind == 2)
        put(into, PICK(dice, others));
    else
        put_right_value(dice, key, into);
}

static void put_object(uint64_t *dice, struct bytes *into)
{
    size_t first = roll(dice, 8) ? 0 : roll(dice, 5), n = 4 + roll(dice, FIELDS_MAX - 4);
    put(into, roll(dice, 8) ? "{" : " { ");
    for (size_t i = first; i < first + n; i++) {
        size_t key = i < 5 || roll(dice, 3) ? i : roll(dice, sizeof keys / sizeof *keys);
        if (i > first)
            put(into, ",");
        put(into, "\"");
        put(into, keys[key]);
        put(into, "\":");
        if (roll(dice, 20) == 0)
            put(into, PICK(dice, spaces));
        put_value(dice, key, into);
    }
    put(into, roll(dice, 8) ? "}" : " }\n");
}

/* ---- damage ---- */

static void insert(struct bytes *text, size_t at, const char *what, size_t n)
{
    bytes_room(text, n);
    memmove(text->at + at + n, text->at + at, text->n - at);
    memcpy(text->at + at, what, n);
    text->n += n;
}

static void cut_out(struct bytes *text, size_t at, size_t n)
{
    n = n < text->n - at ? n : text->n - at;
    memmove(text->at + at, text->at + at + n, text->n - at - n);
    text->n -= n;
}

static void damage(uint64_t *dice, struct bytes *text)
{
    static const char *const pieces[] = {"\"",
                                         "\\",
                                         "{",
                                         "}",
                                         "[",
                                         "]",
                                         ",",
                                         ":",
                                         " ",
                                         "\\u0000",
                                         "\\ud800",
                                         "\\udc00",
                                         "0",
                                         "-",
                                         "e1",
                                         ".0",
                                         "null",
                                         "\xc2\x80",
                                         "\xed\xa0\x80",
                                         "\xef\xbb\xbf",
                                         "\x80",
                                         "\n",
                                         "x",
                                         ",\"item\":\"i\"",
                                         ",\"x\":0",
                                         "[[[[{\"a\":",
                                         "\x01"};
    size_t at = roll(dice, (unsigned)text->n + 1);
    switch (roll(dice, 5)) {
    case 0: cut_out(text, at, 1 + roll(dice, 3)); break;
    case 1: cut_out(text, at, text->n); break;
    case 2:
        if (at < text->n)
            text->at[at] = (char)roll(dice, 256);
        break;
    default: {
        const char *piece = PICK(dice, pieces);
        insert(text, at, piece, strlen(piece));
    }
    }
}

/* ---- the comparison ---- */

static void print_text(const struct bytes *text)
{
    for (size_t i = 0; i < text->n; i++) {
        unsigned char c = (unsigned char)text->at[i];
        fprintf(stderr, c >= 0x20 && c < 0x7f ? "%c" : "<%02x>", c);
    }
    fprintf(stderr, "\n");
}

static void compare(struct event_decoder *decoder, const struct bytes *text, size_t round,
                    size_t *events)
{
    bool is_event = false;
    const char *differs = compare_decoders(decoder, bytes_text(text), &is_event);
    if (differs) {
        fprintf(stderr, "TANDEM_SEED=%llu, text %zu, they differ in: %s\n",
                (unsigned long long)seed, round, differs);
        print_text(text);
        fail();
    }
    *events += is_event;
}

static void the_fast_and_the_slow_decoder_say_the_same(void **state)
{
    (void)state;
    const size_t rounds = SANITIZED ? TEXTS_SANITIZED : TEXTS;
    struct event_decoder *decoder = event_decoder_new();
    struct bytes text = {0};
    uint64_t dice = seed;
    size_t whole = 0, damaged = 0;
    for (size_t round = 0; round < rounds; round++) {
        bytes_clear(&text);
        put_object(&dice, &text);
        if (roll(&dice, 2)) {
            compare(decoder, &text, round, &whole);
            continue;
        }
        for (unsigned n = 1 + roll(&dice, 3); n > 0; n--)
            damage(&dice, &text);
        compare(decoder, &text, round, &damaged);
    }
    bytes_free(&text);
    event_decoder_free(decoder);
    printf("%zu texts, %zu of them events, %zu more after damage\n", rounds, whole, damaged);
    assert_true(whole > rounds / 50); /* else only refusals were compared */
}

/* Every text of up to three bytes of this small alphabet of trouble. */
static void they_say_the_same_of_every_short_text(void **state)
{
    (void)state;
    static const char alphabet[] = "{}[]\",:0-1.e\\u tn\x80\xc3";
    struct event_decoder *decoder = event_decoder_new();
    size_t n = sizeof alphabet - 1, events = 0;
    for (size_t i = 0; i < n * n * n; i++) {
        char at[3] = {alphabet[i % n], alphabet[i / n % n], alphabet[i / n / n]};
        for (size_t length = 0; length <= 3; length++)
            compare(decoder, &(struct bytes){at, length, 3}, i, &events);
    }
    assert_int_equal(events, 0);
    event_decoder_free(decoder);
}

int main(void)
{
    const char *given = getenv("TANDEM_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)clock_monotonic_us();
    printf("TANDEM_SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fast_and_the_slow_decoder_say_the_same),
        cmocka_unit_test(they_say_the_same_of_every_short_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
