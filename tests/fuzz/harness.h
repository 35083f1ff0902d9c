/* harness: what the fuzz targets share. One input is one call of LLVMFuzzerTestOneInput; a finding aborts and says why. */
#ifndef TANDEM_TESTS_FUZZ_HARNESS_H
#define TANDEM_TESTS_FUZZ_HARNESS_H

#include <stdint.h>
#include <stdlib.h>

#include "views/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n); /* each target's own */

/* Prints what was found and aborts. */
_Noreturn void fuzz_found(const char *what);

/* What must hold for every input; `property` is a sentence. */
static inline void fuzz_holds(bool holds, const char *property)
{
    if (!holds)
        fuzz_found(property);
}

/* A copy of exactly these bytes: a sanitizer sees what is read behind their end. Caller: free((char *)text.at). */
struct text fuzz_exact(const uint8_t *data, size_t n);
/* The same with a 0 behind it, cut at the first 0. Caller: free. */
char *fuzz_terminated(const uint8_t *data, size_t n);

/* Cuts a number off the front: 0 when there is nothing left. */
uint8_t fuzz_byte(struct text *rest);

#endif
