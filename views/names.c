#include "views/names.h"

#include <assert.h>
#include <stdlib.h>

#include "views/bytes.h"

struct name {
    uint32_t at; /* offset of its text */
    uint32_t n;
    uint32_t hash; /* upper half of its hash, to compare texts seldom */
};

struct names {
    struct bytes texts;
    struct name *name; /* by symbol */
    size_t count, cap;
    uint32_t *slot; /* open addressing: symbol + 1, 0 is free; at most half full */
    size_t n_slots; /* a power of two */
};

/* The 64-bit multiply-and-mix of MurmurHash64A (Austin Appleby, public domain algorithm), seed 0. */
uint64_t text_hash(struct text text)
{
    const uint64_t m = UINT64_C(0xc6a4a7935bd1e995);
    uint64_t h = text.n * m;
    size_t n = text.n;
    const char *at = text.at;
    for (; n >= 8; n -= 8, at += 8) {
        uint64_t k;
        memcpy(&k, at, 8);
        k *= m;
        k ^= k >> 47;
        h = (h ^ (k * m)) * m;
    }
    if (n) {
        uint64_t k = 0;
        memcpy(&k, at, n);
        h = (h ^ k) * m;
    }
    h ^= h >> 47;
    h *= m;
    return h ^ (h >> 47);
}

struct names *names_new(void)
{
    size_t cap = 0;
    struct names *names = grown(NULL, &cap, 1, sizeof *names);
    *names = (struct names){.n_slots = 256};
    names->slot = calloc(names->n_slots, sizeof *names->slot);
    if (!names->slot)
        abort();
    bytes_room(&names->texts, 1); /* an empty text has a place, too */
    return names;
}

static void *array_copy(const void *from, size_t n, size_t size)
{
    size_t cap = 0;
    void *copy = grown(NULL, &cap, n, size);
    memcpy(copy, from, n * size);
    return copy;
}

struct names *names_copy(const struct names *from)
{
    struct names *names = array_copy(from, 1, sizeof *from);
    names->texts = (struct bytes){0};
    bytes_put_text(&names->texts, bytes_text(&from->texts));
    names->name = NULL;
    names->cap = from->count;
    if (from->count)
        names->name = array_copy(from->name, from->count, sizeof *from->name);
    names->slot = array_copy(from->slot, from->n_slots, sizeof *from->slot);
    return names;
}

void names_free(struct names *names)
{
    if (!names)
        return;
    bytes_free(&names->texts);
    free(names->name);
    free(names->slot);
    free(names);
}

/* The slot that holds the text, or the free one where it belongs. */
static size_t names_slot(const struct names *names, struct text text, uint64_t hash)
{
    size_t mask = names->n_slots - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        uint32_t symbol = names->slot[i];
        if (!symbol)
            return i;
        const struct name *name = &names->name[symbol - 1];
        if (name->hash == (uint32_t)(hash >> 32) && name->n == text.n &&
            (!text.n || memcmp(names->texts.at + name->at, text.at, text.n) == 0))
            return i;
    }
}

static void names_double(struct names *names)
{
    free(names->slot);
    names->n_slots *= 2;
    names->slot = calloc(names->n_slots, sizeof *names->slot);
    if (!names->slot)
        abort();
    size_t mask = names->n_slots - 1;
    for (size_t s = 0; s < names->count; s++) {
        size_t i = text_hash(names_text(names, (uint32_t)s)) & mask;
        while (names->slot[i])
            i = (i + 1) & mask;
        names->slot[i] = (uint32_t)s + 1;
    }
}

uint32_t names_put(struct names *names, struct text text)
{
    uint64_t hash = text_hash(text);
    size_t slot = names_slot(names, text, hash);
    if (names->slot[slot])
        return names->slot[slot] - 1;
    assert(names->texts.n + text.n < UINT32_MAX && names->count < UINT32_MAX - 1);
    names->name = grown(names->name, &names->cap, names->count + 1, sizeof *names->name);
    names->name[names->count] =
        (struct name){(uint32_t)names->texts.n, (uint32_t)text.n, (uint32_t)(hash >> 32)};
    bytes_put_text(&names->texts, text);
    names->slot[slot] = (uint32_t)++names->count;
    if (names->count * 2 > names->n_slots)
        names_double(names);
    return (uint32_t)names->count - 1;
}

uint32_t names_find(const struct names *names, struct text text)
{
    uint32_t symbol = names->slot[names_slot(names, text, text_hash(text))];
    return symbol ? symbol - 1 : NAMES_ABSENT;
}

struct text names_text(const struct names *names, uint32_t symbol)
{
    assert(symbol < names->count);
    const struct name *name = &names->name[symbol];
    return (struct text){names->texts.at + name->at, name->n};
}

uint32_t names_count(const struct names *names)
{
    return (uint32_t)names->count;
}

size_t names_bytes(const struct names *names)
{
    return sizeof *names + names->texts.cap + names->cap * sizeof *names->name +
           names->n_slots * sizeof *names->slot;
}
