#include "serving-layer/speed_reader.h"

#include <assert.h>
#include <event2/event.h>
#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "handover/database.h" /* PARTITIONS_MAX */
#include "handover/speed_keys.h"
#include "serving-layer/speed_reply.h"

enum { CONNECT_MS = 3000, BACKOFF_FIRST_MS = 20, BACKOFF_LAST_MS = 1000, REPEATS_MAX = 100 };

struct speed_reader {
    struct speed_reader_settings settings;
    redisAsyncContext *redis; /* NULL: not connected */
    struct event *timer;      /* connects again; gives up on a connection that is not up in time */
    int backoff_ms;
    bool up;    /* it has answered */
    bool fresh; /* nothing was read over this connection yet */
    bool complained;
    struct speed_seen seen;

    const struct speed_read *read; /* under way, or NULL */
    int repeats;
    uint64_t repeats_ever;
    struct bytes key, name; /* of the command at hand */
    const char **argv;      /* of a long command */
    size_t *argv_bytes;
    size_t argv_cap, argv_bytes_cap;
};

/* ---- the connection ---- */

static const char *server_host(const struct speed_reader *reader)
{
    return reader->settings.servers->server[reader->settings.server].host;
}

static int server_port(const struct speed_reader *reader)
{
    return reader->settings.servers->server[reader->settings.server].port;
}

static void timer_set(struct speed_reader *reader, int ms)
{
    struct timeval time = {ms / 1000, ms % 1000 * 1000};
    event_add(reader->timer, &time);
}

static void read_done(struct speed_reader *reader, enum speed_outcome outcome)
{
    if (!reader->read)
        return;
    reader->read = NULL;
    reader->settings.done(reader->settings.context, reader->settings.server, outcome);
}

static const char *cause_of(const redisAsyncContext *redis)
{
    return redis->c.err ? redis->c.errstr : "connection closed";
}

/* Says once that a server is not answered from, until it is again. */
static void complain(struct speed_reader *reader, enum log_level level, const char *why)
{
    if (!reader->complained)
        log_line(level, "speed_reader", "not read from %s:%d: %s", server_host(reader),
                 server_port(reader), why);
    reader->complained = true;
}

/* The connection is gone, or going: nothing of it is used any more. Its parts are dropped by the next read. */
static void connection_lost(struct speed_reader *reader, const char *why)
{
    reader->redis = NULL;
    if (reader->up || reader->backoff_ms == BACKOFF_FIRST_MS)
        complain(reader, LOG_WARN, why);
    reader->up = false;
    timer_set(reader, reader->backoff_ms);
    reader->backoff_ms =
        2 * reader->backoff_ms < BACKOFF_LAST_MS ? 2 * reader->backoff_ms : BACKOFF_LAST_MS;
    read_done(reader, SPEED_AWAY);
}

static void connection_close(struct speed_reader *reader, const char *why)
{
    redisAsyncContext *redis = reader->redis;
    if (!redis)
        return;
    connection_lost(reader, why);
    redisAsyncFree(
        redis); /* calls what is pending with no reply; reader->redis is another one by then */
}

static void on_hello(redisAsyncContext *redis, void *reply_of, void *context)
{
    (void)context;
    struct speed_reader *reader = redis->data;
    const redisReply *reply = reply_of;
    if (reader->redis != redis)
        return;
    if (!reply)
        connection_lost(reader, cause_of(redis));
    else if (reply->type != REDIS_REPLY_INTEGER)
        connection_close(reader, reply->type == REDIS_REPLY_ERROR ? reply->str
                                                                  : "unexpected reply to EXISTS");
    else {
        reader->up = true;
        reader->backoff_ms = BACKOFF_FIRST_MS;
        event_del(reader->timer);
    }
}

static void on_connect(const redisAsyncContext *redis, int status)
{
    struct speed_reader *reader = redis->data;
    if (status != REDIS_OK && reader->redis == redis)
        connection_lost(reader, cause_of(redis));
}

static void on_disconnect(const redisAsyncContext *redis, int status)
{
    (void)status;
    struct speed_reader *reader = redis->data;
    if (reader->redis == redis)
        connection_lost(reader, cause_of(redis));
}

static void connection_open(struct speed_reader *reader)
{
    redisAsyncContext *redis = redisAsyncConnect(server_host(reader), server_port(reader));
    if (!redis || redis->err) {
        connection_lost(reader, redis ? cause_of(redis) : "no memory");
        if (redis)
            redisAsyncFree(redis);
        return;
    }
    redis->data = reader;
    reader->redis = redis;
    reader->fresh = true;
    redisLibeventAttach(redis, reader->settings.base);
    redisAsyncSetConnectCallback(redis, on_connect);
    redisAsyncSetDisconnectCallback(redis, on_disconnect);
    /* a read, since that is what it is for: with a full disk Redis refuses PING and answers reads */
    redisAsyncCommand(redis, on_hello, NULL, "EXISTS " SPEED_STATE_KEY);
    timer_set(reader, CONNECT_MS);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct speed_reader *reader = context;
    if (!reader->redis)
        connection_open(reader);
    else if (!reader->up)
        connection_close(reader, "no answer");
}

/* ---- asking ---- */

static void on_read(redisAsyncContext *redis, void *reply_of, void *context);

static void send_argv(struct speed_reader *reader, redisCallbackFn *fn, int argc,
                      const char *const *argv, const size_t *bytes)
{
    redisAsyncCommandArgv(reader->redis, fn, NULL, argc, (const char **)argv, bytes);
}

static void send_words(struct speed_reader *reader, redisCallbackFn *fn, int argc,
                       const struct text *words)
{
    const char *argv[4];
    size_t bytes[4];
    assert(argc <= 4);
    for (int i = 0; i < argc; i++)
        argv[i] = words[i].at, bytes[i] = words[i].n;
    send_argv(reader, fn, argc, argv, bytes);
}

static void argv_put(struct speed_reader *reader, size_t *argc, struct text word)
{
    reader->argv = grown(reader->argv, &reader->argv_cap, *argc + 1, sizeof *reader->argv);
    reader->argv_bytes =
        grown(reader->argv_bytes, &reader->argv_bytes_cap, *argc + 1, sizeof *reader->argv_bytes);
    reader->argv[*argc] = word.at;
    reader->argv_bytes[(*argc)++] = word.n;
}

/* HMGET tandem deployment epoch retired layout begun done, then o<p> s<p> t<p> of each partition of this server. */
static void send_state(struct speed_reader *reader)
{
    static const char *const fields[] = {"HMGET",   SPEED_STATE_KEY, "deployment", "epoch",
                                         "retired", "layout",        "begun",      "done"};
    static const char of_partition[] = {'o', 's', 't'};
    char names[PARTITIONS_MAX][sizeof of_partition][16];
    size_t argc = 0;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        argv_put(reader, &argc, text_of(fields[i]));
    for (int p = reader->settings.server; p < reader->read->edition->partitions;
         p += reader->settings.servers->n) {
        for (size_t f = 0; f < sizeof of_partition; f++) {
            snprintf(names[p][f], sizeof names[p][f], "%c%d", of_partition[f], p);
            argv_put(reader, &argc, text_of(names[p][f]));
        }
    }
    send_argv(reader, NULL, (int)argc, reader->argv, reader->argv_bytes);
}

static struct text row_name(struct speed_reader *reader, const struct kept_row *row)
{
    speed_row_name(&reader->name, catalogue[kept_view(row)].name, kept_group(row));
    return bytes_text(&reader->name);
}

/* HMGET tandem:gen:<segment> <row name> .. */
static void send_generations(struct speed_reader *reader, int64_t segment)
{
    const struct speed_read *read = reader->read;
    struct bytes all = {0}; /* the names, one behind the other */
    size_t argc = 0, at = 0;
    for (size_t r = 0; r < read->n_rows; r++)
        bytes_put_text(&all, row_name(reader, read->rows[r]));
    speed_gen_key(&reader->key, segment);
    argv_put(reader, &argc, text_of("HMGET"));
    argv_put(reader, &argc, bytes_text(&reader->key));
    for (size_t r = 0; r < read->n_rows; r++) {
        size_t n = row_name(reader, read->rows[r]).n;
        argv_put(reader, &argc, (struct text){all.at + at, n});
        at += n;
    }
    send_argv(reader, NULL, (int)argc, reader->argv, reader->argv_bytes);
    bytes_free(&all);
}

/* GETRANGE tandem:row:<segment>:<row name> <kept length> -1 */
static void send_rows(struct speed_reader *reader, int64_t segment)
{
    const struct speed_read *read = reader->read;
    for (size_t r = 0; r < read->n_rows; r++) {
        const struct kept_part *part =
            kept_part_find(read->rows[r], reader->settings.server, segment);
        char from[24];
        snprintf(from, sizeof from, "%zu", part ? part->length : 0);
        speed_row_key(&reader->key, segment, row_name(reader, read->rows[r]));
        send_words(reader, NULL, 4,
                   (struct text[]){text_of("GETRANGE"), bytes_text(&reader->key), text_of(from),
                                   text_of("-1")});
    }
}

/* HGET tandem:user:<segment>:<p> <user> for each segment, newest first. */
static void send_users(struct speed_reader *reader)
{
    const struct speed_read *read = reader->read;
    for (size_t u = 0; u < read->n_users; u++) {
        if (speed_server_of(reader->settings.servers, read->users[u].partition) !=
            reader->settings.server)
            continue;
        for (int64_t segment = reader->seen.top; segment >= read->edition->n; segment--) {
            speed_user_key(&reader->key, segment, read->users[u].partition);
            send_words(
                reader, NULL, 3,
                (struct text[]){text_of("HGET"), bytes_text(&reader->key), read->users[u].user});
        }
    }
}

/*
 * One MULTI: the server runs it with nothing in between, so that offsets, generations and rows are of one moment. Everything
 * is sent before anything is looked at; the answer is the reply to EXEC alone.
 */
static void read_send(struct speed_reader *reader)
{
    const struct speed_read *read = reader->read;
    send_words(reader, NULL, 1, (struct text[]){text_of("MULTI")});
    send_state(reader);
    for (int64_t segment = read->edition->n; read->n_rows && segment <= reader->seen.top;
         segment++) {
        send_generations(reader, segment);
        send_rows(reader, segment);
    }
    send_users(reader);
    send_words(reader, on_read, 1, (struct text[]){text_of("EXEC")});
}

static void read_repeat(struct speed_reader *reader)
{
    reader->repeats_ever++;
    if (++reader->repeats >
        REPEATS_MAX) /* somebody compacts in a circle: never wait for it for ever */
        connection_close(reader, "rows move faster than they can be read");
    else
        read_send(reader);
}

static void on_read(redisAsyncContext *redis, void *reply, void *context)
{
    (void)context;
    struct speed_reader *reader = redis->data;
    if (reader->redis != redis || !reader->read)
        return;
    if (!reply) {
        connection_lost(reader, cause_of(redis));
        return;
    }
    const char *why = "";
    switch (speed_reply_take(reply, reader->read, reader->settings.servers, reader->settings.server,
                             &reader->seen, &why)) {
    case REPLY_OK:
        if (reader->complained)
            log_info("speed_reader", "read from %s:%d again", server_host(reader),
                     server_port(reader));
        reader->complained = false;
        read_done(reader, SPEED_OK);
        break;
    case REPLY_REPEAT: read_repeat(reader); break;
    case REPLY_DROPPED: read_done(reader, SPEED_DROPPED); break;
    case REPLY_FOREIGN:
        complain(reader, LOG_ERROR, why);
        read_done(reader, SPEED_AWAY);
        break;
    case REPLY_BROKEN: connection_close(reader, why); break;
    }
}

/* ---- the interface ---- */

struct speed_reader *speed_reader_new(const struct speed_reader_settings *settings)
{
    struct speed_reader *reader = xcalloc(1, sizeof *reader);
    reader->settings = *settings;
    reader->backoff_ms = BACKOFF_FIRST_MS;
    reader->timer = evtimer_new(settings->base, on_timer, reader);
    timer_set(reader, 0);
    return reader;
}

void speed_reader_free(struct speed_reader *reader)
{
    if (!reader)
        return;
    redisAsyncContext *redis = reader->redis;
    reader->redis = NULL;
    if (redis)
        redisAsyncFree(redis);
    event_free(reader->timer);
    bytes_free(&reader->key);
    bytes_free(&reader->name);
    free(reader->argv);
    free(reader->argv_bytes);
    free(reader);
}

bool speed_reader_up(const struct speed_reader *reader)
{
    return reader->up;
}

int speed_reader_read(struct speed_reader *reader, const struct speed_read *read)
{
    assert(!reader->read);
    if (!reader->up)
        return -1;
    if (reader->fresh) { /* nothing that another connection read may be added to */
        kept_rows_drop_server(read->kept, reader->settings.server);
        speed_seen_reset(&reader->seen);
        reader->fresh = false;
    }
    if (reader->seen.top < read->edition->n)
        reader->seen.top = read->edition->n;
    reader->read = read;
    reader->repeats = 0;
    read_send(reader);
    return 0;
}

void speed_reader_abort(struct speed_reader *reader)
{
    connection_close(reader, "no answer in time");
}

uint64_t speed_reader_repeats(const struct speed_reader *reader)
{
    return reader->repeats_ever;
}

int64_t speed_reader_top(const struct speed_reader *reader)
{
    return reader->seen.top;
}
