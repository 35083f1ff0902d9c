#include "handover/speed_keys.h"

#include <inttypes.h>
#include <stdio.h>

#define GEN_PREFIX "tandem:gen:"

static void put_number(struct bytes *into, int64_t number)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRId64, number);
    bytes_put(into, digits, (size_t)n);
}

/* Ends the key with a 0 that is not counted. */
static void key_end(struct bytes *key)
{
    *bytes_room(key, 1) = 0;
}

static void key_begin(struct bytes *key, const char *prefix, int64_t segment)
{
    bytes_clear(key);
    bytes_put_text(key, text_of(prefix));
    put_number(key, segment);
}

void speed_row_name(struct bytes *into, const char *view, struct text group)
{
    bytes_clear(into);
    bytes_put_text(into, text_of(view));
    bytes_put(into, ":", 1);
    bytes_put_text(into, group);
    key_end(into);
}

void speed_row_key(struct bytes *into, int64_t segment, struct text row_name)
{
    key_begin(into, SPEED_ROW_PREFIX, segment);
    bytes_put(into, ":", 1);
    bytes_put_text(into, row_name);
    key_end(into);
}

void speed_gen_key(struct bytes *into, int64_t segment)
{
    key_begin(into, GEN_PREFIX, segment);
    key_end(into);
}

void speed_user_key(struct bytes *into, int64_t segment, int partition)
{
    key_begin(into, SPEED_USER_PREFIX, segment);
    bytes_put(into, ":", 1);
    put_number(into, partition);
    key_end(into);
}

static bool cut_prefix(struct text *rest, const char *prefix)
{
    size_t n = strlen(prefix);
    if (rest->n < n || memcmp(rest->at, prefix, n) != 0)
        return false;
    rest->at += n;
    rest->n -= n;
    return true;
}

/* Digits up to the end or a ':', as key_begin wrote them: no sign, no leading 0. */
static bool cut_segment(struct text *rest, int64_t *segment)
{
    int64_t number = 0;
    size_t n = 0;
    for (; n < rest->n && n < 18 && rest->at[n] >= '0' && rest->at[n] <= '9'; n++)
        number = number * 10 + (rest->at[n] - '0');
    if (n == 0 || (n > 1 && rest->at[0] == '0') || (n < rest->n && rest->at[n] != ':'))
        return false;
    rest->at += n;
    rest->n -= n;
    *segment = number;
    return true;
}

bool speed_row_key_parse(struct text key, int64_t *segment, struct text *view, struct text *group)
{
    if (!cut_prefix(&key, SPEED_ROW_PREFIX) || !cut_segment(&key, segment) ||
        !cut_prefix(&key, ":"))
        return false;
    const char *colon = key.n ? memchr(key.at, ':', key.n) : NULL;
    if (!colon || colon == key.at)
        return false;
    *view = (struct text){key.at, (size_t)(colon - key.at)};
    *group = (struct text){colon + 1, key.n - view->n - 1};
    return true;
}

bool speed_number_parse(struct text text, int64_t *number)
{
    return cut_segment(&text, number) && text.n == 0;
}

bool speed_segment_key_parse(struct text key, int64_t *segment)
{
    return (cut_prefix(&key, SPEED_ROW_PREFIX) || cut_prefix(&key, GEN_PREFIX) ||
            cut_prefix(&key, SPEED_USER_PREFIX)) &&
           cut_segment(&key, segment);
}
