#define _POSIX_C_SOURCE 200809L
#include "tools/title_votes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "views/names.h"

enum { TITLE_BYTES = 200 };

struct pair {            /* an item with one of its descriptions */
    uint32_t item, next; /* next pair of that item; NAMES_ABSENT: none */
    int64_t count;
};

struct title_votes {
    struct names *items, *pairs; /* a pair's name: item TAB description */
    uint32_t *first;             /* by item */
    struct pair *pair;           /* by pair */
    size_t first_cap, pair_cap;
    struct bytes key;
};

struct title_votes *title_votes_new(void)
{
    struct title_votes *t = xcalloc(1, sizeof *t);
    t->items = names_new();
    t->pairs = names_new();
    return t;
}

void title_votes_free(struct title_votes *t)
{
    if (!t)
        return;
    names_free(t->items);
    names_free(t->pairs);
    free(t->first);
    free(t->pair);
    bytes_free(&t->key);
    free(t);
}

static struct text trimmed(struct text t)
{
    while (t.n && *t.at == ' ') {
        t.at++;
        t.n--;
    }
    while (t.n && t.at[t.n - 1] == ' ')
        t.n--;
    return t;
}

/* Bytes of the UTF-8 character at the front, 0: none, or a control character. */
static size_t character(struct text t)
{
    unsigned char c = (unsigned char)*t.at;
    if (c < 0x80)
        return c >= 0x20 && c != 0x7f;
    size_t n = c >= 0xc2 && c < 0xe0   ? 2
               : c >= 0xe0 && c < 0xf0 ? 3
               : c >= 0xf0 && c < 0xf5 ? 4
                                       : 0;
    if (n == 0 || n > t.n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if (((unsigned char)t.at[i] & 0xc0) != 0x80)
            return 0;
    unsigned char second = (unsigned char)t.at[1];
    bool wrong = (c == 0xc2 && second < 0xa0) || (c == 0xe0 && second < 0xa0) ||
                 (c == 0xed && second >= 0xa0) || (c == 0xf0 && second < 0x90) ||
                 (c == 0xf4 && second >= 0x90);
    return wrong ? 0 : n;
}

static bool can_be_shown(struct text t)
{
    if (t.n == 0 || t.n > TITLE_BYTES)
        return false;
    while (t.n) {
        size_t n = character(t);
        if (n == 0)
            return false;
        t.at += n;
        t.n -= n;
    }
    return true;
}

static uint32_t put_item(struct title_votes *t, struct text item)
{
    uint32_t known = names_count(t->items);
    uint32_t symbol = names_put(t->items, item);
    if (symbol >= known) {
        t->first = grown(t->first, &t->first_cap, symbol + 1, sizeof *t->first);
        t->first[symbol] = NAMES_ABSENT;
    }
    return symbol;
}

void title_votes_add(struct title_votes *t, struct text item, struct text description)
{
    description = trimmed(description);
    if (!can_be_shown(description))
        return;
    bytes_clear(&t->key);
    bytes_put_text(&t->key, item);
    bytes_put(&t->key, "\t", 1);
    bytes_put_text(&t->key, description);
    uint32_t known = names_count(t->pairs);
    uint32_t symbol = names_put(t->pairs, bytes_text(&t->key));
    if (symbol >= known) {
        uint32_t of = put_item(t, item);
        t->pair = grown(t->pair, &t->pair_cap, symbol + 1, sizeof *t->pair);
        t->pair[symbol] = (struct pair){of, t->first[of], 0};
        t->first[of] = symbol;
    }
    t->pair[symbol].count++;
}

/* The description of a pair. */
static struct text description_of(const struct title_votes *t, uint32_t pair)
{
    size_t skip = names_text(t->items, t->pair[pair].item).n + 1;
    struct text whole = names_text(t->pairs, pair);
    return (struct text){whole.at + skip, whole.n - skip};
}

static bool is_better(const struct title_votes *t, uint32_t a, uint32_t b)
{
    if (t->pair[a].count != t->pair[b].count)
        return t->pair[a].count > t->pair[b].count;
    struct text left = description_of(t, a), right = description_of(t, b);
    return left.n != right.n ? left.n > right.n : text_compare(left, right) < 0;
}

bool title_votes_next(struct title_votes *t, size_t *cursor, struct text *item, struct text *title)
{
    if (*cursor >= names_count(t->items))
        return false;
    uint32_t best = t->first[*cursor];
    for (uint32_t p = best; p != NAMES_ABSENT; p = t->pair[p].next)
        if (is_better(t, p, best))
            best = p;
    *item = names_text(t->items, (uint32_t)*cursor);
    *title = description_of(t, best);
    ++*cursor;
    return true;
}

int title_votes_write(struct title_votes *t, const char *path, struct err *err)
{
    FILE *to = fopen(path, "w");
    if (!to)
        return err_set(err, ERR_FATAL, "open %s: %s", path, strerror(errno));
    struct text item, title;
    for (size_t cursor = 0; title_votes_next(t, &cursor, &item, &title);)
        fprintf(to, "%.*s\t%.*s\n", (int)item.n, item.at, (int)title.n, title.at);
    int failed = ferror(to);
    if (fclose(to) || failed)
        return err_set(err, ERR_FATAL, "write %s: %s", path, strerror(errno));
    return 0;
}
