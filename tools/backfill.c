#define _GNU_SOURCE /* flock */
#include "tools/backfill.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/options.h" /* PARTITIONS_MAX */
#include "common/stop.h"
#include "tools/input.h"
#include "tools/refusals.h"
#include "views/event.h"

#define LOG "backfill"

enum { LINE_BYTES = 1024 * 1024, REFUSALS_NAMED = 100, QUIET_MS = 1000, HEX = 16 };

/* FNV-1a, 64 bits. */
static const uint64_t HASH_BEGIN = UINT64_C(0xcbf29ce484222325),
                      HASH_PRIME = UINT64_C(0x100000001b3);

struct backfill {
    const struct kafka_settings *kafka;
    struct input *in;
    int lock;
    struct event_decoder *decoder;
    struct bytes text; /* the line */
    char mark[64];
    uint64_t file, chain;
    int64_t lines, there;
    struct refusals refusals;
    struct { /* of a partition: the last line that the log has */
        int64_t line;
        uint64_t chain;
    } in_log[PARTITIONS_MAX];
    int64_t next[PARTITIONS_MAX]; /* offset behind what was looked at; -1: nothing was */
    bool found;                   /* something in the last look */
};

/* ---- marks ---- */

size_t backfill_mark_print(const struct backfill_mark *mark, char into[64])
{
    return (size_t)snprintf(into, 64, "%016" PRIx64 "-%" PRId64 "-%016" PRIx64, mark->file,
                            mark->line, mark->chain);
}

static bool hex_take(const char *at, uint64_t *number)
{
    *number = 0;
    for (int i = 0; i < HEX; i++) {
        int digit = at[i] >= '0' && at[i] <= '9'   ? at[i] - '0'
                    : at[i] >= 'a' && at[i] <= 'f' ? at[i] - 'a' + 10
                                                   : -1;
        if (digit < 0)
            return false;
        *number = *number << 4 | (unsigned)digit;
    }
    return true;
}

bool backfill_mark_parse(struct text text, struct backfill_mark *mark)
{
    if (text.n < 2 * HEX + 3 || text.n > 2 * HEX + 2 + 18 || !hex_take(text.at, &mark->file) ||
        text.at[HEX] != '-' || text.at[text.n - HEX - 1] != '-' ||
        !hex_take(text.at + text.n - HEX, &mark->chain))
        return false;
    mark->line = 0;
    for (size_t i = HEX + 1; i < text.n - HEX - 1; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        mark->line = mark->line * 10 + (text.at[i] - '0');
    }
    return mark->line > 0;
}

static uint64_t hash_line(uint64_t hash, struct text line)
{
    for (size_t i = 0; i < line.n; i++)
        hash = (hash ^ (unsigned char)line.at[i]) * HASH_PRIME;
    return (hash ^ '\n') * HASH_PRIME;
}

/* ---- what is in the log ---- */

static int record_look(void *context, const struct log_record *record)
{
    struct backfill *b = context;
    struct backfill_mark mark;
    b->next[record->partition] = record->offset + 1;
    if (!backfill_mark_parse(record->mark, &mark) || mark.file != b->file)
        return 0;
    b->found = true;
    if (mark.line > b->in_log[record->partition].line) {
        b->in_log[record->partition].line = mark.line;
        b->in_log[record->partition].chain = mark.chain;
    }
    return 0;
}

/* Until a second brings nothing: what a killed one has sent may still be on its way to the log. */
static int log_look(struct backfill *b, struct err *err)
{
    int64_t from[PARTITIONS_MAX], to_the_end[PARTITIONS_MAX];
    log_info(LOG, "looking through the log for what is in it already (--new: spares that)");
    for (int p = 0; p < b->kafka->partitions; p++)
        b->next[p] = to_the_end[p] = -1;
    do {
        b->found = false;
        for (int p = 0; p < b->kafka->partitions; p++)
            from[p] = b->next[p];
        if (kafka_read(b->kafka, from, to_the_end, record_look, b, err))
            return -1;
        if (b->found && !stop_sleep_ms(QUIET_MS))
            return err_set(err, ERR_RETRY, "a stop was asked");
    } while (b->found);
    return 0;
}

/* ---- opening ---- */

static struct input *file_open(struct backfill *b, const char *path, struct err *err)
{
    if (strcmp(path, "-") == 0) {
        err_set(err, ERR_FATAL, "backfill needs a file, which can be read again after a kill");
        return NULL;
    }
    b->lock = open(path, O_RDONLY | O_CLOEXEC);
    if (b->lock >= 0 && flock(b->lock, LOCK_EX | LOCK_NB)) {
        err_set(err, ERR_FATAL, "%s: another backfill of this file is under way", path);
        return NULL;
    }
    return input_open(path, err);
}

/* The file is known by its first line. */
static int first_line(struct backfill *b, const char *path, struct err *err)
{
    struct input *in = file_open(b, path, err);
    if (!in)
        return -1;
    if (input_line(in, &b->text, LINE_BYTES))
        b->file = hash_line(HASH_BEGIN, bytes_text(&b->text));
    int failed = input_failed(in, err);
    input_close(in);
    return failed;
}

struct backfill *backfill_open(const char *path, const struct kafka_settings *kafka, bool is_new,
                               struct err *err)
{
    struct backfill *b = xcalloc(1, sizeof *b);
    b->kafka = kafka;
    b->lock = -1;
    b->chain = HASH_BEGIN;
    b->decoder = event_decoder_new();
    if (first_line(b, path, err) || (!is_new && log_look(b, err)) ||
        !(b->in = input_open(path, err))) {
        backfill_close(b);
        return NULL;
    }
    return b;
}

void backfill_close(struct backfill *b)
{
    if (!b)
        return;
    input_close(b->in);
    if (b->lock >= 0)
        close(b->lock);
    event_decoder_free(b->decoder);
    bytes_free(&b->text);
    free(b);
}

/* ---- lines ---- */

static void line_refuse(struct backfill *b, struct event_error why)
{
    refusals_add(&b->refusals, why, b->lines);
    if (b->refusals.total <= REFUSALS_NAMED)
        fprintf(stderr, "line %" PRId64 ": %s%s%s\n", b->lines, why.field, *why.field ? " " : "",
                why.reason);
    if (b->refusals.total == REFUSALS_NAMED)
        fprintf(stderr, "further lines are counted only\n");
}

/* 1: the line's partition has it already; 0: not; -1: the file is another one than it was. */
static int is_there(struct backfill *b, struct text user, struct err *err)
{
    int p = kafka_partition_of(user, b->kafka->partitions);
    if (b->lines == b->in_log[p].line && b->chain != b->in_log[p].chain)
        return err_set(err, ERR_FATAL,
                       "the file was changed since it was begun, in or above line %" PRId64
                       ": give it as it was (more lines may stand behind)",
                       b->lines);
    return b->lines <= b->in_log[p].line;
}

static int next_of_backfill(void *self, struct record *record, struct err *err)
{
    struct backfill *b = self;
    while (input_line(b->in, &b->text, LINE_BYTES)) {
        struct event event;
        struct event_error why = {"", "is longer than 1 MiB"};
        struct text line = bytes_text(&b->text);
        b->lines++;
        b->chain = hash_line(b->chain, line);
        if (line.n > LINE_BYTES || event_decode(b->decoder, line, EVENT_NEEDS_ALL, &event, &why)) {
            line_refuse(b, why);
            continue;
        }
        int there = is_there(b, event.user, err);
        if (there < 0)
            return -1;
        b->there += there;
        if (there)
            continue;
        struct backfill_mark mark = {b->file, b->chain, b->lines};
        size_t n = backfill_mark_print(&mark, b->mark);
        *record = (struct record){.key = event.user, .value = line, .mark = {b->mark, n}};
        return 1;
    }
    return input_failed(b->in, err);
}

static double fraction(void *self)
{
    const struct backfill *b = self;
    return input_fraction(b->in);
}

struct source backfill_source(struct backfill *b)
{
    return (struct source){b, next_of_backfill, fraction};
}

int backfill_report(const struct backfill *b, int64_t sent, FILE *to)
{
    int64_t left = b->lines - sent - b->there - b->refusals.total;
    fprintf(to,
            "lines    %" PRId64 " = %" PRId64 " sent + %" PRId64 " in the log already + %" PRId64
            " refused",
            b->lines, sent, b->there, b->refusals.total);
    if (left)
        fprintf(to, " + %" PRId64 " not sent", left);
    fputc('\n', to);
    refusals_print(&b->refusals, to);
    return b->lines > 0 && b->refusals.total == b->lines ? -1 : 0;
}
