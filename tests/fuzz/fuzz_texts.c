/*
 * Every small text form that is read back: an offsets vector, a list of servers, the values of options, keys of the speed
 * view, a barrier's header, the deployment's mark, names, a request's path and query. One input is read as each of them.
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/options.h"
#include "handover/barrier.h"
#include "handover/database.h"
#include "handover/event_log.h"
#include "handover/speed_keys.h"
#include "serving-layer/partition_of.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/slow_texts.h"
#include "views/names.h"

enum { VECTOR_MAX = 16 };

static void as_vector(const char *text)
{
    int64_t vector[VECTOR_MAX], expected[VECTOR_MAX], again[VECTOR_MAX];
    int n = vector_parse(text, vector, VECTOR_MAX);
    fuzz_holds(n == slow_vector(text_of(text), expected, VECTOR_MAX), "vectors: same verdict");
    if (n < 0)
        return;
    char printed[VECTOR_MAX * 22];
    vector_print(printed, sizeof printed, vector, n);
    fuzz_holds(memcmp(vector, expected, (size_t)n * sizeof *vector) == 0, "vectors: same numbers");
    fuzz_holds(vector_parse(printed, again, VECTOR_MAX) == n &&
                   memcmp(vector, again, (size_t)n * sizeof *vector) == 0,
               "a vector that was printed is read back");
}

static void as_servers(const char *text)
{
    static struct speed_servers servers, expected;
    struct err err;
    int failed = speed_servers_parse(text, &servers, &err);
    int n = slow_servers(text_of(text), &expected);
    fuzz_holds(failed == (n < 0 ? -1 : 0), "servers: same verdict");
    for (int i = 0; i < n; i++)
        fuzz_holds(strcmp(servers.server[i].host, expected.server[i].host) == 0 &&
                       servers.server[i].port == expected.server[i].port,
                   "servers: same host and port");
    fuzz_holds(failed || servers.n == n, "servers: as many");
}

static bool slow_choice(struct text choices, const char *text)
{
    struct text choice;
    for (bool more = true; slow_part(&choices, &more, '|', &choice);)
        if (text_equal(choice, text_of(text)))
            return true;
    return false;
}

static void as_option(const char *text)
{
    static const char choices[] = "merged|batch|speed|a";
    int64_t number = 0, expected = 0;
    const char *chosen = NULL;
    bool flag = false;
    struct option_row int_row = {.type = OPTION_INT, .into = &number, .min = -5, .max = INT64_MAX};
    struct option_row flag_row = {.type = OPTION_FLAG, .into = &flag};
    struct option_row choice_row = {.type = OPTION_CHOICE, .into = &chosen, .choices = choices};
    bool taken = option_take(&int_row, text);
    fuzz_holds(taken == slow_number(text_of(text), -5, INT64_MAX, &expected), "options: a number");
    fuzz_holds(!taken || number == expected, "options: same number");
    taken = option_take(&flag_row, text);
    fuzz_holds(taken == (text_equal(text_of(text), text_of("0")) ||
                         text_equal(text_of(text), text_of("1"))),
               "options: a flag is 0 or 1");
    fuzz_holds(!taken || flag == (*text == '1'), "options: same flag");
    fuzz_holds(option_take(&choice_row, text) == slow_choice(text_of(choices), text),
               "options: a choice is one of them");
}

static void as_key(struct text text)
{
    int64_t segment, same;
    struct text view, group;
    bool parsed = speed_row_key_parse(text, &segment, &view, &group);
    bool is_any = speed_segment_key_parse(text, &same);
    if (!parsed)
        return;
    fuzz_holds(is_any && segment == same, "keys: a row's key has its segment");
    struct bytes name = {0}, key = {0};
    struct text whole = {view.at, view.n + 1 + group.n};
    char *view_name = fuzz_terminated((const uint8_t *)view.at, view.n);
    if (strlen(view_name) == view.n) {
        speed_row_name(&name, view_name, group);
        fuzz_holds(text_equal(bytes_text(&name), whole), "keys: view and group make the name");
    }
    speed_row_key(&key, segment, whole);
    fuzz_holds(text_equal(bytes_text(&key), text), "keys: what was taken apart makes the same key");
    free(view_name);
    bytes_free(&name);
    bytes_free(&key);
}

static void as_barrier(struct text text)
{
    char printed[24];
    int64_t n = barrier_number(text), slow;
    bool is_one = text.n <= 18 && slow_number(text, 1, INT64_MAX, &slow);
    snprintf(printed, sizeof printed, "%" PRId64, n);
    fuzz_holds(n == -1 || text_equal(text, text_of(printed)), "barriers: one text a number");
    fuzz_holds((n > 0) == (is_one && text.at[0] != '0'), "barriers: same verdict");
}

static void as_mark(struct text text)
{
    char deployment[DEPLOYMENT_BYTES + 1] = "before", key[] = "deployment";
    rd_kafka_message_t record = {.payload = (void *)(uintptr_t)text.at,
                                 .len = text.n,
                                 .key = key,
                                 .key_len = sizeof key - 1};
    event_log_mark(&record, deployment, sizeof deployment);
    size_t n = strlen(deployment);
    fuzz_holds(n <= text.n && memcmp(deployment, text.at, n) == 0,
               "the mark is the record's value");
    record.key = (void *)(uintptr_t)text.at;
    record.key_len = text.n;
    event_log_mark(&record, deployment, sizeof deployment);
}

static void as_names(struct text text)
{
    struct names *names = names_new();
    bool more = true;
    for (struct text rest = text, part; slow_part(&rest, &more, ',', &part);) {
        uint32_t known = names_find(names, part), symbol = names_put(names, part);
        fuzz_holds(known == NAMES_ABSENT || known == symbol, "a name keeps its symbol");
        fuzz_holds(text_equal(names_text(names, symbol), part), "a symbol gives its name back");
        fuzz_holds(partition_of(part, 7) >= 0 && partition_of(part, 7) < 7, "a partition there is");
    }
    names_free(names);
}

/* ---- path and query ---- */

static void same_text(struct text text, const char *expected)
{
    fuzz_holds(text_equal(text, text_of(expected)), "requests: same parts");
}

/* U+0001 to U+001F, U+007F to U+009F. */
static bool has_control_character(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f))
            return true;
    return false;
}

/* A table in which the first parameter's name stands as each type in turn; does the verdict on it agree? */
static bool value_is_good(enum parameter_type type, const char *text, int64_t *slow)
{
    switch (type) {
    case PARAMETER_INT:
        return strlen(text) <= 18 && text[0] != '-' && slow_number(text_of(text), 1, 100, slow);
    case PARAMETER_CHOICE: return slow_choice(text_of("merged|batch|speed"), text);
    case PARAMETER_FLAG:
        return strlen(text) <= 18 && text[0] != '-' && slow_number(text_of(text), 0, 1, slow);
    case PARAMETER_CURRENCY:
        return strlen(text) == 3 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
    case PARAMETER_ID:
        if (has_control_character(text))
            return false;
        break;
    case PARAMETER_TEXT: break;
    }
    return strlen(text) >= 1 && strlen(text) <= 8;
}

static void parameters_taken(struct request *request, const struct slow_request *expected)
{
    struct parameter_row rows[] = {{.name = "",
                                    .initial = "5",
                                    .min = 1,
                                    .choices = "merged|batch|speed",
                                    .sentence = "",
                                    .repeatable = true},
                                   {0}};
    const struct parameter_row *const tables[] = {NULL, rows};
    struct request_error error;
    if (expected->n_parameters == 0)
        return;
    const char *name = expected->name[0];
    rows[0].name = name;
    for (int type = PARAMETER_INT; type <= PARAMETER_CURRENCY; type++) {
        int64_t slow = 0;
        bool good = expected->n_parameters <= REQUEST_REPEATS;
        rows[0].type = (enum parameter_type)type;
        rows[0].max = type == PARAMETER_TEXT || type == PARAMETER_ID ? 8 : 100;
        for (int i = 0; good && i < expected->n_parameters; i++)
            good = strcmp(expected->name[i], name) == 0 &&
                   value_is_good(rows[0].type, expected->value[i], &slow);
        bool taken = request_take(request, tables, 2, &error) == 0;
        fuzz_holds(taken == good, "requests: a value is one");
        fuzz_holds(taken ||
                       (slow_utf8(text_of(error.detail)) && slow_utf8(text_of(error.parameter))),
                   "requests: errors are UTF-8");
        if (taken && type == PARAMETER_INT && expected->n_parameters == 1)
            fuzz_holds(request_int(request, name) == slow, "requests: same number");
    }
}

static void as_request(const char *text)
{
    struct request request = {0};
    struct request_error error = {"", ""};
    struct slow_request expected;
    struct text arg[2];
    int failed = request_parse(&request, text, &error);
    bool good = slow_request_parse(text, &expected);
    fuzz_holds(failed == (good ? 0 : -1), "requests: same verdict");
    fuzz_holds(!failed || (error.detail[0] && slow_utf8(text_of(error.parameter))),
               "requests: a refusal says why");
    if (good) {
        fuzz_holds(request.n_segments == expected.n_segments &&
                       request.n_parameters == expected.n_parameters,
                   "requests: as many parts");
        for (int i = 0; i < expected.n_segments; i++)
            same_text(request.segment[i], expected.segment[i]);
        for (int i = 0; i < expected.n_parameters; i++) {
            same_text(request.parameter[i].name, expected.name[i]);
            same_text(request.parameter[i].value, expected.value[i]);
        }
        if (request_matches(&request, "/{a}/{b*}", arg))
            same_text(arg[0], expected.segment[0]);
        request_matches(&request, "/v1/views/{view}/{group*}", arg);
        parameters_taken(&request, &expected);
    }
    slow_request_free(&expected);
    request_free(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *terminated = fuzz_terminated(data, n);
    struct text exact = fuzz_exact(data, n);
    as_vector(terminated);
    as_servers(terminated);
    as_option(terminated);
    as_request(terminated);
    as_key(exact);
    as_barrier(exact);
    as_mark(exact);
    as_names(exact);
    free(terminated);
    free((char *)(uintptr_t)exact.at);
    return 0;
}
