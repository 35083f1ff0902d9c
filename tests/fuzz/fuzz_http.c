/*
 * Bytes of a client to an event loop of tandem-serve, through libevent's own parser: every answer that a handler gives is
 * JSON (or the metrics' text), with one of the documented statuses, and once everybody has gone no call is left. The first
 * byte: how the outside is, whether the client goes away early, and whether the loop is a fresh one; the second: where its bytes are cut in two.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "serving-layer/loop.h"
#include "tests/fuzz/fake_outside.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/slow_texts.h"

enum { TURNS = 12 };

static struct loop *loop;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t address_bytes = sizeof address.sun_family; /* the kernel gives it a name */

/* ---- what is answered ---- */

static void is_problem(const json_t *answer, int status)
{
    fuzz_holds(json_integer_value(json_object_get(answer, "status")) == status &&
                   json_is_string(json_object_get(answer, "title")) &&
                   json_is_string(json_object_get(answer, "detail")),
               "a problem says its status, its title and a detail");
}

static void is_answer(int status, const char *type, struct text body)
{
    static const int statuses[] = {200, 201, 202, 204, 304, 400, 404, 405, 411, 412, 413, 422, 503};
    bool is_known = false;
    json_error_t why;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        is_known |= status == statuses[i];
    fuzz_holds(is_known, "the status is a documented one");
    fuzz_holds(slow_utf8(body), "answers are UTF-8");
    if (strncmp(type, "text/plain", 10) == 0)
        return;
    json_t *answer = json_loadb(body.at, body.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    fuzz_holds(json_is_object(answer), "answers are JSON objects");
    fuzz_holds((status >= 400) == (strcmp(type, "application/problem+json") == 0),
               "what is wrong is a problem");
    if (status >= 400)
        is_problem(answer, status);
    if (status == 202)
        fuzz_holds((size_t)json_integer_value(json_object_get(answer, "accepted")) <=
                       fake_outside.posted,
                   "what is accepted was sent");
    json_decref(answer);
}

/* In place of libevent's, which it then calls. */
void evhttp_send_reply(struct evhttp_request *req, int code, const char *reason,
                       struct evbuffer *databuf)
{
    static void (*real)(struct evhttp_request *, int, const char *, struct evbuffer *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "evhttp_send_reply");
    size_t n = databuf ? evbuffer_get_length(databuf) : 0;
    const char *at = n ? (const char *)evbuffer_pullup(databuf, -1) : "";
    if (code != 204 && code != 304) /* those have no body */
        is_answer(code, evhttp_find_header(evhttp_request_get_output_headers(req), "Content-Type"),
                  (struct text){at, n});
    real(req, code, reason, databuf);
}

/* ---- the client ---- */

static void turn(int client)
{
    char answer[65536];
    for (int i = 0; i < TURNS; i++) {
        event_base_loop(loop->base, EVLOOP_NONBLOCK);
        while (client >= 0 && recv(client, answer, sizeof answer, MSG_DONTWAIT) > 0)
            i = 0;
    }
}

static void client_sends(int client, struct text bytes)
{
    if (bytes.n && send(client, bytes.at, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return; /* the server has closed already */
}

static void client_run(struct text bytes, size_t cut, bool hangs_up)
{
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client < 0 || connect(client, (const struct sockaddr *)&address, address_bytes))
        fuzz_found("the server cannot be reached");
    client_sends(client, (struct text){bytes.at, cut});
    if (cut < bytes.n) {
        turn(client);
        client_sends(client, (struct text){bytes.at + cut, bytes.n - cut});
    }
    if (hangs_up)
        shutdown(client, SHUT_WR);
    turn(client);
    close(client);
    turn(-1);
}

static int listener_open(void)
{
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t bytes = sizeof address;
    if (bind(listener, (const struct sockaddr *)&address, address_bytes) || listen(listener, 16) ||
        getsockname(listener, (struct sockaddr *)&address, &bytes))
        fuzz_found("there is no socket to listen on");
    address_bytes = bytes;
    return listener;
}

/* Ends the event loop that there was and opens a fresh one. */
static void loop_renew(void)
{
    static struct serve_settings settings = {
        .deployment = {.kafka = "k", .topic = "events", .redis = "r:1", .partitions = 2},
        .redis_timeout_ms = 10,
        .idle_s = 60,
        .threads = 1,
        .connections = 100,
        .calls = 10,
        .request_s = 10,
        .answer_s = 10,
        .buffer_bytes = 1 << 24,
    };
    static struct server server = {.loop = &loop, .n_loops = 1};
    static int listener = -1;
    struct err err;
    if (listener < 0) {
        signal(SIGPIPE, SIG_IGN);
        fake_outside_open();
        listener = listener_open();
    }
    server.items = fake_items();
    loop_free(loop);
    loop = loop_new(&server, &settings, NULL, NULL, listener, &err);
    fuzz_holds(loop, "there is an event loop");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct text rest = {(const char *)data, n};
    uint8_t how = fuzz_byte(&rest);
    if (!loop || (how & 96) == 96)
        loop_renew();
    size_t cut = fuzz_byte(&rest);
    fake_outside = (struct fake_outside){.no_view = how & 1,
                                         .no_topic = how & 2,
                                         .no_room = how & 4,
                                         .no_items = how & 1,
                                         .acknowledges = !(how & 8)};
    client_run(rest, cut && cut < rest.n ? cut : rest.n, how & 16);
    fuzz_holds(loop->calls == 0, "no call is left");
    return 0;
}
