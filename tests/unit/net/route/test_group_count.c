/* The partition count of __consumer_offsets, read back from where its groups lie. */
#include "net/route/group_count.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "log/base/bytes.h"
#include "log/batch/batch_builder.h"
#include "log/io/sim.h"
#include "log/io/small_file.h"
#include "net/group/group_record.h"
#include "net/route/group_host.h"

static struct sim_disk *disk;
static struct io *io;

static void set_up(void)
{
	struct io_options options = {.backend = IO_SIM, .seed = 1};
	disk = sim_disk_open(1);
	options.disk = disk;
	cr_assert_eq(io_open(&io, &options), 0);
	cr_assert_eq(io_dir_make(io, "/d"), 0);
}

static void tear_down(void)
{
	io_close(io);
	sim_disk_close(disk);
}

TestSuite(group_count, .init = set_up, .fini = tear_down);

/* A segment with one record of this group, in the partition that the count gives it. */
static void put_group(const char *name, uint32_t partition)
{
	char path[128];
	uint8_t key[64], bytes[512];
	size_t size = strlen(name);
	struct batch_builder builder;
	uint32_t batch_size;
	store_be16(key, 1);
	store_be16(key + 2, (uint16_t)size);
	memcpy(key + 4, name, size);
	struct record record = {.key = {key, 4 + size}, .value = {(const uint8_t *)"v", 1}};
	cr_assert_eq(batch_builder_open(&builder, NULL, &BATCH_BUILDER_PLAIN, bytes, sizeof bytes), 0);
	cr_assert_eq(batch_builder_append(&builder, &record), 0);
	cr_assert_eq(batch_builder_finish(&builder, &batch_size), 0);
	snprintf(path, sizeof path, "/d/" GROUP_TOPIC "-%u", partition);
	int err = io_dir_make(io, path);
	cr_assert(err == 0 || err == -EEXIST);
	snprintf(path, sizeof path, "/d/" GROUP_TOPIC "-%u/%020d.log", partition, 0);
	cr_assert_eq(small_file_replace(io, path, bytes, batch_size), 0);
}

static void put_groups(uint32_t groups, uint32_t count)
{
	for (uint32_t i = 0; i < groups; i++) {
		char name[32];
		snprintf(name, sizeof name, "group of test %u", i * 7919);
		put_group(name, group_partition(slice_from(name), count));
	}
}

/* Without a group, and without a directory, the usual count stands. */
Test(group_count, of_nothing)
{
	cr_assert_eq(group_count_partitions(io, "/d", 1, NULL, 1, 50), 50);
	cr_assert_eq(group_count_partitions(io, "/nowhere", 1, NULL, 1, 50), 50);
}

/* The usual count stands if the groups agree with it, though a smaller one might do as well. */
Test(group_count, as_usual)
{
	put_groups(1, 50);
	cr_assert_eq(group_count_partitions(io, "/d", 1, NULL, 1, 50), 50);
}

/* Another one that was set when the topic was made: below the usual, above it, and a single partition. */
Test(group_count, another)
{
	static const uint32_t counts[] = {1, 7, 16, 200};
	for (int i = 0; i < 4; i++) {
		put_groups(40, counts[i]);
		cr_assert_eq(group_count_partitions(io, "/d", 1, NULL, 1, 50), counts[i], "%u", counts[i]);
		tear_down();
		set_up();
	}
}

/* Groups that no count agrees with (the topic has been given partitions in between): the usual one. */
Test(group_count, none_fits)
{
	put_group("a group", group_partition(slice_from("a group"), 10000) + 10001);
	cr_assert_eq(group_count_partitions(io, "/d", 1, NULL, 1, 50), 50);
}

/* What is no batch, or a key that is none, says nothing. */
Test(group_count, rubbish)
{
	put_groups(20, 7);
	cr_assert_eq(io_dir_make(io, "/d/" GROUP_TOPIC "-40"), 0);
	cr_assert_eq(small_file_replace(io, "/d/" GROUP_TOPIC "-40/00000000000000000000.log", (const uint8_t *)"no batch", 8), 0);
	cr_assert_eq(group_count_partitions(io, "/d", 1, NULL, 1, 50), 7);
}

static uint32_t put_commit(uint8_t *bytes, size_t capacity, enum group_record_kind kind, bool is_cut)
{
	uint8_t memory[1024];
	struct arena arena;
	struct group_message message;
	struct slice key, value;
	struct batch_builder builder;
	uint32_t size;
	arena_init(&arena, memory, sizeof memory, sizeof memory);
	group_message_init(&message, kind);
	message.is_tombstone = kind == GROUP_RECORD_group_metadata;
	cr_assert_eq(group_record_encode(&message, &arena, &key, &value), 0);
	struct record good = {.key = key, .value = value}, bad = {.key = {key.data, key.size - 1}, .value = value};
	cr_assert_eq(batch_builder_open(&builder, NULL, &BATCH_BUILDER_PLAIN, bytes, capacity), 0);
	cr_assert_eq(batch_builder_append(&builder, &good), 0);
	cr_assert_eq(batch_builder_append(&builder, is_cut ? &bad : &good), 0);
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	arena_fini(&arena);
	return size;
}

/* Batches are groups' if each record of them is one that a coordinator writes. */
Test(group_count, whose_records)
{
	uint8_t bytes[4096];
	uint32_t first = put_commit(bytes, sizeof bytes, GROUP_RECORD_offset_commit, false);
	uint32_t both = first + put_commit(bytes + first, sizeof bytes - first, GROUP_RECORD_group_metadata, false);
	cr_assert(group_count_is_groups((struct slice){bytes, both}));
	cr_assert_not(group_count_is_groups((struct slice){bytes, both - 1}), "a batch is cut");
	both = first + put_commit(bytes + first, sizeof bytes - first, GROUP_RECORD_offset_commit, true);
	cr_assert_not(group_count_is_groups((struct slice){bytes, both}), "a key is none");
	struct batch_builder builder;
	struct record plain = {.value = {(const uint8_t *)"no key", 6}};
	cr_assert_eq(batch_builder_open(&builder, NULL, &BATCH_BUILDER_PLAIN, bytes, sizeof bytes), 0);
	cr_assert_eq(batch_builder_append(&builder, &plain), 0);
	cr_assert_eq(batch_builder_finish(&builder, &first), 0);
	cr_assert_not(group_count_is_groups((struct slice){bytes, first}), "there is no key");
}
