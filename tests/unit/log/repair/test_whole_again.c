/* Fences before a file that was away for one start and came back: `repair` takes them away where the file itself shows that it is what was filed, and nowhere
 * else; verify says which. */
#include <criterion/criterion.h>
#include <xxhash.h>

#include "log/base/bytes.h"
#include "log/partition/partition_priv.h"
#include "log/store/checkpoint_format.h"
#include "log/store/store_priv.h"
#include "tests/unit/log/repair/steps.h"

static const char AWAY[] = "/away.log";

/* The segment is away while somebody reads there, so it is fenced, and a stop says so for good. */
static void fence_missing(struct world *world, const char *log, int64_t from, int64_t to)
{
	struct read read;
	rot_rename(world, log, AWAY);
	world_open(world);
	world_read_begin(world, world_partition(world, "t", 0), &read, from, 1);
	cr_assert_eq(read.op.err, ERR_CORRUPT_LOG);
	partition_read_release(&read.op);
	struct damage_span span = partition_damage_span(world_partition(world, "t", 0));
	cr_assert(span.first_offset == from && span.last_offset == to - 1, "[%ld, %ld]", (long)span.first_offset, (long)span.last_offset);
	world_stop(world);
}

static const struct found *find_fenced(const struct verdict *verdict, int64_t from)
{
	for (uint32_t i = 0; i < verdict->count; i++)
		if (verdict->found[i].kind == FINDING_DAMAGE && verdict->found[i].from == from)
			return &verdict->found[i];
	return NULL;
}

static void expect_lifted(struct world *world, int64_t from, int64_t to, const char *name)
{
	struct verdict verdict;
	struct steps dry, real;
	struct repair_report report;
	rot_verify(world, &verdict);
	const struct found *found = find_fenced(&verdict, from);
	cr_assert_not_null(found, "%s", name);
	cr_assert_eq(found->to, to, "%s: [%ld, %ld)", name, (long)from, (long)found->to);
	cr_assert_not_null(strstr(found->what, "whole again"), "%s: %s", name, found->what);
	repair(world, true, &dry, &report);
	cr_assert_eq(report.damages_left, 1, "%s: what is not served yet is damage", name);
	repair(world, false, &real, &report);
	cr_assert_eq(memcmp(&dry, &real, sizeof dry), 0, "%s: other steps than were said", name);
	cr_assert(real.count == 1 && real.actions[0] == REPAIR_UNFENCE && real.from[0] == from && real.to[0] == to, "%s: %u steps", name, real.count);
	cr_assert_eq(report.damages_left, 0, "%s", name);
	rot_verify(world, &verdict);
	expect_clean(&verdict, name);
	world_open(world);
	cr_assert_eq(world_check_all(world, world_partition(world, "t", 0), 0, 1 << 20), 250, "%s", name);
	world_fini(world);
}

static void expect_kept(struct world *world, int64_t from, const char *name)
{
	struct verdict verdict;
	struct steps steps;
	struct repair_report report;
	struct read read;
	rot_verify(world, &verdict);
	for (uint32_t i = 0; i < verdict.count; i++)
		cr_assert_null(strstr(verdict.found[i].what, "whole again"), "%s: %s", name, verdict.found[i].what);
	repair(world, false, &steps, &report);
	cr_assert_eq(report.steps[REPAIR_UNFENCE], 0, "%s", name);
	world_open(world);
	world_read_begin(world, world_partition(world, "t", 0), &read, from, 1);
	cr_assert_eq(read.op.err, ERR_CORRUPT_LOG, "%s", name);
	partition_read_release(&read.op);
	world_fini(world);
}

/* A file that was away while somebody read comes back as it was: each place in the log, sealed or still written. */
Test(whole_again, a_file_that_comes_back_is_served, .timeout = 60)
{
	for (uint32_t ordinal = 0; ordinal < 3; ordinal++) {
		struct world world;
		char log[128];
		int64_t from = (int64_t)ordinal * 100, to = ordinal == 2 ? 250 : from + 100;
		make_stopped(&world, 70 + ordinal);
		log_path(&world, ordinal, log);
		fence_missing(&world, log, from, to);
		rot_rename(&world, AWAY, log);
		expect_lifted(&world, from, to, log);
	}
}

/* What is not there yet, or not what was filed, stays fenced: another's file, one with a flipped bit, one that is shorter, one whose batches are whole and not those that
 * were sealed, one whose seal is gone; and of the one that is still written, which has no seal, a flipped bit behind its first batch, and a missing end. */
Test(whole_again, what_is_not_what_was_filed_stays_fenced, .timeout = 60)
{
	static const struct {
		const char *name;
		int kind;
		uint32_t ordinal;
	} cases[] = {{"away", 0, 1}, {"another's", 1, 1}, {"rotten", 2, 1}, {"short", 3, 1}, {"not as sealed", 4, 1}, {"no seal", 5, 1}, {"rotten, the last", 2, 2},
		     {"short, the last", 3, 2}};
	for (size_t at = 0; at < COUNT_OF(cases); at++) {
		struct world world;
		int i = cases[at].kind;
		int64_t from = 100 * (int64_t)cases[at].ordinal, to = cases[at].ordinal == 2 ? 250 : from + 100;
		char log[128], first[128], seal[128];
		make_stopped(&world, 80 + at);
		log_path(&world, 0, first);
		log_path(&world, cases[at].ordinal, log);
		sibling(log, ".seal", seal);
		struct place last = rot_batch(&world, log, (uint32_t)(to - from) / RECORDS - 1);
		size_t size;
		uint8_t *bytes = rot_read(&world, i == 1 ? first : log, &size);
		fence_missing(&world, log, from, to);
		if (i == 2)
			bytes[last.end - 1] ^= 1;
		if (i == 4) { /* a later time in the header, and the CRC made to fit */
			bytes[last.position + BATCH_AT_MAX_TIMESTAMP + 7]++;
			batch_stamp_crc(bytes + last.position, (uint32_t)(last.end - last.position));
		}
		if (i)
			rot_write(&world, log, bytes, i == 3 ? last.position : size);
		if (i == 5)
			rot_unlink(&world, seal);
		free(bytes);
		expect_kept(&world, from, cases[at].name);
	}
}

/* A start without a checkpoint has fenced a segment by its seal alone: each batch is whole. What it leaves is still that seal, however often it is scrubbed,
 * stopped, looked at and repaired; with the seal gone, none is made of what is fenced. Only the right file lifts the fence. */
static void live_and_repair(struct world *world, const char *name)
{
	struct steps steps;
	struct repair_report report;
	struct verdict verdict;
	world->options.scrub_bytes_per_second = 100u << 20;
	world->options.scrub_interval_ms = 1000;
	world_open(world);
	uint64_t checkpoint = 0;
	for (int turns = 0; store_counters(world->store).scrub_passes < 20 && turns < 100000; turns++) {
		world_turn(world);
		if (store_counters(world->store).scrub_passes <= 10)
			checkpoint = world->store->checkpoint_generation;
	}
	cr_assert_eq(world->store->checkpoint_generation, checkpoint, "%s: each pass of the scrub asks for a seal", name);
	world_stop(world);
	rot_verify(world, &verdict);
	cr_assert_eq(verdict.report.counts.findings[FINDING_DERIVED], 0, "%s", name);
	const struct found *found = find_fenced(&verdict, 100);
	cr_assert(found && found->to == 200 && !strstr(found->what, "whole again"), "%s", name);
	repair(world, false, &steps, &report);
	cr_assert_eq(report.steps[REPAIR_UNFENCE] + report.steps[REPAIR_REBUILD], 0, "%s", name);
}

Test(whole_again, a_fence_by_a_seal_is_lifted_by_that_seal_alone, .timeout = 60)
{
	for (int is_seal_lost = 0; is_seal_lost < 2; is_seal_lost++) {
		struct world world;
		char log[128], seal[128];
		make_stopped(&world, 95 + (uint64_t)is_seal_lost);
		log_path(&world, 1, log);
		sibling(log, ".seal", seal);
		struct place last = rot_batch(&world, log, 9);
		size_t size, seal_size, seal_size_after;
		uint8_t *right = rot_read(&world, log, &size), *sealed = rot_read(&world, seal, &seal_size), *wrong = malloc(size);
		memcpy(wrong, right, size);
		wrong[last.position + BATCH_AT_MAX_TIMESTAMP + 7]++;
		batch_stamp_crc(wrong + last.position, (uint32_t)(last.end - last.position));
		rot_write(&world, log, wrong, size);
		rot_unlink(&world, "/checkpoint-0");
		live_and_repair(&world, "the first life");
		live_and_repair(&world, "the next life");
		uint8_t *after = rot_read(&world, seal, &seal_size_after);
		cr_assert(seal_size_after == seal_size && memcmp(after, sealed, seal_size) == 0, "the seal is another");
		if (is_seal_lost) {
			rot_unlink(&world, seal);
			live_and_repair(&world, "without the seal");
			rot_write(&world, log, right, size);
			live_and_repair(&world, "without the seal, and the right file");
			world_open(&world);
			world_fini(&world);
		} else {
			rot_write(&world, log, right, size);
			expect_lifted(&world, 100, 200, log);
		}
		free(right);
		free(wrong);
		free(sealed);
		free(after);
	}
}

/* What the checkpoint says of the last segment's headers, and of its first batch if wanted, is taken out of it and its copy, as where that was not known. */
static void forget_marks(struct world *world, bool is_first_forgotten)
{
	size_t size;
	uint8_t key[16];
	uint8_t *data = rot_read(world, "/checkpoint-0", &size);
	store_le64(key, 200);
	store_le64(key + 8, 250);
	uint8_t *segment = memmem(data, size, key, sizeof key);
	cr_assert_not_null(segment);
	memset(segment + 80, 0, CHECKPOINT_SEGMENT_SIZE - 80);
	if (is_first_forgotten)
		memset(segment + 76, 0, 4);
	store_le64(data + size - CHECKPOINT_CHECKSUM_SIZE, XXH3_64bits(data, size - CHECKPOINT_CHECKSUM_SIZE));
	rot_write(world, "/checkpoint-0", data, size);
	rot_write(world, "/checkpoint-0.copy", data, size);
	free(data);
}

/* A batch of `size` bytes in all, with one record less than there were. */
static void make_shorter(uint8_t *out, uint32_t size, int64_t base_offset, const uint8_t *before)
{
	static uint8_t value[4 * VALUE_SIZE];
	uint32_t made = 0;
	for (size_t last_size = VALUE_SIZE; made != size; last_size++) {
		struct batch_builder builder;
		cr_assert_lt(last_size, sizeof value);
		cr_assert_eq(batch_builder_open(&builder, NULL, &BATCH_BUILDER_PLAIN, out, size + 2 * sizeof value), 0);
		for (int i = 0; i + 1 < RECORDS; i++) {
			struct record record = {.timestamp_ms = 1000, .value = {value, i + 2 < RECORDS ? VALUE_SIZE : last_size}};
			cr_assert_eq(batch_builder_append(&builder, &record), 0);
		}
		cr_assert_eq(batch_builder_finish(&builder, &made), 0);
	}
	store_be64(out, (uint64_t)base_offset);
	memcpy(out + 12, before + 12, 4); /* the epoch */
}

/* The one that goes on is back; but nothing tells of its headers and append times, nor of the first batch: or that is known, and the last one is another of the same
 * size. */
Test(whole_again, what_nothing_vouches_for_stays_fenced, .timeout = 60)
{
	for (int is_first_forgotten = 0; is_first_forgotten < 2; is_first_forgotten++) {
		struct world world;
		struct steps steps;
		struct repair_report report;
		char log[128], times[128];
		size_t size;
		make_stopped(&world, 98);
		log_path(&world, 2, log);
		sibling(log, ".appendtime", times);
		struct place last = rot_batch(&world, log, 4);
		uint8_t *bytes = rot_read(&world, log, &size), *other = malloc(20 * VALUE_SIZE);
		fence_missing(&world, log, 200, 250);
		forget_marks(&world, is_first_forgotten);
		rot_unlink(&world, times);
		make_shorter(other, (uint32_t)(last.end - last.position), 240, bytes + last.position);
		if (!is_first_forgotten)
			memcpy(bytes + last.position, other, last.end - last.position);
		rot_write(&world, log, bytes, size);
		free(bytes);
		free(other);
		repair(&world, false, &steps, &report); /* which lets go what the journal has told of it */
		cr_assert_eq(report.steps[REPAIR_UNFENCE], 0);
		expect_kept(&world, 200, is_first_forgotten ? "nothing is known" : "another last batch");
	}
}

/* The file that goes on is back, beside append times that contradict it: it stays fenced. The repair makes away with those, as they are another's; what it would find now is
 * what it has brought about itself, and was not said: nothing is taken back in the same call. */
Test(whole_again, not_by_what_the_same_repair_has_done, .timeout = 60)
{
	struct world world;
	struct verdict verdict;
	struct steps dry, real;
	struct repair_report report;
	char log[128], times[128];
	size_t size;
	make_stopped(&world, 97);
	log_path(&world, 2, log);
	sibling(log, ".appendtime", times);
	fence_missing(&world, log, 200, 250);
	rot_rename(&world, AWAY, log);
	uint8_t *other = rot_read(&world, "/t-1/00000000000000000000.appendtime", &size);
	rot_write(&world, times, other, size);
	free(other);
	rot_verify(&world, &verdict);
	const struct found *found = find_fenced(&verdict, 200);
	cr_assert(found && !strstr(found->what, "whole again"));
	repair(&world, true, &dry, &report);
	repair(&world, false, &real, &report);
	cr_assert_eq(memcmp(&dry, &real, sizeof dry), 0, "other steps than were said");
	cr_assert_eq(report.steps[REPAIR_REBUILD], 1);
	cr_assert_eq(report.steps[REPAIR_UNFENCE], 0);
	cr_assert_eq(report.damages_left, 1);
	expect_lifted(&world, 200, 250, log);
}

/* Offsets that no file held, as the room that is left behind a lost journal, stay fenced where they touch those of a file that came back. */
Test(whole_again, room_that_touches_it_stays_fenced)
{
	struct world world;
	struct verdict verdict;
	struct steps steps;
	struct repair_report report;
	char log[128];
	make_stopped(&world, 90);
	log_path(&world, 2, log);
	world_open(&world);
	world_append(&world, world_partition(&world, "t", 0), 250, RECORDS, 100);
	world_kill(&world);
	rot_unlink(&world, "/journal-0");
	world.options.is_loss_accepted = true;
	world_open(&world);
	int64_t room_end = partition_high_watermark(world_partition(&world, "t", 0));
	cr_assert_gt(room_end, 1 << 20);
	world_stop(&world);
	world.options.is_loss_accepted = false;
	fence_missing(&world, log, 200, room_end);
	rot_rename(&world, AWAY, log);
	rot_verify(&world, &verdict);
	const struct found *back = find_fenced(&verdict, 200), *room = find_fenced(&verdict, 250);
	cr_assert(back && room && back->to == 250 && room->to == room_end && strstr(back->what, "whole again") && !strstr(room->what, "whole again"));
	repair(&world, false, &steps, &report);
	cr_assert_eq(report.steps[REPAIR_UNFENCE], 1);
	cr_assert_eq(report.damages_left, 2); /* there is room in the other partition, too */
	repair(&world, false, &steps, &report);
	cr_assert(steps.count == 2 && steps.actions[0] == REPAIR_NOTHING && steps.from[0] == 250 && steps.to[0] == room_end);
	end_world(&world);
}

/* What is served again is so in the next life, too: a checkpoint forgets the fence, though nothing else is to be written. */
Test(whole_again, a_lifted_fence_is_forgotten_for_good)
{
	struct world world;
	make_stopped(&world, 92);
	world_open(&world);
	partition__add_damage(world_partition(&world, "t", 0), 10, 20);
	for (int is_lifted = 0; is_lifted < 2; is_lifted++) {
		uint64_t checkpoint = world.store->checkpoint_generation;
		if (is_lifted)
			partition__lift_damage(world_partition(&world, "t", 0), 10, 20);
		store_turn(world.store);
		world_rest(&world, 8000000000ull);
		cr_expect_gt(world.store->checkpoint_generation, checkpoint);
		world_crash(&world);
		world_open(&world);
		cr_expect_eq(partition_damage_count(world_partition(&world, "t", 0)), 1 - (uint32_t)is_lifted);
	}
	world_fini(&world);
}

/* A fence is cut where what is whole ends: before, behind, inside, and over several. */
Test(whole_again, fences_are_cut)
{
	static const struct cut_row {
		int64_t from, to;
		uint32_t count;
		struct damage left[3];
	} rows[] = {
		{10, 20, 1, {{30, 40}}},
		{12, 15, 3, {{10, 12}, {15, 20}, {30, 40}}},
		{0, 15, 2, {{15, 20}, {30, 40}}},
		{15, 35, 2, {{10, 15}, {35, 40}}},
		{35, 50, 2, {{10, 20}, {30, 35}}},
		{20, 30, 2, {{10, 20}, {30, 40}}},
		{0, 50, 0, {{0, 0}}},
	};
	struct world world;
	make_topic(&world, 91, 25);
	struct partition *partition = world_partition(&world, "t", 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct damage left[4];
		partition__lift_damage(partition, 0, 250);
		partition__add_damage(partition, 10, 20);
		partition__add_damage(partition, 30, 40);
		partition__lift_damage(partition, rows[i].from, rows[i].to);
		cr_assert_eq(partition_damages(partition, left, 4), rows[i].count, "row %zu", i);
		cr_assert_eq(memcmp(left, rows[i].left, rows[i].count * sizeof *left), 0, "row %zu", i);
	}
	world_fini(&world);
}
