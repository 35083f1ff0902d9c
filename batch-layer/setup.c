#include "batch-layer/setup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "batch-layer/commands.h"
#include "batch-layer/statement.h"
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/options.h"
#include "common/random.h"
#include "common/stop.h"
#include "handover/event_log.h"

#define LOG        "setup"
#define SETUP_LOCK INT64_C(0x74616e64656d0003)

enum { RETRY_MS = 500 };

const char *const setup_failpoints[] = {
    "setup:tables:before-commit", "setup:tables:made",  "setup:topic:made",
    "setup:mark-topic:made",      "setup:mark:written", NULL,
};

struct settings {
    struct deployment_options deployment;
    int64_t replication, retention_hours, wait_s;
};

/* One attempt. */
struct setup {
    const struct settings *settings;
    PGconn *db;
    rd_kafka_t *client;
    char mark_topic[TOPIC_BYTES + 16];
    int mark_partitions;
    struct setup_found found;
};

/* ---- what is there ---- */

static int mark_find(struct setup *setup, struct err *err)
{
    const struct deployment_options *deployment = &setup->settings->deployment;
    struct topic_found topic;
    topic_mark_name(setup->mark_topic, sizeof setup->mark_topic, deployment->topic);
    if (topic_find(setup->client, setup->mark_topic, &topic, err))
        return -1;
    setup->mark_partitions = topic.partitions;
    setup->found.mark[0] = 0;
    return topic.partitions ? event_log_deployment(deployment->kafka, deployment->topic,
                                                   setup->found.mark, sizeof setup->found.mark, err)
                            : 0;
}

static int look(struct setup *setup, struct err *err)
{
    if (schema_find(setup->db, &setup->found.schema, err) ||
        topic_find(setup->client, setup->settings->deployment.topic, &setup->found.topic, err))
        return -1;
    return mark_find(setup, err);
}

/* ---- the three steps: each does nothing where its work is done ---- */

static int tables_make(struct setup *setup, struct err *err)
{
    const struct deployment_options *deployment = &setup->settings->deployment;
    struct schema_found *schema = &setup->found.schema;
    if (schema->there && schema->version < SCHEMA_VERSION) {
        if (schema_upgrade(setup->db, schema->version, err))
            return -1;
        log_info(LOG, "tables: upgraded from=%d to=%d deployment=%s", schema->version,
                 SCHEMA_VERSION, schema->deployment);
        schema->version = SCHEMA_VERSION;
        failpoint("setup:tables:upgraded");
        return 0;
    }
    if (schema->there) {
        log_info(LOG, "tables: there already deployment=%s batch=%" PRId64, schema->deployment,
                 schema->n);
        return 0;
    }
    random_hex(schema->deployment, DEPLOYMENT_BYTES / 2);
    if (schema_create(setup->db, schema->deployment, deployment->topic, (int)deployment->partitions,
                      err))
        return -1;
    log_info(LOG, "tables: created deployment=%s partitions=%" PRId64, schema->deployment,
             deployment->partitions);
    failpoint("setup:tables:made");
    return 0;
}

/*
 * An acknowledged event must be on more than one broker where there are three, and events keep the time of their arrival:
 * a replayed old event must not be old to the retention.
 */
static int topic_make(struct setup *setup, struct err *err)
{
    const struct settings *settings = setup->settings;
    const struct deployment_options *deployment = &settings->deployment;
    if (setup->found.topic.partitions) {
        log_info(LOG, "topic: there already topic=%s partitions=%d records=%" PRId64,
                 deployment->topic, setup->found.topic.partitions, setup->found.topic.end);
        return 0;
    }
    char retention_ms[24] = "-1";
    if (settings->retention_hours)
        snprintf(retention_ms, sizeof retention_ms, "%" PRId64,
                 settings->retention_hours * 3600000);
    const struct topic_setting wanted[] = {
        {"cleanup.policy", "delete"},
        {"retention.ms", retention_ms},
        {"retention.bytes", "-1"},
        {"message.timestamp.type", "LogAppendTime"},
        {"min.insync.replicas", settings->replication > 2 ? "2" : "1"},
    };
    if (topic_create(setup->client, deployment->topic, (int)deployment->partitions,
                     (int)settings->replication, wanted, sizeof wanted / sizeof *wanted, err))
        return -1;
    log_info(LOG,
             "topic: created topic=%s partitions=%" PRId64 " replication=%" PRId64
             " retention_hours=%" PRId64 "%s",
             deployment->topic, deployment->partitions, settings->replication,
             settings->retention_hours, settings->retention_hours ? "" : " (for ever)");
    failpoint("setup:topic:made");
    return 0;
}

static int mark_make(struct setup *setup, struct err *err)
{
    const struct deployment_options *deployment = &setup->settings->deployment;
    const char *id = setup->found.schema.deployment;
    if (setup->found.mark[0]) {
        log_info(LOG, "mark: there already topic=%s", setup->mark_topic);
        return 0;
    }
    const struct topic_setting wanted[] = {
        {"cleanup.policy", "compact"},
        {"min.insync.replicas", setup->settings->replication > 2 ? "2" : "1"},
    };
    if (!setup->mark_partitions &&
        topic_create(setup->client, setup->mark_topic, 1, (int)setup->settings->replication, wanted,
                     sizeof wanted / sizeof *wanted, err))
        return -1;
    failpoint("setup:mark-topic:made");
    if (topic_mark_write(deployment->kafka, deployment->topic, id, err))
        return -1;
    log_info(LOG, "mark: written topic=%s deployment=%s", setup->mark_topic, id);
    failpoint("setup:mark:written");
    return 0;
}

/* ---- one attempt, and as many as it takes ---- */

/* 1: ours until the connection ends; 0: another set-up works; -1: err. */
static int lock_take(PGconn *db, struct err *err)
{
    int64_t taken;
    return statement_number(db, err, &taken, "SELECT pg_try_advisory_lock(%" PRId64 ")::int",
                            SETUP_LOCK)
               ? -1
               : (int)taken;
}

static int work(struct setup *setup, struct err *err)
{
    const struct deployment_options *deployment = &setup->settings->deployment;
    int partitions = (int)deployment->partitions;
    if (look(setup, err) || setup_judge(&setup->found, deployment->topic, partitions, err) ||
        tables_make(setup, err) || topic_make(setup, err) || mark_make(setup, err))
        return -1;
    /* What every program asks at its start. */
    return event_log_check_deployment(deployment->kafka, deployment->topic, partitions,
                                      setup->found.schema.deployment, err);
}

static int attempt(const struct settings *settings, bool *locked, struct err *err)
{
    struct setup setup = {.settings = settings};
    int failed = -1;
    *locked = false;
    setup.db = database_open(settings->deployment.postgres, "tandem-batch setup", err);
    setup.client = setup.db ? topic_client_open(settings->deployment.kafka, err) : NULL;
    if (setup.client) {
        int taken = lock_take(setup.db, err);
        *locked = taken == 0;
        if (taken == 0)
            err_set(err, ERR_RETRY, "another set-up is under way (advisory lock)");
        if (taken > 0)
            failed = work(&setup, err);
    }
    if (setup.client)
        rd_kafka_destroy(setup.client);
    PQfinish(setup.db);
    return failed;
}

/* Servers may be on their way up. */
static int attempts(const struct settings *settings)
{
    int64_t until_us = clock_monotonic_us() + settings->wait_s * 1000000;
    char said[sizeof((struct err *)0)->message] = "";
    for (;;) {
        bool locked;
        struct err err = {0};
        if (attempt(settings, &locked, &err) == 0)
            return BATCH_DONE;
        bool again = err.kind == ERR_RETRY && clock_monotonic_us() < until_us && !stop_asked();
        if (!again) {
            log_error(LOG, "%s", err.message);
            return locked ? BATCH_LOCKED : BATCH_FAILED;
        }
        if (strcmp(said, err.message) != 0)
            log_warn(LOG, "%s: trying again", err.message);
        memcpy(said, err.message, sizeof said);
        stop_sleep_ms(RETRY_MS);
    }
}

int setup_main(int argc, char **argv)
{
    static const struct options_usage usage = {
        .program = "tandem-batch",
        .synopsis = "setup [options]",
        .about = "Makes the tables, the topic with its partitions, and the mark that says which\n"
                 "deployment the topic belongs to. Safe to repeat: says what is there already.",
        .commands = "",
    };
    struct settings settings = {0};
    const struct option_row own[] = {
        {.name = "replication",
         .type = OPTION_INT,
         .initial = "1",
         .unit = "brokers",
         .sentence = "copies of each partition; from 3 on, an event is acknowledged by two brokers",
         .into = &settings.replication,
         .min = 1,
         .max = 32},
        {.name = "retention_hours",
         .type = OPTION_INT,
         .initial = "168",
         .unit = "h",
         .sentence = "how long Kafka keeps events: longer than the longest outage; 0: for ever",
         .into = &settings.retention_hours,
         .max = 1000000},
        {.name = "wait_s",
         .type = OPTION_INT,
         .initial = "60",
         .unit = "s",
         .sentence = "how long to wait for Kafka and Postgres before giving up",
         .into = &settings.wait_s,
         .max = 86400},
    };
    enum { OWN = sizeof own / sizeof *own };
    struct option_row rows[OPTIONS_DEPLOYMENT + OWN];
    size_t n = options_deployment(rows, &settings.deployment);
    memcpy(rows + n, own, sizeof own);
    options_read(&usage, rows, n + OWN, argc, argv);
    if (settings.deployment.partitions > PARTITIONS_MAX) {
        log_error(LOG, "TANDEM_PARTITIONS is %" PRId64 ", at most %d are possible",
                  settings.deployment.partitions, PARTITIONS_MAX);
        return BATCH_WRONG_USE;
    }
    stop_install();
    return attempts(&settings);
}
