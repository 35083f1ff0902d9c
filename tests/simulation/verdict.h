/*
 * verdict: is an answer one pass over the log below its own as_of? If not, the test fails here and says both, the schedule's
 * seed and where the actors' log is. In the scheduler's process only.
 */
#ifndef TANDEM_TESTS_SIMULATION_VERDICT_H
#define TANDEM_TESTS_SIMULATION_VERDICT_H

#include "tests/simulation/world.h"

void verdict_on(const struct answer *answer, uint64_t seed, const char *log_name);

#endif
