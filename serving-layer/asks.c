#include "serving-layer/asks.h"

#include <stdlib.h>

#include "common/mem.h"

void asks_put(struct asks *asks, struct ask *ask)
{
    ask->next = NULL;
    *(asks->first ? asks->behind : &asks->first) = ask;
    asks->behind = &ask->next;
    asks->n++;
    asks->n_rows += ask->n_rows;
}

struct ask *asks_take(struct asks *asks)
{
    struct ask *ask = asks->first;
    if (!ask)
        return NULL;
    asks->first = ask->next;
    asks->n--;
    asks->n_rows -= ask->n_rows;
    return ask;
}

struct ask *ask_make(struct ask *used, const struct row_ref *rows, size_t n, struct text user)
{
    struct ask *ask = used ? used : xcalloc(1, sizeof *ask);
    bytes_clear(&ask->texts);
    bytes_room(&ask->texts, 1); /* empty texts have a place, too */
    ask->rows = grown(ask->rows, &ask->rows_cap, n, sizeof *ask->rows);
    ask->n_rows = n;
    for (size_t i = 0; i < n; i++) {
        ask->rows[i] = (struct asked_row){rows[i].view, ask->texts.n, rows[i].group.n, NULL};
        bytes_put_text(&ask->texts, rows[i].group);
    }
    ask->user_at = ask->texts.n;
    ask->user_bytes = user.n;
    ask->user = NO_USER;
    bytes_put_text(&ask->texts, user);
    return ask;
}

void ask_free(struct ask *ask)
{
    if (!ask)
        return;
    bytes_free(&ask->texts);
    free(ask->rows);
    free(ask);
}
