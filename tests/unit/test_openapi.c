/*
 * The OpenAPI document against the table that it is made from: whole, and nothing in it that points nowhere. That it is
 * valid OpenAPI, and that a server answers as it says, tests/api shows.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "serving-layer/openapi.h"
#include "serving-layer/request.h"

static json_t *document;

static int load(void **state)
{
    struct bytes text = {0};
    json_error_t why;
    (void)state;
    openapi_put(&text, routes, n_routes);
    document = json_loadb(text.at, text.n, JSON_REJECT_DUPLICATES, &why);
    if (!document)
        fail_msg("the document is not JSON: %s at byte %d: %.60s", why.text, why.position,
                 text.at + (why.position > 30 ? why.position - 30 : 0));
    bytes_free(&text);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    json_decref(document);
    return 0;
}

static const json_t *component(const char *kind, const char *name)
{
    return json_object_get(json_object_get(json_object_get(document, "components"), kind), name);
}

/* The operation of a route; fails when there is none. */
static const json_t *operation_of(const struct route *route)
{
    char path[128], method[8] = "";
    size_t n = 0;
    for (const char *c = route->pattern; *c; c++)
        if (*c != '*')
            path[n++] = *c;
    path[n] = 0;
    for (n = 0; route->method[n]; n++)
        method[n] = (char)(route->method[n] | 32);
    const json_t *operation =
        json_object_get(json_object_get(json_object_get(document, "paths"), path), method);
    if (!operation)
        fail_msg("%s %s is not in the document", route->method, path);
    return operation;
}

static const json_t *parameter_of(const json_t *operation, const char *in, const char *name)
{
    size_t i;
    const json_t *parameter;
    json_array_foreach(json_object_get(operation, "parameters"), i, parameter)
    {
        const char *its_in = json_string_value(json_object_get(parameter, "in"));
        const char *its_name = json_string_value(json_object_get(parameter, "name"));
        if (its_in && its_name && strcmp(its_in, in) == 0 && strcmp(its_name, name) == 0)
            return parameter;
    }
    fail_msg("parameter %s is not in the document", name);
    return NULL;
}

/* ---- what is referred to ---- */

static void count_uses(const json_t *value, const char *wanted, int *uses)
{
    const char *key;
    const json_t *inner;
    size_t i;
    if (json_is_array(value)) {
        json_array_foreach(value, i, inner) count_uses(inner, wanted, uses);
        return;
    }
    void *at = json_object_iter((json_t *)(uintptr_t)value);
    for (; at; at = json_object_iter_next((json_t *)(uintptr_t)value, at)) {
        key = json_object_iter_key(at);
        inner = json_object_iter_value(at);
        if (strcmp(key, "$ref") == 0)
            *uses += strcmp(json_string_value(inner), wanted) == 0;
        else
            count_uses(inner, wanted, uses);
    }
}

/* The first reference that leads nowhere; NULL when all lead somewhere. */
static const char *dangling(const json_t *value)
{
    const char *found = NULL;
    json_t *inner;
    size_t i;
    if (json_is_array(value)) {
        json_array_foreach(value, i, inner) if (!found) found = dangling(inner);
        return found;
    }
    void *at = json_object_iter((json_t *)(uintptr_t)value);
    for (; at && !found; at = json_object_iter_next((json_t *)(uintptr_t)value, at)) {
        char kind[32], name[64];
        inner = json_object_iter_value(at);
        if (strcmp(json_object_iter_key(at), "$ref") != 0)
            found = dangling(inner);
        else if (sscanf(json_string_value(inner), "#/components/%31[^/]/%63[^/]", kind, name) !=
                     2 ||
                 !component(kind, name))
            found = json_string_value(inner);
    }
    return found;
}

static void each_route_has_its_schemas_and_its_statuses_have_an_answer(void **state)
{
    (void)state;
    for (int r = 0; r < n_routes; r++) {
        const struct route *route = &routes[r];
        int statuses[OPENAPI_STATUSES], n = openapi_statuses(route, statuses);
        if (route->is_page)
            continue;
        if (route->answer && !component("schemas", route->answer))
            fail_msg("%s %s answers %s: write that schema into serving-layer/openapi/schemas.json",
                     route->method, route->pattern, route->answer);
        if (route->body && !component("schemas", route->body))
            fail_msg("%s %s takes %s: write that schema into serving-layer/openapi/schemas.json",
                     route->method, route->pattern, route->body);
        if (!route->answer && !route->content &&
            !strstr(route->statuses ? route->statuses : "", "204"))
            fail_msg("%s %s names no schema of its answer, and no content type but JSON",
                     route->method, route->pattern);
        for (int s = 0; s < n; s++) {
            char name[8];
            snprintf(name, sizeof name, "%d", statuses[s]);
            if (statuses[s] >= 400 && !component("responses", name))
                fail_msg("%s %s may answer %s: write that response into "
                         "serving-layer/openapi/components.json",
                         route->method, route->pattern, name);
        }
    }
}

static void every_reference_leads_somewhere(void **state)
{
    (void)state;
    const char *nowhere = dangling(document);
    if (nowhere)
        fail_msg("%s is not in serving-layer/openapi/", nowhere);
}

static void no_component_is_written_for_nothing(void **state)
{
    static const char *const kinds[] = {"schemas", "responses", "headers", "parameters"};
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        json_t *all = json_object_get(json_object_get(document, "components"), kinds[k]);
        for (void *at = json_object_iter(all); at; at = json_object_iter_next(all, at)) {
            char wanted[128];
            int uses = 0;
            snprintf(wanted, sizeof wanted, "#/components/%s/%s", kinds[k],
                     json_object_iter_key(at));
            count_uses(document, wanted, &uses);
            if (uses == 0)
                fail_msg("nothing uses %s: take it out of serving-layer/openapi/", wanted);
        }
    }
}

/* ---- what a reader finds ---- */

static bool has_tag(const char *name)
{
    size_t i;
    const json_t *tag;
    json_array_foreach(json_object_get(document, "tags"), i,
                       tag) if (strcmp(json_string_value(json_object_get(tag, "name")), name) ==
                                0) return true;
    return false;
}

static void each_route_is_in_a_section_under_an_id_of_its_own(void **state)
{
    (void)state;
    json_t *ids = json_object();
    for (int r = 0; r < n_routes; r++) {
        if (routes[r].is_page)
            continue;
        const json_t *operation = operation_of(&routes[r]);
        const char *id = json_string_value(json_object_get(operation, "operationId"));
        const char *tag = json_string_value(json_array_get(json_object_get(operation, "tags"), 0));
        if (!has_tag(tag))
            fail_msg("%s %s is in section %s: say what that is in serving-layer/openapi/head.json",
                     routes[r].method, routes[r].pattern, tag);
        if (json_object_get(ids, id))
            fail_msg("two routes have the id %s", id);
        json_object_set_new(ids, id, json_true());
    }
    json_decref(ids);
}

static void each_schema_that_a_route_names_has_an_example(void **state)
{
    (void)state;
    for (int r = 0; r < n_routes; r++) {
        const char *const names[] = {routes[r].body, routes[r].answer};
        for (int n = 0; n < 2; n++)
            if (names[n] &&
                json_array_size(json_object_get(component("schemas", names[n]), "examples")) == 0)
                fail_msg("schema %s has no example for /docs to show", names[n]);
    }
}

/* ---- the table's rows ---- */

static void is_row(const json_t *parameter, const struct parameter_row *row)
{
    const json_t *schema = json_object_get(parameter, "schema");
    if (row->repeatable)
        schema = json_object_get(schema, "items");
    assert_true(row->sentence && row->sentence[0]);
    assert_string_equal(json_string_value(json_object_get(parameter, "description")),
                        row->sentence);
    if (row->type == PARAMETER_INT) {
        assert_int_equal(json_integer_value(json_object_get(schema, "minimum")), row->min);
        assert_int_equal(json_integer_value(json_object_get(schema, "maximum")), row->max);
    }
    if (row->type == PARAMETER_TEXT || row->type == PARAMETER_ID) {
        assert_int_equal(json_integer_value(json_object_get(schema, "minLength")), row->min);
        assert_int_equal(json_integer_value(json_object_get(schema, "x-max-bytes")), row->max);
    }
    const json_t *initial = json_object_get(schema, "default");
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(initial));
    assert_int_equal(initial != NULL, row->initial != NULL);
    if (initial)
        assert_string_equal(json_is_string(initial) ? json_string_value(initial) : digits,
                            row->initial);
}

static void each_parameter_is_there_with_its_range(void **state)
{
    (void)state;
    for (int r = 0; r < n_routes; r++) {
        struct text name;
        if (routes[r].is_page)
            continue;
        const json_t *operation = operation_of(&routes[r]);
        for (int t = 0; t < ROUTE_TABLES; t++)
            for (const struct parameter_row *row = routes[r].parameters[t]; row && row->name; row++)
                is_row(parameter_of(operation, "query", row->name), row);
        for (const char *at = routes[r].pattern; route_next_name(&at, &name);)
            parameter_of(operation, "path", route_path_parameter(name)->name);
    }
}

/* ---- a table made up, so that every column is seen ---- */

static const struct parameter_row made_up_rows[] = {
    {"word", PARAMETER_TEXT, NULL, 1, 9, .sentence = "Words.", .repeatable = true},
    {"yes", PARAMETER_FLAG, "1", .sentence = "A flag."},
    {"by", PARAMETER_CHOICE, "a", .choices = "a|b", .sentence = "A choice."},
    {"who", PARAMETER_ID, NULL, 1, 64, .needed = true, .sentence = "Someone."},
    {0}};
static const struct route made_up[] = {
    {"PUT",
     "/v1/views/{view}/{group*}",
     "puts",
     NULL,
     ROLE_ADMIN,
     {made_up_rows},
     .body = "Event",
     .answer = "Event",
     .accepts = "text/csv|application/json",
     .takes = "If-Match",
     .gives = "Retry-After",
     .statuses = "201|404",
     .etag = true},
    {"DELETE", "/v1/views/{view}/{group*}", "deletes", NULL, ROLE_WRITE, .statuses = "204",
     .always = true},
    {"GET", "/", "a page", NULL, .content = "text/html", .is_page = true}};

static void every_column_of_a_row_is_in_the_document(void **state)
{
    static const char *const wanted[] = {
        "\"/v1/views/{view}/{group}\":{\"put\":{\"tags\":[\"Views\"],\"summary\":\"Puts\","
        "\"operationId\":\"putV1ViewsViewGroup\",\"security\":[{\"bearerAuth\":[\"admin\"]},"
        "{\"apiKey\":[\"admin\"]}],\"parameters\":[{\"name\":\"view\",\"in\":\"path\","
        "\"required\":true",
        "{\"name\":\"word\",\"in\":\"query\",\"description\":\"Words.\",\"style\":\"form\","
        "\"explode\":true,\"schema\":{\"type\":\"array\",\"maxItems\":20,\"items\":{\"type\":"
        "\"string\",\"minLength\":1,\"maxLength\":9,\"x-max-bytes\":9,",
        "\"schema\":{\"type\":\"integer\",\"enum\":[0,1],\"default\":1}}",
        "\"schema\":{\"type\":\"string\",\"enum\":[\"a\",\"b\"],\"default\":\"a\"}}",
        ",{\"$ref\":\"#/components/parameters/If-None-Match\"},{\"$ref\":\"#/components/parameters/If-Match\"}],\"requestBody\":{\"required\":true,"
        "\"content\":{\"text/csv\":{\"schema\":{\"$ref\":\"#/components/schemas/Event\"}},"
        "\"application/json\":",
        "\"responses\":{\"201\":{\"description\":\"Made: it was not there before.\",\"headers\":"
        "{\"X-Request-ID\":{\"$ref\":\"#/components/headers/X-Request-ID\"},\"ETag\":"
        "{\"$ref\":\"#/components/headers/ETag\"},\"RateLimit-Limit\":",
        "\"Retry-After\":{\"$ref\":\"#/components/headers/Retry-After\"}},\"content\":",
        "\"400\":{\"$ref\":\"#/components/responses/400\"},\"401\":",
        "{\"name\":\"who\",\"in\":\"query\",\"description\":\"Someone.\",\"required\":true,",
        "\"delete\":{",
        "\"security\":[{\"bearerAuth\":[\"write\"]},{\"apiKey\":[\"write\"]}]"};
    struct bytes text = {0};
    (void)state;
    openapi_put(&text, made_up, 3);
    bytes_put(&text, "", 1);
    for (size_t w = 0; w < sizeof wanted / sizeof *wanted; w++)
        if (!strstr(text.at, wanted[w]))
            fail_msg("not in the document: %s\n%s", wanted[w], strstr(text.at, "\"paths\""));
    assert_null(strstr(text.at, "text/html"));
    bytes_free(&text);
}

static void a_route_answers_with_what_its_columns_say_and_nothing_else(void **state)
{
    static const int put[] = {201, 304, 400, 401, 403, 404, 411, 413, 422, 429, 503};
    static const int deleted[] = {204, 400, 401, 403, 429};
    int statuses[OPENAPI_STATUSES];
    (void)state;
    assert_int_equal(openapi_statuses(&made_up[0], statuses), sizeof put / sizeof *put);
    assert_memory_equal(statuses, put, sizeof put);
    assert_int_equal(openapi_statuses(&made_up[1], statuses), sizeof deleted / sizeof *deleted);
    assert_memory_equal(statuses, deleted, sizeof deleted);
    assert_true(openapi_has_status(&made_up[0], 422));
    assert_false(openapi_has_status(&made_up[0], 200));
    assert_false(openapi_has_status(&made_up[1], 503));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_route_has_its_schemas_and_its_statuses_have_an_answer),
        cmocka_unit_test(every_reference_leads_somewhere),
        cmocka_unit_test(no_component_is_written_for_nothing),
        cmocka_unit_test(each_route_is_in_a_section_under_an_id_of_its_own),
        cmocka_unit_test(each_schema_that_a_route_names_has_an_example),
        cmocka_unit_test(each_parameter_is_there_with_its_range),
        cmocka_unit_test(every_column_of_a_row_is_in_the_document),
        cmocka_unit_test(a_route_answers_with_what_its_columns_say_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
