/*
 * routes: which path has which handler, who may call it, with which parameters. The table in routes.c is the API: requests are
 * checked against it before a handler runs, and the OpenAPI document is made from it.
 */
#ifndef TANDEM_SERVING_ROUTES_H
#define TANDEM_SERVING_ROUTES_H

#include "serving-layer/call.h"
#include "serving-layer/role.h"

enum { ROUTE_TABLES = 6 };

struct route {          // NOLINT(clang-analyzer-optin.performance.Padding): in reading order
    const char *method; /* GET answers HEAD, too */
    const char *pattern;
    const char *does;
    void (*handle)(struct call *call);
    enum role role;                                       /* who may call it */
    const struct parameter_row *parameters[ROUTE_TABLES]; /* NULL: none */
    const char *body, *answer;     /* names of their schemas; NULL: none, or any text */
    const char *accepts, *content; /* content types of body and answer, "a|b"; NULL: JSON */
    const char *takes, *gives;     /* headers of the question and of a success, "a|b" */
    const char *statuses; /* "201|404": beyond those that all such calls have (openapi.h) */
    bool
        always; /* also when too many calls are in hand: what watches the server, and costs little */
    bool is_page; /* for people: no part of the API's document */
    bool
        etag; /* the same answer until the program is another one: with ETag, and 304 for who has it */
};

extern const struct route routes[];
extern const int n_routes;

/* What may stand for a {name} in a pattern; NULL: there is no such name. */
const struct parameter_row *route_path_parameter(struct text name);
/* The next {name} or {name*} in the pattern behind *at; false when there is none. */
bool route_next_name(const char **at, struct text *name);

/* libevent's callback for every request; the context is the loop. */
void routes_handle(struct evhttp_request *http, void *context);

/* ---- the handlers and their parameters, by file ---- */
extern const struct parameter_row post_parameters[]; /* ingest.c */
void handle_post_events(struct call *call);
void handle_views(struct call *call); /* handle_views.c */
extern const struct parameter_row layer_parameter[];
extern const struct parameter_row view_group_parameters[];
void handle_view_group(struct call *call);
void handle_views_read(struct call *call);
void handle_similar(struct call *call); /* handle_ranked.c; parameters: related.h, item_filter.h */
void handle_recommendations(struct call *call);
void handle_session(struct call *call);
extern const struct parameter_row popular_parameters[]; /* handle_popular.c */
extern const struct parameter_row trending_parameters[];
extern const struct parameter_row board_parameters[];
void handle_popular(struct call *call);
extern const struct parameter_row forgotten_parameters[]; /* handle_person.c */
void handle_person(struct call *call);
void handle_forget(struct call *call);
void handle_forgotten(struct call *call);
extern const struct parameter_row events_parameters[]; /* handle_history.c */
extern const struct parameter_row history_parameters[];
void handle_user_events(struct call *call);
void handle_item_events(struct call *call);
void handle_export(struct call *call);
void handle_trending(struct call *call);
void handle_latest(struct call *call);
void handle_boards(struct call *call);
void handle_board(struct call *call);
extern const struct parameter_row items_parameters[]; /* handle_items.c */
void handle_items(struct call *call);
void handle_item(struct call *call);
void handle_item_put(struct call *call); /* handle_item_write.c */
void handle_item_patch(struct call *call);
void handle_item_delete(struct call *call);
extern const struct parameter_row import_parameters[]; /* handle_import.c */
void handle_items_import(struct call *call);
extern const struct parameter_row export_parameters[]; /* handle_export.c */
void handle_items_export(struct call *call);
void handle_status(struct call *call); /* handle_status.c */
void handle_healthz(struct call *call);
void handle_readyz(struct call *call);
void handle_metrics(struct call *call); /* handle_metrics.c */
void handle_routes(struct call *call);  /* routes.c */
void handle_openapi(struct call *call);
extern const struct parameter_row stream_parameters[]; /* streams.c */
void handle_stream(struct call *call);
extern const struct parameter_row runs_parameters[]; /* handle_runs.c */
void handle_runs(struct call *call);
void handle_static(struct call *call); /* static_files.c */

#endif
