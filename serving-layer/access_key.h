/*
 * access_key: the text of an API key, and what is stored of it. Pure: randomness is a parameter.
 *
 *   tdm_ <id: 12 hex digits> _ <secret: 256 random bits, base64url without padding: 43 characters>
 *
 * The id is no secret: it finds the row, and names the key in lists and logs. Stored is SHA-256 of the whole text. A slow, salted
 * hash (argon2) protects what people choose and may be guessed; among 2^256 secrets nothing can be guessed, however fast a hash is,
 * and a slow one would cost each request milliseconds.
 * SHA-256, comparison and base64 are libsodium's. Not for: which keys there are (keys.h), who may do what (access.h).
 */
#ifndef TANDEM_SERVING_ACCESS_KEY_H
#define TANDEM_SERVING_ACCESS_KEY_H

#include "serving-layer/role.h"
#include "views/text.h"

#define KEY_PREFIX "tdm_"
enum {
    KEY_ID_BYTES = 12,
    KEY_SECRET_BYTES = 43,
    KEY_BYTES = 4 + KEY_ID_BYTES + 1 + KEY_SECRET_BYTES,
    KEY_RANDOM_BYTES = 6 + 32,
    KEY_HASH_BYTES = 32
};

void key_make(char into[KEY_BYTES + 1], const unsigned char random[KEY_RANDOM_BYTES]);

/* Is it written as a key? Then its id. */
bool key_parse(struct text presented, char id[KEY_ID_BYTES + 1]);

void key_hash(struct text key, unsigned char hash[KEY_HASH_BYTES]);
/* Takes as long whether and wherever they differ. */
bool key_hash_equal(const unsigned char a[KEY_HASH_BYTES], const unsigned char b[KEY_HASH_BYTES]);

const char *role_name(enum role role);
bool role_parse(struct text name, enum role *role);
bool role_allows(enum role has, enum role needs);

#endif
