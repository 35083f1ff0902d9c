#define _GNU_SOURCE /* getopt_long, environ */
#include "common/options.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/option_names.h"
#include "common/version.h"

enum {
    EXIT_WRONG_USE = 2,
    NAME_BYTES = 64,
    ALLOWED_BYTES = 256,
    FLAG_HELP = 256, /* what getopt_long returns: above any character */
    FLAG_VERSION,
    FLAG_ROW /* + the row's number */
};

static const char prefix[] = "TANDEM_";

struct options {
    const struct options_usage *usage;
    const struct option_row *rows;
    size_t n_rows;
    const char **
        given; /* what a flag said, by row; NULL: nothing. Of a list: "", it is collected in its row */
    struct option *flags; /* getopt's table */
};

static size_t count_names(void)
{
    return sizeof option_names / sizeof *option_names;
}

/* ---- names ---- */

/* "redis_timeout_ms" -> "TANDEM_REDIS_TIMEOUT_MS" */
static const char *variable_name(const struct option_row *row, char name[NAME_BYTES])
{
    snprintf(name, NAME_BYTES, "%s%s", prefix, row->name);
    for (char *c = name; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return name;
}

/* "redis_timeout_ms" -> "redis-timeout-ms" */
static const char *flag_name(const struct option_row *row, char name[NAME_BYTES])
{
    snprintf(name, NAME_BYTES, "%s", row->name);
    for (char *c = name; *c; c++)
        if (*c == '_')
            *c = '-';
    return name;
}

/* ---- refusals: name what is wrong and what is allowed ---- */

static _Noreturn void refuse(const struct options *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static _Noreturn void refuse(const struct options *o, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s: ", o->usage->program);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n%s --help lists all options and variables\n", o->usage->program);
    va_end(args);
    exit(EXIT_WRONG_USE);
}

static const char *allowed_values(const struct option_row *row, char into[ALLOWED_BYTES])
{
    switch (row->type) {
    case OPTION_INT:
        snprintf(into, ALLOWED_BYTES, "a whole number from %lld to %lld%s%s", (long long)row->min,
                 (long long)row->max, *row->unit ? " " : "", row->unit);
        break;
    case OPTION_FLAG: snprintf(into, ALLOWED_BYTES, "0 or 1"); break;
    case OPTION_CHOICE: snprintf(into, ALLOWED_BYTES, "one of %s", row->choices); break;
    case OPTION_LIST: snprintf(into, ALLOWED_BYTES, "made of %s", row->choices); break;
    case OPTION_TEXT: snprintf(into, ALLOWED_BYTES, "allowed: it must not be empty"); break;
    }
    return into;
}

static _Noreturn void refuse_value(const struct options *o, size_t i, const char *value)
{
    const struct option_row *row = &o->rows[i];
    char name[NAME_BYTES], allowed[ALLOWED_BYTES];
    const char *source = o->given[i] ? flag_name(row, name) : variable_name(row, name);
    refuse(o, "%s%s: %s%s%s is not %s", o->given[i] ? "--" : "", source, row->secret ? "" : "\"",
           row->secret ? "this value" : value, row->secret ? "" : "\"",
           allowed_values(row, allowed));
}

static _Noreturn void refuse_missing(const struct options *o, const struct option_row *row)
{
    char variable[NAME_BYTES], flag[NAME_BYTES];
    refuse(o, "%s (or --%s) must be given: %s", variable_name(row, variable), flag_name(row, flag),
           row->sentence);
}

static _Noreturn void refuse_variable(const struct options *o, const char *name, size_t n)
{
    fprintf(stderr, "%s: %.*s: no program here knows this variable; this one knows",
            o->usage->program, (int)n, name);
    for (size_t i = 0; i < o->n_rows; i++) {
        char variable[NAME_BYTES];
        fprintf(stderr, "%s %s", i ? "," : "", variable_name(&o->rows[i], variable));
    }
    fprintf(stderr, "\n");
    exit(EXIT_WRONG_USE);
}

/* ---- values ---- */

static bool parse_int(const char *text, int64_t min, int64_t max, int64_t *value)
{
    if (!isdigit((unsigned char)text[*text == '-']))
        return false;
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno || *end || n < min || n > max)
        return false;
    *value = n;
    return true;
}

static bool is_choice(const char *choices, const char *text)
{
    size_t n = strlen(text);
    for (const char *c = choices; n && !strchr(text, '|') && c; c = strchr(c, '|')) {
        c += *c == '|';
        if (strncmp(c, text, n) == 0 && (c[n] == '|' || c[n] == 0))
            return true;
    }
    return false;
}

bool option_list_has(const struct option_list *list, const char *name)
{
    size_t n = strcspn(name, ",");
    for (const char *at = list->names; n && !name[n] && at && *at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == 0))
            return true;
    }
    return false;
}

/* Adds names, separated by commas, to what the list has. */
static bool list_add(const struct option_row *row, const char *text)
{
    struct option_list *list = row->into;
    size_t had = strlen(list->names);
    int n = snprintf(list->names + had, sizeof list->names - had, "%s%s", had && *text ? "," : "",
                     text);
    bool good = n >= 0 && (size_t)n < sizeof list->names - had;
    while (good && *text) {
        char name[NAME_BYTES];
        size_t bytes = strcspn(text, ",");
        snprintf(name, sizeof name, "%.*s", (int)bytes, text);
        good = bytes < sizeof name && is_choice(row->choices, name);
        text += bytes + (text[bytes] == ',');
    }
    return good;
}

bool option_take(const struct option_row *row, const char *text)
{
    switch (row->type) {
    case OPTION_INT: return parse_int(text, row->min, row->max, row->into);
    case OPTION_FLAG:
        *(bool *)row->into = *text == '1';
        return strcmp(text, "0") == 0 || strcmp(text, "1") == 0;
    case OPTION_CHOICE:
        *(const char **)row->into = text;
        return is_choice(row->choices, text) || (!*text && row->initial && !*row->initial);
    case OPTION_LIST: return list_add(row, text);
    case OPTION_TEXT:
        *(const char **)row->into = text;
        return *text || (row->initial && !*row->initial);
    }
    return false;
}

/* A flag wins over a variable, a variable over the default. */
static void settle_row(const struct options *o, size_t i)
{
    const struct option_row *row = &o->rows[i];
    char variable[NAME_BYTES];
    const char *text = o->given[i] ? o->given[i] : getenv(variable_name(row, variable));
    if (!text && !row->initial)
        refuse_missing(o, row);
    if (text && !option_take(row, text))
        refuse_value(o, i, text);
    if (!text) {
        bool taken = option_take(row, row->initial);
        assert(taken && "an option's default must be a value of its type");
        (void)taken;
    }
}

/* ---- the environment ---- */

static bool is_variable_of(const struct option_row *row, const char *name, size_t n)
{
    char variable[NAME_BYTES];
    return strlen(variable_name(row, variable)) == n && memcmp(variable, name, n) == 0;
}

static bool is_known(const struct options *o, const char *name, size_t n)
{
    size_t skip = sizeof prefix - 1;
    for (size_t i = 0; i < count_names(); i++)
        if (strlen(option_names[i]) == n - skip &&
            memcmp(option_names[i], name + skip, n - skip) == 0)
            return true;
    for (size_t i = 0; i < o->n_rows; i++)
        if (is_variable_of(&o->rows[i], name, n))
            return true;
    return false;
}

static void check_environment(const struct options *o)
{
    for (char **v = environ; *v; v++) {
        size_t n = strcspn(*v, "=");
        if (strncmp(*v, prefix, sizeof prefix - 1) == 0 && !is_known(o, *v, n))
            refuse_variable(o, *v, n);
    }
}

/* ---- --help ---- */

static const char *argument_of(enum option_type type)
{
    static const char *const names[] = {" TEXT", " N", "", " CHOICE", " NAME"};
    return names[type];
}

static void print_row(const struct option_row *row)
{
    char flag[NAME_BYTES], left[2 * NAME_BYTES], variable[NAME_BYTES];
    snprintf(left, sizeof left, "--%s%s", flag_name(row, flag), argument_of(row->type));
    printf("  %-30s %s\n      %s\n      ", left, variable_name(row, variable), row->sentence);
    if (!row->initial)
        printf("must be given");
    else
        printf("default: %s", *row->initial ? row->initial : "none");
    if (*row->unit)
        printf("; unit: %s", row->unit);
    if (row->type == OPTION_INT)
        printf("; from %lld to %lld", (long long)row->min, (long long)row->max);
    if (row->type == OPTION_CHOICE)
        printf("; one of %s", row->choices);
    if (row->type == OPTION_LIST)
        printf("; may be repeated (the variable: separated by commas); of %s", row->choices);
    printf("\n");
}

static _Noreturn void print_help(const struct options *o)
{
    const struct options_usage *u = o->usage;
    printf("usage: %s %s\n\n%s\n", u->program, u->synopsis, u->about);
    if (*u->commands)
        printf("\nCommands:\n%s", u->commands);
    printf("\nOptions (a flag wins over its variable, a variable over the default):\n");
    for (size_t i = 0; i < o->n_rows; i++)
        print_row(&o->rows[i]);
    printf("  %-30s\n      this text\n  %-30s\n      the version\n", "--help", "--version");
    printf("\nExit: 0 done, 1 failed, 2 wrong use or configuration, 3 another run holds the lock, "
           "4 drift,\n"
           "5 a check of the data failed, 6 the deadline was reached.\n");
    exit(fflush(stdout) == 0 ? 0 : 1);
}

static _Noreturn void print_version(const struct options *o)
{
    printf("%s %s\n", o->usage->program, TANDEM_VERSION);
    exit(fflush(stdout) == 0 ? 0 : 1);
}

/* ---- flags ---- */

/* getopt's table. The caller frees it and its names. */
static struct option *flag_table(const struct options *o)
{
    struct option *flags = xcalloc(o->n_rows + 3, sizeof *flags);
    char name[NAME_BYTES];
    for (size_t i = 0; i < o->n_rows; i++) {
        int argument = o->rows[i].type == OPTION_FLAG ? optional_argument : required_argument;
        flags[i] = (struct option){xstrdup(flag_name(&o->rows[i], name)), argument, NULL,
                                   FLAG_ROW + (int)i};
    }
    flags[o->n_rows] = (struct option){xstrdup("help"), no_argument, NULL, FLAG_HELP};
    flags[o->n_rows + 1] = (struct option){xstrdup("version"), no_argument, NULL, FLAG_VERSION};
    return flags;
}

static void flag_table_free(struct option *flags)
{
    for (struct option *f = flags; f->name; f++)
        free((char *)f->name);
    free(flags);
}

static void take_flag(const struct options *o, int found, char **argv)
{
    const char *word = argv[optind - 1];
    if (found == FLAG_HELP || found == 'h')
        print_help(o);
    if (found == FLAG_VERSION)
        print_version(o);
    if (found == ':')
        refuse(o, "%s needs a value", word);
    if (found == '?' && optopt > 0 && optopt < FLAG_HELP)
        refuse(o, "-%c: there is no such option", optopt);
    if (found == '?')
        refuse(o, "%.*s: there is no such option, or it takes no value", (int)strcspn(word, "="),
               word);
    size_t i = (size_t)(found - FLAG_ROW);
    const char *value = optarg ? optarg : "1";
    o->given[i] = value;
    if (o->rows[i].type != OPTION_LIST)
        return;
    if (!*value || !option_take(&o->rows[i], value))
        refuse_value(o, i, value);
    o->given[i] = ""; /* more may come */
}

static int read_flags(struct options *o, int argc, char **argv)
{
    o->flags = flag_table(o);
    opterr = 0;
    optind = 0; /* glibc: begin anew */
    for (int found; (found = getopt_long(argc, argv, ":h", o->flags, NULL)) != -1;)
        take_flag(o, found, argv);
    flag_table_free(o->flags);
    return optind;
}

int options_read(const struct options_usage *usage, const struct option_row *rows, size_t n_rows,
                 int argc, char **argv)
{
    struct options o = {usage, rows, n_rows, xcalloc(n_rows + 1, sizeof *o.given), NULL};
    int first_operand = read_flags(&o, argc, argv);
    check_environment(&o);
    for (size_t i = 0; i < n_rows; i++)
        settle_row(&o, i);
    free(o.given);
    return first_operand;
}

size_t options_deployment(struct option_row *rows, struct deployment_options *d)
{
    const struct option_row all[] = {
        {"kafka", OPTION_TEXT, NULL, "host:port,...", "Kafka's bootstrap servers.", &d->kafka, 0, 0,
         NULL, false},
        {"topic", OPTION_TEXT, "events", "", "The topic of the events.", &d->topic, 0, 0, NULL,
         false},
        {"redis", OPTION_TEXT, NULL, "host:port,...",
         "The Redis servers of the speed layer; partition p lives in server p mod their number.",
         &d->redis, 0, 0, NULL, false},
        {"postgres", OPTION_TEXT, NULL, "libpq connection string",
         "The database of the master dataset and the batch views.", &d->postgres, 0, 0, NULL, true},
        {"partitions", OPTION_INT, "4", "partitions",
         "Partitions of the topic: fixed at setup, checked at every start.", &d->partitions, 1,
         PARTITIONS_MAX, NULL, false},
    };
    _Static_assert(sizeof all / sizeof *all <= OPTIONS_DEPLOYMENT,
                   "OPTIONS_DEPLOYMENT is too small");
    memcpy(rows, all, sizeof all);
    return sizeof all / sizeof *all;
}
