/* The wall clock jumps, forwards and back, by an hour and by years, while the monotonic clock goes on: offsets, order, high watermark and deduplication
 * do not notice; what was waiting goes on waiting as long as it was to wait; and retention deletes nothing because of the clock alone. */
#include "log/store/retention_clock.h"
#include "tests/unit/log/store/untold_ends.h"
#include "tests/unit/log/verify/rot.h"

#define HOUR_MS INT64_C(3600000)
#define YEAR_MS (365 * 24 * HOUR_MS)

static const int64_t jumps_ms[] = {HOUR_MS, -HOUR_MS, YEAR_MS, -YEAR_MS, -2 * YEAR_MS, 10 * YEAR_MS, -10 * YEAR_MS};

/* An idempotent producer's batch, stamped with the wall's time. */
static int append_as_producer(struct world *world, struct partition *partition, int32_t sequence, int64_t *base_offset)
{
	uint8_t bytes[1024];
	struct batch_builder builder;
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	options.producer_id = 7;
	options.producer_epoch = 0;
	options.base_sequence = sequence;
	cr_assert_eq(batch_builder_open(&builder, NULL, &options, bytes, sizeof bytes), 0);
	uint8_t value[8] = {0};
	struct record record = {.timestamp_ms = io_wall_ms(world->io), .value = {value, sizeof value}};
	cr_assert_eq(batch_builder_append(&builder, &record), 0);
	struct append append = {.op = {.done = append_done, .records = bytes}};
	cr_assert_eq(batch_builder_finish(&builder, &append.op.records_size_bytes), 0);
	int err = partition_append(partition, &append.op);
	if (err)
		return err;
	store_turn(world->store);
	for (int turns = 0; !append.is_done && turns < 10000; turns++)
		world_turn(world);
	cr_assert(append.is_done);
	*base_offset = append.op.base_offset;
	return append.op.err;
}

static void jump(struct world *world, int64_t by_ms)
{
	sim_disk_shift_wall_clock(world->disk, by_ms);
	for (int turns = 0; turns < 30; turns++)
		world_turn(world);
}

/* Offsets go on densely, a repeated batch gets the offset it had, before and after restarts, whatever the wall says. */
Test(clock, order_and_deduplication)
{
	struct world world;
	struct config_override override = {"message.timestamp.after.max.ms", "9223372036854775807"};
	world_init(&world, 8);
	world.options.retention_check_ms = 300000;
	world_open(&world);
	world_create_topic(&world, "t", 1, &override, 1);
	int64_t offset;
	for (int32_t i = 0; i < (int32_t)COUNT_OF(jumps_ms); i++) {
		struct partition *partition = world_partition(&world, "t", 0);
		cr_assert_eq(append_as_producer(&world, partition, i, &offset), 0, "jump %d", i);
		cr_assert_eq(offset, i);
		jump(&world, jumps_ms[i]);
		cr_assert_eq(partition_high_watermark(partition), i + 1);
		cr_assert_eq(partition_log_start_offset(partition), 0, "jump %d deleted", i);
		cr_assert_eq(append_as_producer(&world, partition, i, &offset), 0, "again, behind jump %d", i);
		cr_assert_eq(offset, i, "it was appended again behind jump %d", i);
		if (i % 2) {
			world_crash(&world);
			world_open(&world);
		}
	}
	world_fini(&world);
}

/* Timers go by the monotonic clock: a cycle that is due in 5 s comes in 5 s. */
Test(clock, timers_do_not_notice)
{
	for (size_t i = 0; i < COUNT_OF(jumps_ms); i++) {
		struct world world;
		world_init(&world, 9);
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		world_append(&world, world_partition(&world, "t", 0), 0, 1, 100);
		sim_disk_shift_wall_clock(world.disk, jumps_ms[i]);
		uint64_t began_ns = io_now_ns(world.io);
		for (int turns = 0; io_now_ns(world.io) - began_ns < 6000000000ull && turns < 1000; turns++)
			world_turn(&world);
		cr_assert_lt(io_now_ns(world.io) - began_ns, 60000000000ull, "jump %zu", i);
		world_stop(&world);
		world_open(&world);
		cr_assert(world.report.was_clean);
		world_fini(&world);
	}
}

#define MINUTE_NS (60ull * 1000 * 1000 * 1000)
#define DAY_NS (1440 * MINUTE_NS)

/* A jump ahead is not believed for a day, one back at once; coming back ends either; drift is followed. */
Test(clock, what_time_it_is_for_retention)
{
	struct retention_clock clock = {0};
	bool has_jumped;
	int64_t t = 1700000000000;
	uint64_t ns = 5 * MINUTE_NS;
	cr_assert_eq(retention_clock_now(&clock, t, ns, &has_jumped), t);
	/* five minutes on, four seconds fast */
	cr_assert_eq(retention_clock_now(&clock, t + 304000, ns + 5 * MINUTE_NS, &has_jumped), t + 304000);
	cr_assert_not(has_jumped);
	/* a year ahead: told once, not believed */
	cr_assert_eq(retention_clock_now(&clock, t + 604000 + YEAR_MS, ns + 10 * MINUTE_NS, &has_jumped), t + 604000);
	cr_assert(has_jumped);
	cr_assert_eq(retention_clock_now(&clock, t + 904000 + YEAR_MS, ns + 15 * MINUTE_NS, &has_jumped), t + 904000);
	cr_assert_not(has_jumped);
	/* and back */
	cr_assert_eq(retention_clock_now(&clock, t + 1204000, ns + 20 * MINUTE_NS, &has_jumped), t + 1204000);
	/* an hour back: believed, as less is deleted */
	cr_assert_eq(retention_clock_now(&clock, t + 1504000 - HOUR_MS, ns + 25 * MINUTE_NS, &has_jumped), t + 1504000 - HOUR_MS);
	cr_assert(has_jumped);
	/* and its return is an hour ahead */
	cr_assert_eq(retention_clock_now(&clock, t + 1804000, ns + 30 * MINUTE_NS, &has_jumped), t + 1804000 - HOUR_MS);
	/* ahead for good: believed after a day */
	int64_t ahead = t + 2104000 + YEAR_MS;
	cr_assert_eq(retention_clock_now(&clock, ahead, ns + 35 * MINUTE_NS, &has_jumped), t + 2104000 - HOUR_MS);
	cr_assert_eq(retention_clock_now(&clock, ahead + 24 * HOUR_MS, ns + 35 * MINUTE_NS + DAY_NS, &has_jumped), ahead + 24 * HOUR_MS);
	/* frozen: ten minutes behind and more is "back", and never ahead */
	cr_assert_eq(retention_clock_now(&clock, ahead + 24 * HOUR_MS, ns + 135 * MINUTE_NS + DAY_NS, &has_jumped), ahead + 24 * HOUR_MS);
}

/* What a life before left behind: up to a day ahead of it is the time that went by, more is put to the trial; and each life hands on the same line. */
Test(clock, what_time_it_is_after_a_start)
{
	bool has_jumped;
	int64_t left = 1700000000000;
	struct retention_clock clock = {0};
	retention_clock_resume(&clock, left, left + 23 * HOUR_MS, 0);
	cr_assert_eq(retention_clock_now(&clock, left + 23 * HOUR_MS, 0, &has_jumped), left + 23 * HOUR_MS);
	cr_assert_not(has_jumped);

	clock = (struct retention_clock){0};
	retention_clock_resume(&clock, left, left - YEAR_MS, 0);
	cr_assert_eq(retention_clock_now(&clock, left - YEAR_MS, 0, &has_jumped), left - YEAR_MS);

	clock = (struct retention_clock){0};
	retention_clock_resume(&clock, left, left + YEAR_MS, 0);
	cr_assert_eq(retention_clock_now(&clock, left + YEAR_MS, 0, &has_jumped), left);
	cr_assert(has_jumped && clock.is_resumed);
	cr_assert_eq(retention_clock_due(&clock, left + YEAR_MS + HOUR_MS, 60 * MINUTE_NS), left + HOUR_MS, "what the next life is told");
	cr_assert_eq(retention_clock_now(&clock, left + YEAR_MS + 24 * HOUR_MS, DAY_NS, &has_jumped), left + YEAR_MS + 24 * HOUR_MS);
	cr_assert_not(clock.is_resumed);
}

static void let_time_go_by(struct world *world, uint64_t ns)
{
	uint64_t began_ns = io_now_ns(world->io);
	for (int turns = 0; io_now_ns(world->io) - began_ns < ns && turns < 100000; turns++)
		world_turn(world);
	cr_assert_geq(io_now_ns(world->io) - began_ns, ns);
}

static void open_keeping_a_week(struct world *world, uint64_t seed)
{
	struct config_override override = {"retention.ms", "604800000"};
	world_init(world, seed);
	world->options.retention_check_ms = 300000;
	world_open(world);
	world_create_topic(world, "t", 1, &override, 1);
}

static void append_telling_no_ends(struct world *world, int32_t sequence)
{
	int64_t offset;
	world_let_ends_be_told(world, true);
	cr_assert_eq(append_as_producer(world, world_partition(world, "t", 0), sequence, &offset), 0);
	world_let_ends_be_told(world, false);
}

/* A machine comes up a month ahead (no battery, no network yet), once after a stop and twice after a kill: what a week is to be kept is there. A clock that
 * stays there for a day is right, and the records go. The journal has no room to tell the time, so it is the checkpoints that do. */
Test(clock, a_start_with_a_wrong_clock_deletes_nothing)
{
	struct world world;
	open_keeping_a_week(&world, 10);
	for (int32_t i = 0; i < 5; i++)
		append_telling_no_ends(&world, i);
	world_stop(&world);
	sim_disk_shift_wall_clock(world.disk, 30 * 24 * HOUR_MS);
	for (int life = 0; life < 3; life++) {
		world_open(&world);
		world_let_ends_be_told(&world, false);
		let_time_go_by(&world, 20 * MINUTE_NS);
		cr_assert_eq(partition_log_start_offset(world_partition(&world, "t", 0)), 0, "life %d", life);
		append_telling_no_ends(&world, 5 + life);
		let_time_go_by(&world, MINUTE_NS);
		if (life < 2)
			world_crash(&world);
	}
	let_time_go_by(&world, DAY_NS);
	cr_assert_gt(partition_log_start_offset(world_partition(&world, "t", 0)), 0, "a day later it is the time");
	world_fini(&world);
}

/* The clock is back for a moment, between two looks at it, and records are appended meanwhile: they are as old as it says when it is right again, and stay, as
 * that is a jump ahead. So they do where the broker was killed in that moment, before its first checkpoint. */
Test(clock, records_of_a_clock_that_was_behind_for_a_moment)
{
	for (int is_killed = 0; is_killed < 2; is_killed++) {
		struct world world;
		int64_t offset;
		open_keeping_a_week(&world, 12);
		sim_disk_shift_wall_clock(world.disk, -30 * 24 * HOUR_MS);
		world_turn(&world);
		cr_assert_eq(append_as_producer(&world, world_partition(&world, "t", 0), 0, &offset), 0);
		if (is_killed)
			world_crash(&world);
		sim_disk_shift_wall_clock(world.disk, 30 * 24 * HOUR_MS);
		if (is_killed)
			world_open(&world);
		let_time_go_by(&world, 20 * MINUTE_NS);
		cr_expect_eq(partition_log_start_offset(world_partition(&world, "t", 0)), 0, "killed: %d", is_killed);
		world_fini(&world);
	}
}

static void lose_checkpoints(struct world *world)
{
	struct io *io = rot_open(world);
	cr_assert_eq(io_unlink(io, "/checkpoint-0"), 0);
	cr_assert_eq(io_unlink(io, "/checkpoint-0.copy"), 0);
	io_close(io);
}

/* The same where no checkpoint says when the broker was left: it was killed before its first one, or has lost both. */
Test(clock, a_start_without_a_checkpoint_deletes_nothing)
{
	for (int is_lost = 0; is_lost < 2; is_lost++) {
		struct world world;
		int64_t offset;
		open_keeping_a_week(&world, 11);
		for (int32_t i = 0; i < 5; i++)
			cr_assert_eq(append_as_producer(&world, world_partition(&world, "t", 0), i, &offset), 0);
		if (is_lost)
			world_stop(&world);
		else
			world_crash(&world);
		if (is_lost)
			lose_checkpoints(&world);
		sim_disk_shift_wall_clock(world.disk, 30 * 24 * HOUR_MS);
		world_open(&world);
		let_time_go_by(&world, 20 * MINUTE_NS);
		cr_expect_eq(partition_log_start_offset(world_partition(&world, "t", 0)), 0, "%s", is_lost ? "lost" : "killed");
		cr_expect_eq(partition_high_watermark(world_partition(&world, "t", 0)), 5);
		let_time_go_by(&world, DAY_NS);
		cr_expect_eq(partition_log_start_offset(world_partition(&world, "t", 0)), 5, "a day later it is the time");
		world_fini(&world);
	}
}

/* Killed before its first checkpoint, and down for two hours: the journal's groups tell when that was, so the time is believed, and what is due goes at once. */
Test(clock, without_a_checkpoint_the_journal_tells_the_time)
{
	struct world world;
	struct config_override override = {"retention.ms", "3600000"};
	int64_t offset;
	world_init(&world, 13);
	world.options.retention_check_ms = 300000;
	world_open(&world);
	world_create_topic(&world, "t", 1, &override, 1);
	for (int32_t i = 0; i < 5; i++)
		cr_assert_eq(append_as_producer(&world, world_partition(&world, "t", 0), i, &offset), 0);
	world_crash(&world);
	sim_disk_shift_wall_clock(world.disk, 2 * HOUR_MS);
	world_open(&world);
	let_time_go_by(&world, 20 * MINUTE_NS);
	cr_expect_eq(partition_log_start_offset(world_partition(&world, "t", 0)), 5);
	world_fini(&world);
}

/* Nor does a trial begin anew where checkpoints are lost: the journal says how far it has come. */
Test(clock, a_trial_goes_on_without_a_checkpoint)
{
	struct world world;
	int64_t offset;
	open_keeping_a_week(&world, 14);
	cr_assert_eq(append_as_producer(&world, world_partition(&world, "t", 0), 0, &offset), 0);
	sim_disk_shift_wall_clock(world.disk, 30 * 24 * HOUR_MS);
	for (int life = 0; life < 2; life++) {
		let_time_go_by(&world, 1200 * MINUTE_NS);
		cr_assert_eq(partition_log_start_offset(world_partition(&world, "t", 0)), life, "life %d", life);
		if (life > 0)
			break;
		cr_assert_eq(append_as_producer(&world, world_partition(&world, "t", 0), 1, &offset), 0);
		let_time_go_by(&world, MINUTE_NS);
		world_crash(&world);
		lose_checkpoints(&world);
		world_open(&world);
	}
	world_fini(&world);
}

/* What the journal's groups tell is as good as a checkpoint's word; a group far ahead of the one before tells nothing, and without any, nothing is believed. */
Test(clock, what_time_it_is_without_a_checkpoint)
{
	int64_t left = 1700000000000;
	static const struct {
		int64_t groups[3];
		bool has_records, is_told;
		int64_t ahead_ms, due; /* of `left` */
	} starts[] = {
		{{0, HOUR_MS, 2 * HOUR_MS}, true, false, 3 * HOUR_MS, 3 * HOUR_MS},
		{{0, HOUR_MS, 2 * HOUR_MS}, true, false, YEAR_MS, 2 * HOUR_MS},
		{{0, HOUR_MS, YEAR_MS}, true, false, YEAR_MS, HOUR_MS},
		{{0, -HOUR_MS, -YEAR_MS}, true, false, YEAR_MS, -YEAR_MS},
		{{0, -60000, 1}, true, false, YEAR_MS, 1},
		{{0, -YEAR_MS, 0}, true, false, 0, -YEAR_MS},
		{{INT64_MIN}, false, false, YEAR_MS, YEAR_MS},
		{{INT64_MIN}, true, false, YEAR_MS, -1700000000000},
		{{INT64_MIN}, true, true, YEAR_MS, YEAR_MS},
		{{0, 1, 2}, true, true, YEAR_MS, YEAR_MS},
	};
	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		bool has_jumped;
		struct retention_clock clock = {.is_told = starts[i].is_told};
		for (int g = 0; g < 3 && starts[i].groups[0] != INT64_MIN; g++)
			retention_clock_see(&clock, left + starts[i].groups[g]);
		retention_clock_guess(&clock, starts[i].has_records, left + starts[i].ahead_ms, 0);
		cr_expect_eq(retention_clock_now(&clock, left + starts[i].ahead_ms, 0, &has_jumped), left + starts[i].due, "start %zu", i);
		cr_expect_eq(retention_clock_is_lost(&clock), starts[i].due < -YEAR_MS, "start %zu", i);
	}
}

/* A line that was written down, and groups behind it by a clock that had gone back: they were appended with its times, so their time is where the broker was left.
 * A line that is written down among them is the clock's of then. */
Test(clock, what_time_it_is_where_the_clock_went_back_behind_a_checkpoint)
{
	int64_t left = 1700000000000;
	static const struct {
		int64_t groups[3], ahead_ms, due; /* of `left` */
		int heard_before; /* a line as the group says, before this one; -1: none is but the checkpoint's own */
	} starts[] = {
		{{-YEAR_MS, -YEAR_MS + 1, -YEAR_MS + 2}, 1, -YEAR_MS + 2, -1},
		{{-YEAR_MS, 0, 0}, 1, -YEAR_MS, -1}, /* and was put right: a leap */
		{{-YEAR_MS, -YEAR_MS, 0}, 1, 1, 2},  /* which was believed in the end */
		{{0, -YEAR_MS, -YEAR_MS}, 1, -YEAR_MS, 1}, /* the next checkpoint's line, which was not written any more */
		{{-YEAR_MS, -YEAR_MS, -YEAR_MS}, -YEAR_MS + HOUR_MS, -YEAR_MS + HOUR_MS, -1},
		{{-HOUR_MS, -HOUR_MS, 0}, 1, 1, -1}, /* within what nobody can tell from a short stop */
		{{0, HOUR_MS, HOUR_MS}, YEAR_MS, 0, -1},
	};
	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		bool has_jumped;
		struct retention_clock clock = {0};
		int64_t wall = left + starts[i].ahead_ms;
		retention_clock_resume(&clock, left, wall, 0);
		retention_clock_hear(&clock, left);
		for (int g = 0; g < 3; g++) {
			if (g == starts[i].heard_before)
				retention_clock_hear(&clock, left + starts[i].groups[g]);
			retention_clock_see(&clock, left + starts[i].groups[g]);
		}
		retention_clock_guess(&clock, true, wall, 0);
		cr_expect_eq(retention_clock_now(&clock, wall, 0, &has_jumped), left + starts[i].due, "start %zu: %ld", i,
			     (long)(retention_clock_now(&clock, wall, 0, &has_jumped) - left));
	}
}

/* A life that begins while the clock is a month behind, and is killed before its first checkpoint, when the clock is right again: what was appended is kept. */
Test(clock, a_kill_behind_a_clock_that_was_behind)
{
	struct world world;
	int64_t offset;
	open_keeping_a_week(&world, 12);
	world_create_topic(&world, "u", 1, NULL, 0);
	cr_assert_eq(append_as_producer(&world, world_partition(&world, "u", 0), 0, &offset), 0);
	let_time_go_by(&world, MINUTE_NS);
	world_crash(&world);
	sim_disk_shift_wall_clock(world.disk, -30 * 24 * HOUR_MS);
	world_open(&world);
	for (int32_t i = 0; i < 4; i++)
		cr_assert_eq(append_as_producer(&world, world_partition(&world, "t", 0), i, &offset), 0);
	sim_disk_shift_wall_clock(world.disk, 30 * 24 * HOUR_MS);
	cr_assert_eq(append_as_producer(&world, world_partition(&world, "u", 0), 1, &offset), 0);
	world_crash(&world);
	world_open(&world);
	let_time_go_by(&world, 20 * MINUTE_NS);
	cr_expect_eq(partition_log_start_offset(world_partition(&world, "t", 0)), 0);
	cr_expect_eq(partition_high_watermark(world_partition(&world, "t", 0)), 4);
	world_fini(&world);
}

/* A machine that is off at night, and was off for a long weekend once: the trial goes on in its next lives, as none of them lasts a day. */
Test(clock, a_trial_of_many_short_lives)
{
	bool has_jumped, is_believed = false;
	int64_t wall = 1000 * YEAR_MS, left = wall;
	wall += 60 * HOUR_MS;
	for (int life = 0; life < 4; life++) {
		struct retention_clock clock = {0};
		uint64_t ns = 0;
		retention_clock_resume(&clock, left, wall, ns);
		for (int minutes = 0; minutes < 8 * 60; minutes += 5, ns += 5 * MINUTE_NS, wall += 5 * 60000)
			is_believed |= retention_clock_now(&clock, wall, ns, &has_jumped) == wall;
		cr_expect_eq(is_believed, life == 3, "life %d", life);
		left = retention_clock_left(&clock, wall, ns);
		wall += 16 * HOUR_MS;
	}
	/* Nothing of it is left for the next time. */
	struct retention_clock clock = {0};
	wall += 60 * HOUR_MS;
	retention_clock_resume(&clock, left, wall, 0);
	cr_expect_lt(retention_clock_now(&clock, wall, 0, &has_jumped), wall);
	cr_expect_lt(retention_clock_now(&clock, wall + 5 * 60000, 5 * MINUTE_NS, &has_jumped), wall);
	/* And another jump in the same life is another trial. */
	clock = (struct retention_clock){0};
	retention_clock_resume(&clock, left | INT64_C(1400) << 48, wall, 0);
	cr_expect_lt(retention_clock_now(&clock, wall, 0, &has_jumped), wall);
	cr_expect_lt(retention_clock_now(&clock, wall + YEAR_MS, 20 * MINUTE_NS, &has_jumped), wall);
	cr_expect_lt(retention_clock_now(&clock, wall + YEAR_MS + HOUR_MS, 80 * MINUTE_NS, &has_jumped), wall);
}

/* What a life can leave, and what it cannot: a line before 1970 is nobody's, one ahead of the wall is no line, and neither the line nor the minutes of a trial
 * spill into the other's bits. */
Test(clock, what_can_be_left)
{
	const int64_t wall = 1700000000000, line_max = (INT64_C(1) << 48) - 1;
	struct retention_clock clock = {0};
	retention_clock_resume(&clock, INT64_MIN + 1000, wall, 0);
	cr_expect_not(clock.is_set);
	retention_clock_resume(&clock, wall + 30 * 24 * HOUR_MS, wall, 0);
	cr_expect_not(clock.is_set);
	clock = (struct retention_clock){.is_set = true, .line_ms = wall, .tried_ns = UINT64_MAX / 2};
	cr_expect_eq(retention_clock_left(&clock, wall, 0), wall | INT64_C(24 * 60) << 48);
	clock = (struct retention_clock){.is_set = true, .line_ms = line_max + 1000};
	cr_expect_eq(retention_clock_left(&clock, wall, 0), line_max);
}
