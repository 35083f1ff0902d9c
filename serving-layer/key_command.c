#include "serving-layer/key_command.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/options.h"
#include "common/random.h"
#include "handover/database.h"
#include "serving-layer/keys.h"
#include "views/utf8.h"

enum { DONE, FAILED, WRONG_USE, LABEL_BYTES = 128 };

#define NOTIFY "SELECT pg_notify('" KEYS_CHANNEL "', '') FROM changed"

/* The database alone; other variables of the deployment may be set or not. */
static struct option_row postgres_row(const char **into)
{
    return (struct option_row){.name = "postgres",
                               .type = OPTION_TEXT,
                               .unit = "libpq connection string",
                               .sentence = "The database of the deployment.",
                               .into = into,
                               .secret = true};
}

static PGconn *database(const char *postgres)
{
    struct err err;
    PGconn *db = database_open(postgres, "tandem-serve-key", &err);
    if (!db)
        log_error("key", "%s", err.message);
    return db;
}

static PGresult *ask(PGconn *db, const char *sql, int n, const char *const *params)
{
    struct err err;
    PGresult *result = db ? database_query(db, &err, sql, n, params) : NULL;
    if (db && !result)
        log_error("key", "%s", err.message);
    return result;
}

/* ---- add ---- */

struct new_key {
    const char *postgres, *role, *label;
    int64_t rate, burst;
};

static int key_insert(const struct new_key *new)
{
    unsigned char random[KEY_RANDOM_BYTES], hash[KEY_HASH_BYTES];
    char key[KEY_BYTES + 1], id[KEY_ID_BYTES + 1], hex[2 * KEY_HASH_BYTES + 1];
    char rate[24], burst[24];
    random_bytes(random, sizeof random);
    key_make(key, random);
    if (!key_parse(text_of(key), id))
        abort();
    key_hash(text_of(key), hash);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    snprintf(rate, sizeof rate, "%" PRId64, new->rate);
    snprintf(burst, sizeof burst, "%" PRId64,
             new->burst      ? new->burst
             : new->rate > 0 ? new->rate
                             : 1);
    PGconn *db = database(new->postgres);
    PGresult *result =
        ask(db,
            "WITH changed AS (INSERT INTO api_key (id, hash, role, label, rate, burst)"
            " VALUES ($1, decode($2, 'hex'), $3, $4, $5, $6) RETURNING id) " NOTIFY,
            6, (const char *const[]){id, hex, new->role, new->label, rate, burst});
    if (result)
        printf("%s\n", key);
    PQclear(result);
    PQfinish(db);
    return result ? DONE : FAILED;
}

static int add_main(int argc, char **argv)
{
    static const struct options_usage usage = {
        .program = "tandem-serve key add",
        .synopsis = "--role write|read|admin [options]",
        .about =
            "Makes an API key and prints it, this once: only its hash is kept. Every server knows it\n"
            "within a second. From the first key on, every request needs one.",
        .commands = ""};
    struct new_key new = {0};
    const struct option_row rows[] = {
        postgres_row(&new.postgres),
        {.name = "role",
         .type = OPTION_CHOICE,
         .unit = "",
         .choices = "write|read|admin",
         .sentence = "write: posting events alone, safe in a web page; read: all that names no "
                     "person's data; admin: all.",
         .into = &new.role},
        {.name = "label",
         .type = OPTION_TEXT,
         .initial = "",
         .unit = "",
         .sentence = "What it is for, to be told by `key list`.",
         .into = &new.label},
        {.name = "rate",
         .type = OPTION_INT,
         .initial = "1000",
         .unit = "requests/s",
         .sentence = "How many each server answers; 0: no limit.",
         .into = &new.rate,
         .min = 0,
         .max = BUCKET_RATE_MAX},
        {.name = "burst",
         .type = OPTION_INT,
         .initial = "0",
         .unit = "requests",
         .sentence = "How many at once; 0: as many as in a second.",
         .into = &new.burst,
         .min = 0,
         .max = BUCKET_BURST_MAX},
    };
    int first = options_read(&usage, rows, sizeof rows / sizeof *rows, argc, argv);
    struct text label = text_of(new.label);
    if (first < argc || label.n > LABEL_BYTES || !utf8_is(label)) {
        log_error("key",
                  first < argc ? "add takes no operand: %s"
                               : "no label of at most 128 bytes of UTF-8: %s",
                  first < argc ? argv[first] : "--label");
        return WRONG_USE;
    }
    return key_insert(&new);
}

/* ---- list ---- */

static int list_main(int argc, char **argv)
{
    static const struct options_usage usage = {
        .program = "tandem-serve key list",
        .synopsis = "[options]",
        .about = "Lists the API keys, revoked ones too. `used`: some seconds behind.",
        .commands = ""};
    static const int width[] = {12, 5, 10, 10, 19, 19, 19};
    const char *postgres;
    const struct option_row rows[] = {postgres_row(&postgres)};
    if (options_read(&usage, rows, 1, argc, argv) < argc) {
        log_error("key", "list takes no operand");
        return WRONG_USE;
    }
    PGconn *db = database(postgres);
    PGresult *result = ask(
        db,
        "SELECT id, role, rate AS \"rate/s\", burst, to_char(created_at, 'YYYY-MM-DD HH24:MI:SS')"
        " AS created, to_char(used_at, 'YYYY-MM-DD HH24:MI:SS') AS used,"
        " to_char(revoked_at, 'YYYY-MM-DD HH24:MI:SS') AS revoked, label"
        " FROM api_key ORDER BY created_at, id",
        0, NULL);
    for (int r = -1; result && r < PQntuples(result); r++)
        for (int c = 0; c < PQnfields(result); c++) {
            const char *value = r < 0                       ? PQfname(result, c)
                                : PQgetisnull(result, r, c) ? "-"
                                                            : PQgetvalue(result, r, c);
            if (c == PQnfields(result) - 1)
                printf("%s\n", value);
            else
                printf("%-*s  ", width[c], value);
        }
    PQclear(result);
    PQfinish(db);
    return result ? DONE : FAILED;
}

/* ---- revoke ---- */

static int key_revoke(const char *postgres, const char *id)
{
    PGconn *db = database(postgres);
    PGresult *result = ask(db,
                           "WITH changed AS (UPDATE api_key SET revoked_at = coalesce(revoked_at, "
                           "now()) WHERE id = $1 RETURNING id) " NOTIFY,
                           1, &id);
    int done = result && PQntuples(result) == 1;
    if (result && !done)
        log_error("key", "there is no key with this id: `tandem-serve key list` lists them");
    else if (done)
        log_info("key", "revoked id=%s", id);
    PQclear(result);
    PQfinish(db);
    return done ? DONE : FAILED;
}

static int revoke_main(int argc, char **argv)
{
    static const struct options_usage usage = {
        .program = "tandem-serve key revoke",
        .synopsis = "ID [options]",
        .about = "Ends an API key: no server takes it a second later.",
        .commands = ""};
    const char *postgres;
    const struct option_row rows[] = {postgres_row(&postgres)};
    int first = options_read(&usage, rows, 1, argc, argv);
    if (first != argc - 1) {
        log_error("key", "revoke takes one id, as `tandem-serve key list` lists them");
        return WRONG_USE;
    }
    return key_revoke(postgres, argv[first]);
}

int key_main(int argc, char **argv)
{
    static const struct options_usage usage = {
        .program = "tandem-serve key",
        .synopsis = "COMMAND [options]",
        .about = "API keys. `tandem-serve key COMMAND --help` lists the options of a command.",
        .commands = "  add       makes a key and prints it\n"
                    "  list      lists the keys\n"
                    "  revoke    ends a key\n"};
    static const struct {
        const char *name;
        int (*main)(int argc, char **argv);
    } commands[] = {{"add", add_main}, {"list", list_main}, {"revoke", revoke_main}};
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].main(argc - 1, argv + 1);
    if (argc > 1 && argv[1][0] == '-')
        options_read(&usage, NULL, 0, argc, argv); /* --help; refuses the rest */
    fprintf(stderr, "tandem-serve key: add, list or revoke is needed; --help says more\n");
    return WRONG_USE;
}
