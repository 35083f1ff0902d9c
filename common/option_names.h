/*
 * option_names: every TANDEM_ variable that any program, script or test of the project reads, without the prefix. One env
 * file serves them all, so each program accepts all of these and refuses what is in nobody's list (a misspelling).
 * tests/lint/option_names checks that every option row of the sources stands here.
 */
#ifndef TANDEM_COMMON_OPTION_NAMES_H
#define TANDEM_COMMON_OPTION_NAMES_H

static const char *const option_names[] = {
    /* every deployment (common/options.c) */
    "KAFKA",
    "PARTITIONS",
    "POSTGRES",
    "REDIS",
    "TOPIC",
    /* tandem-serve */
    "ACKNOWLEDGE_MS",
    "IDLE_S",
    "LISTEN",
    "OUTSTANDING",
    "ANSWER_S",
    "BOARDS",
    "BUFFER_BYTES",
    "CALLS",
    "CONNECTIONS",
    "CORS_ORIGINS",
    "METRICS_OPEN",
    "REQUEST_S",
    "READ_TIMEOUT_MS",
    "THREADS",
    /* tandem-speed, tandem-batch archive */
    "METRICS",
    /* tandem-serve key */
    "BURST",
    "LABEL",
    "ROLE",
    /* tandem-speed */
    "BATCH_EVENTS",
    "BATCH_WAIT_MS",
    "CACHE_BYTES",
    "COMPACT_BYTES",
    "GROUP",
    "REDIS_TIMEOUT_MS",
    /* tandem-batch */
    "ACCEPT_CHECK",
    "AGAIN_S",
    "AT",
    "BACKOFF_S",
    "CHECK_BAD_PERCENT",
    "CHECK_DUPLICATE_PERCENT",
    "CHECK_FACTOR",
    "CHECK_FUTURE_PERCENT",
    "CHECK_MIN_EVENTS",
    "CHECK_MISSING_POINTS",
    "CHECK_SPAN_S",
    "CHECK_WAIT_S",
    "DEADLINE_S",
    "MAX_AGE_S",
    "RETRIES",
    "STEP",
    "TZ",
    "CHUNK_EVENTS",
    "JSON",
    "KEEP_DAYS",
    "MEMORY_BYTES",
    "REPLICATION",
    "RETENTION_HOURS",
    "RETIRE_WAIT_S",
    "SAMPLE",
    "CHECK",
    "FRACTION",
    "SAMPLINGS",
    "VIEW",
    "WAIT_S",
    /* tandem-feed */
    "BAD_SHARE",
    "CONNECTIONS",
    "DUPLICATE_SHARE",
    "EVENTS",
    "ITEMS",
    "KEEP_BAD",
    "LIMIT",
    "NEW",
    "RATE",
    "SEED",
    "START",
    "STORE_TITLES",
    "TITLES",
    "TO",
    "FROM",
    "UNTIL",
    "URL",
    "USERS",
    /* the private stack and the layers on it (deploy/local), tests */
    "BIN",
    "CRASH_AT",
    "HALT_AT",
    "LAW_ROUNDS",
    "LOCAL",
    "PORT_BASE",
    "REDIS_SERVERS",
    "SPEED_INSTANCES",
    /* docker-compose.yml */
    "BUILD_CA",
    "IMAGE",
    "PUBLISH",
};

#endif
