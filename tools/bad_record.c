#include "tools/bad_record.h"

#include "tools/event_json.h"

/* What comes instead of the closing brace. */
static const char *const endings[] = {
    "",                        /* cut off */
    ",\"type\":\"view\"}",     /* a key twice */
    ",\"note\":\"\xff\xfe\"}", /* no UTF-8 */
    ",\"note\":\"a\tb\"}",     /* a control character in a text */
    ",\"note\":01}",           /* no JSON number */
    "} and more",              /* bytes behind the record */
    ",}",                      /* a comma too much */
};

enum { ENDINGS = sizeof endings / sizeof *endings };
_Static_assert(ENDINGS + 5 == BAD_RECORD_KINDS, "each kind has its case");

void bad_record_write(int kind, const struct event *event, struct bytes *into)
{
    static const char long_item[] =
        "an-item-with-a-name-that-is-longer-than-any-name-may-be-in-this-system";
    struct event spoilt = *event;
    switch (kind - ENDINGS) {
    case 0: spoilt.user = (struct text){0}; break;
    case 1: spoilt.quantity = 0; break;
    case 2: spoilt.ts = EVENT_TS_END; break;
    case 3: spoilt.item = text_of(long_item); break;
    case 4:
        spoilt.price = 100; /* of which currency? */
        spoilt.currency = (struct text){0};
        break;
    default: break;
    }
    event_json_write(&spoilt, into);
    if (kind < ENDINGS) {
        into->n--;
        bytes_put_text(into, text_of(endings[kind]));
    }
}
