#include "serving-layer/origins.h"

#include <string.h>

static bool is_origin(const char *at, size_t n)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyz0123456789.-:[]";
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t scheme = strlen(schemes[i]);
        if (n > scheme && strncmp(at, schemes[i], scheme) == 0)
            return strspn(at + scheme, characters) >= n - scheme;
    }
    return false;
}

const char *origins_fault(const char *list)
{
    if (!*list || strcmp(list, "*") == 0)
        return NULL;
    for (const char *at = list;; at++) {
        size_t n = strcspn(at, ",");
        if (!is_origin(at, n))
            return "is neither * nor a list of origins as browsers write them: "
                   "https://shop.example,http://localhost:3000 (lower case, no path)";
        at += n;
        if (!*at)
            return NULL;
    }
}

const char *origins_allow(const char *list, const char *origin)
{
    if (!origin || !*origin || !*list)
        return NULL;
    if (strcmp(list, "*") == 0)
        return "*";
    size_t bytes = strlen(origin);
    for (const char *at = list;; at++) {
        size_t n = strcspn(at, ",");
        if (n == bytes && memcmp(at, origin, n) == 0)
            return origin;
        at += n;
        if (!*at)
            return NULL;
    }
}
