#include "speed-layer/calls.h"

#include "handover/speed_keys.h"
#include "handover/view_state.h"

void call_claim(struct command *command, const struct claim *claim,
                const struct publication *publication)
{
    command_begin(command, "tandem2_claim");
    command_put(command, text_of(publication->deployment));
    command_put(command, text_of(claim->epoch_candidate));
    command_put_number(command, claim->partition);
    command_put(command, text_of(claim->token));
    command_put_number(command, publication->n);
    command_put_number(command, publication->boundary[claim->partition]);
    command_put(command, text_of(claim->layout));
    char views[VIEW_NAMES_BYTES];
    command_put(command, text_of(view_names(catalogue_all(), " ", views)));
}

/* The rows' pieces, of those that changed at all. */
static struct apply_size rows_put(struct command *command, const struct deltas *deltas,
                                  const struct names *names)
{
    struct apply_size size = {0, 0};
    struct bytes piece = {0}, name = {0};
    for (size_t row = 0; row < deltas_rows(deltas); row++) {
        bytes_clear(&piece);
        size_t counters = deltas_row_pack(deltas, row, names, &piece);
        if (!counters)
            continue;
        unsigned view;
        uint32_t group;
        deltas_row_key(deltas, row, &view, &group);
        speed_row_name(&name, catalogue[view].name, names_text(names, group));
        command_put(command, bytes_text(&name));
        command_put(command, bytes_text(&piece));
        size.rows++;
        size.counters += counters;
    }
    bytes_free(&piece);
    bytes_free(&name);
    return size;
}

static void states_put(struct command *command, const struct fold *fold)
{
    size_t cursor = 0;
    struct text user;
    struct bytes state = {0};
    while (fold_next_touched(fold, &cursor, &user, &state)) {
        command_put(command, user);
        command_put(command, bytes_text(&state));
    }
    bytes_free(&state);
}

static void part_put(struct command *command, const struct micro_batch *batch, const char *token)
{
    const struct cut *cut = micro_batch_is(batch);
    command_put_number(command, micro_batch_partition(batch));
    command_put(command, text_of(token));
    command_put_number(command, cut->from);
    command_put_number(command, cut->to);
    command_put_number(command, (int64_t)fold_touched(micro_batch_states(batch)));
}

struct apply_size call_apply(struct command *command, const struct apply *apply,
                             const char *const *token)
{
    command_begin(command, "tandem2_apply");
    command_put_number(command, micro_batch_is(apply->batch[0])->segment);
    command_put_number(command, (int64_t)apply->long_row);
    command_put_number(command, (int64_t)apply->n);
    for (size_t i = 0; i < apply->n; i++)
        part_put(command, apply->batch[i], token[i]);
    struct apply_size size = rows_put(command, apply->deltas, apply->names);
    for (size_t i = 0; i < apply->n; i++)
        states_put(command, micro_batch_states(apply->batch[i]));
    return size;
}

void call_states(struct command *command, const char *token, const struct micro_batch *batch)
{
    command_begin(command, "tandem2_states");
    command_put_number(command, micro_batch_partition(batch));
    command_put(command, text_of(token));
    command_put_number(command, micro_batch_is(batch)->segment);
    for (size_t i = 0; i < micro_batch_unknown(batch); i++)
        command_put(command, micro_batch_user(batch, i));
}
