/*
 * origins: which web pages may use the API from another origin (CORS, fetch.spec.whatwg.org, "HTTP-CORS protocol"): none, all
 * (`*`), or a list. Pure. Credentials of the browser (cookies) are never allowed: keys are sent by the page itself.
 */
#ifndef TANDEM_SERVING_ORIGINS_H
#define TANDEM_SERVING_ORIGINS_H

#include <stdbool.h>
#include <stddef.h>

/* NULL, or what is wrong with a list: "", "*" or "https://shop.example,http://localhost:3000". */
const char *origins_fault(const char *list);

/* What to answer in Access-Control-Allow-Origin: the origin itself, "*", or NULL: it is not allowed. Borrowed from both. */
const char *origins_allow(const char *list, const char *origin);

#endif
