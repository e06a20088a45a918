/* The journal on the simulated disk: crashes at every I/O, torn and reordered sectors, kills, failing I/O,
 * rot.
 *
 * Each entry carries a number (0, 1, 2 ...) and the life (the opening of the journal) that added it. The
 * model knows which numbers were reported durable or replayed once, and by which life each was added last;
 * so a replay that loses one, repeats one, changes one or brings one back that an earlier recovery had
 * dropped is seen. Each value is of one of a few partitions, and of what a group that was vouched for has lost, something tells: a later value of its
 * partition, or a repeat of the last one. */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>

#include "log/base/bytes.h"
#include "log/io/sim.h"
#include "log/journal/journal_priv.h"

#define MIB ((uint64_t)1 << 20)
#define VALUES_MAX 200000u
#define PATH "/journal"
#define PARTITIONS_MAX 64u

struct world {
	struct sim_disk *disk;
	struct io *io;
	struct journal *journal;
	struct journal_report report;
	uint64_t random;

	uint64_t size_bytes;
	uint32_t group_size_bytes_max, groups_in_flight_max;
	uint32_t payload_size_max, partition_count;

	uint32_t life;
	bool has_failed;
	uint64_t next_value;         /* added by this life, or known from before, below this */
	uint64_t certain_value;      /* reported durable, or replayed by a life that started: must be there below this */
	uint64_t trimmed_value;      /* below this: may be gone */
	uint32_t life_of[VALUES_MAX]; /* 0: nobody expects it any more */
	uint32_t added_by_life[VALUES_MAX];
	uint64_t seq_of_value[VALUES_MAX];
	uint32_t seen_by_life[VALUES_MAX]; /* the last life that replayed it */

	uint64_t held_seq;           /* 0: none */

	/* What a replay saw. */
	uint64_t replayed, first_replayed, next_replayed, gaps, lost_payloads, repeats;
	uint64_t told_end[PARTITIONS_MAX]; /* by values and repeats: where the partition goes on at least */
	bool is_wrong;
};

static uint64_t draw(struct world *world, uint64_t count)
{
	world->random ^= world->random << 13;
	world->random ^= world->random >> 7;
	world->random ^= world->random << 17;
	return world->random % count;
}

/* ---- entries -------------------------------------------------------------------------------------------------- */

static uint32_t payload_size_of(const struct world *world, uint64_t value)
{
	uint64_t mixed = (value + 1) * 0x9e3779b97f4a7c15ull;
	mixed ^= mixed >> 29;
	return mixed % 5 == 0 ? 0 : (uint32_t)(mixed >> 8) % world->payload_size_max;
}

static uint32_t partition_of(const struct world *world, uint64_t value)
{
	return (uint32_t)((value + 7) * 0x9e3779b97f4a7c15ull >> 40) % world->partition_count;
}

static struct journal_entry make_entry(const struct world *world, uint64_t value, uint32_t life, uint8_t *payload)
{
	uint32_t size = payload_size_of(world, value);
	for (uint32_t i = 0; i < size; i++)
		payload[i] = (uint8_t)(value * 31 + life * 17 + i);
	return (struct journal_entry){
		.kind = (uint8_t)(1 + value % 31),
		.partition = partition_of(world, value),
		.segment_base_offset = life,
		.base_offset = (int64_t)value,
		.end_offset = (int64_t)value + 1,
		.data_size_bytes = size ? size : 77,
		.data_checksum = size ? journal_data_checksum((struct slice){payload, size}) : value,
	};
}

static bool add(struct world *world)
{
	static uint8_t payload[4 << 20];
	uint64_t value = world->next_value;
	cr_assert_lt(value, VALUES_MAX);
	struct journal_entry entry = make_entry(world, value, world->life, payload);
	struct iovec vector = {payload, payload_size_of(world, value)};
	if (!journal_add(world->journal, &entry, &vector, vector.iov_len ? 1 : 0))
		return false;
	world->life_of[value] = world->added_by_life[value] = world->life;
	world->seq_of_value[value] = journal_open_seq(world->journal);
	world->next_value++;
	return true;
}

static void note_told(struct world *world, uint64_t value)
{
	uint64_t *end = &world->told_end[partition_of(world, value)];
	if (*end <= value)
		*end = value + 1;
}

/* It is what was added once, and was history before the group that repeats it. */
static void check_repeat(struct world *world, uint64_t group_seq, const struct journal_entry *entry, struct slice payload)
{
	static uint8_t bytes[4 << 20];
	uint64_t value = (uint64_t)entry->base_offset;
	world->repeats++;
	if (payload.size || value >= world->next_value || group_seq < world->seq_of_value[value]) {
		world->is_wrong = true;
		return;
	}
	struct journal_entry expected = make_entry(world, value, world->added_by_life[value], bytes);
	expected.is_repeat = true;
	world->is_wrong |= memcmp(&expected, entry, sizeof expected) != 0;
	note_told(world, value);
}

static int check_replayed(void *context, uint64_t group_seq, bool group_is_vouched, const struct journal_entry *entry, struct slice payload)
{
	static uint8_t expected_payload[4 << 20];
	struct world *world = context;
	uint64_t value = (uint64_t)entry->base_offset;
	if (entry->is_repeat) {
		check_repeat(world, group_seq, entry, payload);
		return 0;
	}
	if (value >= world->next_value || entry->segment_base_offset != world->life_of[value] || group_seq != world->seq_of_value[value]) {
		world->is_wrong = true;
		return 0;
	}
	struct journal_entry expected = make_entry(world, value, world->life_of[value], expected_payload);
	bool is_lost = payload.size == 0 && payload_size_of(world, value) > 0;
	if (memcmp(&expected, entry, sizeof expected) != 0 || (!is_lost && payload.size != payload_size_of(world, value)) ||
	    (payload.size && memcmp(payload.data, expected_payload, payload.size) != 0))
		world->is_wrong = true;
	world->lost_payloads += is_lost;
	if (is_lost && !group_is_vouched)
		world->is_wrong = true;
	if (world->replayed == 0)
		world->first_replayed = value;
	else if (value < world->next_replayed)
		world->is_wrong = true;
	else
		for (uint64_t skipped = world->next_replayed; skipped < value; skipped++)
			world->gaps += world->life_of[skipped] != 0;
	world->seen_by_life[value] = world->life;
	world->next_replayed = value + 1;
	note_told(world, value);
	world->replayed++;
	return 0;
}

/* ---- lives ------------------------------------------------------------------------------------------------------ */

static void durable(void *context, uint64_t group_seq)
{
	struct world *world = context;
	while (world->certain_value < world->next_value && world->seq_of_value[world->certain_value] <= group_seq)
		world->certain_value++;
}

static void failed(void *context, int err)
{
	struct world *world = context;
	world->has_failed = true;
}

static struct world *make_world(uint64_t seed, uint64_t size_bytes, uint32_t group_size_bytes_max, uint32_t groups_in_flight_max,
				uint32_t payload_size_max)
{
	struct world *world = calloc(1, sizeof *world);
	world->disk = sim_disk_open(seed);
	world->random = seed * 0x9e3779b97f4a7c15ull + 1;
	world->size_bytes = size_bytes;
	world->group_size_bytes_max = group_size_bytes_max;
	world->groups_in_flight_max = groups_in_flight_max;
	world->payload_size_max = payload_size_max;
	world->partition_count = seed % 3 == 0 ? 1 : seed % 3 == 1 ? 7 : PARTITIONS_MAX;
	return world;
}

static void destroy_world(struct world *world)
{
	sim_disk_close(world->disk);
	free(world);
}

/* Opens the next life and replays. Negative: an I/O failed; the life is over. */
static int open_life(struct world *world)
{
	world->life++;
	world->has_failed = false;
	world->held_seq = 0;
	world->replayed = world->gaps = world->lost_payloads = world->first_replayed = world->next_replayed = world->repeats = 0;
	memset(world->told_end, 0, sizeof world->told_end);
	cr_assert_eq(io_open(&world->io, &(struct io_options){.backend = IO_SIM, .disk = world->disk, .seed = world->life}), 0);
	struct journal_options options = {
		.path = PATH,
		.size_bytes = world->size_bytes,
		.group_size_bytes_max = world->group_size_bytes_max,
		.groups_in_flight_max = world->groups_in_flight_max,
		.chained_kinds = UINT32_MAX,
		.is_first = world->certain_value == 0 && world->life % 2, /* either way to make one is met, and each behind a crash of the other */
		.incarnation = world->life,
		.durable = durable,
		.failed = failed,
		.context = world,
	};
	world->journal = NULL;
	int err = journal_open(&world->journal, world->io, &options, &world->report);
	return err < 0 ? err : journal_replay(world->journal, check_replayed, world);
}

/* Without damage: everything certain is there, once, in order, and nothing that was never added or was
 * dropped before. */
static void check_nothing_lost(struct world *world)
{
	cr_assert(!world->is_wrong, "an entry was changed, repeated or brought back");
	cr_assert_eq(world->gaps, 0);
	cr_assert_eq(world->lost_payloads, 0);
	cr_assert_eq(world->report.damaged_groups, 0, "row %c", world->report.decision);
	if (world->certain_value > world->trimmed_value) {
		cr_assert_gt(world->replayed, 0);
		cr_assert_leq(world->first_replayed, world->trimmed_value);
		cr_assert_geq(world->next_replayed, world->certain_value);
	}
}

/* Of each value that is lost with a group that was vouched for, something says that it was there. */
static void check_lost_are_told(const struct world *world)
{
	for (uint64_t value = world->trimmed_value; value < world->certain_value; value++) {
		uint64_t seq = world->seq_of_value[value];
		bool is_needed = world->life_of[value] && seq > world->journal->recovery.superblock.trim_seq && seq <= world->report.durable_seq;
		if (is_needed && world->seen_by_life[value] != world->life)
			cr_assert_gt(world->told_end[partition_of(world, value)], value, "value %lu of group %lu: nothing tells of it", value, seq);
	}
}

/* What was replayed is certain from now on; what was not is gone for ever. */
static int start_life(struct world *world)
{
	int err = journal_start(world->journal);
	if (err < 0)
		return err;
	if (world->replayed && world->next_replayed > world->certain_value)
		world->certain_value = world->next_replayed;
	world->next_value = world->certain_value;
	return 0;
}

static void end_life(struct world *world, bool is_crash)
{
	if (is_crash)
		sim_disk_crash(world->disk);
	/* The loop ends first: what was in flight ends with it. */
	struct journal *journal = world->journal;
	if (journal) {
		journal_quiesce(journal);
		io_timer_cancel(world->io, &journal->release_timer);
	}
	io_close(world->io);
	if (journal) {
		journal->fd = journal->read_fd = -1;
		journal->is_started = false;
		journal_close(journal);
	}
}

static void turn(struct world *world)
{
	cr_assert_geq(io_turn(world->io, draw(world, 3) != 0), 0);
}

static void trim_some(struct world *world)
{
	uint64_t seq = journal_durable_seq(world->journal);
	if (seq == 0 || world->certain_value == 0)
		return;
	uint64_t back = draw(world, 6);
	seq = seq > back ? seq - back : seq;
	journal_trim(world->journal, seq);
	while (world->trimmed_value < world->certain_value && world->seq_of_value[world->trimmed_value] <= seq)
		world->trimmed_value++;
}

static void release_held(struct world *world)
{
	if (world->held_seq)
		journal_release(world->journal, world->held_seq);
	world->held_seq = 0;
}

/* One thing that a store might do. */
static void act(struct world *world)
{
	switch (draw(world, 12)) {
	case 0: case 1: case 2: case 3: case 4:
		if (!add(world) && draw(world, 2))
			trim_some(world);
		break;
	case 5: case 6:
		if (journal_can_commit(world->journal))
			journal_commit(world->journal);
		break;
	case 7:
		trim_some(world);
		break;
	case 8:
		if (!world->held_seq && world->journal->open->entry_count > 0)
			world->held_seq = journal_hold(world->journal);
		else
			release_held(world);
		break;
	default:
		turn(world);
	}
}

/* Lets all end and the idle time pass: timers are due when the clock has moved. */
static void go_idle(struct world *world)
{
	release_held(world);
	for (int i = 0; i < 100000 && !world->has_failed; i++) {
		if (journal_can_commit(world->journal))
			journal_commit(world->journal);
		if (journal_is_idle(world->journal) && !world->journal->idle_timer_is_set && world->journal->prewriter.state == PREWRITE_OFF &&
		    world->journal->open->entry_count == 0)
			return;
		cr_assert_geq(io_turn(world->io, true), 0);
	}
	cr_assert(world->has_failed, "never idle");
}

static void stop_cleanly(struct world *world)
{
	go_idle(world);
	if (world->has_failed)
		return;
	if (draw(world, 2) && journal_durable_seq(world->journal) > 0) {
		journal_trim(world->journal, journal_durable_seq(world->journal));
		world->trimmed_value = world->certain_value;
		for (int i = 0; i < 10000 && !journal_is_idle(world->journal); i++)
			cr_assert_geq(io_turn(world->io, true), 0);
	}
	if (!world->has_failed)
		(void)!journal_seal(world->journal);
}

enum end { END_CRASH, END_KILL, END_CLEAN };

/* One life of random acts; the power may fail at a random I/O of it, recovery included. */
static enum end live(struct world *world)
{
	enum end end = (enum end)draw(world, 3);
	if (end == END_CRASH)
		sim_disk_cut_power(world->disk, 1 + draw(world, draw(world, 4) == 0 ? 6 : 120));
	int err = open_life(world);
	if (err == 0)
		check_nothing_lost(world);
	if (err == 0)
		err = start_life(world);
	if (err < 0)
		cr_assert(end == END_CRASH && err == -EIO, "life %u: %d, row %c", world->life, err, world->report.decision);
	uint64_t act_count = draw(world, 400);
	for (uint64_t i = 0; err == 0 && i < act_count && !world->has_failed; i++)
		act(world);
	if (err == 0 && !world->has_failed && draw(world, 4) == 0)
		go_idle(world);
	if (err == 0 && !world->has_failed && end == END_CLEAN)
		stop_cleanly(world);
	sim_disk_cut_power(world->disk, 0);
	end_life(world, end == END_CRASH);
	return end;
}

static uint64_t seeds_wanted(uint64_t by_default)
{
	const char *wanted = getenv("SPATE_TEST_SEEDS");
	return wanted ? strtoull(wanted, NULL, 10) : by_default;
}

/* Random lives, one after the other on the same disk: nothing certain is lost, nothing dropped comes back. */
Test(journal_sim, lives)
{
	uint64_t seeds = seeds_wanted(100);
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		static const uint32_t in_flight[] = {1, 2, 4};
		struct world *world = make_world(seed, seed % 4 == 0 ? 4 * MIB : MIB, 64 << 10, in_flight[seed % 3], seed % 2 ? 3000 : 40000);
		for (int life = 0; life < 15; life++)
			live(world);
		destroy_world(world);
	}
}

/* The same with groups so large that they are written in pieces and synced. */
Test(journal_sim, lives_with_large_groups)
{
	uint64_t seeds = seeds_wanted(100) / 10;
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct world *world = make_world(seed, 8 * MIB, 1800 << 10, 1 + seed % 3, 700 << 10);
		for (int life = 0; life < 8; life++)
			live(world);
		destroy_world(world);
	}
}

/* ---- a fixed piece of work, cut at every I/O -------------------------------------------------------------------------- */

/* Several groups, a trim, idle time and a seal. Returns when something fails. */
static void work(struct world *world)
{
	for (int group = 0; group < 6 && !world->has_failed; group++) {
		for (int i = 0; i < 3; i++)
			cr_assert(add(world));
		while (!journal_can_commit(world->journal) && !world->has_failed)
			cr_assert_geq(io_turn(world->io, true), 0);
		if (world->has_failed)
			break;
		journal_commit(world->journal);
		if (group == 4)
			trim_some(world);
	}
	if (!world->has_failed)
		stop_cleanly(world);
}

/* Power fails at the k-th I/O of the work, and at the j-th I/O of the recovery after it. Everything
 * certain is there. */
Test(journal_sim, every_cut_and_every_cut_of_the_recovery)
{
	uint64_t recoveries = 0;
	bool is_over = false;
	for (uint64_t k = 1; !is_over; k++) {
		bool is_recovered = false;
		for (uint64_t j = 1; !is_recovered; j++) {
			struct world *world = make_world(k * 1000 + j, MIB, 64 << 10, 2, 9000);
			sim_disk_cut_power(world->disk, k);
			int err = open_life(world);
			if (err == 0)
				err = start_life(world);
			if (err == 0)
				work(world);
			is_over = !world->has_failed && world->journal && world->journal->is_sealed && !world->journal->err;
			end_life(world, true);
			sim_disk_cut_power(world->disk, j);
			err = open_life(world);
			if (err == 0)
				check_nothing_lost(world);
			if (err == 0)
				err = start_life(world);
			is_recovered = err == 0;
			end_life(world, true);
			sim_disk_cut_power(world->disk, 0);
			cr_assert_eq(open_life(world), 0);
			check_nothing_lost(world);
			cr_assert_eq(start_life(world), 0);
			work(world);
			cr_assert(!world->has_failed);
			end_life(world, false);
			cr_assert_eq(open_life(world), 0);
			check_nothing_lost(world);
			cr_assert(world->report.was_clean);
			end_life(world, false);
			destroy_world(world);
			recoveries++;
		}
	}
	cr_assert_gt(recoveries, 100);
}

/* Each I/O of the work fails once with each error: it is reported as a failure, nothing is acknowledged
 * after it, and the next life has everything certain. */
Test(journal_sim, every_io_fails_once)
{
	static const int errors[] = {EIO, ENOSPC};
	for (size_t e = 0; e < COUNT_OF(errors); e++) {
		for (uint64_t k = 1;; k++) {
			struct world *world = make_world(k, MIB, 64 << 10, 2, 9000);
			sim_disk_fail(world->disk, k, errors[e]);
			int err = open_life(world);
			cr_assert(err == 0 || err == -errors[e], "k %lu: %d", k, err);
			if (err == 0)
				err = start_life(world);
			if (err == 0)
				work(world);
			if (world->has_failed) {
				uint64_t certain = world->certain_value;
				cr_expect(journal_has_failed(world->journal));
				cr_expect_not(journal_can_commit(world->journal));
				cr_expect_not(add(world));
				for (int i = 0; i < 100; i++)
					cr_assert_geq(io_turn(world->io, false), 0);
				cr_expect_eq(world->certain_value, certain, "nothing is acknowledged after a failure");
			}
			bool is_over = sim_disk_io_count(world->disk) < k;
			sim_disk_fail(world->disk, 0, EIO);
			end_life(world, draw(world, 2));
			cr_assert_eq(open_life(world), 0);
			check_nothing_lost(world);
			cr_assert_eq(start_life(world), 0);
			work(world);
			end_life(world, false);
			destroy_world(world);
			if (is_over)
				break;
		}
	}
}

/* A disk too small for the file: refused at creation, and nothing is left that a later start would trip over. */
Test(journal_sim, no_room_for_the_file)
{
	struct world *world = make_world(1, 4 * MIB, 64 << 10, 1, 1000);
	sim_disk_set_capacity(world->disk, MIB);
	cr_assert_eq(open_life(world), -ENOSPC);
	end_life(world, true);
	sim_disk_set_capacity(world->disk, 0);
	cr_assert_eq(open_life(world), 0);
	cr_expect(world->report.was_created);
	cr_assert_eq(start_life(world), 0);
	work(world);
	end_life(world, false);
	destroy_world(world);
}

/* ---- damage ----------------------------------------------------------------------------------------------------------- */

/* A journal with `groups` groups, all certain, then power fails. */
static struct world *make_history(uint64_t seed, int groups, bool does_idle)
{
	struct world *world = make_world(seed, MIB, 64 << 10, 2, 9000);
	cr_assert_eq(open_life(world), 0);
	cr_assert_eq(start_life(world), 0);
	for (int group = 0; group < groups; group++) {
		for (int i = 0; i < 3; i++)
			cr_assert(add(world));
		while (!journal_can_commit(world->journal))
			cr_assert_geq(io_turn(world->io, true), 0);
		journal_commit(world->journal);
	}
	if (does_idle)
		go_idle(world);
	while (!journal_is_idle(world->journal))
		cr_assert_geq(io_turn(world->io, true), 0);
	return world;
}

static void check_damage_is_named(struct world *world, int err, bool last_is_vouched)
{
	cr_assert(!world->is_wrong);
	if (err < 0) {
		cr_assert(err == ERR_CORRUPT_LOG || err == ERR_FORMAT, "%d", err);
		return;
	}
	bool is_all_there = world->replayed > 0 && world->lost_payloads == 0 && world->first_replayed <= world->trimmed_value && world->gaps == 0 &&
			    world->next_replayed >= world->certain_value;
	if (is_all_there || world->report.damaged_groups > 0)
		return;
	/* Unnamed, only groups may be missing that were in flight when the last one was built, and only if
	 * nothing vouches for them. */
	cr_assert(!last_is_vouched, "row %c, replayed %lu of %lu", world->report.decision, world->next_replayed, world->certain_value);
	cr_assert_eq(world->gaps, 0);
	cr_assert_geq(world->next_replayed + 3 * world->groups_in_flight_max, world->certain_value);
	cr_assert_eq(world->report.torn_groups > 0 || world->report.decision == 'P', true);
}

/* Rot in every sector of superblocks and groups, a few bytes or all of the sector: named, refused or
 * harmless; then the journal goes on, and what was replayed once is replayed again beside what comes new. */
static void rot_everywhere(bool does_idle)
{
	struct world *probe = make_history(7, 9, does_idle);
	uint64_t end = JOURNAL_RING_POSITION + probe->journal->head_place;
	end_life(probe, false);
	destroy_world(probe);
	uint64_t refused = 0, told = 0, named = 0, named_by_entry = 0, harmless = 0;
	for (uint64_t position = 0; position < end; position += 512) {
		struct world *world = make_history(7, 9, does_idle);
		end_life(world, true);
		uint64_t size = draw(world, 2) ? 512 : 1 + draw(world, 8);
		cr_assert_eq(sim_disk_corrupt(world->disk, PATH, position + draw(world, 512 - size + 1), size), 0);
		int err = open_life(world);
		check_damage_is_named(world, err, does_idle);
		refused += err < 0;
		if (err == 0)
			check_lost_are_told(world);
		told += world->repeats > 0;
		named += err == 0 && world->report.damaged_groups > 0;
		named_by_entry += world->lost_payloads;
		harmless += err == 0 && world->report.damaged_groups == 0;
		if (err == 0) {
			uint64_t replayed = world->replayed, gaps = world->gaps;
			cr_assert_eq(start_life(world), 0);
			for (int i = 0; i < 3; i++)
				cr_assert(add(world));
			journal_commit(world->journal);
			while (!journal_is_idle(world->journal))
				cr_assert_geq(io_turn(world->io, true), 0);
			end_life(world, true);
			cr_assert_eq(open_life(world), 0);
			cr_assert(!world->is_wrong);
			cr_assert_eq(world->replayed, replayed + 3, "at %lu: %lu, was %lu", position, world->replayed, replayed);
			cr_assert_leq(world->gaps, gaps + 3 * 3, "the groups that were missing");
		}
		end_life(world, false);
		destroy_world(world);
	}
	cr_expect_eq(refused, 0, "one superblock is enough");
	cr_expect_gt(named, 0);
	cr_expect_gt(told, 0);
	cr_expect_gt(named_by_entry, named / 2, "most of the bytes are payloads");
	cr_expect_gt(harmless, 0);
}

Test(journal_sim, rot_when_the_end_is_not_vouched_for) { rot_everywhere(false); }
Test(journal_sim, rot_when_the_journal_was_idle) { rot_everywhere(true); }

/* Values that were certain and are not there: nobody expects them from now on. True if there were any. */
static bool forget_missing(struct world *world)
{
	bool is_missing = false;
	for (uint64_t value = 0; value < world->certain_value; value++) {
		if (world->life_of[value] == 0 || world->seen_by_life[value] == world->life)
			continue;
		world->life_of[value] = 0;
		is_missing |= value >= world->trimmed_value;
	}
	return is_missing;
}

/* Random lives with random rot between them: whatever is replayed is what was added, in order; what is
 * missing is named. */
Test(journal_sim, lives_with_rot)
{
	uint64_t seeds = seeds_wanted(100);
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct world *world = make_world(seed, MIB, 64 << 10, 1 + seed % 3, 9000);
		for (int life = 0; life < 10; life++) {
			int err = open_life(world);
			cr_assert(!world->is_wrong, "seed %lu life %d row %c", seed, life, world->report.decision);
			if (err < 0) {
				end_life(world, false);
				break;
			}
			if (world->lost_payloads > 0)
				cr_assert_gt(world->report.damaged_groups, 0);
			check_lost_are_told(world);
			/* Unnamed, nothing may be missing but the end that nothing vouched for. */
			if (world->gaps > 0 && forget_missing(world))
				cr_assert_gt(world->report.damaged_groups, 0, "seed %lu life %d row %c", seed, life, world->report.decision);
			forget_missing(world);
			cr_assert_eq(journal_start(world->journal), 0);
			world->next_value = world->certain_value = world->certain_value > world->next_replayed ? world->certain_value : world->next_replayed;
			uint64_t act_count = draw(world, 200);
			for (uint64_t i = 0; i < act_count; i++)
				act(world);
			uint64_t head = world->journal->head_place;
			end_life(world, draw(world, 2));
			for (uint64_t i = draw(world, 3); i > 0; i--) {
				uint64_t position = draw(world, 8) == 0 ? draw(world, 8000) : JOURNAL_RING_POSITION + draw(world, head + 1) % (MIB - 8192 - 600);
				cr_assert_eq(sim_disk_corrupt(world->disk, PATH, position, 1 + draw(world, 500)), 0);
			}
		}
		destroy_world(world);
	}
}

/* Room is used again only when both superblocks say so: after many laps, whichever of them is lost,
 * nothing that is needed was written over. */
Test(journal_sim, either_superblock_may_rot)
{
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct world *world = make_world(seed, MIB, 64 << 10, 2, 20000);
		cr_assert_eq(open_life(world), 0);
		cr_assert_eq(start_life(world), 0);
		uint64_t head_wanted = (3 + seed % 3) * world->journal->ring_size + draw(world, world->journal->ring_size);
		while (world->journal->head_place < head_wanted) {
			if (!add(world) && journal_durable_seq(world->journal) > 0)
				trim_some(world);
			if (journal_can_commit(world->journal))
				journal_commit(world->journal);
			turn(world);
		}
		uint32_t slot = seed % 2 ? world->journal->superblock.slot : 1 - world->journal->superblock.slot;
		end_life(world, true);
		cr_assert_eq(sim_disk_corrupt(world->disk, PATH, slot * JOURNAL_BLOCK_SIZE + 20, 1), 0);
		cr_assert_eq(open_life(world), 0);
		check_nothing_lost(world);
		end_life(world, false);
		destroy_world(world);
	}
}

/* A large group is written but not yet synced when the broker is killed: the next life replays it, and
 * must make it durable before it says so, whenever the power fails. */
Test(journal_sim, replayed_before_it_was_durable)
{
	bool is_over = false;
	for (uint64_t k = 1; !is_over; k++) {
		for (uint64_t seed = 1; seed <= 150; seed++) {
			struct world *world = make_world(seed, 4 * MIB, 900 << 10, 1, 800 << 10);
			cr_assert_eq(open_life(world), 0);
			cr_assert_eq(start_life(world), 0);
			while (payload_size_of(world, world->next_value) < 600 << 10)
				world->next_value++;
			world->certain_value = world->trimmed_value = world->next_value;
			cr_assert(add(world));
			struct group_slot *slot = world->journal->open;
			journal_commit(world->journal);
			while (slot->state != SLOT_SYNCING)
				cr_assert_geq(io_turn(world->io, true), 0);
			end_life(world, false);

			cr_assert_eq(open_life(world), 0);
			check_nothing_lost(world);
			cr_assert_eq(world->replayed, 1);
			sim_disk_cut_power(world->disk, k);
			is_over = start_life(world) == 0;
			end_life(world, true);
			sim_disk_cut_power(world->disk, 0);
			cr_assert_eq(open_life(world), 0);
			check_nothing_lost(world);
			end_life(world, false);
			destroy_world(world);
		}
	}
}
