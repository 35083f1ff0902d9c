#include "handover/view_state.h"

#include <inttypes.h>
#include <stdio.h>

#include "handover/database.h"

int view_state_read(PGconn *db, int64_t n, struct view_state *state, struct err *err)
{
    char number[24];
    *state = (struct view_state){0};
    snprintf(number, sizeof number, "%" PRId64, n);
    PGresult *result =
        database_query(db, err, "SELECT view, served::int FROM view_state WHERE n = $1", 1,
                       (const char *[]){number});
    for (int r = 0; result && r < PQntuples(result); r++) {
        const char *name = PQgetvalue(result, r, 0);
        int view = catalogue_find(text_of(name));
        if (view < 0) {
            snprintf(state->foreign, sizeof state->foreign, "%s", name);
            continue;
        }
        state->complete |= UINT64_C(1) << view;
        if (*PQgetvalue(result, r, 1) == '1')
            state->served |= UINT64_C(1) << view;
    }
    PQclear(result);
    return result ? 0 : -1;
}

const char *view_names(uint64_t views, const char *between, char into[VIEW_NAMES_BYTES])
{
    size_t at = 0;
    *into = 0;
    for (unsigned v = 0; v < catalogue_views; v++)
        if (views >> v & 1 && at < VIEW_NAMES_BYTES)
            at += (size_t)snprintf(into + at, VIEW_NAMES_BYTES - at, "%s%s", at ? between : "",
                                   catalogue[v].name);
    return into;
}
