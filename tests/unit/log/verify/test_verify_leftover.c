/* Segments that are not part of a log, beside those that are: before the log start, whose files a stop has left (what it had no time to remove the next start does), and copies that
 * somebody put there. Nobody is served of them. */
#include <xxhash.h>

#include "log/base/bytes.h"
#include "tests/unit/log/store/many_segments.h"
#include "tests/unit/log/verify/rot.h"

#define SEGMENTS 12
#define START 9

static void segment_file_path(char *out, size_t size, const char *ending)
{
	snprintf(out, size, "/t-0/%020d%s", 2, ending);
}

static void expect_sound(struct world *world)
{
	struct verdict verdict;
	rot_verify(world, &verdict);
	cr_assert_eq(verdict.report.counts.findings[FINDING_DERIVED], 0);
	cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE], 0);
	cr_assert_geq(verdict.report.counts.findings[FINDING_NOTE], 1);
}

static void remove_derived(struct world *world, int64_t base)
{
	static const char *const endings[] = {".seal", ".index", ".timeindex", ".snapshot", ".appendtime"};
	char path[64];
	for (size_t i = 0; i < COUNT_OF(endings); i++) {
		snprintf(path, sizeof path, "/t-0/%020ld%s", (long)base, endings[i]);
		struct io *io = rot_open(world);
		int err = io_unlink(io, path);
		cr_assert(err == 0 || err == -ENOENT);
		io_close(io);
	}
}

/* The checkpoint tells of them still, with a log start behind them. */
Test(verify_leftover, that_the_checkpoint_knows)
{
	struct world world;
	size_t size, at = 76;
	fill(&world, 1, "t", 1, SEGMENTS);
	world_stop(&world);
	uint8_t *checkpoint = rot_read(&world, "/checkpoint-0", &size);
	cr_assert_eq(load_le64(checkpoint + at + 20), 0);
	store_le64(checkpoint + at + 20, START);
	store_le64(checkpoint + size - 8, XXH3_64bits(checkpoint, size - 8));
	rot_write(&world, "/checkpoint-0", checkpoint, size);
	rot_write(&world, "/checkpoint-0.copy", checkpoint, size);
	free(checkpoint);
	for (int64_t base = 0; base < START - 2; base++)
		remove_derived(&world, base);
	expect_sound(&world);
	world_open(&world);
	cr_assert_eq(partition_log_start_offset(world_partition(&world, "t", 0)), START);
	world_fini(&world);
}

/* It does not, and the removal was on its way. */
Test(verify_leftover, that_nobody_knows)
{
	struct world world;
	struct trim trim = {.op = {.done = trim_done, .offset = START}};
	size_t log_size, seal_size;
	char log[64], seal[64];
	segment_file_path(log, sizeof log, ".log");
	segment_file_path(seal, sizeof seal, ".seal");
	fill(&world, 1, "t", 1, SEGMENTS);
	world_stop(&world);
	uint8_t *log_bytes = rot_read(&world, log, &log_size), *seal_bytes = rot_read(&world, seal, &seal_size);
	world_open(&world);
	cr_assert_eq(partition_trim(world_partition(&world, "t", 0), &trim.op), 0);
	world_stop(&world);
	rot_write(&world, log, log_bytes, log_size);
	rot_write(&world, seal, seal_bytes, seal_size);
	expect_sound(&world);
	seal_bytes[20] ^= 1;
	log_bytes[100] ^= 1;
	rot_write(&world, log, log_bytes, log_size);
	rot_write(&world, seal, seal_bytes, seal_size);
	expect_sound(&world);
	free(log_bytes);
	free(seal_bytes);
	world_open(&world);
	cr_assert_eq(partition_log_start_offset(world_partition(&world, "t", 0)), START);
	world_fini(&world);
}

/* Another partition's segment, with all that is beside it and a damaged batch, where the log's own covers its offsets. */
Test(verify_leftover, that_was_copied_into_the_middle_of_a_log)
{
	static const char *const endings[] = {".seal", ".index", ".timeindex", ".appendtime", ".log"};
	struct world world;
	fill(&world, 1, "t", 1, SEGMENTS);
	world_create_topic(&world, "u", 1, NULL, 0);
	for (uint64_t i = 0; i < 20; i++)
		world_append(&world, world_partition(&world, "u", 0), i, 1, 100);
	world_stop(&world);
	for (size_t i = 0; i < COUNT_OF(endings); i++) {
		char from[64], to[64];
		struct rot_kept kept;
		segment_file_path(from, sizeof from, endings[i]);
		snprintf(to, sizeof to, "/u-0/%s", from + sizeof "/t-0/" - 1);
		kept = rot_keep(&world, from);
		rot_write(&world, to, kept.bytes, kept.size);
		free(kept.bytes);
	}
	expect_sound(&world);
	rot_flip(&world, "/u-0/00000000000000000002.log", 100, 1);
	expect_sound(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "u", 0), 0, 1 << 20), 20);
	world_fini(&world);
}

/* The seal of another log's segment of the same base, beside one that goes on: longer than it, but of fewer offsets. */
Test(verify_leftover, a_seal_that_was_copied_beside_the_segment_that_goes_on)
{
	struct world world;
	fill(&world, 1, "t", 1, SEGMENTS);
	world_create_topic(&world, "u", 1, NULL, 0);
	world_append(&world, world_partition(&world, "u", 0), 0, 4, 8);
	world_stop(&world);
	struct rot_kept seal = rot_keep(&world, "/t-0/00000000000000000000.seal");
	cr_assert_lt(load_le64(seal.bytes + 24), 4);
	rot_put_back(&world, "/u-0/00000000000000000000.seal", seal);
	struct verdict verdict;
	rot_verify(&world, &verdict);
	cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE], 0);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "u", 0), 0, 1 << 20), 4);
	world_fini(&world);
}

static void take_catalog_of(struct world *world, struct world *other)
{
	static const char *const files[] = {"//catalog.log", "//meta.properties"};
	for (size_t i = 0; i < COUNT_OF(files); i++)
		rot_put_back(world, files[i], rot_keep(other, files[i]));
}

/* Its openings and changes are as many as here, and its topic has this one's name: only the identity tells. All that is here would be a deleted topic's. */
Test(verify_leftover, all_beside_the_catalog_of_another_directory)
{
	struct world world, other;
	struct verdict verdict;
	struct rot_kept ours;
	fill(&other, 2, "t", 1, 3);
	world_stop(&other);
	fill(&world, 1, "t", 1, 3);
	int64_t end = partition_high_watermark(world_partition(&world, "t", 0));
	world_append(&world, world_partition(&world, "t", 0), (uint64_t)end, 1, 100);
	world_kill(&world);
	ours = rot_keep(&world, "//catalog.log");
	take_catalog_of(&world, &other);
	rot_verify(&world, &verdict);
	cr_assert_geq(verdict.report.counts.findings[FINDING_DAMAGE], 1);
	for (int is_accepted = 0; is_accepted <= 1; is_accepted++) {
		world.options.is_loss_accepted = is_accepted;
		cr_assert_eq(world_try_open(&world), ERR_CORRUPT_LOG);
		cr_assert_not_null(strstr(world.report.why, "different data directories"));
		world_close(&world);
	}
	world.options.is_loss_accepted = false;
	rot_put_back(&world, "//catalog.log", ours);
	rot_unlink(&world, "//meta.properties");
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), end + 1);
	world_fini(&world);
	world_open(&other);
	world_fini(&other);
}
