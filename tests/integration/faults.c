#include "tests/integration/faults.h"

#include <librdkafka/rdkafka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/integration/deployment.h"

/* ---- events ---- */

void feed_in_background(int events, int rate, int seed)
{
    must_exit(0,
              "$BIN/tandem-feed generate --events %d --rate %d --seed %d --users 200 --items 100 "
              ">$TANDEM_LOCAL/background.log 2>&1 & echo $! >$TANDEM_LOCAL/background.pid",
              events, rate, seed);
}

void feed_has_ended(void)
{
    wait_until(120, "! kill -0 $(cat $TANDEM_LOCAL/background.pid) 2>$TANDEM_LOCAL/kill.err");
}

/* ---- answers ---- */

/* An answer is kept whole or not at all; a 503 says nothing that could be wrong. */
static void reader_ends(void)
{
    must_exit(0,
              "rm -f $TANDEM_LOCAL/reading; [ ! -e $TANDEM_LOCAL/reader.pid ] || while kill -0 "
              "$(cat $TANDEM_LOCAL/reader.pid) 2>>$TANDEM_LOCAL/reader.err; do sleep 0.05; done");
}

void reader_begins(void)
{
    reader_ends(); /* one that a failed test has left */
    must_exit(
        0,
        "cd $TANDEM_LOCAL && : >answers && : >reading && "
        "(while [ -e reading ]; do curl -sS -m 2 -f -o answer.now --data-binary "
        "'{\"groups\":[[\"users\",\"all\"],[\"item_users\",\"all\"],[\"bought_users\",\"all\"],"
        "[\"together\",\"item-00001\"],[\"next\",\"item-00002\"],[\"bought_together\",\"item-00003\"]]}' "
        "http://$TANDEM_LISTEN/v1/views/read 2>>reader.err && tr -d '\\n' <answer.now >>answers && "
        "echo >>answers; sleep 0.05; done) >>reader.err 2>&1 & echo $! >$TANDEM_LOCAL/reader.pid");
}

void answers_were_right(void)
{
    reader_ends();
    must_exit(0, "test $(wc -l <$TANDEM_LOCAL/answers) -ge 10 && python3 tests/recompute.py verify "
                 "$TANDEM_LOCAL/answers --dump-command \"$BIN/tandem-feed dump\"");
}

void must_be_live(void)
{
    wait_until(30, "curl -fsS http://$TANDEM_LISTEN/v1/views/users/all 2>>$TANDEM_LOCAL/reader.err "
                   "| grep -q '\"degraded\":false'");
}

/* ---- logs ---- */

void log_mark(const char *program)
{
    must_exit(0, "wc -c <$TANDEM_LOCAL/log/%s.log >$TANDEM_LOCAL/%s.mark", program, program);
}

void log_says(const char *program, int seconds, const char *regex)
{
    wait_until(seconds,
               "tail -c +$(($(cat $TANDEM_LOCAL/%s.mark) + 1)) $TANDEM_LOCAL/log/%s.log | "
               "grep -qE -- '%s'",
               program, program, regex);
}

/* ---- disks ---- */

/* A server's data is data/NAME, or for Postgres the folder `main` of what that is or links to. */
#define PLACE                                                             \
    "place=$(readlink -f $TANDEM_LOCAL/data/$(cat $TANDEM_LOCAL/disk)); " \
    "[ ! -d $place/main ] || place=$place/main; "

bool disk_begin(const char *name, int mib)
{
    must_exit(0, "echo %s >$TANDEM_LOCAL/disk", name);
    must_exit(0, PLACE "mv $place $place.kept && mkdir $place");
    if (run(PLACE
            "mount -t tmpfs -o size=%dm,mode=700 tandem-test $place 2>$TANDEM_LOCAL/mount.err",
            mib)) {
        run(PLACE "rmdir $place; mv $place.kept $place; "
                  "echo \"no small disk for %s: $(cat $TANDEM_LOCAL/mount.err)\" >&2",
            name);
        return false;
    }
    must_exit(0, PLACE "chown --reference=$place.kept $place && cp -a $place.kept/. $place/");
    return true;
}

void disk_fill(void)
{
    must_exit(0, PLACE "! cat /dev/zero >$place/filler 2>>$TANDEM_LOCAL/mount.err; "
                       "truncate -s -20K $place/filler; df -k $place >>$TANDEM_LOCAL/mount.err");
}

void disk_clear(void)
{
    must_exit(0, PLACE "rm -f $place/filler");
}

void disk_end(void)
{
    must_exit(0, PLACE "[ -d $place.kept ] || exit 0; deploy/local/stack stop $(cat "
                       "$TANDEM_LOCAL/disk) >>$TANDEM_LOCAL/up.log 2>&1; "
                       "rm -rf $place.kept/* && cp -a $place/. $place.kept/ && umount $place && "
                       "rmdir $place && mv $place.kept $place");
}

/* ---- Kafka ---- */

void kafka_forgets_everything(void)
{
    char why[256], *kafka = output_of("echo -n $TANDEM_KAFKA");
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", kafka, why, sizeof why);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    assert_non_null(client);
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(4);
    for (int p = 0; p < 4; p++)
        rd_kafka_topic_partition_list_add(all, "events", p)->offset = RD_KAFKA_OFFSET_END;
    rd_kafka_DeleteRecords_t *below = rd_kafka_DeleteRecords_new(all);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(client);
    rd_kafka_DeleteRecords(client, &below, 1, NULL, answers);
    rd_kafka_event_t *event = rd_kafka_queue_poll(answers, 20000);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), 0);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(answers);
    rd_kafka_DeleteRecords_destroy(below);
    rd_kafka_topic_partition_list_destroy(all);
    rd_kafka_destroy(client);
    free(kafka);
}
