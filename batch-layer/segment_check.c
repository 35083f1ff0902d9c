#include "batch-layer/segment_check.h"

#include <inttypes.h>
#include <stdlib.h>

#include "batch-layer/row_same.h"
#include "batch-layer/view_changes.h"
#include "common/mem.h"
#include "views/catalogue.h"
#include "views/row.h"

/* Groups that are compared at a time, fewer where their changes are long: one reply of Redis, one pause for its readers. */
enum { GROUPS = 200, CHANGE_BYTES = 8 << 20 };

struct group {
    struct bytes view, group, batch, speed;
    bool damaged; /* of a rebuild: the old row was */
};

struct few {
    struct segment_check *check;
    const struct run *run;
    struct segment_rows *rows;
    redisContext *const *redis;
    struct group group[GROUPS];
    uint32_t row[GROUPS];
    size_t n, change_bytes;
    struct row_same same;
    struct bytes speed, difference; /* of groups that are not the same */
};

/* ---- counter by counter ---- */

static int64_t row_value(struct text row, struct text member)
{
    struct counter counter;
    while (row_next(&row, &counter) > 0)
        if (text_equal(counter.member, member))
            return counter.value;
    return 0;
}

/* Counts a difference; room for its words while they are wanted. */
static char **difference_line(struct segment_check *check)
{
    check->drift++;
    return check->n_lines < SEGMENT_CHECK_REPORTED ? &check->line[check->n_lines++] : NULL;
}

static void group_differs(struct segment_check *check, const struct group *g, const char *how)
{
    char **line = difference_line(check);
    if (line)
        *line = xasprintf("drift view=%.*s group=%.*s: %s", (int)g->view.n, g->view.at,
                          (int)g->group.n, g->group.at, how);
}

static void counter_differs(struct segment_check *check, const struct group *g, struct text speed,
                            struct text member)
{
    char **line = difference_line(check);
    if (line)
        *line = xasprintf("drift view=%.*s group=%.*s member=%.*s batch=%" PRId64 " speed=%" PRId64,
                          (int)g->view.n, g->view.at, (int)g->group.n, g->group.at, (int)member.n,
                          member.at, row_value(bytes_text(&g->batch), member),
                          row_value(speed, member));
}

static void group_compare(struct few *few, const struct group *g)
{
    few->check->groups++;
    if (g->damaged) { /* what it would have had in it nobody knows */
        group_differs(few->check, g, "the old batch view's bytes are no row");
        return;
    }
    if (row_same(&few->same, bytes_text(&g->batch), bytes_text(&g->speed)))
        return;
    bytes_clear(&few->speed);
    bytes_clear(&few->difference);
    if (row_canonical(bytes_text(&g->speed), &few->speed) < 0 ||
        row_merge(bytes_text(&g->batch), bytes_text(&few->speed), -1, &few->difference) < 0) {
        group_differs(few->check, g, "the speed layer's bytes are no row");
        return;
    }
    struct text rest = bytes_text(&few->difference);
    struct counter differing;
    while (row_next(&rest, &differing) > 0)
        counter_differs(few->check, g, bytes_text(&few->speed), differing.member);
}

/* ---- a few groups at a time ---- */

/* Redis is what may fail here. */
static int few_compare(struct few *few, struct err *why)
{
    struct bytes logs[GROUPS] = {0};
    int failed = 0;
    for (int i = 0; !failed && i < few->run->settings->servers.n; i++)
        failed = segment_rows_fetch(few->rows, few->redis[i], i, few->row, few->n, logs, why);
    for (size_t k = 0; k < few->n; k++) {
        few->group[k].speed = logs[k];
        if (!failed)
            group_compare(few, &few->group[k]);
        bytes_free(&few->group[k].speed); /* one long row a place would add up */
        bytes_free(&few->group[k].batch);
    }
    few->n = few->change_bytes = 0;
    return failed;
}

static bool few_are_enough(const struct few *few)
{
    return few->n == GROUPS || few->change_bytes >= CHANGE_BYTES;
}

static void few_add(struct few *few, uint32_t row, struct text view, struct text group,
                    struct text batch, bool damaged)
{
    struct group *g = &few->group[few->n];
    bytes_clear(&g->view);
    bytes_clear(&g->group);
    bytes_clear(&g->batch);
    bytes_put_text(&g->view, view);
    bytes_put_text(&g->group, group);
    bytes_put_text(&g->batch, batch);
    g->damaged = damaged;
    few->row[few->n++] = row;
    few->change_bytes += batch.n;
}

/* Where both layers have counted all of the segment: a view that is not served may have begun in its middle. */
static uint64_t compared(const struct run *run)
{
    return run->served & (run->rebuilt == catalogue_all() ? run->rebuilt : ~run->rebuilt);
}

static bool is_compared(const struct run *run, struct text view)
{
    int number = catalogue_find(view);
    return number >= 0 && compared(run) >> number & 1;
}

static int changes_compare(struct few *few, struct err *why, struct err *err)
{
    const struct run *run = few->run;
    struct view_changes changes;
    struct view_change change;
    bool all = run->rebuilt == catalogue_all();
    int more = view_changes_begin(&changes, run->db, run->n,
                                  all ? CHANGES_OF_REBUILD : CHANGES_OF_RUN, compared(run), err)
                   ? -1
                   : 1,
        failed = 0;
    while (!failed && more > 0 && (more = view_changes_next(&changes, &change, err)) > 0) {
        few_add(few, segment_rows_take(few->rows, change.view, change.group), change.view,
                change.group, change.change, change.damaged);
        if (few_are_enough(few))
            failed = few_compare(few, why);
    }
    view_changes_end(&changes);
    return more < 0 ? -1 : failed ? 1 : 0;
}

/* What only the speed layer has: the run should have found nothing but 0 there. */
static int rest_compare(struct few *few, struct err *why)
{
    struct text view, group;
    uint32_t cursor = 0, row;
    int failed = 0;
    while (!failed && segment_rows_left(few->rows, &cursor, &row, &view, &group)) {
        if (is_compared(few->run, view))
            few_add(few, row, view, group, (struct text){"", 0}, false);
        if (few_are_enough(few))
            failed = few_compare(few, why);
    }
    return failed || few_compare(few, why) ? 1 : 0;
}

int segment_check_all(struct segment_check *check, const struct run *run, struct segment_rows *rows,
                      redisContext *const *redis, struct err *why, struct err *err)
{
    struct few *few = xcalloc(1, sizeof *few);
    *few = (struct few){.check = check, .run = run, .rows = rows, .redis = redis};
    int failed = changes_compare(few, why, err);
    if (!failed)
        failed = rest_compare(few, why);
    for (size_t k = 0; k < GROUPS; k++) {
        bytes_free(&few->group[k].view);
        bytes_free(&few->group[k].group);
        bytes_free(&few->group[k].batch);
        bytes_free(&few->group[k].speed);
    }
    row_same_free(&few->same);
    bytes_free(&few->speed);
    bytes_free(&few->difference);
    free(few);
    return failed;
}

void segment_check_free(struct segment_check *check)
{
    for (size_t i = 0; i < check->n_lines; i++)
        free(check->line[i]);
    *check = (struct segment_check){0};
}
