#include "serving-layer/ranking.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "common/mem.h"
#include "serving-layer/best.h"
#include "serving-layer/tally.h"

struct ranker {
    struct tally tally;
    struct bytes counts; /* of the row at hand */
};

struct ranker *ranker_new(void)
{
    return xcalloc(1, sizeof(struct ranker));
}

void ranker_free(struct ranker *ranker)
{
    if (!ranker)
        return;
    tally_free(&ranker->tally);
    bytes_free(&ranker->counts);
    free(ranker);
}

static const struct member_count *row_read(struct ranker *ranker, const struct snapshot *snapshot,
                                           size_t row, enum layer layer, size_t *n)
{
    ranker->counts.n = 0;
    *n = snapshot_row(snapshot, row, layer, &ranker->counts);
    return (const struct member_count *)(const void *)ranker->counts.at;
}

static const struct member_count *pieces_read(struct ranker *ranker,
                                              const struct snapshot *snapshot, size_t row,
                                              enum layer layer, size_t *n)
{
    ranker->counts.n = 0;
    *n = snapshot_pieces(snapshot, row, layer, &ranker->counts);
    return (const struct member_count *)(const void *)ranker->counts.at;
}

/* ---- counters ---- */

size_t rank_counts(const struct snapshot *snapshot, size_t row, enum layer layer, size_t n,
                   struct bytes *into)
{
    const struct rank_bounds bounds = {.layer = layer, .n = n};
    struct best best = {.snapshot = snapshot, .bounds = &bounds, .by_count = true};
    struct bytes counts = {0};
    size_t n_counts = snapshot_row(snapshot, row, layer, &counts);
    const struct member_count *count = (const struct member_count *)(const void *)counts.at;
    for (size_t i = 0; i < n_counts; i++)
        best_offer(&best, (struct candidate){.count = count[i].value, .member = count[i].member});
    bytes_free(&counts);
    return best_take(&best, into);
}

/* Sums wrap, as in views/deltas.h. */
static int64_t wrapped(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static void rows_add(struct ranker *ranker, const struct snapshot *snapshot, size_t first,
                     size_t n_rows, enum layer layer, bool before)
{
    for (size_t row = first; row < first + n_rows; row++) {
        size_t n;
        const struct member_count *count = pieces_read(ranker, snapshot, row, layer, &n);
        for (size_t i = 0; i < n; i++) {
            struct tally_cell *cell = tally_of(&ranker->tally, count[i].member);
            int64_t *sum = before ? &cell->before : &cell->count;
            *sum = wrapped(*sum, count[i].value);
        }
    }
}

size_t rank_sum(struct ranker *ranker, const struct snapshot *snapshot, size_t first, size_t n_rows,
                const struct rank_bounds *bounds, struct bytes *into)
{
    struct best best = {.snapshot = snapshot, .bounds = bounds, .by_count = true};
    struct tally *tally = &ranker->tally;
    tally_begin(tally, snapshot_symbols(snapshot));
    rows_add(ranker, snapshot, first, n_rows, bounds->layer, false);
    for (size_t i = 0; i < tally->n_touched; i++) {
        struct candidate candidate = {.count = tally->cell[tally->touched[i]].count,
                                      .member = tally->touched[i]};
        if (candidate.count > 0)
            best_offer(&best, candidate);
    }
    return best_take(&best, into);
}

/* As it is shown. */
static double millionths(double score)
{
    return rint(score * 1e6);
}

size_t rank_trending(struct ranker *ranker, const struct snapshot *snapshot, size_t hours,
                     size_t hours_before, const struct rank_bounds *bounds, struct bytes *into)
{
    struct best best = {.snapshot = snapshot, .bounds = bounds};
    struct tally *tally = &ranker->tally;
    tally_begin(tally, snapshot_symbols(snapshot));
    rows_add(ranker, snapshot, 0, hours, bounds->layer, false);
    rows_add(ranker, snapshot, hours, hours_before, bounds->layer, true);
    for (size_t i = 0; i < tally->n_touched; i++) {
        const struct tally_cell *cell = &tally->cell[tally->touched[i]];
        if (cell->count <= 0)
            continue;
        int64_t before = cell->before > 0 ? cell->before : 0; /* more was refunded than looked at */
        double score = score_trending(cell->count, before, (int64_t)hours, (int64_t)hours_before);
        if (millionths(score) > 1e6)
            best_offer(&best, (struct candidate){millionths(score), cell->count, before,
                                                 tally->touched[i]});
    }
    return best_take(&best, into);
}

/* ---- pairs: which rows ---- */

/* Where the rows of a question stand: users of each relation, all users (LLR), then of each relation the items' pairs. */
struct places {
    size_t users[RELATIONS], all, pairs[RELATIONS];
};

static unsigned view_number(const char *name)
{
    int view = catalogue_find(text_of(name));
    assert(view >= 0);
    return (unsigned)view;
}

/* The users' row of the relation's part at `at`: that of the part before where it is the same view. */
static bool shares_users(const struct blend *blend, int at)
{
    return at > 0 && strcmp(relation_rows[blend->part[at].relation].users,
                            relation_rows[blend->part[at - 1].relation].users) == 0;
}

static struct places places_of(const struct rank_question *question, size_t first)
{
    const struct blend *blend = blend_of(question->by);
    struct places places;
    size_t next = first;
    for (int i = 0; i < blend->n; i++)
        places.users[blend->part[i].relation] =
            shares_users(blend, i) ? places.users[blend->part[i - 1].relation] : next++;
    places.all = next;
    next += question->score == SCORE_LLR;
    for (int i = 0; i < blend->n; i++, next += question->n_items)
        places.pairs[blend->part[i].relation] = next;
    return places;
}

size_t rank_rows(const struct rank_question *question, struct row_ref rows[RANK_ROWS_MAX])
{
    const struct blend *blend = blend_of(question->by);
    const struct text all = text_of("all");
    size_t n = 0;
    for (int i = 0; i < blend->n; i++)
        if (!shares_users(blend, i))
            rows[n++] =
                (struct row_ref){view_number(relation_rows[blend->part[i].relation].users), all};
    if (question->score == SCORE_LLR)
        rows[n++] = (struct row_ref){view_number("users"), all};
    for (int i = 0; i < blend->n; i++) {
        unsigned view = view_number(relation_rows[blend->part[i].relation].pairs);
        for (size_t item = 0; item < question->n_items; item++)
            rows[n++] = (struct row_ref){view, question->items[item]};
    }
    return n;
}

static bool is_muted(const struct rank_question *question, size_t item)
{
    return question->muted >> item & 1;
}

/* ---- pairs: adding up ---- */

struct related {
    struct ranker *ranker;
    const struct snapshot *snapshot;
    const struct rank_question *question;
    enum layer layer;
    struct places places;
    int64_t all; /* users; LLR only */
};

static struct related related_of(struct ranker *ranker, const struct snapshot *snapshot,
                                 size_t first, const struct rank_question *question,
                                 enum layer layer)
{
    struct related r = {ranker, snapshot, question, layer, places_of(question, first), 0};
    if (question->score == SCORE_LLR)
        r.all = snapshot_count(snapshot, r.places.all, layer, text_of("all"));
    return r;
}

/* How many users stand behind the question's item `a`; 0: it speaks for nothing. */
static int64_t users_behind(const struct related *r, enum relation relation, size_t a)
{
    return is_muted(r->question, a) ? 0
                                    : snapshot_count(r->snapshot, r->places.users[relation],
                                                     r->layer, r->question->items[a]);
}

/*
 * The cosine of a sum is a sum: sqrt(users_b) is the same for each item a, so it is looked up and divided by once for each b
 * and not for each pair; and a count is its weight in total, wherever it stands. Needs counts that are not below 0.
 */
static void add_in_proportion(struct related *r, enum relation relation, double weight)
{
    const struct rank_question *question = r->question;
    for (size_t a = 0; a < question->n_items; a++) {
        int64_t users = users_behind(r, relation, a);
        if (users <= 0)
            continue;
        double each = weight / (double)relation_rows[relation].whole;
        if (question->score == SCORE_COSINE)
            each /= sqrt((double)users);
        snapshot_add_parts(r->snapshot, r->places.pairs[relation] + a, r->layer, each,
                           &r->ranker->tally);
    }
}

/* What was added with the same row of users becomes part of the totals. */
static void parts_settle(struct related *r, size_t users_row)
{
    struct tally *tally = &r->ranker->tally;
    for (size_t i = 0; i < tally->n_touched; i++) {
        struct tally_cell *cell = &tally->cell[tally->touched[i]];
        double part = cell->part;
        cell->part = 0;
        if (part <= 0)
            continue;
        int64_t users = snapshot_count_of(r->snapshot, users_row, r->layer, tally->touched[i]);
        if (users > 0)
            cell->total += r->question->score == SCORE_COSINE ? part / sqrt((double)users) : part;
    }
}

static struct pair_counts counts_of(const struct related *r, enum relation relation,
                                    int64_t users_a, uint32_t member, int64_t count)
{
    size_t users = r->places.users[relation];
    return (struct pair_counts){count, users_a,
                                snapshot_count_of(r->snapshot, users, r->layer, member), r->all};
}

/* Pair by pair. */
static void add_each(struct related *r, enum relation relation, double weight)
{
    const struct rank_question *question = r->question;
    for (size_t a = 0; a < question->n_items; a++) {
        int64_t users = users_behind(r, relation, a);
        if (users <= 0)
            continue;
        size_t n;
        const struct member_count *pair =
            row_read(r->ranker, r->snapshot, r->places.pairs[relation] + a, r->layer, &n);
        for (size_t i = 0; i < n; i++) {
            struct pair_counts counts =
                counts_of(r, relation, users, pair[i].member, pair[i].value);
            double score = score_pair(question->score, relation, &counts);
            if (score > 0)
                tally_of(&r->ranker->tally, pair[i].member)->total += weight * score;
        }
    }
}

static void relations_add(struct related *r)
{
    const struct blend *blend = blend_of(r->question->by);
    bool in_proportion = r->question->score != SCORE_LLR && r->layer != LAYER_SPEED;
    for (int i = 0; i < blend->n; i++) {
        enum relation relation = blend->part[i].relation;
        if (!in_proportion)
            add_each(r, relation, blend->part[i].weight);
        else
            add_in_proportion(r, relation, blend->part[i].weight);
        if (in_proportion && (i + 1 == blend->n || !shares_users(blend, i + 1)))
            parts_settle(r, r->places.users[relation]);
    }
}

size_t rank_related(struct ranker *ranker, const struct snapshot *snapshot, size_t first,
                    const struct rank_question *question, const struct rank_bounds *bounds,
                    struct bytes *into)
{
    struct related r = related_of(ranker, snapshot, first, question, bounds->layer);
    struct best best = {.snapshot = snapshot, .bounds = bounds};
    struct tally *tally = &ranker->tally;
    tally_begin(tally, snapshot_symbols(snapshot));
    relations_add(&r);
    for (size_t i = 0; i < tally->n_touched; i++) {
        double total = tally->cell[tally->touched[i]].total;
        if (total <= 0 || best_is_below(&best, total * 1e6))
            continue;
        double score = millionths(total);
        if (score > 0)
            best_offer(&best, (struct candidate){.score = score, .member = tally->touched[i]});
    }
    return best_take(&best, into);
}

/* ---- pairs: why ---- */

static void term_put(const struct related *r, size_t item, enum relation relation, double weight,
                     uint32_t member, struct because *into)
{
    const struct text name = r->question->items[item];
    int64_t count =
        snapshot_count_of(r->snapshot, r->places.pairs[relation] + item, r->layer, member);
    if (count <= 0)
        return;
    int64_t users = snapshot_count(r->snapshot, r->places.users[relation], r->layer, name);
    struct because_term term = {relation, weight, 0, counts_of(r, relation, users, member, count)};
    term.score = score_pair(r->question->score, relation, &term.counts);
    if (term.score <= 0)
        return;
    into->term[into->n_terms++] = term;
    into->score += weight * term.score;
    if (r->question->by != BY_BLEND || relation == RELATION_TOGETHER)
        into->count = count;
}

static int because_order(const void *a, const void *b)
{
    const struct because *x = a, *y = b;
    return x->score > y->score ? -1 : x->score < y->score ? 1 : text_compare(x->item, y->item);
}

size_t rank_because(const struct snapshot *snapshot, size_t first,
                    const struct rank_question *question, enum layer layer, uint32_t member,
                    struct because into[STATE_WINDOW])
{
    const struct related r = related_of(NULL, snapshot, first, question, layer);
    const struct blend *blend = blend_of(question->by);
    size_t n = 0;
    for (size_t item = 0; item < question->n_items; item++) {
        if (is_muted(question, item))
            continue;
        into[n] = (struct because){.item = question->items[item]};
        for (int i = 0; i < blend->n; i++)
            term_put(&r, item, blend->part[i].relation, blend->part[i].weight, member, &into[n]);
        n += into[n].n_terms > 0;
    }
    if (n > 1)
        qsort(into, n, sizeof *into, because_order);
    return n;
}
