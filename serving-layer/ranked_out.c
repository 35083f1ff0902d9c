#include "serving-layer/ranked_out.h"

#include "serving-layer/json_out.h"

static void text_put(struct bytes *out, const char *name, struct text value)
{
    if (!value.n)
        return;
    json_put(out, name);
    json_put_text(out, value);
}

static void number_put(struct bytes *out, const char *name, int64_t value)
{
    json_put(out, name);
    json_put_int(out, value);
}

static void score_put(struct bytes *out, const char *name, double value)
{
    json_put(out, name);
    json_put_score(out, value);
}

void known_put(struct bytes *out, const struct item *known)
{
    if (!known || known->hidden)
        return;
    text_put(out, ",\"title\":", known->title);
    if (known->price >= 0) {
        number_put(out, ",\"price\":", known->price);
        text_put(out, ",\"currency\":", known->currency);
    }
    text_put(out, ",\"image\":", known->image);
    text_put(out, ",\"url\":", known->url);
    text_put(out, ",\"category\":", known->category);
}

void ranked_put(struct bytes *out, const struct item_store *store, const struct ranked *ranked,
                int64_t count)
{
    json_put(out, "{\"item\":");
    json_put_text(out, ranked->item);
    known_put(out, item_store_find(store, ranked->item));
    score_put(out, ",\"score\":", ranked->score);
    number_put(out, ",\"count\":", count);
}

void because_put(struct bytes *out, const struct item_store *store, const struct because *because,
                 size_t n, bool all)
{
    json_put(out, ",\"because\":[");
    for (size_t i = 0; i < n && (all || i < BECAUSE_SHOWN); i++) {
        const struct item *known = item_store_find(store, because[i].item);
        json_put(out, i ? ",{\"item\":" : "{\"item\":");
        json_put_text(out, because[i].item);
        text_put(out, ",\"title\":", known ? known->title : (struct text){"", 0});
        number_put(out, ",\"count\":", because[i].count);
        score_put(out, ",\"score\":", because[i].score);
        json_put(out, "}");
    }
    json_put(out, "]");
}

/* ---- explain ---- */

static const char *const formulas[] = {
    [SCORE_COSINE] = "sum over terms of weight * (count / whole) / sqrt(users_a * users_b)",
    [SCORE_LLR] =
        "sum over terms of weight * 2 * (sum over the four k of k * ln(k * N / (row * column))), "
        "k11 = count / whole, at most users_a and users_b; k12 = users_a - k11; k21 = users_b - k11; "
        "k22 = users - users_a - users_b + k11, at least 0; N = k11 + k12 + k21 + k22; "
        "0 where k11 * users <= users_a * users_b",
    [SCORE_COUNT] = "sum over terms of weight * count / whole",
};

static void term_put(struct bytes *out, enum score_kind score, struct text item,
                     const struct because_term *term)
{
    const struct relation_row *relation = &relation_rows[term->relation];
    json_put(out, "{\"item\":");
    json_put_text(out, item);
    json_put(out, ",\"view\":");
    json_put_text(out, text_of(relation->pairs));
    score_put(out, ",\"weight\":", term->weight);
    number_put(out, ",\"count\":", term->counts.count);
    number_put(out, ",\"whole\":", relation->whole);
    number_put(out, ",\"users_a\":", term->counts.users_a);
    number_put(out, ",\"users_b\":", term->counts.users_b);
    if (score == SCORE_LLR)
        number_put(out, ",\"users\":", term->counts.users);
    score_put(out, ",\"score\":", term->score);
    json_put(out, "}");
}

void explain_pairs_put(struct bytes *out, enum score_kind score, const struct because *because,
                       size_t n)
{
    const char *before = "";
    json_put(out, ",\"explain\":{\"formula\":");
    json_put_text(out, text_of(formulas[score]));
    json_put(out, ",\"terms\":[");
    for (size_t i = 0; i < n; i++)
        for (int t = 0; t < because[i].n_terms; t++, before = ",") {
            json_put(out, before);
            term_put(out, score, because[i].item, &because[i].term[t]);
        }
    json_put(out, "]}");
}

void explain_hours_put(struct bytes *out, const struct snapshot *snapshot, size_t first, size_t n,
                       int64_t last, enum layer layer, uint32_t member)
{
    const char *before = "";
    json_put(out, ",\"explain\":{\"formula\":\"sum of the hours' counts\",\"hours\":[");
    for (size_t i = 0; i < n; i++) {
        int64_t count = snapshot_count_of(snapshot, first + i, layer, member);
        if (!count)
            continue;
        json_put(out, before);
        number_put(out, "{\"hour\":", last - (int64_t)i);
        number_put(out, ",\"count\":", count);
        json_put(out, "}");
        before = ",";
    }
    json_put(out, "]}");
}

void explain_trending_put(struct bytes *out, const struct ranked *ranked, int64_t hours,
                          int64_t hours_before)
{
    json_put(out, ",\"explain\":{\"formula\":\"(recent + smooth) / "
                  "(before * hours / hours_before + smooth)\"");
    number_put(out, ",\"recent\":", ranked->count);
    number_put(out, ",\"before\":", ranked->before);
    number_put(out, ",\"hours\":", hours);
    number_put(out, ",\"hours_before\":", hours_before);
    number_put(out, ",\"smooth\":", TRENDING_SMOOTH);
    json_put(out, "}");
}
