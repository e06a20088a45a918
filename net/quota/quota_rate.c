/* What is older than the window is forgotten a sample at a time. The time that the sum is divided by is that since the oldest sample
 * began, but never less than all windows but one: so the first second of a client does not count as ten times as much. */
#include "net/quota/quota_rate.h"

static struct quota_sample *newest(struct quota_rate *rate, uint64_t now_ms)
{
	if (rate->count == 0) {
		rate->samples[0] = (struct quota_sample){now_ms, now_ms, 0};
		rate->count = 1;
	}
	return &rate->samples[rate->current];
}

static struct quota_sample *begin_sample(struct quota_rate *rate, const struct quota_window *window, uint64_t now_ms)
{
	rate->current = (rate->current + 1) % (window->samples + 1);
	if (rate->current >= rate->count)
		rate->count = rate->current + 1;
	rate->samples[rate->current] = (struct quota_sample){now_ms, now_ms, 0};
	return &rate->samples[rate->current];
}

void quota_rate_add(struct quota_rate *rate, const struct quota_window *window, double amount, uint64_t now_ms)
{
	struct quota_sample *sample = newest(rate, now_ms);
	if (now_ms - sample->start_ms >= window->sample_ms)
		sample = begin_sample(rate, window, now_ms);
	sample->sum += amount;
	sample->last_ms = now_ms;
}

static void forget_old(struct quota_rate *rate, const struct quota_window *window, uint64_t now_ms)
{
	uint64_t span_ms = (uint64_t)window->samples * window->sample_ms;
	for (uint32_t i = 0; i < rate->count; i++)
		if (now_ms - rate->samples[i].last_ms >= span_ms)
			rate->samples[i] = (struct quota_sample){now_ms, now_ms, 0};
}

/* The time that is looked at. */
static uint64_t span_of(struct quota_rate *rate, const struct quota_window *window, uint64_t now_ms)
{
	uint64_t oldest_ms = newest(rate, now_ms)->start_ms;
	for (uint32_t i = 0; i < rate->count; i++)
		if (rate->samples[i].start_ms < oldest_ms)
			oldest_ms = rate->samples[i].start_ms;
	uint64_t elapsed_ms = now_ms - oldest_ms;
	uint64_t full_windows = elapsed_ms / window->sample_ms;
	if (full_windows < window->samples - 1)
		elapsed_ms += (window->samples - 1 - full_windows) * window->sample_ms;
	return elapsed_ms > 0 ? elapsed_ms : 1;
}

static double measure(struct quota_rate *rate, const struct quota_window *window, uint64_t now_ms, uint64_t *span_ms)
{
	double sum = 0;
	forget_old(rate, window, now_ms);
	for (uint32_t i = 0; i < rate->count; i++)
		sum += rate->samples[i].sum;
	*span_ms = span_of(rate, window, now_ms);
	return sum * 1000 / (double)*span_ms;
}

double quota_rate_measure(struct quota_rate *rate, const struct quota_window *window, uint64_t now_ms)
{
	uint64_t span_ms;
	return measure(rate, window, now_ms, &span_ms);
}

/* rate * span / (span + wait) = limit, solved for the wait. */
uint64_t quota_rate_excess_ms(struct quota_rate *rate, const struct quota_window *window, double limit, uint64_t now_ms)
{
	uint64_t span_ms;
	double observed = measure(rate, window, now_ms, &span_ms);
	if (observed <= limit)
		return 0;
	double wait_ms = (observed - limit) / limit * (double)span_ms + 0.5; /* rounded below; libm would cost memory from the start on */
	return wait_ms > INT32_MAX ? INT32_MAX : (uint64_t)wait_ms;
}

uint64_t quota_rate_forgotten_ms(const struct quota_rate *rate, const struct quota_window *window, uint64_t now_ms)
{
	uint64_t span_ms = (uint64_t)window->samples * window->sample_ms, longest_ms = 0;
	for (uint32_t i = 0; i < rate->count; i++) {
		uint64_t over_ms = rate->samples[i].last_ms + span_ms;
		if (rate->samples[i].sum > 0 && over_ms > now_ms + longest_ms)
			longest_ms = over_ms - now_ms;
	}
	return longest_ms;
}
