/*
 * input: the bytes of a file, of standard input or of memory, unpacked when they are .xz or .gz (seen by the first bytes, not by
 * the name). Not for: what the bytes mean. One thread.
 */
#ifndef TANDEM_TOOLS_INPUT_H
#define TANDEM_TOOLS_INPUT_H

#include "common/err.h"
#include "views/bytes.h"

struct input;

/* "-" is standard input. NULL: err. */
struct input *input_open(const char *path, struct err *err);
struct input *input_of_text(struct text text); /* borrowed until input_close */
void input_close(struct input *in);

/* The next byte, or -1 at the end or after a failure: input_failed tells which. */
int input_byte(struct input *in);
/* The same for csv_new: which of the two it is. `in` is a struct input. */
int input_csv_byte(void *in);
/* -1 and err when reading or unpacking failed. */
int input_failed(const struct input *in, struct err *err);

/* The bytes that come next, as many as are at hand, at least `n` unless the input ends before; until the next call. */
struct text input_peek(struct input *in, size_t n);

/*
 * Replaces `line` by the next line without its end (LF or CR LF). 1, or 0 at the end of the input or at a failure. Of a
 * line longer than `max` bytes only the first max + 1 are kept.
 */
int input_line(struct input *in, struct bytes *line, size_t max);

/* How much of a regular file has been read, 0 to 1; -1: unknown. */
double input_fraction(const struct input *in);

#endif
