#include "views/json.h"

#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "views/names.h" /* text_hash */
#include "views/utf8.h"

void json_begin(struct json_scan *scan, struct text text)
{
    scan->at = text.at;
    scan->end = text.at + text.n;
    bytes_clear(&scan->unescaped);
    scan->n_keys = scan->n_frames = 0;
}

void json_scan_free(struct json_scan *scan)
{
    bytes_free(&scan->unescaped);
    free(scan->key);
    free(scan->frame);
    *scan = (struct json_scan){0};
}

/* ---- strings ---- */

const char *json_plain_end(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'),
                  del = _mm_set1_epi8(0x7f), space = _mm_set1_epi8(' ');
    for (; end - at >= 16; at += 16) {
        __m128i c = _mm_loadu_si128((const __m128i *)(const void *)at);
        /* signed: bytes from 0x80 on are less than a space, too */
        __m128i special =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(c, quote), _mm_cmpeq_epi8(c, backslash)),
                         _mm_or_si128(_mm_cmpeq_epi8(c, del), _mm_cmplt_epi8(c, space)));
        int mask = _mm_movemask_epi8(special);
        if (mask)
            return at + __builtin_ctz((unsigned)mask);
    }
#endif
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20 &&
           (unsigned char)*at < 0x7f)
        at++;
    return at;
}

static int hex4(const char *at, const char *end)
{
    int value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static void utf8_put(struct bytes *into, int c)
{
    unsigned char *at = (unsigned char *)bytes_room(into, 4);
    size_t n = 0;
    if (c < 0x80) {
        at[n++] = (unsigned char)c;
    } else if (c < 0x800) {
        at[n++] = (unsigned char)(0xc0 | c >> 6);
    } else if (c < 0x10000) {
        at[n++] = (unsigned char)(0xe0 | c >> 12);
        at[n++] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
    } else {
        at[n++] = (unsigned char)(0xf0 | c >> 18);
        at[n++] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
        at[n++] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
    }
    if (c >= 0x80)
        at[n++] = (unsigned char)(0x80 | (c & 0x3f));
    into->n += n;
}

static void character_note(struct json_string *string, int c)
{
    if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
        string->has_control = true;
}

/* \uXXXX, at the first digit; takes a low surrogate that follows a high one with it. */
static int unicode_escape(struct json_scan *s, struct json_string *string)
{
    int c = hex4(s->at, s->end);
    if (c < 0)
        return JSON_BAD;
    s->at += 4;
    if (c >= 0xd800 && c <= 0xdbff && s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u') {
        int low = hex4(s->at + 2, s->end);
        if (low >= 0xdc00 && low <= 0xdfff) {
            s->at += 6;
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    if (c >= 0xd800 && c <= 0xdfff)
        string->has_lone_surrogate = true;
    character_note(string, c);
    utf8_put(&s->unescaped, c);
    return 0;
}

static int escape(struct json_scan *s, struct json_string *string)
{
    static const char letters[] = "\"\\/bfnrt", meaning[] = "\"\\/\b\f\n\r\t";
    s->at++; /* the backslash */
    if (s->at == s->end)
        return JSON_BAD;
    char c = *s->at++;
    if (c == 'u')
        return unicode_escape(s, string);
    const char *found = memchr(letters, c, sizeof letters - 1);
    if (!found)
        return JSON_BAD;
    c = meaning[found - letters];
    character_note(string, c);
    bytes_put(&s->unescaped, &c, 1);
    return 0;
}

/* Goes to the closing quote or to a backslash. 0 or JSON_BAD. */
static int plain_run(struct json_scan *s, struct json_string *string)
{
    for (;;) {
        s->at = json_plain_end(s->at, s->end);
        if (s->at == s->end)
            return JSON_BAD;
        unsigned char c = (unsigned char)*s->at;
        if (c == '"' || c == '\\')
            return 0;
        if (c < 0x20)
            return JSON_BAD;
        size_t n =
            c == 0x7f ? 1 : utf8_length((const unsigned char *)s->at, (size_t)(s->end - s->at));
        if (n == 0)
            return JSON_BAD;
        if (c == 0x7f || (c == 0xc2 && (unsigned char)s->at[1] <= 0x9f))
            string->has_control = true;
        s->at += n;
    }
}

int json_string_rest(struct json_scan *s, const char *from, struct json_string *string)
{
    *string = (struct json_string){0};
    if (plain_run(s, string))
        return JSON_BAD;
    if (*s->at == '"') {
        string->text = (struct text){from, (size_t)(s->at++ - from)};
        return 0;
    }
    /* Room for all that can come, at once: texts of earlier strings stay where they are. */
    if (s->unescaped.n == 0)
        bytes_room(&s->unescaped, (size_t)(s->end - from) + 4);
    size_t start = s->unescaped.n;
    for (;;) {
        bytes_put(&s->unescaped, from, (size_t)(s->at - from));
        if (*s->at == '"')
            break;
        if (escape(s, string))
            return JSON_BAD;
        from = s->at;
        if (plain_run(s, string))
            return JSON_BAD;
    }
    s->at++;
    string->text = (struct text){s->unescaped.at + start, s->unescaped.n - start};
    return 0;
}

/* ---- numbers ---- */

static bool digit_next(const struct json_scan *s)
{
    return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static int digits(struct json_scan *s)
{
    if (!digit_next(s))
        return JSON_BAD;
    while (digit_next(s))
        s->at++;
    return 0;
}

int json_number(struct json_scan *s, struct json_number *number)
{
    bool negative = json_take(s, '-');
    const char *first = s->at;
    int64_t value = 0;
    *number = (struct json_number){.is_integer = true};
    if (!digit_next(s))
        return JSON_BAD;
    if (*s->at == '0')
        s->at++;
    else
        for (; digit_next(s); s->at++)
            if (s->at - first < 18)
                value = value * 10 + (*s->at - '0');
    number->fits = s->at - first <= 18;
    number->value = negative ? -value : value;
    if (json_take(s, '.')) {
        number->is_integer = false;
        if (digits(s))
            return JSON_BAD;
    }
    if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
        number->is_integer = false;
        s->at++;
        if (!json_take(s, '-'))
            json_take(s, '+');
        if (digits(s))
            return JSON_BAD;
    }
    return digit_next(s) ? JSON_BAD : 0; /* 01 */
}

/* ---- keys ---- */

void json_key_push(struct json_scan *s, struct text key)
{
    s->key = grown(s->key, &s->key_cap, s->n_keys + 1, sizeof *s->key);
    s->key[s->n_keys++] = (struct json_key){text_hash(key), key};
}

static int key_order(const void *a, const void *b)
{
    const struct json_key *x = a, *y = b;
    return x->hash != y->hash ? (x->hash > y->hash) - (x->hash < y->hash)
                              : text_compare(x->text, y->text);
}

bool json_keys_differ(struct json_scan *s, size_t first_key)
{
    size_t n = s->n_keys - first_key;
    s->n_keys = first_key;
    if (n < 2)
        return true;
    struct json_key *key = s->key + first_key;
    qsort(key, n, sizeof *key, key_order);
    for (size_t i = 1; i < n; i++)
        if (key_order(&key[i - 1], &key[i]) == 0)
            return false;
    return true;
}

/* ---- skipping ---- */

static int literal(struct json_scan *s, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
        return JSON_BAD;
    s->at += n;
    return 0;
}

static int scalar(struct json_scan *s)
{
    struct json_string string;
    struct json_number number;
    switch (*s->at) {
    case '"': return json_string(s, &string);
    case 't': return literal(s, "true");
    case 'f': return literal(s, "false");
    case 'n': return literal(s, "null");
    default: return json_number(s, &number);
    }
}

static void frame_push(struct json_scan *s, bool is_object)
{
    s->frame = grown(s->frame, &s->frame_cap, s->n_frames + 1, sizeof *s->frame);
    s->frame[s->n_frames++] = (struct json_frame){is_object, s->n_keys};
}

/* Key and colon of an object's next field. */
static int field_begin(struct json_scan *s)
{
    struct json_string key;
    json_space(s);
    if (json_string(s, &key))
        return JSON_BAD;
    json_key_push(s, key.text);
    json_space(s);
    return json_take(s, ':') ? 0 : JSON_BAD;
}

/* Opens a container: 1 when a value follows, 0 when it was empty and is closed already, or JSON_BAD. */
static int container_begin(struct json_scan *s)
{
    bool is_object = *s->at++ == '{';
    json_space(s);
    if (json_take(s, is_object ? '}' : ']'))
        return 0;
    frame_push(s, is_object);
    return is_object && field_begin(s) ? JSON_BAD : 1;
}

/* Behind a value: closes what ends here. 1 when another value follows, 0 when all is closed, or JSON_BAD. */
static int value_end(struct json_scan *s)
{
    while (s->n_frames > 0) {
        struct json_frame *top = &s->frame[s->n_frames - 1];
        json_space(s);
        if (json_take(s, ','))
            return top->is_object && field_begin(s) ? JSON_BAD : 1;
        if (!json_take(s, top->is_object ? '}' : ']') || !json_keys_differ(s, top->first_key))
            return JSON_BAD;
        s->n_frames--;
    }
    return 0;
}

int json_skip(struct json_scan *s)
{
    s->n_frames = 0;
    for (;;) {
        json_space(s);
        if (s->at == s->end)
            return JSON_BAD;
        int more = *s->at == '{' || *s->at == '[' ? container_begin(s) : scalar(s);
        if (more == 0)
            more = value_end(s);
        if (more <= 0)
            return more;
    }
}
