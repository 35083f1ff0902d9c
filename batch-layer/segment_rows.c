#include "batch-layer/segment_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "handover/speed_keys.h"
#include "handover/speed_view.h"
#include "views/names.h"

enum { SCAN_KEYS = 1000 };

struct segment_row {
    struct bytes log;
    int server; /* the last that gave a piece: SCAN may name a key twice */
    bool taken;
};

struct segment_rows {
    struct names *names; /* <view>:<group> */
    struct segment_row *row;
    size_t cap;
    int servers;
    struct bytes name;
};

struct segment_rows *segment_rows_new(void)
{
    struct segment_rows *rows = xcalloc(1, sizeof *rows);
    rows->names = names_new();
    return rows;
}

void segment_rows_free(struct segment_rows *rows)
{
    if (!rows)
        return;
    for (uint32_t i = 0; i < names_count(rows->names); i++)
        bytes_free(&rows->row[i].log);
    names_free(rows->names);
    free(rows->row);
    bytes_free(&rows->name);
    free(rows);
}

/* The row's place when this key is a row of the segment that this server has not given yet; else NULL. */
static struct segment_row *row_wanted(struct segment_rows *rows, struct text key, int64_t segment)
{
    int64_t of;
    struct text view, group;
    if (!speed_row_key_parse(key, &of, &view, &group) || of != segment)
        return NULL;
    uint32_t known = names_count(rows->names);
    uint32_t row = names_put(rows->names, (struct text){view.at, view.n + 1 + group.n});
    rows->row = grown(rows->row, &rows->cap, (size_t)row + 1, sizeof *rows->row);
    if (row == known)
        rows->row[row] = (struct segment_row){0};
    if (rows->row[row].server == rows->servers)
        return NULL;
    rows->row[row].server = rows->servers;
    return &rows->row[row];
}

static uint32_t row_find(const struct segment_rows *rows, struct text key)
{
    int64_t of;
    struct text view, group;
    speed_row_key_parse(key, &of, &view, &group);
    return names_find(rows->names, (struct text){view.at, view.n + 1 + group.n});
}

static int values_take(struct segment_rows *rows, redisContext *redis, const char **argv,
                       const size_t *length, int argc, struct err *err)
{
    redisReply *reply = redisCommandArgv(redis, argc, argv, length);
    int failed = 0;
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != (size_t)argc - 1)
        failed = speed_view_failed(redis, reply, "MGET", err);
    for (int i = 1; !failed && i < argc; i++) {
        const redisReply *value = reply->element[i - 1];
        struct segment_row *row = &rows->row[row_find(rows, (struct text){argv[i], length[i]})];
        if (value->type == REDIS_REPLY_STRING)
            bytes_put(&row->log, value->str, value->len);
        else
            failed = err_set(err, ERR_RETRY, "redis %s:%d: a row vanished while it was read",
                             redis->tcp.host, redis->tcp.port);
    }
    freeReplyObject(reply);
    return failed;
}

static int keys_take(struct segment_rows *rows, redisContext *redis, const redisReply *keys,
                     int64_t segment, struct err *err)
{
    const char **argv = xcalloc(keys->elements + 1, sizeof *argv);
    size_t *length = xcalloc(keys->elements + 1, sizeof *length);
    int argc = 1, failed = 0;
    argv[0] = "MGET", length[0] = 4;
    for (size_t i = 0; i < keys->elements; i++) {
        struct text key = {keys->element[i]->str, keys->element[i]->len};
        if (row_wanted(rows, key, segment))
            argv[argc] = key.at, length[argc] = key.n, argc++;
    }
    if (argc > 1)
        failed = values_take(rows, redis, argv, length, argc, err);
    free(argv);
    free(length);
    return failed;
}

int segment_rows_read(struct segment_rows *rows, redisContext *redis, int64_t segment,
                      struct err *err)
{
    char cursor[32] = "0";
    rows->servers++;
    do {
        redisReply *reply = redisCommand(redis, "SCAN %s MATCH " SPEED_ROW_PREFIX "%lld:* COUNT %d",
                                         cursor, (long long)segment, SCAN_KEYS);
        int failed = 0;
        if (!speed_view_is_pair(reply, REDIS_REPLY_ARRAY))
            failed = speed_view_failed(redis, reply, "SCAN", err);
        else
            failed = keys_take(rows, redis, reply->element[1], segment, err);
        if (!failed)
            snprintf(cursor, sizeof cursor, "%s", reply->element[0]->str);
        freeReplyObject(reply);
        if (failed)
            return -1;
    } while (strcmp(cursor, "0") != 0);
    return 0;
}

struct text segment_rows_take(struct segment_rows *rows, struct text view, struct text group)
{
    bytes_clear(&rows->name);
    bytes_put_text(&rows->name, view);
    bytes_put(&rows->name, ":", 1);
    bytes_put_text(&rows->name, group);
    uint32_t row = names_find(rows->names, bytes_text(&rows->name));
    if (row == NAMES_ABSENT)
        return (struct text){"", 0};
    rows->row[row].taken = true;
    return bytes_text(&rows->row[row].log);
}

bool segment_rows_left(const struct segment_rows *rows, size_t *cursor, struct text *view,
                       struct text *group, struct text *log)
{
    while (*cursor < names_count(rows->names) && rows->row[*cursor].taken)
        ++*cursor;
    if (*cursor >= names_count(rows->names))
        return false;
    struct text name = names_text(rows->names, (uint32_t)*cursor);
    const char *colon = memchr(name.at, ':', name.n);
    *view = (struct text){name.at, (size_t)(colon - name.at)};
    *group = (struct text){colon + 1, name.n - view->n - 1};
    *log = bytes_text(&rows->row[*cursor].log);
    ++*cursor;
    return true;
}
