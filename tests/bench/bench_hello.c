/* bench_hello: libevent's HTTP server with a fixed answer, the yardstick for ours. usage: bench_hello PORT */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>

static void answer(struct evhttp_request *request, void *context)
{
    (void)context;
    struct evbuffer *body = evbuffer_new();
    evbuffer_add(body, "hello world\n", 12);
    evhttp_send_reply(request, 200, "OK", body);
    evbuffer_free(body);
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();
    struct evhttp *http = base ? evhttp_new(base) : NULL;
    if (argc != 2 || !http || evhttp_bind_socket(http, "127.0.0.1", (ev_uint16_t)atoi(argv[1]))) {
        fprintf(stderr, "usage: bench_hello PORT\n");
        return 2;
    }
    evhttp_set_gencb(http, answer, NULL);
    return event_base_dispatch(base);
}
