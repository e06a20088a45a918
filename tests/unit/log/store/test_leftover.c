/* What lies where a new file is made, or in the memory that it is made of, never becomes part of a log. */
#include <errno.h>

#include "log/segment/partition_metadata.h"
#include "log/store/store_priv.h"
#include "tests/unit/log/store/piece.h"

static const char *const log_path = "/t-0/00000000000000000000.log";

/* A directory for a topic without records, and a file in it as of its first segment; the stop before was clean, so the start looks for no strays. */
static void begin(struct world *world, uint64_t seed, const void *bytes, size_t size)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	world_stop(world);
	struct io *io = rot_open(world);
	cr_assert_eq(io_dir_make(io, "/t-0"), 0);
	cr_assert_eq(io_dir_sync(io, "/"), 0);
	io_close(io);
	rot_write(world, log_path, bytes, size);
	char text[PARTITION_METADATA_SIZE_MAX];
	world_open(world);
	size_t text_size = partition_metadata_encode(&the_partition(world)->topic_id, text);
	world_stop(world);
	rot_write(world, "/t-0/partition.metadata", text, text_size);
	io = rot_open(world);
	cr_assert_eq(io_dir_sync(io, "/t-0"), 0);
	io_close(io);
	world_open(world);
}

#define BLOCK 4096

/* The size of a value whose batch is exactly one block. */
static size_t value_of_a_block(uint8_t *bytes, size_t capacity)
{
	size_t value_size = BLOCK - 200;
	while (make_batch(bytes, capacity, 0, 1, value_size, 1000) < BLOCK)
		value_size++;
	cr_assert_eq(make_batch(bytes, capacity, 0, 1, value_size, 1000), BLOCK);
	return value_size;
}

/* A whole batch that fits right behind what is written: a scan would take it for acknowledged. The power fails when the file is filed and the checkpoint written. */
Test(leftover, a_file_that_is_begun_is_empty)
{
	struct world world;
	static uint8_t bytes[3 * BLOCK];
	size_t value_size = value_of_a_block(bytes, sizeof bytes);
	make_batch(bytes + BLOCK, sizeof bytes - BLOCK, 1, 1, value_size, 1001);
	store_be64(bytes + BLOCK, 1);
	begin(&world, 1, bytes, 2 * BLOCK);
	world_append(&world, the_partition(&world), 0, 1, value_size);
	uint64_t checkpoint = world.store->checkpoint_generation;
	for (int turns = 0; world.store->checkpoint_generation == checkpoint && turns < 1000; turns++)
		world_turn(&world);
	struct sim_disk *left = world_lose_all(world.disk);
	struct world other = {.disk = left, .config = world.config, .options = world.options, .seed = 1};
	rot_unlink(&other, "/checkpoint-0");
	world_open(&other);
	cr_expect_eq(partition_high_watermark(the_partition(&other)), 1);
	world_close(&other);
	sim_disk_close(left);
	world_fini(&world);
}

/* A journal in its place is somebody's: it is there under another name afterwards, byte for byte. */
Test(leftover, anothers_file_is_set_aside)
{
	struct world world;
	size_t size, kept_size;
	world_init(&world, 2);
	world_open(&world);
	world_create_topic(&world, "u", 1, NULL, 0);
	world_stop(&world);
	uint8_t *journal = rot_read(&world, "/journal-0", &size);
	world_open(&world);
	world_fini(&world);
	begin(&world, 3, journal, size);
	world_append(&world, the_partition(&world), 0, 1, 100);
	world_stop(&world);
	uint8_t *kept = rot_read(&world, "/t-0/00000000000000000000.log.foreign", &kept_size);
	cr_expect(kept_size == size && memcmp(kept, journal, size) == 0);
	free(kept);
	free(journal);
	world_open(&world);
	cr_expect_eq(world_check_all(&world, the_partition(&world), 0, 1 << 20), 1);
	world_fini(&world);
}

struct padding {
	struct sim_disk *disk;
	size_t end;                /* of the log */
	uint32_t seen;
};

/* Between two I/Os: behind the log's end there are zeros, if anything. */
static void look_at_padding(void *context)
{
	struct padding *padding = context;
	uint8_t block[4096];
	int64_t size = sim_disk_peek(padding->disk, log_path, block, sizeof block, 0);
	padding->seen += size > (int64_t)padding->end && block[16] == 2; /* its batch is there: the magic */
	for (int64_t at = (int64_t)padding->end; at < size; at++)
		cr_assert_eq(block[at], 0, "byte %ld", (long)at);
}

/* The bytes are those of a file that is in the partition's directory, whatever its name. */
struct search {
	struct world *world;
	const uint8_t *bytes;
	size_t size;
	uint32_t found_count;
};

static int compare_file(void *context, const char *name, bool is_directory)
{
	struct search *search = context;
	char path[300];
	size_t size;
	snprintf(path, sizeof path, "/t-0/%s", name);
	if (is_directory)
		return 0;
	uint8_t *bytes = rot_read(search->world, path, &size);
	search->found_count += size == search->size && memcmp(bytes, search->bytes, size) == 0;
	free(bytes);
	return 0;
}

static bool is_kept(struct world *world, const uint8_t *bytes, size_t size)
{
	struct search search = {world, bytes, size, 0};
	struct io *io = rot_open(world);
	cr_assert_eq(io_dir_list(io, "/t-0", compare_file, &search), 0);
	io_close(io);
	return search.found_count == 1;
}

static void make_strange(uint8_t bytes[BLOCK], const char *magic)
{
	memset(bytes, 'x', BLOCK);
	memcpy(bytes, magic, 8);
}

/* Each kind of file of ours that may have come there. */
Test(leftover, any_file_of_a_store_is_set_aside)
{
	static const char *const magics[] = {"SPATEJNL", "SPATECAT", "SPATECKP", "SPATESEA"};
	for (size_t i = 0; i < COUNT_OF(magics); i++) {
		struct world world;
		uint8_t bytes[BLOCK];
		make_strange(bytes, magics[i]);
		begin(&world, 10 + i, bytes, sizeof bytes);
		world_append(&world, the_partition(&world), 0, 1, 100);
		world_stop(&world);
		cr_expect(is_kept(&world, bytes, sizeof bytes), "%s", magics[i]);
		world_open(&world);
		cr_expect_eq(world_check_all(&world, the_partition(&world), 0, 1000), 1);
		world_fini(&world);
	}
}

/* Whose it is cannot be asked for a moment, or it cannot get another name: it is not emptied for that. */
Test(leftover, what_cannot_be_set_aside_is_not_emptied, .timeout = 60)
{
	static const struct {
		uint32_t kind;
		int err;
	} cases[] = {{SIM_OPEN, EMFILE}, {SIM_NAMES, EIO}};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		bool has_struck = true;
		for (uint64_t k = 1; has_struck && k < 100; k++) {
			struct world world;
			uint8_t bytes[BLOCK];
			make_strange(bytes, "SPATEJNL");
			begin(&world, 20 + k, bytes, sizeof bytes);
			world_append(&world, the_partition(&world), 0, 1, 100);
			uint64_t before = sim_disk_fail_count(world.disk);
			sim_disk_fail_kinds(world.disk, cases[i].kind, k, cases[i].err, false);
			world_rest(&world, 8000000000ull);
			has_struck = sim_disk_fail_count(world.disk) > before;
			sim_disk_fail(world.disk, 0, EIO);
			world_kill(&world);
			cr_expect(is_kept(&world, bytes, sizeof bytes), "case %zu, %lu", i, (unsigned long)k);
			world_open(&world);
			cr_expect_eq(world_check_all(&world, the_partition(&world), 0, 1000), 1, "case %zu, %lu", i, (unsigned long)k);
			world_fini(&world);
		}
	}
}

/* The last block of a file is filled up with zeros, not with what another topic's records have left in the memory. (It is cut off soon, unless the power fails.) */
Test(leftover, no_old_memory_reaches_a_file)
{
	struct world world;
	world_init(&world, 4);
	world.options.cache_size_bytes = 4 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_create_topic(&world, "u", 1, NULL, 0);
	for (uint64_t i = 0; i < 100; i++)
		world_append(&world, world_partition(&world, "u", 0), i, 1, 100000);
	world_append(&world, the_partition(&world), 0, 1, 100);
	struct padding padding = {world.disk, segment_size_bytes(the_partition(&world)->active), 0};
	sim_disk_on_io(world.disk, look_at_padding, &padding);
	let_file(&world);
	sim_disk_on_io(world.disk, NULL, NULL);
	cr_assert_gt(padding.seen, 0);
	world_fini(&world);
}
