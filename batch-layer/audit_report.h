/*
 * audit_report: counts what was compared and what differed, view by view, and prints the table. Not for: comparing.
 */
#ifndef TANDEM_BATCH_AUDIT_REPORT_H
#define TANDEM_BATCH_AUDIT_REPORT_H

#include <stdint.h>

#include "views/bytes.h"

struct audit_report;

struct audit_report *audit_report_new(void);
void audit_report_free(struct audit_report *report);

/* Takes a group's canonical rows: what the recomputation says and what readers are answered. */
void audit_report_compare(struct audit_report *report, unsigned view, struct text group,
                          struct text expected, struct text found, const char *as_of);

int64_t audit_report_differing(const struct audit_report *report);

/* On standard output: the first differing counters, then the table. */
void audit_report_print(const struct audit_report *report);

/* "1,234,567" */
const char *thousands(int64_t number, char into[32]);

#endif
