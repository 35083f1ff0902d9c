/* The counters themselves: /v1/views... */
#include <event2/http.h>
#include <jansson.h>
#include <stdlib.h>

#include "common/mem.h"
#include "serving-layer/json_out.h"
#include "serving-layer/loop.h"
#include "serving-layer/ranking.h"
#include "serving-layer/routes.h"

enum { GROUPS_MAX = 1000, MEMBERS_MAX = 100000, ANSWER_BYTES_MAX = 64 << 20 };

const struct parameter_row layer_parameter[] = {
    {"layer", PARAMETER_CHOICE, "merged", .choices = "merged|batch|speed",
     .sentence = "Which layer's counters: both added, batch view N alone, or what came since."},
    {0}};

const struct parameter_row view_group_parameters[] = {
    {"n", PARAMETER_INT, "100", 1, MEMBERS_MAX, .sentence = "At most so many counters."}, {0}};

void handle_views(struct call *call)
{
    struct bytes *out = &call->out;
    json_put(out, "{\"views\":[");
    for (unsigned v = 0; v < catalogue_views; v++) {
        const struct view *view = &catalogue[v];
        const char *const fields[][2] = {{"name", view->name},   {"kind", view_kind(view)},
                                         {"group", view->group}, {"member", view->member},
                                         {"value", view->value}, {"merge", view->merge}};
        json_put(out, v ? ",\n{" : "\n{");
        for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
            if (f)
                json_put(out, ",");
            json_put_text(out, text_of(fields[f][0]));
            json_put(out, ":");
            json_put_text(out, text_of(fields[f][1]));
        }
        json_put(out, "}");
    }
    json_put(out, "]}\n");
    call_reply(call, 200, "application/json");
}

static void counter_put(struct bytes *out, struct text member, int64_t value)
{
    json_put(out, "{\"member\":");
    json_put_text(out, member);
    json_put(out, ",\"value\":");
    json_put_int(out, value);
    json_put(out, "}");
}

static void group_put(struct bytes *out, struct text view, struct text group)
{
    json_put(out, "{\"view\":");
    json_put_text(out, view);
    json_put(out, ",\"group\":");
    json_put_text(out, group);
    json_put(out, ",\"counters\":[");
}

static void on_view_group(const struct snapshot *snapshot, void *context)
{
    struct call *call = context;
    if (call_has_no_snapshot(call, snapshot))
        return;
    struct bytes ranked = {0};
    size_t n =
        rank_counts(snapshot, 0, call->layer, (size_t)request_int(&call->request, "n"), &ranked);
    const struct ranked *at = (const struct ranked *)(const void *)ranked.at;
    group_put(&call->out, call->arg[0], call->arg[1]);
    for (size_t i = 0; i < n; i++) {
        if (i)
            json_put(&call->out, ",");
        counter_put(&call->out, at[i].item, at[i].count);
    }
    json_put(&call->out, "]");
    bytes_free(&ranked);
    call_reply_snapshot(call, snapshot);
}

void handle_view_group(struct call *call)
{
    int view = catalogue_find(call->arg[0]);
    if (view < 0) {
        call_problem(call, 404, "there is no such view; GET /v1/views lists those that are", NULL,
                     -1);
        return;
    }
    call->layer = (enum layer)request_int(&call->request, "layer");
    call_ask(call, &(struct row_ref){(unsigned)view, call->arg[1]}, 1, (struct text){"", 0},
             on_view_group);
}

/* ---- POST /v1/views/read ---- */

struct read_groups {
    size_t n;
    unsigned view[GROUPS_MAX];
    struct text group[GROUPS_MAX]; /* in the request's memory */
};

static void on_views_read(const struct snapshot *snapshot, void *context)
{
    struct call *call = context;
    struct read_groups *groups = call->more;
    struct bytes counts = {0};
    if (call_has_no_snapshot(call, snapshot))
        return;
    json_put(&call->out, "{\"groups\":[");
    for (size_t g = 0; g < groups->n && call->out.n <= ANSWER_BYTES_MAX; g++) {
        bytes_clear(&counts);
        size_t n = snapshot_row(snapshot, g, call->layer, &counts);
        const struct member_count *at = (const struct member_count *)(const void *)counts.at;
        json_put(&call->out, g ? ",\n" : "\n");
        group_put(&call->out, text_of(catalogue[groups->view[g]].name), groups->group[g]);
        for (size_t i = 0; i < n; i++) {
            if (i)
                json_put(&call->out, ",");
            counter_put(&call->out, snapshot_name(snapshot, at[i].member), at[i].value);
        }
        json_put(&call->out, "]}");
    }
    json_put(&call->out, "]");
    bytes_free(&counts);
    if (call->out.n > ANSWER_BYTES_MAX)
        call_problem(call, 413, "the answer would have more than 64 MiB: ask for fewer groups",
                     "groups", -1);
    else
        call_reply_snapshot(call, snapshot);
}

/* The same row over and over would cost the server much more than the client. */
static bool groups_repeat(const json_t *list, size_t i, const struct read_groups *groups)
{
    for (size_t before = 0; before < i; before++)
        if (groups->view[before] == groups->view[i] &&
            json_equal(json_array_get(json_array_get(list, before), 1),
                       json_array_get(json_array_get(list, i), 1)))
            return true;
    return false;
}

/* 0, or -1: it has replied. */
static int groups_take(struct call *call, const json_t *body, struct read_groups *groups,
                       struct bytes *texts)
{
    const json_t *list = json_object_get(body, "groups");
    size_t n = json_array_size(list);
    if (!json_is_array(list) || json_object_size(body) != 1 || n < 1 || n > GROUPS_MAX) {
        call_problem(
            call, 422,
            "groups is not a list of 1 to 1000 pairs [view, group], or is not all there is",
            "groups", -1);
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *pair = json_array_get(list, i), *view = json_array_get(pair, 0),
                     *group = json_array_get(pair, 1);
        int found =
            json_is_string(view)
                ? catalogue_find((struct text){json_string_value(view), json_string_length(view)})
                : -1;
        if (json_array_size(pair) != 2 || !json_is_string(group) || found < 0) {
            call_problem(call, 422,
                         "groups holds what is no pair of a view that there is and a group",
                         "groups", (long)i);
            return -1;
        }
        groups->view[i] = (unsigned)found;
        if (groups_repeat(list, i, groups)) {
            call_problem(call, 422, "groups holds the same group twice", "groups", (long)i);
            return -1;
        }
        groups->group[i] = (struct text){NULL, json_string_length(group)};
        bytes_put(texts, json_string_value(group), json_string_length(group));
    }
    groups->n = n;
    return 0;
}

void handle_views_read(struct call *call)
{
    json_error_t why;
    call->layer = (enum layer)request_int(&call->request, "layer");
    json_t *body =
        json_loadb(call->body.at, call->body.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (!body) {
        call_problem(call, 400, "the body is not JSON", NULL, -1);
        return;
    }
    struct read_groups *groups = xcalloc(1, sizeof *groups);
    struct bytes texts = {0};
    int failed = groups_take(call, body, groups, &texts);
    json_decref(body);
    if (failed) {
        free(groups);
        bytes_free(&texts);
        return;
    }
    /* The texts go into the call's own memory, which lives as long as it. */
    const char *at = bytes_room(&call->request.memory, texts.n);
    bytes_put_text(&call->request.memory, bytes_text(&texts));
    bytes_free(&texts);
    struct row_ref *rows = xcalloc(groups->n, sizeof *rows);
    for (size_t i = 0; i < groups->n; i++) {
        groups->group[i].at = at;
        at += groups->group[i].n;
        rows[i] = (struct row_ref){groups->view[i], groups->group[i]};
    }
    call->more = groups;
    call_ask(call, rows, groups->n, (struct text){"", 0}, on_views_read);
    free(rows);
}
