/* tandem-batch: everything that is not live. Each subcommand is a file of its own and reads its own options. */
#include <stdio.h>
#include <string.h>

#include "batch-layer/commands.h"
#include "common/options.h"

static const struct command {
    const char *name;
    int (*main)(int argc, char **argv);
} commands[] = {
    {"setup", setup_main},     {"archive", archive_main},   {"run", run_main},
    {"rebuild", rebuild_main}, {"nightly", nightly_main},   {"replay", replay_main},
    {"audit", audit_main},     {"estimate", estimate_main}, {"prune", prune_main},
    {"status", status_main},
};

static const struct options_usage usage = {
    .program = "tandem-batch",
    .synopsis = "COMMAND [options]",
    .about = "The batch layer: the master dataset in Postgres and the batch views made from it.\n"
             "`tandem-batch COMMAND --help` lists the options of a command.",
    .commands =
        "  setup     makes topic, tables and mark where they are not there; safe to repeat\n"
        "  archive   copies events from Kafka into the master dataset, exactly once (daemon)\n"
        "  run       folds what is new into the batch view and publishes it\n"
        "  rebuild   the same from the first event on\n"
        "  nightly   does a run every night (daemon, for where there is no cron)\n"
        "  replay    recomputes every view from the Kafka log alone and compares it with the batch view\n"
        "  audit     recomputes every view and compares it with what readers are answered\n"
        "  estimate  what the views come to, from a sample of the users, with 95 % intervals\n"
        "  prune     packs old events of the master dataset; views stay as they are\n"
        "  status    shows the runs, their steps, and where everything stands\n",
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].main(argc - 1, argv + 1);
    if (argc > 1 && argv[1][0] == '-')
        options_read(&usage, NULL, 0, argc, argv); /* --help, --version; refuses the rest */
    else if (argc > 1)
        fprintf(stderr, "tandem-batch: %s: there is no such command\n", argv[1]);
    else
        fprintf(stderr, "tandem-batch: a command is needed\n");
    fprintf(stderr, "tandem-batch --help lists the commands\n");
    return BATCH_WRONG_USE;
}
