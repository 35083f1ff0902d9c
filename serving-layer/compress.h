/*
 * compress: gzip of answers, and whether a client wants it. One thread: a loop's. Not for: streams, files that are built in
 * (they come compressed).
 */
#ifndef TANDEM_SERVING_COMPRESS_H
#define TANDEM_SERVING_COMPRESS_H

#include <stdbool.h>

#include "views/bytes.h"

/* Smaller ones gain nothing; larger ones would hold the loop up for more than some milliseconds. */
enum { COMPRESS_FROM_BYTES = 1024, COMPRESS_UPTO_BYTES = 256 * 1024 };

struct compressor;

struct compressor *compressor_new(void);
void compressor_free(struct compressor *compressor);

/* May an answer to this Accept-Encoding (NULL: none) come in gzip? RFC 9110, section 12.5.3. */
bool compress_wanted(const char *accept_encoding);

/* In place of `body`, which is used again: false, and `body` as it was, when that is no shorter. */
bool compress_gzip(struct compressor *compressor, struct bytes *body);

#endif
