/* Which rows of the master dataset a `forget` takes a user's id out of, and what that costs, on real servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/integration/deployment.h"

/* One partition and no speed layer: what is looked at is Postgres. */
static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){.partitions = 1});
    stop_program("speed-1");
    return 0;
}

static void batch_run(void)
{
    must_exit(0, "$BIN/tandem-batch run --check-wait-s 0 2>$TANDEM_LOCAL/run.log");
}

static int64_t rows_of(const char *where)
{
    char sql[512];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM events WHERE %s", where);
    return sql_number(sql);
}

static void post(const char *type, const char *user, const char *event_id)
{
    char json[256];
    snprintf(json, sizeof json,
             "{\"type\":\"%s\",\"user\":\"%s\",\"item\":\"i\",\"event_id\":\"%s\"}", type, user,
             event_id);
    post_event(202, json);
}

/* Two runs, two forgets of a user in the second, and events before, between and behind them. */
static void rows_up_to_and_with_the_forget_get_one_token_and_later_ones_keep_the_user(void **state)
{
    (void)state;
    post("view", "leaver", "v1");
    post("view", "stayer", "s1");
    post("view", "leaver", "v2");
    batch_run();
    post("view", "leaver", "v3");
    post("forget", "leaver", "f1");
    post("view", "leaver", "v4");
    post("forget", "leaver", "f2");
    post("view", "leaver", "v5");
    post("view", "stayer", "s2");
    batch_run();
    assert_int_equal(rows_of("\\\"user\\\" = 'stayer'"), 2);
    assert_int_equal(rows_of("\\\"user\\\" = 'leaver'"), 1);
    assert_int_equal(rows_of("\\\"user\\\" = 'leaver' AND event_id = 'v5'"), 1);
    assert_int_equal(rows_of("\\\"user\\\" LIKE 'forgotten-%'"), 6);
    assert_int_equal(
        sql_number("SELECT count(*) FROM (SELECT array_agg(event_id ORDER BY event_id) AS ids"
                   " FROM events WHERE \\\"user\\\" LIKE 'forgotten-%' GROUP BY \\\"user\\\") t"
                   " WHERE ids IN (ARRAY['f1','v1','v2','v3'], ARRAY['f2','v4'])"),
        2);
}

/* What is replaced leaves the index; the others' events, also those in the same bucket, stay in it. */
static void the_index_has_exactly_the_rows_that_still_name_a_user(void **state)
{
    (void)state;
    assert_int_equal(
        sql_number("SELECT count(*) FROM (SELECT partition, bucket, o, tag FROM user_events"
                   " CROSS JOIN LATERAL unnest(offsets, tags) t(o, tag)) i"
                   " FULL JOIN (SELECT partition, \\\"offset\\\" AS o, \\\"user\\\" FROM events"
                   " WHERE \\\"user\\\" NOT LIKE 'forgotten-%') e USING (partition, o)"
                   " WHERE i.o IS NULL OR e.o IS NULL OR bucket <> user_bucket(\\\"user\\\")"
                   " OR tag <> user_tag(\\\"user\\\")"),
        0);
}

/* With an event_id that counted already it is a retry of something else, and no forget. */
static void a_forget_that_is_a_duplicate_changes_nothing(void **state)
{
    (void)state;
    post("forget", "stayer", "s2");
    batch_run();
    assert_int_equal(rows_of("\\\"user\\\" = 'stayer'"), 3);
    post("forget", "stayer", "f3");
    batch_run();
    assert_int_equal(rows_of("\\\"user\\\" = 'stayer'"), 0);
    the_index_has_exactly_the_rows_that_still_name_a_user(state);
}

static void rows_noted_before_there_were_tags_are_found_by_their_bucket(void **state)
{
    post("view", "elder", "e1");
    post("view", "keeper", "e2");
    batch_run();
    must_exit(0, "psql -XAtqc 'UPDATE user_events SET tags = NULL' \"$TANDEM_POSTGRES\"");
    post("view", "elder", "e3");
    post("forget", "elder", "f4");
    batch_run();
    assert_int_equal(rows_of("\\\"user\\\" = 'elder'"), 0);
    assert_int_equal(rows_of("\\\"user\\\" = 'keeper'"), 1);
    assert_int_equal(rows_of("\\\"user\\\" LIKE 'forgotten-%' AND event_id IN ('e1', 'e3', 'f4')"),
                     3);
    the_index_has_exactly_the_rows_that_still_name_a_user(state);
}

/*
 * Ten forgets meet in each bucket, and no user of the 20,000 events is forgotten: what a run looks up is its own events a few
 * times, to fold and to note them. Of the others hardly any have a forgotten user's bucket and tag.
 */
static void forgets_look_up_no_events_of_others(void **state)
{
    (void)state;
    enum { EVENTS = 20000, FORGETS = 10000 };
    static const char looked_up[] =
        "SELECT idx_tup_fetch FROM pg_stat_all_tables WHERE relname = 'events_0'";
    feed(EVENTS, 1, NULL);
    batch_run();
    must_exit(
        0,
        "seq %d | sed 's/.*/{\"event_id\":\"ghost&\",\"type\":\"forget\",\"user\":\"ghost&\",\"ts\":1700000000000}/'"
        " | $BIN/tandem-feed replay - 2>>$TANDEM_LOCAL/feed.log",
        FORGETS);
    int64_t before = sql_number(looked_up);
    batch_run();
    int64_t times = sql_number(looked_up) - before;
    fprintf(stderr, "%d events, %d forgets: %d look-ups\n", EVENTS, FORGETS, (int)times);
    assert_in_range(times, FORGETS, 7 * FORGETS);
    assert_int_equal(rows_of("\\\"user\\\" LIKE 'ghost%'"), 0);
    assert_int_equal(
        rows_of("\\\"user\\\" LIKE 'forgotten-%' AND type = 7 AND event_id LIKE 'ghost%'"),
        FORGETS);
    the_index_has_exactly_the_rows_that_still_name_a_user(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_up_to_and_with_the_forget_get_one_token_and_later_ones_keep_the_user),
        cmocka_unit_test(the_index_has_exactly_the_rows_that_still_name_a_user),
        cmocka_unit_test(a_forget_that_is_a_duplicate_changes_nothing),
        cmocka_unit_test(rows_noted_before_there_were_tags_are_found_by_their_bucket),
        cmocka_unit_test(forgets_look_up_no_events_of_others),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
