/* random: unpredictable bytes from the kernel, for tokens, epochs and ids. Not for tests: those print their seed. */
#ifndef TANDEM_COMMON_RANDOM_H
#define TANDEM_COMMON_RANDOM_H

#include <stddef.h>

/* Writes 2 * n lower-case hex digits and a 0. */
void random_hex(char *into, size_t n_bytes);
void random_bytes(void *into, size_t n_bytes);

#endif
