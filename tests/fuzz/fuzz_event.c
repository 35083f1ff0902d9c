/*
 * libFuzzer target: the strict decoder against the slow one. `make fuzz` runs it for a minute;
 * build/fuzz/fuzz_event -help=1 tells how to go on longer or to repeat a finding.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/compare_decoders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { LONGEST = 8192 }; /* the slow one is recursive */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n > LONGEST)
        return 0;
    struct event_decoder *decoder = event_decoder_new();
    const char *differs = compare_decoders(decoder, (struct text){(const char *)data, n}, NULL);
    event_decoder_free(decoder);
    if (differs) {
        fprintf(stderr, "the decoders differ: %s\n", differs);
        abort();
    }
    return 0;
}
