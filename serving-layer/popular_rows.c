#include "serving-layer/popular_rows.h"

#include <inttypes.h>
#include <stdio.h>

size_t popular_rows(struct text country, int64_t last, int64_t hours, struct row_ref *rows,
                    struct popular_names *names)
{
    unsigned view = (unsigned)catalogue_find(text_of(country.n ? "popular_country" : "popular"));
    size_t n = 0;
    for (; (int64_t)n < hours && (int64_t)n <= last; n++) {
        char *name = names[n].name;
        snprintf(name, sizeof names[n].name, "%" PRId64 "%s%.*s", last - (int64_t)n,
                 country.n ? "/" : "", (int)country.n, country.at);
        rows[n] = (struct row_ref){view, text_of(name)};
    }
    return n;
}
