/*
 * The laws of design.md, section 4, for every view of the catalogue (none is known by name here but in the slow reference),
 * over random sequences of events. A failure prints the seed and the shortest sequence that still fails.
 *
 *   TANDEM_SEED         the seed (default: the clock)
 *   TANDEM_LAW_ROUNDS   sequences a law (default 1500)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/clock.h"
#include "tests/laws/sequence.h"
#include "tests/laws/slow_views.h"
#include "views/fold.h"
#include "views/row.h"

/* ---- a world: what a fold of some sequence left ---- */

struct world {
    struct names *names;
    struct deltas *deltas;
};

static struct world world_new(void)
{
    return (struct world){names_new(), deltas_new()};
}

static void world_free(struct world *world)
{
    deltas_free(world->deltas);
    names_free(world->names);
}

static void fold_one(struct fold *fold, const struct event *event, struct deltas *deltas)
{
    if (!fold_knows(fold, event->user))
        assert_int_equal(fold_put_state(fold, event->user, (struct text){"", 0}), 0);
    fold_event(fold, event, deltas);
}

/* One pass; settles after each event with the probability 1/settle (0: once, at the end). */
static struct world world_of(const struct sequence *events, struct dice *dice, unsigned settle)
{
    struct world world = world_new();
    struct fold *fold = fold_new(world.names);
    for (size_t i = 0; i < events->n; i++) {
        fold_one(fold, &events->event[i], world.deltas);
        if (settle && dice_roll(dice, settle) == 0) {
            fold_settle(fold, world.deltas);
            fold_forget_touched(fold);
        }
    }
    fold_settle(fold, world.deltas);
    fold_free(fold);
    return world;
}

/* Adds all counters of one world to another. */
static void world_add(struct world *into, const struct world *from)
{
    for (size_t row = 0; row < deltas_rows(from->deltas); row++) {
        unsigned view;
        uint32_t group, member;
        int64_t value;
        deltas_row_key(from->deltas, row, &view, &group);
        uint32_t into_group = names_put(into->names, names_text(from->names, group));
        for (size_t cursor = 0; deltas_next(from->deltas, row, &cursor, &member, &value);)
            deltas_add(into->deltas, view, into_group,
                       names_put(into->names, names_text(from->names, member)), value);
    }
}

/* Every counter of a is in b with the same value. */
static bool world_within(const struct world *a, const struct world *b, bool state_views_only)
{
    for (size_t row = 0; row < deltas_rows(a->deltas); row++) {
        unsigned view;
        uint32_t group, member;
        int64_t value;
        deltas_row_key(a->deltas, row, &view, &group);
        if (state_views_only && !catalogue[view].of_state)
            continue;
        uint32_t b_group = names_find(b->names, names_text(a->names, group));
        for (size_t cursor = 0; deltas_next(a->deltas, row, &cursor, &member, &value);) {
            uint32_t b_member = names_find(b->names, names_text(a->names, member));
            if (b_group == NAMES_ABSENT || b_member == NAMES_ABSENT ||
                deltas_get(b->deltas, view, b_group, b_member) != value)
                return false;
        }
    }
    return true;
}

/* Compares and frees both. */
static bool worlds_agree(struct world a, struct world b, bool state_views_only)
{
    bool agree = world_within(&a, &b, state_views_only) && world_within(&b, &a, state_views_only);
    world_free(&a);
    world_free(&b);
    return agree;
}

/* ---- the laws: true when they hold for this sequence ---- */

enum mutant {
    NONE,
    STATES_ARE_LOST_AT_THE_CUT,
    STATES_ARE_STALE_AT_THE_CUT,
    ORDER_OF_A_USER_IS_NOT_KEPT,
    DUPLICATE_IS_OLD
};

typedef bool (*law_fn)(const struct sequence *events, struct dice *dice, enum mutant mutant);

static bool any_micro_batches_give_the_same(const struct sequence *events, struct dice *dice,
                                            enum mutant mutant)
{
    (void)mutant;
    struct world once = world_of(events, dice, 0);
    return worlds_agree(once, world_of(events, dice, 1 + dice_roll(dice, 8)), false);
}

/* Contributions of the final states alone. */
static struct world world_of_states(const struct sequence *events)
{
    struct world all = world_new(), unused = world_new();
    struct fold *fold = fold_new(all.names);
    for (size_t i = 0; i < events->n; i++)
        fold_one(fold, &events->event[i], unused.deltas);
    uint32_t name_of_all = names_put(all.names, text_of("all"));
    struct text user;
    struct bytes stored = {0};
    for (size_t cursor = 0; fold_next_touched(fold, &cursor, &user, &stored);)
        for (unsigned v = 0; v < catalogue_views; v++)
            if (catalogue[v].of_state)
                catalogue[v].of_state(fold_state(fold, user), &(struct emit){.names = all.names,
                                                                             .deltas = all.deltas,
                                                                             .all = name_of_all,
                                                                             .view = v,
                                                                             .sign = 1});
    bytes_free(&stored);
    fold_free(fold);
    world_free(&unused);
    return all;
}

static bool incremental_equals_a_recompute_from_final_states(const struct sequence *events,
                                                             struct dice *dice, enum mutant mutant)
{
    (void)mutant;
    return worlds_agree(world_of(events, dice, 3), world_of_states(events), true);
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
    struct world batch = world_new(), speed = world_new(), whole = world_of(events, dice, 5),
                 unused = world_new();
    struct fold *batch_fold = fold_new(batch.names), *speed_fold = fold_new(speed.names),
                *stored = fold_new(unused.names);
    for (size_t i = 0; i < cut; i++) {
        fold_one(batch_fold, &events->event[i], batch.deltas);
        if (i < states_at)
            fold_one(stored, &events->event[i], unused.deltas);
    }
    fold_settle(batch_fold, batch.deltas);
    for (size_t i = cut; i < events->n; i++) {
        speed_event(speed_fold, stored, &events->event[i], speed.deltas, mutant);
        if (dice_roll(dice, 4) == 0)
            fold_settle(speed_fold, speed.deltas);
    }
    fold_settle(speed_fold, speed.deltas);
    world_add(&batch, &speed);
    fold_free(batch_fold);
    fold_free(speed_fold);
    fold_free(stored);
    world_free(&speed);
    world_free(&unused);
    return worlds_agree(batch, whole, false);
}

static bool any_interleaving_that_keeps_each_users_order_gives_the_same(
    const struct sequence *events, struct dice *dice, enum mutant mutant)
{
    struct sequence other = {0};
    sequence_interleave(events, dice, mutant != ORDER_OF_A_USER_IS_NOT_KEPT, &other);
    struct world a = world_of(events, dice, 4);
    bool holds = worlds_agree(a, world_of(&other, dice, 4), false);
    sequence_free(&other);
    return holds;
}

/* A retry is within the user's last 32 events, with no `forget` between. */
static bool a_repeated_event_changes_nothing(const struct sequence *events, struct dice *dice,
                                             enum mutant mutant)
{
    struct sequence other = {0};
    sequence_repeat_some(events, dice, mutant == DUPLICATE_IS_OLD ? STATE_IDS + 1 : 0, &other);
    struct world a = world_of(events, dice, 4);
    bool holds = worlds_agree(a, world_of(&other, dice, 4), false);
    sequence_free(&other);
    return holds;
}

static bool a_forgotten_user_never_was(const struct sequence *events, struct dice *dice,
                                       enum mutant mutant)
{
    (void)mutant;
    if (events->n == 0)
        return true;
    struct text user = events->event[dice_roll(dice, (unsigned)events->n)].user;
    struct sequence with = {0}, without = {0};
    for (size_t i = 0; i < events->n; i++) {
        sequence_push(&with, &events->event[i]);
        if (!text_equal(events->event[i].user, user))
            sequence_push(&without, &events->event[i]);
    }
    sequence_push(&with, &(struct event){.type = EVENT_FORGET,
                                         .event_id = text_of("the-last-one"),
                                         .user = user,
                                         .ts = 1,
                                         .quantity = 1,
                                         .price = -1,
                                         .country = text_of("-"),
                                         .device = text_of("-")});
    struct world a = world_of(&with, dice, 4);
    bool holds = worlds_agree(a, world_of(&without, dice, 4), true);
    sequence_free(&with);
    sequence_free(&without);
    return holds;
}

static bool the_slow_reference_agrees(const struct sequence *events, struct dice *dice,
                                      enum mutant mutant)
{
    (void)mutant;
    struct world fast = world_of(events, dice, 4), slow = world_new();
    slow_views(events, slow.names, slow.deltas);
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

/* Takes events out as long as the rest still fails. */
static void shrink(law_fn law, struct sequence *events, uint64_t round_seed, enum mutant mutant)
{
    for (size_t i = 0; i < events->n;) {
        struct sequence fewer = {0};
        for (size_t j = 0; j < events->n; j++)
            if (j != i)
                sequence_push(&fewer, &events->event[j]);
        if (holds_for(law, &fewer, round_seed, mutant)) {
            sequence_free(&fewer);
            i++;
        } else {
            sequence_free(events);
            *events = fewer;
            i = 0;
        }
    }
}

/* The first round in which the law does not hold, or -1. With `print` shows the shortest sequence that fails. */
static long first_failure(law_fn law, enum mutant mutant, long n_rounds, bool print)
{
    for (long round = 0; round < n_rounds; round++) {
        uint64_t round_seed = seed * 1000003 + (uint64_t)round;
        struct dice dice = {round_seed ^ 0x5eed};
        struct sequence events = {0};
        sequence_random(&dice, &events);
        bool holds = holds_for(law, &events, round_seed, mutant);
        if (!holds && print) {
            shrink(law, &events, round_seed, mutant);
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

static void the_laws_catch_what_breaks_them(void **state)
{
    (void)state;
    assert_true(first_failure(any_split_into_batch_and_speed_merges_to_the_same,
                              STATES_ARE_LOST_AT_THE_CUT, 50, false) >= 0);
    assert_true(first_failure(any_split_into_batch_and_speed_merges_to_the_same,
                              STATES_ARE_STALE_AT_THE_CUT, 200, false) >= 0);
    assert_true(first_failure(any_interleaving_that_keeps_each_users_order_gives_the_same,
                              ORDER_OF_A_USER_IS_NOT_KEPT, 50, false) >= 0);
    assert_true(first_failure(a_repeated_event_changes_nothing, DUPLICATE_IS_OLD, 200, false) >= 0);
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
    rounds = longer ? atol(longer) : 1500;
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
        cmocka_unit_test(merging_canonical_rows_is_the_sum_of_their_logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
