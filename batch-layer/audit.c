/*
 * `tandem-batch audit`: recomputes from the master dataset and compares every counter of every view with what readers are
 * answered, while events arrive and runs publish. Groups are read in chunks; each chunk is a snapshot with its own
 * as_of, and the recomputation goes forward to exactly that before they are compared, so nothing has to stand still.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch-layer/audit_blame.h"
#include "batch-layer/audit_report.h"
#include "batch-layer/audit_sample.h"
#include "batch-layer/audit_snapshot.h"
#include "batch-layer/commands.h"
#include "batch-layer/forget.h"
#include "batch-layer/replay.h"
#include "batch-layer/statement.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/stop.h"
#include "handover/view_state.h"
#include "views/row.h"

#define LOG "audit"

enum { GROUPS = 2000, RETRY_MS = 100, VECTOR_BYTES = PARTITIONS_MAX * 21 + 3 };

struct settings {
    struct deployment_options deployment;
    int64_t wait_s;
    const char *sample_text;
    struct audit_sample sample;
};

struct audit {
    const struct settings *settings;
    PGconn *db;
    int partitions;
    struct audit_sources sources;
    struct replay *replay;
    struct audit_report *report;
    struct audit_group *group; /* GROUPS of them, used again for each chunk */
    struct bytes packed, expected, found;
    bool unknown_view; /* said once */
    uint64_t views;    /* that are served */
};

static void progress(void *total, int64_t offsets)
{
    char done[32], all[32];
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\raudit: recomputed %s of %s records", thousands(offsets, done),
                thousands(*(const int64_t *)total, all));
}

/* ---- to as_of, exactly ---- */

/* 1: the archive has all below `as_of`; 0: not yet; -1 */
static int archive_reached(struct audit *audit, const int64_t *as_of, struct err *err)
{
    PGresult *result =
        statement_query(audit->db, err, "SELECT partition, \"offset\" FROM archive_offset");
    int reached = result ? 0 : -1;
    for (int r = 0; result && r < PQntuples(result); r++) {
        int64_t p = result_number(result, r, 0);
        reached += p < audit->partitions && result_number(result, r, 1) >= as_of[p];
    }
    PQclear(result);
    return reached < 0 ? -1 : reached == audit->partitions;
}

static int archive_wait(struct audit *audit, const int64_t *as_of, struct err *err)
{
    int64_t until_us = clock_monotonic_us() + audit->settings->wait_s * 1000000;
    for (;;) {
        int reached = archive_reached(audit, as_of, err);
        if (reached)
            return reached < 0 ? -1 : 0;
        if (clock_monotonic_us() > until_us)
            return err_set(
                err, ERR_RETRY,
                "the archive has not reached what the speed layer has counted within %" PRId64
                " s: is `tandem-batch archive` running?",
                audit->settings->wait_s);
        if (!stop_sleep_ms(RETRY_MS))
            return err_set(err, ERR_RETRY, "stopped");
    }
}

static bool is_behind(const struct audit *audit, const int64_t *as_of)
{
    for (int p = 0; p < audit->partitions; p++)
        if (as_of[p] < replay_at(audit->replay)[p])
            return true;
    return false;
}

/*
 * A snapshot, and the recomputation at its as_of. When a Redis server has lost its tail, as_of lies behind what is recomputed
 * already: the speed layer is filling it again, so the snapshot is taken anew until it has caught up.
 */
static int snapshot_reach(struct audit *audit, size_t n_groups, struct audit_snapshot *snapshot,
                          struct err *err)
{
    int64_t until_us = clock_monotonic_us() + audit->settings->wait_s * 1000000;
    for (;;) {
        if (audit_snapshot_read(&audit->sources, audit->group, n_groups, snapshot, err))
            return -1;
        if (!is_behind(audit, snapshot->as_of))
            break;
        if (clock_monotonic_us() > until_us)
            return err_set(err, ERR_RETRY,
                           "the speed layer went back and has not caught up within %" PRId64
                           " s: is tandem-speed running?",
                           audit->settings->wait_s);
        if (!stop_sleep_ms(RETRY_MS))
            return err_set(err, ERR_RETRY, "stopped");
    }
    return archive_wait(audit, snapshot->as_of, err) ||
                   replay_to(audit->replay, audit->db, snapshot->as_of, NULL, NULL, err)
               ? -1
               : 0;
}

/* ---- chunks of groups ---- */

/* The groups are the rows of the recomputed counters; what only the views have is added there with a counter of 0. */
static void group_take(void *context, struct text view, struct text group)
{
    struct audit *audit = context;
    int number = catalogue_find(view);
    if (number < 0) {
        if (!audit->unknown_view)
            log_warn(LOG, "view %.*s is stored and not in the catalogue: `tandem-batch rebuild`",
                     (int)view.n, view.at);
        audit->unknown_view = true;
        return;
    }
    if (!(audit->views >> number & 1) ||
        !audit_sample_has(&audit->settings->sample, (unsigned)number, group))
        return;
    uint32_t symbol = names_put(replay_names(audit->replay), group);
    deltas_add(replay_counters(audit->replay), (unsigned)number, symbol, symbol, 0);
}

static void groups_name(struct audit *audit, size_t first, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned view;
        uint32_t symbol;
        deltas_row_key(replay_counters(audit->replay), first + i, &view, &symbol);
        audit->group[i].view = catalogue[view].name;
        bytes_clear(&audit->group[i].group);
        bytes_put_text(&audit->group[i].group, names_text(replay_names(audit->replay), symbol));
    }
}

static int group_compare(struct audit *audit, size_t row, const struct audit_group *group,
                         const char *as_of, struct err *err)
{
    unsigned view;
    uint32_t symbol;
    bytes_clear(&audit->packed);
    bytes_clear(&audit->expected);
    bytes_clear(&audit->found);
    deltas_row_key(replay_counters(audit->replay), row, &view, &symbol);
    deltas_row_pack(replay_counters(audit->replay), row, replay_names(audit->replay),
                    &audit->packed);
    if (row_canonical(bytes_text(&audit->packed), &audit->expected) < 0 ||
        row_canonical(bytes_text(&group->found), &audit->found) < 0)
        return err_set(err, ERR_DATA, "view %s, group %.*s: the stored bytes are no row",
                       group->view, (int)group->group.n, group->group.at);
    audit_report_compare(audit->report, view, bytes_text(&group->group),
                         bytes_text(&audit->expected), bytes_text(&audit->found), as_of);
    return 0;
}

static int chunk_audit(struct audit *audit, size_t first, size_t n, struct err *err)
{
    struct audit_snapshot snapshot;
    char as_of[VECTOR_BYTES];
    groups_name(audit, first, n);
    if (snapshot_reach(audit, n, &snapshot, err))
        return -1;
    vector_print(as_of, sizeof as_of, snapshot.as_of, audit->partitions);
    for (size_t i = 0; i < n; i++)
        if (group_compare(audit, first + i, &audit->group[i], as_of, err))
            return -1;
    return 0;
}

/*
 * The groups that are known now. While they are compared events arrive, and with them new groups, in a shop with ever new
 * items for ever: those are left to the next audit.
 */
static int groups_audit(struct audit *audit, struct err *err)
{
    size_t n, all = deltas_rows(replay_counters(audit->replay));
    for (size_t first = 0; first < all; first += n) {
        n = all - first < GROUPS ? all - first : GROUPS;
        if (chunk_audit(audit, first, n, err))
            return -1;
    }
    log_info(LOG, "compared groups=%zu appeared_meanwhile=%zu", all,
             deltas_rows(replay_counters(audit->replay)) - all);
    return 0;
}

/* ---- the whole ---- */

static bool is_sampled(const void *context, unsigned view, struct text group)
{
    return audit_sample_has(context, view, group);
}

/* For the serving layer's metrics and for people. That it cannot be kept does not make an audit fail. */
static void result_keep(struct audit *audit, int64_t took_ms)
{
    struct err err;
    struct audit_totals totals = audit_report_totals(audit->report);
    if (statement_run(audit->db, &err,
                      "INSERT INTO audit_result (sample_ppm, groups, counters, differing, took_ms)"
                      " VALUES (%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 ")",
                      audit->settings->sample.ppm, totals.groups, totals.counters, totals.differing,
                      took_ms) < 0)
        log_warn(LOG, "the result is not kept: %s", err.message);
}

/* Those that readers are answered from. */
static int views_choose(struct audit *audit, struct err *err)
{
    char names[VIEW_NAMES_BYTES];
    struct publication publication;
    struct view_state state;
    if (publication_read(audit->db, audit->partitions, &publication, err) ||
        view_state_read(audit->db, publication.n, &state, err))
        return -1;
    audit->views = state.served;
    replay_views(audit->replay, audit->views);
    if (audit->views != catalogue_all())
        log_warn(LOG, "not audited, because nobody is answered from them yet: %s",
                 view_names(catalogue_all() & ~audit->views, " ", names));
    return 0;
}

static int recompute(struct audit *audit, struct audit_snapshot *snapshot, struct err *err)
{
    if (audit_snapshot_read(&audit->sources, audit->group, 0, snapshot, err))
        return -1;
    int64_t total = 0;
    for (int p = 0; p < audit->partitions; p++)
        total += snapshot->as_of[p];
    int64_t start_us = clock_monotonic_us();
    if (archive_wait(audit, snapshot->as_of, err) ||
        replay_to(audit->replay, audit->db, snapshot->as_of, progress, &total, err))
        return -1;
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    log_info(LOG, "recomputed records=%" PRId64 " ms=%" PRId64 " counters=%zu", total,
             (clock_monotonic_us() - start_us) / 1000,
             deltas_counters(replay_counters(audit->replay)));
    return 0;
}

static int audit_all(struct audit *audit, struct err *err)
{
    struct audit_snapshot snapshot;
    const struct deployment_options *deployment = &audit->settings->deployment;
    if (statement_run(audit->db, err, "SELECT pg_advisory_lock_shared(%" PRId64 ")", FORGET_LOCK) <
            0 ||
        audit_sources_open(&audit->sources, audit->db, deployment->redis, audit->partitions, err) ||
        views_choose(audit, err) || recompute(audit, &snapshot, err) ||
        audit_groups_list(&audit->sources, snapshot.n, group_take, audit, err))
        return -1;
    if (groups_audit(audit, err))
        return -1;
    return audit_report_totals(audit->report).differing
               ? audit_blame(audit->report, audit->db, audit->partitions, replay_at(audit->replay),
                             err)
               : 0;
}

static void audit_free(struct audit *audit)
{
    audit_sources_close(&audit->sources);
    replay_free(audit->replay);
    audit_report_free(audit->report);
    for (int i = 0; i < GROUPS; i++) {
        bytes_free(&audit->group[i].group);
        bytes_free(&audit->group[i].found);
    }
    free(audit->group);
    bytes_free(&audit->packed);
    bytes_free(&audit->expected);
    bytes_free(&audit->found);
    PQfinish(audit->db);
}

static int work(const struct settings *settings)
{
    struct err err = {0};
    int64_t start_us = clock_monotonic_us();
    struct audit audit = {.settings = settings,
                          .partitions = (int)settings->deployment.partitions,
                          .replay = replay_new((int)settings->deployment.partitions),
                          .report = audit_report_new(),
                          .group = xcalloc(GROUPS, sizeof(struct audit_group))};
    if (settings->sample.ppm < 1000000)
        replay_keep(audit.replay, is_sampled, &settings->sample);
    audit.db = database_open(settings->deployment.postgres, "tandem-batch", &err);
    int exit_code = BATCH_FAILED;
    if (!audit.db || audit_all(&audit, &err)) {
        log_error(LOG, "%s", err.message);
    } else {
        audit_report_print(audit.report);
        result_keep(&audit, (clock_monotonic_us() - start_us) / 1000);
        exit_code = audit_report_totals(audit.report).differing ? BATCH_DRIFTED : BATCH_DONE;
    }
    audit_free(&audit);
    return exit_code;
}

int audit_main(int argc, char **argv)
{
    static const struct options_usage usage = {
        .program = "tandem-batch",
        .synopsis = "audit [options]",
        .about =
            "Recomputes every view from the master dataset and compares every counter with what\n"
            "readers are answered, beside live traffic. Exit 4: something differs; then it says\n"
            "what the events of each partition should have given. A sample folds all events, too,\n"
            "but keeps, reads and compares only its share of the counters.",
        .commands = "",
    };
    struct settings settings = {0};
    struct err err;
    struct option_row rows[OPTIONS_DEPLOYMENT + 3];
    size_t n = options_deployment(rows, &settings.deployment);
    rows[n++] =
        (struct option_row){.name = "wait_s",
                            .type = OPTION_INT,
                            .initial = "600",
                            .unit = "s",
                            .sentence = "how long to wait for the archive or the speed layer",
                            .into = &settings.wait_s,
                            .max = 86400};
    rows[n++] = (struct option_row){.name = "sample",
                                    .type = OPTION_TEXT,
                                    .initial = "100%",
                                    .unit = "share of groups",
                                    .sentence = "how many of the groups are compared, such as 1%",
                                    .into = &settings.sample_text};
    rows[n++] = (struct option_row){.name = "seed",
                                    .type = OPTION_INT,
                                    .initial = "0",
                                    .unit = "",
                                    .sentence = "another seed samples other groups",
                                    .into = &settings.sample.seed,
                                    .max = INT64_MAX};
    options_read(&usage, rows, n, argc, argv);
    if (audit_sample_parse(settings.sample_text, &settings.sample, &err)) {
        log_error(LOG, "%s", err.message);
        return BATCH_WRONG_USE;
    }
    stop_install();
    return work(&settings);
}
