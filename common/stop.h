/*
 * stop: SIGTERM and SIGINT ask a program to finish what it holds and end. The second one ends it at once.
 */
#ifndef TANDEM_COMMON_STOP_H
#define TANDEM_COMMON_STOP_H

#include <stdbool.h>

/* Installs the handlers; SIGPIPE is ignored. Before any thread is started. */
void stop_install(void);
bool stop_asked(void);
/* A descriptor that becomes readable when a stop is asked: for poll() and event loops. Not to be read or closed. */
int stop_fd(void);
/* Waits up to `ms`, less when a stop is asked. true: go on; false: a stop was asked. */
bool stop_sleep_ms(long ms);

#endif
