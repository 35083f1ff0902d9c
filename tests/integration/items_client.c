#define _DEFAULT_SOURCE /* usleep */
#include "tests/integration/items_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/integration/deployment.h"

char url[SERVERS][64];

void items_client_open(void)
{
    curl_global_init(CURL_GLOBAL_ALL);
    char *listen = output_of("printf %%s \"$TANDEM_LISTEN\"");
    const char *colon = strrchr(listen, ':');
    assert_non_null(colon);
    int port = atoi(colon + 1);
    for (int i = 0; i < SERVERS;
         i++) /* 12 above: behind the ports of Redis and of the layers' figures */
        snprintf(url[i], sizeof url[i], "http://127.0.0.1:%d/v1/items", port + 12 * i);
    free(listen);
}

static size_t body_take(char *at, size_t size, size_t n, void *context)
{
    bytes_put(&((struct answer *)context)->body, at, size * n);
    return size * n;
}

static size_t header_take(char *at, size_t size, size_t n, void *context)
{
    struct answer *answer = context;
    char line[256];
    snprintf(line, sizeof line, "%.*s", (int)(size * n), at);
    if (sscanf(line, "ETag: %63s", answer->etag) != 1 &&
        sscanf(line, "Retry-After: %15s", answer->retry_after) != 1)
        return size * n; /* another header */
    return size * n;
}

static _Thread_local CURL *client[SERVERS];

void items_client_leave(void)
{
    for (int i = 0; i < SERVERS; i++) {
        curl_easy_cleanup(client[i]);
        client[i] = NULL;
    }
}

struct answer ask(int server, const char *method, const char *path, const char *header,
                  const char *body)
{
    struct answer answer = {0};
    struct curl_slist *headers = header ? curl_slist_append(NULL, header) : NULL;
    char whole[512];
    if (!client[server])
        client[server] = curl_easy_init();
    CURL *curl = client[server];
    curl_easy_reset(curl);
    snprintf(whole, sizeof whole, "%s%s", url[server], path);
    curl_easy_setopt(curl, CURLOPT_URL, whole);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, header_take);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
    if (body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        fprintf(stderr, "%s %s: %s\n", method, whole, curl_easy_strerror(code));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_slist_free_all(headers);
    bytes_put(&answer.body, "", 1);
    return answer;
}

const char *answers(int server, long status, const char *text, const char *method, const char *path,
                    const char *header, const char *body)
{
    static char etag[64];
    struct answer answer = ask(server, method, path, header, body);
    if (answer.status != status || !strstr(answer.body.at, text))
        fail_msg("%s %s: instead of %ld with '%s': %ld %s", method, path, status, text,
                 answer.status, answer.body.at);
    snprintf(etag, sizeof etag, "%s", answer.etag);
    bytes_free(&answer.body);
    return etag;
}

bool has(int server, const char *path, long status, const char *text)
{
    struct answer answer = ask(server, "GET", path, NULL, NULL);
    bool good = answer.status == status && strstr(answer.body.at, text);
    bytes_free(&answer.body);
    return good;
}

int64_t wait_for(int server, const char *path, long status, const char *text)
{
    int64_t began_us = clock_monotonic_us();
    while (!has(server, path, status, text)) {
        if (clock_monotonic_us() - began_us > PATIENCE_S * INT64_C(1000000))
            fail_msg("server %d: %s is not %ld with '%s'", server, path, status, text);
        usleep(500);
    }
    return clock_monotonic_us() - began_us;
}
