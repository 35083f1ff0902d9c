#include "tools/shop.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"

struct shop {
    uint32_t items;
    uint64_t *up_to; /* sum of the weights of the items 0 .. i */
};

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t chance_next(struct chance *chance)
{
    return mix(chance->state += UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t chance_below(struct chance *chance, uint64_t n)
{
    return chance_next(chance) % n; /* n is far below 2^64: nobody sees the difference */
}

struct shop *shop_new(uint32_t items)
{
    struct shop *shop = xcalloc(1, sizeof *shop);
    shop->items = items;
    shop->up_to = xcalloc(items, sizeof *shop->up_to);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < items; i++)
        shop->up_to[i] = sum += (UINT64_C(1) << 40) / (i + 1);
    return shop;
}

void shop_free(struct shop *shop)
{
    if (!shop)
        return;
    free(shop->up_to);
    free(shop);
}

uint32_t shop_popular_item(const struct shop *shop, struct chance *chance)
{
    uint64_t wanted = chance_below(chance, shop->up_to[shop->items - 1]);
    uint32_t low = 0, high = shop->items - 1;
    while (low < high) { /* the first item whose sum is above `wanted` */
        uint32_t middle = low + (high - low) / 2;
        if (shop->up_to[middle] > wanted)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

uint32_t shop_related_item(const struct shop *shop, uint32_t item, struct chance *chance)
{
    uint64_t k = chance_below(chance, 6); /* each item has six that go with it */
    return (uint32_t)(mix(item / 3 * UINT64_C(31) + k) % shop->items);
}

int64_t shop_price(uint32_t item)
{
    return 99 + (int64_t)(mix(item + UINT64_C(1)) % 200) * 50;
}

struct text shop_item_name(uint32_t item, char into[SHOP_NAME_BYTES])
{
    int n = snprintf(into, SHOP_NAME_BYTES, "item-%05u", item);
    return (struct text){into, (size_t)n};
}

static const struct {
    const char *name, *category;
} kinds[] = {{"mug", "home/kitchen"},      {"lantern", "home/lights"}, {"cushion", "home/living"},
             {"notebook", "office/paper"}, {"lamp", "home/lights"},    {"bowl", "home/kitchen"},
             {"clock", "home/living"},     {"bag", "fashion/bags"},    {"candle", "home/lights"},
             {"frame", "home/living"},     {"kettle", "home/kitchen"}, {"blanket", "home/living"},
             {"basket", "home/living"}};

static size_t kind_of(uint32_t item)
{
    return mix(item + UINT64_C(77)) % (sizeof kinds / sizeof *kinds);
}

struct text shop_item_title(uint32_t item, char into[SHOP_NAME_BYTES])
{
    static const char *const colours[] = {"Red",   "Blue",   "White",   "Green",
                                          "Black", "Silver", "Striped", "Vintage"};
    uint64_t colour = mix(item) % (sizeof colours / sizeof *colours);
    int n = snprintf(into, SHOP_NAME_BYTES, "%s %s no. %u", colours[colour],
                     kinds[kind_of(item)].name, item);
    return (struct text){into, (size_t)n};
}

struct shop_description shop_describe(struct text name)
{
    enum { DAY_MS = 86400000, OLDEST_DAYS = 400, ONE_IN_IS_GONE = 25 };
    uint32_t item = 0;
    for (size_t i = strlen("item-"); i < name.n; i++)
        item = item * 10 + (uint32_t)(name.at[i] - '0');
    return (struct shop_description){
        .category = text_of(kinds[kind_of(item)].category),
        .currency = text_of("GBP"),
        .price = shop_price(item),
        .age_ms = (int64_t)(mix(item + UINT64_C(5)) % OLDEST_DAYS) * DAY_MS,
        .available = mix(item + UINT64_C(9)) % ONE_IN_IS_GONE != 0,
    };
}

struct text shop_user_name(uint32_t user, char into[SHOP_NAME_BYTES])
{
    int n = snprintf(into, SHOP_NAME_BYTES, "user-%06u", user);
    return (struct text){into, (size_t)n};
}

static const char *const homes[][2] = {{"GB", "GBP"}, {"DE", "EUR"}, {"FR", "EUR"}, {"US", "USD"},
                                       {"CH", "CHF"}, {"GB", "GBP"}, {"US", "USD"}, {"JP", "JPY"}};

static const char *const *home_of(uint32_t user)
{
    return homes[mix(user * UINT64_C(3) + 5) % (sizeof homes / sizeof *homes)];
}

struct text shop_country(uint32_t user)
{
    return text_of(home_of(user)[0]);
}

struct text shop_currency(uint32_t user)
{
    return text_of(home_of(user)[1]);
}

struct text shop_device(uint32_t user)
{
    static const char *const devices[] = {"mobile",  "mobile",  "mobile",
                                          "desktop", "desktop", "tablet"};
    return text_of(devices[mix(user * UINT64_C(7) + 1) % (sizeof devices / sizeof *devices)]);
}
