/*
 * canned_redis: a Redis server that says what it is told to, whatever it is asked, and then goes away. It takes the place of
 * hiredis' connect in the program that it is linked into: no port, no thread.
 */
#ifndef TANDEM_TESTS_CANNED_REDIS_H
#define TANDEM_TESTS_CANNED_REDIS_H

#include "views/text.h"

/* The bytes that the next connection gets: borrowed until then, at most some 100 KB. Without any, connecting fails. */
void canned_redis_says(struct text bytes);
/* Closes the server's end. */
void canned_redis_close(void);

#endif
