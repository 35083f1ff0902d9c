#include "batch-layer/audit_blame.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "batch-layer/replay.h"
#include "common/mem.h"
#include "handover/database.h"

static bool is_differing(const void *context, unsigned view, struct text group)
{
    struct audit_difference difference;
    for (int i = 0; audit_report_difference(context, i, &difference); i++)
        if (difference.view == view && text_equal(difference.group, group))
            return true;
    return false;
}

/* Appends what partition p gives to each difference. */
static void partition_note(const struct audit_report *report, struct replay *replay, int p,
                           struct bytes *notes)
{
    struct audit_difference difference;
    const struct names *names = replay_names(replay);
    for (int i = 0; audit_report_difference(report, i, &difference); i++) {
        char text[64];
        uint32_t group = names_find(names, difference.group),
                 member = names_find(names, difference.member);
        int64_t value = group == NAMES_ABSENT || member == NAMES_ABSENT
                            ? 0
                            : deltas_get(replay_counters(replay), difference.view, group, member);
        int n = snprintf(text, sizeof text, "  %d: %" PRId64, p, value);
        if (value)
            bytes_put(&notes[i], text, (size_t)n);
    }
}

static int partition_replay(const struct audit_report *report, PGconn *db, int partitions, int p,
                            const int64_t *as_of, struct bytes *notes, struct err *err)
{
    int64_t to[PARTITIONS_MAX] = {0};
    struct replay *replay = replay_new(partitions);
    to[p] = as_of[p];
    replay_keep(replay, is_differing, report);
    int failed = replay_to(replay, db, to, NULL, NULL, err);
    if (!failed)
        partition_note(report, replay, p, notes);
    replay_free(replay);
    return failed;
}

int audit_blame(struct audit_report *report, PGconn *db, int partitions, const int64_t *as_of,
                struct err *err)
{
    struct audit_difference difference;
    int n = 0, failed = 0;
    while (audit_report_difference(report, n, &difference))
        n++;
    struct bytes *notes = xcalloc((size_t)n + 1, sizeof *notes);
    for (int p = 0; !failed && p < partitions; p++)
        failed = partition_replay(report, db, partitions, p, as_of, notes, err);
    for (int i = 0; i < n; i++) {
        char *text = notes[i].n ? xasprintf("    expected of the events of partition%.*s\n",
                                            (int)notes[i].n, notes[i].at)
                                : xstrdup("    no event of any partition counts here\n");
        if (!failed)
            audit_report_explain(report, i, text);
        free(text);
        bytes_free(&notes[i]);
    }
    free(notes);
    return failed;
}
