#include "serving-layer/read_batch.h"

#include <stdlib.h>

#include "common/log.h"
#include "serving-layer/partition_of.h"

enum { STATES_NAMES_MAX = 100000 };

static void collect_row(struct read_batch *batch, struct kept_rows *kept, struct ask *ask, size_t i)
{
    struct kept_row *row = kept_rows_get(kept, ask->rows[i].view, ask_group(ask, i));
    ask->rows[i].kept = row;
    if (row->asked == batch->number)
        return;
    row->asked = batch->number;
    row->place = batch->n_rows;
    batch->rows =
        grown(batch->rows, &batch->rows_cap, batch->n_rows + 1, sizeof(struct kept_row *));
    batch->rows[batch->n_rows++] = row;
}

static void collect_user(struct read_batch *batch, struct ask *ask, int partitions)
{
    ask->user = NO_USER;
    if (ask->user_bytes == 0)
        return;
    batch->users = grown(batch->users, &batch->users_cap, batch->n_users + 1, sizeof *batch->users);
    struct speed_user *user = &batch->users[batch->n_users];
    if (batch->n_users == batch->users_made) {
        user->state = (struct bytes){0};
        batch->users_made++;
    }
    ask->user = (int)batch->n_users++;
    user->user = ask_user(ask);
    user->partition = partition_of(user->user, partitions);
    user->found = false;
}

void read_batch_collect(struct read_batch *batch, struct kept_rows *kept,
                        const struct batch_edition *edition)
{
    batch->number++;
    batch->n_rows = batch->n_users = 0;
    for (struct ask *ask = batch->asks.first; ask; ask = ask->next) {
        for (size_t i = 0; i < ask->n_rows; i++)
            collect_row(batch, kept, ask, i);
        collect_user(batch, ask, edition->partitions);
    }
    memcpy(batch->as_of, edition->boundary, (size_t)edition->partitions * sizeof *batch->as_of);
}

/* A part of a server that did not answer in this batch is of another moment than as_of: it is not added. */
static size_t row_parts(const struct kept_row *row, const struct read_sources *sources,
                        const struct sums **into)
{
    size_t n = 0;
    for (size_t i = 0; i < row->n_parts; i++)
        if (row->part[i].server < sources->n_servers && sources->server_ok[row->part[i].server])
            into[n++] = &row->part[i].sums;
    return n;
}

/* Who was lost half-way may have told its offsets already: without its rows they are not true. */
static void as_of_settle(struct read_batch *batch, const struct read_sources *sources)
{
    const struct batch_edition *edition = batch_view_edition(sources->view);
    for (int p = 0; p < edition->partitions; p++)
        if (!sources->server_ok[p % sources->n_servers])
            batch->as_of[p] = edition->boundary[p];
}

/* Looked up once for each version of the batch view. */
static const struct batch_row *row_batch(struct kept_row *row, const struct batch_view *view)
{
    if (!row->is_found)
        row->batch = batch_view_row(view, kept_view(row), kept_group(row));
    row->is_found = true;
    return row->batch;
}

void read_batch_merge(struct read_batch *batch, const struct read_sources *sources)
{
    size_t n_parts = 0, at = 0;
    as_of_settle(batch, sources);
    for (size_t r = 0; r < batch->n_rows; r++)
        n_parts += batch->rows[r]->n_parts;
    batch->speed = grown(batch->speed, &batch->speed_cap, n_parts + 1, sizeof(struct sums *));
    batch->parts = grown(batch->parts, &batch->parts_cap, batch->n_rows, sizeof *batch->parts);
    for (size_t r = 0; r < batch->n_rows; r++) {
        struct kept_row *row = batch->rows[r];
        const struct sums **speed = batch->speed + at;
        size_t n = row_parts(row, sources, speed);
        batch->parts[r] = (struct parts){row_batch(row, sources->view), speed, n};
        at += n;
    }
}

static void window_take(struct read_batch *batch, struct symbols *symbols, enum window window,
                        const struct interaction *held, uint32_t n, struct user_windows *into)
{
    for (uint32_t i = 0; i < n; i++)
        batch->window[window][i] = symbols_put(symbols, names_text(batch->states, held[i].item));
    into->items[window] = batch->window[window];
    into->n[window] = n;
}

/* What the speed layer has of the user; -1: these bytes are no state. */
static int windows_of_state(struct read_batch *batch, struct symbols *symbols, struct text stored,
                            struct user_windows *into)
{
    struct user_state state;
    *into = (struct user_windows){0};
    if (!batch->states || names_count(batch->states) > STATES_NAMES_MAX) {
        names_free(batch->states);
        batch->states = names_new();
    }
    if (user_state_decode(stored, batch->states, &state))
        return -1;
    window_take(batch, symbols, WINDOW_SEEN, state.seen, state.n_seen, into);
    window_take(batch, symbols, WINDOW_BOUGHT, state.bought, state.n_bought, into);
    return 0;
}

static void show_windows(struct read_batch *batch, const struct read_sources *sources,
                         const struct ask *ask, struct snapshot *snapshot)
{
    if (ask->user == NO_USER)
        return;
    const struct speed_user *user = &batch->users[ask->user];
    for (enum window w = WINDOW_SEEN; w <= WINDOW_BOUGHT; w++)
        snapshot->at_boundary.n[w] = batch_view_window(sources->view, w, user->partition,
                                                       user->user, &snapshot->at_boundary.items[w]);
    snapshot->has_state = user->found && sources->server_ok[user->partition % sources->n_servers];
    if (!snapshot->has_state) {
        snapshot->now = snapshot->at_boundary;
        return;
    }
    snapshot->state = bytes_text(&user->state);
    if (windows_of_state(batch, sources->symbols, bytes_text(&user->state), &snapshot->now))
        log_error("reader", "a user's state in the speed view is damaged, partition=%d",
                  user->partition);
}

struct snapshot read_batch_show(struct read_batch *batch, const struct read_sources *sources,
                                const struct ask *ask)
{
    batch->ask_rows =
        grown(batch->ask_rows, &batch->ask_rows_cap, ask->n_rows, sizeof(struct parts *));
    for (size_t i = 0; i < ask->n_rows; i++)
        batch->ask_rows[i] = &batch->parts[ask->rows[i].kept->place];
    struct snapshot snapshot = {.edition = batch_view_edition(sources->view),
                                .symbols = sources->symbols,
                                .as_of = batch->as_of,
                                .rows = batch->ask_rows,
                                .n_rows = ask->n_rows,
                                .scratch = &batch->scratch};
    for (size_t i = 0; i < ask->n_rows; i++)
        if (snapshot.edition->unserved >> kept_view(ask->rows[i].kept) & 1)
            snapshot.unserved = catalogue[kept_view(ask->rows[i].kept)].name;
    for (int s = 0; s < sources->n_servers; s++)
        snapshot.degraded |= !sources->server_ok[s];
    show_windows(batch, sources, ask, &snapshot);
    return snapshot;
}

void read_batch_free(struct read_batch *batch)
{
    for (size_t u = 0; u < batch->users_made; u++)
        bytes_free(&batch->users[u].state);
    free(batch->rows);
    free(batch->users);
    free(batch->parts);
    free(batch->speed);
    free(batch->ask_rows);
    sums_free(&batch->scratch);
    names_free(batch->states);
}
