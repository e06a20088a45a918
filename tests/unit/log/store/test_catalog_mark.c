/* How far the catalog had come, as journal and checkpoint tell it before the catalog is opened: each by itself, and never less because a read has failed. */
#include <errno.h>

#include "tests/unit/log/verify/rot.h"

static struct catalog_mark read_mark(struct world *world, int *err)
{
	struct catalog_mark mark;
	struct io *io = rot_open(world);
	*err = store_read_catalog_mark(io, "/", 1, &mark);
	io_close(io);
	return mark;
}

/* Two lives, the second of which writes no group; killed. */
static uint64_t begin(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	world_append(world, world_partition(world, "t", 0), 0, 1, 100);
	world_stop(world);
	world_open(world);
	uint64_t incarnation = world->options.incarnation;
	world_crash(world);
	return incarnation;
}

/* The journal alone tells which opening was the last, though nothing was appended in it. */
Test(catalog_mark, the_journal_tells_the_last_opening)
{
	struct world world;
	int err;
	uint64_t incarnation = begin(&world, 1);
	rot_unlink(&world, "/checkpoint-0");
	cr_expect_eq(read_mark(&world, &err).incarnation, incarnation);
	cr_expect_eq(err, 0);
	world_open(&world);
	world_fini(&world);
}

/* Where the checkpoint is damaged or lost, and the journal tells nothing, its copy tells as much. */
Test(catalog_mark, the_copy_of_a_checkpoint_tells_it)
{
	for (int is_lost = 0; is_lost < 2; is_lost++) {
		struct world world;
		int err;
		world_init(&world, 3);
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		world_stop(&world);
		struct catalog_mark whole = read_mark(&world, &err);
		cr_assert_gt(whole.sequence, 0);
		size_t size;
		uint8_t *copy = rot_read(&world, "/checkpoint-0.copy", &size);
		if (is_lost)
			rot_unlink(&world, "/checkpoint-0");
		else
			rot_flip(&world, "/checkpoint-0", 30, 1);
		rot_write(&world, "/checkpoint-0.copy", copy, size);
		free(copy);
		rot_unlink(&world, "/journal-0");
		struct catalog_mark told = read_mark(&world, &err);
		cr_expect_eq(err, 0);
		cr_expect(!catalog_mark_is_before(&told, &whole), "%lu %lu", (unsigned long)told.incarnation, (unsigned long)told.sequence);
		world.options.is_loss_accepted = true;
		world_open(&world);
		world_fini(&world);
	}
}

static uint8_t *copy_of(struct world *world, const char *path, size_t *size) { return rot_read(world, path, size); }

static void put_back(struct world *world, const char *path, uint8_t *bytes, size_t size)
{
	rot_write(world, path, bytes, size);
	free(bytes);
}

/* Journal and checkpoint of an earlier stop were put back, and the copy was not: it knows of what came since, though the checkpoint is whole. */
Test(catalog_mark, a_copy_that_is_later_than_its_checkpoint_tells_it)
{
	struct world world;
	int err;
	world_init(&world, 4);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_stop(&world);
	size_t journal_size, checkpoint_size, copy_size;
	uint8_t *journal = copy_of(&world, "/journal-0", &journal_size), *checkpoint = copy_of(&world, "/checkpoint-0", &checkpoint_size);
	world_open(&world);
	world_create_topic(&world, "u", 1, NULL, 0);
	world_append(&world, world_partition(&world, "u", 0), 0, 1, 100);
	world_stop(&world);
	struct catalog_mark whole = read_mark(&world, &err);
	uint8_t *copy = copy_of(&world, "/checkpoint-0.copy", &copy_size);
	put_back(&world, "/journal-0", journal, journal_size);
	put_back(&world, "/checkpoint-0", checkpoint, checkpoint_size);
	put_back(&world, "/checkpoint-0.copy", copy, copy_size);
	struct catalog_mark told = read_mark(&world, &err);
	cr_expect_eq(err, 0);
	cr_expect(!catalog_mark_is_before(&told, &whole), "%lu %lu", (unsigned long)told.incarnation, (unsigned long)told.sequence);
	world.options.is_loss_accepted = true;
	world_open(&world);
	world_fini(&world);
}

/* A disk that does not answer says nothing of how far the catalog had come: that is an error, and no small mark. */
Test(catalog_mark, a_read_that_fails_is_no_missing_mark)
{
	struct world world;
	int err;
	begin(&world, 2);
	struct catalog_mark whole = read_mark(&world, &err);
	cr_assert_eq(err, 0);
	uint64_t k = 1;
	for (;; k++) {
		uint64_t before = sim_disk_fail_count(world.disk);
		sim_disk_fail_kinds(world.disk, SIM_READ, k, EIO, false);
		struct catalog_mark mark = read_mark(&world, &err);
		bool has_struck = sim_disk_fail_count(world.disk) > before;
		sim_disk_fail(world.disk, 0, EIO);
		cr_expect(err == -EIO || !catalog_mark_is_before(&mark, &whole), "read %lu: %s", (unsigned long)k, err_name(err));
		if (!has_struck)
			break;
	}
	cr_expect_gt(k, 3);
	world_open(&world);
	world_fini(&world);
}
