/* sanitized: whether this is a build with AddressSanitizer, in which tests run fewer rounds. Not for: testing other things. */
#ifndef TANDEM_TESTS_SANITIZED_H
#define TANDEM_TESTS_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif

#endif
