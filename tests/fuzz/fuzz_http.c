/*
 * Bytes of a client to an event loop of tandem-serve, through libevent's own parser: every answer that a handler gives is
 * JSON (or the metrics' text, a file that is built in, or nothing where HTTP wants nothing), with one of the documented statuses,
 * and once everybody has gone no call is left. The first byte: how the outside is (128: there are API keys), whether the client goes
 * away early, and whether the loop is a fresh one; the second: where its bytes are cut in two.
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
#include <zlib.h>

#include "serving-layer/loop.h"
#include "serving-layer/pulse.h"
#include "serving-layer/static_files.h"
#include "serving-layer/streams.h"
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

/* What was sent of it, unpacked: "" of a HEAD, a 204 and a 304. */
static struct text unpacked(struct evhttp_request *req, struct text body)
{
    static char plain[1 << 20];
    const char *coding =
        evhttp_find_header(evhttp_request_get_output_headers(req), "Content-Encoding");
    z_stream stream = {0};
    if (!coding || body.n == 0)
        return body;
    fuzz_holds(inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK, "zlib begins");
    stream.next_in = (unsigned char *)body.at;
    stream.avail_in = (unsigned)body.n;
    stream.next_out = (unsigned char *)plain;
    stream.avail_out = sizeof plain;
    fuzz_holds(inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0,
               "what is packed can be unpacked");
    inflateEnd(&stream);
    return (struct text){plain, stream.total_out};
}

/* A file is one of those that are built in, whole. */
static bool is_file(int status, const char *type, struct text body)
{
    static const char *const paths[] = {"/", "/shop", "/tracker.js", "/assets/console.js",
                                        "/assets/console.css"};
    bool is_page = strncmp(type, "text/", 5) == 0 && strncmp(type, "text/plain", 10) != 0;
    if (status >= 400 || (!is_page && strncmp(type, "image/", 6) != 0))
        return false;
    bool is_whole = status == 304 ? body.n == 0 : strncmp(type, "image/", 6) == 0;
    for (size_t i = 0; i < sizeof paths / sizeof *paths && !is_whole; i++) {
        const struct static_file *file = static_file_find(text_of(paths[i]));
        is_whole = file &&
                   (text_equal(body, (struct text){(const char *)file->plain, file->plain_bytes}) ||
                    text_equal(body, (struct text){(const char *)file->gzip, file->gzip_bytes}));
    }
    fuzz_holds(is_whole || strcmp(type, "text/event-stream") == 0, "a file is there as a whole");
    return true;
}

static void is_answer(int status, const char *type, struct text body)
{
    static const int statuses[] = {200, 201, 202, 204, 304, 400, 401, 403,
                                   404, 405, 411, 412, 413, 422, 429, 503};
    bool is_known = false;
    json_error_t why;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        is_known |= status == statuses[i];
    fuzz_holds(is_known, "the status is a documented one");
    if (body.n == 0)
        return; /* of a HEAD, a 204, a 304: has_right_body */
    if (is_file(status, type, body))
        return;
    fuzz_holds(slow_utf8(body), "answers are UTF-8");
    if (strncmp(type, "text/plain", 10) == 0)
        return;
    json_t *answer = json_loadb(body.at, body.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    fuzz_holds(json_is_object(answer), "answers are JSON objects");
    fuzz_holds((status >= 400) == (strcmp(type, "application/problem+json") == 0),
               "what is wrong is a problem");
    if (status >= 400)
        is_problem(answer, status);
    if (status == 202 && json_object_get(answer, "accepted"))
        fuzz_holds((size_t)json_integer_value(json_object_get(answer, "accepted")) <=
                       fake_outside.posted,
                   "what is accepted was sent");
    json_decref(answer);
}

/* In place of libevent's, which it then calls: what is sent in parts is events. */
void evhttp_send_reply_chunk(struct evhttp_request *req, struct evbuffer *databuf)
{
    static void (*real)(struct evhttp_request *, struct evbuffer *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "evhttp_send_reply_chunk");
    size_t n = evbuffer_get_length(databuf);
    const char *at = (const char *)evbuffer_pullup(databuf, -1);
    fuzz_holds(n > 8 && memcmp(at, "event: ", 7) == 0 && memcmp(at + n - 2, "\n\n", 2) == 0,
               "a part of a stream is an event");
    real(req, databuf);
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
    bool is_empty =
        evhttp_request_get_command(req) == EVHTTP_REQ_HEAD || code == 204 || code == 304;
    fuzz_holds(is_empty == (n == 0), "HEAD, 204 and 304 have no body, all others one");
    fuzz_holds(evhttp_find_header(evhttp_request_get_output_headers(req), "X-Request-ID"),
               "every answer has its request's id");
    is_answer(code, evhttp_find_header(evhttp_request_get_output_headers(req), "Content-Type"),
              unpacked(req, (struct text){at, n}));
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
        .cors_origins = "https://shop.example,http://a",
    };
    static struct server server = {.loop = &loop, .n_loops = 1};
    static int listener = -1;
    struct err err;
    if (listener < 0) {
        signal(SIGPIPE, SIG_IGN);
        fake_outside_open();
        listener = listener_open();
    }
    pulse_stop(server.pulse);
    if (loop)
        loop_settle(loop);
    server.items = fake_items();
    loop_free(loop);
    pulse_free(server.pulse);
    loop = loop_new(&server, &settings, NULL, NULL, listener, &err);
    fuzz_holds(loop, "there is an event loop");
    server.pulse = pulse_new(loop->base, loop->reader, NULL, NULL);
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
                                         .acknowledges = !(how & 8),
                                         .no_postgres = how & 8,
                                         .keys = how & 128};
    client_run(rest, cut && cut < rest.n ? cut : rest.n, how & 16);
    streams_look(loop->streams); /* it would see in a moment that its clients have gone */
    fuzz_holds(loop->calls == 0 && loop->streaming == 0, "no call is left");
    return 0;
}
