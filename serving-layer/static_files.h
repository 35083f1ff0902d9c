/*
 * static_files: the pages (console, shop, documentation) and tracker.js, which are built into the program: made by
 * serving-layer/web/build.mjs, answered from memory, with a validator and a policy that lets a page run nothing but them.
 */
#ifndef TANDEM_SERVING_STATIC_FILES_H
#define TANDEM_SERVING_STATIC_FILES_H

#include <stddef.h>

#include "views/text.h"

struct static_file {
    const char *path; /* as it is asked for */
    const char *content_type;
    const char *hash; /* of the plain bytes, hexadecimal */
    const unsigned char *plain;
    size_t plain_bytes;
    const unsigned char *gzip; /* NULL: it would not be smaller */
    size_t gzip_bytes;
};

/* NULL: there is none. */
const struct static_file *static_file_find(struct text path);

#endif
