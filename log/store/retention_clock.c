/* The line is where the wall should be: its time when it was last believed, and the monotonic time since. Small differences (slewing, and the steps of a
 * clock that is kept right) move the line along. */
#include "log/store/retention_clock.h"

#define MINUTE_NS UINT64_C(60000000000)
#define LOST_MAX_MS (100 * INT64_C(86400000)) /* a line that was begun at 0, some lives ago */
#define LINE_BITS 48 /* of what is left to the next life */
#define LINE_MAX_MS ((INT64_C(1) << LINE_BITS) - 1)

static int64_t distance(int64_t a, int64_t b)
{
	return a < b ? b - a : a - b;
}

static void believe(struct retention_clock *clock, int64_t wall_ms, uint64_t now_ns)
{
	*clock = (struct retention_clock){.is_set = true, .is_told = true, .line_ms = wall_ms, .line_ns = now_ns};
}

void retention_clock_resume(struct retention_clock *clock, int64_t left_ms, int64_t wall_ms, uint64_t now_ns)
{
	clock->is_told = true;
	if (left_ms < 0) /* a clock before 1970, or a stranger's hand */
		return;
	uint64_t tried_ns = (uint64_t)(left_ms >> LINE_BITS) * MINUTE_NS;
	left_ms &= LINE_MAX_MS;
	clock->told_ms = left_ms;
	if (wall_ms <= left_ms || distance(wall_ms, left_ms) <= RETENTION_CLOCK_DOWN_MS)
		return;
	clock->is_set = clock->is_resumed = true;
	clock->line_ms = left_ms;
	clock->line_ns = now_ns;
	clock->tried_ns = tried_ns;
}

void retention_clock_hear(struct retention_clock *clock, int64_t left_ms)
{
	if (left_ms >= 0)
		clock->seen_ms = left_ms & LINE_MAX_MS;
}

void retention_clock_see(struct retention_clock *clock, int64_t time_ms)
{
	bool is_back = time_ms < clock->seen_ms - RETENTION_CLOCK_SLACK_MS;
	if (!clock->seen_ms || is_back || (time_ms > clock->seen_ms && time_ms - clock->seen_ms <= RETENTION_CLOCK_DOWN_MS))
		clock->seen_ms = time_ms;
}

void retention_clock_guess(struct retention_clock *clock, bool has_records, int64_t wall_ms, uint64_t now_ns)
{
	bool went_back = clock->told_ms > 0 && clock->seen_ms > 0 && clock->seen_ms < clock->told_ms - RETENTION_CLOCK_DOWN_MS;
	if (clock->is_told && !went_back)
		return;
	if (clock->seen_ms > 0)
		retention_clock_resume(clock, clock->seen_ms, wall_ms, now_ns);
	else if (has_records)
		retention_clock_resume(clock, 0, wall_ms, now_ns);
}

bool retention_clock_is_lost(const struct retention_clock *clock)
{
	return clock->is_resumed && clock->line_ms < LOST_MAX_MS;
}

int64_t retention_clock_due(const struct retention_clock *clock, int64_t wall_ms, uint64_t now_ns)
{
	return clock->is_set ? clock->line_ms + (int64_t)((now_ns - clock->line_ns) / 1000000) : wall_ms;
}

bool retention_clock_is_behind(const struct retention_clock *clock, int64_t wall_ms, uint64_t now_ns)
{
	return clock->is_set && wall_ms < retention_clock_due(clock, wall_ms, now_ns) - RETENTION_CLOCK_SLACK_MS;
}

static uint64_t tried_so_far(const struct retention_clock *clock, uint64_t now_ns)
{
	return clock->tried_ns + (clock->is_off ? now_ns - clock->off_ns : 0);
}

int64_t retention_clock_left(const struct retention_clock *clock, int64_t wall_ms, uint64_t now_ns)
{
	int64_t due_ms = retention_clock_due(clock, wall_ms, now_ns);
	uint64_t tried_ns = tried_so_far(clock, now_ns);
	if (tried_ns > RETENTION_CLOCK_TRIAL_NS)
		tried_ns = RETENTION_CLOCK_TRIAL_NS;
	if (due_ms > LINE_MAX_MS)
		due_ms = LINE_MAX_MS;
	return due_ms < 0 ? due_ms : due_ms | (int64_t)(tried_ns / MINUTE_NS) << LINE_BITS;
}

int64_t retention_clock_now(struct retention_clock *clock, int64_t wall_ms, uint64_t now_ns, bool *has_jumped)
{
	*has_jumped = false;
	if (!clock->is_set)
		believe(clock, wall_ms, now_ns);
	int64_t due_ms = retention_clock_due(clock, wall_ms, now_ns);
	int64_t off_ms = wall_ms - due_ms;
	if (distance(off_ms, 0) <= RETENTION_CLOCK_SLACK_MS) {
		believe(clock, wall_ms, now_ns);
		return wall_ms;
	}
	if (off_ms < 0) {
		believe(clock, wall_ms, now_ns);
		clock->off_ms = off_ms;
		*has_jumped = true;
		return wall_ms;
	}
	bool is_news = !clock->is_off || distance(off_ms, clock->off_ms) > RETENTION_CLOCK_SLACK_MS;
	if (is_news) {
		*has_jumped = true;
		clock->tried_ns = clock->is_off ? 0 : clock->tried_ns; /* what the lives before had on trial is what the first look of this one sees */
		clock->is_off = true;
		clock->off_ms = off_ms;
		clock->off_ns = now_ns;
	} else if (tried_so_far(clock, now_ns) >= RETENTION_CLOCK_TRIAL_NS) {
		believe(clock, wall_ms, now_ns);
		return wall_ms;
	}
	return due_ms;
}
