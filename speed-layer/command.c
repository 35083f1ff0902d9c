#include "speed-layer/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "handover/speed_keys.h"

void command_begin(struct command *command, const char *function)
{
    bytes_clear(&command->text);
    command->n = 0;
    command_put(command, text_of("FCALL"));
    command_put(command, text_of(function));
    command_put(command, text_of("1"));
    command_put(command, text_of(SPEED_STATE_KEY));
}

void command_put(struct command *command, struct text argument)
{
    command->length = grown(command->length, &command->length_cap, (size_t)command->n + 1,
                            sizeof *command->length);
    command->length[command->n++] = argument.n;
    bytes_put_text(&command->text, argument);
}

void command_put_number(struct command *command, int64_t argument)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRId64, argument);
    command_put(command, (struct text){digits, (size_t)n});
}

const char **command_argv(struct command *command)
{
    command->argv =
        grown(command->argv, &command->argv_cap, (size_t)command->n, sizeof *command->argv);
    const char *at = command->text.at;
    for (int i = 0; i < command->n; i++) {
        command->argv[i] = at;
        at += command->length[i];
    }
    return command->argv;
}

void command_free(struct command *command)
{
    bytes_free(&command->text);
    free(command->length);
    free(command->argv);
    *command = (struct command){0};
}
