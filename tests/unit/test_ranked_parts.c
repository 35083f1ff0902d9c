#define _GNU_SOURCE
/* Scores against published ones, what is explained calculated again, filters, a session's body, the file of boards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "serving-layer/boards.h"
#include "serving-layer/item_filter.h"
#include "serving-layer/ranked_out.h"
#include "serving-layer/session_body.h"

/* ---- scores ---- */

static void about(double found, double expected)
{
    if (fabs(found - expected) > 0.005)
        fail_msg("%f instead of %f", found, expected);
}

/* T. Dunning, Accurate Methods for the Statistics of Surprise and Coincidence, 1993, table 1: the first four bigrams. */
static void likelihood_ratios_are_those_of_dunnings_table(void **state)
{
    (void)state;
    about(score_llr(110, 2442, 111, 29114), 270.72); /* the swiss */
    about(score_llr(29, 13, 123, 31612), 263.90);    /* can be */
    about(score_llr(31, 23, 139, 31584), 256.84);    /* previous year */
    about(score_llr(10, 0, 3, 31764), 167.23);       /* mineral water */
}

static void a_pair_is_put_into_dunnings_table(void **state)
{
    (void)state;
    const struct pair_counts swiss = {110, 110 + 2442, 110 + 111, 110 + 2442 + 111 + 29114};
    about(score_pair(SCORE_LLR, RELATION_TOGETHER, &swiss), 270.72);
    const struct pair_counts chance = {10, 100, 100, 1000}, less = {9, 100, 100, 1000};
    about(score_pair(SCORE_LLR, RELATION_TOGETHER, &chance), 0);
    assert_true(score_pair(SCORE_LLR, RELATION_TOGETHER, &less) == 0);
}

static void what_comes_next_is_at_most_what_both_have_in_a_table(void **state)
{
    (void)state;
    const struct pair_counts often = {9 * 2520, 4, 5, 10}, most = {4, 4, 5, 10};
    assert_true(score_pair(SCORE_LLR, RELATION_NEXT, &often) ==
                score_pair(SCORE_LLR, RELATION_TOGETHER, &most));
    assert_true(score_pair(SCORE_COUNT, RELATION_NEXT, &often) == 9);
}

static void nothing_can_be_said_of_counts_that_are_not_above_0(void **state)
{
    (void)state;
    const struct pair_counts of[] = {{0, 3, 3, 9}, {-1, 3, 3, 9}, {1, 0, 3, 9}, {1, 3, -2, 9}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        for (enum score_kind kind = SCORE_COSINE; kind <= SCORE_COUNT; kind++)
            assert_true(score_pair(kind, RELATION_TOGETHER, &of[i]) == 0);
}

static void what_is_rare_does_not_jump_in_trending(void **state)
{
    (void)state;
    about(score_trending(1, 0, 3, 168), 1.1);
    about(score_trending(100, 0, 3, 168), 11);
    about(score_trending(30, 168, 3, 168), 40.0 / 13);
}

/* ---- explained, and calculated again as a reader would, from the numbers shown and the formula shown ---- */

static double number(const json_t *term, const char *name)
{
    const json_t *value = json_object_get(term, name);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static double k_ln(double k, double n, double row, double column)
{
    return k > 0 ? k * log(k * n / (row * column)) : 0;
}

static double by_hand(enum score_kind kind, const json_t *term)
{
    double c = number(term, "count") / number(term, "whole"), a = number(term, "users_a"),
           b = number(term, "users_b");
    if (kind == SCORE_COSINE)
        return c / sqrt(a * b);
    if (kind == SCORE_COUNT)
        return c;
    double all = number(term, "users"), k11 = fmin(c, fmin(a, b)), k12 = a - k11, k21 = b - k11,
           k22 = fmax(0, all - a - b + k11), n = k11 + k12 + k21 + k22;
    if (k11 * all <= a * b)
        return 0;
    return 2 * (k_ln(k11, n, k11 + k12, k11 + k21) + k_ln(k12, n, k11 + k12, k12 + k22) +
                k_ln(k21, n, k21 + k22, k11 + k21) + k_ln(k22, n, k21 + k22, k12 + k22));
}

static void a_pocket_calculator_arrives_at_the_score_that_is_explained(void **state)
{
    (void)state;
    const struct pair_counts counts[] = {{5040, 31, 17, 97}, {12, 31, 17, 97}, {3, 13, 5, 97}};
    const enum relation relations[] = {RELATION_NEXT, RELATION_TOGETHER, RELATION_BOUGHT_TOGETHER};
    for (enum score_kind kind = SCORE_COSINE; kind <= SCORE_COUNT; kind++) {
        struct because because = {.item = text_of("a"), .n_terms = 3};
        struct bytes out = {0};
        for (int t = 0; t < 3; t++) {
            double weight = blend_of(BY_BLEND)->part[t].weight;
            because.term[t] = (struct because_term){
                relations[t], weight, score_pair(kind, relations[t], &counts[t]), counts[t]};
            because.score += weight * because.term[t].score;
        }
        bytes_put_text(&out, text_of("{\"a\":0"));
        explain_pairs_put(&out, kind, &because, 1);
        bytes_put_text(&out, text_of("}"));
        json_t *json = json_loadb(out.at, out.n, 0, NULL), *term;
        const json_t *explain = json_object_get(json, "explain");
        assert_non_null(strstr(json_string_value(json_object_get(explain, "formula")), "weight"));
        double sum = 0;
        size_t i;
        json_array_foreach(json_object_get(explain, "terms"), i, term)
        {
            about(by_hand(kind, term), number(term, "score"));
            sum += number(term, "weight") * by_hand(kind, term);
        }
        assert_int_equal(i, 3);
        assert_true(fabs(sum - because.score) < 1e-9);
        json_decref(json);
        bytes_free(&out);
    }
}

/* ---- filters ---- */

static const struct item lamp = {.item = {"lamp", 4},
                                 .category = {"home/lights", 11},
                                 .currency = {"EUR", 3},
                                 .price = 1999,
                                 .available = true};

static struct item_filter all(void)
{
    return (struct item_filter){.max_price = INT64_MAX};
}

static void hidden_items_never_pass_unavailable_ones_when_asked(void **state)
{
    (void)state;
    struct item_filter filter = all();
    struct item item = lamp;
    assert_true(item_filter_shows(&filter, item.item, &item));
    item.available = false;
    assert_false(item_filter_shows(&filter, item.item, &item));
    filter.also_unavailable = true;
    assert_true(item_filter_shows(&filter, item.item, &item));
    item.hidden = true;
    assert_false(item_filter_shows(&filter, item.item, &item));
}

static void an_item_that_the_catalogue_lacks_is_visible_but_in_no_category_and_has_no_price(
    void **state)
{
    (void)state;
    struct item_filter filter = all();
    assert_true(item_filter_shows(&filter, text_of("x"), NULL));
    filter.priced = true;
    assert_false(item_filter_shows(&filter, text_of("x"), NULL));
    filter.priced = false;
    filter.n_categories = 1;
    assert_false(item_filter_shows(&filter, text_of("x"), NULL));
}

static void a_category_has_what_is_beneath_it(void **state)
{
    (void)state;
    struct item_filter filter = all();
    filter.n_categories = 2;
    filter.category[0] = text_of("garden");
    filter.category[1] = text_of("home");
    assert_true(item_filter_shows(&filter, lamp.item, &lamp));
    filter.category[1] = text_of("home/lights");
    assert_true(item_filter_shows(&filter, lamp.item, &lamp));
    filter.category[1] = text_of("home/light");
    assert_false(item_filter_shows(&filter, lamp.item, &lamp));
    const struct text board[] = {text_of("home"), text_of("sale")};
    filter.category[1] = text_of("home");
    filter.board = board;
    filter.n_board = 2;
    assert_true(item_filter_shows(&filter, lamp.item, &lamp));
    filter.board = board + 1;
    filter.n_board = 1;
    assert_false(item_filter_shows(&filter, lamp.item, &lamp));
}

static void prices_are_compared_where_there_are_any(void **state)
{
    (void)state;
    struct item_filter filter = all();
    struct item item = lamp;
    filter.priced = true;
    filter.min_price = filter.max_price = 1999;
    assert_true(item_filter_shows(&filter, item.item, &item));
    filter.max_price = 1998;
    filter.min_price = 0;
    assert_false(item_filter_shows(&filter, item.item, &item));
    filter.max_price = 5000;
    filter.currency = text_of("GBP");
    assert_false(item_filter_shows(&filter, item.item, &item));
    filter.currency = text_of("EUR");
    assert_true(item_filter_shows(&filter, item.item, &item));
    item.price = -1;
    assert_false(item_filter_shows(&filter, item.item, &item));
    filter.priced = false;
    filter.n_excluded = 1;
    filter.excluded[0] = text_of("lamp");
    assert_false(item_filter_shows(&filter, item.item, &lamp));
}

/* ---- a session ---- */

static void session_is(const char *body, int status, const char *field, long index)
{
    struct session_body session = {0};
    struct session_refusal refusal = {.status = 200, .index = -1};
    session_body_parse(&session, text_of(body), &refusal);
    if (refusal.status != status || strcmp(refusal.field, field) != 0 || refusal.index != index)
        fail_msg("%s: %d '%s' %ld", body, refusal.status, refusal.field, refusal.index);
    session_body_free(&session);
}

static void a_sessions_body_is_checked_and_what_is_wrong_is_named(void **state)
{
    (void)state;
    session_is("{\"items\":[]}", 200, "", -1);
    session_is("{\"items\":[\"a\",\"a\"],\"user\":\"u\",\"country\":\"GB\"}", 200, "", -1);
    session_is("{\"items\":[\"a\"", 400, "", -1);
    session_is("[]", 422, "", -1);
    session_is("{}", 422, "items", -1);
    session_is("{\"items\":\"a\"}", 422, "items", -1);
    session_is("{\"items\":[\"a\",7]}", 422, "items", 1);
    session_is("{\"items\":[\"\"]}", 422, "items", 0);
    session_is("{\"items\":[\"a\\u0000b\"]}", 422, "items", 0);
    session_is("{\"items\":[\"a\\u0085b\"]}", 422, "items", 0);
    session_is(
        "{\"items\":[\"12345678901234567890123456789012345678901234567890123456789012345\"]}", 422,
        "items", 0);
    session_is("{\"items\":[],\"user\":null}", 422, "user", -1);
    session_is("{\"items\":[],\"country\":\"\"}", 422, "country", -1);
    session_is("{\"items\":[],\"more\":1}", 422, "more", -1);
    session_is("{\"items\":[],\"items\":[]}", 400, "", -1);
    session_is("{\"items\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21]}", 422, "items",
               -1);
}

static void a_sessions_texts_are_kept(void **state)
{
    (void)state;
    struct session_body session = {0};
    struct session_refusal refusal;
    assert_int_equal(
        session_body_parse(&session, text_of("{\"country\":\"DE\",\"items\":[\"\\u00fc\",\"b\"]}"),
                           &refusal),
        0);
    assert_int_equal(session.n_items, 2);
    assert_true(text_equal(session.item[0], text_of("\xc3\xbc")));
    assert_true(text_equal(session.item[1], text_of("b")));
    assert_true(text_equal(session.country, text_of("DE")));
    assert_int_equal(session.user.n, 0);
    session_body_free(&session);
}

/* ---- boards ---- */

static struct boards *boards_of(const char *json, struct err *err)
{
    char path[] = "/tmp/tandem-boards-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, json, strlen(json)), strlen(json));
    close(fd);
    struct boards *boards = boards_load(path, err);
    unlink(path);
    return boards;
}

static void boards_are_read(void **state)
{
    (void)state;
    struct err err = {0};
    struct boards *boards = boards_of(
        "[{\"name\":\"lights\",\"view\":\"popular\",\"hours\":24,\"categories\":[\"home/lights\"]},"
        "{\"name\":\"bought\",\"view\":\"bought_users\"},"
        "{\"name\":\"germany\",\"view\":\"popular_country\",\"country\":\"DE\",\"hours\":168}]",
        &err);
    assert_int_equal(boards_count(boards), 3);
    const struct board *board = boards_find(boards, text_of("lights"));
    assert_int_equal(board->hours, 24);
    assert_int_equal(board->n_categories, 1);
    assert_true(text_equal(board->category[0], text_of("home/lights")));
    assert_true(text_equal(boards_find(boards, text_of("germany"))->country, text_of("DE")));
    assert_null(boards_find(boards, text_of("light")));
    boards_free(boards);
    boards = boards_load("", &err);
    assert_int_equal(boards_count(boards), 0);
    boards_free(boards);
}

static void board_is_wrong(const char *json, const char *why)
{
    struct err err = {0};
    struct boards *boards = boards_of(json, &err);
    if (boards || !strstr(err.message, why))
        fail_msg("%s: '%s' instead of '%s'", json, err.message, why);
}

static void a_wrong_board_is_named(void **state)
{
    (void)state;
    struct err err = {0};
    board_is_wrong("[{", "line 1");
    board_is_wrong("{}", "not a JSON list");
    board_is_wrong("[7]", "board 1 (): is not a JSON object");
    board_is_wrong("[{\"view\":\"popular\",\"hours\":1}]", "name");
    board_is_wrong("[{\"name\":\"a\",\"hours\":1}]", "board 1 (a): view is missing");
    board_is_wrong("[{\"name\":\"a\",\"view\":\"together\"}]", "view is not one of");
    board_is_wrong("[{\"name\":\"a\",\"view\":\"popular\"}]", "hours is not");
    board_is_wrong("[{\"name\":\"a\",\"view\":\"popular\",\"hours\":169}]", "from 1 to 168");
    board_is_wrong("[{\"name\":\"a\",\"view\":\"bought_users\",\"hours\":1}]", "hours belongs");
    board_is_wrong("[{\"name\":\"a\",\"view\":\"popular_country\",\"hours\":1}]", "country");
    board_is_wrong("[{\"name\":\"a\",\"view\":\"popular\",\"hours\":1,\"country\":\"DE\"}]",
                   "country");
    board_is_wrong("[{\"name\":\"a\",\"view\":\"popular\",\"hours\":1,\"hour\":1}]", "has a field");
    board_is_wrong("[{\"name\":\"a\",\"view\":\"popular\",\"hours\":1,\"categories\":[]}]",
                   "categories");
    board_is_wrong(
        "[{\"name\":\"a\",\"view\":\"item_users\"},{\"name\":\"a\",\"view\":\"item_users\"}]",
        "board 2 (a): has the name of another one");
    assert_null(boards_load("/nowhere/boards.json", &err));
    assert_non_null(strstr(err.message, "/nowhere/boards.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(likelihood_ratios_are_those_of_dunnings_table),
        cmocka_unit_test(a_pair_is_put_into_dunnings_table),
        cmocka_unit_test(what_comes_next_is_at_most_what_both_have_in_a_table),
        cmocka_unit_test(nothing_can_be_said_of_counts_that_are_not_above_0),
        cmocka_unit_test(what_is_rare_does_not_jump_in_trending),
        cmocka_unit_test(a_pocket_calculator_arrives_at_the_score_that_is_explained),
        cmocka_unit_test(hidden_items_never_pass_unavailable_ones_when_asked),
        cmocka_unit_test(
            an_item_that_the_catalogue_lacks_is_visible_but_in_no_category_and_has_no_price),
        cmocka_unit_test(a_category_has_what_is_beneath_it),
        cmocka_unit_test(prices_are_compared_where_there_are_any),
        cmocka_unit_test(a_sessions_body_is_checked_and_what_is_wrong_is_named),
        cmocka_unit_test(a_sessions_texts_are_kept),
        cmocka_unit_test(boards_are_read),
        cmocka_unit_test(a_wrong_board_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
