/* routes: which path has which handler. The table in routes.c is the API (docs/api.md). */
#ifndef TANDEM_SERVING_ROUTES_H
#define TANDEM_SERVING_ROUTES_H

#include "serving-layer/call.h"

struct route {
    const char *method; /* GET answers HEAD, too */
    const char *pattern;
    const char *does;
    void (*handle)(struct call *call);
    bool
        always; /* also when too many calls are in hand: what watches the server, and costs little */
};

extern const struct route routes[];
extern const int n_routes;

/* libevent's callback for every request; the context is the loop. */
void routes_handle(struct evhttp_request *http, void *context);

/* ---- the handlers, by file ---- */
void handle_post_events(struct call *call); /* ingest.c */
void handle_views(struct call *call);       /* handle_views.c */
void handle_view_group(struct call *call);
void handle_views_read(struct call *call);
void handle_similar(struct call *call); /* handle_ranked.c */
void handle_recommendations(struct call *call);
void handle_popular(struct call *call);
void handle_status(struct call *call); /* handle_status.c */
void handle_healthz(struct call *call);
void handle_readyz(struct call *call);
void handle_metrics(struct call *call); /* handle_metrics.c */
void handle_root(struct call *call);

#endif
