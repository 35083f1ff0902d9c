#include "tests/fuzz/slow_json.h"

#include <stdlib.h>

#include "common/mem.h"

void *slow_memory(struct slow_block **memory, size_t n)
{
    struct slow_block *block = xcalloc(1, sizeof *block + n);
    block->next = *memory;
    *memory = block;
    return block + 1;
}

bool slow_string_equal(struct slow_string a, struct slow_string b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (a.c[i] != b.c[i])
            return false;
    return true;
}

static bool is_next(const struct slow_parser *p, char c)
{
    return p->at < p->end && *p->at == (unsigned char)c;
}

static bool take(struct slow_parser *p, char c)
{
    if (!is_next(p, c))
        return false;
    p->at++;
    return true;
}

void slow_space(struct slow_parser *p)
{
    while (take(p, ' ') || take(p, '\t') || take(p, '\n') || take(p, '\r'))
        ;
}

static bool take_word(struct slow_parser *p, const char *word)
{
    for (; *word; word++)
        if (!take(p, *word))
            return false;
    return true;
}

/* ---- strings ---- */

/* One UTF-8 character, by its value: then whether the form was the shortest and the value a character. */
static bool utf8(struct slow_parser *p, uint32_t *c)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned first = *p->at++;
    size_t n = first < 0x80       ? 1
               : first >> 5 == 6  ? 2
               : first >> 4 == 14 ? 3
               : first >> 3 == 30 ? 4
                                  : 0;
    if (n == 0)
        return false;
    *c = n == 1 ? first : first & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (p->at == p->end || *p->at >> 6 != 2)
            return false;
        *c = *c << 6 | (*p->at++ & 0x3fu);
    }
    return *c >= least[n] && *c <= 0x10ffff && (*c < 0xd800 || *c > 0xdfff);
}

static bool hex(struct slow_parser *p, uint32_t *c)
{
    *c = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF";
        const char *found = p->at < p->end && *p->at ? strchr(digits, *p->at) : NULL;
        if (!found)
            return false;
        *c = *c * 16 + (uint32_t)(found - digits) % 16;
        p->at++;
    }
    return true;
}

static bool escaped(struct slow_parser *p, uint32_t *c)
{
    static const char pairs[][2] = {{'"', '"'},  {'\\', '\\'}, {'/', '/'},  {'b', '\b'},
                                    {'f', '\f'}, {'n', '\n'},  {'r', '\r'}, {'t', '\t'}};
    if (take(p, 'u'))
        return hex(p, c);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (take(p, pairs[i][0])) {
            *c = (uint32_t)pairs[i][1];
            return true;
        }
    return false;
}

static bool pair_ends_in(const struct slow_string *s, bool before_was_escaped, uint32_t c)
{
    return before_was_escaped && s->n > 0 && s->c[s->n - 1] >= 0xd800 && s->c[s->n - 1] <= 0xdbff &&
           c >= 0xdc00 && c <= 0xdfff;
}

static bool string(struct slow_parser *p, struct slow_string *s)
{
    if (!take(p, '"'))
        return false;
    const unsigned char *quote = p->at;
    while (quote < p->end && *quote != '"')
        quote += *quote == '\\' ? 2 : 1;
    if (quote >= p->end)
        return false;
    s->c = slow_memory(p->memory, (size_t)(quote - p->at) * sizeof *s->c);
    s->n = 0;
    bool was_escaped = false;
    while (!take(p, '"')) {
        uint32_t c;
        bool is_escaped = take(p, '\\');
        if (is_escaped ? !escaped(p, &c) : (*p->at < 0x20 || !utf8(p, &c)))
            return false;
        if (is_escaped && pair_ends_in(s, was_escaped, c))
            s->c[s->n - 1] = 0x10000 + (s->c[s->n - 1] - 0xd800) * 0x400 + (c - 0xdc00);
        else
            s->c[s->n++] = c;
        was_escaped = is_escaped;
    }
    return true;
}

/* ---- numbers: [ "-" ] ( "0" | digit1-9 *digit ) [ "." 1*digit ] [ ("e"|"E") [ "+"|"-" ] 1*digit ] ---- */

static size_t digits(struct slow_parser *p)
{
    size_t n = 0;
    for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; n++)
        p->at++;
    return n;
}

static bool number(struct slow_parser *p, struct text *as_it_stands)
{
    const unsigned char *from = p->at;
    take(p, '-');
    bool zero = is_next(p, '0');
    size_t n = digits(p);
    if (n == 0 || (zero && n > 1))
        return false;
    if (take(p, '.') && digits(p) == 0)
        return false;
    if (take(p, 'e') || take(p, 'E')) {
        if (!take(p, '+'))
            take(p, '-');
        if (digits(p) == 0)
            return false;
    }
    *as_it_stands = (struct text){(const char *)from, (size_t)(p->at - from)};
    return true;
}

/* ---- containers ---- */

static bool array(struct slow_parser *p)
{
    slow_space(p);
    if (take(p, ']'))
        return true;
    do {
        struct slow_value element;
        slow_space(p);
        if (!slow_value(p, &element))
            return false;
        slow_space(p);
    } while (take(p, ','));
    return take(p, ']');
}

static bool member(struct slow_parser *p, struct slow_member *m)
{
    slow_space(p);
    if (!string(p, &m->key))
        return false;
    slow_space(p);
    if (!take(p, ':'))
        return false;
    slow_space(p);
    return slow_value(p, &m->value);
}

static bool object(struct slow_parser *p, struct slow_member **members)
{
    *members = NULL;
    slow_space(p);
    if (take(p, '}'))
        return true;
    do {
        struct slow_member *m = slow_memory(p->memory, sizeof *m), **last = members;
        if (!member(p, m))
            return false;
        for (; *last; last = &(*last)->next)
            if (slow_string_equal((*last)->key, m->key))
                return false;
        *last = m;
        slow_space(p);
    } while (take(p, ','));
    return take(p, '}');
}

bool slow_value(struct slow_parser *p, struct slow_value *value)
{
    if (take(p, '{')) {
        value->kind = SLOW_OBJECT;
        return object(p, &value->members);
    }
    if (take(p, '[')) {
        value->kind = SLOW_ARRAY;
        return array(p);
    }
    if (is_next(p, '"')) {
        value->kind = SLOW_STRING;
        return string(p, &value->string);
    }
    value->kind = SLOW_WORD;
    if (is_next(p, 't') || is_next(p, 'f') || is_next(p, 'n'))
        return take_word(p, is_next(p, 't') ? "true" : is_next(p, 'f') ? "false" : "null");
    value->kind = SLOW_NUMBER;
    return number(p, &value->number);
}
