/*
 * The laws of design.md, section 4, for every view of the catalogue (none is known by name here but in the slow reference),
 * over random sequences of events. A failure prints the seed and the shortest sequence that still fails.
 *
 *   TANDEM_SEED         the seed (default: the clock)
 *   TANDEM_LAW_ROUNDS   sequences a law (default 8000, sanitized 1500)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/clock.h"
#include "tests/fuzz/sanitized.h"
#include "tests/laws/sequence.h"
#include "tests/laws/slow_views.h"
#include "tests/laws/world.h"
#include "views/row.h"

/* ---- the laws: true when they hold for this sequence ---- */

enum mutant {
    NONE,
    STATES_ARE_LOST_AT_THE_CUT,
    STATES_ARE_STALE_AT_THE_CUT,
    ORDER_OF_A_USER_IS_NOT_KEPT,
    DUPLICATE_IS_OLD,
    LAST_SETTLE_IS_MISSING,
    FORGET_IS_LOST,
    REFERENCE_MISSES_AN_EVENT
};

typedef bool (*law_fn)(const struct sequence *events, struct dice *dice, enum mutant mutant);

static enum world_end end_of(enum mutant mutant)
{
    return mutant == LAST_SETTLE_IS_MISSING ? NOT_SETTLED_AT_THE_END : SETTLED_AT_THE_END;
}

static bool any_micro_batches_give_the_same(const struct sequence *events, struct dice *dice,
                                            enum mutant mutant)
{
    struct world once = world_of(events, dice, 0, SETTLED_AT_THE_END);
    return worlds_agree(once, world_of(events, dice, 1 + dice_roll(dice, 8), end_of(mutant)),
                        false);
}

static bool incremental_equals_a_recompute_from_final_states(const struct sequence *events,
                                                             struct dice *dice, enum mutant mutant)
{
    return worlds_agree(world_of(events, dice, 3, end_of(mutant)), world_of_final_states(events),
                        true);
}

/* What the batch layer would have stored of a user. */
static struct bytes stored_of(const struct fold *fold, struct text user)
{
    struct bytes stored = {0}, found = {0};
    struct text name;
    for (size_t cursor = 0; fold_next_touched(fold, &cursor, &name, &stored);)
        if (text_equal(name, user))
            bytes_put_text(&found, bytes_text(&stored));
    bytes_free(&stored);
    return found;
}

static void speed_event(struct fold *speed, const struct fold *batch, const struct event *event,
                        struct deltas *deltas, enum mutant mutant)
{
    if (!fold_knows(speed, event->user)) {
        struct bytes stored = stored_of(batch, event->user);
        struct text state =
            mutant == STATES_ARE_LOST_AT_THE_CUT ? (struct text){"", 0} : bytes_text(&stored);
        assert_int_equal(fold_put_state(speed, event->user, state), 0);
        bytes_free(&stored);
    }
    fold_event(speed, event, deltas);
}

/* The hand-over: a fold up to a cut, its states stored; another fold with other names goes on from them. */
static bool any_split_into_batch_and_speed_merges_to_the_same(const struct sequence *events,
                                                              struct dice *dice, enum mutant mutant)
{
    size_t cut = dice_roll(dice, (unsigned)events->n + 1);
    size_t states_at = mutant == STATES_ARE_STALE_AT_THE_CUT && cut > 0 ? cut - 1 : cut;
    struct world batch = world_new(), speed = world_new(),
                 whole = world_of(events, dice, 5, SETTLED_AT_THE_END), unused = world_new();
    struct fold *batch_fold = fold_new(batch.names), *speed_fold = fold_new(speed.names),
                *stored = fold_new(unused.names);
    for (size_t i = 0; i < cut; i++) {
        world_fold(batch_fold, &events->event[i], batch.deltas);
        if (i < states_at)
            world_fold(stored, &events->event[i], unused.deltas);
    }
    fold_settle(batch_fold, batch.deltas);
    for (size_t i = cut; i < events->n; i++) {
        speed_event(speed_fold, stored, &events->event[i], speed.deltas, mutant);
        if (dice_roll(dice, 4) == 0)
            fold_settle(speed_fold, speed.deltas);
    }
    fold_settle(speed_fold, speed.deltas);
    bool rows_merge = world_rows_merge_to(&batch, &speed, &whole);
    world_add(&batch, &speed);
    fold_free(batch_fold);
    fold_free(speed_fold);
    fold_free(stored);
    world_free(&speed);
    world_free(&unused);
    return worlds_agree(batch, whole, false) && rows_merge;
}

static bool any_interleaving_that_keeps_each_users_order_gives_the_same(
    const struct sequence *events, struct dice *dice, enum mutant mutant)
{
    struct sequence other = {0};
    sequence_interleave(events, dice, mutant != ORDER_OF_A_USER_IS_NOT_KEPT, &other);
    struct world a = world_of(events, dice, 4, SETTLED_AT_THE_END);
    bool holds = worlds_agree(a, world_of(&other, dice, 4, SETTLED_AT_THE_END), false);
    sequence_free(&other);
    return holds;
}

/* A retry is within the user's last 32 events, with no `forget` between. */
static bool a_repeated_event_changes_nothing(const struct sequence *events, struct dice *dice,
                                             enum mutant mutant)
{
    struct sequence other = {0};
    sequence_repeat_some(events, dice, mutant == DUPLICATE_IS_OLD ? STATE_IDS + 1 : 0, &other);
    struct world a = world_of(events, dice, 4, SETTLED_AT_THE_END);
    bool holds = worlds_agree(a, world_of(&other, dice, 4, SETTLED_AT_THE_END), false);
    sequence_free(&other);
    return holds;
}

static bool a_forgotten_user_never_was(const struct sequence *events, struct dice *dice,
                                       enum mutant mutant)
{
    if (events->n == 0)
        return true;
    struct text user = events->event[dice_roll(dice, (unsigned)events->n)].user;
    struct sequence with = {0}, without = {0};
    for (size_t i = 0; i < events->n; i++) {
        sequence_push(&with, &events->event[i]);
        if (!text_equal(events->event[i].user, user))
            sequence_push(&without, &events->event[i]);
    }
    if (mutant != FORGET_IS_LOST)
        sequence_push(&with, &(struct event){.type = EVENT_FORGET,
                                             .event_id = text_of("the-last-one"),
                                             .user = user,
                                             .price = -1});
    struct world a = world_of(&with, dice, 4, SETTLED_AT_THE_END);
    bool holds = worlds_agree(a, world_of(&without, dice, 4, SETTLED_AT_THE_END), true);
    sequence_free(&with);
    sequence_free(&without);
    return holds;
}

static bool the_slow_reference_agrees(const struct sequence *events, struct dice *dice,
                                      enum mutant mutant)
{
    struct world fast = world_of(events, dice, 4, SETTLED_AT_THE_END), slow = world_new();
    struct sequence told = *events;
    if (mutant == REFERENCE_MISSES_AN_EVENT && told.n > 0)
        told.n--;
    slow_views(&told, slow.names, slow.deltas);
    return worlds_agree(fast, slow, false);
}

/* ---- running a law ---- */

static uint64_t seed;
static long rounds;

static bool holds_for(law_fn law, const struct sequence *events, uint64_t round_seed,
                      enum mutant mutant)
{
    struct dice dice = {round_seed};
    return law(events, &dice, mutant);
}

/* Fewer events make other rolls of the dice (another cut, other micro-batches): the rest fails if it does for some. */
static bool fails_for_some(law_fn law, const struct sequence *events, uint64_t *round_seed,
                           enum mutant mutant)
{
    enum { TRIES = 40 };
    for (uint64_t try = 0; try < TRIES; try++)
        if (!holds_for(law, events, *round_seed + try, mutant)) {
            *round_seed += try;
            return true;
        }
    return false;
}

/* All but the `n` events from `at` on. */
static struct sequence sequence_without(const struct sequence *events, size_t at, size_t n)
{
    struct sequence fewer = {0};
    for (size_t i = 0; i < events->n; i++)
        if (i < at || i >= at + n)
            sequence_push(&fewer, &events->event[i]);
    return fewer;
}

/* Takes events out, many at once and then one by one, as long as the rest still fails; with which dice, it tells. */
static void shrink(law_fn law, struct sequence *events, uint64_t *round_seed, enum mutant mutant)
{
    for (size_t n = events->n / 2 + 1; n > 0; n /= 2)
        for (size_t at = 0; at < events->n;) {
            struct sequence fewer = sequence_without(events, at, n);
            if (!fails_for_some(law, &fewer, round_seed, mutant)) {
                sequence_free(&fewer);
                at += n;
                continue;
            }
            sequence_free(events);
            *events = fewer;
            at = 0;
        }
}

static uint64_t seed_of_round(long round)
{
    return seed * 1000003 + (uint64_t)round;
}

static void sequence_of_round(long round, struct sequence *events)
{
    struct dice dice = {seed_of_round(round) ^ 0x5eed};
    sequence_random(&dice, events);
}

/* The first round in which the law does not hold, or -1. With `print` shows the shortest sequence that fails. */
static long first_failure(law_fn law, enum mutant mutant, long n_rounds, bool print)
{
    for (long round = 0; round < n_rounds; round++) {
        uint64_t round_seed = seed_of_round(round);
        struct sequence events = {0};
        sequence_of_round(round, &events);
        bool holds = holds_for(law, &events, round_seed, mutant);
        if (!holds && print) {
            shrink(law, &events, &round_seed, mutant);
            fprintf(stderr, "fails with TANDEM_SEED=%llu, round %ld; shortest sequence:\n",
                    (unsigned long long)seed, round);
            sequence_print(&events, stderr);
        }
        sequence_free(&events);
        if (!holds)
            return round;
    }
    return -1;
}

#define LAW(name)                                                      \
    static void law_##name(void **state)                               \
    {                                                                  \
        (void)state;                                                   \
        assert_int_equal(first_failure(name, NONE, rounds, true), -1); \
    }

LAW(any_micro_batches_give_the_same)
LAW(incremental_equals_a_recompute_from_final_states)
LAW(any_split_into_batch_and_speed_merges_to_the_same)
LAW(any_interleaving_that_keeps_each_users_order_gives_the_same)
LAW(a_repeated_event_changes_nothing)
LAW(a_forgotten_user_never_was)
LAW(the_slow_reference_agrees)

/* Each law with each way to break it: were one not noticed, the law would say nothing. */
static const struct broken {
    law_fn law;
    enum mutant mutant;
} broken[] = {
    {any_micro_batches_give_the_same, LAST_SETTLE_IS_MISSING},
    {incremental_equals_a_recompute_from_final_states, LAST_SETTLE_IS_MISSING},
    {any_split_into_batch_and_speed_merges_to_the_same, STATES_ARE_LOST_AT_THE_CUT},
    {any_split_into_batch_and_speed_merges_to_the_same, STATES_ARE_STALE_AT_THE_CUT},
    {any_interleaving_that_keeps_each_users_order_gives_the_same, ORDER_OF_A_USER_IS_NOT_KEPT},
    {a_repeated_event_changes_nothing, DUPLICATE_IS_OLD},
    {a_forgotten_user_never_was, FORGET_IS_LOST},
    {the_slow_reference_agrees, REFERENCE_MISSES_AN_EVENT},
};

static void the_laws_catch_what_breaks_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        if (first_failure(broken[i].law, broken[i].mutant, 200, false) < 0)
            fail_msg("TANDEM_SEED=%llu: mutant %d was not caught", (unsigned long long)seed,
                     broken[i].mutant);
}

/* A person has to read what is printed of a failure: none of its events can be left out, and they are few. */
static void a_failing_sequence_is_cut_down_to_a_few_events(void **state)
{
    (void)state;
    law_fn law = any_split_into_batch_and_speed_merges_to_the_same;
    long round = first_failure(law, STATES_ARE_LOST_AT_THE_CUT, 200, false);
    assert_true(round >= 0);
    struct sequence events = {0};
    sequence_of_round(round, &events);
    uint64_t round_seed = seed_of_round(round);
    shrink(law, &events, &round_seed, STATES_ARE_LOST_AT_THE_CUT);
    assert_false(holds_for(law, &events, round_seed, STATES_ARE_LOST_AT_THE_CUT));
    assert_int_equal(events.n, 2); /* one event on each side of the cut */
    sequence_free(&events);
}

/* ---- rows ---- */

static void random_log(struct dice *dice, struct bytes *log)
{
    for (unsigned n = dice_roll(dice, 60); n > 0; n--) {
        char member[8];
        int length = snprintf(member, sizeof member, "m%u", dice_roll(dice, 12));
        row_put(log, (struct text){member, (size_t)length}, (int64_t)dice_roll(dice, 7) - 3);
    }
}

static void merging_canonical_rows_is_the_sum_of_their_logs(void **state)
{
    (void)state;
    struct dice dice = {seed};
    for (long round = 0; round < rounds; round++) {
        struct bytes log_a = {0}, log_b = {0}, a = {0}, b = {0}, sum = {0}, both = {0}, back = {0};
        random_log(&dice, &log_a);
        random_log(&dice, &log_b);
        assert_true(row_canonical(bytes_text(&log_a), &a) >= 0);
        assert_true(row_canonical(bytes_text(&log_b), &b) >= 0);
        assert_true(row_merge(bytes_text(&a), bytes_text(&b), 1, &sum) >= 0);
        assert_true(row_merge(bytes_text(&sum), bytes_text(&b), -1, &back) >= 0);
        bytes_put_text(&log_a, bytes_text(&log_b));
        assert_true(row_canonical(bytes_text(&log_a), &both) >= 0);
        assert_true(text_equal(bytes_text(&sum), bytes_text(&both)));
        assert_true(text_equal(bytes_text(&back), bytes_text(&a)));
        struct bytes *all[] = {&log_a, &log_b, &a, &b, &sum, &both, &back};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            bytes_free(all[i]);
    }
}

int main(void)
{
    const char *given = getenv("TANDEM_SEED"), *longer = getenv("TANDEM_LAW_ROUNDS");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)clock_monotonic_us();
    rounds = longer ? atol(longer) : SANITIZED ? 1500 : 8000;
    printf("TANDEM_SEED=%llu TANDEM_LAW_ROUNDS=%ld\n", (unsigned long long)seed, rounds);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(law_any_micro_batches_give_the_same),
        cmocka_unit_test(law_incremental_equals_a_recompute_from_final_states),
        cmocka_unit_test(law_any_split_into_batch_and_speed_merges_to_the_same),
        cmocka_unit_test(law_any_interleaving_that_keeps_each_users_order_gives_the_same),
        cmocka_unit_test(law_a_repeated_event_changes_nothing),
        cmocka_unit_test(law_a_forgotten_user_never_was),
        cmocka_unit_test(law_the_slow_reference_agrees),
        cmocka_unit_test(the_laws_catch_what_breaks_them),
        cmocka_unit_test(a_failing_sequence_is_cut_down_to_a_few_events),
        cmocka_unit_test(merging_canonical_rows_is_the_sum_of_their_logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
