/*
 * commands: the subcommands of tandem-batch, one function each, dispatched by main.c. Each reads its own options (argv[0] is
 * the subcommand's name) and returns an exit code.
 */
#ifndef TANDEM_BATCH_COMMANDS_H
#define TANDEM_BATCH_COMMANDS_H

enum batch_exit {
    BATCH_DONE = 0,
    BATCH_FAILED = 1,
    BATCH_WRONG_USE = 2,
    BATCH_LOCKED = 3, /* another one holds the lock */
    BATCH_DRIFTED = 4,
    BATCH_REFUSED = 5,  /* a check of the data failed: not published */
    BATCH_DEADLINE = 6, /* the next start goes on */
};

int setup_main(int argc, char **argv);
int archive_main(int argc, char **argv);
int run_main(int argc, char **argv);
int rebuild_main(int argc, char **argv);
int nightly_main(int argc, char **argv);
int prune_main(int argc, char **argv);
int replay_main(int argc, char **argv);
int audit_main(int argc, char **argv);
int status_main(int argc, char **argv);
int estimate_main(int argc, char **argv);

#endif
