/*
 * shop: what does not change in the generator's shop: which items there are, how popular, what they cost and are called;
 * where users live and what they hold in their hands. All a function of numbers: the same in every run.
 */
#ifndef TANDEM_TOOLS_SHOP_H
#define TANDEM_TOOLS_SHOP_H

#include <stdint.h>

#include "views/text.h"

/* splitmix64: small, fast, the same everywhere. */
struct chance {
    uint64_t state;
};
uint64_t chance_next(struct chance *chance);
uint64_t chance_below(struct chance *chance, uint64_t n); /* 0 .. n - 1 */

struct shop;

struct shop *shop_new(uint32_t items);
void shop_free(struct shop *shop);

/* An item by Zipf's law: the i-th most popular with weight 1 / i. */
uint32_t shop_popular_item(const struct shop *shop, struct chance *chance);
/* One that is liked by those who like `item`: so that items have something to do with each other. */
uint32_t shop_related_item(const struct shop *shop, uint32_t item, struct chance *chance);

enum { SHOP_NAME_BYTES = 48 };
int64_t shop_price(uint32_t item); /* minor units */
struct text shop_item_name(uint32_t item, char into[SHOP_NAME_BYTES]);
struct text shop_item_title(uint32_t item, char into[SHOP_NAME_BYTES]);

/* What a catalogue says of an item, beside its title. */
struct shop_description {
    struct text category, currency;
    int64_t price;  /* minor units */
    int64_t age_ms; /* since it came into the shop */
    bool available;
};
/* Of the item with this name (shop_item_name). */
struct shop_description shop_describe(struct text name);

struct text shop_user_name(uint32_t user, char into[SHOP_NAME_BYTES]);
struct text shop_country(uint32_t user);
struct text shop_currency(uint32_t user);
struct text shop_device(uint32_t user);

#endif
