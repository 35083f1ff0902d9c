/*
 * audit_report: counts what was compared and what differed, view by view, and prints the table. Not for: comparing.
 */
#ifndef TANDEM_BATCH_AUDIT_REPORT_H
#define TANDEM_BATCH_AUDIT_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "views/bytes.h"

struct audit_report;

struct audit_report *audit_report_new(void);
void audit_report_free(struct audit_report *report);

/* Takes a group's canonical rows: what the recomputation says and what readers are answered. */
void audit_report_compare(struct audit_report *report, unsigned view, struct text group,
                          struct text expected, struct text found, const char *as_of);

struct audit_totals {
    int64_t groups, counters, differing;
};
struct audit_totals audit_report_totals(const struct audit_report *report);

/* The first differing counters, numbered from 0; false: there are no more. Texts live as long as the report. */
struct audit_difference {
    unsigned view;
    struct text group, member;
};
bool audit_report_difference(const struct audit_report *report, int i,
                             struct audit_difference *difference);
/* Says more about one of them, behind its line. The text is copied. */
void audit_report_explain(struct audit_report *report, int i, const char *text);

/* On standard output: the first differing counters, then the table. */
void audit_report_print(const struct audit_report *report);

/* "1,234,567" */
const char *thousands(int64_t number, char into[32]);

#endif
