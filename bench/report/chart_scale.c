/* Axes: what they span and where their ticks are. */
#include "bench/report/chart.h"

#include <math.h>

/* 1, 2 or 5 times a power of ten: the smallest that is not below. */
static double round_up(double value)
{
	double power = pow(10, floor(log10(value)));
	static const double steps[] = { 1, 2, 2.5, 5, 10 };
	for (size_t i = 0; i < COUNT_OF(steps); i++)
		if (value <= power * steps[i] * (1 + 1e-9))
			return power * steps[i];
	return power * 10;
}

static double step_of(const struct chart_scale *scale)
{
	return round_up((scale->high - scale->low) / 6);
}

struct chart_scale chart_scale_over(double low, double high, bool is_log)
{
	struct chart_scale scale = { .is_log = is_log };
	if (!(high > 0) || !isfinite(high))
		high = 1;
	if (!is_log) {
		scale.high = high;
		scale.high = ceil(high / step_of(&scale) - 1e-9) * step_of(&scale);
		return scale;
	}
	if (!(low > 0) || !isfinite(low))
		low = high / 10;
	scale.low = pow(10, floor(log10(low) + 1e-9));
	scale.high = round_up(high);
	if (scale.high <= scale.low)
		scale.high = scale.low * 10;
	return scale;
}

double chart_scale_place(const struct chart_scale *scale, double value)
{
	if (!scale->is_log)
		return (value - scale->low) / (scale->high - scale->low);
	return value > 0 ? log10(value / scale->low) / log10(scale->high / scale->low) : 0;
}

/* Powers of ten; where there are few, 2 and 5 times them as well. */
static uint32_t log_ticks(const struct chart_scale *scale, double *ticks, uint32_t capacity)
{
	static const double steps[] = { 1, 2, 5 };
	double decades = log10(scale->high / scale->low);
	uint32_t count = 0, every = decades <= 2.2 ? 1 : 3;
	for (double power = scale->low; power <= scale->high * (1 + 1e-9); power *= 10)
		for (uint32_t i = 0; i < COUNT_OF(steps) && count < capacity; i += every)
			if (power * steps[i] <= scale->high * (1 + 1e-9))
				ticks[count++] = power * steps[i];
	return count;
}

uint32_t chart_scale_ticks(const struct chart_scale *scale, double *ticks, uint32_t capacity)
{
	if (scale->is_log)
		return log_ticks(scale, ticks, capacity);
	double step = step_of(scale);
	uint32_t count = 0;
	for (uint32_t i = 0; count < capacity && scale->low + i * step <= scale->high * (1 + 1e-9); i++)
		ticks[count++] = scale->low + i * step;
	return count;
}

void chart_format(char *out, size_t size, double value)
{
	static const struct { double from; const char *unit; } units[] = { { 1e9, "G" }, { 1e6, "M" }, { 1e4, "k" } };
	for (size_t i = 0; i < COUNT_OF(units); i++)
		if (fabs(value) >= units[i].from) {
			double divisor = units[i].from == 1e4 ? 1e3 : units[i].from;
			snprintf(out, size, "%.4g%s", value / divisor, units[i].unit);
			return;
		}
	snprintf(out, size, fabs(value) >= 100 ? "%.0f" : "%.3g", value);
}
