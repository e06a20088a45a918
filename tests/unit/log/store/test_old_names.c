/* A topic that is called as a file of the broker's, in a directory whose name an earlier build gave: it is found, and keeps its records. */
#include <errno.h>

#include "tests/unit/log/verify/rot.h"

#define BATCHES 6

static void make(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "log-start", 4, NULL, 0);
	for (uint32_t p = 2; p < 4; p++)
		for (uint64_t i = 0; i < BATCHES; i++)
			world_append(world, world_partition(world, "log-start", p), i, 1, 100);
	world_stop(world);
}

Test(old_names, they_are_given_up)
{
	struct world world;
	make(&world, 1);
	rot_rename(&world, "/+log-start-2", "/log-start-2");
	rot_rename(&world, "/+log-start-3", "/log-start-3");
	for (int life = 0; life < 2; life++) {
		world_open(&world);
		for (uint32_t p = 2; p < 4; p++)
			cr_assert_eq(world_check_all(&world, world_partition(&world, "log-start", p), 0, 1 << 20), BATCHES);
		world_crash(&world);
	}
	struct io *io = rot_open(&world);
	cr_expect_eq(io_rename(io, "/log-start-2", "/x"), -ENOENT);
	io_close(io);
	broker_config_destroy(world.config);
	sim_disk_close(world.disk);
}

/* One that says another topic's id is nobody's business, nor one beside the directory that has the right name. */
Test(old_names, another_directory_stays)
{
	for (int way = 0; way < 2; way++) {
		struct world world;
		size_t size;
		make(&world, 2);
		if (way == 0) {
			rot_rename(&world, "/+log-start-2", "/log-start-2");
			char text[] = "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ\n";
			rot_write(&world, "/log-start-2/partition.metadata", text, strlen(text));
		} else {
			struct io *io = rot_open(&world);
			cr_assert_eq(io_dir_make(io, "/log-start-2"), 0);
			io_close(io);
			rot_write(&world, "/log-start-2/mine", "x", 1);
		}
		world_open(&world);
		cr_expect_eq(world_check_all(&world, world_partition(&world, "log-start", 3), 0, 1 << 20), BATCHES);
		world_stop(&world);
		free(rot_read(&world, way ? "/log-start-2/mine" : "/log-start-2/partition.metadata", &size));
		broker_config_destroy(world.config);
		sim_disk_close(world.disk);
	}
}
