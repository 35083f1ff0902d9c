/*
 * access: may this call be made? By the key in `Authorization: Bearer KEY` or `X-API-Key: KEY`, its role and its rate; and while no
 * key was ever made, only from this machine.
 * Not for: which keys there are (keys.h).
 */
#ifndef TANDEM_SERVING_ACCESS_H
#define TANDEM_SERVING_ACCESS_H

#include <stdbool.h>

struct call;

/* false: it has been answered with 401, 403, 429 or 503. */
bool access_allows(struct call *call);
/* May an answer that goes on for minutes (streams.h) still do so? Takes a token, as a request would; answers nothing. */
bool access_goes_on(struct call *call);

#endif
