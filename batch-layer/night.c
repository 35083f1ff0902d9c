#define _GNU_SOURCE /* timegm */
#include "batch-layer/night.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MINUTE = 60, QUARTER = 15 * MINUTE, FURTHEST_EAST = 15 * 3600 };

int night_parse(const char *text, struct night *night)
{
    for (int i = 0; i < 5; i++)
        if (i == 2 ? text[i] != ':' : !isdigit((unsigned char)text[i]))
            return -1;
    night->hour = (text[0] - '0') * 10 + text[1] - '0';
    night->minute = (text[3] - '0') * 10 + text[4] - '0';
    return text[5] || night->hour > 23 || night->minute > 59 ? -1 : 0;
}

/* The library takes a name that it does not know for UTC, so the file is looked at first. */
static bool zone_is_known(const char *zone)
{
    const char *folder = getenv("TZDIR");
    char path[PATH_MAX], magic[4] = "";
    for (const char *c = zone; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("/_+-", *c))
            return false;
    if (!*zone || *zone == '/')
        return false;
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "/usr/share/zoneinfo", zone);
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(magic, 1, sizeof magic, file) : 0;
    if (file)
        fclose(file);
    return n == sizeof magic && memcmp(magic, "TZif", sizeof magic) == 0;
}

int night_zone_set(const char *zone, struct err *err)
{
    char name[128];
    snprintf(name, sizeof name, ":%s", zone);
    if (strlen(zone) > 64 || !zone_is_known(zone))
        return err_set(
            err, ERR_FATAL,
            "time zone %.64s: there is none of this name here: one like Europe/Berlin or UTC, "
            "and the package tzdata installed",
            zone);
    setenv("TZ", name, 1);
    tzset();
    return 0;
}

/* Local clocks as seconds that can be compared: what timegm makes of the fields. */
static time_t local_seconds(time_t at)
{
    struct tm local;
    localtime_r(&at, &local);
    return timegm(&local);
}

/*
 * Due on the local day that is `days` from that of `now`: the first moment with that local time or a later one, looked for from
 * the furthest east on. In quarters, which hit it where there is such a time (offsets are made of them), then, in a gap, in minutes.
 */
static time_t due_on(struct night night, time_t now, int days)
{
    struct tm local;
    localtime_r(&now, &local);
    local.tm_mday += days;
    local.tm_hour = night.hour;
    local.tm_min = night.minute;
    local.tm_sec = 0;
    time_t wanted = timegm(&local);
    time_t at = wanted - FURTHEST_EAST;
    while (local_seconds(at) < wanted)
        at += QUARTER;
    while (local_seconds(at - MINUTE) >= wanted)
        at -= MINUTE;
    return at;
}

time_t night_last(struct night night, time_t now)
{
    for (int days = 1;; days--) {
        time_t due = due_on(night, now, days);
        if (due <= now)
            return due;
    }
}

time_t night_next(struct night night, time_t now)
{
    for (int days = -1;; days++) {
        time_t due = due_on(night, now, days);
        if (due > now)
            return due;
    }
}
