/* What a nightly run counts on without a server: when it is due, how long it waits before another attempt, what it shows. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "batch-layer/backoff.h"
#include "batch-layer/night.h"
#include "batch-layer/progress.h"

/* "2026-03-29 00:59:59", UTC. */
static time_t utc(const char *text)
{
    struct tm tm = {0};
    assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
    return timegm(&tm);
}

static void zone(const char *name)
{
    struct err err = {0};
    if (night_zone_set(name, &err))
        fail_msg("%s", err.message);
}

static void due(time_t at, const char *wanted)
{
    char text[32];
    struct tm tm;
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", gmtime_r(&at, &tm));
    assert_string_equal(text, wanted);
}

static struct night night_of(const char *text)
{
    struct night night;
    assert_int_equal(night_parse(text, &night), 0);
    return night;
}

static void a_night_is_due_once_a_local_day(void **state)
{
    (void)state;
    zone("Europe/Berlin");
    struct night night = night_of("02:30");
    due(night_last(night, utc("2026-01-10 01:30:00")), "2026-01-10 01:30:00");
    due(night_last(night, utc("2026-01-10 01:29:59")), "2026-01-09 01:30:00");
    due(night_next(night, utc("2026-01-10 01:29:59")), "2026-01-10 01:30:00");
    due(night_next(night, utc("2026-01-10 01:30:00")), "2026-01-11 01:30:00");
    due(night_next(night, utc("2026-07-10 12:00:00")), "2026-07-11 00:30:00"); /* summer time */
    due(night_next(night_of("00:00"), utc("2026-07-10 21:59:59")), "2026-07-10 22:00:00");
    due(night_last(night_of("23:59"), utc("2026-12-31 23:30:00")), "2026-12-31 22:59:00");
}

/* Berlin, 29 March 2026: at 02:00 (01:00 UTC) it is 03:00; there is no 02:30. */
static void a_time_that_does_not_exist_is_due_when_the_gap_ends(void **state)
{
    (void)state;
    zone("Europe/Berlin");
    struct night night = night_of("02:30");
    due(night_next(night, utc("2026-03-28 12:00:00")), "2026-03-29 01:00:00");
    due(night_last(night, utc("2026-03-29 00:59:59")), "2026-03-28 01:30:00");
    due(night_last(night, utc("2026-03-29 01:00:00")), "2026-03-29 01:00:00");
    due(night_next(night, utc("2026-03-29 01:00:00")), "2026-03-30 00:30:00");
}

/* Berlin, 25 October 2026: at 03:00 (01:00 UTC) it is 02:00 again; 02:30 comes at 00:30 and at 01:30 UTC. */
static void a_time_that_exists_twice_is_due_the_first_time_and_once(void **state)
{
    (void)state;
    zone("Europe/Berlin");
    struct night night = night_of("02:30");
    due(night_next(night, utc("2026-10-24 12:00:00")), "2026-10-25 00:30:00");
    due(night_next(night, utc("2026-10-25 00:30:00")), "2026-10-26 01:30:00");
    due(night_last(night, utc("2026-10-25 01:30:00")), "2026-10-25 00:30:00");
    due(night_last(night, utc("2026-10-25 03:00:00")), "2026-10-25 00:30:00");
}

static void zones_with_odd_offsets_and_skipped_days_have_their_nights(void **state)
{
    (void)state;
    zone("Asia/Kathmandu"); /* +05:45 */
    due(night_next(night_of("02:30"), utc("2026-05-01 00:00:00")), "2026-05-01 20:45:00");
    zone("Australia/Lord_Howe"); /* half an hour of summer time: 4 October 2026, 02:00 is 02:30 */
    due(night_next(night_of("02:15"), utc("2026-10-03 12:00:00")), "2026-10-03 15:30:00");
    zone("Pacific/Kiritimati"); /* +14 */
    due(night_next(night_of("02:30"), utc("2026-05-01 12:00:00")), "2026-05-01 12:30:00");
    zone("Pacific/Apia"); /* there was no 30 December 2011 */
    due(night_next(night_of("02:30"), utc("2011-12-29 12:30:00")), "2011-12-30 10:00:00");
    due(night_next(night_of("02:30"), utc("2011-12-30 10:00:00")), "2011-12-30 12:30:00");
    zone("America/Santiago"); /* midnight does not exist on 6 September 2026 */
    due(night_next(night_of("00:00"), utc("2026-09-05 12:00:00")), "2026-09-06 04:00:00");
    zone("UTC");
    due(night_next(night_of("02:30"), utc("2026-05-01 02:30:00")), "2026-05-02 02:30:00");
}

/* Every five hours over two years: due times only grow, and each is its own last one. */
static void no_night_is_lost_or_doubled_over_two_years(void **state)
{
    (void)state;
    zone("Europe/Berlin");
    struct night night = night_of("02:30");
    time_t end = utc("2028-01-01 00:00:00"), before = 0;
    int nights = 0;
    for (time_t now = utc("2026-01-01 00:00:00"); now < end; now += 5 * 3600) {
        time_t last = night_last(night, now), next = night_next(night, now);
        assert_true(last <= now && now < next);
        assert_true(next - last >= 23 * 3600 && next - last <= 25 * 3600);
        nights += last != before && before;
        before = last;
    }
    assert_int_equal(nights, 730);
}

static void what_is_no_time_of_day_or_no_zone_is_refused(void **state)
{
    (void)state;
    static const char *const times[] = {"",      "2:30",   "24:00",  "02:60",     "02:3",
                                        "02:30 ", "02-30", "ab:cd", "02:30:00", "-1:30"};
    static const char *const zones[] = {"",          "Berlin",          "Europe/Berln", "../../etc/passwd",
                                        "/etc/localtime", "Europe", "CET-1CEST",    "tzdata.zi"};
    struct night night;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        assert_int_equal(night_parse(times[i], &night), -1);
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        struct err err = {0};
        assert_int_equal(night_zone_set(zones[i], &err), -1);
        assert_int_equal(err.kind, ERR_FATAL);
    }
}

static void each_wait_is_twice_the_one_before_up_to_an_hour(void **state)
{
    (void)state;
    static const int64_t middle_s[] = {300, 600, 1200, 2400, 3600, 3600};
    for (int k = 1; k <= 6; k++) {
        int64_t least = backoff_ms(300, k, 0), most = backoff_ms(300, k, UINT32_MAX);
        assert_int_equal(least, middle_s[k - 1] * 750);
        assert_true(most < middle_s[k - 1] * 1250 && most > middle_s[k - 1] * 1249);
        assert_in_range(backoff_ms(300, k, UINT32_MAX / 2), middle_s[k - 1] * 999,
                        middle_s[k - 1] * 1001);
    }
    assert_int_equal(backoff_ms(0, 5, UINT32_MAX), 0);
    assert_int_equal(backoff_ms(86400, 3, 0), 86400 * 750); /* asked for more than an hour */
    assert_int_equal(backoff_ms(1, INT64_MAX, 0), 3600 * 750);
}

static void progress_says_how_much_and_how_long_yet(void **state)
{
    (void)state;
    char text[160];
    progress_text(text, sizeof text, "run 7, aggregate", 250, 1000, "records", 20000000);
    assert_string_equal(text, "run 7, aggregate: 250 of 1000 records, 25 %, about 1 min 0 s left");
    progress_text(text, sizeof text, "r", 10, 1000000, "records", 1000000);
    assert_string_equal(text, "r: 10 of 1000000 records, 0 %, about 27 h 46 min left");
    progress_text(text, sizeof text, "r", 5, 10, "records", 500000); /* too early to say */
    assert_string_equal(text, "r: 5 of 10 records, 50 %");
    progress_text(text, sizeof text, "r", 0, 10, "records", 9000000);
    assert_string_equal(text, "r: 0 of 10 records, 0 %");
    progress_text(text, sizeof text, "r", 10, 10, "records", 9000000);
    assert_string_equal(text, "r: 10 of 10 records, 100 %");
    progress_text(text, sizeof text, "run 7, publish", 0, 0, "", 9000000);
    assert_string_equal(text, "run 7, publish");
    progress_text(text, 12, "run 7, aggregate", 5, 10, "records", 9000000);
    assert_string_equal(text, "run 7, aggr");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_night_is_due_once_a_local_day),
        cmocka_unit_test(a_time_that_does_not_exist_is_due_when_the_gap_ends),
        cmocka_unit_test(a_time_that_exists_twice_is_due_the_first_time_and_once),
        cmocka_unit_test(zones_with_odd_offsets_and_skipped_days_have_their_nights),
        cmocka_unit_test(no_night_is_lost_or_doubled_over_two_years),
        cmocka_unit_test(what_is_no_time_of_day_or_no_zone_is_refused),
        cmocka_unit_test(each_wait_is_twice_the_one_before_up_to_an_hour),
        cmocka_unit_test(progress_says_how_much_and_how_long_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
