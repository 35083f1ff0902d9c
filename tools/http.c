#include "tools/http.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"
#include "views/bytes.h"
#include "views/names.h"

enum {
    REQUEST_EVENTS = 1000,
    REQUEST_BYTES = 1024 * 1024,
    LINGER_US = 10000, /* a request is not posted for one event, if more come soon */
    RETRY_MIN_US = 100000,
    RETRY_MAX_US = 2000000,
    GIVE_UP_US = 300000000,
    GIVE_UP_STOP_US = 10000000, /* once a stop was asked */
    TIMEOUT_MS = 30000,
    ANSWER_BYTES = 300 /* kept of an answer, for a message */
};

struct batch {
    struct bytes body;
    int64_t events, since_us; /* when its first event came */
    bool bad;                 /* one bad record, alone */
};

struct lane {
    CURL *easy;
    struct batch filling, flying;
    bool under_way;     /* curl has `flying` */
    int64_t retry_us;   /* when `flying` is posted again; 0: it is not waiting */
    int64_t failing_us; /* since when posting it fails; 0: it does not */
    int64_t backoff_us;
    struct bytes answer;
};

struct http_sink {
    CURLM *multi;
    struct curl_slist *headers;
    char *url;
    struct lane *lane;
    size_t lanes;
    bool flushing;
    struct err fatal; /* nothing more can be sent */
    struct sink_figures figures;
};

static bool is_full(const struct batch *b)
{
    return b->events >= REQUEST_EVENTS || b->bad;
}

static bool has_room(const struct batch *b, const struct record *record)
{
    bool fits = b->body.n + record->value.n + 1 <= REQUEST_BYTES && !(record->bad && b->events);
    return b->events == 0 || (!is_full(b) && fits);
}

/* ---- one request ---- */

static size_t on_answer(char *at, size_t size, size_t n, void *context)
{
    struct bytes *answer = context;
    size_t all = size * n, room = ANSWER_BYTES - answer->n;
    bytes_put(answer, at, all < room ? all : room);
    return all;
}

static void post(struct http_sink *h, struct lane *l)
{
    bytes_clear(&l->answer);
    curl_easy_setopt(l->easy, CURLOPT_POSTFIELDS, l->flying.body.n ? l->flying.body.at : "");
    curl_easy_setopt(l->easy, CURLOPT_POSTFIELDSIZE, (long)l->flying.body.n);
    curl_multi_add_handle(h->multi, l->easy);
    l->under_way = true;
    l->retry_us = 0;
}

static void done(struct lane *l)
{
    bytes_clear(&l->flying.body);
    l->flying.events = 0;
    l->failing_us = 0;
    l->backoff_us = 0;
}

static void fail(struct http_sink *h, struct lane *l, const char *why)
{
    h->figures.failed += l->flying.events;
    if (h->fatal.kind == ERR_NONE)
        err_set(&h->fatal, ERR_FATAL, "post to %s: %s%s%.*s", h->url, why, l->answer.n ? ": " : "",
                (int)l->answer.n, l->answer.n ? l->answer.at : "");
    done(l);
}

/* 503, or no answer: the same bytes again. The ids in them make that safe, even if the first ones were stored. */
static void try_again(struct http_sink *h, struct lane *l, const char *why)
{
    int64_t now_us = clock_monotonic_us();
    if (!l->failing_us) {
        l->failing_us = now_us;
        log_warn("feed", "post to %s: %s; trying again with the same ids", h->url, why);
    }
    if (now_us - l->failing_us > (stop_asked() ? GIVE_UP_STOP_US : GIVE_UP_US)) {
        fail(h, l, why);
        return;
    }
    l->backoff_us = l->backoff_us ? 2 * l->backoff_us : RETRY_MIN_US;
    if (l->backoff_us > RETRY_MAX_US)
        l->backoff_us = RETRY_MAX_US;
    l->retry_us = now_us + l->backoff_us;
}

static void answered(struct http_sink *h, struct lane *l, CURLcode code)
{
    long status = 0;
    char words[64];
    curl_easy_getinfo(l->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(h->multi, l->easy);
    l->under_way = false;
    snprintf(words, sizeof words, "status %ld", status);
    bool away = status == 503 || status == 502 || status == 504 || status == 429;
    if (code != CURLE_OK || away) {
        try_again(h, l, code != CURLE_OK ? curl_easy_strerror(code) : words);
    } else if (status == 202) {
        h->figures.acknowledged += l->flying.events;
        done(l);
    } else if (l->flying.bad && (status == 422 || status == 400)) {
        h->figures.refused += l->flying.events;
        done(l);
    } else {
        fail(h, l, words);
    }
}

/* ---- all lanes ---- */

static void start_what_is_due(struct http_sink *h, int64_t now_us)
{
    for (size_t i = 0; i < h->lanes; i++) {
        struct lane *l = &h->lane[i];
        if (l->under_way)
            continue;
        if (l->flying.events) {
            if (now_us >= l->retry_us)
                post(h, l);
            continue;
        }
        const struct batch *f = &l->filling;
        if (f->events && (h->flushing || is_full(f) || now_us - f->since_us >= LINGER_US)) {
            struct batch empty = l->flying;
            l->flying = l->filling;
            l->filling = empty;
            post(h, l);
        }
    }
}

static void take_answers(struct http_sink *h)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(h->multi, &left));) {
        if (m->msg != CURLMSG_DONE)
            continue;
        for (size_t i = 0; i < h->lanes; i++)
            if (h->lane[i].easy == m->easy_handle) {
                answered(h, &h->lane[i], m->data.result);
                break;
            }
    }
}

static void http_work(void *self, int ms)
{
    struct http_sink *h = self;
    int running;
    start_what_is_due(h, clock_monotonic_us());
    curl_multi_perform(h->multi, &running);
    if (ms > 0)
        curl_multi_poll(h->multi, NULL, 0, ms, NULL);
    curl_multi_perform(h->multi, &running);
    take_answers(h);
}

static int http_send(void *self, const struct record *record, struct err *err)
{
    struct http_sink *h = self;
    struct lane *l = &h->lane[text_hash(record->key) % h->lanes];
    struct batch *b = &l->filling;
    while (h->fatal.kind == ERR_NONE && !has_room(b, record)) {
        if (!l->under_way && !l->flying.events)
            b->since_us = 0; /* due now, full or not */
        http_work(h, 1);
    }
    if (h->fatal.kind != ERR_NONE) {
        *err = h->fatal;
        return -1;
    }
    if (b->events == 0) {
        bytes_clear(&b->body);
        b->since_us = clock_monotonic_us();
    }
    b->bad = record->bad;
    b->events++;
    bytes_put_text(&b->body, record->value);
    if (!record->bad)
        bytes_put(&b->body, "\n", 1);
    h->figures.sent++;
    return 0;
}

static bool is_idle(const struct http_sink *h)
{
    for (size_t i = 0; i < h->lanes; i++)
        if (h->lane[i].flying.events || h->lane[i].filling.events)
            return false;
    return true;
}

/* Ends by itself: each lane gives up in the end. After a fatal answer what was not posted has failed. */
static int http_flush(void *self, struct err *err)
{
    struct http_sink *h = self;
    h->flushing = true;
    while (!is_idle(h) && h->fatal.kind == ERR_NONE)
        http_work(h, 10);
    h->flushing = false;
    h->figures.failed = h->figures.sent - h->figures.acknowledged - h->figures.refused;
    if (h->fatal.kind == ERR_NONE)
        return 0;
    *err = h->fatal;
    return -1;
}

/* ---- open, close ---- */

static void lane_close(struct http_sink *h, struct lane *l)
{
    if (l->under_way)
        curl_multi_remove_handle(h->multi, l->easy);
    curl_easy_cleanup(l->easy);
    bytes_free(&l->filling.body);
    bytes_free(&l->flying.body);
    bytes_free(&l->answer);
}

static void http_close(void *self)
{
    struct http_sink *h = self;
    for (size_t i = 0; i < h->lanes; i++)
        lane_close(h, &h->lane[i]);
    curl_multi_cleanup(h->multi);
    curl_slist_free_all(h->headers);
    curl_global_cleanup();
    free(h->lane);
    free(h->url);
    free(h);
}

static void lane_open(struct http_sink *h, struct lane *l)
{
    l->easy = curl_easy_init();
    curl_easy_setopt(l->easy, CURLOPT_URL, h->url);
    curl_easy_setopt(l->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(l->easy, CURLOPT_HTTPHEADER, h->headers);
    curl_easy_setopt(l->easy, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(l->easy, CURLOPT_WRITEDATA, &l->answer);
    curl_easy_setopt(l->easy, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    curl_easy_setopt(l->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(l->easy, CURLOPT_POST, 1L);
}

int http_sink_open(const char *url, int lanes, struct sink *sink, struct err *err)
{
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return err_set(err, ERR_FATAL, "--url %s: must begin with http:// or https://", url);
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return err_set(err, ERR_FATAL, "libcurl does not start");
    struct http_sink *h = xcalloc(1, sizeof *h);
    size_t n = strlen(url);
    h->url = xasprintf("%.*s/v1/events", (int)(n - (url[n - 1] == '/')), url);
    h->headers = curl_slist_append(NULL, "Content-Type: application/x-ndjson");
    h->headers = curl_slist_append(h->headers, "Expect:"); /* no round trip before the body */
    h->multi = curl_multi_init();
    h->lanes = (size_t)lanes;
    h->lane = xcalloc(h->lanes, sizeof *h->lane);
    for (size_t i = 0; i < h->lanes; i++)
        lane_open(h, &h->lane[i]);
    *sink = (struct sink){h, http_send, http_work, http_flush, http_close, &h->figures};
    return 0;
}
