#define _GNU_SOURCE /* memmem */
#include "serving-layer/item_search.h"

#include <assert.h>

/* Of letters whose small form has as many bytes (Unicode's simple case folding of them). */
static unsigned fold_code_point(unsigned c)
{
    if ((c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3a9 && c != 0x3a2) ||
        (c >= 0x410 && c <= 0x42f))
        return c + 0x20;
    if (c >= 0x400 && c <= 0x40f)
        return c + 0x50;
    if ((c >= 0x100 && c <= 0x12e) || (c >= 0x132 && c <= 0x136) || (c >= 0x14a && c <= 0x176))
        return c | 1;
    if ((c >= 0x139 && c <= 0x147) || (c >= 0x179 && c <= 0x17d))
        return c + (c & 1);
    return c;
}

void item_fold(struct text from, char *into)
{
    for (size_t i = 0; i < from.n; i++) {
        unsigned char c = (unsigned char)from.at[i];
        if (c >= 'A' && c <= 'Z') {
            c += 'a' - 'A';
        } else if (c >= 0xc3 && c < 0xe0 && i + 1 < from.n) {
            unsigned folded =
                fold_code_point((c & 0x1fU) << 6 | ((unsigned char)from.at[i + 1] & 0x3fU));
            into[i++] = (char)(0xc0 | folded >> 6);
            c = (unsigned char)(0x80 | (folded & 0x3f));
        }
        into[i] = (char)c;
    }
}

void item_search_query(struct item_search *search, struct text query)
{
    assert(query.n <= sizeof search->folded);
    item_fold(query, search->folded);
    const char *at = search->folded, *end = at + query.n;
    search->n_words = 0;
    search->whole = (struct text){at, 0};
    while (at < end) {
        for (; at < end && *at == ' '; at++)
            ;
        const char *word = at;
        for (; at < end && *at != ' '; at++)
            ;
        if (at == word)
            break;
        if (search->n_words == 0)
            search->whole.at = word;
        search->whole.n = (size_t)(at - search->whole.at);
        if (search->n_words < ITEM_WORDS_MAX)
            search->word[search->n_words++] = (struct text){word, (size_t)(at - word)};
    }
}

static bool query_fits(const struct item_search *search, const struct item *item)
{
    char folded[ITEM_TITLE_BYTES];
    if (search->whole.n == 0)
        return true;
    if (item->item.n <= ITEM_ID_BYTES && item->item.n >= search->whole.n) {
        item_fold((struct text){item->item.at, item->item.n}, folded);
        if (memcmp(folded, search->whole.at, search->whole.n) == 0)
            return true;
    }
    if (item->title.n == 0 || item->title.n > sizeof folded)
        return false;
    item_fold(item->title, folded);
    for (int w = 0; w < search->n_words; w++)
        if (!memmem(folded, item->title.n, search->word[w].at, search->word[w].n))
            return false;
    return true;
}

bool item_search_fits(const struct item_search *search, const struct item *item)
{
    return (search->available == ITEM_EITHER || search->available == item->available) &&
           (search->hidden == ITEM_EITHER || search->hidden == item->hidden) &&
           (search->category.n == 0 || item_category_in(item->category, search->category)) &&
           query_fits(search, item);
}
