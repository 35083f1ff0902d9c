#include "tools/feed.h"

#include "common/clock.h"
#include "common/stop.h"
#include "tools/pace.h"
#include "tools/progress.h"

enum { LOOK_EVERY = 64 /* records between looks at the clock and the answers */ };

struct feed {
    struct sink *sink;
    struct pace pace;
    struct progress progress;
    int64_t n;
};

static void look(struct feed *f, const struct source *source, int64_t now_us)
{
    const struct sink_figures *figures = f->sink->figures;
    f->sink->work(f->sink->self, 0);
    progress_show(&f->progress, now_us, figures->sent, figures->acknowledged,
                  source->fraction(source->self));
}

/* Waits until the next record is due; the sink goes on meanwhile. */
static void wait_turn(struct feed *f, const struct source *source)
{
    if (f->pace.rate == 0 && f->n % LOOK_EVERY)
        return;
    int64_t now_us = clock_monotonic_us();
    for (int64_t us; !stop_asked() && (us = pace_wait_us(&f->pace, now_us)) > 0;) {
        f->sink->work(f->sink->self, us > 20000 ? 20 : (int)(us + 999) / 1000);
        look(f, source, now_us = clock_monotonic_us());
    }
    if (f->n % LOOK_EVERY == 0)
        look(f, source, now_us);
}

static int send_all(struct feed *f, const struct source *source, int64_t limit, struct err *err)
{
    struct record record;
    int got = 1;
    while (!stop_asked() && (limit == 0 || f->n < limit)) {
        got = source->next(source->self, &record, err);
        if (got <= 0)
            return got;
        wait_turn(f, source);
        if (f->sink->send(f->sink->self, &record, err))
            return -1;
        pace_count(&f->pace);
        f->n++;
    }
    return 0;
}

int feed_run(const struct source *source, struct sink *sink, const struct feed_settings *settings,
             int64_t *elapsed_us, struct err *err)
{
    int64_t start_us = clock_monotonic_us();
    struct feed f = {.sink = sink, .pace = pace_start(settings->rate, start_us)};
    f.progress = progress_start(start_us);
    int failed = send_all(&f, source, settings->limit, err);
    struct err why;
    if (sink->flush(sink->self, &why) && !failed) {
        *err = why;
        failed = -1;
    }
    progress_end(&f.progress);
    *elapsed_us = clock_monotonic_us() - start_us;
    return failed;
}

void feed_report(const struct sink_figures *figures, int64_t elapsed_us, FILE *to)
{
    double s = (double)(elapsed_us ? elapsed_us : 1) / 1e6;
    fprintf(to, "sent     %lld in %.1f s, %.0f events/s\n", (long long)figures->sent, s,
            (double)figures->sent / s);
    fprintf(to, "         %lld acknowledged, %lld bad ones refused, %lld failed\n",
            (long long)figures->acknowledged, (long long)figures->refused,
            (long long)figures->failed);
}
