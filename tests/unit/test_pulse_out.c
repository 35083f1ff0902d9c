/* What the pulse says of the parts, from what is known of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "serving-layer/pulse_out.h"

/* Two partitions of which all is well; nothing new has come in. */
static struct pulse_state well(void)
{
    struct pulse_state state = {
        .at_ms = 5000,
        .look = {.kafka = true, .postgres = true, .last_run = {.n = 3, .state = "done"}},
        .events_per_s = 12.25,
        .freshness_ms = PULSE_UNKNOWN,
        .partitions = 2,
        .batch = 3,
        .published_ms = 4000,
        .boundary = {10, 20},
        .as_of = {15, 25},
        .n_servers = 1,
        .server = {{"redis", 6379, true}},
    };
    for (int p = 0; p < PARTITIONS_MAX; p++)
        state.look.log_end[p] = state.look.archived[p] = p < 2 ? 15 + 10 * p : -1;
    return state;
}

static json_t *said(const struct pulse_state *state)
{
    struct bytes out = {0};
    pulse_state_put(state, &out);
    json_error_t why;
    json_t *json = json_loadb(out.at, out.n, JSON_REJECT_DUPLICATES, &why);
    assert_non_null(json);
    bytes_free(&out);
    return json;
}

static void part_is(const struct pulse_state *state, const char *name, const char *expected)
{
    json_t *json = said(state), *part;
    size_t i;
    int found = 0;
    json_array_foreach(json_object_get(json, "parts"), i, part)
    {
        if (strcmp(json_string_value(json_object_get(part, "part")), name) != 0)
            continue;
        assert_string_equal(json_string_value(json_object_get(part, "state")), expected);
        found++;
    }
    assert_int_equal(found, 1);
    json_decref(json);
}

static void numbers_are_told_and_what_is_not_known_is_null(void **state)
{
    (void)state;
    struct pulse_state of = well();
    json_t *json = said(&of);
    assert_true(json_real_value(json_object_get(json, "events_per_s")) > 12.1);
    assert_true(json_is_null(json_object_get(json, "freshness_ms")));
    assert_int_equal(json_integer_value(json_object_get(json, "batch")), 3);
    assert_int_equal(json_array_size(json_object_get(json, "as_of")), 2);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(json, "archived"), 1)), 25);
    json_decref(json);
    of.look.kafka = false;
    of.events_per_s = PULSE_UNKNOWN;
    of.partitions = 0;
    json = said(&of);
    static const char *const names[] = {"events_per_s", "batch", "published_at", "as_of", "lag"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(json_is_null(json_object_get(json, names[i])));
    json_decref(json);
}

static void every_part_that_does_its_work_is_ok(void **state)
{
    (void)state;
    static const char *const parts[] = {"kafka", "postgres", "redis-0",
                                        "speed", "archive",  "batch"};
    struct pulse_state of = well();
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        part_is(&of, parts[i], "ok");
}

static void a_server_that_is_away_is_so_and_who_needs_it_is_not_known(void **state)
{
    (void)state;
    struct pulse_state of = well();
    of.look.kafka = false;
    part_is(&of, "kafka", "away");
    part_is(&of, "speed", "unknown");
    part_is(&of, "archive", "unknown");
    of = well();
    of.look.postgres = false;
    part_is(&of, "postgres", "away");
    part_is(&of, "archive", "unknown");
    part_is(&of, "batch", "unknown");
    of = well();
    of.server[0].up = false;
    of.degraded = true;
    part_is(&of, "redis-0", "away");
    part_is(&of, "speed", "unknown");
}

static void a_layer_with_work_that_stands_still_is_stalled_and_a_slow_one_behind(void **state)
{
    (void)state;
    struct pulse_state of = well();
    of.lag[1] = 7;
    assert_int_equal(pulse_state_lag(&of), 7);
    part_is(&of, "speed", "ok");
    of.freshness_ms = 11000;
    part_is(&of, "speed", "behind");
    of.speed_still_s = 11;
    part_is(&of, "speed", "stalled");
    of = well();
    of.look.archived[0] = 10;
    of.archive_still_s = 11;
    assert_int_equal(pulse_state_unarchived(&of), 5);
    part_is(&of, "archive", "stalled");
}

static void the_batch_layer_is_idle_before_its_first_run_and_drift_is_told(void **state)
{
    (void)state;
    struct pulse_state of = well();
    of.look.last_run.drift = 2;
    part_is(&of, "batch", "drift");
    of.look.last_run.n = 0;
    part_is(&of, "batch", "idle");
}

static void the_hour_is_told_in_columns(void **state)
{
    (void)state;
    const struct pulse_sample samples[] = {{1000, 2.5, 40, 3},
                                           {6000, PULSE_UNKNOWN, PULSE_UNKNOWN, PULSE_UNKNOWN}};
    struct bytes out = {0};
    pulse_samples_put(samples, 2, &out);
    bytes_put(&out, "", 1);
    assert_string_equal(out.at, "{\"samples\":2,\"at\":[1000,6000],\"freshness_ms\":[40,null],"
                                "\"lag\":[3,null],\"events_per_s\":[2.5,null]}");
    bytes_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_told_and_what_is_not_known_is_null),
        cmocka_unit_test(every_part_that_does_its_work_is_ok),
        cmocka_unit_test(a_server_that_is_away_is_so_and_who_needs_it_is_not_known),
        cmocka_unit_test(a_layer_with_work_that_stands_still_is_stalled_and_a_slow_one_behind),
        cmocka_unit_test(the_batch_layer_is_idle_before_its_first_run_and_drift_is_told),
        cmocka_unit_test(the_hour_is_told_in_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
