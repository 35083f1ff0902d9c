#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <stdio.h>

#include "serving-layer/partition_of.h"

/* From Kafka's own UtilsTest.testMurmur2. */
static void the_hash_is_the_java_clients(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int32_t hash;
    } known[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_int_equal((int32_t)murmur2(text_of(known[i].key)), known[i].hash);
}

static void a_user_is_looked_for_where_librdkafka_puts_it(void **state)
{
    (void)state;
    char error[256], key[80];
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), error, sizeof error);
    assert_non_null(client);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, "events", NULL);
    for (int i = 0; i < 2000; i++) {
        int n = snprintf(key, sizeof key, "%.*s\xc3\xa9%d", i % 60,
                         "user-user-user-user-user-user-user-user-user-user-user-user-", i);
        int partitions = 1 + i % 256;
        int theirs =
            rd_kafka_msg_partitioner_murmur2_random(topic, key, (size_t)n, partitions, NULL, NULL);
        assert_int_equal(partition_of((struct text){key, (size_t)n}, partitions), theirs);
    }
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_the_java_clients),
        cmocka_unit_test(a_user_is_looked_for_where_librdkafka_puts_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
