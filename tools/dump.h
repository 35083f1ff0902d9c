/*
 * dump: the topic as text, for programs that cannot speak to Kafka (tests/recompute.py). A line a record:
 *   partition TAB offset TAB barrier TAB value in base64
 * barrier: its number, "" none, "?" a malformed one (a bad record). Of each partition in order of offsets.
 */
#ifndef TANDEM_TOOLS_DUMP_H
#define TANDEM_TOOLS_DUMP_H

#include <stdio.h>

#include "tools/kafka.h"

/* `from`, `until`: "o0,o1,..." an offset a partition, or "": the beginning, the end at the time of the call. */
int dump_write(const struct kafka_settings *settings, const char *from, const char *until, FILE *to,
               struct err *err);

#endif
