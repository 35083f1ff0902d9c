#include "speed-layer/claim.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/random.h"
#include "speed-layer/calls.h"

enum { RANDOM_BYTES = (CLAIM_TOKEN_BYTES - 1) / 2 };

void claim_put(struct command *command, const struct claim_place *place,
               const struct publication *publication, char token[CLAIM_TOKEN_BYTES])
{
    char epoch_candidate[CLAIM_TOKEN_BYTES], layout[32];
    random_hex(epoch_candidate, RANDOM_BYTES);
    random_hex(token, RANDOM_BYTES);
    snprintf(layout, sizeof layout, "%d/%d", place->server, place->servers);
    struct claim claim = {place->partition, token, epoch_candidate, layout};
    call_claim(command, &claim, publication);
}

static int refused(const struct redis_answer *answer, const struct claim_place *place,
                   const struct publication *publication, struct err *err)
{
    struct text detail = answer_text(answer, 1);
    if (answer_is(answer, "FOREIGN"))
        return err_set(
            err, ERR_FATAL,
            "redis %s: holds the speed view of another deployment: %.*s. Use a server of its "
            "own; or, if that one is no longer wanted, FLUSHALL there and start again",
            place->redis, (int)detail.n, detail.at);
    if (answer_is(answer, "LAYOUT"))
        return err_set(
            err, ERR_FATAL,
            "redis %s: was server %.*s (number/servers) of TANDEM_REDIS and is now %d/%d: the "
            "partitions would be elsewhere. Put the list back; or stop every tandem-speed, FLUSHALL "
            "on all servers and start again (they are filled from the log)",
            place->redis, (int)detail.n, detail.at, place->server, place->servers);
    if (answer_is(answer, "DROPPED"))
        return err_set(err, ERR_RETRY,
                       "redis %s: is at batch view %.*s, Postgres at %" PRId64
                       ": if an older dump was restored, `tandem-batch run` until they meet, or "
                       "FLUSHALL there",
                       place->redis, (int)detail.n, detail.at, publication->n);
    if (answer_is(answer, "OLDER"))
        return err_set(err, ERR_FATAL,
                       "redis %s: view %.*s is served and this program does not count it: start a "
                       "newer tandem-speed",
                       place->redis, (int)detail.n, detail.at);
    return redis_answer_unexpected(answer, "tandem2_claim", err);
}

int claim_answered(const struct redis_answer *answer, const struct claim_place *place,
                   const struct publication *publication, struct claimed *into, struct err *err)
{
    *into = (struct claimed){.epoch = answer_text(answer, 1),
                             .offset = answer_number(answer, 2),
                             .segment = answer_number(answer, 3),
                             .emptied = answer_elements(answer) > 4};
    if (!answer_is(answer, "OK") || into->epoch.n == 0 || into->offset < 0 || into->segment < 0)
        return refused(answer, place, publication, err);
    return 0;
}
