/* Replies of Redis that are not what was asked for: a claim, a retirement, an answer is made of nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <stdio.h>

#include "batch-layer/segment_rows.h"
#include "batch-layer/speed_state.h"
#include "serving-layer/speed_reply.h"
#include "speed-layer/compaction.h"
#include "speed-layer/speed_store.h"
#include "tests/fuzz/canned_redis.h"

#define GREETING                                                                                \
    "$60\r\nredis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\n# End..\r\n\r\n*0\r\n$6\r\n" \
    "tandem\r\n"

static redisReply *reply_of(const char *resp)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    redisReaderFeed(reader, resp, strlen(resp));
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

/* ---- a reader ---- */

/* What one partition's EXEC with this offset, segment and epoch means to a reader that keeps nothing. */
static enum reply_verdict verdict_of(const char *offset, const char *segment, const char *epoch)
{
    static const int64_t boundary[1] = {5};
    char resp[400];
    int64_t as_of = 5;
    struct batch_edition edition = {1, 1, boundary, 0, "d", 1, 0};
    struct kept_rows kept = {0};
    struct speed_read read = {
        .edition = &edition, .deployment = "d", .kept = &kept, .as_of = &as_of};
    struct speed_servers servers = {.n = 1};
    struct speed_seen seen;
    const char *why;
    speed_seen_reset(&seen);
    seen.top = 1;
    snprintf(
        resp, sizeof resp,
        "*1\r\n*9\r\n$1\r\nd\r\n$%zu\r\n%s\r\n$1\r\n1\r\n$3\r\n0/1\r\n$1\r\n4\r\n$1\r\n4\r\n%s\r\n%s\r\n$1\r\nt\r\n",
        strlen(epoch), epoch, offset, segment);
    redisReply *reply = reply_of(resp);
    enum reply_verdict verdict = speed_reply_take(reply, &read, &servers, 0, &seen, &why);
    freeReplyObject(reply);
    return verdict;
}

static void an_answer_is_made_of_numbers_only(void **state)
{
    (void)state;
    assert_int_equal(verdict_of("$1\r\n9", "$1\r\n1", "e"), REPLY_OK);
    assert_int_equal(verdict_of("$-1", "$-1", "e"), REPLY_OK);
    assert_int_equal(verdict_of("$2\r\n9x", "$1\r\n1", "e"), REPLY_BROKEN);
    assert_int_equal(verdict_of("$0\r\n", "$1\r\n1", "e"), REPLY_BROKEN);
    assert_int_equal(verdict_of(":9", "$1\r\n1", "e"), REPLY_BROKEN);
    assert_int_equal(verdict_of("$20\r\n99999999999999999999", "$1\r\n1", "e"), REPLY_BROKEN);
    assert_int_equal(verdict_of("$1\r\n9", "*0", "e"), REPLY_BROKEN);
}

static void an_epoch_that_cannot_be_kept_is_none(void **state)
{
    (void)state;
    char epoch[EPOCH_BYTES_MAX + 1];
    memset(epoch, 'e', sizeof epoch);
    epoch[EPOCH_BYTES_MAX] = 0;
    assert_int_equal(verdict_of("$1\r\n9", "$1\r\n1", epoch), REPLY_FOREIGN);
    epoch[EPOCH_BYTES_MAX - 1] = 0;
    assert_int_equal(verdict_of("$1\r\n9", "$1\r\n1", epoch), REPLY_OK);
}

/* ---- the batch layer ---- */

static void a_state_with_a_number_that_is_none_is_refused(void **state)
{
    (void)state;
    struct speed_state found;
    redisReply *good = reply_of("*4\r\n$2\r\no0\r\n$1\r\n9\r\n$7\r\nretired\r\n$1\r\n1\r\n");
    redisReply *bad = reply_of("*2\r\n$2\r\no0\r\n$2\r\n9x\r\n");
    assert_int_equal(speed_state_take(good, 1, &found), 0);
    assert_int_equal(found.offset[0], 9);
    assert_int_equal(found.retired, 1);
    assert_int_equal(speed_state_take(bad, 1, &found), -1);
    freeReplyObject(good);
    freeReplyObject(bad);
}

static redisContext *connected(const char *says, char *said, size_t bytes)
{
    struct err err;
    struct speed_servers servers = {.n = 1, .server = {{"canned", 6379}}};
    snprintf(said, bytes, "%s%s", GREETING, says);
    canned_redis_says(text_of(said));
    redisContext *redis = speed_view_open(&servers, 0, 1000, &err);
    if (!redis)
        fail_msg("%s", err.message);
    return redis;
}

/* Every reply that is asked for in turn, with another type where a word or a list belongs. */
static void a_retirement_is_made_of_what_was_asked_for(void **state)
{
    (void)state;
    static const char *const says[] = {
        "*2\r\n:1\r\n$1\r\ne\r\n",
        "*2\r\n$2\r\nOK\r\n*0\r\n",
        "*2\r\n$3\r\nBAD\r\n$-1\r\n",
        "*2\r\n$2\r\nOK\r\n$1\r\ne\r\n*2\r\n:0\r\n*0\r\n",
        "*2\r\n$2\r\nOK\r\n$1\r\ne\r\n*2\r\n$1\r\n0\r\n$1\r\nx\r\n",
        "*2\r\n$2\r\nOK\r\n$1\r\ne\r\n*2\r\n$1\r\n0\r\n*1\r\n$12\r\ntandem:gen:0\r\n*0\r\n",
        "*2\r\n$2\r\nOK\r\n$1\r\ne\r\n*2\r\n$1\r\n0\r\n*1\r\n$12\r\ntandem:gen:0\r\n*1\r\n:1\r\n",
    };
    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        char said[400];
        struct err err = {ERR_NONE, ""};
        redisContext *redis = connected(says[i], said, sizeof said);
        assert_int_equal(speed_view_drop(redis, "d", 1, &err), -1);
        assert_true(err.kind != ERR_NONE);
        redisFree(redis);
    }
    canned_redis_close();
}

static void a_scan_without_a_cursor_is_refused(void **state)
{
    (void)state;
    char said[400];
    struct err err = {ERR_NONE, ""};
    redisContext *redis =
        connected("*2\r\n*0\r\n*0\r\n" /* nobody has said where this one goes on: */
                  "*2\r\n$1\r\n0\r\n*0\r\n",
                  said, sizeof said);
    struct segment_rows *rows = segment_rows_new(1);
    assert_int_equal(segment_rows_name(rows, redis, 0, &err), -1);
    assert_true(err.kind != ERR_NONE);
    segment_rows_free(rows);
    redisFree(redis);
    canned_redis_close();
}

static void a_row_of_a_segment_that_is_gone_or_no_text_is_no_row(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        int failed;
    } replies[] = {{"*1\r\n$3\r\n\001a\002\r\n", 0},
                   {"*1\r\n$-1\r\n", -1},
                   {"*1\r\n:7\r\n", -1},
                   {"*0\r\n", -1},
                   {"*2\r\n$1\r\na\r\n$1\r\nb\r\n", -1},
                   {"$1\r\na\r\n", -1}};
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        char said[400], all[200];
        struct err err = {ERR_NONE, ""};
        struct bytes logs[2] = {0};
        snprintf(all, sizeof all, "*2\r\n$1\r\n0\r\n*1\r\n$20\r\ntandem:row:1:users:a\r\n%s",
                 replies[i].says);
        redisContext *redis = connected(all, said, sizeof said);
        struct segment_rows *rows = segment_rows_new(1);
        assert_int_equal(segment_rows_name(rows, redis, 0, &err), 0);
        uint32_t wanted[] = {SEGMENT_ROW_ABSENT,
                             segment_rows_take(rows, text_of("users"), text_of("a"))};
        assert_int_not_equal(wanted[1], SEGMENT_ROW_ABSENT);
        assert_int_equal(segment_rows_take(rows, text_of("users"), text_of("b")),
                         SEGMENT_ROW_ABSENT);
        assert_int_equal(segment_rows_fetch(rows, redis, 1, wanted, 2, logs, &err), 0);
        assert_int_equal(segment_rows_fetch(rows, redis, 0, wanted, 2, logs, &err),
                         replies[i].failed);
        assert_int_equal(logs[1].n, replies[i].failed ? 0 : 3);
        assert_int_equal(logs[0].n, 0);
        bytes_free(&logs[1]);
        segment_rows_free(rows);
        redisFree(redis);
        canned_redis_close();
    }
}

/* ---- the speed layer ---- */

static int claim_of(const char *says, int64_t *offset, int64_t *segment)
{
    char said[400];
    struct err err = {ERR_NONE, ""};
    struct publication publication = {.deployment = "d", .partitions = 1, .n = 1};
    struct speed_store *store = speed_store_new("canned:6379", 1000, &err);
    snprintf(said, sizeof said, "%s%s", GREETING, says);
    canned_redis_says(text_of(said));
    assert_int_equal(speed_store_connect(store, &(int){0}, 1, &err), 0);
    int failed = speed_store_claim(store, 0, &publication, offset, segment, &err);
    assert_true(failed == (err.kind != ERR_NONE ? -1 : 0));
    speed_store_free(store);
    canned_redis_close();
    return failed;
}

static void a_claim_is_an_epoch_an_offset_and_a_segment(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "*4\r\n$2\r\nOK\r\n$-1\r\n$1\r\n9\r\n$1\r\n1\r\n",
        "*4\r\n$2\r\nOK\r\n$1\r\ne\r\n$-1\r\n$1\r\n1\r\n",
        "*4\r\n$2\r\nOK\r\n$1\r\ne\r\n$2\r\n9x\r\n$1\r\n1\r\n",
        "*4\r\n$2\r\nOK\r\n$1\r\ne\r\n$1\r\n9\r\n*0\r\n",
        "*3\r\n$2\r\nOK\r\n$1\r\ne\r\n$1\r\n9\r\n",
    };
    int64_t offset, segment;
    assert_int_equal(
        claim_of("*4\r\n$2\r\nOK\r\n$1\r\ne\r\n$1\r\n9\r\n$1\r\n1\r\n", &offset, &segment), 0);
    assert_int_equal(offset, 9);
    assert_int_equal(segment, 1);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (claim_of(wrong[i], &offset, &segment) != -1)
            fail_msg("taken for a claim: %s", wrong[i]);
}

static void a_long_row_without_a_rows_name_is_passed_over(void **state)
{
    (void)state;
    struct compaction *compaction = compaction_new();
    compaction_note(compaction, 1, text_of("no colon"), 1 << 20);
    compaction_note(compaction, 1, (struct text){NULL, 0}, 1 << 20);
    assert_int_equal(compaction_due(compaction), 0);
    compaction_note(compaction, 1, text_of("together:a"), 1 << 20);
    assert_int_equal(compaction_due(compaction), 1);
    compaction_free(compaction);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_made_of_numbers_only),
        cmocka_unit_test(an_epoch_that_cannot_be_kept_is_none),
        cmocka_unit_test(a_state_with_a_number_that_is_none_is_refused),
        cmocka_unit_test(a_retirement_is_made_of_what_was_asked_for),
        cmocka_unit_test(a_scan_without_a_cursor_is_refused),
        cmocka_unit_test(a_row_of_a_segment_that_is_gone_or_no_text_is_no_row),
        cmocka_unit_test(a_claim_is_an_epoch_an_offset_and_a_segment),
        cmocka_unit_test(a_long_row_without_a_rows_name_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
