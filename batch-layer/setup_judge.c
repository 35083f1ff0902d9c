#include <inttypes.h>
#include <string.h>

#include "batch-layer/setup.h"

/* No tables: then nothing of a deployment may be in Kafka either. */
static int judge_without_tables(const struct setup_found *found, const char *topic, struct err *err)
{
    if (found->mark[0])
        return err_set(err, ERR_FATAL,
                       "kafka topic %s belongs to deployment %s, but this database is empty: check "
                       "TANDEM_POSTGRES; for a new deployment choose another TANDEM_TOPIC",
                       topic, found->mark);
    if (found->topic.end > 0)
        return err_set(err, ERR_FATAL,
                       "kafka topic %s has held records already, but this database is empty: check "
                       "TANDEM_POSTGRES; for a new deployment choose another TANDEM_TOPIC",
                       topic);
    return 0;
}

static int judge_tables(const struct schema_found *schema, const char *topic, int partitions,
                        struct err *err)
{
    if (schema->version < SCHEMA_OLDEST || schema->version > SCHEMA_VERSION)
        return err_set(err, ERR_FATAL,
                       "postgres: the tables have version %d, this program knows versions %d to "
                       "%d: use the program that belongs to them",
                       schema->version, SCHEMA_OLDEST, SCHEMA_VERSION);
    if (strcmp(schema->topic, topic) != 0)
        return err_set(err, ERR_FATAL,
                       "postgres: this database belongs to topic %s, TANDEM_TOPIC is %s: set it "
                       "back, or use another database for another deployment",
                       schema->topic, topic);
    if (schema->partitions != partitions)
        return err_set(err, ERR_FATAL,
                       "postgres: this deployment was set up with %d partitions, "
                       "TANDEM_PARTITIONS is %d: the number is fixed, because it decides where a "
                       "user's events are; set it back, or set up a new topic and a new database",
                       schema->partitions, partitions);
    return 0;
}

/* Tables that the archive has written to have seen their topic with its mark. */
static int judge_with_tables(const struct setup_found *found, const char *topic, struct err *err)
{
    const struct schema_found *schema = &found->schema;
    if (found->mark[0] && strcmp(found->mark, schema->deployment) != 0)
        return err_set(err, ERR_FATAL,
                       "kafka topic %s belongs to deployment %s, this database to %s: check "
                       "TANDEM_KAFKA, TANDEM_TOPIC and TANDEM_POSTGRES",
                       topic, found->mark, schema->deployment);
    if (schema->archived == 0)
        return 0;
    if (found->topic.partitions == 0)
        return err_set(
            err, ERR_FATAL,
            "kafka has no topic %s, but %" PRId64 " of its records are archived here: "
            "check TANDEM_KAFKA and TANDEM_TOPIC; a topic that is lost cannot be gone on "
            "with: set up a new one with a new database",
            topic, schema->archived);
    if (!found->mark[0])
        return err_set(err, ERR_FATAL,
                       "kafka topic %s does not say whose it is: check TANDEM_KAFKA and "
                       "TANDEM_TOPIC; if it is this deployment's, make topic %s.deployment "
                       "(1 partition, cleanup.policy=compact) with one record, key deployment, "
                       "value %s",
                       topic, topic, schema->deployment);
    return 0;
}

int setup_judge(const struct setup_found *found, const char *topic, int partitions, struct err *err)
{
    if (found->topic.partitions && found->topic.partitions != partitions)
        return err_set(err, ERR_FATAL,
                       "kafka topic %s has %d partitions, TANDEM_PARTITIONS is %d: the number is "
                       "fixed at setup; set it back, or set up a new topic and a new database",
                       topic, found->topic.partitions, partitions);
    if (!found->schema.there)
        return judge_without_tables(found, topic, err);
    if (judge_tables(&found->schema, topic, partitions, err))
        return -1;
    return judge_with_tables(found, topic, err);
}
