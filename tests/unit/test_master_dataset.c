/* An event is read from the master dataset as it was written into it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "batch-layer/master_dataset.h"

/* Cuts the one row in `in` into fields. Returns the bytes of the row. */
static size_t cut(const struct copy_in *in, struct text *fields)
{
    const char *at = in->unsent.at;
    assert_int_equal(copy_number((struct text){at, 2}), MASTER_FIELDS);
    at += 2;
    for (int i = 0; i < MASTER_FIELDS; i++) {
        int64_t n = copy_number((struct text){at, 4});
        at += 4;
        fields[i] = n < 0 ? (struct text){NULL, 0} : (struct text){at, (size_t)n};
        at += n < 0 ? 0 : n;
    }
    return (size_t)(at - in->unsent.at);
}

static void assert_text(struct text got, struct text wanted)
{
    assert_true(text_equal(got, wanted));
}

static void assert_event(const struct event *got, const struct event *wanted)
{
    assert_int_equal(got->type, wanted->type);
    assert_int_equal(got->ts, wanted->ts);
    assert_int_equal(got->quantity, wanted->quantity);
    assert_int_equal(got->price, wanted->price);
    assert_text(got->event_id, wanted->event_id);
    assert_text(got->user, wanted->user);
    assert_text(got->item, wanted->item);
    assert_text(got->currency, wanted->currency);
    assert_text(got->country, wanted->country);
    assert_text(got->device, wanted->device);
    assert_text(got->order, wanted->order);
    assert_text(got->list, wanted->list);
}

static void goes_round(int partition, int64_t offset, const struct event *event)
{
    struct err err;
    struct copy_in in = {0};
    struct text fields[MASTER_FIELDS];
    assert_int_equal(master_copy_event(&in, partition, offset, event, &err), 0);
    assert_int_equal(cut(&in, fields), in.unsent.n);
    assert_int_equal(copy_number(fields[0]), partition);
    int64_t offset_again;
    struct event again;
    assert_int_equal(master_row_event(fields, &offset_again, &again, &err), 0);
    assert_int_equal(offset_again, offset);
    assert_event(&again, event);
    bytes_free(&in.unsent);
}

static void a_full_event_goes_round(void **state)
{
    (void)state;
    struct event event = {.type = EVENT_PURCHASE,
                          .event_id = text_of("01J"),
                          .user = text_of("Zo\xc3\xab"),
                          .item = text_of("85123A"),
                          .ts = EVENT_TS_END - 1,
                          .quantity = EVENT_QUANTITY_MAX,
                          .price = EVENT_PRICE_MAX,
                          .currency = text_of("GBP"),
                          .country = text_of("GB"),
                          .device = text_of("mobile"),
                          .order = text_of("536365"),
                          .list = text_of("similar")};
    goes_round(255, INT64_MAX, &event);
}

static void what_is_absent_stays_absent(void **state)
{
    (void)state;
    struct event event = {.type = EVENT_FORGET,
                          .event_id = text_of("1"),
                          .user = text_of("u"),
                          .ts = 0,
                          .quantity = 1,
                          .price = -1,
                          .country = text_of("-"),
                          .device = text_of("-")};
    goes_round(0, 0, &event);
}

static void a_price_of_zero_is_not_an_absent_one(void **state)
{
    (void)state;
    struct event event = {.type = EVENT_VIEW,
                          .event_id = text_of("1"),
                          .user = text_of("u"),
                          .item = text_of("i"),
                          .quantity = 1,
                          .price = 0,
                          .currency = text_of("EUR"),
                          .country = text_of("-"),
                          .device = text_of("-")};
    goes_round(3, 1, &event);
}

static void a_row_that_is_no_event_is_refused(void **state)
{
    (void)state;
    struct err err;
    struct copy_in in = {0};
    struct text fields[MASTER_FIELDS];
    struct event event = {.type = EVENT_VIEW, .event_id = text_of("1"), .user = text_of("u")}, got;
    int64_t offset;
    assert_int_equal(master_copy_event(&in, 0, 0, &event, &err), 0);
    cut(&in, fields);
    struct text kept = fields[2];
    fields[2] = (struct text){"\0\x08", 2}; /* type 8 */
    assert_int_equal(master_row_event(fields, &offset, &got, &err), -1);
    assert_int_equal(err.kind, ERR_DATA);
    fields[2] = (struct text){NULL, 0};
    assert_int_equal(master_row_event(fields, &offset, &got, &err), -1);
    fields[2] = kept;
    fields[6].n = 4; /* ts */
    assert_int_equal(master_row_event(fields, &offset, &got, &err), -1);
    bytes_free(&in.unsent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_event_goes_round),
        cmocka_unit_test(what_is_absent_stays_absent),
        cmocka_unit_test(a_price_of_zero_is_not_an_absent_one),
        cmocka_unit_test(a_row_that_is_no_event_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
