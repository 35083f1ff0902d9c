/* items_client: asks the two tandem-serve of test_items.c over connections that stay, so that milliseconds can be measured. */
#ifndef TANDEM_TESTS_ITEMS_CLIENT_H
#define TANDEM_TESTS_ITEMS_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "views/bytes.h"

enum { SERVERS = 2, PATIENCE_S = 20 };

extern char url[SERVERS][64]; /* of /v1/items: the deployment's server, and one on the next port */

void items_client_open(void);

struct answer {
    long status;
    char etag[64], retry_after[16];
    struct bytes body; /* with a 0 behind it */
};

/* `header` and `body` may be NULL. Each thread has a connection to each server. Caller: bytes_free(&answer.body). */
struct answer ask(int server, const char *method, const char *path, const char *header,
                  const char *body);

/* A thread's connections end; before it does. */
void items_client_leave(void);

/* Fails unless the answer has this status, and `text` in it. Returns its ETag until the next one. */
const char *answers(int server, long status, const char *text, const char *method, const char *path,
                    const char *header, const char *body);

/* Does a GET have this status, and `text` in it? */
bool has(int server, const char *path, long status, const char *text);
/* Microseconds until it has; fails after PATIENCE_S. */
int64_t wait_for(int server, const char *path, long status, const char *text);

#endif
