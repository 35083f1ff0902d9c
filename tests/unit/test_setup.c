/* When set-up goes on from what is there, and when it refuses and says what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "batch-layer/setup.h"

enum { PARTITIONS = 4 };

#define OURS   "0123456789abcdef0123456789abcdef"
#define THEIRS "fedcba9876543210fedcba9876543210"

static const struct schema_found tables = {.there = true,
                                           .deployment = OURS,
                                           .version = SCHEMA_VERSION,
                                           .topic = "events",
                                           .partitions = PARTITIONS};

static void goes_on(struct setup_found found)
{
    struct err err = {0};
    if (setup_judge(&found, "events", PARTITIONS, &err))
        fail_msg("refused: %s", err.message);
}

static void refuses(struct setup_found found, const char *words)
{
    struct err err = {0};
    assert_int_equal(setup_judge(&found, "events", PARTITIONS, &err), -1);
    assert_int_equal(err.kind, ERR_FATAL);
    if (!strstr(err.message, words))
        fail_msg("does not say \"%s\": %s", words, err.message);
}

static void it_goes_on_wherever_it_was_killed(void **state)
{
    (void)state;
    goes_on((struct setup_found){0});
    goes_on((struct setup_found){.schema = tables});
    goes_on((struct setup_found){.schema = tables, .topic = {PARTITIONS, 0}});
    goes_on((struct setup_found){.schema = tables, .topic = {PARTITIONS, 0}, .mark = OURS});
}

static void it_may_be_repeated_beside_a_living_deployment(void **state)
{
    (void)state;
    struct schema_found archived = tables;
    archived.archived = 1000;
    goes_on((struct setup_found){.schema = archived, .topic = {PARTITIONS, 2000}, .mark = OURS});
}

static void an_empty_topic_made_by_somebody_is_taken(void **state)
{
    (void)state;
    goes_on((struct setup_found){.topic = {PARTITIONS, 0}});
}

static void events_before_the_mark_was_written_are_taken(void **state)
{
    (void)state;
    goes_on((struct setup_found){.schema = tables, .topic = {PARTITIONS, 10}});
}

static void an_empty_database_beside_a_used_topic_is_refused(void **state)
{
    (void)state;
    refuses((struct setup_found){.topic = {PARTITIONS, 1}}, "TANDEM_POSTGRES");
    refuses((struct setup_found){.topic = {PARTITIONS, 0}, .mark = THEIRS}, THEIRS);
}

static void another_deployments_topic_is_refused(void **state)
{
    (void)state;
    refuses((struct setup_found){.schema = tables, .topic = {PARTITIONS, 0}, .mark = THEIRS},
            THEIRS);
}

static void another_number_of_partitions_is_refused(void **state)
{
    (void)state;
    struct schema_found three = tables;
    three.partitions = 3;
    refuses((struct setup_found){.schema = three}, "TANDEM_PARTITIONS");
    refuses((struct setup_found){.topic = {3, 0}}, "TANDEM_PARTITIONS");
    refuses((struct setup_found){.schema = tables, .topic = {8, 10}, .mark = OURS},
            "TANDEM_PARTITIONS");
}

static void another_topics_database_is_refused(void **state)
{
    (void)state;
    struct schema_found other = tables;
    snprintf(other.topic, sizeof other.topic, "clicks");
    refuses((struct setup_found){.schema = other}, "TANDEM_TOPIC");
}

static void tables_of_another_version_are_refused(void **state)
{
    (void)state;
    struct schema_found newer = tables, too_old = tables;
    newer.version = SCHEMA_VERSION + 1;
    too_old.version = SCHEMA_OLDEST - 1;
    refuses((struct setup_found){.schema = newer}, "version");
    refuses((struct setup_found){.schema = too_old}, "version");
}

static void tables_of_an_older_version_are_gone_on_from(void **state)
{
    (void)state;
    struct schema_found older = tables;
    older.version = SCHEMA_OLDEST;
    goes_on((struct setup_found){.schema = older, .topic = {PARTITIONS, 0}, .mark = OURS});
}

static void a_topic_that_was_archived_and_is_gone_is_not_made_anew(void **state)
{
    (void)state;
    struct schema_found archived = tables;
    archived.archived = 1000;
    refuses((struct setup_found){.schema = archived}, "TANDEM_KAFKA");
    refuses((struct setup_found){.schema = archived, .topic = {PARTITIONS, 2000}}, OURS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_on_wherever_it_was_killed),
        cmocka_unit_test(it_may_be_repeated_beside_a_living_deployment),
        cmocka_unit_test(an_empty_topic_made_by_somebody_is_taken),
        cmocka_unit_test(events_before_the_mark_was_written_are_taken),
        cmocka_unit_test(an_empty_database_beside_a_used_topic_is_refused),
        cmocka_unit_test(another_deployments_topic_is_refused),
        cmocka_unit_test(another_number_of_partitions_is_refused),
        cmocka_unit_test(another_topics_database_is_refused),
        cmocka_unit_test(tables_of_another_version_are_refused),
        cmocka_unit_test(tables_of_an_older_version_are_gone_on_from),
        cmocka_unit_test(a_topic_that_was_archived_and_is_gone_is_not_made_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
