#include "serving-layer/routes.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "serving-layer/access.h"
#include "serving-layer/access_key.h"
#include "serving-layer/connections.h"
#include "serving-layer/framing.h"
#include "serving-layer/item_filter.h"
#include "serving-layer/json_out.h"
#include "serving-layer/loop.h"
#include "serving-layer/manners.h"
#include "serving-layer/openapi.h"
#include "serving-layer/related.h"
#include "views/event.h"

/* A row a route. */
/* clang-format off */
const struct route routes[] = {
    {"POST", "/v1/events", "accepts one event, a JSON array or NDJSON",
     handle_post_events, ROLE_WRITE, {post_parameters}, .body = "Events",
     .accepts = "application/json|application/x-ndjson", .answer = "Accepted", .statuses = "202"},
    {"GET", "/v1/views", "the catalogue of views",
     handle_views, ROLE_READ, .answer = "Views", .etag = true},
    {"GET", "/v1/views/{view}/{group*}", "the counters of a group, largest first",
     handle_view_group, ROLE_READ, {layer_parameter, view_group_parameters}, .answer = "Group", .statuses = "404"},
    {"POST", "/v1/views/read", "up to 1,000 groups, all members, one snapshot",
     handle_views_read, ROLE_READ, {layer_parameter}, .body = "ReadGroups", .answer = "Groups"},
    {"GET", "/v1/items/{item}/similar", "items similar to an item",
     handle_similar, ROLE_READ,
     {page_parameters, related_parameters, filter_parameters, country_parameter, layer_parameter},
     .answer = "Similar"},
    {"GET", "/v1/items", "the items of the catalogue, newest first; search",
     handle_items, ROLE_READ, {items_parameters}, .answer = "Items"},
    {"POST", "/v1/items/import", "up to 10,000 items, as NDJSON or CSV",
     handle_items_import, ROLE_ADMIN, {import_parameters}, .body = "ItemLines",
     .accepts = "application/x-ndjson|text/csv", .answer = "Imported", .statuses = "500"},
    {"GET", "/v1/items/export", "all items, as NDJSON or CSV",
     handle_items_export, ROLE_READ, {export_parameters}, .content = "application/x-ndjson|text/csv"},
    {"GET", "/v1/items/{item}", "an item of the catalogue",
     handle_item, ROLE_READ, .answer = "Item", .takes = "If-None-Match", .gives = "ETag", .statuses = "200|304|404"},
    {"PUT", "/v1/items/{item}", "puts an item into the catalogue, whole",
     handle_item_put, ROLE_ADMIN, .body = "ItemPut", .answer = "Item", .takes = "If-Match|If-None-Match",
     .gives = "ETag", .statuses = "200|201|412|500"},
    {"PATCH", "/v1/items/{item}", "changes fields of an item (JSON merge patch)",
     handle_item_patch, ROLE_ADMIN, .body = "ItemPatch", .answer = "Item", .takes = "If-Match|If-None-Match",
     .gives = "ETag", .statuses = "200|404|412|500",
     .accepts = "application/merge-patch+json|application/json"},
    {"DELETE", "/v1/items/{item}", "takes an item out of the catalogue",
     handle_item_delete, ROLE_ADMIN, .takes = "If-Match|If-None-Match", .statuses = "204|404|412|500"},
    {"GET", "/v1/users/{user}/recommendations", "items for a user, with reasons",
     handle_recommendations, ROLE_READ,
     {page_parameters, related_parameters, filter_parameters, user_parameters, country_parameter, layer_parameter},
     .answer = "Recommended"},
    {"POST", "/v1/sessions/recommendations", "items for a live session or basket; nothing is stored",
     handle_session, ROLE_READ,
     {page_parameters, related_parameters, filter_parameters, user_parameters, layer_parameter},
     .body = "Session", .answer = "Recommended"},
    {"GET", "/v1/items/{item}/events", "its events, newest first",
     handle_item_events, ROLE_ADMIN, {events_parameters, history_parameters}, .answer = "ItemEvents"},
    {"GET", "/v1/users/{user}", "what is remembered of a user",
     handle_person, ROLE_ADMIN, .answer = "Person", .statuses = "500"},
    {"DELETE", "/v1/users/{user}", "forgets a user",
     handle_forget, ROLE_ADMIN, .answer = "Forget", .statuses = "202"},
    {"GET", "/v1/users/{user}/forgotten", "how far a forget has come",
     handle_forgotten, ROLE_ADMIN, {forgotten_parameters}, .answer = "Forgotten", .statuses = "404"},
    {"GET", "/v1/users/{user}/export", "all there is of a user",
     handle_export, ROLE_ADMIN, {history_parameters}, .answer = "Export", .statuses = "500"},
    {"GET", "/v1/users/{user}/events", "a user's events, newest first",
     handle_user_events, ROLE_ADMIN, {events_parameters, history_parameters}, .answer = "UserEvents"},
    {"GET", "/v1/popular", "what is looked at and bought most",
     handle_popular, ROLE_READ,
     {page_parameters, popular_parameters, filter_parameters, country_parameter, layer_parameter}, .answer = "Popular"},
    {"GET", "/v1/trending", "what rises: the last hours against the days before",
     handle_trending, ROLE_READ,
     {page_parameters, trending_parameters, filter_parameters, country_parameter, layer_parameter}, .answer = "Trending"},
    {"GET", "/v1/latest", "the newest items of the catalogue",
     handle_latest, ROLE_READ, {page_parameters, filter_parameters}, .answer = "Latest"},
    {"GET", "/v1/boards", "the leaderboards of the configuration",
     handle_boards, ROLE_READ, .answer = "Boards"},
    {"GET", "/v1/boards/{name}", "a leaderboard",
     handle_board, ROLE_READ,
     {page_parameters, board_parameters, filter_parameters, layer_parameter}, .answer = "Board", .statuses = "404"},
    {"GET", "/v1/status", "batch, boundary, as_of, lag, last run",
     handle_status, ROLE_READ, .answer = "Status"},
    {"GET", "/v1/runs", "batch runs with their steps, the newest first",
     handle_runs, ROLE_READ, {runs_parameters}, .answer = "Runs"},
    {"GET", "/v1/stream", "how all parts are, once a second, as server-sent events",
     handle_stream, ROLE_READ, {stream_parameters}, .answer = "StreamEvent", .content = "text/event-stream"},
    {"GET", "/v1", "this list",
     handle_routes, ROLE_READ, .answer = "Routes", .etag = true},
    {"GET", "/openapi.json", "the OpenAPI document of this API",
     handle_openapi, .answer = "OpenApi", .etag = true},
    {"GET", "/healthz", "the process lives",
     handle_healthz, .answer = "Alive", .always = true},
    {"GET", "/readyz", "it can answer",
     handle_readyz, .answer = "Ready", .statuses = "503", .always = true},
    {"GET", "/metrics", "figures for Prometheus",
     handle_metrics, ROLE_READ, .content = "text/plain", .always = true},
    {"GET", "/", "the console",
     .handle = handle_static, .role = ROLE_ANYONE, .is_page = true},
    {"GET", "/docs", "this API, to read",
     .handle = handle_static, .role = ROLE_ANYONE, .is_page = true},
    {"GET", "/shop", "the demo shop",
     .handle = handle_static, .role = ROLE_ANYONE, .is_page = true},
    {"GET", "/tracker.js", "what a shop's pages load to send events",
     .handle = handle_static, .role = ROLE_ANYONE, .is_page = true},
    {"GET", "/assets/{file*}", "scripts, styles and pictures of these pages",
     .handle = handle_static, .role = ROLE_ANYONE, .is_page = true},
};
/* clang-format on */

const int n_routes = sizeof routes / sizeof *routes;
_Static_assert(sizeof routes / sizeof *routes < FIGURES_ROUTES, "FIGURES_ROUTES is too small");

/* ---- what stands for {name} in a pattern ---- */

static const struct parameter_row path_parameters[] = {
    {"item", PARAMETER_ID, NULL, 1, EVENT_ID_BYTES, .sentence = "An item's id.",
     .example = "85123A"},
    {"user", PARAMETER_ID, NULL, 1, EVENT_ID_BYTES, .sentence = "A user's id.", .example = "u42"},
    {"view", PARAMETER_TEXT, NULL, 1, 64, .sentence = "A view: GET /v1/views lists them.",
     .example = "together"},
    {"group", PARAMETER_TEXT, NULL, 1, 1024,
     .sentence = "A group of the view: what it is, GET /v1/views says. One that is not there has "
                 "no counters.",
     .example = "85123A"},
    {"name", PARAMETER_TEXT, NULL, 1, 64,
     .sentence = "A leaderboard's name: GET /v1/boards lists them.", .example = "bestsellers"},
    {"file", PARAMETER_TEXT, NULL, 1, 256, .sentence = "A file's name."},
    {0}};

const struct parameter_row *route_path_parameter(struct text name)
{
    for (const struct parameter_row *row = path_parameters; row->name; row++)
        if (text_equal(name, text_of(row->name)))
            return row;
    return NULL;
}

bool route_next_name(const char **at, struct text *name)
{
    const char *open = strchr(*at, '{');
    if (!open)
        return false;
    *name = (struct text){open + 1, strcspn(open + 1, "*}")};
    *at = open + 1 + name->n;
    return true;
}

/* 0, or -1: what stands for a name is not in its range. */
static int path_take(const struct call *call, struct request_error *error)
{
    struct text name;
    int n = 0;
    for (const char *at = call->route->pattern; route_next_name(&at, &name); n++)
        if (request_check(route_path_parameter(name), call->arg[n], error))
            return -1;
    return 0;
}

static const char *method_of(enum evhttp_cmd_type type)
{
    switch (type) {
    case EVHTTP_REQ_GET:
    case EVHTTP_REQ_HEAD: return "GET";
    case EVHTTP_REQ_POST: return "POST";
    case EVHTTP_REQ_PUT: return "PUT";
    case EVHTTP_REQ_DELETE: return "DELETE";
    case EVHTTP_REQ_PATCH: return "PATCH";
    case EVHTTP_REQ_TRACE: return "TRACE";
    default: return "OPTIONS";
    }
}

/* Two routes may have the same path and method (one that names a part, one that takes any): told once. */
static void allow_put(char *allow, size_t allow_bytes, const char *method)
{
    size_t n = strlen(allow);
    if (!strstr(allow, method))
        snprintf(allow + n, allow_bytes - n, "%s%s", n ? ", " : "",
                 strcmp(method, "GET") == 0 ? "GET, HEAD" : method);
}

static int names_in(const char *pattern)
{
    struct text name;
    int n = 0;
    while (route_next_name(&pattern, &name))
        n++;
    return n;
}

/* Of the patterns that the path has, the one with the fewest names: /v1/items/export is no item. NULL: it has none. */
static const char *pattern_find(struct call *call)
{
    const char *best = NULL;
    for (int r = 0; r < n_routes && (!best || names_in(best)); r++)
        if (request_matches(&call->request, routes[r].pattern, call->arg) &&
            (!best || names_in(routes[r].pattern) < names_in(best)))
            best = routes[r].pattern;
    return best && request_matches(&call->request, best, call->arg) ? best : NULL;
}

/* The route with this path and method. Where only the method differs, `allow` names those that the path has. */
static const struct route *route_find(struct call *call, const char *method, char *allow,
                                      size_t allow_bytes)
{
    const char *pattern = pattern_find(call);
    for (int r = 0; pattern && r < n_routes; r++) {
        if (strcmp(routes[r].pattern, pattern) != 0)
            continue;
        if (strcmp(method, routes[r].method) == 0)
            return &routes[r];
        allow_put(allow, allow_bytes, routes[r].method);
    }
    return NULL;
}

/*
 * Who cannot be served soon is told so at once: the calls in hand wait for Redis, or for their turn, and a bound on them is a
 * bound on the time that an accepted one takes. Posts that wait for Kafka have a bound of their own: when it is away for
 * seconds they must not keep out those who read, who do not need it.
 */
static bool is_refused(struct call *call)
{
    struct loop *loop = call->loop;
    const char *why = connection_refusal(call->connection);
    if (why) {
        call_close(call);
    } else if (loop->calls - loop->posts - loop->streaming >
               (loop->settings->calls + loop->settings->threads - 1) / loop->settings->threads) {
        why = "too many requests are in hand";
        loop->figures.too_many_calls++;
    }
    if (why)
        call_unavailable(call, why);
    return why;
}

static void call_handle(struct call *call)
{
    struct request_error error;
    if (!access_allows(call) || (!call->route->always && is_refused(call)))
        return;
    if (path_take(call, &error) ||
        request_take(&call->request, call->route->parameters, ROUTE_TABLES, &error))
        call_wrong_request(call, &error);
    else
        call->route->handle(call);
}

static void call_dispatch(struct call *call)
{
    char allow[64] = "";
    const char *method = method_of(evhttp_request_get_command(call->http));
    call->route = route_find(call, method, allow, sizeof allow);
    if (call->route) {
        call_handle(call);
        return;
    }
    if (allow[0])
        allow_put(allow, sizeof allow, "OPTIONS");
    if (allow[0] && strcmp(method, "OPTIONS") == 0) {
        manners_options(call, allow);
    } else if (allow[0]) {
        evhttp_add_header(evhttp_request_get_output_headers(call->http), "Allow", allow);
        call_problem(call, 405, "this path does not have this method", NULL, -1);
    } else {
        call_problem(call, 404, "there is no such path; GET /v1 lists those that are", NULL, -1);
    }
}

void routes_handle(struct evhttp_request *http, void *context)
{
    struct loop *loop = context;
    struct call *call = xcalloc(1, sizeof *call);
    struct evbuffer *in = evhttp_request_get_input_buffer(http);
    struct request_error error;
    const char *why;
    call->loop = loop;
    call->http = http;
    call->connection = connection_of(loop->connections, http);
    call->began_us = clock_monotonic_us();
    manners_begin(call);
    int status = framing_check(http, &why);
    if (!status && connection_is_ambiguous(call->connection)) {
        status = 400;
        why = "the head holds a zero byte, a folded header, or a line that does not end with CRLF";
    }
    call->body.n = evbuffer_get_length(in);
    call->body.at = call->body.n ? (const char *)evbuffer_pullup(in, -1) : "";
    loop->calls++;
    if (evhttp_request_get_command(http) == EVHTTP_REQ_TRACE)
        call_close(call); /* libevent would take its body for the next request */
    if (status) {
        loop->figures.badly_framed++;
        call_close(call);
        call_problem(call, status, why, NULL, -1);
    } else if (call->body.n > INGEST_BODY_BYTES)
        call_problem(call, 413, "the body has more than 1 MiB", NULL, -1);
    else if (request_parse(&call->request, evhttp_request_get_uri(http), &error))
        call_wrong_request(call, &error);
    else if (loop->settling)
        call_unavailable(call, "the server stops");
    else
        call_dispatch(call);
}

void handle_routes(struct call *call)
{
    json_put(&call->out, "{\"name\":\"tandem\",\"routes\":[");
    for (int r = 0; r < n_routes; r++) {
        json_put(&call->out, r ? ",\n{\"method\":" : "\n{\"method\":");
        json_put_text(&call->out, text_of(routes[r].method));
        json_put(&call->out, ",\"path\":");
        json_put_text(&call->out, text_of(routes[r].pattern));
        json_put(&call->out, ",\"does\":");
        json_put_text(&call->out, text_of(routes[r].does));
        json_put(&call->out, ",\"role\":");
        json_put_text(&call->out, text_of(role_name(routes[r].role)));
        json_put(&call->out, "}");
    }
    json_put(&call->out, "]}\n");
    call_reply(call, 200, "application/json");
}

void handle_openapi(struct call *call)
{
    openapi_put(&call->out, routes, n_routes);
    call_reply(call, 200, "application/json");
}
