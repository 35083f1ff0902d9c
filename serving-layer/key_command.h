/* key_command: `tandem-serve key add|list|revoke`: makes and ends API keys in Postgres; every server has it within a second. */
#ifndef TANDEM_SERVING_KEY_COMMAND_H
#define TANDEM_SERVING_KEY_COMMAND_H

/* argv[0] is "key". Returns an exit code: 0 done, 1 failed, 2 wrong use. */
int key_main(int argc, char **argv);

#endif
