/* Directories with records that belong to no topic of the catalog: which count, and how many of their names are told. */
#include <stdio.h>

#include "log/io/small_file.h"
#include "log/segment/partition_metadata.h"
#include "log/verify/unowned.h"
#include "tests/unit/log/verify/directory.h"

static void find(struct world *world, struct unowned *out)
{
	struct io_options options = {.backend = IO_SIM, .disk = world->disk, .seed = 5};
	struct io *io;
	cr_assert_eq(io_open(&io, &options), 0);
	cr_assert_eq(unowned_find(out, io, "/", world->config), 0);
	io_close(io);
}

/* The directory says that it is of another topic than the catalog's of its name. */
static void say_another_id(struct world *world, const char *path)
{
	struct io_options options = {.backend = IO_SIM, .disk = world->disk, .seed = 5};
	struct uuid another = {{7, 7, 7}};
	char text[PARTITION_METADATA_SIZE_MAX];
	size_t size = partition_metadata_encode(&another, text);
	struct io *io;
	cr_assert_eq(io_open(&io, &options), 0);
	cr_assert_eq(small_file_replace(io, path, text, size), 0);
	io_close(io);
}

/* A sound directory has none; one that is of another topic of that name is one; without a catalog all are. */
Test(unowned, by_the_catalog_as_it_is)
{
	struct world world;
	struct unowned unowned;
	make_stopped(&world, 3);
	find(&world, &unowned);
	cr_assert_eq(unowned.count, 0, "%s", unowned.names);
	say_another_id(&world, "/t-1/partition.metadata");
	find(&world, &unowned);
	cr_assert_eq(unowned.count, 1);
	cr_assert_str_eq(unowned.names, "t-1");
	rot_unlink(&world, "/catalog.log");
	find(&world, &unowned);
	cr_assert_eq(unowned.count, 2);
	cr_assert_str_eq(unowned.names, "t-0, t-1");
	end_world(&world);
}

/* A topic that is in the journal alone has no directory: it is told of as long as the catalog does not name it. */
Test(unowned, topics_of_the_journal_alone)
{
	struct world world;
	struct unowned unowned;
	world_init(&world, 4);
	world_open(&world);
	world_create_topic(&world, "a", 2, NULL, 0);
	world_create_topic(&world, "b", 1, NULL, 0);
	for (uint64_t i = 0; i < 3; i++) {
		world_append(&world, world_partition(&world, "a", 1), i, 1, 100);
		world_append(&world, world_partition(&world, "b", 0), i, 1, 100);
	}
	world_kill(&world);
	find(&world, &unowned);
	cr_assert_eq(unowned.count + unowned.unfiled_topics, 0);
	rot_unlink(&world, "/catalog.log");
	find(&world, &unowned);
	cr_assert_eq(unowned.count, 0);
	cr_assert_eq(unowned.unfiled_topics, 2);
	end_world(&world);
}

/* Names of a deletion's, of no partition's and of no records do not count. */
Test(unowned, what_holds_no_records)
{
	struct segment_files full = {.size_bytes[SEGMENT_FILE_LOG] = 1}, empty = {.size_bytes[SEGMENT_FILE_INDEX] = 1};
	struct partition_dir dir = {.name = "a-0", .topic = "a", .segment_count = 1, .segments = &full};
	cr_assert(unowned_holds_records(&dir));
	dir.is_leftover = true;
	cr_assert_not(unowned_holds_records(&dir));
	dir.is_leftover = false;
	dir.partition = -1;
	cr_assert_not(unowned_holds_records(&dir));
	dir.partition = 0;
	dir.segments = &empty;
	cr_assert_not(unowned_holds_records(&dir));
}

/* However many there are, all are counted, the first ones named, and the rest said to be left out once. */
Test(unowned, names_have_room)
{
	struct unowned unowned = {0};
	char name[32];
	struct partition_dir dir = {.name = name};
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "orders-%d", i);
		unowned_add(&unowned, &dir);
	}
	cr_assert_eq(unowned.count, 1000);
	cr_assert_lt(strlen(unowned.names), sizeof unowned.names - 1);
	cr_assert_eq(strncmp(unowned.names, "orders-0, orders-1, ", 20), 0);
	const char *dots = strstr(unowned.names, "...");
	cr_assert(dots && dots[3] == '\0', "%s", unowned.names);
}
