#include "batch-layer/user_totals.h"

#include <stdlib.h>

#include "batch-layer/master_dataset.h"
#include "common/mem.h"
#include "common/stop.h"
#include "views/fold.h"

enum { PROGRESS_EVENTS = 65536 };

struct reading {
    struct user_totals *totals;
    struct fold *fold;
    struct deltas *deltas; /* of the user that is being read */
    struct names *names;
    bool begun;
};

static double *user_add(struct user_totals *totals)
{
    if (totals->n == totals->room) {
        totals->room = totals->room ? totals->room * 2 : 1024;
        totals->of_view =
            xrealloc(totals->of_view, totals->room * totals->views * sizeof *totals->of_view);
    }
    double *of_view = totals->of_view + totals->n++ * totals->views;
    for (unsigned view = 0; view < totals->views; view++)
        of_view[view] = 0;
    return of_view;
}

static void user_end(struct reading *reading)
{
    if (!reading->begun)
        return;
    fold_settle(reading->fold, reading->deltas);
    double *of_view = user_add(reading->totals);
    for (size_t row = 0; row < deltas_rows(reading->deltas); row++) {
        unsigned view;
        uint32_t group, member;
        size_t cursor = 0;
        int64_t value;
        deltas_row_key(reading->deltas, row, &view, &group);
        while (deltas_next(reading->deltas, row, &cursor, &member, &value))
            of_view[view] += (double)value;
    }
    deltas_clear(reading->deltas);
    fold_reset(reading->fold);
}

static int events_read(struct reading *reading, struct master_rows *rows,
                       void (*progress)(int64_t events), struct err *err)
{
    struct event event;
    int64_t offset;
    int more;
    while ((more = master_rows_next(rows, &offset, &event, err)) > 0) {
        if (!fold_knows(reading->fold, event.user)) { /* the one before has no more */
            user_end(reading);
            reading->begun = true;
            fold_put_state(reading->fold, event.user, (struct text){"", 0});
        }
        fold_event(reading->fold, &event, reading->deltas);
        if (++reading->totals->events % PROGRESS_EVENTS)
            continue;
        if (progress)
            progress(reading->totals->events);
        if (stop_asked())
            return err_set(err, ERR_RETRY, "stopped");
    }
    if (more == 0)
        user_end(reading);
    return more;
}

int user_totals_read(struct user_totals *totals, PGconn *db, double share, int64_t seed,
                     void (*progress)(int64_t events), struct err *err)
{
    struct reading reading = {.totals = totals, .deltas = deltas_new(), .names = names_new()};
    reading.fold = fold_new(reading.names);
    totals->views = catalogue_views;
    struct master_rows *rows = master_sample_open(db, share, seed, err);
    int status = rows ? events_read(&reading, rows, progress, err) : -1;
    master_rows_close(rows);
    fold_free(reading.fold);
    deltas_free(reading.deltas);
    names_free(reading.names);
    return status;
}

void user_totals_free(struct user_totals *totals)
{
    free(totals->of_view);
    *totals = (struct user_totals){0};
}
