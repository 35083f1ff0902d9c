/*
 * The packed forms that stand in Redis and Postgres: rows of counters (views/row.h) and users' states (views/user_state.h).
 * The first byte says where the input is cut in two; both halves are logs of rows, and the second is a user's state, too.
 */
#include "common/mem.h"
#include "serving-layer/batch_view.h"
#include "serving-layer/kept_rows.h"
#include "speed-layer/compaction.h"
#include "tests/fuzz/harness.h"
#include "views/row.h"
#include "views/user_state.h"

enum { ENTRIES_MAX = 256, GROUP_VIEW = 0 };

/* ---- rows, the obvious way ---- */

struct slow_row {
    struct counter counter[ENTRIES_MAX]; /* each member once, in order of first appearance */
    size_t n;
    bool good, repeats, too_many;
};

static bool slow_varint(struct text *rest, uint64_t *value)
{
    __extension__ unsigned __int128 sum = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        if (rest->n == 0)
            return false;
        uint8_t byte = fuzz_byte(rest);
        sum += (__extension__(unsigned __int128)(byte % 128)) << shift;
        if (byte < 128) {
            *value = (uint64_t)sum;
            return sum >> 64 == 0;
        }
    }
    return false;
}

static struct counter *slow_counter(struct slow_row *row, struct text member)
{
    for (size_t i = 0; i < row->n; i++)
        if (text_equal(row->counter[i].member, member)) {
            row->repeats = true;
            return &row->counter[i];
        }
    row->counter[row->n] = (struct counter){member, 0};
    return &row->counter[row->n++];
}

static void slow_row_read(struct text log, struct slow_row *row)
{
    row->n = 0;
    row->good = row->repeats = row->too_many = false;
    while (log.n > 0) {
        size_t n = fuzz_byte(&log);
        uint64_t value;
        if (n == 0 || n > 64 || log.n < n)
            return;
        struct text member = {log.at, n};
        log = (struct text){log.at + n, log.n - n};
        if (!slow_varint(&log, &value))
            return;
        row->too_many = row->n == ENTRIES_MAX;
        if (row->too_many)
            return;
        struct counter *counter = slow_counter(row, member);
        uint64_t signed_value = value % 2 ? ~(value / 2) : value / 2;
        counter->value = (int64_t)((uint64_t)counter->value + signed_value);
    }
    row->good = true;
}

static const struct counter *slow_find(const struct slow_row *row, struct text member)
{
    for (size_t i = 0; i < row->n; i++)
        if (text_equal(row->counter[i].member, member))
            return &row->counter[i];
    return NULL;
}

/* Canonical bytes: in order, each once, none 0, and the sums are the slow ones. */
static void is_canonical_of(struct text canonical, const struct slow_row *row, long kept)
{
    struct counter counter;
    struct text before = {"", 0};
    size_t not_zero = 0;
    long n = 0;
    for (; row_next(&canonical, &counter) == 1; n++) {
        const struct counter *slow = slow_find(row, counter.member);
        fuzz_holds(text_compare(before, counter.member) < 0, "canonical rows are in order");
        fuzz_holds(slow && slow->value == counter.value && counter.value, "same sums, none 0");
        before = counter.member;
    }
    for (size_t i = 0; i < row->n; i++)
        not_zero += row->counter[i].value != 0;
    fuzz_holds(canonical.n == 0 && n == kept && (size_t)n == not_zero, "no counter is lost");
}

/* ---- who reads rows ---- */

static void as_kept_part(struct text log, const struct slow_row *row)
{
    struct names *batch = names_new();
    struct symbols symbols = {0};
    struct kept_rows kept = {0};
    symbols_begin(&symbols, batch);
    struct kept_row *in = kept_rows_get(&kept, GROUP_VIEW, text_of("group"));
    struct kept_part *part = kept_part_new(&kept, in, 0, 1, 0);
    int failed = kept_part_append(&kept, part, log, &symbols);
    fuzz_holds(failed == (row->good ? 0 : -1), "a reader takes what is a row");
    for (size_t i = 0; row->good && i < row->n; i++)
        fuzz_holds(sums_get(&part->sums, symbols_find(&symbols, row->counter[i].member)) ==
                       row->counter[i].value,
                   "a reader's sums are the slow ones");
    kept_rows_clear(&kept);
    fuzz_holds(kept.bytes == 0 && kept.n_parts == 0, "what a reader kept is given back");
    symbols_free(&symbols);
    names_free(batch);
}

static void as_compaction(struct text log, const struct slow_row *row, struct text canonical)
{
    struct compaction *compaction = compaction_new();
    struct bytes compacted = {0}, again = {0};
    int failed = compaction_sum(compaction, log, &compacted);
    fuzz_holds(failed == (row->good ? 0 : -1), "a compaction takes what is a row");
    if (row->good) {
        row_canonical(bytes_text(&compacted), &again);
        fuzz_holds(text_equal(bytes_text(&again), canonical), "a compaction changes no sum");
    }
    bytes_free(&compacted);
    bytes_free(&again);
    compaction_free(compaction);
}

static struct batch_view *view_new(void)
{
    static const int64_t boundary[1] = {0};
    struct batch_edition edition = {1, 1, boundary, 0, "d", 1, 0};
    return batch_view_new(&edition, NULL, false);
}

static void as_batch_row(struct text log, const struct slow_row *row)
{
    struct batch_view *view = view_new();
    struct text group = {"g", 1};
    int failed = batch_view_put_row(view, GROUP_VIEW, group, log);
    fuzz_holds(failed == (row->good ? 0 : -1), "the batch view takes what is a row");
    batch_view_seal(view);
    const struct batch_row *there = failed ? NULL : batch_view_row(view, GROUP_VIEW, group);
    for (size_t i = 0; !failed && !row->repeats && i < row->n; i++) {
        uint32_t member = names_find(batch_view_names(view), row->counter[i].member);
        int64_t value = member == NAMES_ABSENT ? 0 : batch_row_count(there, member);
        fuzz_holds(value == row->counter[i].value, "the batch view has the row's counters");
    }
    batch_view_free(view);
}

/* One log alone; its canonical form is appended to `canonical`. */
static long as_row(struct text log, struct bytes *canonical)
{
    static struct slow_row slow;
    struct bytes again = {0}, nothing = {0};
    slow_row_read(log, &slow);
    long n = row_canonical(log, canonical);
    fuzz_holds((n >= 0) == slow.good, "rows: same verdict");
    as_kept_part(log, &slow);
    as_compaction(log, &slow, bytes_text(canonical));
    as_batch_row(log, &slow);
    if (n >= 0) {
        struct text whole = bytes_text(canonical);
        is_canonical_of(whole, &slow, n);
        fuzz_holds(row_canonical(whole, &again) == n && text_equal(bytes_text(&again), whole),
                   "canonical of canonical changes nothing");
        fuzz_holds(row_merge(whole, whole, -1, &nothing) == 0, "a row less itself is empty");
    }
    bytes_free(&again);
    bytes_free(&nothing);
    return n;
}

static void as_two_rows(struct text a, struct text b, struct text both, long n)
{
    struct bytes merged = {0}, back = {0};
    fuzz_holds(row_merge(a, b, 1, &merged) == n && text_equal(bytes_text(&merged), both),
               "a merge is the sum of both logs");
    row_merge(bytes_text(&merged), b, -1, &back);
    fuzz_holds(text_equal(bytes_text(&back), a), "merging and taking away again gives back");
    bytes_free(&merged);
    bytes_free(&back);
}

static void as_rows(struct text a, struct text b)
{
    static struct slow_row slow;
    struct bytes log = {0}, row_a = {0}, row_b = {0}, both = {0};
    bytes_put_text(&log, a);
    bytes_put_text(&log, b);
    slow_row_read(bytes_text(&log), &slow);
    row_merge(a, b, -1, &both); /* whatever these bytes are: no crash */
    bytes_clear(&both);
    if (!slow.too_many && as_row(a, &row_a) >= 0 && row_canonical(b, &row_b) >= 0) {
        long n = as_row(bytes_text(&log), &both);
        as_two_rows(bytes_text(&row_a), bytes_text(&row_b), bytes_text(&both), n);
    }
    bytes_free(&log);
    bytes_free(&row_a);
    bytes_free(&row_b);
    bytes_free(&both);
}

/* ---- users' states ---- */

static void same_window(const struct names *names, const struct names *names_again,
                        const struct interaction *a, const struct interaction *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        fuzz_holds(a[i].ts == b[i].ts && a[i].type == b[i].type &&
                       text_equal(names_text(names, a[i].item), names_text(names_again, b[i].item)),
                   "states: same interactions");
}

static void goes_round(const struct names *names, const struct user_state *state)
{
    struct names *names_again = names_new();
    struct bytes stored = {0}, again = {0};
    struct user_state decoded;
    user_state_encode(state, names, &stored);
    fuzz_holds(user_state_decode(bytes_text(&stored), names_again, &decoded) == 0,
               "a state that was stored can be read");
    fuzz_holds(decoded.n_ids == state->n_ids && decoded.n_seen == state->n_seen &&
                   decoded.n_bought == state->n_bought &&
                   memcmp(decoded.ids, state->ids, state->n_ids * sizeof *state->ids) == 0,
               "states: same ids, as many interactions");
    same_window(names, names_again, state->seen, decoded.seen, state->n_seen);
    same_window(names, names_again, state->bought, decoded.bought, state->n_bought);
    user_state_encode(&decoded, names_again, &again);
    fuzz_holds(text_equal(bytes_text(&stored), bytes_text(&again)), "states: one text a state");
    bytes_free(&stored);
    bytes_free(&again);
    names_free(names_again);
}

static void as_state(struct text stored)
{
    struct names *names = names_new();
    struct user_state state;
    struct batch_view *view = view_new();
    int failed = user_state_decode(stored, names, &state);
    fuzz_holds(batch_view_put_user(view, 0, text_of("u"), stored) == failed,
               "the batch view takes what is a state");
    batch_view_seal(view);
    if (!failed) {
        const uint32_t *items;
        fuzz_holds(batch_view_window(view, WINDOW_SEEN, 0, text_of("u"), &items) == state.n_seen,
                   "the batch view has what the user has seen");
        fuzz_holds(batch_view_window(view, WINDOW_BOUGHT, 0, text_of("u"), &items) ==
                       state.n_bought,
                   "the batch view has what the user has bought");
        goes_round(names, &state);
        for (int type = EVENT_VIEW; type <= EVENT_FORGET; type++) {
            struct event event = {
                .type = (enum event_type)type, .event_id = text_of("id"), .ts = 1};
            event.event_id.n -= (size_t)(type % 2);
            user_state_take(&state, &event, names_put(names, text_of("item")));
            goes_round(names, &state);
        }
    }
    batch_view_free(view);
    names_free(names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct text rest = {(const char *)data, n};
    size_t cut = fuzz_byte(&rest);
    if (cut > rest.n)
        cut = rest.n;
    struct text a = fuzz_exact((const uint8_t *)rest.at, cut);
    struct text b = fuzz_exact((const uint8_t *)rest.at + cut, rest.n - cut);
    as_rows(a, b);
    as_state(b);
    free((char *)(uintptr_t)a.at);
    free((char *)(uintptr_t)b.at);
    return 0;
}
