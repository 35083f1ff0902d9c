#include "tests/simulation/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>

#include "views/catalogue.h"
#include "views/row.h"

static void explain(const struct answer *answer, struct text found, struct text truth,
                    uint64_t seed, const char *log_name)
{
    struct counter counter;
    print_message("TEST_SEED=%" PRIu64 " batch=%" PRId64 " degraded=%d as_of=", seed, answer->batch,
                  answer->degraded);
    for (int p = 0; p < PARTITIONS; p++)
        print_message("%" PRId64 " ", answer->as_of[p]);
    print_message("\nanswered:");
    while (row_next(&found, &counter) > 0)
        print_message(" %.*s=%" PRId64, (int)counter.member.n, counter.member.at, counter.value);
    print_message("\none pass:");
    while (row_next(&truth, &counter) > 0)
        print_message(" %.*s=%" PRId64, (int)counter.member.n, counter.member.at, counter.value);
    print_message("\nlog of the actors: %s\n", log_name);
}

static void check_row(const struct answer *answer, const struct answer_row *row, uint64_t seed,
                      const char *log_name)
{
    struct bytes found = {0}, truth = {0};
    assert_true(row_canonical((struct text){world->answer_text + row->at, row->n}, &found) >= 0);
    world_truth(answer->as_of, row->row, &truth);
    if (!text_equal(bytes_text(&found), bytes_text(&truth))) {
        unsigned view;
        struct text group;
        world_row(row->row, &view, &group);
        explain(answer, bytes_text(&found), bytes_text(&truth), seed, log_name);
        fail_msg("view %s, group %s", catalogue[view].name, group.at);
    }
    bytes_free(&found);
    bytes_free(&truth);
}

void verdict_on(const struct answer *answer, uint64_t seed, const char *log_name)
{
    for (int i = 0; i < answer->n_rows; i++)
        check_row(answer, &answer->rows[i], seed, log_name);
    if (!answer->user[0])
        return;
    struct bytes truth = {0};
    struct text found = {world->answer_text + answer->seen_at, answer->seen_n};
    world_truth_seen(answer->as_of, text_of(answer->user), &truth);
    if (!text_equal(found, bytes_text(&truth))) {
        explain(answer, (struct text){"", 0}, (struct text){"", 0}, seed, log_name);
        fail_msg("user %s has seen:\n%.*sand not:\n%.*s", answer->user, (int)truth.n, truth.at,
                 (int)found.n, found.at);
    }
    bytes_free(&truth);
}
