/* The histogram of how long requests take: bounds as Prometheus' clients have them, from what a durable write takes on a fast disk to what a
 * JoinGroup may wait. */
#include "net/metrics.h"

const uint64_t metrics_time_bounds_ns[METRICS_TIMES] = {
	50000,	   100000,    250000,	 500000,    1000000,	2500000,    5000000,	10000000,    25000000,
	50000000,  100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000,
};

void metrics_add_time(struct request_times *times, uint64_t time_ns)
{
	uint32_t at = 0;
	while (at < METRICS_TIMES && time_ns > metrics_time_bounds_ns[at])
		at++;
	metrics_add(&times->counts[at], 1);
	metrics_add(&times->sum_ns, time_ns);
}
