#include "batch-layer/segment_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "handover/speed_keys.h"
#include "handover/speed_view.h"
#include "views/names.h"

enum { SCAN_KEYS = 1000 };

struct segment_row {
    uint64_t servers; /* bit i: server i has a part of it */
    bool taken;
};

_Static_assert(SPEED_SERVERS_MAX <= 64, "a bit for each server");

struct segment_rows {
    int64_t segment;
    struct names *names; /* <view>:<group> */
    struct segment_row *row;
    size_t cap;
    struct bytes name;
};

struct segment_rows *segment_rows_new(int64_t segment)
{
    struct segment_rows *rows = xcalloc(1, sizeof *rows);
    rows->segment = segment;
    rows->names = names_new();
    return rows;
}

void segment_rows_free(struct segment_rows *rows)
{
    if (!rows)
        return;
    names_free(rows->names);
    free(rows->row);
    bytes_free(&rows->name);
    free(rows);
}

/* SCAN may name a key twice. */
static void row_name(struct segment_rows *rows, struct text key, int i)
{
    int64_t of;
    struct text view, group;
    if (!speed_row_key_parse(key, &of, &view, &group) || of != rows->segment)
        return;
    uint32_t known = names_count(rows->names);
    uint32_t row = names_put(rows->names, (struct text){view.at, view.n + 1 + group.n});
    rows->row = grown(rows->row, &rows->cap, (size_t)row + 1, sizeof *rows->row);
    if (row == known)
        rows->row[row] = (struct segment_row){0};
    rows->row[row].servers |= UINT64_C(1) << i;
}

int segment_rows_name(struct segment_rows *rows, redisContext *redis, int i, struct err *err)
{
    char cursor[32] = "0";
    do {
        redisReply *reply = redisCommand(redis, "SCAN %s MATCH " SPEED_ROW_PREFIX "%lld:* COUNT %d",
                                         cursor, (long long)rows->segment, SCAN_KEYS);
        int failed = speed_view_is_pair(reply, REDIS_REPLY_ARRAY)
                         ? 0
                         : speed_view_failed(redis, reply, "SCAN", err);
        for (size_t k = 0; !failed && k < reply->element[1]->elements; k++) {
            const redisReply *key = reply->element[1]->element[k];
            if (key->type == REDIS_REPLY_STRING)
                row_name(rows, (struct text){key->str, key->len}, i);
        }
        if (!failed)
            snprintf(cursor, sizeof cursor, "%s", reply->element[0]->str);
        freeReplyObject(reply);
        if (failed)
            return -1;
    } while (strcmp(cursor, "0") != 0);
    return 0;
}

uint32_t segment_rows_take(struct segment_rows *rows, struct text view, struct text group)
{
    bytes_clear(&rows->name);
    bytes_put_text(&rows->name, view);
    bytes_put(&rows->name, ":", 1);
    bytes_put_text(&rows->name, group);
    uint32_t row = names_find(rows->names, bytes_text(&rows->name));
    if (row == NAMES_ABSENT)
        return SEGMENT_ROW_ABSENT;
    rows->row[row].taken = true;
    return row;
}

bool segment_rows_left(struct segment_rows *rows, uint32_t *cursor, uint32_t *row,
                       struct text *view, struct text *group)
{
    while (*cursor < names_count(rows->names) && rows->row[*cursor].taken)
        ++*cursor;
    if (*cursor >= names_count(rows->names))
        return false;
    *row = (*cursor)++;
    rows->row[*row].taken = true;
    struct text name = names_text(rows->names, *row);
    const char *colon = memchr(name.at, ':', name.n);
    *view = (struct text){name.at, (size_t)(colon - name.at)};
    *group = (struct text){colon + 1, name.n - view->n - 1};
    return true;
}

/* ---- a few rows' bytes ---- */

struct fetch {
    const char **argv;
    size_t *length;
    int argc;
    uint32_t *of; /* which of the wanted ones the key before argv[1 + ...] is */
    struct bytes keys;
};

static void fetch_free(struct fetch *fetch)
{
    free(fetch->argv);
    free(fetch->length);
    free(fetch->of);
    bytes_free(&fetch->keys);
}

/* MGET and the keys that server i has. */
static void fetch_make(struct fetch *fetch, const struct segment_rows *rows, int i,
                       const uint32_t *wanted, size_t n)
{
    struct bytes key = {0};
    *fetch = (struct fetch){.argv = xcalloc(n + 1, sizeof *fetch->argv),
                            .length = xcalloc(n + 1, sizeof *fetch->length),
                            .of = xcalloc(n + 1, sizeof *fetch->of),
                            .argc = 1};
    fetch->argv[0] = "MGET", fetch->length[0] = 4;
    for (size_t k = 0; k < n; k++) {
        if (wanted[k] == SEGMENT_ROW_ABSENT || !(rows->row[wanted[k]].servers >> i & 1))
            continue;
        speed_row_key(&key, rows->segment, names_text(rows->names, wanted[k]));
        bytes_put_text(&fetch->keys, bytes_text(&key));
        fetch->of[fetch->argc - 1] = (uint32_t)k;
        fetch->length[fetch->argc++] = key.n;
    }
    const char *at = fetch->keys.at;
    for (int a = 1; a < fetch->argc; at += fetch->length[a++])
        fetch->argv[a] = at;
    bytes_free(&key);
}

int segment_rows_fetch(const struct segment_rows *rows, redisContext *redis, int i,
                       const uint32_t *wanted, size_t n, struct bytes *logs, struct err *err)
{
    struct fetch fetch;
    fetch_make(&fetch, rows, i, wanted, n);
    size_t n_keys = (size_t)fetch.argc - 1;
    redisReply *reply =
        n_keys ? redisCommandArgv(redis, fetch.argc, fetch.argv, fetch.length) : NULL;
    int failed = 0;
    if (n_keys && (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != n_keys))
        failed = speed_view_failed(redis, reply, "MGET", err);
    for (size_t k = 0; !failed && k < n_keys; k++) {
        const redisReply *value = reply->element[k];
        if (value->type == REDIS_REPLY_STRING)
            bytes_put(&logs[fetch.of[k]], value->str, value->len);
        else
            failed = err_set(err, ERR_RETRY, "redis %s:%d: a row vanished while it was read",
                             redis->tcp.host, redis->tcp.port);
    }
    freeReplyObject(reply);
    fetch_free(&fetch);
    return failed;
}
