#include "serving-layer/item.h"

bool item_category_in(struct text category, struct text above)
{
    return category.n >= above.n && text_equal((struct text){category.at, above.n}, above) &&
           (category.n == above.n || category.at[above.n] == '/');
}

int item_order(int64_t a_created_ms, struct text a, int64_t b_created_ms, struct text b)
{
    if (a_created_ms != b_created_ms)
        return a_created_ms > b_created_ms ? -1 : 1;
    return text_compare(a, b);
}
