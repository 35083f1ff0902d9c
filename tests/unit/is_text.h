/* is_text: a text is what is expected, byte for byte. Include after cmocka.h. */
#ifndef TANDEM_TESTS_UNIT_IS_TEXT_H
#define TANDEM_TESTS_UNIT_IS_TEXT_H

#include <string.h>

#include "views/text.h"

static inline void is_text(struct text text, const char *expected)
{
    assert_int_equal(text.n, strlen(expected));
    assert_memory_equal(text.at, expected, text.n);
}

#endif
