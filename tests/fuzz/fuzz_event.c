/* The strict decoder of events against a second, slow one: same verdict, same field, same event. */
#include "tests/fuzz/compare_decoders.h"
#include "tests/fuzz/harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct event_decoder *decoder = event_decoder_new();
    const char *differs = compare_decoders(decoder, (struct text){(const char *)data, n}, NULL);
    event_decoder_free(decoder);
    if (differs)
        fuzz_found(differs);
    return 0;
}
