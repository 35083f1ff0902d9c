#include "batch-layer/run_figures.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/options.h"
#include "handover/database.h"

enum { LETTERS = 26, CURRENCIES = LETTERS * LETTERS * LETTERS };
enum { DUPLICATES, FUTURE, PURCHASES, MISSING_PRICE, MISSING_COUNTRY, MISSING_DEVICE, SINGLE };

static const char *const single_names[SINGLE] = {
    "duplicates", "future", "purchases", "missing_price", "missing_country", "missing_device"};

struct run_figures {
    int64_t events[PARTITIONS_MAX];
    int64_t single[SINGLE];
    int64_t sales[CURRENCIES], revenue[CURRENCIES]; /* most are 0, and their pages not there */
};

struct run_figures *run_figures_new(void)
{
    return xcalloc(1, sizeof(struct run_figures));
}

void run_figures_free(struct run_figures *figures)
{
    free(figures);
}

/* Its place; -1: three capital letters it is not. */
static int currency_number(struct text currency)
{
    int number = 0;
    if (currency.n != 3)
        return -1;
    for (size_t i = 0; i < 3; i++) {
        if (currency.at[i] < 'A' || currency.at[i] > 'Z')
            return -1;
        number = number * LETTERS + currency.at[i] - 'A';
    }
    return number;
}

static void money_take(struct run_figures *figures, const struct event *event)
{
    int c = currency_number(event->currency);
    if (event->price < 0 || c < 0)
        return;
    int64_t amount = event->price * event->quantity, sum;
    if (event->type == EVENT_REFUND)
        amount = -amount;
    else
        figures->sales[c]++;
    if (!__builtin_add_overflow(figures->revenue[c], amount, &sum))
        figures->revenue[c] = sum;
}

static bool is_dash(struct text label)
{
    return label.n == 1 && label.at[0] == '-';
}

void run_figures_take(struct run_figures *figures, int partition, const struct event *event,
                      bool duplicate, int64_t now_ms)
{
    int64_t *single = figures->single;
    figures->events[partition]++;
    single[DUPLICATES] += duplicate;
    single[FUTURE] += event->ts > now_ms + FIGURES_AHEAD_MS;
    single[MISSING_COUNTRY] += is_dash(event->country);
    single[MISSING_DEVICE] += is_dash(event->device);
    single[PURCHASES] += event->type == EVENT_PURCHASE;
    single[MISSING_PRICE] += event->type == EVENT_PURCHASE && event->price < 0;
    if (!duplicate && (event->type == EVENT_PURCHASE || event->type == EVENT_REFUND))
        money_take(figures, event);
}

/* ---- rows ---- */

struct figure_rows {
    struct bytes names, ofs, values; /* text[] each */
};

static void row_put(struct figure_rows *rows, const char *name, const char *of, int64_t value)
{
    char number[24];
    if (value == 0)
        return;
    snprintf(number, sizeof number, "%" PRId64, value);
    text_array_put(&rows->names, text_of(name));
    text_array_put(&rows->ofs, text_of(of));
    text_array_put(&rows->values, text_of(number));
}

static void rows_put(struct figure_rows *rows, const struct run_figures *figures)
{
    char of[16];
    for (int p = 0; p < PARTITIONS_MAX; p++) {
        snprintf(of, sizeof of, "%d", p);
        row_put(rows, "events", of, figures->events[p]);
    }
    for (int i = 0; i < SINGLE; i++)
        row_put(rows, single_names[i], "", figures->single[i]);
    for (int c = 0; c < CURRENCIES; c++) {
        if (!figures->sales[c] && !figures->revenue[c])
            continue;
        snprintf(of, sizeof of, "%c%c%c", 'A' + c / LETTERS / LETTERS, 'A' + c / LETTERS % LETTERS,
                 'A' + c % LETTERS);
        row_put(rows, "sales", of, figures->sales[c]);
        row_put(rows, "revenue", of, figures->revenue[c]);
    }
    text_array_end(&rows->names);
    text_array_end(&rows->ofs);
    text_array_end(&rows->values);
}

int run_figures_store(struct run_figures *figures, PGconn *db, int64_t n, struct err *err)
{
    struct figure_rows rows = {0};
    char number[24];
    snprintf(number, sizeof number, "%" PRId64, n);
    rows_put(&rows, figures);
    int failed = database_run(
        db, err,
        "INSERT INTO run_figure (n, name, of, value) SELECT $1::int8, t.name, t.of, t.value"
        " FROM unnest($2::text[], $3::text[], $4::int8[]) t (name, of, value)"
        " ON CONFLICT (n, name, of) DO UPDATE SET value ="
        " least(greatest(run_figure.value::numeric + excluded.value, -9e18), 9e18)::int8",
        4,
        (const char *[]){number, (const char *)rows.names.at, (const char *)rows.ofs.at,
                         (const char *)rows.values.at});
    bytes_free(&rows.names);
    bytes_free(&rows.ofs);
    bytes_free(&rows.values);
    memset(figures, 0, sizeof *figures);
    return failed;
}
