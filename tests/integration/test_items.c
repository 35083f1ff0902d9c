/* The catalogue on a real deployment with two tandem-serve: written over HTTP and by SQL, with Postgres and connections lost. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "handover/database.h"
#include "tests/integration/deployment.h"
#include "tests/integration/items_client.h"
#include "views/bytes.h"

enum { WRITES = 200, WRITERS = 8, ROUNDS = 10 };

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){0});
    items_client_open();
    char command[64];
    snprintf(command, sizeof command, "tandem-serve --listen %.*s",
             (int)strcspn(url[1] + strlen("http://"), "/"), url[1] + strlen("http://"));
    start_program("serve-2", command);
    wait_for(1, "/none", 404, "no such item");
    return 0;
}

static void sql(const char *statements)
{
    must_exit(0, "psql -XAtq -v ON_ERROR_STOP=1 \"$TANDEM_POSTGRES\" -c \"%s\"", statements);
}

/* ---- an item ---- */

static void an_item_is_put_read_changed_and_deleted(void **state)
{
    (void)state;
    char etag[64], header[128];
    answers(0, 404, "no such item", "GET", "/lamp%2F1", NULL, NULL);
    snprintf(
        etag, sizeof etag, "%s",
        answers(0, 201, "{\"item\":\"lamp/1\",\"title\":\"Red lamp\"", "PUT", "/lamp%2F1", NULL,
                "{\"title\":\"Red lamp\",\"price\":255,\"currency\":\"GBP\",\"labels\":[\"new\"],"
                "\"created_at\":1291191960000}"));
    assert_true(etag[0] == '"');
    assert_string_equal(answers(0, 200, "\"labels\":[\"new\"],\"created_at\":1291191960000", "GET",
                                "/lamp%2F1", NULL, NULL),
                        etag);
    snprintf(header, sizeof header, "If-None-Match: \"0\", W/%s", etag);
    answers(0, 304, "", "GET", "/lamp%2F1", header, NULL);
    snprintf(header, sizeof header, "If-Match: %s", etag);
    answers(
        0, 200,
        "{\"item\":\"lamp/1\",\"title\":\"Red lamp\",\"category\":\"home/lights\",\"currency\":\"GBP\","
        "\"available\":false,\"hidden\":false,\"created_at\":1291191960000",
        "PATCH", "/lamp%2F1", header,
        "{\"category\":\"home/lights\",\"price\":null,\"available\":false,\"labels\":null}");
    answers(
        0, 200,
        "{\"item\":\"lamp/1\",\"available\":true,\"hidden\":false,\"created_at\":1291191960000,",
        "PUT", "/lamp%2F1", NULL, "{}");
    answers(0, 204, "", "DELETE", "/lamp%2F1", NULL, NULL);
    answers(0, 404, "no such item", "GET", "/lamp%2F1", NULL, NULL);
    answers(0, 404, "no such item", "DELETE", "/lamp%2F1", NULL, NULL);
    answers(0, 404, "no such item", "PATCH", "/lamp%2F1", NULL, "{}");
}

static void a_precondition_that_does_not_hold_changes_nothing(void **state)
{
    (void)state;
    answers(0, 201, "", "PUT", "/once", "If-None-Match: *", "{\"title\":\"first\"}");
    answers(0, 412, "another version", "PUT", "/once", "If-None-Match: *",
            "{\"title\":\"second\"}");
    answers(0, 412, "another version", "PUT", "/once", "If-Match: \"1\"", "{\"title\":\"second\"}");
    answers(0, 412, "another version", "PATCH", "/once", "If-Match: \"1\"",
            "{\"title\":\"second\"}");
    answers(0, 412, "another version", "DELETE", "/once", "If-Match: \"1\"", NULL);
    answers(0, 412, "another version", "PUT", "/never", "If-Match: *", "{}");
    answers(0, 200, "\"title\":\"first\"", "GET", "/once", NULL, NULL);
    answers(0, 204, "", "DELETE", "/once", "If-Match: *", NULL);
}

static void a_wrong_item_is_refused_with_its_field(void **state)
{
    (void)state;
    answers(0, 422, "\"field\":\"titel\"", "PUT", "/x", NULL, "{\"titel\":\"x\"}");
    answers(0, 422, "\"field\":\"price\"", "PUT", "/x", NULL,
            "{\"price\":1.5,\"currency\":\"GBP\"}");
    answers(0, 422, "\"field\":\"price\"", "PUT", "/x", NULL, "{\"price\":1}");
    answers(0, 422, "\"field\":\"item\"", "PUT", "/x", NULL, "{\"item\":\"y\"}");
    answers(0, 422, "\"field\":\"url\"", "PUT", "/x", NULL, "{\"url\":\"javascript:alert(1)\"}");
    answers(0, 422, "\"field\":\"title\"", "PUT", "/x", NULL, "{\"title\":null}");
    answers(0, 400, "each key once", "PUT", "/x", NULL, "{\"price\":1,\"price\":1}");
    answers(0, 400, "1 to 64 bytes", "GET", "/%01", NULL, NULL);
    answers(0, 404, "", "GET", "/x", NULL, NULL);
}

/* ---- two servers ---- */

struct writer {
    pthread_t thread;
    int number;
    char header[128];
    long status;
};

static void *writer_patch(void *context)
{
    struct writer *writer = context;
    char body[64];
    snprintf(body, sizeof body, "{\"title\":\"by %d\"}", writer->number);
    struct answer answer =
        ask(writer->number % SERVERS, "PATCH", "/contended", writer->header, body);
    writer->status = answer.status;
    bytes_free(&answer.body);
    items_client_leave();
    return NULL;
}

static void of_concurrent_patches_with_one_etag_one_wins(void **state)
{
    (void)state;
    struct writer writer[WRITERS];
    char etag[64], wanted[64];
    snprintf(etag, sizeof etag, "%s",
             answers(0, 201, "", "PUT", "/contended", NULL, "{\"title\":\"by nobody\"}"));
    for (int round = 0; round < ROUNDS; round++) {
        int winners = 0;
        for (int i = 0; i < WRITERS; i++) {
            writer[i] = (struct writer){.number = i};
            snprintf(writer[i].header, sizeof writer[i].header, "If-Match: %s", etag);
            assert_int_equal(pthread_create(&writer[i].thread, NULL, writer_patch, &writer[i]), 0);
        }
        for (int i = 0; i < WRITERS; i++) {
            pthread_join(writer[i].thread, NULL);
            assert_true(writer[i].status == 200 || writer[i].status == 412);
            if (writer[i].status == 200) {
                winners++;
                snprintf(wanted, sizeof wanted, "\"title\":\"by %d\"", i);
            }
        }
        assert_int_equal(winners, 1);
        wait_for(0, "/contended", 200, wanted);
        snprintf(etag, sizeof etag, "%s", answers(0, 200, wanted, "GET", "/contended", NULL, NULL));
    }
}

static int by_time(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void a_write_on_one_server_is_on_the_other_at_once(void **state)
{
    (void)state;
    int64_t took_us[WRITES];
    for (int i = 0; i < WRITES; i++) {
        char title[64], body[96];
        snprintf(title, sizeof title, "\"title\":\"number %d\"", i);
        snprintf(body, sizeof body, "{%s}", title);
        answers(i % SERVERS, i ? 200 : 201, title, "PUT", "/travels", NULL, body);
        answers(i % SERVERS, 200, title, "GET", "/travels", NULL, NULL); /* read your writes */
        took_us[i] = wait_for(1 - i % SERVERS, "/travels", 200, title);
    }
    qsort(took_us, WRITES, sizeof *took_us, by_time);
    int64_t median = took_us[WRITES / 2], p99 = took_us[WRITES * 99 / 100];
    print_message("   on the other server after: median %.1f ms, p99 %.1f ms, most %.1f ms\n",
                  (double)median / 1000, (double)p99 / 1000, (double)took_us[WRITES - 1] / 1000);
    assert_true(median < 100000);
}

/* ---- what is lost ---- */

static void a_lost_notification_heals(void **state)
{
    (void)state;
    sql("ALTER TABLE item DISABLE TRIGGER item_4; INSERT INTO item (item, title) VALUES ('silent', 'not told');"
        " ALTER TABLE item ENABLE TRIGGER item_4");
    for (int s = 0; s < SERVERS; s++)
        assert_true(wait_for(s, "/silent", 200, "not told") < 5000000);
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tandem-serve-items';"
        " DELETE FROM item WHERE item = 'silent'; INSERT INTO item (item, title) VALUES ('silent2', 'told');"
        " UPDATE item SET title = 'told again' WHERE item = 'silent2'");
    for (int s = 0; s < SERVERS; s++) {
        wait_for(s, "/silent", 404, "no such");
        wait_for(s, "/silent2", 200, "told again");
    }
}

/* Its history is another than the one that was seen: rows are back as they were, versions too. */
static void a_postgres_that_came_back_as_it_was_earlier_is_believed(void **state)
{
    (void)state;
    sql("INSERT INTO item (item, title) VALUES ('lost', 'x'), ('older', 'new')");
    for (int s = 0; s < SERVERS; s++)
        wait_for(s, "/older", 200, "\"new\"");
    sql("ALTER TABLE item DISABLE TRIGGER USER; DELETE FROM item WHERE item = 'lost';"
        " UPDATE item SET title = 'old', version = 1 WHERE item = 'older'; ALTER TABLE item ENABLE TRIGGER USER;"
        " SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tandem-serve-items'");
    for (int s = 0; s < SERVERS; s++) {
        wait_for(s, "/lost", 404, "no such");
        wait_for(s, "/older", 200, "\"old\"");
    }
}

static void without_postgres_it_is_read_and_not_written(void **state)
{
    (void)state;
    answers(0, 201, "", "PUT", "/kept", NULL, "{\"title\":\"kept\"}");
    kill_server("postgres");
    struct answer refused = ask(0, "PUT", "/kept", NULL, "{\"title\":\"changed\"}");
    assert_int_equal(refused.status, 503);
    assert_string_equal(refused.retry_after, "1");
    bytes_free(&refused.body);
    answers(0, 200, "\"title\":\"kept\"", "GET", "/kept", NULL, NULL);
    answers(0, 200, "\"title\":\"kept\"", "GET", "?query=KEPT", NULL, NULL);
    start_server("postgres");
    wait_until(PATIENCE_S, "psql -XAtqc 'SELECT 1' \"$TANDEM_POSTGRES\"");
    sql("UPDATE item SET title = 'changed' WHERE item = 'kept'");
    for (int s = 0; s < SERVERS; s++)
        wait_for(s, "/kept", 200, "\"changed\"");
    answers(1, 204, "", "DELETE", "/kept", NULL, NULL);
    wait_for(0, "/kept", 404, "no such");
}

/* Who takes its version first commits last: without the lock the other would be seen and this one missed. */
static void no_write_is_missed_when_transactions_overlap(void **state)
{
    (void)state;
    must_exit(
        0,
        "for i in 1 2 3 4; do for k in $(seq 30); do echo \"BEGIN; INSERT INTO item (item, title) VALUES ('overlap-$i-$k', 'x'); "
        "SELECT pg_sleep(random() * 0.05); DELETE FROM item WHERE item = 'overlap-$i-$((k - 10))'; "
        "SELECT pg_sleep(random() * 0.02); COMMIT;\"; done >$TANDEM_LOCAL/overlap-$i.sql; "
        "psql -XAtq -v ON_ERROR_STOP=1 \"$TANDEM_POSTGRES\" -f $TANDEM_LOCAL/overlap-$i.sql >$TANDEM_LOCAL/overlap-$i.log & pids=\"$pids $!\"; done; "
        "for p in $pids; do wait $p || exit 1; done");
    answers(0, 201, "", "PUT", "/overlap-end", NULL, "{}");
    wait_for(1, "/overlap-end", 200, "");
    for (int s = 0; s < SERVERS; s++) {
        char path[64];
        for (int i = 1; i <= 4; i++)
            for (int k = 1; k <= 30; k++) {
                snprintf(path, sizeof path, "/overlap-%d-%d", i, k);
                if (!has(s, path, k <= 20 ? 404 : 200, ""))
                    fail_msg("server %d has missed a write of %s", s, path);
            }
    }
    sql("DELETE FROM item WHERE item LIKE 'overlap-%%'");
}

/* ---- lists ---- */

static void lists_go_on_where_they_ended(void **state)
{
    (void)state;
    struct bytes body = {0};
    for (int i = 0; i < 95; i++) {
        char line[128];
        bytes_put(&body, line,
                  (size_t)snprintf(
                      line, sizeof line,
                      "{\"item\":\"listed-%02d\",\"title\":\"\xc3\x96l LAMP %d\",\"category\":"
                      "\"%s\",\"hidden\":%s,\"created_at\":%d}\n",
                      i, i, i % 2 ? "home/lights" : "homes", i % 5 ? "false" : "true", i / 10));
    }
    bytes_put(&body, "", 1);
    answers(0, 200, "{\"imported\":95,\"refused\":0,\"errors\":[]}", "POST", "/import", NULL,
            body.at);
    bytes_free(&body);
    must_exit(
        0,
        "python3 - %s <<'END'\n"
        "import json, sys, urllib.parse, urllib.request\n"
        "def listed(**wanted):\n"
        "    items, cursor = [], {}\n"
        "    while True:\n"
        "        query = urllib.parse.urlencode({**wanted, **cursor})\n"
        "        answer = json.load(urllib.request.urlopen(f'{sys.argv[1]}?{query}'))\n"
        "        items += [i['item'] for i in answer['items']]\n"
        "        if answer['next'] is None:\n"
        "            return items\n"
        "        assert len(answer['items']) == int(wanted['n']), answer\n"
        "        cursor = {'cursor': answer['next']}\n"
        "def name(i): return 'listed-%%02d' %% i\n"
        "order = [name(i) for i in sorted(range(95), key=lambda i: (-(i // 10), name(i)))]\n"
        "for n in (1, 7, 95, 100):\n"
        "    assert listed(query='\u00f6L lamp', n=n) == order, n\n"
        "assert listed(query='  LISTED-0 ', n=100) == [i for i in order if i < 'listed-10']\n"
        "assert listed(query='lamp', category='home', n=9) == [i for i in order if int(i[-2:]) %% 2]\n"
        "assert listed(query='lamp', hidden=1, n=9) == [i for i in order if int(i[-2:]) %% 5 == 0]\n"
        "assert listed(query='lamp nosuch', n=9) == [] == listed(query='lamp', available=0, n=9)\n"
        "END",
        url[0]);
    answers(0, 400, "\"field\":\"cursor\"", "GET", "?cursor=zz", NULL, NULL);
}

/* ---- many at once ---- */

static void an_import_names_its_bad_lines(void **state)
{
    (void)state;
    const char *lines = "{\"item\":\"in-1\",\"title\":\"one\"}\n\n{\"item\":\"in-2\",\"price\":5}\n"
                        "{\"item\":\"in-1\"}\n{\"title\":\"no id\"}\nnothing\n";
    const char *errors =
        "\"errors\":[\n{\"line\":3,\"field\":\"price\",\"detail\":\"needs a currency\"},\n"
        "{\"line\":4,\"field\":\"item\",\"detail\":\"stands in line 1 already\"},\n"
        "{\"line\":5,\"field\":\"item\",\"detail\":\"is missing\"},\n{\"line\":6,\"detail\":";
    answers(0, 422, errors, "POST", "/import", NULL, lines);
    answers(0, 404, "", "GET", "/in-1", NULL, NULL);
    answers(0, 200, errors, "POST", "/import?partial=1", NULL, lines);
    answers(0, 200, "\"title\":\"one\"", "GET", "/in-1", NULL, NULL);
    answers(0, 422, "column 2", "POST", "/import?partial=1", "Content-Type: text/csv",
            "item,colour\r\na,red\r\n");
    answers(
        0, 200,
        "{\"imported\":2,\"refused\":2,\"errors\":[\n{\"line\":4,\"field\":\"price\",\"detail\":"
        "\"must be a whole number from 0 to 1000000000\"},\n{\"line\":5,\"detail\":\"has 2 fields, the "
        "first line has 4\"}]}",
        "POST", "/import?partial=1", "Content-Type: text/csv; charset=utf-8",
        "item,title,price,currency\r\nin-3,\"a, \"\"b\"\"\",5,GBP\r\n\"in,4\",,,\r\nin-5,,x,GBP\r\nin-6,x\r\n");
    answers(0, 200, "\"title\":\"a, \\\"b\\\"\",\"price\":5", "GET", "/in-3", NULL, NULL);
    answers(0, 200, "{\"item\":\"in,4\",\"available\":true", "GET", "/in%2C4", NULL, NULL);
}

static void what_was_exported_imports_as_it_was(void **state)
{
    (void)state;
    must_exit(
        0,
        "cd $TANDEM_LOCAL && python3 - %s <<'END'\n"
        "import json, random, sys, urllib.request\n"
        "random.seed(5)\n"
        "url = sys.argv[1]\n"
        "def call(path, body=None, kind='application/x-ndjson'):\n"
        "    request = urllib.request.Request(url + path, body, {'Content-Type': kind})\n"
        "    return urllib.request.urlopen(request).read()\n"
        "def text(most): return ''.join(random.choice('abc ,\"|\\\\/;\u00e9\u4e16\U0001f600') for _ in range(random.randint(1, most)))\n"
        "def made(i):\n"
        "    item = {'item': f'{i}-' + text(10), 'title': text(40), 'available': random.random() < .7, 'hidden': random.random() < .3}\n"
        "    if i %% 2: item |= {'price': random.randint(0, 10**9), 'currency': 'EUR', 'category': 'a/b c'}\n"
        "    if i %% 3: item |= {'url': '/' + text(20), 'image': 'https://x/' + text(9), 'created_at': random.randint(0, 10**12)}\n"
        "    if i %% 5 == 0: item['labels'] = [text(9).replace('|', '') or 'x' for _ in range(random.randint(1, 32))]\n"
        "    return item\n"
        "items = [made(i) for i in range(2500)]\n"
        "lines = '\\n'.join(json.dumps(i) for i in items).encode()\n"
        "assert json.loads(call('/import', lines))['imported'] == 2500\n"
        "def whole(): return {i['item']: {k: v for k, v in i.items() if k != 'updated_at'} for i in map(json.loads, call('/export').splitlines())}\n"
        "before = whole()\n"
        "for i in items: assert {**before[i['item']], **i} == before[i['item']], i\n"
        "exported = {'application/x-ndjson': call('/export?format=ndjson'), 'text/csv': call('/export?format=csv')}\n"
        "for kind, all in exported.items():\n"
        "    for i in list(whole()):\n"
        "        if i.startswith('24'): urllib.request.urlopen(urllib.request.Request(url + '/' + urllib.parse.quote(i, safe=''), method='DELETE'))\n"
        "    assert len(whole()) < len(before)\n"
        "    answer = json.loads(call('/import', all, kind))\n"
        "    assert (answer['imported'], answer['refused']) == (len(before), 0), answer\n"
        "    assert whole() == before, kind\n"
        "END",
        url[0]);
    answers(0, 200, "", "HEAD", "/export", NULL, NULL);
}

/* Of a client that goes away in the middle nothing stays. */
static void an_export_may_be_broken_off(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        must_exit(
            0,
            "curl -sS --limit-rate 1 --max-time 0.2 -o $TANDEM_LOCAL/part %s/export 2>$TANDEM_LOCAL/part.err; [ $? = 28 ]",
            url[0]);
    answers(0, 200, "", "GET", "/export", NULL, NULL);
}

/* ---- the tables of an older version ---- */

static void set_up_brings_older_tables_up_to_date_and_keeps_what_they_hold(void **state)
{
    (void)state;
    must_exit(
        0,
        "psql -XAtqc 'CREATE DATABASE older' \"$TANDEM_POSTGRES\" && export TANDEM_TOPIC=older "
        "TANDEM_POSTGRES=\"$TANDEM_POSTGRES dbname=older\" && "
        "psql -XAtq -v ON_ERROR_STOP=1 \"$TANDEM_POSTGRES\" -f batch-layer/schema/001-master-dataset-and-views.sql "
        "-c \"INSERT INTO deployment (id, schema_version, topic, partitions) VALUES (repeat('a', 32), 3, 'older', 4); "
        "INSERT INTO publication (n, boundary, states_from) VALUES (0, '{0,0,0,0}', 0); "
        "INSERT INTO item VALUES ('a', 'Lamp'), ('b', 'Bowl')\" && "
        "{ TANDEM_CRASH_AT=setup:tables:before-upgrade $BIN/tandem-batch setup 2>$TANDEM_LOCAL/crash.log; [ $? -gt 3 ]; } && "
        "$BIN/tandem-batch setup && $BIN/tandem-batch setup && "
        "test \"$(psql -XAtq \"$TANDEM_POSTGRES\" -c \"SELECT (SELECT schema_version FROM deployment), count(*), "
        "count(DISTINCT version), min(title), bool_and(available AND NOT hidden AND created_at > 0) FROM item\")\" = '%d|2|2|Bowl|t'",
        SCHEMA_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_is_put_read_changed_and_deleted),
        cmocka_unit_test(a_precondition_that_does_not_hold_changes_nothing),
        cmocka_unit_test(a_wrong_item_is_refused_with_its_field),
        cmocka_unit_test(of_concurrent_patches_with_one_etag_one_wins),
        cmocka_unit_test(a_write_on_one_server_is_on_the_other_at_once),
        cmocka_unit_test(a_lost_notification_heals),
        cmocka_unit_test(a_postgres_that_came_back_as_it_was_earlier_is_believed),
        cmocka_unit_test(no_write_is_missed_when_transactions_overlap),
        cmocka_unit_test(lists_go_on_where_they_ended),
        cmocka_unit_test(an_import_names_its_bad_lines),
        cmocka_unit_test(what_was_exported_imports_as_it_was),
        cmocka_unit_test(an_export_may_be_broken_off),
        cmocka_unit_test(set_up_brings_older_tables_up_to_date_and_keeps_what_they_hold),
        cmocka_unit_test(without_postgres_it_is_read_and_not_written),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
