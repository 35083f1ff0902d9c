/*
 * options: a program's configuration as a table, one row an option: name, type, default, unit, sentence. From the table
 * come the values, the variable TANDEM_<NAME>, the flag --name and --help. A flag wins over a variable, a variable over
 * the default. An unknown TANDEM_ variable, an unknown flag or a malformed value refuses to start and is named.
 */
#ifndef TANDEM_COMMON_OPTIONS_H
#define TANDEM_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
    OPTION_TEXT,  /* const char * */
    OPTION_INT,   /* int64_t, min..max */
    OPTION_FLAG,  /* bool: --name, or TANDEM_NAME=0|1 */
    OPTION_CHOICE, /* const char *, one of `choices`, separated by | */
    OPTION_LIST    /* struct option_list: any of `choices`; the flag may be repeated, the variable has commas */
};

struct option_list {
    char names[256]; /* separated by commas */
};

/* Whether `name` was listed. */
bool option_list_has(const struct option_list *list, const char *name);

struct option_row { // NOLINT(clang-analyzer-optin.performance.Padding): in reading order
    const char *
        name; /* lower case with _, as in "listen": TANDEM_LISTEN, --listen; "_" is "-" in the flag */
    enum option_type type;
    const char *initial;  /* default as text; NULL: must be given */
    const char *unit;     /* "ms", "events", "" */
    const char *sentence; /* for --help and the README */
    void *into;           /* where the value goes, by `type` */
    int64_t min, max;     /* OPTION_INT */
    const char *choices;  /* OPTION_CHOICE, OPTION_LIST */
    bool secret;          /* value never printed */
};

/* Puts `text` where the row says; false: it is no value of that type. */
bool option_take(const struct option_row *row, const char *text);

struct options_usage {
    const char *program; /* "tandem-speed" */
    const char *
        synopsis; /* what follows the program's name: "[options]", "replay|generate [options] [FILE]" */
    const char *about;    /* two or three sentences */
    const char *commands; /* "" or lines "  setup     creates the topic ...\n" */
};

enum { PARTITIONS_MAX = 256 }; /* of a deployment */

/* The options that every program of a deployment shares. */
struct deployment_options {
    const char *kafka; /* bootstrap servers */
    const char *topic;
    const char *redis;    /* host:port[,host:port...] */
    const char *postgres; /* libpq connection string */
    int64_t partitions;
};

/* Rows for those, pointing into `deployment`; returns how many were written (at most OPTIONS_DEPLOYMENT). */
enum { OPTIONS_DEPLOYMENT = 8 };
size_t options_deployment(struct option_row *rows, struct deployment_options *deployment);

/*
 * Reads the environment and argv into the rows' targets. Prints --help and exits 0; prints what is wrong and exits 2.
 * Returns the index of the first argument that is no flag; operands may stand anywhere and are moved to the end.
 * Texts point into argv, the environment or the table.
 */
int options_read(const struct options_usage *usage, const struct option_row *rows, size_t n_rows,
                 int argc, char **argv);

#endif
