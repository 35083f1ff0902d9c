#include "tools/event_json.h"

static void put_escaped(struct bytes *into, struct text t)
{
    static const char digits[] = "0123456789abcdef";
    static const char escape[4] = {'\\', 'u', '0', '0'};
    char *to = bytes_room(into, 6 * t.n);
    for (size_t i = 0; i < t.n; i++) {
        unsigned char c = (unsigned char)t.at[i];
        if (c < 0x20) {
            memcpy(to, escape, sizeof escape);
            to[4] = digits[c >> 4];
            to[5] = digits[c & 15];
            to += 6;
            continue;
        }
        if (c == '"' || c == '\\')
            *to++ = '\\';
        *to++ = (char)c;
    }
    into->n = (size_t)(to - into->at);
}

static void put_text(struct bytes *into, const char *name, struct text value)
{
    if (value.n == 0)
        return;
    bytes_put_text(into, text_of(name));
    put_escaped(into, value);
    bytes_put(into, "\"", 1);
}

static void put_number(struct bytes *into, const char *name, int64_t value)
{
    char digits[24], *at = digits + sizeof digits;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        *--at = '-';
    bytes_put_text(into, text_of(name));
    bytes_put(into, at, (size_t)(digits + sizeof digits - at));
}

static struct text label(struct text value)
{
    return text_equal(value, text_of("-")) ? (struct text){0} : value;
}

void event_json_write(const struct event *event, struct bytes *into)
{
    bytes_put_text(into, text_of("{\"type\":\""));
    bytes_put_text(into, text_of(event_type_name(event->type)));
    bytes_put(into, "\"", 1);
    put_text(into, ",\"event_id\":\"", event->event_id);
    put_text(into, ",\"user\":\"", event->user);
    put_text(into, ",\"item\":\"", event->item);
    put_number(into, ",\"ts\":", event->ts);
    if (event->quantity != 1)
        put_number(into, ",\"quantity\":", event->quantity);
    if (event->price >= 0)
        put_number(into, ",\"price\":", event->price);
    put_text(into, ",\"currency\":\"", event->currency);
    put_text(into, ",\"country\":\"", label(event->country));
    put_text(into, ",\"device\":\"", label(event->device));
    put_text(into, ",\"order\":\"", event->order);
    put_text(into, ",\"list\":\"", event->list);
    bytes_put(into, "}", 1);
}
