/* Batches around the sizes where the way of a batch changes: each is answered, whatever the journal's size and spate.direct.bytes are. */
#include "tests/unit/log/store/world.h"

static void append_of(uint32_t direct_size_min, size_t value_size, bool has_file)
{
	struct world world;
	world_init(&world, value_size);
	world.options.journal_size_bytes = 1 << 20; /* groups of 64 KiB */
	world.options.direct_size_bytes_min = direct_size_min;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	if (has_file) {
		world_append(&world, partition, 0, 1, 10);
		world_stop(&world);
		world_open(&world);
		partition = world_partition(&world, "t", 0);
	}
	world_append(&world, partition, has_file, 1, value_size);
	world_fini(&world);
}

/* A batch that does not fit a group, and is smaller than what goes straight to its segment, waited for ever, and all others behind it.
 * (Found by check-sim, seed 21.) */
Test(store_sizes, larger_than_a_group, .timeout = 60)
{
	static const size_t sizes[] = {60000, 65100, 65200, 65300, 65350, 65400, 65450, 65500, 65600, 66000, 100000, 300000};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (int has_file = 0; has_file < 2; has_file++) {
			append_of(1 << 30, sizes[i], has_file);
			append_of(0, sizes[i], has_file);
			append_of(1000, sizes[i], has_file);
		}
}
