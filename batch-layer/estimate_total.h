/*
 * estimate_total: a total of all users, and its 95 % interval, from a sample of them in which each user is with the same
 * probability, independently of the others (Poisson sampling). Pure arithmetic.
 *
 * The total is Horvitz and Thompson's: the sum in the sample, divided by the share (Horvitz, Thompson 1952). Users differ by orders
 * of magnitude (a wholesaler among customers), so the plain interval, 1.96 standard errors to both sides, would miss too often: it is
 * corrected for skewness by Hall's transformation (Hall 1992, On the Removal of Skewness by Transformation), and its quantile is
 * Student's with as many degrees of freedom as the variance's own variance leaves (Satterthwaite 1946).
 */
#ifndef TANDEM_BATCH_ESTIMATE_TOTAL_H
#define TANDEM_BATCH_ESTIMATE_TOTAL_H

#include <stdbool.h>
#include <stddef.h>

/* Sums over the users of a sample. Zero-initialised, then sample_sums_add for each. */
struct sample_sums {
    double power[5]; /* of the users' totals: [1] the sum, [2] of the squares, ... */
    size_t users;    /* whose total is not 0 */
};

struct estimate {
    double total, low, high;
    bool has_interval; /* false: fewer than ESTIMATE_USERS users have a part in it */
};

enum { ESTIMATE_USERS = 30 };

void sample_sums_add(struct sample_sums *sums, double total_of_user);
struct estimate estimate_total(const struct sample_sums *sums, double share);

#endif
