/* bench_decode: how many events a second one core decodes. usage: bench_decode [rounds of a million] */
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "views/event.h"

static const char event_json[] =
    "{\"event_id\":\"01J8XAMPLEXAMPLEXAMPLEXA\",\"type\":\"view\",\"user\":\"u4242\",\"item\":\"85123A\",\"ts\":1291191960000,"
    "\"quantity\":6,\"price\":255,\"currency\":\"GBP\",\"country\":\"GB\",\"device\":\"mobile\",\"order\":\"536365-1\"}";

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 5, decoded = 0;
    double best = 0;
    struct event_decoder *decoder = event_decoder_new();
    for (long r = 0; r < rounds; r++) {
        int64_t start = clock_monotonic_us();
        for (int i = 0; i < 1000000; i++) {
            struct event event;
            struct event_error why;
            decoded += !event_decode(decoder, text_of(event_json), EVENT_NEEDS_ALL, &event, &why);
        }
        double rate = 1e12 / (double)(clock_monotonic_us() - start);
        best = rate > best ? rate : best;
    }
    event_decoder_free(decoder);
    printf("%.0f events/s, %zu bytes an event, best of %ld rounds\n", best, sizeof event_json - 1,
           rounds);
    return decoded == rounds * 1000000 ? 0 : 1;
}
