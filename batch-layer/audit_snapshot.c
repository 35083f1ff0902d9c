#include "batch-layer/audit_snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch-layer/copy.h"
#include "batch-layer/speed_state.h"
#include "batch-layer/statement.h"
#include "common/mem.h"
#include "common/stop.h"
#include "handover/speed_keys.h"

enum { TIMEOUT_MS = 10000, SCAN_KEYS = 1000, ATTEMPTS = 50, RETRY_MS = 100 };

/* ---- sources ---- */

int audit_sources_open(struct audit_sources *sources, PGconn *db, const char *redis, int partitions,
                       struct err *err)
{
    struct publication publication;
    sources->db = db;
    sources->partitions = partitions;
    if (speed_servers_parse(redis, &sources->servers, err) ||
        publication_read(db, partitions, &publication, err))
        return -1;
    snprintf(sources->deployment, sizeof sources->deployment, "%s", publication.deployment);
    for (int i = 0; i < sources->servers.n; i++)
        if (!(sources->redis[i] = speed_view_open(&sources->servers, i, TIMEOUT_MS, err)))
            return -1;
    return 0;
}

void audit_sources_close(struct audit_sources *sources)
{
    for (int i = 0; i < sources->servers.n; i++)
        if (sources->redis[i])
            redisFree(sources->redis[i]);
}

/* A connection that broke is opened again: a server that comes back may have lost its tail, which as_of then says. */
static int reconnect(struct audit_sources *sources, struct err *err)
{
    for (int i = 0; i < sources->servers.n; i++) {
        if (sources->redis[i] && !sources->redis[i]->err)
            continue;
        if (sources->redis[i])
            redisFree(sources->redis[i]);
        sources->redis[i] = speed_view_open(&sources->servers, i, TIMEOUT_MS, err);
        if (!sources->redis[i])
            return -1;
    }
    return 0;
}

/* ---- Postgres: the publication and the groups' rows, in one snapshot ---- */

static int rows_read(PGconn *db, struct audit_group *groups, size_t n_groups, struct err *err)
{
    struct bytes views = {0}, names = {0};
    for (size_t i = 0; i < n_groups; i++) {
        text_array_put(&views, text_of(groups[i].view));
        text_array_put(&names, bytes_text(&groups[i].group));
        bytes_clear(&groups[i].found);
    }
    text_array_end(&views);
    text_array_end(&names);
    PGresult *result = PQexecParams(
        db,
        "SELECT g.i, v.counters FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS g(view, \"group\", i)"
        " JOIN view_row v ON v.view = g.view AND v.\"group\" = g.\"group\"",
        2, NULL, (const char *[]){views.at, names.at}, NULL, NULL, 1);
    int failed = 0;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        failed = database_failed(db, result, "SELECT view_row", err);
    for (int r = 0; !failed && r < PQntuples(result); r++) {
        int64_t i =
            copy_number((struct text){PQgetvalue(result, r, 0), (size_t)PQgetlength(result, r, 0)});
        bytes_put(&groups[i - 1].found, PQgetvalue(result, r, 1),
                  (size_t)PQgetlength(result, r, 1));
    }
    PQclear(result);
    bytes_free(&views);
    bytes_free(&names);
    return failed;
}

static int batch_side(struct audit_sources *sources, struct audit_group *groups, size_t n_groups,
                      struct audit_snapshot *snapshot, struct err *err)
{
    struct publication publication;
    if (statement_run(sources->db, err, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") < 0)
        return -1;
    int failed = publication_read(sources->db, sources->partitions, &publication, err) ||
                 rows_read(sources->db, groups, n_groups, err);
    struct err unused;
    if (statement_run(sources->db, failed ? &unused : err, "COMMIT") < 0 || failed)
        return -1;
    snapshot->n = publication.n;
    memcpy(snapshot->as_of, publication.boundary, sizeof snapshot->as_of);
    return 0;
}

/* ---- Redis: state and rows of one server, in one MULTI ---- */

static void append_mget(redisContext *redis, const struct audit_group *groups, size_t n_groups,
                        int64_t segment)
{
    struct bytes name = {0}, key = {0}, keys = {0};
    size_t *length = xcalloc(n_groups + 1, sizeof *length);
    const char **argv = xcalloc(n_groups + 1, sizeof *argv);
    for (size_t i = 0; i < n_groups; i++) {
        speed_row_name(&name, groups[i].view, bytes_text(&groups[i].group));
        speed_row_key(&key, segment, bytes_text(&name));
        length[i + 1] = key.n;
        bytes_put_text(&keys, bytes_text(&key));
    }
    argv[0] = "MGET", length[0] = 4;
    for (size_t i = 0, at = 0; i < n_groups; at += length[++i])
        argv[i + 1] = keys.at + at;
    redisAppendCommandArgv(redis, (int)n_groups + 1, argv, length);
    bytes_free(&name);
    bytes_free(&key);
    bytes_free(&keys);
    free(length);
    free(argv);
}

/* The reply to EXEC; what the commands before it were answered is "QUEUED". NULL: err. */
static redisReply *exec_reply(redisContext *redis, int n_commands, struct err *err)
{
    redisReply *reply = NULL;
    for (int i = 0; i < n_commands; i++) {
        if (reply)
            freeReplyObject(reply);
        reply = NULL;
        if (redisGetReply(redis, (void **)&reply) != REDIS_OK || !reply ||
            reply->type == REDIS_REPLY_ERROR)
            break;
    }
    if (reply && reply->type == REDIS_REPLY_ARRAY)
        return reply;
    speed_view_failed(redis, reply, "MULTI", err);
    if (reply)
        freeReplyObject(reply);
    redis->err = redis->err ? redis->err : REDIS_ERR_OTHER; /* replies may still be on their way */
    return NULL;
}

static redisReply *server_read(redisContext *redis, const struct audit_group *groups,
                               size_t n_groups, int64_t first, int64_t last, struct err *err)
{
    redisAppendCommand(redis, "MULTI");
    redisAppendCommand(redis, "HGETALL " SPEED_STATE_KEY);
    int n = 3;
    for (int64_t s = first; n_groups && s <= last; s++, n++)
        append_mget(redis, groups, n_groups, s);
    redisAppendCommand(redis, "EXEC");
    return exec_reply(redis, n, err);
}

static void rows_take(const redisReply *exec, struct audit_group *groups)
{
    for (size_t s = 1; s < exec->elements; s++)
        for (size_t i = 0; i < exec->element[s]->elements; i++) {
            const redisReply *value = exec->element[s]->element[i];
            if (value->type == REDIS_REPLY_STRING)
                bytes_put(&groups[i].found, value->str, value->len);
        }
}

/* Takes a server's part. 0; 1: read everything again; -1. *last is raised where there are newer segments than asked for. */
static int server_take(struct audit_sources *sources, int i, const redisReply *exec, int64_t *last,
                       struct audit_group *groups, struct audit_snapshot *snapshot, struct err *err)
{
    struct speed_state state;
    if (speed_state_take(exec->element[0], sources->partitions, &state))
        return err_set(err, ERR_DATA, "redis server %d: the key " SPEED_STATE_KEY " is no state",
                       i);
    if (speed_state_check(sources->redis[i], &state, sources->deployment, i, sources->servers.n,
                          err))
        return -1;
    if (!state.there)
        return 0;                            /* nothing to add: as_of stays at the boundary */
    int again = state.retired > snapshot->n; /* a newer batch view has taken those segments in */
    for (int p = i; p < sources->partitions; p += sources->servers.n) {
        if (state.segment[p] > *last) {
            *last = state.segment[p];
            again = 1;
        }
        if (state.offset[p] > snapshot->as_of[p])
            snapshot->as_of[p] = state.offset[p];
    }
    if (!again)
        rows_take(exec, groups);
    return again;
}

/* 0; 1: again; -1 */
static int attempt(struct audit_sources *sources, struct audit_group *groups, size_t n_groups,
                   int64_t *last, struct audit_snapshot *snapshot, struct err *err)
{
    if (reconnect(sources, err) || batch_side(sources, groups, n_groups, snapshot, err))
        return -1;
    if (*last < snapshot->n)
        *last = snapshot->n;
    int again = 0;
    for (int i = 0; i < sources->servers.n && !again; i++) {
        redisReply *exec =
            server_read(sources->redis[i], groups, n_groups, snapshot->n, *last, err);
        again = exec ? server_take(sources, i, exec, last, groups, snapshot, err) : -1;
        if (exec)
            freeReplyObject(exec);
    }
    return again;
}

int audit_snapshot_read(struct audit_sources *sources, struct audit_group *groups, size_t n_groups,
                        struct audit_snapshot *snapshot, struct err *err)
{
    int64_t last = 0; /* newest segment to ask for */
    for (int i = 0; i < ATTEMPTS; i++) {
        int again = attempt(sources, groups, n_groups, &last, snapshot, err);
        if (again == 0)
            return 0;
        if (again < 0 && (err->kind != ERR_RETRY || PQstatus(sources->db) != CONNECTION_OK))
            return -1;
        if (again < 0 && !stop_sleep_ms(RETRY_MS))
            return -1;
        if (again > 0)
            err_set(err, ERR_RETRY, "the publication changes faster than it can be read");
    }
    return -1;
}

/* ---- which groups there are ---- */

static int batch_groups(struct audit_sources *sources,
                        void (*take)(void *context, struct text view, struct text group),
                        void *context, struct err *err)
{
    struct copy_out rows = {0};
    struct text field[2];
    int more = copy_out_begin(&rows, sources->db,
                              "COPY (SELECT DISTINCT view, \"group\" FROM view_row)"
                              " TO STDOUT (FORMAT binary)",
                              err)
                   ? -1
                   : 1;
    while (more > 0 && (more = copy_out_row(&rows, field, 2, err)) > 0)
        take(context, field[0], field[1]);
    copy_out_end(&rows);
    return more;
}

static int speed_groups(redisContext *redis, int64_t n,
                        void (*take)(void *context, struct text view, struct text group),
                        void *context, struct err *err)
{
    char cursor[32] = "0";
    do {
        redisReply *reply =
            redisCommand(redis, "SCAN %s MATCH " SPEED_ROW_PREFIX "* COUNT %d", cursor, SCAN_KEYS);
        if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
            speed_view_failed(redis, reply, "SCAN", err);
            freeReplyObject(reply);
            return -1;
        }
        const redisReply *keys = reply->element[1];
        for (size_t i = 0; i < keys->elements; i++) {
            struct text view, group, key = {keys->element[i]->str, keys->element[i]->len};
            int64_t segment;
            if (speed_row_key_parse(key, &segment, &view, &group) && segment >= n)
                take(context, view, group);
        }
        snprintf(cursor, sizeof cursor, "%s", reply->element[0]->str);
        freeReplyObject(reply);
    } while (strcmp(cursor, "0") != 0);
    return 0;
}

int audit_groups_list(struct audit_sources *sources, int64_t n,
                      void (*take)(void *context, struct text view, struct text group),
                      void *context, struct err *err)
{
    if (batch_groups(sources, take, context, err))
        return -1;
    for (int i = 0; i < sources->servers.n; i++)
        if (speed_groups(sources->redis[i], n, take, context, err))
            return -1;
    return 0;
}
