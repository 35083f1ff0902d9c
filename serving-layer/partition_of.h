/*
 * partition_of: in which partition a user's events are: what librdkafka calls murmur2_random and Kafka's Java client does by
 * default, (murmur2(key) & 0x7fffffff) % partitions (Kafka: org.apache.kafka.common.utils.Utils.murmur2; Austin Appleby's
 * MurmurHash2, seed 0x9747b28c).
 */
#ifndef TANDEM_SERVING_PARTITION_OF_H
#define TANDEM_SERVING_PARTITION_OF_H

#include <stdint.h>

#include "views/text.h"

uint32_t murmur2(struct text key);

static inline int partition_of(struct text user, int partitions)
{
    return (int)((murmur2(user) & 0x7fffffff) % (uint32_t)partitions);
}

#endif
