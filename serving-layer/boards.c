#include "serving-layer/boards.h"

#include <jansson.h>
#include <stdlib.h>

#include "common/mem.h"
#include "serving-layer/plain_text.h"
#include "views/event.h"

enum { NAME_BYTES = 64, CATEGORY_BYTES = 128 };

struct boards {
    json_t *file; /* the texts lie in it */
    struct board board[BOARDS_MAX];
    int n;
};

/* 0: absent, or taken; -1: it is there and is no such text. */
static int text_take(const json_t *value, size_t bytes_max, struct text *into)
{
    if (!value)
        return 0;
    *into = (struct text){json_string_value(value), json_string_length(value)};
    return json_is_string(value) && plain_text_is(*into, bytes_max) ? 0 : -1;
}

static bool one_of(struct text text, const char *const *names)
{
    for (; *names; names++)
        if (text_equal(text, text_of(*names)))
            return true;
    return false;
}

static const char *fields_unknown(const json_t *json)
{
    static const char *const known[] = {"name", "view", "country", "hours", "categories", NULL};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key,
                        value) if (!one_of(text_of(key), known)) return key;
    return NULL;
}

static const char *categories_take(const json_t *json, struct board *board)
{
    size_t i;
    const json_t *category;
    if (!json)
        return NULL;
    if (!json_is_array(json) || json_array_size(json) < 1 ||
        json_array_size(json) > BOARD_CATEGORIES)
        return "categories is not a list of 1 to 16 categories";
    json_array_foreach(json, i, category)
    {
        if (text_take(category, CATEGORY_BYTES, &board->category[board->n_categories++]))
            return "categories holds what is no text of 1 to 128 bytes";
    }
    return NULL;
}

static const char *view_check(const json_t *hours, struct board *board)
{
    static const char *const by_hour[] = {"popular", "popular_country", NULL};
    static const char *const views[] = {"popular", "popular_country", "item_users", "bought_users",
                                        NULL};
    if (!one_of(board->view, views))
        return "view is not one of popular, popular_country, item_users, bought_users";
    if (text_equal(board->view, text_of("popular_country")) != (board->country.n > 0))
        return "country belongs to view popular_country, which needs it";
    if (!one_of(board->view, by_hour))
        return hours ? "hours belongs to views popular and popular_country" : NULL;
    json_int_t n = json_integer_value(hours);
    if (!json_is_integer(hours) || n < 1 || n > BOARD_HOURS_MAX)
        return "hours is not a whole number from 1 to 168";
    board->hours = (int)n;
    return NULL;
}

/* NULL, or what is wrong with it. */
static const char *board_take(const json_t *json, struct board *board)
{
    *board = (struct board){.name = {"", 0}, .view = {"", 0}, .country = {"", 0}};
    if (!json_is_object(json))
        return "is not a JSON object";
    if (text_take(json_object_get(json, "name"), NAME_BYTES, &board->name) || !board->name.n)
        return "name is not a text of 1 to 64 bytes";
    if (fields_unknown(json))
        return "has a field that is none of name, view, country, hours, categories";
    if (text_take(json_object_get(json, "view"), NAME_BYTES, &board->view) || !board->view.n)
        return "view is missing";
    if (text_take(json_object_get(json, "country"), EVENT_LABEL_BYTES, &board->country))
        return "country is not a text of 1 to 32 bytes";
    const char *wrong = view_check(json_object_get(json, "hours"), board);
    return wrong ? wrong : categories_take(json_object_get(json, "categories"), board);
}

static int boards_take(struct boards *boards, const char *path, struct err *err)
{
    size_t i;
    const json_t *json;
    if (!json_is_array(boards->file) || json_array_size(boards->file) > BOARDS_MAX)
        return err_set(err, ERR_FATAL, "%s is not a JSON list of at most 100 boards", path);
    json_array_foreach(boards->file, i, json)
    {
        struct board *board = &boards->board[boards->n];
        const char *wrong = board_take(json, board);
        if (!wrong && boards_find(boards, board->name))
            wrong = "has the name of another one";
        if (wrong)
            return err_set(err, ERR_FATAL, "%s: board %zu (%.*s): %s", path, i + 1,
                           (int)board->name.n, board->name.at, wrong);
        boards->n++;
    }
    return 0;
}

struct boards *boards_load(const char *path, struct err *err)
{
    json_error_t why;
    struct boards *boards = xcalloc(1, sizeof *boards);
    if (!path[0])
        return boards;
    boards->file = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (!boards->file)
        err_set(err, ERR_FATAL, "%s: %s, line %d", path, why.text, why.line);
    if (!boards->file || boards_take(boards, path, err)) {
        boards_free(boards);
        return NULL;
    }
    return boards;
}

void boards_free(struct boards *boards)
{
    if (!boards)
        return;
    json_decref(boards->file);
    free(boards);
}

int boards_count(const struct boards *boards)
{
    return boards ? boards->n : 0;
}

const struct board *boards_at(const struct boards *boards, int i)
{
    return &boards->board[i];
}

const struct board *boards_find(const struct boards *boards, struct text name)
{
    for (int i = 0; i < boards_count(boards); i++)
        if (text_equal(boards->board[i].name, name))
            return &boards->board[i];
    return NULL;
}
