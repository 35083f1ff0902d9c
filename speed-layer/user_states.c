#include "speed-layer/user_states.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "views/names.h"

enum { USERS_AT_ONCE = 1000 };

/*
 * The states and how far back they stand, in one statement and so in one snapshot: states_from rises in the transaction
 * that prunes older versions, so a state that is missing here because it was pruned is never taken for an empty one.
 */
static const char find_states[] =
    "SELECT p.states_from, u.\"user\", u.state FROM publication p LEFT JOIN LATERAL ("
    "SELECT DISTINCT ON (s.\"user\") s.\"user\", s.state FROM user_state s "
    "WHERE s.partition = $1::int2 AND s.\"user\" = ANY ($2::text[]) AND s.n <= $3::int8 "
    "ORDER BY s.\"user\", s.n DESC) u ON true";

/* Those of the unknown users from *next on that are not learnt, up to USERS_AT_ONCE; `asked` gets their numbers. */
static size_t users_choose(const struct micro_batch *batch, size_t *next, size_t *asked,
                           struct names *users, struct bytes *array)
{
    size_t n = 0;
    bytes_clear(array);
    for (; *next < micro_batch_unknown(batch) && n < USERS_AT_ONCE; ++*next) {
        if (micro_batch_learnt(batch, *next))
            continue;
        struct text user = micro_batch_user(batch, *next);
        text_array_put(array, user);
        names_put(users, user);
        asked[n++] = *next;
    }
    text_array_end(array);
    return n;
}

static int64_t int8_of(const char *big_endian)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | (unsigned char)big_endian[i];
    return (int64_t)value;
}

/* Learns the states found; then those asked for and not found are empty. */
static int states_learn(const PGresult *result, struct micro_batch *batch, const size_t *asked,
                        const struct names *users, struct err *err)
{
    int64_t segment = micro_batch_is(batch)->segment;
    int64_t from = PQntuples(result) > 0 ? int8_of(PQgetvalue(result, 0, 0)) : INT64_MAX;
    if (from > segment)
        return err_set(err, ERR_RETRY,
                       "segment %" PRId64 " was retired: states stand from %" PRId64, segment,
                       from);
    for (int row = 0; row < PQntuples(result); row++) {
        if (PQgetisnull(result, row, 1))
            continue;
        struct text user = {PQgetvalue(result, row, 1), (size_t)PQgetlength(result, row, 1)};
        struct text state = {PQgetvalue(result, row, 2), (size_t)PQgetlength(result, row, 2)};
        uint32_t i = names_find(users, user);
        if (i != NAMES_ABSENT && micro_batch_learn(batch, asked[i], state, err))
            return -1;
    }
    for (uint32_t i = 0; i < names_count(users); i++)
        if (!micro_batch_learnt(batch, asked[i]) &&
            micro_batch_learn(batch, asked[i], (struct text){"", 0}, err))
            return -1;
    return 0;
}

static int states_ask(PGconn *db, struct micro_batch *batch, const char *array, const size_t *asked,
                      const struct names *users, struct err *err)
{
    char partition[16], segment[24];
    snprintf(partition, sizeof partition, "%d", micro_batch_partition(batch));
    snprintf(segment, sizeof segment, "%" PRId64, micro_batch_is(batch)->segment);
    const char *params[] = {partition, array, segment};
    PGresult *result = PQexecParams(db, find_states, 3, NULL, params, NULL, NULL, 1);
    int failed = PQresultStatus(result) == PGRES_TUPLES_OK
                     ? states_learn(result, batch, asked, users, err)
                     : database_failed(db, result, "look up user states", err);
    PQclear(result);
    return failed;
}

/* Segment 0 comes before every batch run: there is nothing to ask for. (Were it retired, apply would answer SKIP.) */
static int all_are_new(struct micro_batch *batch, struct err *err)
{
    for (size_t i = 0; i < micro_batch_unknown(batch); i++)
        if (!micro_batch_learnt(batch, i) && micro_batch_learn(batch, i, (struct text){"", 0}, err))
            return -1;
    return 0;
}

int user_states_find(PGconn *db, struct micro_batch *batch, struct err *err)
{
    if (micro_batch_is(batch)->segment == 0)
        return all_are_new(batch, err);
    struct bytes array = {0};
    size_t asked[USERS_AT_ONCE] = {0}, next = 0;
    int failed = 0;
    while (!failed && next < micro_batch_unknown(batch)) {
        struct names *users = names_new();
        if (users_choose(batch, &next, asked, users, &array))
            failed = states_ask(db, batch, array.at, asked, users, err);
        names_free(users);
    }
    bytes_free(&array);
    return failed;
}
