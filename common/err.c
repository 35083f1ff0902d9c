#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>

void err_fill(struct err *err, enum err_kind kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->kind = kind;
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
}

int err_prefix(struct err *err, const char *format, ...)
{
    char words[sizeof err->message];
    char cause[sizeof err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    snprintf(cause, sizeof cause, "%s", err->message);
    size_t n = (size_t)snprintf(err->message, sizeof err->message, "%s", words);
    if (n < sizeof err->message)
        snprintf(err->message + n, sizeof err->message - n, "%s", cause);
    return -1;
}
