/* The verifier over stores on a simulated disk: what is whole is called whole, and each kind of damage is named with its offsets. */
#include "log/store/verify.h"

#include "log/segment/segment_name.h"
#include "tests/unit/log/store/world.h"

#define FINDINGS_MAX 64

struct found {
	uint32_t count;
	struct {
		enum verify_kind kind;
		int64_t from_offset, to_offset;
		uint64_t position, end_position;
		bool has_topic;
		char what[400];
	} items[FINDINGS_MAX];
	struct verify_totals totals;
};

static void note(void *context, const struct verify_finding *finding)
{
	struct found *found = context;
	cr_assert_lt(found->count, FINDINGS_MAX);
	found->items[found->count].kind = finding->kind;
	found->items[found->count].from_offset = finding->from_offset;
	found->items[found->count].to_offset = finding->to_offset;
	found->items[found->count].position = finding->position;
	found->items[found->count].end_position = finding->end_position;
	found->items[found->count].has_topic = finding->topic != NULL;
	snprintf(found->items[found->count++].what, sizeof found->items[0].what, "%s", finding->what);
}

/* Verifies the disk as it is, with nothing open on it. */
static void verify(struct world *world, struct found *found)
{
	struct io *io;
	struct io_options options = {.backend = IO_SIM, .disk = world->disk, .seed = 1};
	cr_assert_eq(io_open(&io, &options), 0);
	*found = (struct found){0};
	cr_assert_eq(verify_directory(io, "/", world->config, note, found, &found->totals), 0);
	io_close(io);
}

static void assert_whole(struct world *world, uint64_t records)
{
	struct found found;
	verify(world, &found);
	cr_assert_eq(found.totals.damages, 0, "%s", found.count ? found.items[0].what : "");
	cr_assert_geq(found.totals.records, records);
}

/* The first finding of damage; there must be just so many. */
static void assert_damaged(const struct found *found, uint64_t damages, int64_t from, int64_t to)
{
	cr_assert_eq(found->totals.damages, damages, "%lu damages; the first finding: %s", (unsigned long)found->totals.damages,
		     found->count ? found->items[0].what : "none");
	for (uint32_t i = 0; i < found->count; i++) {
		if (found->items[i].kind != VERIFY_DAMAGE)
			continue;
		cr_assert_eq(found->items[i].from_offset, from, "from %ld: %s", (long)found->items[i].from_offset, found->items[i].what);
		cr_assert_eq(found->items[i].to_offset, to, "to %ld: %s", (long)found->items[i].to_offset, found->items[i].what);
		return;
	}
}

static struct partition *start(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	struct config_override small_segments = {"segment.bytes", "1048576"};
	world_create_topic(world, "t", 1, &small_segments, 1);
	return world_partition(world, "t", 0);
}

/* `batches` batches of ten records of 1 KiB: some 10 KiB each. */
static void fill(struct world *world, struct partition *partition, uint64_t first, uint64_t batches)
{
	for (uint64_t i = 0; i < batches; i++)
		world_append(world, partition, first + 10 * i, 10, 1000);
}

/* Everything is closed already. */
static void leave(struct world *world)
{
	broker_config_destroy(world->config);
	sim_disk_close(world->disk);
}

static void log_path(char *out, size_t size, int64_t base_offset, enum segment_file file)
{
	char name[SEGMENT_NAME_SIZE];
	segment_name_format(name, base_offset, file);
	snprintf(out, size, "/t-0/%s", name);
}

/* What a clean stop leaves, what a crash leaves, and what is only in the journal: all of it is whole. */
Test(verify, whole)
{
	struct world world;
	struct partition *partition = start(&world, 1);
	fill(&world, partition, 0, 5);
	world_crash(&world);
	assert_whole(&world, 0);
	world_open(&world);
	partition = world_partition(&world, "t", 0);
	fill(&world, partition, 50, 300); /* three segments */
	world_crash(&world);
	assert_whole(&world, 0);
	world_open(&world);
	world_stop(&world);
	assert_whole(&world, 3050);
	leave(&world);
}

/* Crashes at many places in a load: never damage, whatever was torn. */
Test(verify, crashes_are_no_damage, .timeout = 120)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct world world;
		struct partition *partition = start(&world, seed);
		fill(&world, partition, 0, 20 + seed * 3);
		struct append appends[3];
		for (int i = 0; i < 3; i++)
			if (world_append_begin(partition, &appends[i], 1000000, 200, 1000) == 0)
				store_turn(world.store);
		world_crash(&world);
		assert_whole(&world, 0);
		world_open(&world);
		partition = world_partition(&world, "t", 0);
		fill(&world, partition, (uint64_t)partition_log_end_offset(partition), 10);
		world_stop(&world);
		assert_whole(&world, 10);
		leave(&world);
	}
}

/* One byte flipped at many places of a sealed segment and of the active one: the batch it lies in is named, and nothing else. */
Test(verify, flipped_bytes, .timeout = 120)
{
	struct world world;
	struct partition *partition = start(&world, 2);
	fill(&world, partition, 0, 150);
	uint64_t batch_size = 0;
	world_stop(&world);
	struct found found;
	verify(&world, &found);
	cr_assert_eq(found.totals.damages, 0);
	cr_assert_eq(found.totals.segments, 2);
	cr_assert_eq(found.totals.batches, 150);
	batch_size = found.totals.bytes / 150;
	char path[64];
	log_path(path, sizeof path, 0, SEGMENT_FILE_LOG);
	/* Every field of the header, and some of the records, of a batch in the middle. */
	for (uint64_t at = 0; at < batch_size; at += at < BATCH_HEADER_SIZE ? 1 : 997) {
		uint64_t position = 7 * batch_size + at;
		cr_assert_eq(sim_disk_corrupt(world.disk, path, position, 1), 0);
		verify(&world, &found);
		cr_assert_geq(found.totals.damages, 1, "byte %lu of a batch", (unsigned long)at);
		/* The leader epoch alone is outside the CRC and the order of offsets: the seal finds it, for the segment as a whole. */
		bool is_by_seal = at >= BATCH_AT_LEADER_EPOCH && at < BATCH_AT_MAGIC;
		int64_t from = is_by_seal ? 0 : 70;
		cr_assert_eq(found.items[0].from_offset, from, "byte %lu: %s", (unsigned long)at, found.items[0].what);
		if (!is_by_seal && at >= BATCH_AT_LENGTH) {
			assert_damaged(&found, 1, 70, 80);
			cr_assert_eq(found.items[0].position, 7 * batch_size);
			cr_assert_eq(found.items[0].end_position, 8 * batch_size);
		}
		cr_assert_eq(sim_disk_corrupt(world.disk, path, position, 1), 0);
	}
	assert_whole(&world, 1500);
	leave(&world);
}

/* A segment that is gone, and one cut short, are named with all that they held. */
Test(verify, lost_files)
{
	struct world world;
	struct partition *partition = start(&world, 3);
	fill(&world, partition, 0, 350);
	world_stop(&world);
	struct found found;
	verify(&world, &found);
	cr_assert_eq(found.totals.damages, 0);
	cr_assert_eq(found.totals.segments, 4);
	struct io *io;
	struct io_options options = {.backend = IO_SIM, .disk = world.disk, .seed = 1};
	cr_assert_eq(io_open(&io, &options), 0);
	/* Segments hold a little less than 1 MiB, in whole batches of 10 records. */
	int64_t each = (int64_t)((1 << 20) / (found.totals.bytes / 350)) * 10;
	char path[64];
	log_path(path, sizeof path, each, SEGMENT_FILE_LOG);
	cr_assert_eq(io_unlink(io, path), 0);
	verify(&world, &found);
	assert_damaged(&found, 1, each, 2 * each);
	log_path(path, sizeof path, 3 * each, SEGMENT_FILE_LOG);
	int fd = io_file_open(io, path, 0);
	cr_assert_geq(fd, 0);
	cr_assert_eq(io_file_truncate(io, fd, 100), 0);
	io_close_fd(io, fd);
	verify(&world, &found);
	assert_damaged(&found, 2, each, 2 * each);
	cr_assert_eq(found.items[1].from_offset, 3 * each);
	cr_assert_eq(found.items[1].to_offset, 3500);
	io_close(io);
	leave(&world);
}

/* Names of partition directories, and what is none. */
Test(verify, directory_names)
{
	static const struct {
		const char *name, *topic;
		uint32_t partition;
	} names[] = {
		{"t-0", "t", 0}, {"a-b-12", "a-b", 12}, {"a.b_c-99999", "a.b_c", 99999},
		{"t", NULL, 0}, {"-0", NULL, 0}, {"t-", NULL, 0}, {"t-x", NULL, 0}, {"t-0.delete", NULL, 0}, {"t-99999999", NULL, 0}, {"..-0-", NULL, 0},
		{"t-0-deleted", NULL, 0}, {"a b-0", NULL, 0},
	};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char topic[TOPIC_NAME_SIZE_MAX + 1];
		uint32_t partition;
		bool is_good = verify_parse_directory(names[i].name, topic, &partition);
		cr_assert_eq(is_good, names[i].topic != NULL, "%s", names[i].name);
		if (is_good) {
			cr_assert_str_eq(topic, names[i].topic);
			cr_assert_eq(partition, names[i].partition);
		}
	}
}
