/*
 * stop: SIGTERM and SIGINT ask a program to finish what it holds and end. Another one a second later or more ends it at once
 * (sooner it is the same request: a terminal and a service manager signal a parent and its child alike). A deadline asks, too.
 */
#ifndef TANDEM_COMMON_STOP_H
#define TANDEM_COMMON_STOP_H

#include <stdbool.h>
#include <stdint.h>

/* Installs the handlers; SIGPIPE is ignored. Before any thread is started. Again in a child: what its parent was asked is not
 * asked of the child. */
void stop_install(void);
/* Asks for a stop by itself after so many seconds of the monotonic clock: setting the wall clock changes nothing. Once. */
void stop_after_s(int64_t seconds);
bool stop_asked(void);
/* It was the deadline that asked, or its time is over, too. */
bool stop_deadline_over(void);
/* A descriptor that becomes readable when a stop is asked: for poll() and event loops. Not to be read or closed. */
int stop_fd(void);
/* Waits up to `ms`, less when a stop is asked. true: go on; false: a stop was asked. */
bool stop_sleep_ms(long ms);

#endif
