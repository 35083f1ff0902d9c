#define _POSIX_C_SOURCE 200809L
#include "tools/input.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "common/mem.h"
#include "common/stop.h"
#include "views/csv.h"

enum { BUFFER_BYTES = 65536, GZIP_WINDOW = 16 + MAX_WBITS };
enum packing { PLAIN, XZ, GZ };
static const char xz_magic[] = "\xfd"
                               "7zXZ";
static const char gz_magic[] = "\x1f\x8b";

struct input {
    char *path;
    int fd;               /* -1: memory, all of it is in `at` */
    enum packing packing; /* unpacked through `xz` or `gz` */
    bool ended;           /* nothing more comes behind `at` */
    lzma_stream xz;
    z_stream gz;
    bool gz_inside; /* a member has begun and has not ended */
    const char *at; /* what is at hand */
    size_t n;
    char *buffer, *raw;  /* BUFFER_BYTES each; raw: packed bytes */
    int64_t size, taken; /* of the file; size 0: unknown */
    struct err err;
};

/* ---- filling the buffer ---- */

static ssize_t read_some(struct input *in, char *into, size_t n)
{
    ssize_t got;
    do
        got = read(in->fd, into, n);
    while (got < 0 && errno == EINTR && !stop_asked());
    if (got < 0 && errno == EINTR)
        return 0; /* a stop was asked: what was read is all there is */
    if (got < 0)
        err_set(&in->err, ERR_FATAL, "read %s: %s", in->path, strerror(errno));
    if (got > 0)
        in->taken += got;
    return got;
}

static const char *xz_message(lzma_ret code)
{
    switch (code) {
    case LZMA_BUF_ERROR: return "the file ends too early";
    case LZMA_DATA_ERROR: return "the data are damaged";
    case LZMA_FORMAT_ERROR: return "this is not .xz";
    case LZMA_MEM_ERROR: return "not enough memory";
    default: return "the format is not supported";
    }
}

/* A .gz may be several, one behind another. 1: something may have come; 0: the end; -1. */
static int gz_step(struct input *in)
{
    ssize_t got = in->gz.avail_in ? 1 : read_some(in, in->raw, BUFFER_BYTES);
    if (got < 0)
        return -1;
    if (got == 0)
        return in->gz_inside
                   ? err_set(&in->err, ERR_DATA, "unpack %s: the file ends too early", in->path)
                   : 0;
    if (!in->gz.avail_in) {
        in->gz.next_in = (Bytef *)in->raw;
        in->gz.avail_in = (uInt)got;
    }
    in->gz_inside = true;
    int code = inflate(&in->gz, Z_NO_FLUSH);
    if (code == Z_STREAM_END) {
        in->gz_inside = false;
        code = inflateReset(&in->gz);
    }
    return code == Z_OK || code == Z_BUF_ERROR
               ? 1
               : err_set(&in->err, ERR_DATA, "unpack %s: the data are damaged", in->path);
}

/* As unpack_xz. */
static ssize_t unpack_gz(struct input *in, size_t used)
{
    size_t room = BUFFER_BYTES - used;
    in->gz.next_out = (Bytef *)in->buffer + used;
    in->gz.avail_out = (uInt)room;
    int more = 1;
    while (more > 0 && in->gz.avail_out == room)
        more = gz_step(in);
    return more < 0 ? -1 : (ssize_t)(room - in->gz.avail_out);
}

/* Unpacks into the free room behind `used`; returns how many bytes came, 0 at the end, -1 at a failure. */
static ssize_t unpack_xz(struct input *in, size_t used)
{
    in->xz.next_out = (uint8_t *)in->buffer + used;
    in->xz.avail_out = BUFFER_BYTES - used;
    size_t room = in->xz.avail_out;
    while (in->xz.avail_out == room) {
        ssize_t got = in->xz.avail_in ? 1 : read_some(in, in->raw, BUFFER_BYTES);
        if (got < 0)
            return -1;
        if (!in->xz.avail_in) {
            in->xz.next_in = (const uint8_t *)in->raw;
            in->xz.avail_in = (size_t)got;
        }
        lzma_ret code = lzma_code(&in->xz, got ? LZMA_RUN : LZMA_FINISH);
        if (code == LZMA_STREAM_END)
            break;
        if (code != LZMA_OK)
            return err_set(&in->err, ERR_DATA, "unpack %s: %s", in->path, xz_message(code));
    }
    return (ssize_t)(room - in->xz.avail_out);
}

/* Moves what is at hand to the front of the buffer and brings more behind it. */
static void fill(struct input *in)
{
    if (in->ended)
        return;
    if (in->n)
        memmove(in->buffer, in->at, in->n);
    in->at = in->buffer;
    ssize_t got = in->packing == XZ   ? unpack_xz(in, in->n)
                  : in->packing == GZ ? unpack_gz(in, in->n)
                                      : read_some(in, in->buffer + in->n, BUFFER_BYTES - in->n);
    if (got > 0)
        in->n += (size_t)got;
    else
        in->ended = true;
}

/* ---- reading ---- */

int input_byte(struct input *in)
{
    if (in->n == 0)
        fill(in);
    if (in->n == 0)
        return -1;
    in->n--;
    return (unsigned char)*in->at++;
}

int input_csv_byte(void *in)
{
    struct err ignored; /* who reads the records asks for it */
    int c = input_byte(in);
    return c < 0 ? (input_failed(in, &ignored) ? CSV_FAILED : CSV_END) : c;
}

int input_failed(const struct input *in, struct err *err)
{
    if (in->err.kind == ERR_NONE)
        return 0;
    *err = in->err;
    return -1;
}

struct text input_peek(struct input *in, size_t n)
{
    while (in->n < n && !in->ended)
        fill(in);
    return (struct text){in->at, in->n};
}

int input_line(struct input *in, struct bytes *line, size_t max)
{
    bytes_clear(line);
    int c;
    size_t n = 0; /* bytes of the line, kept or not */
    for (; (c = input_byte(in)) >= 0 && c != '\n'; n++) {
        char byte = (char)c;
        if (line->n <= max)
            bytes_put(line, &byte, 1);
    }
    if (c < 0 && (n == 0 || in->err.kind != ERR_NONE))
        return 0;
    if (n > 0 && line->n == n && line->at[n - 1] == '\r')
        line->n--;
    return 1;
}

double input_fraction(const struct input *in)
{
    return in->size ? (double)in->taken / (double)in->size : -1;
}

/* ---- opening ---- */

struct input *input_of_text(struct text text)
{
    struct input *in = xcalloc(1, sizeof *in);
    *in = (struct input){.fd = -1, .ended = true, .at = text.at, .n = text.n};
    in->path = xstrdup("memory");
    return in;
}

static bool begins_with(struct text text, const char *magic, size_t n)
{
    return text.n >= n && memcmp(text.at, magic, n) == 0;
}

/* The first bytes tell whether it is packed; they then go through the unpacker. */
static int begin(struct input *in)
{
    struct text first = input_peek(in, sizeof xz_magic);
    enum packing packing = begins_with(first, xz_magic, sizeof xz_magic)       ? XZ
                           : begins_with(first, gz_magic, sizeof gz_magic - 1) ? GZ
                                                                               : PLAIN;
    if (packing == PLAIN)
        return 0;
    in->xz = (lzma_stream)LZMA_STREAM_INIT;
    in->gz = (z_stream){0};
    if (packing == XZ && lzma_stream_decoder(&in->xz, UINT64_MAX, LZMA_CONCATENATED) != LZMA_OK)
        return err_set(&in->err, ERR_FATAL, "unpack %s: liblzma does not start", in->path);
    if (packing == GZ && inflateInit2(&in->gz, GZIP_WINDOW) != Z_OK)
        return err_set(&in->err, ERR_FATAL, "unpack %s: zlib does not start", in->path);
    in->packing = packing;
    in->raw = xmalloc(BUFFER_BYTES);
    memcpy(in->raw, in->at, in->n);
    in->xz.next_in = (const uint8_t *)in->raw;
    in->xz.avail_in = packing == XZ ? in->n : 0;
    in->gz.next_in = (Bytef *)in->raw;
    in->gz.avail_in = packing == GZ ? (uInt)in->n : 0;
    in->n = 0;
    in->ended = false;
    return 0;
}

struct input *input_open(const char *path, struct err *err)
{
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (fd < 0 || fstat(fd, &about)) {
        err_set(err, ERR_FATAL, "open %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    struct input *in = xcalloc(1, sizeof *in);
    in->path = xstrdup(path);
    in->fd = fd;
    in->size = S_ISREG(about.st_mode) ? about.st_size : 0;
    in->buffer = xmalloc(BUFFER_BYTES);
    if (begin(in) || in->err.kind != ERR_NONE) {
        *err = in->err;
        input_close(in);
        return NULL;
    }
    return in;
}

void input_close(struct input *in)
{
    if (!in)
        return;
    if (in->packing == XZ)
        lzma_end(&in->xz);
    if (in->packing == GZ)
        inflateEnd(&in->gz);
    if (in->fd >= 0)
        close(in->fd);
    free(in->buffer);
    free(in->raw);
    free(in->path);
    free(in);
}
