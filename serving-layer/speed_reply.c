#include "serving-layer/speed_reply.h"

#include <stdio.h>

#include "handover/speed_keys.h"

enum { DEPLOYMENT, EPOCH, RETIRED, LAYOUT, BEGUN, DONE, FIRST_PARTITION };
enum { OF_PARTITION = 3 }; /* offset, segment, token */

/* One is live, two during a run; so many more would mean a forged barrier, and each costs commands in every read. */
enum { SEGMENTS_MAX = 1000 };

/* The reply at hand. */
struct take {
    const redisReply *reply;
    const struct speed_read *read;
    const struct speed_servers *servers;
    int server;
    struct speed_seen *seen;
    size_t at; /* next element */
};

void speed_seen_reset(struct speed_seen *seen)
{
    *seen = (struct speed_seen){.top = 0};
    for (int i = 0; i < PARTITIONS_MAX; i++)
        seen->partition[i].offset = -1;
}

static const redisReply *take_next(struct take *take)
{
    return take->at < take->reply->elements ? take->reply->element[take->at++] : NULL;
}

static bool is_string(const redisReply *reply)
{
    return reply && reply->type == REDIS_REPLY_STRING;
}

static bool is_array(const redisReply *reply, size_t elements)
{
    return reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == elements;
}

static struct text text_of_reply(const redisReply *reply)
{
    return (struct text){reply->str, (size_t)reply->len};
}

/* Neither absent nor a number: who knows what it counts. */
static enum reply_verdict number_take(const redisReply *reply, int64_t absent, int64_t *number)
{
    *number = absent;
    if (reply->type == REDIS_REPLY_NIL)
        return REPLY_OK;
    return is_string(reply) && speed_number_parse(text_of_reply(reply), number) ? REPLY_OK
                                                                                : REPLY_BROKEN;
}

/* ---- the hash `tandem` ---- */

/* What is kept belongs to an epoch. A read that asked for suffixes of another one's rows is worth nothing. */
static enum reply_verdict epoch_take(struct take *take, const char *epoch)
{
    if (strcmp(take->seen->epoch, epoch) == 0)
        return REPLY_OK;
    bool dropped = kept_rows_drop_server(take->read->kept, take->server);
    snprintf(take->seen->epoch, sizeof take->seen->epoch, "%s", epoch);
    return dropped ? REPLY_REPEAT : REPLY_OK;
}

static bool equal_or_both_absent(const redisReply *a, const redisReply *b)
{
    return is_string(a) && is_string(b) ? strcmp(a->str, b->str) == 0 : a->type == b->type;
}

static enum reply_verdict owner_take(struct take *take, const redisReply *state, const char **why)
{
    const redisReply *deployment = state->element[DEPLOYMENT], *layout = state->element[LAYOUT],
                     *epoch = state->element[EPOCH];
    int64_t retired;
    char expected[32];
    snprintf(expected, sizeof expected, "%d/%d", take->server, take->servers->n);
    if (deployment->type == REDIS_REPLY_NIL) /* nobody has claimed yet, or it was flushed */
        return epoch_take(take, "");
    *why = "it holds the speed view of another deployment";
    if (!is_string(deployment) ||
        !text_equal(text_of_reply(deployment), text_of(take->read->deployment)))
        return REPLY_FOREIGN;
    *why = "its place in TANDEM_REDIS is another one than the speed layer's";
    if (is_string(layout) && !text_equal(text_of_reply(layout), text_of(expected)))
        return REPLY_FOREIGN;
    *why = "its append-only file was torn: the speed layer empties and fills it";
    if (!equal_or_both_absent(state->element[BEGUN], state->element[DONE]))
        return REPLY_FOREIGN;
    *why = "it has no epoch";
    if (!is_string(epoch) || epoch->len == 0 || strlen(epoch->str) != epoch->len ||
        epoch->len >= EPOCH_BYTES_MAX)
        return REPLY_FOREIGN;
    *why = "its retired mark is not a number";
    if (number_take(state->element[RETIRED], 0, &retired) != REPLY_OK)
        return REPLY_BROKEN;
    return retired > take->read->edition->n ? REPLY_DROPPED : epoch_take(take, epoch->str);
}

/*
 * A replica may go back under a living connection: its master was replaced by one that lacks the last writes, and the epoch is
 * the same. Then the next bytes are another history's. Nothing is written to a partition there before it is claimed anew, with
 * another token; until then its offset is smaller than it was. So what is kept goes when either is to be seen.
 * Gives whether it is; -1: a token that cannot be one.
 */
static int lineage_take(struct partition_seen *seen, int64_t offset, const redisReply *token)
{
    bool absent = token->type == REDIS_REPLY_NIL;
    if (!absent &&
        (!is_string(token) || token->len >= TOKEN_BYTES_MAX || strlen(token->str) != token->len))
        return -1;
    const char *text = absent ? "" : token->str;
    bool moved = offset < seen->offset || strcmp(text, seen->token) != 0;
    seen->offset = offset;
    snprintf(seen->token, sizeof seen->token, "%s", text);
    return moved;
}

/*
 * as_of[p] = max(offset, boundary): a partition that is behind the boundary has nothing in segments >= N (its barrier N is
 * still ahead of it), and all that is below the boundary stands in batch view N. Gives the newest segment.
 */
static enum reply_verdict offsets_take(struct take *take, const redisReply *state, int64_t *newest)
{
    const struct batch_edition *edition = take->read->edition;
    size_t at = FIRST_PARTITION;
    struct partition_seen *seen = take->seen->partition;
    bool moved = false;
    *newest = edition->n;
    for (int p = take->server; p < edition->partitions;
         p += take->servers->n, at += OF_PARTITION, seen++) {
        int64_t offset, segment;
        if (number_take(state->element[at], -1, &offset) != REPLY_OK ||
            number_take(state->element[at + 1], -1, &segment) != REPLY_OK)
            return REPLY_BROKEN;
        int lineage = lineage_take(seen, offset, state->element[at + 2]);
        if (lineage < 0)
            return REPLY_BROKEN;
        moved |= lineage > 0;
        take->read->as_of[p] = offset > edition->boundary[p] ? offset : edition->boundary[p];
        *newest = segment > *newest ? segment : *newest;
    }
    return moved && kept_rows_drop_server(take->read->kept, take->server) ? REPLY_REPEAT : REPLY_OK;
}

static size_t partitions_here(const struct take *take)
{
    int behind = take->read->edition->partitions - take->server;
    return behind > 0 ? (size_t)((behind + take->servers->n - 1) / take->servers->n) : 0;
}

/* ---- rows and users ---- */

/*
 * A part that was compacted (another generation) has nothing to be added to: it goes, and the row is asked for from its
 * beginning. A part that is not there was asked for from its beginning, so any generation will do.
 */
static enum reply_verdict row_take(struct take *take, struct kept_row *row, int64_t segment,
                                   const redisReply *generation_of, const redisReply *log)
{
    struct kept_rows *kept = take->read->kept;
    struct kept_part *part = kept_part_find(row, take->server, segment);
    int64_t generation;
    if (!is_string(log) || number_take(generation_of, 0, &generation) != REPLY_OK)
        return REPLY_BROKEN;
    if (part && part->generation != generation) {
        kept_part_drop(kept, row, part);
        return REPLY_REPEAT;
    }
    if (log->len == 0)
        return REPLY_OK;
    if (!part)
        part = kept_part_new(kept, row, take->server, segment, generation);
    if (kept_part_append(kept, part, text_of_reply(log), take->read->symbols) == 0)
        return REPLY_OK;
    kept_part_drop(kept, row, part);
    return REPLY_BROKEN;
}

/* Takes in every row, also behind one that moved: all of them were sent. */
static enum reply_verdict segment_take(struct take *take, int64_t segment)
{
    const struct speed_read *read = take->read;
    const redisReply *generations = take_next(take);
    if (!is_array(generations, read->n_rows))
        return REPLY_BROKEN;
    enum reply_verdict verdict = REPLY_OK;
    for (size_t r = 0; r < read->n_rows; r++) {
        enum reply_verdict row =
            row_take(take, read->rows[r], segment, generations->element[r], take_next(take));
        if (row == REPLY_BROKEN)
            return REPLY_BROKEN;
        if (row == REPLY_REPEAT)
            verdict = REPLY_REPEAT;
    }
    return verdict;
}

/* The newest segment that has the user's state is the one that counts, also when it is empty (forgotten). */
static enum reply_verdict user_take(struct take *take, struct speed_user *user)
{
    user->found = false;
    for (int64_t segment = take->seen->top; segment >= take->read->edition->n; segment--) {
        const redisReply *state = take_next(take);
        if (!state || (state->type != REDIS_REPLY_STRING && state->type != REDIS_REPLY_NIL))
            return REPLY_BROKEN;
        if (state->type == REDIS_REPLY_NIL || user->found)
            continue;
        user->found = true;
        bytes_clear(&user->state);
        bytes_put_text(&user->state, text_of_reply(state));
    }
    return REPLY_OK;
}

static enum reply_verdict content_take(struct take *take)
{
    const struct speed_read *read = take->read;
    enum reply_verdict verdict = REPLY_OK;
    for (int64_t segment = read->edition->n; read->n_rows && segment <= take->seen->top;
         segment++) {
        enum reply_verdict one = segment_take(take, segment);
        if (one == REPLY_BROKEN)
            return REPLY_BROKEN;
        if (one == REPLY_REPEAT)
            verdict = REPLY_REPEAT;
    }
    for (size_t u = 0; u < read->n_users; u++)
        if (speed_server_of(take->servers, read->users[u].partition) == take->server &&
            user_take(take, &read->users[u]) != REPLY_OK)
            return REPLY_BROKEN;
    return verdict;
}

enum reply_verdict speed_reply_take(const redisReply *reply, const struct speed_read *read,
                                    const struct speed_servers *servers, int server,
                                    struct speed_seen *seen, const char **why)
{
    struct take take = {reply, read, servers, server, seen, 0};
    *why = reply->type == REDIS_REPLY_ERROR ? reply->str : "the reply is not what was asked for";
    const redisReply *state = reply->type == REDIS_REPLY_ARRAY ? take_next(&take) : NULL;
    if (!is_array(state, FIRST_PARTITION + OF_PARTITION * partitions_here(&take)))
        return REPLY_BROKEN;
    enum reply_verdict verdict = owner_take(&take, state, why);
    if (verdict != REPLY_OK)
        return verdict;
    int64_t newest;
    *why = "an offset or a segment is not a number, or a token none";
    verdict = offsets_take(&take, state, &newest);
    if (verdict != REPLY_OK)
        return verdict;
    *why = "a row or a user's state is not what it should be";
    if (newest - read->edition->n > SEGMENTS_MAX) {
        *why = "its segments are far above the batch view's: is there a forged barrier in the log?";
        return REPLY_FOREIGN;
    }
    verdict = content_take(&take);
    if (verdict != REPLY_BROKEN &&
        newest > seen->top) { /* a segment has begun that was not asked for */
        seen->top = newest;
        verdict = REPLY_REPEAT;
    }
    return verdict;
}
