/* When records were appended: between the send and the answer, by the clock of that time; and the log says so ever after, exactly or within bounds. Bounds
 * lie between times that the clock told before and after: they hold as long as it was never set. */
#include <stdlib.h>

#include "log/base/check.h"
#include "tests/sim/run_priv.h"

#define ASKED_AT_ONCE 6 /* of a partition; each question opens a file */

static struct append_interval *interval_at(struct append_table *table, int64_t offset)
{
	if ((uint64_t)offset >= table->count) {
		uint64_t count = (uint64_t)offset * 2 + 64;
		table->intervals = realloc(table->intervals, count * sizeof *table->intervals);
		CHECK(table->intervals);
		memset(table->intervals + table->count, 0, (count - table->count) * sizeof *table->intervals);
		table->count = count;
	}
	return &table->intervals[offset];
}

void times__staged(struct run *run, struct flight *flight, uint32_t number, int64_t from, int64_t to)
{
	flight->number = number;
	flight->staged_from = from;
	flight->staged_to = to;
	flight->staged_ms = io_wall_ms(run->io);
	flight->wall_jumps = run->is_jump_unseen ? UINT64_MAX : run->wall_jumps;
	for (int64_t offset = from; offset < to; offset++)
		*interval_at(&run->times[number], offset) = (struct append_interval){0};
}

void times__acked(struct run *run, const struct flight *flight)
{
	if (flight->wall_jumps != run->wall_jumps)
		return;
	for (int64_t offset = flight->staged_from; offset < flight->staged_to; offset++)
		*interval_at(&run->times[flight->number], offset) = (struct append_interval){flight->staged_ms, io_wall_ms(run->io)};
}

static void judge(struct run *run, uint32_t number, int64_t offset, const struct append_time_found *found)
{
	struct append_interval interval = *interval_at(&run->times[number], offset);
	bool is_told = interval.from_ms && found->offset == offset && (!found->is_bound || run->wall_jumps == 0);
	bool is_late = is_told && found->low_ms >= 0 && found->low_ms > interval.to_ms;
	bool is_early = is_told && found->high_ms >= 0 && found->high_ms < interval.from_ms;
	if (is_late || is_early)
		history_report(run->history, ANOMALY_WRONG_ANSWER, number, offset, "offset %ld is said to be appended in [%ld, %ld], and was in [%ld, %ld]",
			       (long)offset, (long)found->low_ms, (long)found->high_ms, (long)interval.from_ms, (long)interval.to_ms);
	if (interval.from_ms)
		met(run, found->is_bound ? POINT_APPEND_TIME_BOUND : POINT_APPEND_TIME);
}

void times__check(struct run *run, struct partition *partition, uint32_t number)
{
	int64_t start = partition_log_start_offset(partition), end = partition_high_watermark(partition);
	int64_t stride = 1 + (end - start) / ASKED_AT_ONCE;
	for (int64_t offset = start + (int64_t)(run->life % (uint64_t)stride); offset < end && !run__is_over(run); offset += stride) {
		struct append_time_found found;
		partition_append_time(partition, offset, &found);
		if (found.offset < offset && found.offset != -1)
			history_report(run->history, ANOMALY_WRONG_ANSWER, number, offset, "the first record behind %ld is said to be at %ld", (long)offset,
				       (long)found.offset);
		judge(run, number, offset, &found);
	}
}

void times__fini(struct run *run)
{
	for (uint32_t i = 0; i < NUMBERS_MAX; i++)
		free(run->times[i].intervals);
}
