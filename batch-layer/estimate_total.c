#include "batch-layer/estimate_total.h"

#include <math.h>

void sample_sums_add(struct sample_sums *sums, double total_of_user)
{
    double power = 1;
    sums->users += total_of_user != 0;
    for (int p = 1; p <= 4; p++)
        sums->power[p] += power *= total_of_user;
}

/* Student's 97.5 % point, by the Cornish-Fisher expansion (Abramowitz, Stegun 26.7.5): 1 % off at 3 degrees, exact at many. */
static double student_point(double degrees)
{
    const double z = 1.959963984540054;
    double z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
    return z + (z3 + z) / 4 / degrees + (5 * z5 + 16 * z3 + 3 * z) / 96 / (degrees * degrees) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / 384 / (degrees * degrees * degrees);
}

/* The studentised value that Hall's transformation brings to `point`; `skewness` is that of the total's estimate. */
static double hall_inverse(double point, double skewness)
{
    if (fabs(skewness) < 1e-6)
        return point;
    return 3 / skewness * (cbrt(1 + skewness * (point - skewness / 6)) - 1);
}

struct estimate estimate_total(const struct sample_sums *sums, double share)
{
    const double *sum = sums->power;
    struct estimate estimate = {.total = sum[1] / share,
                                .has_interval = sums->users >= ESTIMATE_USERS};
    double error = sqrt(sum[2] * (1 - share)) / share;
    estimate.low = estimate.high = estimate.total;
    if (!estimate.has_interval || error <= 0)
        return estimate;
    double third = sum[3] * (1 - share) * (1 - 2 * share) / (share * share * share);
    double skewness = third / (error * error * error);
    double degrees = 2 * sum[2] * sum[2] / sum[4];
    double point = student_point(degrees > 3 ? degrees : 3);
    estimate.low = estimate.total - error * hall_inverse(point, skewness);
    estimate.high = estimate.total - error * hall_inverse(-point, skewness);
    return estimate;
}
