#define _GNU_SOURCE
#include "common/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *got, size_t n)
{
    if (!got && n) {
        fprintf(stderr, "error mem: out of memory bytes=%zu\n", n);
        abort();
    }
    return got;
}

void *xmalloc(size_t n)
{
    return must(malloc(n), n);
}

void *xcalloc(size_t count, size_t size)
{
    return must(calloc(count, size), count * size);
}

void *xrealloc(void *old, size_t n)
{
    return must(realloc(old, n), n);
}

char *xstrdup(const char *text)
{
    return must(strdup(text), strlen(text) + 1);
}

char *xasprintf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    return must(n < 0 ? NULL : text, 1);
}
