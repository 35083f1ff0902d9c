#include "serving-layer/connections.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/mem.h"
#include "serving-layer/framing.h"
#include "views/bytes.h"

enum { SWEEP_MS = 100, REFUSED_MS = 1000, IDLE_MS = 1000, SMALL_BYTES = 16384 };

/*
 * libevent tells of a connection's beginning (it asks for a bufferevent), not of its end. So a reference to the bufferevent
 * is kept, and the sweep sees by its callbacks being gone that evhttp has let go of it. The bufferevent closes the socket when
 * the last reference goes: were it closed before, its number could be another connection's while this bufferevent still reads.
 */
struct connection {
    struct connections *all;
    struct connection *next; /* in all->first */
    struct bufferevent *stream;
    int64_t accepted_us;
    int64_t request_us;       /* first byte of the request that is arriving; 0: none is */
    int64_t answer_us;        /* first byte of the answer that is not fetched; 0: none is */
    size_t received;          /* bytes of the request that is arriving or answered */
    struct framing_look look; /* at its head */
    bool called;              /* a request has arrived and is not answered */
    bool refused, shut;
    enum { PEER_UNASKED, PEER_LOCAL, PEER_REMOTE } peer;
    int fd;          /* its place in all->by_fd; -1: none yet */
    int64_t idle_us; /* since when it is in all->idle; 0: it is not */
    TAILQ_ENTRY(connection) in_idle;
};

/* As connections_figures, written by the loop and read by any. */
struct counts {
    _Atomic uint64_t open, bytes, refused, late_requests, late_answers, over_bytes, idle,
        unanswered;
};

struct connections {
    struct connections_settings settings;
    struct event_base *base;
    struct event *sweep;
    struct connection *first;
    TAILQ_HEAD(, connection) idle; /* nothing asked and nothing to fetch, the longest so first */
    struct connection **by_fd;
    size_t by_fd_cap;
    int64_t swept_us;
    struct counts figures;
};

static void connection_shut(struct connection *connection, _Atomic uint64_t *counted)
{
    if (connection->shut)
        return;
    connection->shut = true;
    (*counted)++;
    shutdown(bufferevent_getfd(connection->stream),
             SHUT_RDWR); /* evhttp meets the end, and closes */
}

/* ---- idle ones ---- */

static void idle_begin(struct connection *connection)
{
    if (connection->idle_us)
        return;
    connection->idle_us = clock_monotonic_us();
    TAILQ_INSERT_TAIL(&connection->all->idle, connection, in_idle);
}

static void idle_end(struct connection *connection)
{
    if (connection->idle_us)
        TAILQ_REMOVE(&connection->all->idle, connection, in_idle);
    connection->idle_us = 0;
}

/* Makes room for a newcomer: true when one could be closed. A client may find its idle connection closed at any time. */
static bool idle_close(struct connections *all)
{
    struct connection *longest = TAILQ_FIRST(&all->idle);
    if (!longest || clock_monotonic_us() - longest->idle_us < IDLE_MS * 1000)
        return false;
    idle_end(longest);
    connection_shut(longest, &all->figures.idle);
    return true;
}

/* ---- bytes ---- */

static void by_fd_put(struct connections *all, struct connection *connection)
{
    connection->fd = bufferevent_getfd(connection->stream);
    size_t fd = (size_t)connection->fd, known = all->by_fd_cap;
    all->by_fd = grown(all->by_fd, &all->by_fd_cap, fd + 1, sizeof *all->by_fd);
    for (; known < all->by_fd_cap; known++)
        all->by_fd[known] = NULL;
    all->by_fd[fd] = connection;
}

/* At the last n bytes of what has come and evhttp has not read yet. */
static void head_look(struct connection *connection, size_t n)
{
    struct evbuffer *in = bufferevent_get_input(connection->stream);
    struct evbuffer_iovec part;
    struct evbuffer_ptr at;
    while (n > 0 && !connection->look.ended &&
           !evbuffer_ptr_set(in, &at, evbuffer_get_length(in) - n, EVBUFFER_PTR_SET) &&
           evbuffer_peek(in, (ev_ssize_t)n, &at, &part, 1) > 0 && part.iov_len > 0) {
        size_t here = part.iov_len < n ? part.iov_len : n;
        framing_look(&connection->look, part.iov_base, here);
        n -= here;
    }
}

static void on_input(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *context)
{
    struct connection *connection = context;
    struct connections *all = connection->all;
    (void)buffer;
    if (!info->n_added)
        return;
    idle_end(connection);
    if (!connection->request_us && !connection->called) {
        connection->request_us = clock_monotonic_us();
        by_fd_put(all, connection);
    }
    if (!connection->called)
        head_look(connection, info->n_added);
    connection->received += info->n_added;
    all->figures.bytes += info->n_added;
    if ((int64_t)all->figures.bytes > all->settings.bytes && connection->received > SMALL_BYTES)
        connection_shut(connection, &all->figures.over_bytes);
}

static void on_output(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *context)
{
    struct connection *connection = context;
    connection->all->figures.bytes += info->n_added - info->n_deleted;
    if (evbuffer_get_length(buffer) > 0 && connection->answer_us)
        return;
    connection->answer_us = evbuffer_get_length(buffer) > 0 ? clock_monotonic_us() : 0;
    if (connection->request_us) /* what is there of the next request is read from now on */
        connection->request_us = clock_monotonic_us();
    else if (!connection->answer_us && !connection->called)
        idle_begin(connection);
}

static void received_forget(struct connection *connection)
{
    connection->all->figures.bytes -= connection->received;
    connection->received = 0;
}

/* ---- beginning and end ---- */

static bool connection_ended(const struct connection *connection)
{
    bufferevent_event_cb on_event;
    bufferevent_getcb(connection->stream, NULL, NULL, &on_event, NULL);
    return !on_event;
}

static void connection_free(struct connection *connection)
{
    struct connections *all = connection->all;
    struct evbuffer *out = bufferevent_get_output(connection->stream);
    received_forget(connection);
    idle_end(connection);
    evbuffer_remove_cb(bufferevent_get_input(connection->stream), on_input, connection);
    evbuffer_remove_cb(out, on_output, connection);
    all->figures.bytes -= evbuffer_get_length(out);
    if (connection->fd >= 0 && all->by_fd[connection->fd] == connection)
        all->by_fd[connection->fd] = NULL;
    all->figures.open--;
    bufferevent_decref(connection->stream);
    free(connection);
}

/* true: it is over. One that has a call is held by it. */
static bool connection_look(struct connection *connection, int64_t now_us)
{
    struct connections *all = connection->all;
    if (connection_ended(connection))
        return !connection->called;
    if (connection->answer_us && now_us - connection->answer_us > all->settings.answer_ms * 1000)
        connection_shut(connection, &all->figures.late_answers);
    else if (connection->request_us && !connection->answer_us &&
             now_us - connection->request_us > all->settings.request_ms * 1000)
        connection_shut(connection, &all->figures.late_requests);
    else if (connection->refused && now_us - connection->accepted_us > REFUSED_MS * 1000)
        connection_shut(connection, &all->figures.unanswered); /* it never asked */
    return false;
}

static void sweep(struct connections *all)
{
    all->swept_us = clock_monotonic_us();
    for (struct connection **at = &all->first; *at;) {
        struct connection *connection = *at;
        if (connection_look(connection, all->swept_us)) {
            *at = connection->next;
            connection_free(connection);
        } else {
            at = &connection->next;
        }
    }
}

static void on_sweep(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    sweep(context);
}

/* Those that have ended are still counted until the sweep. */
static bool is_full(struct connections *all)
{
    if ((int64_t)all->figures.open < all->settings.most)
        return false;
    if (clock_monotonic_us() - all->swept_us > SWEEP_MS * 1000 / 4)
        sweep(all);
    return (int64_t)all->figures.open >= all->settings.most && !idle_close(all);
}

static struct bufferevent *on_accept(struct event_base *base, void *context)
{
    struct connections *all = context;
    struct bufferevent *stream = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (!stream)
        return NULL;
    bool refused = is_full(all);
    struct connection *connection = xcalloc(1, sizeof *connection);
    *connection = (struct connection){.all = all,
                                      .next = all->first,
                                      .stream = stream,
                                      .accepted_us = clock_monotonic_us(),
                                      .fd = -1,
                                      .refused = refused};
    all->first = connection;
    all->figures.open++;
    all->figures.refused += connection->refused;
    bufferevent_incref(stream);
    evbuffer_add_cb(bufferevent_get_input(stream), on_input, connection);
    evbuffer_add_cb(bufferevent_get_output(stream), on_output, connection);
    if (!refused)
        idle_begin(connection);
    return stream;
}

/* ---- for the loop ---- */

struct connections *connections_new(struct event_base *base, struct evhttp *http,
                                    const struct connections_settings *settings)
{
    struct connections *all = xcalloc(1, sizeof *all);
    all->settings = *settings;
    TAILQ_INIT(&all->idle);
    all->base = base;
    all->sweep = event_new(base, -1, EV_PERSIST, on_sweep, all);
    event_add(all->sweep, &(struct timeval){0, SWEEP_MS * 1000});
    evhttp_set_bevcb(http, on_accept, all);
    return all;
}

void connections_free(struct connections *all)
{
    if (!all)
        return;
    for (struct connection *next, *connection = all->first; connection; connection = next) {
        next = connection->next;
        connection_free(connection);
    }
    event_free(all->sweep);
    free(all->by_fd);
    free(all);
}

struct connection *connection_of(struct connections *all, struct evhttp_request *request)
{
    struct bufferevent *stream =
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(request));
    struct connection *connection = all->by_fd[bufferevent_getfd(stream)];
    connection->request_us = 0;
    connection->called = true;
    return connection;
}

/* What has arrived behind the request belongs to the next one, which begins now. */
void connection_answered(struct connection *connection)
{
    connection->called = false;
    connection->look = (struct framing_look){0};
    received_forget(connection);
    size_t behind = evbuffer_get_length(bufferevent_get_input(connection->stream));
    if (connection_ended(connection) || behind == 0)
        return;
    connection->request_us = clock_monotonic_us();
    head_look(connection, behind);
}

bool connection_is_ambiguous(const struct connection *connection)
{
    return connection->look.ambiguous;
}

static bool address_is_local(const struct sockaddr_storage *address)
{
    const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;
    const unsigned char *four =
        (const unsigned char *)&((const struct sockaddr_in *)address)->sin_addr;
    if (address->ss_family == AF_INET)
        return four[0] == 127;
    if (address->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
    return address->ss_family == AF_UNIX;
}

bool connection_is_local(struct connection *connection)
{
    struct sockaddr_storage address;
    socklen_t bytes = sizeof address;
    if (connection->peer == PEER_UNASKED)
        connection->peer = !getpeername(bufferevent_getfd(connection->stream),
                                        (struct sockaddr *)&address, &bytes) &&
                                   address_is_local(&address)
                               ? PEER_LOCAL
                               : PEER_REMOTE;
    return connection->peer == PEER_LOCAL;
}

const char *connection_refusal(const struct connection *connection)
{
    const struct connections *all = connection->all;
    if (connection->refused)
        return "too many connections are open";
    if ((int64_t)all->figures.bytes > all->settings.bytes)
        return "too many bytes of requests and answers wait";
    return NULL;
}

void connections_figures(const struct connections *all, struct connections_figures *figures)
{
    const struct counts *now = &all->figures;
    *figures = (struct connections_figures){
        now->open,         now->bytes,      now->refused, now->late_requests,
        now->late_answers, now->over_bytes, now->idle,
    };
}
