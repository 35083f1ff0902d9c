/*
 * redis_link: the connection to one Redis server: sends commands, hands over answers in their order. The one file of this
 * layer with hiredis. Not for: what is said over it (speed_store.h).
 */
#ifndef TANDEM_SPEED_REDIS_LINK_H
#define TANDEM_SPEED_REDIS_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "speed-layer/command.h"

struct redis_link;
struct redis_answer; /* an array that begins with a word */
struct speed_servers;

/* Connects, checks the server, loads tandem.lua. NULL: err. After an error of any call: close it. */
struct redis_link *redis_link_open(const struct speed_servers *servers, int server, int timeout_ms,
                                   struct err *err);
void redis_link_close(struct redis_link *link);             /* NULL: nothing */
const char *redis_link_name(const struct redis_link *link); /* host:port */

int redis_link_queue(struct redis_link *link, struct command *command, struct err *err);
int redis_link_send(struct redis_link *link, struct err *err);

/* The answer to the oldest command not yet answered; `function` names it in err. NULL: err. Caller: redis_answer_free. */
struct redis_answer *redis_link_answer(struct redis_link *link, const char *function,
                                       struct err *err);
void redis_answer_free(struct redis_answer *answer);

/* Element 0 is the word. A text lives as long as the answer; nil and what is missing is n = 0 with at = NULL. */
bool answer_is(const struct redis_answer *answer, const char *word);
size_t answer_elements(const struct redis_answer *answer);
struct text answer_text(const struct redis_answer *answer, size_t i);
int64_t answer_number(const struct redis_answer *answer,
                      size_t i); /* an integer, or decimal text; -1: neither */

/* Not what `function` should answer: err says its words, ERR_RETRY. Always -1. */
int redis_answer_unexpected(const struct redis_answer *answer, const char *function,
                            struct err *err);

#endif
