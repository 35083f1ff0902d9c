/*
 * Redis is a cache that may lie: it comes back with an older state, a torn one, another server's, or takes no more writes.
 * Two servers share the partitions; the first one lies. While it does, a reader asks all the time, and none of its answers
 * may be wrong; afterwards the layer is live again by itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/integration/deployment.h"
#include "tests/integration/faults.h"

enum { SEED = 7 };

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){.redis_servers = 2});
    feed(2000, 1, NULL);
    must_exit(0, "$BIN/tandem-batch run");
    feed(2000, 2, NULL);
    wait_caught_up();
    return 0;
}

/* Its words on the first server, where 0 is what it must answer. */
static void redis_must(const char *words)
{
    must_exit(0, "redis-cli -e -u redis://${TANDEM_REDIS%%%%,*} %s >>$TANDEM_LOCAL/up.log", words);
}

/* All that every test of a lie ends with. */
static void all_is_well(void)
{
    feed_has_ended();
    must_be_exact();
    must_be_live();
    answers_were_right();
}

static void an_append_only_file_cut_at_a_random_byte_is_made_good_from_the_log(void **state)
{
    (void)state;
    reader_begins();
    feed_in_background(2500, 800, 20);
    must_exit(0, "sleep 1");
    uint32_t seed = SEED;
    for (int cut = 0; cut < 3; cut++) {
        seed = seed * 1664525 + 1013904223; /* Numerical Recipes */
        unsigned keep = (seed >> 8) % 1000001;
        kill_server("redis-0");
        must_exit(0,
                  "file=$(ls $TANDEM_LOCAL/data/redis-0/appendonlydir/*.incr.aof | tail -1); "
                  "to=$(($(wc -c <$file) * %u / 1000000)); "
                  "echo \"seed %d: $file cut to $to bytes\" >>$TANDEM_LOCAL/up.log; "
                  "truncate -s $to $file",
                  keep, SEED);
        start_server("redis-0");
        must_exit(0, "sleep 0.5");
        if (cut == 1)
            must_exit(0, "$BIN/tandem-batch run");
    }
    all_is_well();
}

/* Cuts the file inside its last apply: as Python's expression says. */
static void cut_last_apply(const char *where)
{
    must_exit(
        0,
        "python3 -c 'import sys; file = open(sys.argv[1], \"r+b\"); aof = file.read(); "
        "apply = aof.rindex(b\"tandem:user:\"); "
        "begin = aof.rindex(b\"*1\\r\\n$5\\r\\nMULTI\\r\\n\", 0, apply); "
        "end = aof.index(b\"*1\\r\\n$4\\r\\nEXEC\\r\\n\", apply); "
        "file.truncate(%s)' $(ls $TANDEM_LOCAL/data/redis-0/appendonlydir/*.incr.aof | tail -1)",
        where);
}

/* Redis 7.0 leaves the beginning of a cut transaction in the file, and the load after the next applies it. */
static void half_of_an_apply_that_comes_back_is_not_counted_twice(void **state)
{
    (void)state;
    static const char *const where[] = {"(begin + end) // 2", "end + 5"};
    reader_begins();
    for (int i = 0; i < 2; i++) {
        feed(500, 30 + i, NULL);
        wait_caught_up();
        kill_server("redis-0");
        cut_last_apply(where[i]);
        start_server("redis-0");
        feed_in_background(500, 1000, 33 + i);
        feed_has_ended();
        wait_caught_up();
        log_mark("speed-1");
        kill_server("redis-0");
        start_server("redis-0");
        log_says("speed-1", 20, "redis .* torn append-only file .* emptied");
        must_be_exact(); /* emptying for the second one would hide a wrong counter */
    }
    all_is_well();
}

static void keep_a_copy(void)
{
    must_exit(0,
              "rm -rf $TANDEM_LOCAL/older; cp -a $TANDEM_LOCAL/data/redis-0 $TANDEM_LOCAL/older");
}

static void bring_back_the_copy(void)
{
    kill_server("redis-0");
    must_exit(0, "rm -rf $TANDEM_LOCAL/data/redis-0; "
                 "cp -a $TANDEM_LOCAL/older $TANDEM_LOCAL/data/redis-0");
    start_server("redis-0");
}

static void an_older_copy_of_its_data_is_brought_up_to_date(void **state)
{
    (void)state;
    reader_begins();
    feed_in_background(2500, 800, 21);
    must_exit(0, "sleep 1");
    keep_a_copy();
    must_exit(0, "sleep 1");
    bring_back_the_copy(); /* of this segment */
    must_exit(0, "sleep 0.5; $BIN/tandem-batch run");
    bring_back_the_copy(); /* of a segment that has been retired since */
    all_is_well();
}

/* BGSAVE's file is loaded by a server that appends nothing: the other way in which people keep Redis. */
static void an_older_rdb_file_is_brought_up_to_date(void **state)
{
    (void)state;
    reader_begins();
    redis_must("save");
    feed_in_background(1500, 800, 22);
    must_exit(0, "sleep 1; $BIN/tandem-batch run");
    kill_server("redis-0");
    /* what Redis makes of an RDB: its file becomes the base of a new append-only file */
    must_exit(
        0,
        "cd $TANDEM_LOCAL/data/redis-0 && rm -rf appendonlydir && "
        "redis-server --port 0 --unixsocket $PWD/s --dir $PWD --save '' --daemonize yes "
        "--pidfile $PWD/pid >>$TANDEM_LOCAL/up.log && "
        "until redis-cli -s s ping 2>>$TANDEM_LOCAL/up.log | grep -q PONG; do sleep 0.05; done && "
        "redis-cli -e -s s config set appendonly yes >>$TANDEM_LOCAL/up.log && "
        "until redis-cli -s s info persistence | grep -q aof_rewrite_in_progress:0; do sleep 0.05; done && "
        "redis-cli -s s shutdown nosave");
    start_server("redis-0");
    all_is_well();
}

static void a_promoted_replica_that_lost_writes_is_brought_up_to_date(void **state)
{
    (void)state;
    reader_begins();
    feed_in_background(2500, 800, 23);
    must_exit(
        0,
        "mkdir $TANDEM_LOCAL/replica; master=${TANDEM_REDIS%%%%,*}; cd $TANDEM_LOCAL/replica && "
        "redis-server $OLDPWD/deploy/local/conf/redis.conf --port 0 --unixsocket $PWD/s --dir $PWD "
        "--daemonize yes --pidfile $PWD/pid --logfile $PWD/log "
        "--replicaof ${master%%:*} ${master##*:} >>$TANDEM_LOCAL/up.log");
    wait_until(
        20,
        "redis-cli -s $TANDEM_LOCAL/replica/s info replication 2>>$TANDEM_LOCAL/up.log | grep -q "
        "master_link_status:up && redis-cli -s $TANDEM_LOCAL/replica/s info persistence | grep -q "
        "aof_rewrite_in_progress:0");
    must_exit(0, "sleep 0.5; redis-cli -s $TANDEM_LOCAL/replica/s shutdown; sleep 1");
    kill_server("redis-0");
    must_exit(0, "rm -rf $TANDEM_LOCAL/data/redis-0; "
                 "mv $TANDEM_LOCAL/replica $TANDEM_LOCAL/data/redis-0");
    start_server("redis-0");
    all_is_well();
}

static void a_redis_that_is_out_of_memory_is_waited_for(void **state)
{
    (void)state;
    reader_begins();
    log_mark("speed-1");
    redis_must("config set maxmemory 1mb");
    feed_in_background(2000, 1000, 24);
    log_says("speed-1", 20, "waits and tries again: .*maxmemory");
    feed_has_ended(); /* meanwhile readers have the batch view: such a server refuses MULTI */
    redis_must("config set maxmemory 0");
    log_says("speed-1", 20, "goes on");
    all_is_well();
}

/* What a full server holds is given free by the run, whose retiring must therefore work there. */
static void a_run_frees_the_memory_of_a_redis_that_has_none_left(void **state)
{
    (void)state;
    reader_begins();
    feed(3000, 25, NULL);
    wait_caught_up();
    log_mark("speed-1");
    must_exit(0, "redis() { redis-cli -u redis://${TANDEM_REDIS%%%%,*} \"$@\"; }; "
                 "used=$(redis info memory | sed -n 's/^used_memory:\\([0-9]*\\).*/\\1/p'); "
                 "redis config set maxmemory $used >>$TANDEM_LOCAL/up.log");
    feed_in_background(1000, 1000, 26);
    log_says("speed-1", 20, "waits and tries again: .*maxmemory");
    feed_has_ended();
    must_exit(0, "$BIN/tandem-batch run --check-wait-s 1 --retire-wait-s 10");
    log_says("speed-1", 20, "goes on");
    all_is_well();
    redis_must("config set maxmemory 0");
}

static void a_redis_whose_disk_is_full_is_waited_for(void **state)
{
    (void)state;
    stop_program("redis-0");
    bool small = disk_begin("redis-0", 30);
    start_server("redis-0");
    if (!small)
        skip();
    reader_begins();
    log_mark("speed-1");
    disk_fill();
    feed_in_background(1500, 1000, 27);
    log_says("speed-1", 20, "waits and tries again: .*No space left on device");
    feed_has_ended();
    redis_must("client kill type normal"); /* such a server refuses PING, and answers reads */
    must_be_live();
    start_server("redis-0"); /* it is up: starting it once more finds that */
    kill_server("redis-0");  /* with half of an append in its file */
    disk_clear();
    start_server("redis-0");
    log_says("speed-1", 20, "goes on");
    feed_in_background(2500, 1000, 28);
    disk_fill();
    must_exit(0, "sleep 2");
    disk_clear();
    all_is_well();
    disk_end();
    start_server("redis-0");
    wait_caught_up();
}

static int down(void **state)
{
    (void)state;
    disk_end(); /* one that a failed test has left */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_append_only_file_cut_at_a_random_byte_is_made_good_from_the_log),
        cmocka_unit_test(half_of_an_apply_that_comes_back_is_not_counted_twice),
        cmocka_unit_test(an_older_copy_of_its_data_is_brought_up_to_date),
        cmocka_unit_test(an_older_rdb_file_is_brought_up_to_date),
        cmocka_unit_test(a_promoted_replica_that_lost_writes_is_brought_up_to_date),
        cmocka_unit_test(a_redis_that_is_out_of_memory_is_waited_for),
        cmocka_unit_test(a_run_frees_the_memory_of_a_redis_that_has_none_left),
        cmocka_unit_test(a_redis_whose_disk_is_full_is_waited_for),
    };
    int failed = cmocka_run_group_tests(tests, up, down);
    deployment_down(failed == 0);
    return failed;
}
