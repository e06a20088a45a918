/* A scan is held against an earlier checkpoint: which one, and what of it does not count. The word of one that says what cannot be, or of a batch that was in
 * memory alone, accuses nobody. */
#include <xxhash.h>

#include "log/base/bytes.h"
#include "log/batch/crc32c.h"
#include "log/store/store_priv.h"
#include "log/verify/checkpoint_view.h"
#include "tests/unit/log/verify/rot.h"

#define LOG_FILE "//t-0/00000000000000000000.log"
#define TIMES_FILE "//t-0/00000000000000000000.appendtime"
#define CHECKPOINT "//checkpoint-0"
#define COPY "//checkpoint-0.copy"

struct bytes {
	uint8_t *data;
	size_t size;
};

static struct bytes bytes_of(struct world *world, const char *path)
{
	struct bytes bytes;
	bytes.data = rot_read(world, path, &bytes.size);
	return bytes;
}

static struct partition *first(struct world *world)
{
	return world_partition(world, "t", 0);
}

/* One life: two records to t-0 from `number` on, or none; a clean stop; what it has left as its checkpoint. */
static struct bytes live(struct world *world, int number)
{
	world_open(world);
	if (number == 0)
		world_create_topic(world, "t", 1, NULL, 0);
	if (number >= 0)
		world_append(world, first(world), (uint64_t)number, 2, 100);
	world_stop(world);
	return bytes_of(world, CHECKPOINT);
}

static void put(struct world *world, const char *path, const struct bytes *bytes)
{
	rot_write(world, path, bytes->data, bytes->size);
}

/* Neither is as late as what the journal was let go for. Whichever of the two files it is, the later one is believed: it knows of more that must be there. */
Test(told_earlier, the_later_of_two)
{
	for (int is_copy = 0; is_copy < 2; is_copy++) {
		struct world world;
		world_init(&world, 1);
		struct bytes earlier = live(&world, 0), later = live(&world, 2), last = live(&world, -1);
		put(&world, CHECKPOINT, is_copy ? &earlier : &later);
		put(&world, COPY, is_copy ? &later : &earlier);
		rot_unlink(&world, TIMES_FILE);
		rot_cut(&world, LOG_FILE, rot_batch(&world, LOG_FILE, 1).position);
		world_open(&world);
		world_expect_damaged(&world, first(&world), 2, 4, 4);
		world_fini(&world);
		free(earlier.data);
		free(later.data);
		free(last.data);
	}
}

/* One life: two records to a segment of their own. */
static struct bytes live_in_segment(struct world *world, int number)
{
	static const struct config_override segments = {(char *)"segment.bytes", (char *)"1048576"};
	world_open(world);
	if (number == 0)
		world_create_topic(world, "t", 1, &segments, 1);
	world_append(world, first(world), (uint64_t)number, 2, 500000);
	world_stop(world);
	return bytes_of(world, CHECKPOINT);
}

/* Another batch of the same offsets and size is in the segment from offset 2 on, and nothing lies beside it. */
static void exchange_second(struct world *world)
{
	const char *path = "//t-0/00000000000000000002.log";
	struct bytes log = bytes_of(world, path);
	log.data[BATCH_HEADER_SIZE + 1000] ^= 1;
	store_be32(log.data + 17, crc32c(log.data + 21, load_be32(log.data + 8) + 12 - 21));
	put(world, path, &log);
	free(log.data);
	rot_unlink(world, "//t-0/00000000000000000002.seal");
	rot_unlink(world, "//t-0/00000000000000000002.appendtime");
}

/* The later one alone knows of a segment that was exchanged, and that is in the middle of the log, where nobody else says what must be there: the start is refused. */
Test(told_earlier, the_later_of_two_knows_a_segment)
{
	for (int is_copy = 0; is_copy < 2; is_copy++) {
		struct world world;
		world_init(&world, 3);
		struct bytes earlier = live_in_segment(&world, 0), later = live_in_segment(&world, 2), last = live_in_segment(&world, 4);
		put(&world, CHECKPOINT, is_copy ? &earlier : &later);
		put(&world, COPY, is_copy ? &later : &earlier);
		exchange_second(&world);
		cr_expect_eq(world_try_open(&world), ERR_CORRUPT_LOG);
		cr_expect_not_null(strstr(world.report.why, "00000000000000000002.log is not the file that was written there"), "%s", world.report.why);
		world_fini(&world);
		free(earlier.data);
		free(later.data);
		free(last.data);
	}
}

/* The first segment that it tells of, to be changed. */
static uint8_t *segment_in(struct bytes *checkpoint)
{
	struct checkpoint_header header;
	struct checkpoint_partition partition;
	struct slice rest;
	cr_assert_eq(checkpoint_open(&header, &rest, (struct slice){checkpoint->data, checkpoint->size}), 0);
	cr_assert(checkpoint_next(&header, &partition, &rest));
	cr_assert_eq(partition.segment_count, 1);
	return checkpoint->data + (partition.segments - checkpoint->data);
}

/* As if that had been written. */
static void tell(struct bytes *checkpoint, int64_t filed_offset, uint64_t filed_position, uint32_t first_crc)
{
	uint8_t *segment = segment_in(checkpoint);
	store_le64(segment + 8, (uint64_t)filed_offset);
	store_le64(segment + 16, filed_position);
	store_le32(segment + 76, first_crc);
	store_le64(checkpoint->data + checkpoint->size - 8, XXH3_64bits(checkpoint->data, checkpoint->size - 8));
}

/* t-0 has 0 to 3. An earlier checkpoint says otherwise, and is not believed in it. */
static void expect_untouched_by(int64_t filed_offset, uint64_t filed_position, uint32_t first_crc)
{
	struct world world;
	world_init(&world, 2);
	struct bytes earlier = live(&world, 0), last = live(&world, 2);
	tell(&earlier, filed_offset, filed_position, first_crc);
	rot_unlink(&world, CHECKPOINT);
	rot_unlink(&world, TIMES_FILE);
	put(&world, COPY, &earlier);
	world_open(&world);
	world_expect_damaged(&world, first(&world), 0, 0, 4);
	world_fini(&world);
	free(earlier.data);
	free(last.data);
}

/* Records that take no bytes: nothing of what else it says counts either. */
Test(told_earlier, what_cannot_be)
{
	expect_untouched_by(50, 0, 0);
}

/* Nothing of the segment was filed: its first batch was in memory, and a power cut may have put another in its place. */
Test(told_earlier, a_batch_that_was_not_filed)
{
	expect_untouched_by(0, 0, 0x12345678);
}

/* The CRC that a file is known by is that of the batch at the entry's own offset, or none. */
Test(told_earlier, a_first_batch_of_another_offset)
{
	uint8_t bytes[1024];
	uint32_t size = make_batch(bytes, sizeof bytes, 0, 2, 100, 1000);
	struct batch batch;
	cr_assert_eq(batch_parse_checked((struct slice){bytes, size}, &batch), 0);
	struct journal_entry entry = {.kind = ENTRY_BATCHES, .base_offset = batch.base_offset, .end_offset = batch.base_offset + 2};
	cr_expect_eq(store__first_crc(&entry, (struct slice){bytes, size}), batch.crc);
	cr_expect_eq(store__first_crc(&entry, (struct slice){bytes, BATCH_HEADER_SIZE - 1}), 0);
	entry.base_offset++;
	cr_expect_eq(store__first_crc(&entry, (struct slice){bytes, size}), 0);
}
