#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/options.h"

static struct {
    const char *name, *to, *password;
    int64_t n;
    bool loud;
    struct option_list accepted;
} set;

static const struct option_row rows[] = {
    {"listen", OPTION_TEXT, NULL, "host:port", "Where to listen.", &set.name, 0, 0, NULL, false},
    {"threads", OPTION_INT, "4", "threads", "How many.", &set.n, 1, 64, NULL, false},
    {"keep_bad", OPTION_FLAG, "0", "", "Keeps them.", &set.loud, 0, 0, NULL, false},
    {"to", OPTION_CHOICE, "kafka", "", "Where to.", &set.to, 0, 0, "kafka|http", false},
    {"accept", OPTION_LIST, "", "", "Accepts.", &set.accepted, 0, 0, "bad|drift|old", false},
    {"password", OPTION_CHOICE, "a", "", "Secret.", &set.password, 0, 0, "a|b", true},
};
enum { ROWS = sizeof rows / sizeof *rows };
static const struct options_usage usage = {"tandem-test", "[options]", "About.", "  go   goes\n"};

static int read_words(int argc, ...)
{
    static char *argv[16];
    va_list args;
    va_start(args, argc);
    argv[0] = "tandem-test";
    for (int i = 1; i <= argc; i++)
        argv[i] = va_arg(args, char *);
    argv[argc + 1] = NULL;
    va_end(args);
    return options_read(&usage, rows, ROWS, argc + 1, argv);
}

static char said[4096]; /* what the child wrote to stdout and stderr */

static int exit_code_of(const char *variable, const char *word)
{
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        if (variable)
            putenv((char *)variable);
        read_words(word ? 1 : 0, word);
        _exit(0);
    }
    close(ends[1]);
    size_t n = 0;
    for (ssize_t got; (got = read(ends[0], said + n, sizeof said - 1 - n)) > 0;)
        n += (size_t)got;
    said[n] = 0;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int clean(void **state)
{
    (void)state;
    clearenv();
    setenv("TANDEM_LISTEN", "here:1", 1);
    return 0;
}

static void a_flag_wins_over_a_variable_and_a_variable_over_the_default(void **state)
{
    (void)state;
    read_words(0);
    assert_int_equal(set.n, 4);
    assert_string_equal(set.name, "here:1");
    setenv("TANDEM_THREADS", "5", 1);
    setenv("TANDEM_KEEP_BAD", "1", 1);
    read_words(0);
    assert_int_equal(set.n, 5);
    assert_true(set.loud);
    read_words(3, "--threads=6", "--keep-bad=0", "--to=http");
    assert_int_equal(set.n, 6);
    assert_false(set.loud);
    assert_string_equal(set.to, "http");
}

static void a_list_is_collected_from_repeated_flags_or_from_a_variable(void **state)
{
    (void)state;
    set.accepted.names[0] = 0;
    read_words(3, "--accept=bad", "--threads=3", "--accept=old,bad");
    assert_true(option_list_has(&set.accepted, "bad") && option_list_has(&set.accepted, "old"));
    assert_false(option_list_has(&set.accepted, "drift") || option_list_has(&set.accepted, "ba"));
    assert_false(option_list_has(&set.accepted, "") || option_list_has(&set.accepted, "bad,old"));
    set.accepted.names[0] = 0;
    setenv("TANDEM_ACCEPT", "drift", 1);
    read_words(0);
    assert_true(option_list_has(&set.accepted, "drift"));
    set.accepted.names[0] = 0;
    read_words(1, "--accept=old"); /* a flag wins over the variable */
    assert_false(option_list_has(&set.accepted, "drift"));
    set.accepted.names[0] = 0;
}

static void operands_may_stand_anywhere(void **state)
{
    (void)state;
    assert_int_equal(read_words(5, "replay", "--threads", "2", "FILE", "--keep-bad"), 4);
    assert_true(set.loud);
}

static void a_variable_that_nobody_knows_is_refused(void **state)
{
    (void)state;
    assert_int_equal(exit_code_of("TANDEM_LISTN=x", NULL), 2);
    assert_non_null(strstr(said, "TANDEM_LISTN"));
    assert_non_null(strstr(said, "TANDEM_LISTEN"));
    assert_int_equal(exit_code_of("TANDEM_=x", NULL), 2);
}

static void a_variable_of_another_program_is_accepted(void **state)
{
    (void)state;
    assert_int_equal(exit_code_of("TANDEM_PORT_BASE=31000", NULL), 0);
    assert_int_equal(exit_code_of("TANDEM_CRASH_AT=x", NULL), 0);
}

static void malformed_values_are_refused_and_named(void **state)
{
    (void)state;
    static const char *const wrong[] = {"--threads=0",
                                        "--threads=65",
                                        "--threads=",
                                        "--threads=1e1",
                                        "--threads= 1",
                                        "--threads=+1",
                                        "--threads=99999999999999999999",
                                        "--to=htt",
                                        "--to=",
                                        "--to=kafka|http",
                                        "--keep-bad=yes",
                                        "--listen=",
                                        "--nothing",
                                        "--accept=",
                                        "--accept=worse",
                                        "--accept=bad,,old",
                                        "--accept=bad|old",
                                        "--accept=bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,"
                                        "bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,"
                                        "bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,"
                                        "bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,"
                                        "bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad,bad",
                                        "--threads",
                                        "-x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(exit_code_of(NULL, wrong[i]), 2);
        assert_non_null(strstr(said, "tandem-test: "));
    }
    assert_int_equal(exit_code_of("TANDEM_THREADS=many", NULL), 2);
    assert_non_null(
        strstr(said, "TANDEM_THREADS: \"many\" is not a whole number from 1 to 64 threads"));
}

static void what_must_be_given_is_asked_for(void **state)
{
    (void)state;
    unsetenv("TANDEM_LISTEN");
    assert_int_equal(exit_code_of(NULL, NULL), 2);
    assert_non_null(strstr(said, "TANDEM_LISTEN (or --listen) must be given"));
}

static void a_secret_is_never_printed(void **state)
{
    (void)state;
    assert_int_equal(exit_code_of("TANDEM_PASSWORD=hunter2", NULL), 2);
    assert_non_null(strstr(said, "TANDEM_PASSWORD"));
    assert_null(strstr(said, "hunter2"));
}

static void help_lists_every_option_even_when_the_environment_is_wrong(void **state)
{
    (void)state;
    assert_int_equal(exit_code_of("TANDEM_THREADS=many", "--help"), 0);
    static const char *const lines[] = {
        "--keep-bad",        "TANDEM_KEEP_BAD", "default: 4; unit: threads; from 1 to 64",
        "one of kafka|http", "must be given",   "Exit: 0 done, 1 failed",
        "go   goes"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_non_null(strstr(said, lines[i]));
}

static void version_is_told(void **state)
{
    (void)state;
    assert_int_equal(exit_code_of(NULL, "--version"), 0);
    assert_int_equal(strncmp(said, "tandem-test 0.", 14), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_flag_wins_over_a_variable_and_a_variable_over_the_default, clean),
        cmocka_unit_test_setup(a_list_is_collected_from_repeated_flags_or_from_a_variable, clean),
        cmocka_unit_test_setup(operands_may_stand_anywhere, clean),
        cmocka_unit_test_setup(a_variable_that_nobody_knows_is_refused, clean),
        cmocka_unit_test_setup(a_variable_of_another_program_is_accepted, clean),
        cmocka_unit_test_setup(malformed_values_are_refused_and_named, clean),
        cmocka_unit_test_setup(what_must_be_given_is_asked_for, clean),
        cmocka_unit_test_setup(a_secret_is_never_printed, clean),
        cmocka_unit_test_setup(help_lists_every_option_even_when_the_environment_is_wrong, clean),
        cmocka_unit_test_setup(version_is_told, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
