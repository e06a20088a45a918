/* The tokens are counted whenever somebody looks: there is no timer. A quota that is lowered takes effect at once, as what is above the new burst
 * runs over. */
#include "net/quota/quota_bucket.h"

static double burst_of(const struct quota_window *window, double limit)
{
	return limit * window->samples * window->sample_ms / 1000;
}

static void fill(struct quota_bucket *bucket, const struct quota_window *window, double limit, uint64_t now_ms)
{
	double burst = burst_of(window, limit);
	double tokens = bucket->tokens + limit * (double)(now_ms - bucket->filled_ms) / 1000;
	bucket->tokens = !bucket->is_begun || tokens > burst ? burst : tokens;
	bucket->filled_ms = now_ms;
	bucket->is_begun = true;
}

void quota_bucket_take(struct quota_bucket *bucket, const struct quota_window *window, double amount, double limit, uint64_t now_ms)
{
	fill(bucket, window, limit, now_ms);
	bucket->tokens -= amount;
}

uint64_t quota_bucket_debt_ms(struct quota_bucket *bucket, const struct quota_window *window, double limit, uint64_t now_ms)
{
	fill(bucket, window, limit, now_ms);
	if (bucket->tokens >= 0)
		return 0;
	double wait_ms = -bucket->tokens / limit * 1000 + 0.5; /* rounded below */
	return wait_ms > INT32_MAX ? INT32_MAX : (uint64_t)wait_ms;
}
