/* Rates of quotas against Kafka's own: the rows were made with its classes Rate and QuotaUtils (4.3), for windows of several shapes. */
#include "net/quota/quota_rate.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#define LIMIT 1000

/* So much later so much is added; then the rate is so much, and so long is to be waited. */
Test(quota_rate, as_kafka)
{
	static const struct {
		uint32_t samples, sample_ms;
		bool is_first;
		uint64_t later_ms;
		double amount, rate;
		uint64_t wait_ms;
	} rows[] = {
		{11, 1000, true, 1000, 1985, 198.500, 0},
		{11, 1000, false, 0, 20000, 2198.500, 11985},
		{11, 1000, false, 268, 1350, 2272.594, 13067},
		{11, 1000, false, 1000, 20000, 4220.393, 33067},
		{11, 1000, false, 14911, 20000, 2000.000, 10000},
		{11, 1000, false, 1000, 738, 2073.800, 10738},
		{11, 1000, false, 342, 1383, 2138.948, 11779},
		{11, 1000, false, 1000, 2004, 2332.721, 13783},
		{11, 1000, false, 100, 2311, 2531.699, 15994},
		{11, 1000, false, 273, 1391, 2597.014, 17112},
		{11, 1000, false, 0, 1818, 2766.682, 18930},
		{11, 1000, false, 14234, 20000, 2000.000, 10000},
		{11, 1000, false, 547, 1895, 2075.946, 11348},
		{11, 1000, false, 0, 1776, 2244.335, 13124},
		{11, 1000, false, 0, 245, 2267.564, 13369},
		{11, 1000, false, 170, 1452, 2367.080, 14651},
		{2, 1000, true, 165, 2157, 2157.000, 1157},
		{2, 1000, false, 2396, 1272, 1272.000, 272},
		{2, 1000, false, 105, 1847, 2822.624, 2014},
		{2, 1000, false, 1000, 137, 2946.606, 2151},
		{2, 1000, false, 0, 1896, 4662.443, 4047},
		{2, 1000, false, 1000, 31, 2064.000, 1064},
		{2, 1000, false, 76, 1787, 3578.996, 2775},
		{2, 1000, false, 97, 208, 3460.358, 2886},
		{2, 1000, false, 0, 20000, 20510.656, 22886},
		{2, 1000, false, 818, 37, 12102.461, 22105},
		{2, 1000, false, 1000, 1240, 11704.169, 21312},
		{2, 1000, false, 1355, 1566, 2070.849, 1451},
		{2, 1000, false, 795, 1215, 1549.304, 986},
		{2, 1000, false, 2363, 2441, 2441.000, 1441},
		{2, 1000, false, 54, 485, 2776.091, 1872},
		{2, 1000, false, 123, 20000, 19478.335, 21749},
		{1, 1000, true, 39, 1647, 1647000.000, 1646},
		{1, 1000, false, 748, 1767, 4564.171, 2666},
		{1, 1000, false, 176, 20000, 25339.827, 22490},
		{1, 1000, false, 1101, 590, 590000.000, 589},
		{1, 1000, false, 161, 20000, 127888.199, 20429},
		{1, 1000, false, 64, 1787, 99453.333, 22152},
		{1, 1000, false, 1000, 2410, 2410000.000, 2409},
		{1, 1000, false, 152, 1361, 24809.211, 3619},
		{1, 1000, false, 929, 2164, 5490.287, 4854},
		{1, 1000, false, 175, 20000, 126651.429, 21989},
		{1, 1000, false, 84, 354, 86942.085, 22259},
		{1, 1000, false, 1000, 20000, 20000000.000, 19999},
		{1, 1000, false, 209, 2136, 105913.876, 21927},
		{1, 1000, false, 1109, 2019, 2019000.000, 2018},
		{1, 1000, false, 1381, 535, 535000.000, 534},
		{1, 1000, false, 0, 1558, 2093000.000, 2092},
		{5, 3000, true, 1428, 908, 75.667, 0},
		{5, 3000, false, 1000, 497, 108.077, 0},
		{5, 3000, false, 11384, 1511, 235.465, 0},
		{5, 3000, false, 0, 1425, 350.533, 0},
		{5, 3000, false, 0, 2009, 512.758, 0},
		{5, 3000, false, 0, 968, 590.924, 0},
		{5, 3000, false, 22, 1918, 744.478, 0},
		{5, 3000, false, 0, 1173, 839.030, 0},
		{5, 3000, false, 0, 976, 917.701, 0},
		{5, 3000, false, 103, 1943, 1065.473, 819},
		{5, 3000, false, 73, 1949, 1214.195, 2695},
		{5, 3000, false, 67, 2081, 1372.282, 4709},
		{5, 3000, false, 0, 20000, 2953.435, 24709},
		{5, 3000, false, 148, 1775, 3057.982, 26336},
		{5, 3000, false, 1000, 379, 2863.811, 25715},
		{5, 3000, false, 180, 971, 2896.401, 26506},
	};
	struct quota_rate *rate = NULL;
	uint64_t now_ms = 1000000;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct quota_window window = {rows[i].samples, rows[i].sample_ms};
		if (rows[i].is_first) {
			free(rate);
			rate = calloc(1, quota_rate_size(&window));
		}
		now_ms += rows[i].later_ms;
		quota_rate_add(rate, &window, rows[i].amount, now_ms);
		cr_expect_lt(fabs(quota_rate_measure(rate, &window, now_ms) - rows[i].rate), 0.001, "row %zu", i);
		uint64_t wait_ms = quota_rate_excess_ms(rate, &window, LIMIT, now_ms);
		cr_expect(wait_ms + 1 >= rows[i].wait_ms && wait_ms <= rows[i].wait_ms + 1, "row %zu: %zu ms", i, (size_t)wait_ms);
	}
	free(rate);
}

/* Who always waits as long as he is told does what is allowed, beyond what the first windows let through. */
Test(quota_rate, holds)
{
	struct quota_window window = {11, 1000};
	struct quota_rate *rate = calloc(1, quota_rate_size(&window));
	double done = 0;
	uint64_t now_ms = 5000, end_ms = now_ms + 600000;
	while (now_ms < end_ms) {
		quota_rate_add(rate, &window, 300, now_ms);
		done += 300;
		now_ms += 1 + quota_rate_excess_ms(rate, &window, LIMIT, now_ms);
	}
	cr_expect_gt(done, 0.95 * LIMIT * 600);
	cr_expect_lt(done, 1.05 * LIMIT * 600 + 11 * LIMIT);
	free(rate);
}
