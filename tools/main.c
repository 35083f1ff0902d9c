/* tandem-feed: replays a file or generates a shop's traffic, to Kafka or to the API; dumps the topic. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/stop.h"
#include "tools/backfill.h"
#include "tools/dump.h"
#include "tools/event_file.h"
#include "tools/feed.h"
#include "tools/generate.h"
#include "tools/http.h"
#include "tools/kafka.h"
#include "tools/share.h"
#include "tools/title_store.h"
#include "views/event.h"

enum {
    EXIT_FAILED = 1,
    EXIT_WRONG_USE = 2,
    STEP_US = 100000 /* a shop with ten events a second */
};

static struct {
    const char *kafka, *topic, *postgres, *listen, *to, *url;
    int64_t partitions, connections, rate, limit;
    bool keep_bad, store_titles, is_new;
    const char *titles;
    int64_t seed, events, users, items, start;
    const char *bad_share, *duplicate_share;
    const char *from, *until;
} set;

static const struct option_row option_table[] = {
    {"to", OPTION_CHOICE, "kafka", "", "Where the events go.", &set.to, 0, 0, "kafka|http", false},
    {"kafka", OPTION_TEXT, "127.0.0.1:9092", "host:port,...", "Kafka's bootstrap servers.",
     &set.kafka, 0, 0, NULL, false},
    {"topic", OPTION_TEXT, "events", "", "The topic of the events.", &set.topic, 0, 0, NULL, false},
    {"partitions", OPTION_INT, "4", "partitions",
     "Partitions of the topic; another number is refused.", &set.partitions, 1, PARTITIONS_MAX,
     NULL, false},
    {"url", OPTION_TEXT, "", "",
     "Where the API is, for --to http; none: http:// and TANDEM_LISTEN.", &set.url, 0, 0, NULL,
     false},
    {"listen", OPTION_TEXT, "127.0.0.1:8080", "host:port", "Where tandem-serve listens.",
     &set.listen, 0, 0, NULL, false},
    {"connections", OPTION_INT, "4", "connections",
     "To the API; a user's events always take the same one.", &set.connections, 1, 256, NULL,
     false},
    {"rate", OPTION_INT, "0", "events/s", "How fast; 0: as fast as it goes.", &set.rate, 0,
     10000000, NULL, false},
    {"limit", OPTION_INT, "0", "events", "Ends after so many; 0: no limit.", &set.limit, 0,
     INT64_MAX, NULL, false},
    {"keep_bad", OPTION_FLAG, "0", "",
     "replay: sends lines that are no events as they are, to test the system.", &set.keep_bad, 0, 0,
     NULL, false},
    {"new", OPTION_FLAG, "0", "",
     "backfill: the file was never begun: does not look through the log for it.", &set.is_new, 0, 0,
     NULL, false},
    {"titles", OPTION_TEXT, "", "file", "Writes item TAB title, a line an item.", &set.titles, 0, 0,
     NULL, false},
    {"store_titles", OPTION_FLAG, "0", "",
     "Puts items into the catalogue in Postgres: titles; generate: category, price and more, too.",
     &set.store_titles, 0, 0, NULL, false},
    {"postgres", OPTION_TEXT, "", "libpq connection string", "The database, for --store-titles.",
     &set.postgres, 0, 0, NULL, true},
    {"seed", OPTION_INT, "1", "", "generate: the same seed (and start) makes the same events.",
     &set.seed, 0, INT64_MAX, NULL, false},
    {"events", OPTION_INT, "100000", "events",
     "generate: how many, bad and repeated ones included; 0: without end.", &set.events, 0,
     INT64_MAX, NULL, false},
    {"users", OPTION_INT, "5000", "users", "generate: how many there are.", &set.users, 1,
     1000000000, NULL, false},
    {"items", OPTION_INT, "1000", "items", "generate: how many there are.", &set.items, 1, 10000000,
     NULL, false},
    {"bad_share", OPTION_TEXT, "0", "0 to 1", "generate: share of records that are no events.",
     &set.bad_share, 0, 0, NULL, false},
    {"duplicate_share", OPTION_TEXT, "0", "0 to 1",
     "generate: share of records that were sent before.", &set.duplicate_share, 0, 0, NULL, false},
    {"start", OPTION_INT, "0", "ms since 1970",
     "generate: ts of the first event. 0: now if there is a rate, else so that the last one is now.",
     &set.start, 0, EVENT_TS_END - 1, NULL, false},
    {"from", OPTION_TEXT, "", "offsets o0,o1,...", "dump: where to begin; none: the first records.",
     &set.from, 0, 0, NULL, false},
    {"until", OPTION_TEXT, "", "offsets o0,o1,...", "dump: where to end; none: the end of the log.",
     &set.until, 0, 0, NULL, false},
};

static const struct options_usage usage = {
    "tandem-feed", "replay FILE|- | backfill FILE | generate | dump [options]",
    "Feeds events to Tandem: from a file (UCI Online Retail CSV or NDJSON, also .xz or .gz), or a shop's traffic that it makes up.\n"
    "Every row is sent or reported with the reason why it is no event. Exit 1 if anything that was sent was not acknowledged,\n"
    "or if there were rows and none was an event. SIGINT: ends after what was sent is acknowledged.",
    "  replay FILE|-   events of a file or of standard input\n"
    "  backfill FILE   history in NDJSON that was never in the log; killed, the same command goes on\n"
    "  generate        a shop's traffic\n"
    "  dump            prints the topic: partition TAB offset TAB barrier TAB value in base64\n"};

static _Noreturn void refuse(const char *what)
{
    fprintf(stderr, "tandem-feed: %s\ntandem-feed --help lists all options and variables\n", what);
    exit(EXIT_WRONG_USE);
}

static int failed(const struct err *err)
{
    log_error("feed", "%s", err->message);
    return EXIT_FAILED;
}

static struct kafka_settings kafka_settings(void)
{
    return (struct kafka_settings){set.kafka, set.topic, (int)set.partitions, false};
}

static int open_sink(struct sink *sink, struct err *err)
{
    if (strcmp(set.to, "kafka") == 0) {
        struct kafka_settings kafka = kafka_settings();
        return kafka_sink_open(&kafka, sink, err);
    }
    char *url = *set.url ? xstrdup(set.url) : xasprintf("http://%s", set.listen);
    int result = http_sink_open(url, (int)set.connections, sink, err);
    free(url);
    return result;
}

/* Feeds, reports, sets `sent`. Exit code. */
static int run(const struct source *source, int64_t *sent)
{
    struct err err;
    struct sink sink;
    int64_t elapsed_us;
    if (open_sink(&sink, &err))
        return failed(&err);
    struct feed_settings settings = {set.rate, set.limit};
    int code = feed_run(source, &sink, &settings, &elapsed_us, &err) ? failed(&err) : 0;
    feed_report(sink.figures, elapsed_us, stdout);
    *sent = sink.figures->sent;
    sink.close(sink.self);
    return code;
}

static int keep_titles(struct title_votes *titles,
                       struct shop_description (*describe)(struct text item))
{
    struct err err;
    if (*set.titles && title_votes_write(titles, set.titles, &err))
        return failed(&err);
    if (set.store_titles && title_store(set.postgres, titles, describe, &err))
        return failed(&err);
    return 0;
}

/* Every row is sent or refused; one that was read when a stop or a failure came is named, too. */
static void report_rows(int64_t rows, int64_t sent, const struct refusals *refusals)
{
    printf("rows     %" PRId64 " = %" PRId64 " sent + %" PRId64 " refused", rows, sent,
           refusals->total);
    if (rows != sent + refusals->total)
        printf(" + %" PRId64 " not sent", rows - sent - refusals->total);
    printf("\n");
    refusals_print(refusals, stdout);
}

static int replay(const char *path)
{
    struct err err;
    struct input *in = input_open(path, &err);
    if (!in)
        return failed(&err);
    struct title_votes *titles = title_votes_new();
    struct event_file *r = event_file_new(in, titles, set.keep_bad);
    struct source source = event_file_source(r);
    int64_t sent = 0;
    int code = run(&source, &sent);
    const struct refusals *refusals = event_file_refusals(r);
    report_rows(event_file_rows(r), sent, refusals);
    if (event_file_rows(r) > 0 && refusals->total == event_file_rows(r))
        code = EXIT_FAILED;
    if (keep_titles(titles, NULL))
        code = EXIT_FAILED;
    event_file_free(r);
    title_votes_free(titles);
    input_close(in);
    return code;
}

static int backfill(const char *path)
{
    struct err err;
    struct sink sink;
    int64_t elapsed_us;
    struct kafka_settings kafka = kafka_settings();
    kafka.gapless = true;
    struct backfill *b = backfill_open(path, &kafka, set.is_new, &err);
    if (!b)
        return failed(&err);
    int code = kafka_sink_open(&kafka, &sink, &err) ? failed(&err) : 0;
    if (code == 0) {
        struct source source = backfill_source(b);
        struct feed_settings settings = {set.rate, set.limit};
        code = feed_run(&source, &sink, &settings, &elapsed_us, &err) ? failed(&err) : 0;
        feed_report(sink.figures, elapsed_us, stdout);
        if (backfill_report(b, sink.figures->sent, stdout))
            code = EXIT_FAILED;
        sink.close(sink.self);
    }
    backfill_close(b);
    return code;
}

static int64_t share(const char *name, const char *text)
{
    int64_t ppm = share_ppm(text);
    if (ppm < 0) {
        fprintf(stderr, "tandem-feed: --%s: \"%s\" is not a decimal number from 0 to 1\n", name,
                text);
        exit(EXIT_WRONG_USE);
    }
    return ppm;
}

static int generate(void)
{
    struct generate_settings s = {.seed = (uint64_t)set.seed, .events = set.events};
    s.users = (uint32_t)set.users;
    s.items = (uint32_t)set.items;
    s.bad_ppm = share("bad-share", set.bad_share);
    s.duplicate_ppm = share("duplicate-share", set.duplicate_share);
    s.step_us = set.rate ? (1000000 + set.rate - 1) / set.rate : STEP_US;
    s.start_us = set.start ? set.start * 1000 : clock_unix_ms() * 1000;
    if (!set.start && !set.rate)
        s.start_us -= s.events <= s.start_us / STEP_US ? s.events * STEP_US : s.start_us;
    struct generate *g = generate_new(&s);
    struct source source = generate_source(g);
    int64_t sent = 0;
    int code = run(&source, &sent);
    struct title_votes *titles = title_votes_new();
    if (*set.titles || set.store_titles)
        generate_titles(&s, titles);
    if (keep_titles(titles, shop_describe))
        code = EXIT_FAILED;
    title_votes_free(titles);
    generate_free(g);
    return code;
}

static int dump_topic(void)
{
    struct err err;
    struct kafka_settings kafka = kafka_settings();
    return dump_write(&kafka, set.from, set.until, stdout, &err) ? failed(&err) : 0;
}

int main(int argc, char **argv)
{
    int first =
        options_read(&usage, option_table, sizeof option_table / sizeof *option_table, argc, argv);
    const char *command = first < argc ? argv[first] : "";
    int operands = argc - first;
    if (set.store_titles && !*set.postgres)
        refuse("--store-titles needs TANDEM_POSTGRES");
    stop_install();
    if (strcmp(command, "replay") == 0 && operands == 2)
        return replay(argv[first + 1]);
    if (strcmp(command, "backfill") == 0 && operands == 2)
        return backfill(argv[first + 1]);
    if (strcmp(command, "generate") == 0 && operands == 1)
        return generate();
    if (strcmp(command, "dump") == 0 && operands == 1)
        return dump_topic();
    refuse("one command is needed: replay FILE, replay -, backfill FILE, generate or dump");
}
