/*
 * command: a Redis command as it is put together: its arguments one behind the other. Keeps its memory for the next one.
 * Zero-initialised is empty. Not for: sending.
 */
#ifndef TANDEM_SPEED_COMMAND_H
#define TANDEM_SPEED_COMMAND_H

#include <stdint.h>

#include "views/bytes.h"

struct command {
    struct bytes text;
    size_t *length; /* of each argument */
    size_t length_cap;
    const char **argv;
    size_t argv_cap;
    int n;
};

/* Begins `FCALL function 1 tandem`. */
void command_begin(struct command *command, const char *function);
void command_put(struct command *command, struct text argument);
void command_put_number(struct command *command, int64_t argument);

/* The arguments, until the next call: n of them, with `length`. */
const char **command_argv(struct command *command);
void command_free(struct command *command);

#endif
