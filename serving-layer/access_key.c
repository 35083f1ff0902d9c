#include "serving-layer/access_key.h"

#include <sodium.h>

enum { ID_AT = sizeof KEY_PREFIX - 1, SECRET_AT = ID_AT + KEY_ID_BYTES + 1, ID_RANDOM = 6 };

void key_make(char into[KEY_BYTES + 1], const unsigned char random[KEY_RANDOM_BYTES])
{
    memcpy(into, KEY_PREFIX, ID_AT);
    sodium_bin2hex(into + ID_AT, KEY_ID_BYTES + 1, random, ID_RANDOM);
    into[SECRET_AT - 1] = '_';
    sodium_bin2base64(into + SECRET_AT, KEY_SECRET_BYTES + 1, random + ID_RANDOM,
                      KEY_RANDOM_BYTES - ID_RANDOM, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_base64url(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_';
}

bool key_parse(struct text presented, char id[KEY_ID_BYTES + 1])
{
    if (presented.n != KEY_BYTES || memcmp(presented.at, KEY_PREFIX, ID_AT) != 0 ||
        presented.at[SECRET_AT - 1] != '_')
        return false;
    for (int i = ID_AT; i < SECRET_AT - 1; i++)
        if (!is_hex(presented.at[i]))
            return false;
    for (int i = SECRET_AT; i < KEY_BYTES; i++)
        if (!is_base64url(presented.at[i]))
            return false;
    memcpy(id, presented.at + ID_AT, KEY_ID_BYTES);
    id[KEY_ID_BYTES] = 0;
    return true;
}

void key_hash(struct text key, unsigned char hash[KEY_HASH_BYTES])
{
    crypto_hash_sha256(hash, (const unsigned char *)key.at, key.n);
}

bool key_hash_equal(const unsigned char a[KEY_HASH_BYTES], const unsigned char b[KEY_HASH_BYTES])
{
    return sodium_memcmp(a, b, KEY_HASH_BYTES) == 0;
}

static const char *const names[] = {"anyone", "write", "read", "admin"};

const char *role_name(enum role role)
{
    return names[role];
}

bool role_parse(struct text name, enum role *role)
{
    for (int r = ROLE_WRITE; r <= ROLE_ADMIN; r++)
        if (text_equal(name, text_of(names[r]))) {
            *role = (enum role)r;
            return true;
        }
    return false;
}

bool role_allows(enum role has, enum role needs)
{
    return needs == ROLE_ANYONE || has == needs || has == ROLE_ADMIN;
}
