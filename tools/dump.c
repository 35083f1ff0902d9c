#include "tools/dump.h"

#include <errno.h>
#include <stdlib.h>

#include "common/mem.h"
#include "views/bytes.h"

static void put_base64(struct bytes *into, struct text t)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *to = bytes_room(into, (t.n + 2) / 3 * 4);
    for (size_t i = 0; i < t.n; i += 3) {
        size_t n = t.n - i < 3 ? t.n - i : 3;
        unsigned v = (unsigned)(unsigned char)t.at[i] << 16;
        v |= n > 1 ? (unsigned)(unsigned char)t.at[i + 1] << 8 : 0;
        v |= n > 2 ? (unsigned)(unsigned char)t.at[i + 2] : 0;
        *to++ = digits[v >> 18];
        *to++ = digits[v >> 12 & 63];
        *to++ = n > 1 ? digits[v >> 6 & 63] : '=';
        *to++ = n > 2 ? digits[v & 63] : '=';
    }
    into->n = (size_t)(to - into->at);
}

struct dumping {
    FILE *to;
    struct bytes value;
};

static int dump_record(void *context, const struct log_record *record)
{
    struct dumping *d = context;
    bytes_clear(&d->value);
    put_base64(&d->value, record->value);
    fprintf(d->to, "%d\t%lld\t", record->partition, (long long)record->offset);
    if (record->barrier > 0)
        fprintf(d->to, "%lld", (long long)record->barrier);
    else if (record->barrier < 0)
        fputc('?', d->to);
    fputc('\t', d->to);
    if (d->value.n)
        fwrite(d->value.at, 1, d->value.n, d->to);
    fputc('\n', d->to);
    return ferror(d->to) ? -1 : 0;
}

/* "3,0,17" into `n` offsets; "" leaves them. */
static int parse_offsets(const char *text, int64_t *offsets, int n, const char *option,
                         struct err *err)
{
    const char *at = text;
    for (int i = 0; *text && i < n; i++) {
        char *end;
        errno = 0;
        offsets[i] = strtoll(at, &end, 10);
        if (errno || end == at || offsets[i] < 0 || *end != (i + 1 < n ? ',' : 0))
            return err_set(err, ERR_FATAL, "%s: must be %d offsets, separated by commas", option,
                           n);
        at = end + 1;
    }
    return 0;
}

int dump_write(const struct kafka_settings *settings, const char *from, const char *until, FILE *to,
               struct err *err)
{
    size_t n = (size_t)settings->partitions;
    int64_t *begin = xcalloc(n, sizeof *begin), *end = xcalloc(n, sizeof *end);
    for (size_t p = 0; p < n; p++)
        end[p] = -1;
    struct dumping d = {.to = to};
    int failed = parse_offsets(from, begin, settings->partitions, "--from", err) ||
                 parse_offsets(until, end, settings->partitions, "--until", err) ||
                 kafka_read(settings, begin, end, dump_record, &d, err);
    if (!failed && fflush(to))
        failed = err_set(err, ERR_FATAL, "write the dump: %s", strerror(errno));
    bytes_free(&d.value);
    free(begin);
    free(end);
    return failed ? -1 : 0;
}
