/*
 * Random schedules of the real layers over real Redis servers and a real Postgres, one atomic step at a time (world.h): two
 * or three instances of the speed layer of which some are zombies, two archivers, runs and rebuilds, readers; kills between
 * any two steps, Redis that loses its last writes or everything. Each answer that any reader got is held against one pass
 * over the log below the answer's own as_of; at the end everything is let come to rest and every row is asked for.
 *
 * SCHEDULES: how many (default 150); TEST_SEED: the first one's seed; each schedule prints none but a failing one.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch-layer/schema.h"
#include "batch-layer/statement.h"
#include "common/random.h"
#include "tests/integration/deployment.h"
#include "tests/integration/redis_server.h"
#include "tests/integration/redis_state.h"
#include "tests/simulation/actor.h"
#include "tests/simulation/verdict.h"
#include "tests/simulation/world.h"

enum { SERVERS_MAX = 2, ARCHIVES = 2, READERS = 2, STEPS = 600, REST_STEPS = 6000 };

static struct redis_server server[SERVERS_MAX];
static redisContext *redis[SERVERS_MAX];
static struct redis_state saved[SERVERS_MAX];
static int n_servers;
static PGconn *db;
static char log_name[128];

static struct actor speed[SPEEDS], archive[ARCHIVES], reader[READERS], run_actor;
static struct actor *asleep; /* it is not let go on for a while: it lags, and knows old things */
static bool knows_old;       /* asleep just where it knows what a run makes old */
static struct actor *woken;  /* from there: it and the readers go first for `hurry` steps */
static int hurry;
static int runs_started, kills, crashes;
static uint64_t seed;

/* ---- actors ---- */

static uint64_t actor_seed(void)
{
    return (uint64_t)chance(1u << 30);
}

static void start(struct actor *actor, void (*run_)(int), int argument)
{
    actor_start(actor, run_, argument, actor_seed(), log_name);
}

/* One step. A run may end; who else ends by itself has met what it cannot bear. */
static void let_go_on(struct actor *actor)
{
    if (actor->state == ACTOR_NONE)
        return;
    actor_step(actor);
    if (actor->state == ACTOR_NONE && (actor != &run_actor || actor->exit_code >= 128))
        fail_msg("TEST_SEED=%" PRIu64 ": %s ended with %d behind %s; log of the actors: %s", seed,
                 actor == &run_actor ? "a run" : "a daemon", actor->exit_code, actor->where,
                 log_name);
}

static void start_missing(void)
{
    for (int i = 0; i < 2; i++) /* the third is there only when zombies are */
        if (speed[i].state == ACTOR_NONE)
            world->given[i].deaf = false, start(&speed[i], actor_speed, i);
    for (int i = 0; i < ARCHIVES; i++)
        if (archive[i].state == ACTOR_NONE)
            start(&archive[i], actor_archive, 0);
    for (int i = 0; i < READERS; i++)
        if (reader[i].state == ACTOR_NONE)
            start(&reader[i], actor_reader, 0);
}

static struct actor *any_actor(void)
{
    unsigned x = chance(12);
    if (x < 4)
        return &speed[chance(SPEEDS)];
    if (x < 7)
        return &archive[chance(ARCHIVES)];
    if (x < 11)
        return &run_actor;
    return &reader[chance(READERS)];
}

/* Most that wait for something wait for it still: a schedule of them would be one in which nothing happens. */
static struct actor *any_actor_awake(void)
{
    bool hurried = hurry > 0 && woken->state != ACTOR_NONE;
    hurry -= hurry > 0;
    if (hurried && chance(4))
        return chance(3) ? woken : &reader[chance(READERS)];
    struct actor *actor = any_actor();
    for (int tries = 0; tries < 30; tries++, actor = any_actor()) {
        bool waits = strcmp(actor->where, "sleep") == 0 || strcmp(actor->where, "poll") == 0;
        if (actor != asleep && actor->state != ACTOR_NONE && (!waits || chance(8) == 0))
            return actor;
    }
    return actor == asleep ? &run_actor : actor;
}

static void kill_all(void)
{
    for (int i = 0; i < SPEEDS; i++)
        actor_kill(&speed[i]);
    for (int i = 0; i < ARCHIVES; i++)
        actor_kill(&archive[i]);
    for (int i = 0; i < READERS; i++)
        actor_kill(&reader[i]);
    actor_kill(&run_actor);
}

/* Each partition goes to one instance. Who is deaf goes on with what it has: a zombie. */
static void rebalance(void)
{
    for (int i = 0; i < SPEEDS; i++) {
        world->given[i].n = 0;
        world->given[i].changes++;
        world->given[i].deaf = chance(3) == 0;
    }
    for (int p = 0; p < PARTITIONS; p++) {
        struct given *given = &world->given[chance(SPEEDS)];
        given->partition[given->n++] = p;
    }
    if (speed[2].state == ACTOR_NONE)
        start(&speed[2], actor_speed, 2);
}

/* ---- who knows old things ---- */

/*
 * An instance of the speed layer that stands behind the publication it has read, or behind the states it has asked Redis for,
 * falls asleep there now and then, until a run has published, or even pruned: what it knows is old then.
 */
static void sleep_where_it_matters(struct actor *actor)
{
    bool reads = strcmp(actor->where, "speed-before-claim") == 0 ||
                 strcmp(actor->where, "speed-states-asked") == 0;
    if (actor >= speed && actor < speed + SPEEDS && reads && !knows_old && chance(10) == 0)
        asleep = actor, knows_old = true;
}

static bool is_published(void)
{
    return strcmp(run_actor.where, "run:publish:after-commit") == 0 ||
           strncmp(run_actor.where, "run:retire", 10) == 0;
}

/* Past the pruning a Redis that lost everything has lost the mark of what is retired, too. */
static void wake_where_it_matters(void)
{
    bool pruned = strcmp(run_actor.where, "run:retire:pruned") == 0;
    if (!knows_old || !is_published() || chance(pruned ? 2 : 8))
        return;
    for (int s = 0; pruned && s < n_servers; s++)
        freeReplyObject(redisCommand(redis[s], "FLUSHALL"));
    crashes += pruned;
    woken = asleep;
    hurry = 30;
    asleep = NULL;
    knows_old = false;
}

/* The lease of a serving instance that is far away: a run waits for it before it retires. */
static void lease_step(void)
{
    struct err err;
    const char *sql =
        chance(3)
            ? "INSERT INTO serving_lease SELECT 'far away', n, now() + '1 hour' FROM publication"
              " ON CONFLICT (instance) DO UPDATE SET n = excluded.n"
            : "DELETE FROM serving_lease";
    if (statement_run(db, &err, "%s", sql) < 0)
        fail_msg("%s", err.message);
}

/* ---- faults of Redis ---- */

static void redis_step(unsigned what)
{
    int s = (int)chance((unsigned)n_servers);
    if (what == 0)
        freeReplyObject(redisCommand(redis[s], "FLUSHALL"));
    else if (what < 4)
        redis_state_save(&saved[s], redis[s]);
    else
        redis_state_crash(&saved[s], redis[s]);
    crashes += what == 0 || what >= 4;
}

/* ---- a schedule ---- */

static void schedule_begin(void)
{
    struct err err;
    char list[64];
    chance_seed(seed);
    world_begin();
    n_servers = 1 + (int)chance(SERVERS_MAX);
    runs_started = 0;
    asleep = NULL;
    knows_old = false;
    hurry = 0;
    world->lazy_readers = chance(2);
    snprintf(list, sizeof list, n_servers > 1 ? "127.0.0.1:%d,127.0.0.1:%d" : "127.0.0.1:%d",
             server[0].port, server[1].port);
    setenv("TANDEM_REDIS", list, 1);
    for (int s = 0; s < SERVERS_MAX; s++) {
        freeReplyObject(redisCommand(redis[s], "FLUSHALL"));
        redis_state_forget(&saved[s]);
    }
    fclose(fopen(log_name, "w"));
    if (statement_run(db, &err, "DROP SCHEMA public CASCADE") < 0 ||
        statement_run(db, &err, "CREATE SCHEMA public") < 0 ||
        schema_create(db, world_deployment, "events", PARTITIONS, &err))
        fail_msg("%s", err.message);
    rebalance();
    for (int i = 0; i < SPEEDS; i++)
        world->given[i].deaf = false;
    start_missing();
}

static void step_of_any(void)
{
    struct actor *actor = any_actor_awake();
    if (chance(60) == 0 && !knows_old)
        asleep = chance(4) ? &speed[chance(SPEEDS)] : chance(2) ? &reader[chance(READERS)] : NULL;
    let_go_on(actor);
    sleep_where_it_matters(actor);
    wake_where_it_matters();
}

static void step(void)
{
    unsigned x = chance(1000);
    if (x < 80)
        for (unsigned n = 1 + chance(4); n > 0 && world->end[0] + world->end[1] < 300; n--)
            world_append_event();
    else if (x < 82 && world->end[0] + world->end[1] < 300)
        world_append_hole();
    else if (x < 83 && world->end[0] + world->end[1] < 300)
        world_append_barrier((int)chance(PARTITIONS), 1 + chance(12)); /* a foreign producer's */
    else if (x < (knows_old ? 140 : 105) && run_actor.state == ACTOR_NONE && runs_started < 8)
        runs_started++, start(&run_actor, actor_run, chance(5) == 0);
    else if (x < 118)
        kills++, actor_kill(any_actor());
    else if (x < 131)
        start_missing();
    else if (x < 136)
        rebalance();
    else if (x < 142)
        world->given[chance(SPEEDS)].deaf = false;
    else if (x < 150)
        redis_step(chance(6));
    else if (x < 155)
        lease_step();
    else
        step_of_any();
}

static bool caught_up(void)
{
    int64_t applied[PARTITIONS] = {0};
    struct err err;
    for (int p = 0; p < PARTITIONS; p++) {
        redisReply *reply = redisCommand(redis[p % n_servers], "HGET tandem o%d", p);
        if (reply && reply->type == REDIS_REPLY_STRING)
            applied[p] = strtoll(reply->str, NULL, 10);
        freeReplyObject(reply);
        int64_t archived = -1;
        if (statement_number(db, &err, &archived,
                             "SELECT \"offset\" FROM archive_offset WHERE partition = %d", p))
            fail_msg("%s", err.message);
        if (applied[p] != world->end[p] || archived != world->end[p])
            return false;
    }
    return true;
}

static void step_all(void)
{
    struct actor *all[] = {&speed[0], &speed[1], &speed[2], &archive[0], &archive[1], &run_actor};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        let_go_on(all[i]);
}

/* No more faults: zombies hear, a last run publishes, everything is applied and archived. */
static void come_to_rest(void)
{
    int more_runs = 1;
    rebalance();
    for (int i = 0; i < SPEEDS; i++)
        world->given[i].deaf = false;
    for (int i = 0; i < REST_STEPS; i++) {
        start_missing();
        if (run_actor.state == ACTOR_NONE && more_runs-- > 0)
            start(&run_actor, actor_run, 0);
        step_all();
        if (i % 10 == 0 && run_actor.state == ACTOR_NONE && caught_up())
            return;
    }
    for (int i = 0; i < SPEEDS; i++)
        print_message("speed %d: state %d at %s\n", i, speed[i].state, speed[i].where);
    print_message("run: state %d at %s\n", run_actor.state, run_actor.where);
    fail_msg("TEST_SEED=%" PRIu64 ": does not come to rest; log of the actors: %s", seed, log_name);
}

static void ask_for_everything(void)
{
    struct actor last = {0};
    int before = world->n_answers, wanted = (world_rows() + ANSWER_ROWS - 1) / ANSWER_ROWS + USERS;
    world->n_answers = before > ANSWERS_MAX - wanted ? ANSWERS_MAX - wanted : before;
    before = world->n_answers;
    start(&last, actor_reader, 1);
    for (int i = 0; i < 1000 && last.state != ACTOR_NONE; i++)
        actor_step(&last);
    assert_int_equal(last.state, ACTOR_NONE);
    assert_int_equal(last.exit_code, 0);
    assert_int_equal(world->n_answers, before + wanted);
    for (int i = before; i < world->n_answers; i++) {
        assert_false(world->answer[i].degraded);
        assert_memory_equal(world->answer[i].as_of, world->end, sizeof world->end);
    }
}

static void schedule(void)
{
    struct err err;
    int64_t drifted;
    schedule_begin();
    for (int i = 0; i < STEPS; i++)
        step();
    come_to_rest();
    ask_for_everything();
    for (int i = 0; i < world->n_answers; i++)
        verdict_on(&world->answer[i], seed, log_name);
    if (statement_number(db, &err, &drifted, "SELECT count(*) FROM run WHERE drift > 0"))
        fail_msg("%s", err.message);
    if (drifted)
        fail_msg("TEST_SEED=%" PRIu64 ": a run found drift; log of the actors: %s", seed, log_name);
    kill_all();
}

static void every_answer_of_any_schedule_is_one_pass_over_the_log(void **state)
{
    (void)state;
    const char *given = getenv("TEST_SEED"), *many = getenv("SCHEDULES");
    int n = many ? atoi(many) : 150;
    int64_t answers = 0, degraded = 0, events = 0;
    if (given)
        seed = strtoull(given, NULL, 10);
    else
        random_bytes(&seed, 4);
    print_message("TEST_SEED=%" PRIu64 " SCHEDULES=%d\n", seed, n);
    for (int i = 0; i < n; i++, seed++) {
        schedule();
        for (int a = 0; a < world->n_answers; a++)
            degraded += world->answer[a].degraded;
        for (int p = 0; p < PARTITIONS; p++)
            events += world->end[p];
        answers += world->n_answers;
        if (i % 100 == 99)
            print_message("%d schedules\n", i + 1);
    }
    print_message("%d schedules, %" PRId64 " records, %d kills, %d losses of Redis, %" PRId64
                  " answers, %" PRId64 " of them degraded: each is one pass over the log\n",
                  n, events, kills, crashes, answers, degraded);
}

/* ---- servers ---- */

static int up(void **state)
{
    (void)state;
    struct err err;
    deployment_up((struct deployment_settings){.servers_only = true, .partitions = PARTITIONS});
    char *postgres = output_of("printf %%s \"$TANDEM_POSTGRES\"");
    setenv("TANDEM_POSTGRES", postgres, 1);
    setenv("TANDEM_KAFKA", "127.0.0.1:1", 1);
    setenv("TANDEM_PARTITIONS", "3", 1);
    setenv("PGOPTIONS", "-c synchronous_commit=off -c client_min_messages=warning", 1);
    free(postgres);
    db = database_open(getenv("TANDEM_POSTGRES"), "simulation", &err);
    if (!db)
        fail_msg("%s", err.message);
    for (int s = 0; s < SERVERS_MAX; s++) {
        assert_int_equal(redis_server_start(&server[s]), 0);
        redis[s] = redisConnect("127.0.0.1", server[s].port);
        assert_true(redis[s] && !redis[s]->err);
    }
    snprintf(log_name, sizeof log_name, "%s/actors.log", server[0].folder);
    world_map();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_of_any_schedule_is_one_pass_over_the_log),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    kill_all();
    PQfinish(db);
    for (int s = 0; s < SERVERS_MAX; s++) {
        redis_state_forget(&saved[s]);
        redisFree(redis[s]);
        if (!failed)
            remove(log_name);
        redis_server_stop(&server[s]);
    }
    deployment_down(failed == 0);
    return failed;
}
