#include "serving-layer/openapi.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "serving-layer/json_out.h"
#include "serving-layer/openapi_parts.h"
#include "views/catalogue.h"

#define RATE_HEADERS "RateLimit-Limit|RateLimit-Remaining|RateLimit-Reset"

/* Each a JSON object, whose members are taken over. */
static const char head[] = {
/* what it is, and the tags */
#include "serving-layer/openapi/head.json.inc"
};
static const char components[] = {
/* how keys are sent, headers, problems */
#include "serving-layer/openapi/components.json.inc"
};
static const char schemas[] = {
#include "serving-layer/openapi/schemas.json.inc"
};

/* The first prefix that a pattern has says where a reader finds it. */
static const char *const tags[][2] = {
    {"/v1/events", "Events"},
    {"/v1/items/{item}/similar", "Recommendations"},
    {"/v1/users/{user}/recommendations", "Recommendations"},
    {"/v1/sessions", "Recommendations"},
    {"/v1/popular", "Recommendations"},
    {"/v1/trending", "Recommendations"},
    {"/v1/latest", "Recommendations"},
    {"/v1/boards", "Recommendations"},
    {"/v1/items", "Catalogue"},
    {"/v1/users", "People"},
    {"/v1/views", "Views"},
    {"", "Operation"},
};

/* The members of an object that is there as text. */
static void members_put(struct bytes *out, const char *json, size_t n)
{
    while (json[n - 1] != '}')
        n--;
    part_comma(out);
    bytes_put(out, json + 1, n - 2);
}

/* ---- bodies and answers ---- */

/* `types`: "a|b"; NULL: JSON. `schema`: its name; NULL: any text. */
static void content_put(struct bytes *out, const char *types, const char *schema)
{
    struct text type;
    part_open(out, "content", "{");
    for (const char *left = types ? types : "application/json"; part_next(&left, &type);) {
        part_key(out, type);
        json_put(out, "{\"schema\":");
        if (schema)
            part_reference(out, "schemas", text_of(schema));
        else
            json_put(out, "{\"type\":\"string\"}");
        json_put(out, "}");
    }
    json_put(out, "}");
}

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

int openapi_statuses(const struct route *route, int into[OPENAPI_STATUSES])
{
    static const int for_role[] = {401, 403, 429}, for_body[] = {411, 413, 422};
    struct text status;
    bool succeeds = false;
    int n = 0;
    for (const char *left = route->statuses; part_next(&left, &status); n++) {
        into[n] = atoi(status.at);
        succeeds |= into[n] < 300;
    }
    if (!succeeds)
        into[n++] = 200;
    into[n++] = 400;
    for (int i = 0; route->role != ROLE_ANYONE && i < 3; i++)
        into[n++] = for_role[i];
    for (int i = 0; route->body && i < 3; i++)
        into[n++] = for_body[i];
    if (route->etag)
        into[n++] = 304;
    if (!route->always)
        into[n++] = 503;
    assert(n <= OPENAPI_STATUSES);
    qsort(into, (size_t)n, sizeof *into, compare_ints);
    return n;
}

bool openapi_has_status(const struct route *route, int status)
{
    int statuses[OPENAPI_STATUSES], n = openapi_statuses(route, statuses);
    return bsearch(&status, statuses, (size_t)n, sizeof *statuses, compare_ints);
}

static const char *meaning(int status)
{
    switch (status) {
    case 200: return "Done.";
    case 201: return "Made: it was not there before.";
    case 202: return "Accepted: Kafka has acknowledged it.";
    case 204: return "Done; there is nothing to say.";
    default: return "As it was when its ETag was given.";
    }
}

static void headers_put(struct bytes *out, const struct route *route)
{
    const char *const lists[] = {"X-Request-ID", route->etag ? "ETag" : NULL,
                                 route->role == ROLE_ANYONE ? NULL : RATE_HEADERS, route->gives};
    struct text name;
    part_open(out, "headers", "{");
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++)
        for (const char *left = lists[l]; part_next(&left, &name);) {
            part_key(out, name);
            part_reference(out, "headers", name);
        }
    json_put(out, "}");
}

static void success_put(struct bytes *out, const struct route *route, int status)
{
    json_put(out, "{");
    part_text(out, "description", meaning(status));
    headers_put(out, route);
    if (status != 204 && status != 304)
        content_put(out, route->content, route->answer);
    json_put(out, "}");
}

static void responses_put(struct bytes *out, const struct route *route)
{
    int statuses[OPENAPI_STATUSES], n = openapi_statuses(route, statuses);
    part_open(out, "responses", "{");
    for (int s = 0; s < n; s++) {
        char digits[] = {'"',
                         (char)('0' + statuses[s] / 100),
                         (char)('0' + statuses[s] / 10 % 10),
                         (char)('0' + statuses[s] % 10),
                         '"',
                         ':',
                         0};
        part_comma(out);
        json_put(out, digits);
        if (statuses[s] < 400)
            success_put(out, route, statuses[s]);
        else
            part_reference(out, "responses", (struct text){digits + 1, 3});
    }
    json_put(out, "}");
}

/* ---- operations ---- */

static void security_put(struct bytes *out, enum role role)
{
    static const char *const names[] = {
        [ROLE_WRITE] = "write", [ROLE_READ] = "read", [ROLE_ADMIN] = "admin"};
    part_open(out, "security", "[");
    for (int scheme = 0; role != ROLE_ANYONE && scheme < 2; scheme++) {
        json_put(out, scheme ? ",{\"apiKey\":[" : "{\"bearerAuth\":[");
        json_put_text(out, text_of(names[role]));
        json_put(out, "]}");
    }
    json_put(out, "]");
}

static void tag_put(struct bytes *out, const char *pattern)
{
    size_t t = 0;
    while (strncmp(pattern, tags[t][0], strlen(tags[t][0])) != 0)
        t++;
    part_open(out, "tags", "[");
    json_put_text(out, text_of(tags[t][1]));
    json_put(out, "]");
}

static char capital(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static char small(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_name(char c)
{
    return (small(c) >= 'a' && small(c) <= 'z') || (c >= '0' && c <= '9');
}

/* GET /v1/items/{item}/similar: getV1ItemsItemSimilar */
static void operation_id_put(struct bytes *out, const struct route *route)
{
    char id[128];
    size_t n = 0;
    for (const char *c = route->method; *c && n < sizeof id - 1; c++)
        id[n++] = small(*c);
    for (const char *c = route->pattern; *c && n < sizeof id - 1; c++)
        if (is_name(*c))
            id[n++] = is_name(c[-1]) ? *c : capital(*c);
    id[n] = 0;
    part_text(out, "operationId", id);
}

static void summary_put(struct bytes *out, const char *does)
{
    char first = capital(does[0]);
    struct bytes summary = {0};
    bytes_put(&summary, &first, 1);
    bytes_put(&summary, does + 1, strlen(does + 1));
    part_key(out, text_of("summary"));
    json_put_text(out, bytes_text(&summary));
    bytes_free(&summary);
}

static void operation_put(struct bytes *out, const struct route *route)
{
    struct bytes method = {0};
    for (const char *c = route->method; *c; c++)
        bytes_put(&method, &(char){small(*c)}, 1);
    part_key(out, bytes_text(&method));
    bytes_free(&method);
    json_put(out, "{");
    tag_put(out, route->pattern);
    summary_put(out, route->does);
    operation_id_put(out, route);
    security_put(out, route->role);
    part_parameters(out, route);
    if (route->body) {
        part_open(out, "requestBody", "{\"required\":true");
        content_put(out, route->accepts, route->body);
        json_put(out, "}");
    }
    responses_put(out, route);
    json_put(out, "}");
}

/* {name*}, the rest of a path, is any other parameter here: a slash in it is sent as %2F. */
static void path_key_put(struct bytes *out, const char *pattern)
{
    struct bytes path = {0};
    for (const char *c = pattern; *c; c++)
        if (*c != '*')
            bytes_put(&path, c, 1);
    part_key(out, bytes_text(&path));
    bytes_free(&path);
}

static bool is_first_of_path(const struct route *table, int r)
{
    for (int before = 0; before < r; before++)
        if (strcmp(table[before].pattern, table[r].pattern) == 0)
            return false;
    return true;
}

static void paths_put(struct bytes *out, const struct route *table, int n)
{
    part_open(out, "paths", "{");
    for (int r = 0; r < n; r++) {
        if (table[r].is_page || !is_first_of_path(table, r))
            continue;
        path_key_put(out, table[r].pattern);
        json_put(out, "{");
        for (int same = r; same < n; same++)
            if (!table[same].is_page && strcmp(table[same].pattern, table[r].pattern) == 0)
                operation_put(out, &table[same]);
        json_put(out, "}\n");
    }
    json_put(out, "}");
}

static void view_names_put(struct bytes *out)
{
    part_open(out, "ViewName", "{\"type\":\"string\",\"enum\":[");
    for (unsigned v = 0; v < catalogue_views; v++) {
        part_comma(out);
        json_put_text(out, text_of(catalogue[v].name));
    }
    json_put(out, "]}");
}

void openapi_put(struct bytes *into, const struct route *table, int n)
{
    json_put(into, "{\"openapi\":\"3.1.0\"");
    members_put(into, head, sizeof head);
    paths_put(into, table, n);
    part_open(into, "components", "{");
    members_put(into, components, sizeof components);
    part_open(into, "schemas", "{");
    view_names_put(into);
    members_put(into, schemas, sizeof schemas);
    json_put(into, "}}}\n");
}
