/*
 * speed_reply: what the answer to one atomic read (speed_reader.h) means, and whether it may be answered from. All rules of
 * exactness towards Redis stand here. No I/O.
 */
#ifndef TANDEM_SERVING_SPEED_REPLY_H
#define TANDEM_SERVING_SPEED_REPLY_H

#include <hiredis/hiredis.h>

#include "common/options.h" /* PARTITIONS_MAX */
#include "serving-layer/speed_reader.h"

enum { EPOCH_BYTES_MAX = 64, TOKEN_BYTES_MAX = 64 };

/* What is known of the server over this connection. */
struct speed_seen {
    char epoch[EPOCH_BYTES_MAX]; /* "": none, the server is empty or not read yet */
    int64_t top;                 /* newest segment that was asked for */
    struct partition_seen {
        int64_t offset; /* -1: none */
        char token[TOKEN_BYTES_MAX];
    } partition[PARTITIONS_MAX]; /* of this server, in their order */
};

void speed_seen_reset(struct speed_seen *seen);

enum reply_verdict {
    REPLY_OK,      /* rows, users and as_of of this server are of one moment */
    REPLY_REPEAT,  /* something moved: what is kept is right again, ask again */
    REPLY_DROPPED, /* segments of batch view N are retired */
    REPLY_FOREIGN, /* another deployment's, another place in the list of servers, or torn: no answer is in it */
    REPLY_BROKEN, /* an error, or not what was asked for */
};

/*
 * `reply`: to the EXEC of
 *   HMGET tandem deployment epoch retired layout begun done (o<p> s<p> t<p>).. | for each segment N .. top: HMGET tandem:gen:<segment> rows..,
 *   GETRANGE of each row | for each user of this server, for each segment top .. N: HGET tandem:user:<segment>:<p> user
 * `why` is set with FOREIGN and BROKEN, and lives as long as the reply.
 */
enum reply_verdict speed_reply_take(const redisReply *reply, const struct speed_read *read,
                                    const struct speed_servers *servers, int server,
                                    struct speed_seen *seen, const char **why);

#endif
