/* A partition's directory that was begun and says nothing yet, as a full disk or a kill leaves one: nothing is wrong with it, and it is not taken for what a deletion
 * left. */
#include <criterion/criterion.h>

#include "log/partition/partition_priv.h"
#include "log/segment/partition_metadata.h"
#include "tests/unit/log/verify/rot.h"

static int count_leftovers(void *context, const char *name, bool is_directory)
{
	*(int *)context += is_directory && strstr(name, "-delete");
	return 0;
}

static int leftovers(struct world *world)
{
	int count = 0;
	struct io *io = rot_open(world);
	cr_assert_eq(io_dir_list(io, "/", count_leftovers, &count), 0);
	io_close(io);
	return count;
}

/* All that was acknowledged is in the journal alone; the directory has a partition.metadata of so many bytes (-1: none). */
static void make_begun(struct world *world, uint64_t seed, int size)
{
	char text[PARTITION_METADATA_SIZE_MAX];
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	partition_metadata_encode(&world_partition(world, "t", 0)->topic_id, text);
	world_append(world, world_partition(world, "t", 0), 0, 10, 100);
	world_kill(world);
	struct io *io = rot_open(world);
	cr_assert_eq(io_dir_make(io, "/t-0"), 0, "nothing is filed yet");
	io_close(io);
	if (size >= 0)
		rot_write(world, "/t-0/partition.metadata", text, (size_t)size);
}

/* Empty, cut short, or not there: verify has a note at most, and the next start that files there makes it anew, in place. */
Test(unwritten_dir, is_made_anew)
{
	static const int sizes[] = {-1, 0, 5, 20};
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct world world;
		struct verdict verdict;
		make_begun(&world, 10 + i, sizes[i]);
		rot_verify(&world, &verdict);
		cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE] + verdict.report.counts.findings[FINDING_DERIVED], 0, "%d bytes: %s", sizes[i],
			     verdict.found[0].what);
		cr_assert(sizes[i] < 0 || (verdict.count == 1 && strstr(verdict.found[0].what, "made anew")), "%d bytes: %u", sizes[i], verdict.count);
		world_open(&world);
		world_stop(&world);
		cr_assert_eq(leftovers(&world), 0, "%d bytes", sizes[i]);
		rot_verify(&world, &verdict);
		cr_assert_eq(verdict.count, 0, "%d bytes: %s", sizes[i], verdict.found[0].what);
		world_open(&world);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), 10);
		world_fini(&world);
	}
}

/* Beside a file of a segment it may be another's: out of the way with it, as ever; and what was filed there is missed. */
Test(unwritten_dir, one_with_files_is_anothers)
{
	struct world world;
	struct verdict verdict;
	make_begun(&world, 20, 0);
	rot_write(&world, "/t-0/00000000000000000000.index", "12345678", 8);
	rot_verify(&world, &verdict);
	cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE], 1);
	world_open(&world);
	world_stop(&world);
	cr_assert_eq(leftovers(&world), 1);
	rot_write(&world, "/t-0/partition.metadata", "", 0);
	rot_verify(&world, &verdict);
	cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE], 1, "what was filed needs it");
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), 10);
	world_fini(&world);
}

/* One that says another topic's id is none that was not written: it is told, though nothing is filed there. */
Test(unwritten_dir, one_that_says_another_id)
{
	static const char other[] = "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ\n";
	struct world world;
	struct verdict verdict;
	make_begun(&world, 30, -1);
	for (int is_short = 0; is_short < 2; is_short++) {
		rot_write(&world, "/t-0/partition.metadata", other, sizeof other - 1 - (size_t)is_short * 5);
		rot_verify(&world, &verdict);
		cr_assert(verdict.count == 1 && !strstr(verdict.found[0].what, "made anew"), "%u: %s", verdict.count, verdict.found[0].what);
	}
	world_open(&world);
	world_fini(&world);
}
