/* An active file that was emptied, cut or replaced beside a kill: what the journal has whole between two pieces that are lost with the file is filed between two holes. It is served by this
 * start and by all that follow, and the verifier says the same. */
#include "tests/unit/log/store/piece.h"

#define LARGE 100000
#define END 5

static const char text[] = "This is no segment of any log, but a letter of two hundred bytes that somebody has put into its place, as one does, and that is longer than the header of a batch.";

static const struct loss {
	const char *name;
	uint64_t kept_bytes; /* of the file */
	bool is_text;
} losses[] = {{"emptied", 0, false}, {"cut in its first header", 50, false}, {"cut behind its first batch", 170, false}, {"replaced", 0, true}};

/* 0 is filed; 1 and 3 are pieces in the segment, 2 and 4 in the journal. */
static void make(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	world_append(world, the_partition(world), 0, 1, 100);
	let_file(world);
	for (uint64_t offset = 1; offset < END; offset++)
		world_append(world, the_partition(world), offset, 1, offset == 1 || offset == 3 ? LARGE : 100);
	world_crash(world);
}

static void lose(struct world *world, const struct loss *loss)
{
	static const char path[] = "/t-0/00000000000000000000.log";
	cr_assert_eq(sim_disk_resize(world->disk, path, loss->is_text ? sizeof text : loss->kept_bytes), 0);
	if (loss->is_text)
		cr_assert_eq(sim_disk_overwrite(world->disk, path, 0, text, sizeof text), 0);
}

static bool is_lost(const struct loss *loss, int64_t offset)
{
	return offset == 1 || offset == 3 || (offset == 0 && loss->kept_bytes < 170);
}

static void expect(struct world *world, const struct loss *loss, const char *when)
{
	cr_assert_eq(partition_high_watermark(the_partition(world)), END);
	for (int64_t offset = 0; offset < END; offset++) {
		struct read read;
		world_read_begin(world, the_partition(world), &read, offset, 1);
		cr_expect_eq(read.op.err, is_lost(loss, offset) ? ERR_CORRUPT_LOG : 0, "%s, %s: offset %ld: %s", loss->name, when, (long)offset, err_name(read.op.err));
		if (!read.op.err)
			cr_expect_gt(check_records(&read.op, offset), offset);
		partition_read_release(&read.op);
	}
}

/* Of all that it names nothing is served, and the other way round. */
static void expect_verdict(struct world *world, const struct loss *loss)
{
	struct verdict verdict;
	rot_verify(world, &verdict);
	for (int64_t offset = 0; offset < END; offset++) {
		bool is_named = false;
		for (uint32_t i = 0; i < verdict.count; i++) {
			const struct found *found = &verdict.found[i];
			is_named |= found->kind == FINDING_DAMAGE && found->from <= offset && (found->to == NOWHERE || offset < found->to);
		}
		cr_expect_eq(is_named, is_lost(loss, offset), "%s: verify of offset %ld", loss->name, (long)offset);
	}
}

Test(between_losses, what_the_journal_has_stays, .timeout = 60)
{
	for (size_t i = 0; i < COUNT_OF(losses); i++)
		for (int is_stopped = 0; is_stopped < 2; is_stopped++) {
			struct world world;
			make(&world, 1 + i);
			lose(&world, &losses[i]);
			for (int start = 1; start <= 3; start++) {
				world_open(&world);
				expect(&world, &losses[i], start == 1 ? "the first start" : is_stopped ? "behind a stop" : "behind a kill");
				let_file(&world);
				if (is_stopped)
					world_stop(&world);
				else
					world_kill(&world);
				expect_verdict(&world, &losses[i]);
			}
			world_open(&world);
			world_append(&world, the_partition(&world), END, 1, 100);
			world_fini(&world);
		}
}
