/* A byte that was taken out of a .log file, or put into it: all behind it stands where it was not filed, and each batch of it is whole. What ended with the last byte that was filed ends elsewhere then,
 * and what is appended goes over it, or leaves a hole: nothing may be served by one start, or be named as whole, that the next one refuses. */
#include "tests/unit/log/store/piece.h"

#define LOG "/t-0/00000000000000000000.log"
#define OFFSETS_MAX 1000

enum move { PUT_IN, PUT_IN_AND_CUT, TAKEN_OUT, MOVE_COUNT, FLIPPED = MOVE_COUNT };

static const struct layout {
	const char *name;
	uint64_t batches;
	size_t value_size, spread;
} layouts[] = {{"a few", 6, 100, 37}, {"with steps", 200, 200, 411}, {"far from the last step", 420, 3500, 411}};

static void append_one(struct world *world, const struct layout *layout, uint64_t offset)
{
	world_append(world, the_partition(world), offset, 1, layout->value_size + offset * 37 % layout->spread);
}

static void fill(struct world *world, const struct layout *layout)
{
	world_init(world, 7);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	for (uint64_t i = 0; i < layout->batches; i++)
		append_one(world, layout, i);
	world_stop(world);
}

static void move(struct world *world, enum move how, size_t position)
{
	size_t size;
	uint8_t *file = rot_read(world, LOG, &size);
	file = realloc(file, size + 1);
	cr_assert_lt(position, size);
	if (how == FLIPPED)
		file[position] ^= 1;
	else if (how == TAKEN_OUT)
		memmove(file + position, file + position + 1, size - position - 1);
	else
		memmove(file + position + 1, file + position, size - position);
	if (how < TAKEN_OUT)
		file[position] = '\r';
	rot_write(world, LOG, file, how == TAKEN_OUT ? size - 1 : how == PUT_IN ? size + 1 : size);
	free(file);
}

static void read_all(struct world *world, bool *refused)
{
	int64_t end = partition_high_watermark(the_partition(world));
	for (int64_t offset = 0; offset < end; offset++) {
		struct read read;
		world_read_begin(world, the_partition(world), &read, offset, 1);
		refused[offset] = read.op.err == ERR_CORRUPT_LOG;
		cr_assert(!read.op.err || refused[offset], "offset %ld: %s", (long)offset, err_name(read.op.err));
		if (!read.op.err)
			cr_assert_gt(check_records(&read.op, offset), offset);
		partition_read_release(&read.op);
	}
}

static void name_all(struct world *world, bool *named)
{
	struct verdict verdict;
	rot_verify(world, &verdict);
	cr_assert_eq(verdict.err, 0);
	for (int64_t offset = 0; offset < OFFSETS_MAX; offset++)
		for (uint32_t i = 0; i < verdict.count; i++)
			named[offset] |= verdict.found[i].kind == FINDING_DAMAGE && verdict.found[i].from <= offset && (verdict.found[i].to == NOWHERE || offset < verdict.found[i].to);
}

static void expect_same(const bool *before, const bool *now, uint64_t count, const char *what, const char *which)
{
	for (uint64_t offset = 0; offset < count; offset++)
		cr_assert_eq(before[offset], now[offset], "%s: %s: offset %lu was %s, and is %s", which, what, (unsigned long)offset, before[offset] ? "damaged" : "whole", now[offset] ? "damaged" : "whole");
}

/* The first of the two starts appends behind what has moved: it has read that before, or nobody has. */
static void live(struct world *world, const struct layout *layout, bool is_read_at_once, const char *which)
{
	bool named[OFFSETS_MAX] = {false}, refused[OFFSETS_MAX] = {false}, later[OFFSETS_MAX] = {false}, named_later[OFFSETS_MAX] = {false};
	uint64_t end = layout->batches;
	name_all(world, named);
	cr_assert(memchr(named, true, end), "%s: nothing is named", which);
	for (int start = 0; start < 3; start++) {
		world_open(world);
		if (start || is_read_at_once)
			read_all(world, start ? later : refused);
		if (start || is_read_at_once)
			expect_same(named, start ? later : refused, layout->batches, start ? "the next start" : "the start", which);
		append_one(world, layout, end++);
		if (start)
			world_kill(world);
		else
			world_stop(world);
	}
	name_all(world, named_later);
	expect_same(named, named_later, layout->batches, "verify behind it", which);
	expect_same(named_later, later, end - 1, "all that came since", which);
}

/* In the header of a batch, within its records, and where it ends. */
static void move_in_batch(struct world *world, struct sim_disk *base, const struct layout *layout, const struct place *batch)
{
	const size_t positions[] = {batch->position, batch->position + 9, batch->position + 30, batch->end - 20, batch->end - 1};
	for (size_t i = 0; i < COUNT_OF(positions); i++)
		for (int how = 0; how < MOVE_COUNT; how++)
			for (int is_read_at_once = 0; is_read_at_once < 2; is_read_at_once++) {
				char which[128];
				snprintf(which, sizeof which, "%s, byte %zu of batch %ld %s%s", layout->name, positions[i] - batch->position, (long)batch->base_offset,
					 how == TAKEN_OUT ? "taken out" : how == PUT_IN ? "put in" : "put in, the last one cut", is_read_at_once ? ", read" : "");
				sim_disk_close(world->disk);
				world->disk = sim_disk_copy(base);
				move(world, (enum move)how, positions[i]);
				live(world, layout, is_read_at_once, which);
			}
}

static void move_anywhere(const struct layout *layout)
{
	struct world world;
	fill(&world, layout);
	struct sim_disk *base = sim_disk_copy(world.disk);
	const uint64_t ordinals[] = {0, 1, layout->batches / 2, layout->batches * 19 / 20, layout->batches - 1};
	for (size_t i = 0; i < COUNT_OF(ordinals); i++) {
		struct place batch = rot_batch(&world, LOG, (uint32_t)ordinals[i]);
		move_in_batch(&world, base, layout, &batch);
		sim_disk_close(world.disk);
		world.disk = sim_disk_copy(base);
	}
	sim_disk_close(base);
	broker_config_destroy(world.config);
	sim_disk_close(world.disk);
}

Test(moved, by_a_byte_in_a_small_file, .timeout = 120) { move_anywhere(&layouts[0]); }
Test(moved, by_a_byte_between_steps, .timeout = 300) { move_anywhere(&layouts[1]); }
Test(moved, by_a_byte_far_from_a_step, .timeout = 300) { move_anywhere(&layouts[2]); }

/* The journal has offset 1 as well; but a piece that went straight there stands behind it, and all before that is taken from the file. The verifier does not count on the journal for it. */
static void strike_before_piece(size_t value_size, enum move how)
{
	struct world world;
	bool named[OFFSETS_MAX] = {false}, refused[OFFSETS_MAX] = {false};
	char which[64];
	snprintf(which, sizeof which, "values of %zu, %d", value_size, how);
	leave_a_piece(&world, 1, value_size);
	struct place batch = rot_batch(&world, LOG, 1);
	move(&world, how, batch.position + 70);
	for (int start = 0; start < 3; start++) {
		memset(named, 0, sizeof named);
		name_all(&world, named);
		cr_expect_eq(named[1], value_size > UNTOLD || how == FLIPPED, "%s", which); /* else the piece is looked at, and is not what it should be: then the journal's go first */
		world_open(&world);
		read_all(&world, refused);
		expect_same(named, refused, 6, "the start", which);
		world_append(&world, the_partition(&world), 6 + (uint64_t)start, 1, 100);
		world_kill(&world);
	}
	broker_config_destroy(world.config);
	sim_disk_close(world.disk);
}

Test(moved, before_a_piece_behind_a_kill)
{
	for (int how = 0; how <= FLIPPED; how++) {
		strike_before_piece(5000, (enum move)how);
		strike_before_piece(UNTOLD, (enum move)how);
	}
}

/* Killed before there was any checkpoint: where the last piece ends the journal alone says, to the start and to the verifier. */
Test(moved, pieces_that_no_checkpoint_knows)
{
	for (int how = 0; how < MOVE_COUNT; how++) {
		struct world world;
		bool named[OFFSETS_MAX] = {false}, refused[OFFSETS_MAX] = {false};
		world_init(&world, 3);
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		for (uint64_t i = 0; i < 4; i++)
			world_append(&world, the_partition(&world), i, 1, i < 3 ? 900000 : 100);
		world_kill(&world);
		move(&world, (enum move)how, 70);
		name_all(&world, named);
		cr_expect(named[0] && named[1] && named[2] && !named[3], "%d", how);
		for (int start = 0; start < 3; start++) {
			world_open(&world);
			read_all(&world, refused);
			expect_same(named, refused, 4, "the start", "pieces");
			world_append(&world, the_partition(&world), 4 + (uint64_t)start, 1, 100);
			world_kill(&world);
		}
		broker_config_destroy(world.config);
		sim_disk_close(world.disk);
	}
}

/* The batches [2, 2 + count) of five stand in the records of batch 1, before zeros, and not where they were filed: two sectors were exchanged. */
static void exchange(struct world *world, uint64_t count)
{
	size_t size;
	uint8_t *file = rot_read(world, LOG, &size);
	struct place large = rot_batch(world, LOG, 1), first = rot_batch(world, LOG, 2), last = rot_batch(world, LOG, (uint32_t)(1 + count));
	size_t moved = last.end - first.position, to = large.position + 1000;
	memcpy(file + to, file + first.position, moved);
	memset(file + to + moved, 0, 200);
	memset(file + first.position, 'r', size - first.position);
	rot_write(world, LOG, file, size);
	free(file);
}

/* A start that reads them where they are now serves what the next one does: neither may be the other's judge behind its back. */
static void exchange_last_ones(uint64_t count, uint64_t refused_from)
{
	static const struct layout layout = {"exchanged", 5, 100, 37};
	for (int is_read_at_once = 0; is_read_at_once < 2; is_read_at_once++) {
		struct world world;
		bool named[OFFSETS_MAX] = {false};
		world_init(&world, 7);
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		for (uint64_t i = 0; i < layout.batches; i++)
			world_append(&world, the_partition(&world), i, 1, i == 1 ? 3000 : 100);
		world_stop(&world);
		exchange(&world, count);
		live(&world, &layout, is_read_at_once, is_read_at_once ? "exchanged, read" : "exchanged");
		name_all(&world, named);
		for (uint64_t i = 0; i < layout.batches; i++)
			cr_expect_eq(named[i], i == 1 || i >= refused_from, "offset %lu", (unsigned long)i);
		broker_config_destroy(world.config);
		sim_disk_close(world.disk);
	}
}

Test(moved, into_another_batch) { exchange_last_ones(2, 4); }
/* All that were filed behind it, but not where that ended: these are refuted. */
Test(moved, into_another_batch_with_the_last) { exchange_last_ones(3, 1); }
