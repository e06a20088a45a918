/* What is no file stands in a file's place while the store is stopped: a directory, as that is what the simulated disk has; on a real one a FIFO, a socket or a
 * link to nowhere is the same to us (tests/unit/log/io/test_files.c). A .log is lost then, and what can be made anew is; durability is never broken by it. */
#include <errno.h>

#include "tests/unit/log/store/world.h"

#define BEFORE 30
#define AFTER 60
#define VALUE_SIZE 90000

static const struct config_override small_segments = {(char *)"segment.bytes", (char *)"1048576"};

struct name {
	char path[300];
	bool is_log;
};

struct names {
	const char *dir;
	struct name items[64];
	int count;
};

static int note(void *context, const char *name, bool is_directory)
{
	struct names *names = context;
	if (is_directory)
		return 0;
	cr_assert_lt(names->count, (int)COUNT_OF(names->items));
	struct name *item = &names->items[names->count++];
	snprintf(item->path, sizeof item->path, "%s%s", names->dir, name);
	item->is_log = strlen(name) > 4 && strcmp(name + strlen(name) - 4, ".log") == 0;
	return 0;
}

static struct io *open_disk(struct world *world)
{
	struct io_options options = {.backend = IO_SIM, .disk = world->disk, .seed = 1};
	struct io *io;
	cr_assert_eq(io_open(&io, &options), 0);
	return io;
}

/* A store that has sealed segments, and was stopped. */
static void make(struct world *world)
{
	world_init(world, 3);
	world_open(world);
	world_create_topic(world, "t", 1, &small_segments, 1);
	for (uint64_t i = 0; i < BEFORE; i++)
		world_append(world, world_partition(world, "t", 0), i, 1, VALUE_SIZE);
	world_stop(world);
}

static void list(struct world *world, struct names *names)
{
	struct io *io = open_disk(world);
	names->dir = "/t-0/";
	cr_assert_eq(io_dir_list(io, "/t-0", note, names), 0);
	io_close(io);
}

static void put_directory(struct world *world, const char *path)
{
	struct io *io = open_disk(world);
	int gone = io_unlink(io, path); /* reserve-0 may not be there */
	cr_assert(gone == 0 || gone == -ENOENT);
	cr_assert_eq(io_dir_make(io, path), 0);
	io_close(io);
}

/* Writes over rolls and through a stop, which asserts that nothing failed. */
static void go_on(struct world *world)
{
	for (uint64_t i = BEFORE; i < AFTER; i++)
		world_append(world, world_partition(world, "t", 0), i, 1, VALUE_SIZE);
	world_stop(world);
	world_open(world);
}

static void expect_lost(struct world *world, const char *path, int64_t end)
{
	int64_t from = atoll(strrchr(path, '/') + 1), to = from;
	struct partition *partition = world_partition(world, "t", 0);
	struct read read;
	for (bool is_lost = true; is_lost && to < BEFORE; to += is_lost) {
		world_read_begin(world, partition, &read, to, 1);
		is_lost = read.op.err == ERR_CORRUPT_LOG;
		partition_read_release(&read.op);
	}
	cr_expect_gt(to, from, "%s: nothing is damaged", path);
	world_expect_damaged(world, partition, from, to, end);
}

static void replace(const struct name *name)
{
	struct world world;
	make(&world);
	put_directory(&world, name->path);
	world_open(&world);
	if (name->is_log)
		expect_lost(&world, name->path, BEFORE);
	else
		cr_expect_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), BEFORE, "%s", name->path);
	go_on(&world);
	if (name->is_log)
		expect_lost(&world, name->path, AFTER);
	else
		cr_expect_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), AFTER, "%s", name->path);
	world_fini(&world);
}

Test(no_file, in_a_partition, .timeout = 120)
{
	struct world world;
	struct names names = {0};
	make(&world);
	list(&world, &names);
	sim_disk_close(world.disk);
	broker_config_destroy(world.config);
	cr_assert_gt(names.count, 10);
	for (int i = 0; i < names.count; i++)
		replace(&names.items[i]);
}

/* Those that the store can do without. A temporary file that is in the way is taken away. */
Test(no_file, at_the_top, .timeout = 120)
{
	static const struct name names[] = {{"/checkpoint-0", false}, {"/log-start-0", false}, {"/reserve-0", false}, {"/checkpoint-0.tmp", false}, {"/catalog.log.tmp", false}};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		replace(&names[i]);
}

/* Nobody knows what was in the journal: refused with its name; its loss accepted, it is kept aside. */
Test(no_file, journal, .timeout = 60)
{
	struct world world;
	make(&world);
	put_directory(&world, "/journal-0");
	cr_assert_eq(world_try_open(&world), ERR_NOT_A_FILE);
	cr_expect(strstr(world.report.why, "journal-0 is no regular file"), "%s", world.report.why);
	world_close(&world);
	world.options.is_loss_accepted = true;
	world_open(&world);
	cr_expect_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), BEFORE);
	go_on(&world);
	cr_expect_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), AFTER);
	world_fini(&world);
}
