/*
 * boards: named leaderboards, from a file that the operator writes (--boards): which view, how many hours, which categories.
 * Read once, at start; immutable. Not for: ranking.
 *
 *     [{"name":"bestsellers","view":"popular","hours":168},
 *      {"name":"lights","view":"popular","hours":24,"categories":["home/lights"]},
 *      {"name":"germany","view":"popular_country","country":"DE","hours":24},
 *      {"name":"bought","view":"bought_users"}]
 */
#ifndef TANDEM_SERVING_BOARDS_H
#define TANDEM_SERVING_BOARDS_H

#include "common/err.h"
#include "views/text.h"

enum { BOARDS_MAX = 100, BOARD_CATEGORIES = 16, BOARD_HOURS_MAX = 168 };

struct board {
    struct text name;
    struct text view;    /* popular, popular_country, item_users or bought_users */
    struct text country; /* of popular_country; n = 0: none */
    int hours;           /* 0: the view has no hours */
    struct text category[BOARD_CATEGORIES];
    int n_categories; /* 0: all */
};

struct boards;

/* `path`: "" for none. NULL: err names the file, the board and what is wrong with it. */
struct boards *boards_load(const char *path, struct err *err);
void boards_free(struct boards *boards);

int boards_count(const struct boards *boards); /* NULL has none */
const struct board *boards_at(const struct boards *boards, int i);
const struct board *boards_find(const struct boards *boards, struct text name); /* or NULL */

#endif
