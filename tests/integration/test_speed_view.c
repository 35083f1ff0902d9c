/* The functions of tandem.lua on a real Redis: an apply is all or nothing, over all the partitions it carries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "handover/speed_view.h"
#include "tests/integration/redis_server.h"

static struct redis_server server;
static redisContext *redis;

static int up(void **state)
{
    (void)state;
    struct speed_servers servers;
    struct err err;
    char address[32];
    if (redis_server_start(&server)) {
        fprintf(stderr, "no redis-server\n");
        return -1;
    }
    snprintf(address, sizeof address, "127.0.0.1:%d", server.port);
    if (speed_servers_parse(address, &servers, &err) ||
        !(redis = speed_view_open(&servers, 0, 60000, &err))) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    return 0;
}

static int down(void **state)
{
    (void)state;
    redisFree(redis);
    redis_server_stop(&server);
    return 0;
}

/* The answer's words, with a space between them; an error as it is. */
static const char *words_of(redisReply *reply)
{
    static char words[512];
    size_t n = 0;
    assert_non_null(reply);
    words[0] = 0;
    if (reply->type == REDIS_REPLY_ERROR || reply->type == REDIS_REPLY_STRING)
        snprintf(words, sizeof words, "%s", reply->str);
    if (reply->type == REDIS_REPLY_INTEGER)
        snprintf(words, sizeof words, "%lld", reply->integer);
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const redisReply *word = reply->element[i];
        if (word->type == REDIS_REPLY_INTEGER)
            n += (size_t)snprintf(words + n, sizeof words - n, "%s%lld", i ? " " : "",
                                  word->integer);
        else
            n += (size_t)snprintf(words + n, sizeof words - n, "%s%s", i ? " " : "",
                                  word->str ? word->str : "nil");
    }
    freeReplyObject(reply);
    return words;
}

static const char *redis_says(const char *command)
{
    return words_of(redisCommand(redis, command));
}

/* Partitions 0 and 1 are claimed with tokens t0 and t1 at offset 0. */
static void begin(void)
{
    assert_string_equal(redis_says("FLUSHALL"), "");
    assert_string_equal(redis_says("FCALL tandem2_claim 1 tandem D E 0 t0 0 0 0/1"), "OK E 0 0");
    assert_string_equal(redis_says("FCALL tandem2_claim 1 tandem D F 1 t1 0 0 0/1"), "OK E 0 0");
}

static void nothing_was_written(void)
{
    assert_string_equal(redis_says("HMGET tandem o0 o1"), "0 0");
    assert_string_equal(redis_says("KEYS tandem:*"), "");
}

static void an_apply_moves_all_its_partitions_at_once(void **state)
{
    (void)state;
    begin();
    assert_string_equal(redis_says("FCALL tandem2_apply 1 tandem 0 4096 2 0 t0 0 5 2 1 t1 0 7 1"
                                   " users:all x item_users:all y a A b B c C"),
                        "OK");
    assert_string_equal(redis_says("HMGET tandem o0 s0 o1 s1"), "5 0 7 0");
    assert_string_equal(redis_says("GET tandem:row:0:users:all"), "x");
    assert_string_equal(redis_says("GET tandem:row:0:item_users:all"), "y");
    assert_string_equal(redis_says("HMGET tandem:user:0:0 a b c"), "A B nil");
    assert_string_equal(redis_says("HMGET tandem:user:0:1 a b c"), "nil nil C");
    assert_string_equal(redis_says("FCALL tandem2_apply 1 tandem 0 4096 1 1 t1 7 8 0 users:all z"),
                        "OK");
    assert_string_equal(redis_says("GET tandem:row:0:users:all"), "xz");
    assert_string_equal(redis_says("HMGET tandem o0 o1"), "5 8");
}

static void one_partition_that_is_refused_refuses_all(void **state)
{
    (void)state;
    begin();
    assert_string_equal(redis_says("FCALL tandem2_apply 1 tandem 0 4096 2 0 t0 0 5 0 1 old 0 7 1"
                                   " users:all x c C"),
                        "FENCED 1");
    nothing_was_written();
    assert_string_equal(redis_says("FCALL tandem2_apply 1 tandem 0 4096 2 0 t0 0 5 0 1 t1 3 7 0"
                                   " users:all x"),
                        "STALE 1 0");
    nothing_was_written();
    assert_string_equal(redis_says("FCALL tandem2_apply 1 tandem 0 4096 2 0 t0 0 5 0 2 t2 0 7 0"
                                   " users:all x"),
                        "GONE 2");
    nothing_was_written();
}

static void an_apply_for_a_retired_segment_is_refused(void **state)
{
    (void)state;
    begin();
    assert_string_equal(redis_says("FCALL tandem2_drop 1 tandem D E 1"), "OK E");
    assert_string_equal(redis_says("FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 0 5 0 users:all x"),
                        "SKIP 0 1");
    assert_string_equal(redis_says("FCALL tandem2_apply 1 tandem 1 4096 1 0 t0 0 5 0 users:all x"),
                        "OK");
    assert_string_equal(redis_says("GET tandem:row:1:users:all"), "x");
}

static void a_malformed_apply_writes_nothing(void **state)
{
    (void)state;
    static const char *const malformed[] = {
        "FCALL tandem2_apply 1 tandem",
        "FCALL tandem2_apply 1 tandem 0",
        "FCALL tandem2_apply 1 tandem 0 4096",
        "FCALL tandem2_apply 1 tandem 0 long 1 0 t0 0 5 0 users:all x",
        "FCALL tandem2_apply 1 tandem 0 4096 x",
        "FCALL tandem2_apply 1 tandem 0 4096 0 users:all x",
        "FCALL tandem2_apply 1 tandem 0 4096 3 0 t0 0 5 0 users:all x",
        "FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 5 5 0 users:all x", /* nothing in it */
        "FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 0 5 0 users:all", /* a row without its piece */
        "FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 0 5 2 users:all x", /* more users than there are */
        "FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 0 5 1 users:all x u", /* a user without a state */
        "FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 0 five 0 users:all x", /* no offset */
        "FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 0 5 some users:all x", /* no number */
    };
    begin();
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        if (!strstr(redis_says(malformed[i]), "ERR"))
            fail_msg("not refused: %s", malformed[i]);
        nothing_was_written();
    }
}

static void a_write_that_fails_half_way_makes_the_server_nobodys(void **state)
{
    (void)state;
    begin();
    redis_says("HSET tandem:row:0:popular:1 not-a string");
    assert_non_null(strstr(redis_says("FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 0 5 0 users:all x"
                                      " popular:1 y"),
                           "WRONGTYPE"));
    assert_string_equal(redis_says("HGET tandem deployment"), "none (a write failed half-way)");
    assert_string_equal(redis_says("FCALL tandem2_claim 1 tandem D E 0 t0 0 0 0/1"),
                        "FOREIGN none (a write failed half-way)");
}

static void a_swap_keeps_what_was_appended_since_and_only_one_of_two_wins(void **state)
{
    (void)state;
    begin();
    redis_says("FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 0 5 0 users:all abc");
    assert_string_equal(redis_says("FCALL tandem2_row 1 tandem E 0 users:all"), "OK 0 abc");
    redis_says("FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 5 6 0 users:all d");
    assert_string_equal(redis_says("FCALL tandem2_swap 1 tandem E 0 users:all 0 3 X"), "OK");
    assert_string_equal(redis_says("GET tandem:row:0:users:all"), "Xd");
    assert_string_equal(redis_says("FCALL tandem2_swap 1 tandem E 0 users:all 0 1 Y"), "MOVED");
    assert_string_equal(redis_says("FCALL tandem2_swap 1 tandem other 0 users:all 1 1 Y"), "MOVED");
    assert_string_equal(redis_says("FCALL tandem2_swap 1 tandem E 0 users:all 1 9 Y"), "MOVED");
    assert_string_equal(redis_says("GET tandem:row:0:users:all"), "Xd");
}

/* As Redis applies it when it loads a file in which the cut beginning of an apply is followed by other transactions. */
static void a_cut_apply_that_came_back_empties_the_server_at_the_next_claim(void **state)
{
    (void)state;
    begin();
    redis_says("FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 0 5 0 users:all abc");
    assert_string_equal(redis_says("FCALL tandem2_claim 1 tandem D F 0 t2 0 0 0/1"), "OK E 5 0");
    redis_says("HINCRBY tandem begun 1");
    redis_says("APPEND tandem:row:0:users:all x");
    assert_string_equal(redis_says("FCALL tandem2_claim 1 tandem D F 0 t3 0 0 0/1"),
                        "OK F 0 0 EMPTIED");
    assert_string_equal(redis_says("EXISTS tandem:row:0:users:all"), "0");
    assert_string_equal(redis_says("FCALL tandem2_claim 1 tandem D G 1 t1 0 0 0/1"), "OK F 0 0");
    redis_says("FCALL tandem2_apply 1 tandem 0 4096 1 0 t3 0 5 0 users:all abc");
    redis_says("HINCRBY tandem begun 1"); /* emptying must not hide another one */
    assert_string_equal(redis_says("FCALL tandem2_claim 1 tandem D G 0 t4 0 0 0/1"),
                        "OK G 0 0 EMPTIED");
}

static void a_server_without_memory_can_still_be_freed(void **state)
{
    (void)state;
    begin();
    redis_says("FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 0 5 0 users:all abc");
    redis_says("CONFIG SET maxmemory 1");
    assert_non_null(
        strstr(redis_says("FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 5 6 0 users:all d"), "OOM"));
    assert_string_equal(redis_says("FCALL tandem2_drop 1 tandem D E 1"), "OK E");
    assert_string_equal(redis_says("FCALL tandem2_free 1 tandem E 1 tandem:row:0:users:all"), "OK");
    redis_says("CONFIG SET maxmemory 0");
    assert_string_equal(redis_says("EXISTS tandem:row:0:users:all"), "0");
}

/* It is no half-written apply: offsets and rows stay, and another segment has room. */
static void a_row_that_redis_lets_grow_no_more_refuses_what_is_applied(void **state)
{
    (void)state;
    begin();
    redis_says("SETRANGE tandem:row:0:users:all 536870900 x");
    redis_says("FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 0 5 0 users:all abc");
    assert_string_equal(redis_says("STRLEN tandem:row:0:users:all"), "536870904");
    assert_non_null(strstr(
        redis_says("FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 5 6 0 a:b x users:all 123456789"),
        "FULL a row of users is as long as Redis lets it be"));
    struct err err;
    redisReply *reply =
        redisCommand(redis, "FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 5 6 0 users:all 123456789");
    speed_view_describe(redis, reply, "apply", &err);
    freeReplyObject(reply);
    assert_int_equal(err.kind, ERR_RETRY);
    assert_string_equal(redis_says("EXISTS tandem:row:0:a:b"), "0");
    assert_string_equal(redis_says("HMGET tandem o0 begun done"), "5 1 1");
    assert_string_equal(
        redis_says("FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 5 6 0 users:all 12345678"),
        "OK users:all 536870912");
    assert_string_equal(redis_says("FCALL tandem2_apply 1 tandem 1 4096 1 0 t0 6 7 0 users:all y"),
                        "OK");
}

/* Which views a partition has counted, and from which segment on, through owners of different releases. */
static const char *claim_by(const char *token, const char *views)
{
    redisReply *reply = redisCommand(redis, "FCALL tandem2_claim 1 tandem D E 0 %s 0 0 0/1 %b",
                                     token, views, strlen(views));
    return words_of(reply);
}

static void a_view_is_counted_whole_from_the_first_segment_that_its_owner_began(void **state)
{
    (void)state;
    redis_says("FLUSHALL");
    assert_string_equal(claim_by("t0", "a b"), "OK E 0 0");
    assert_string_equal(redis_says("HGET tandem v0"), "a:0 b:0");
    redis_says("FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 0 5 0 a:all z");
    claim_by("t1", "a b c"); /* in the middle of segment 0 */
    assert_string_equal(redis_says("HGET tandem v0"), "a:0 b:0 c:1");
    claim_by("t2", "a c"); /* b has a gap from here on */
    claim_by("t3", "a b c");
    assert_string_equal(redis_says("HGET tandem v0"), "a:0 b:1 c:1");
}

static void who_does_not_count_a_view_that_is_served_gets_no_partition(void **state)
{
    (void)state;
    redis_says("FLUSHALL");
    claim_by("t0", "a");
    redis_says("FCALL tandem2_apply 1 tandem 0 4096 1 0 t0 0 5 0 a:all z");
    claim_by("t1", "a c");
    assert_string_equal(redis_says("FCALL tandem2_require 1 tandem D E 0 0 a c"), "OK E c");
    assert_string_equal(claim_by("t2", "a"), "OK E 5 0"); /* c is not required yet */
    claim_by("t3", "a c");
    assert_string_equal(redis_says("FCALL tandem2_require 1 tandem D E 0 1 a c"), "OK E");
    assert_string_equal(claim_by("t4", "a"), "OLDER c");
    assert_string_equal(redis_says("HGET tandem t0"), "t3");
    assert_string_equal(redis_says("FCALL tandem2_require 1 tandem D E 0 1 a"), "OK E");
    assert_string_equal(claim_by("t5", "a"), "OK E 5 0");
}

/* Each release's functions have names of their own. */
static void another_releases_functions_stay_beside_ours(void **state)
{
    (void)state;
    redisReply *loaded = redisCommand(
        redis, "FUNCTION LOAD %s",
        "#!lua name=tandem\nredis.register_function('tandem_claim', function() return {'THEIRS'} end)");
    assert_int_equal(loaded->type, REDIS_REPLY_STRING);
    freeReplyObject(loaded);
    struct err err;
    struct speed_servers servers = {.n = 1};
    snprintf(servers.server[0].host, sizeof servers.server[0].host, "%s", redis->tcp.host);
    servers.server[0].port = redis->tcp.port;
    redisContext *again = speed_view_open(&servers, 0, 5000, &err);
    assert_non_null(again);
    redisFree(again);
    assert_string_equal(redis_says("FCALL tandem_claim 1 tandem"), "THEIRS");
    redis_says("FLUSHALL");
    assert_string_equal(redis_says("FCALL tandem2_claim 1 tandem D E 0 t0 0 0 0/1"), "OK E 0 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_apply_moves_all_its_partitions_at_once),
        cmocka_unit_test(one_partition_that_is_refused_refuses_all),
        cmocka_unit_test(an_apply_for_a_retired_segment_is_refused),
        cmocka_unit_test(a_malformed_apply_writes_nothing),
        cmocka_unit_test(a_write_that_fails_half_way_makes_the_server_nobodys),
        cmocka_unit_test(a_swap_keeps_what_was_appended_since_and_only_one_of_two_wins),
        cmocka_unit_test(a_cut_apply_that_came_back_empties_the_server_at_the_next_claim),
        cmocka_unit_test(a_server_without_memory_can_still_be_freed),
        cmocka_unit_test(a_row_that_redis_lets_grow_no_more_refuses_what_is_applied),
        cmocka_unit_test(a_view_is_counted_whole_from_the_first_segment_that_its_owner_began),
        cmocka_unit_test(who_does_not_count_a_view_that_is_served_gets_no_partition),
        cmocka_unit_test(another_releases_functions_stay_beside_ours),
    };
    return cmocka_run_group_tests(tests, up, down);
}
