#include "batch-layer/row_sum.h"

#include <assert.h>

#include "views/row.h"

enum { LOG_BYTES = 64 << 10 };

/* What was added goes into the sum. */
static void settle(struct row_sum *sum)
{
    struct bytes *added = &sum->unused[0], *whole = &sum->unused[1];
    if (sum->log.n == 0)
        return;
    bytes_clear(added);
    bytes_clear(whole);
    long n = row_canonical(bytes_text(&sum->log), sum->sum.n ? added : whole);
    if (n >= 0 && sum->sum.n)
        n = row_merge(bytes_text(&sum->sum), bytes_text(added), 1, whole);
    assert(n >= 0); /* each piece was read */
    (void)n;
    struct bytes before = sum->sum;
    sum->sum = *whole;
    *whole = before;
    bytes_clear(&sum->log);
}

int row_sum_add(struct row_sum *sum, struct text piece)
{
    struct text rest = piece;
    struct counter counter;
    int more;
    while ((more = row_next(&rest, &counter)) > 0)
        ;
    if (more < 0)
        return -1;
    bytes_put_text(&sum->log, piece);
    /* As much as the sum at least, so that the sum is not written again for each small piece. */
    if (sum->log.n >= LOG_BYTES && sum->log.n >= sum->sum.n)
        settle(sum);
    return 0;
}

struct text row_sum_text(struct row_sum *sum)
{
    settle(sum);
    return bytes_text(&sum->sum);
}

void row_sum_clear(struct row_sum *sum)
{
    bytes_clear(&sum->sum);
    bytes_clear(&sum->log);
}

void row_sum_free(struct row_sum *sum)
{
    bytes_free(&sum->sum);
    bytes_free(&sum->log);
    bytes_free(&sum->unused[0]);
    bytes_free(&sum->unused[1]);
}
