/* role: who may call a route (routes.c), and what a key may do (access_key.h). */
#ifndef TANDEM_SERVING_ROLE_H
#define TANDEM_SERVING_ROLE_H

enum role {
    ROLE_ANYONE, /* no key needed */
    ROLE_WRITE,  /* posting events, nothing else: such a key may stand in a web page */
    ROLE_READ,   /* what says nothing of one person beyond what is recommended to them */
    ROLE_ADMIN   /* everything: a person's data, writing the catalogue */
};

#endif
