/*
 * speed_keys: how the speed view lies in Redis. Written by the functions of tandem.lua, read by readers with plain commands
 * inside one MULTI. Everything of partition p lives in server p mod S of TANDEM_REDIS.
 *
 *   tandem                               hash: deployment   id of the deployment (another one's is refused)
 *                                              epoch        random, set by the first claim or drop on an empty server
 *                                              retired      segments below it are gone, in decimal
 *                                              layout       "i/S": it is server i of S; another list of servers is refused
 *                                              begun done   applies that were begun and are done; where they differ, the
 *                                                           append-only file was torn: not to be answered from (tandem.lua)
 *                                              long<n>      segment n has a row near what Redis takes (tandem.lua)
 *                                              o<p> s<p> t<p>   partition p: next offset, its segment, token of its owner
 *                                              v<p>         "view:segment ..": from which segment on it counts each view
 *                                              required     views that are served: a claim by who lacks one is refused
 *   tandem:row:<segment>:<view>:<group>  string: the row's log (views/row.h)
 *   tandem:gen:<segment>                 hash: <view>:<group> -> how often that row was compacted (absent: never)
 *   tandem:user:<segment>:<p>            hash: user -> stored state (views/user_state.h; 0 bytes: empty)
 *
 * <view> is the view's name; <group> is the rest of the key and may hold any byte. No key has a TTL.
 */
#ifndef TANDEM_HANDOVER_SPEED_KEYS_H
#define TANDEM_HANDOVER_SPEED_KEYS_H

#include <stdint.h>

#include "views/bytes.h"

#define SPEED_STATE_KEY   "tandem"
#define SPEED_ROW_PREFIX  "tandem:row:"
#define SPEED_USER_PREFIX "tandem:user:"

/* Each replaces `into` by a key (0 bytes follow, not counted). */
void speed_row_name(struct bytes *into, const char *view, struct text group); /* <view>:<group> */
void speed_row_key(struct bytes *into, int64_t segment, struct text row_name);
void speed_gen_key(struct bytes *into, int64_t segment);
void speed_user_key(struct bytes *into, int64_t segment, int partition);

/* Takes a row's key apart; false: it is none. Texts point into `key`. */
bool speed_row_key_parse(struct text key, int64_t *segment, struct text *view, struct text *group);

/* The segment of a row's, generations' or user states' key; false: it is none of them. */
bool speed_segment_key_parse(struct text key, int64_t *segment);

/* An offset, a segment or a generation as it is stored: decimal, at most 18 digits. false: it is none. */
bool speed_number_parse(struct text text, int64_t *number);

#endif
