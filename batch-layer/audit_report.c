#include "batch-layer/audit_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "views/catalogue.h"
#include "views/row.h"

enum { LINES = 20 };

struct line {
    unsigned view;
    struct bytes group, member;
    char *text, *explanation;
};

struct audit_report {
    struct audit_totals *view; /* by number in the catalogue */
    struct audit_totals total;
    struct line line[LINES];
    int n_lines;
};

struct audit_report *audit_report_new(void)
{
    struct audit_report *report = xcalloc(1, sizeof *report);
    report->view = xcalloc(catalogue_views, sizeof *report->view);
    return report;
}

void audit_report_free(struct audit_report *report)
{
    if (!report)
        return;
    for (int i = 0; i < report->n_lines; i++) {
        bytes_free(&report->line[i].group);
        bytes_free(&report->line[i].member);
        free(report->line[i].text);
        free(report->line[i].explanation);
    }
    free(report->view);
    free(report);
}

static void line_add(struct audit_report *report, unsigned view, struct text group,
                     struct text member, int64_t expected, int64_t found, const char *as_of)
{
    if (report->n_lines == LINES)
        return;
    struct line *line = &report->line[report->n_lines++];
    line->view = view;
    bytes_put_text(&line->group, group);
    bytes_put_text(&line->member, member);
    line->text =
        xasprintf("%-16s %-24.*s %-24.*s %16" PRId64 " %16" PRId64 "  %s", catalogue[view].name,
                  (int)group.n, group.at, (int)member.n, member.at, expected, found, as_of);
}

void audit_report_compare(struct audit_report *report, unsigned view, struct text group,
                          struct text expected, struct text found, const char *as_of)
{
    struct audit_totals tally = {.groups = expected.n || found.n ? 1 : 0};
    struct counter x, y;
    int more_x = row_next(&expected, &x), more_y = row_next(&found, &y);
    while (more_x > 0 || more_y > 0) {
        int order = more_x <= 0 ? 1 : more_y <= 0 ? -1 : text_compare(x.member, y.member);
        int64_t is = order <= 0 ? x.value : 0, was = order >= 0 ? y.value : 0;
        tally.counters++;
        if (is != was) {
            tally.differing++;
            line_add(report, view, group, order <= 0 ? x.member : y.member, is, was, as_of);
        }
        if (order <= 0)
            more_x = row_next(&expected, &x);
        if (order >= 0)
            more_y = row_next(&found, &y);
    }
    report->view[view].groups += tally.groups;
    report->view[view].counters += tally.counters;
    report->view[view].differing += tally.differing;
    report->total.groups += tally.groups;
    report->total.counters += tally.counters;
    report->total.differing += tally.differing;
}

struct audit_totals audit_report_totals(const struct audit_report *report)
{
    return report->total;
}

bool audit_report_difference(const struct audit_report *report, int i,
                             struct audit_difference *difference)
{
    if (i >= report->n_lines)
        return false;
    const struct line *line = &report->line[i];
    *difference =
        (struct audit_difference){line->view, bytes_text(&line->group), bytes_text(&line->member)};
    return true;
}

void audit_report_explain(struct audit_report *report, int i, const char *text)
{
    free(report->line[i].explanation);
    report->line[i].explanation = xstrdup(text);
}

const char *thousands(int64_t number, char into[32])
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRId64, number < 0 ? -number : number);
    char *at = into;
    if (number < 0)
        *at++ = '-';
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = 0;
    return into;
}

static void tally_print(const char *name, const struct audit_totals *tally)
{
    char groups[32], counters[32], differing[32];
    printf("%-16s %14s %16s %14s\n", name, thousands(tally->groups, groups),
           thousands(tally->counters, counters), thousands(tally->differing, differing));
}

void audit_report_print(const struct audit_report *report)
{
    static const char rule[] = "----------------------------------------------------------------";
    if (report->n_lines)
        printf("%-16s %-24s %-24s %16s %16s  %s\n", "view", "group", "member", "expected", "found",
               "as_of");
    for (int i = 0; i < report->n_lines; i++)
        printf("%s\n%s", report->line[i].text,
               report->line[i].explanation ? report->line[i].explanation : "");
    if (report->total.differing > report->n_lines)
        printf("... and %" PRId64 " more\n", report->total.differing - report->n_lines);
    if (report->n_lines)
        putchar('\n');
    printf("%-16s %14s %16s %14s\n", "view", "groups", "counters", "differing");
    for (unsigned v = 0; v < catalogue_views; v++)
        tally_print(catalogue[v].name, &report->view[v]);
    puts(rule);
    tally_print("all", &report->total);
}
