/* The catalog under crashes at every step, damage, full disks and failing ones. */
#include "tests/unit/log/catalog/machine.h"

#include <errno.h>
#include <stdlib.h>

/* ---- crashes ------------------------------------------------------------------------------------------------------------- */

/* What was answered with success so far. */
struct answered {
	uint64_t incarnation;
	int steps;
	int64_t producer_ids; /* handed out below this */
};

/* A history of every kind of change. Stops at the first failure; `answered` says how far it came. */
static void run_history(struct machine *machine, struct answered *answered)
{
	if (machine_open(machine))
		return;
	struct catalog *catalog = machine->catalog;
	cr_assert_gt(catalog_incarnation(catalog), answered->incarnation, "an incarnation came twice");
	answered->incarnation = catalog_incarnation(catalog);
	int64_t first;
	for (;;) {
		int err;
		switch (answered->steps) {
		case 0: err = create_one(catalog, "a", 1); break;
		case 1: err = create_one(catalog, "b.c", 2); break;
		case 2: err = set_retention(catalog, "a", "77"); break;
		case 3: {
			struct uuid id = id_of(catalog, "b.c");
			err = catalog_grow_topic(catalog, &id, 6);
			break;
		}
		case 4: err = delete_one(catalog, "a"); break;
		case 5:
			err = catalog_reserve_producer_ids(catalog, 10, &first);
			if (!err) {
				cr_assert_geq(first, answered->producer_ids, "a producer id came twice");
				answered->producer_ids = first + 10;
			}
			break;
		case 6: err = create_one(catalog, "a", 9); break;
		case 7: err = set_setting(catalog, SETTING_USER, "u", "k", "first"); break;
		case 8: {
			struct slice value = slice_of("second");
			struct setting_change changes[] = {{SETTING_USER, slice_of("u"), slice_of("k"), NULL}, {SETTING_GROUP, slice_of("g"), slice_of("k"), &value}};
			err = catalog_change_settings(catalog, changes, 2);
			break;
		}
		default: return;
		}
		/* What a crash kept without its having been answered is as good. */
		if (err && err != ERR_TOPIC_EXISTS && err != ERR_UNKNOWN_TOPIC && err != ERR_INVALID_PARTITIONS)
			return;
		answered->steps++;
	}
}

/* Every answered step is to be seen; the one after it may be. */
static void check_history(struct machine *machine, const struct answered *answered)
{
	struct catalog *catalog = machine->catalog;
	int steps = answered->steps;
	uint32_t a = partitions_of(catalog, "a"), b = partitions_of(catalog, "b.c");
	cr_assert_gt(catalog_incarnation(catalog), answered->incarnation);
	if (steps >= 1 && steps <= 3)
		cr_assert_eq(a, 1, "after %d steps", steps);
	if (steps == 3)
		cr_assert_eq(retention_of(catalog, "a"), 77);
	if (steps >= 2)
		cr_assert(b == 2 || b == 6, "after %d steps", steps);
	if (steps >= 4)
		cr_assert_eq(b, 6);
	if (steps == 5)
		cr_assert_eq(a, 0);
	if (steps == 6)
		cr_assert(a == 0 || a == 9);
	if (steps >= 7)
		cr_assert_eq(a, 9);
	bool has_first = strcmp(setting_of(catalog, SETTING_USER, "u", "k"), "first") == 0;
	bool has_second = strcmp(setting_of(catalog, SETTING_GROUP, "g", "k"), "second") == 0;
	cr_assert_not(has_first && has_second, "half a change");
	if (steps >= 8)
		cr_assert(has_first || has_second);
	if (steps >= 9)
		cr_assert(has_second);
	int64_t first;
	cr_assert_eq(catalog_reserve_producer_ids(catalog, 10, &first), 0);
	cr_assert_geq(first, answered->producer_ids);
}

/* The power fails at the first, second, third ... I/O of the history, and once more while recovering; what was answered is there. */
Test(catalog, crash_at_every_step, .timeout = 120)
{
	bool is_complete = false;
	for (uint64_t k = 1; !is_complete; k++) {
		for (uint64_t seed = 1; seed <= 40; seed++) {
			struct machine machine;
			struct answered answered = {0};
			machine_init(&machine, seed * 1000 + k);
			sim_disk_cut_power(machine.disk, k);
			run_history(&machine, &answered);
			is_complete = answered.steps == 9;
			machine_crash(&machine);
			/* Recovery is cut short too, at a place that varies. */
			sim_disk_cut_power(machine.disk, 1 + seed % 12);
			if (machine_open(&machine) == 0) {
				cr_assert_gt(catalog_incarnation(machine.catalog), answered.incarnation);
				answered.incarnation = catalog_incarnation(machine.catalog);
			}
			machine_crash(&machine);
			machine_open_well(&machine);
			check_history(&machine, &answered);
			machine_fini(&machine);
		}
	}
}

/* ---- damage --------------------------------------------------------------------------------------------------------------- */

/* A flipped byte anywhere but in the last record refuses to open, says where and how to go on, and leaves the file as it is. */
Test(catalog, damage_is_refused)
{
	struct machine machine;
	machine_init(&machine, 8);
	machine_open_well(&machine);
	struct slice first = read_log(&machine);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(create_one(machine.catalog, (char[]){(char)('a' + i), 0}, 1), 0);
	machine_close(&machine);
	struct slice whole = read_log(&machine);
	size_t record_size = (whole.size - first.size) / 5;
	for (size_t at = 0; at < whole.size - record_size; at++) {
		cr_assert_eq(sim_disk_corrupt(machine.disk, LOG_PATH, at, 1), 0);
		int err = machine_open(&machine);
		cr_assert_eq(err, at < 24 ? ERR_FORMAT : ERR_CORRUPT_LOG, "byte %zu: %s", at, err_name(err));
		cr_assert_not_null(strstr(machine.report.why, LOG_PATH), "%s", machine.report.why);
		cr_assert_not_null(strstr(machine.report.why, "`spate log repair " DIR_PATH " --accept-loss`"), "%s", machine.report.why);
		cr_assert_eq(sim_disk_corrupt(machine.disk, LOG_PATH, at, 1), 0);
	}
	struct slice after = read_log(&machine);
	cr_assert(after.size == whole.size && memcmp(after.data, whole.data, whole.size) == 0);
	machine_open_well(&machine);
	cr_assert_eq(topic_count(machine.catalog), 5);
	free((void *)first.data);
	free((void *)whole.data);
	free((void *)after.data);
	machine_fini(&machine);
}

/* However much of the last record is missing, it alone is cut, and the next opening finds nothing torn. */
Test(catalog, torn_tail_is_cut)
{
	struct machine machine;
	machine_init(&machine, 9);
	machine_open_well(&machine);
	cr_assert_eq(create_one(machine.catalog, "stays", 1), 0);
	machine_close(&machine);
	struct slice before = read_log(&machine);
	machine_open_well(&machine);
	machine_close(&machine);
	struct slice after = read_log(&machine);
	for (size_t size = before.size; size < after.size; size++) {
		int fd = io_file_open(machine.io, LOG_PATH, 0);
		cr_assert_eq(io_file_truncate(machine.io, fd, 0), 0);
		cr_assert_eq(io_file_write(machine.io, fd, after.data, size, 0), (int64_t)size);
		io_close_fd(machine.io, fd);
		machine_open_well(&machine);
		cr_assert_eq(machine.report.torn_bytes, size - before.size);
		cr_assert_eq(partitions_of(machine.catalog, "stays"), 1);
		cr_assert_eq(topic_count(machine.catalog), 1);
		machine_close(&machine);
		machine_open_well(&machine);
		cr_assert_eq(machine.report.torn_bytes, 0);
		machine_close(&machine);
	}
	free((void *)before.data);
	free((void *)after.data);
	machine_fini(&machine);
}

/* A file of random bytes, or a good one with random bytes in it, opens or is refused; it never crashes. */
Test(catalog, random_files, .timeout = 60)
{
	struct machine machine;
	uint64_t random = 1;
	machine_init(&machine, 10);
	machine_open_well(&machine);
	for (int i = 0; i < 8; i++)
		cr_assert_eq(create_one(machine.catalog, (char[]){(char)('a' + i), 0}, 1 + (uint32_t)i), 0);
	cr_assert_eq(set_retention(machine.catalog, "c", "5"), 0);
	cr_assert_eq(set_setting(machine.catalog, SETTING_GROUP, "g", "k", "v"), 0);
	machine_close(&machine);
	struct slice good = read_log(&machine);
	uint8_t *bad = malloc(good.size);
	for (int round = 0; round < 3000; round++) {
		memcpy(bad, good.data, good.size);
		for (uint64_t edits = sim_random(&random) % 8; edits; edits--)
			bad[sim_random(&random) % good.size] = (uint8_t)sim_random(&random);
		int fd = io_file_open(machine.io, LOG_PATH, 0);
		cr_assert_eq(io_file_truncate(machine.io, fd, 0), 0);
		size_t size = sim_random(&random) % (good.size + 1);
		cr_assert_eq(io_file_write(machine.io, fd, bad, size, 0), (int64_t)size);
		io_close_fd(machine.io, fd);
		int err = machine_open(&machine);
		cr_assert(err == 0 || err == ERR_CORRUPT_LOG || err == ERR_FORMAT, "%s", err_name(err));
		cr_assert(err == 0 || machine.report.why[0]);
		if (err == 0)
			machine_close(&machine);
	}
	free(bad);
	free((void *)good.data);
	machine_fini(&machine);
}

/* ---- full disks and failing ones ---------------------------------------------------------------------------------------------- */

/* A write that fails changes nothing and leaves the catalog working. */
Test(catalog, full_disk_is_survived)
{
	struct machine machine;
	machine_init(&machine, 11);
	machine_open_well(&machine);
	uint64_t version = catalog_version(machine.catalog);
	sim_disk_fail(machine.disk, 1, ENOSPC);
	cr_assert_eq(create_one(machine.catalog, "t", 1), -ENOSPC);
	cr_assert_eq(catalog_version(machine.catalog), version);
	cr_assert_eq(partitions_of(machine.catalog, "t"), 0);
	cr_assert_eq(create_one(machine.catalog, "t", 2), 0);
	struct uuid id = id_of(machine.catalog, "t");
	sim_disk_fail(machine.disk, 1, ENOSPC);
	cr_assert_eq(catalog_grow_topic(machine.catalog, &id, 3), -ENOSPC);
	sim_disk_fail(machine.disk, 2, ENOSPC); /* the first is for room ahead, which a deletion can do without */
	cr_assert_eq(delete_one(machine.catalog, "t"), -ENOSPC);
	cr_assert_eq(partitions_of(machine.catalog, "t"), 2);
	machine_crash(&machine);
	machine_open_well(&machine);
	cr_assert_eq(partitions_of(machine.catalog, "t"), 2);
	machine_fini(&machine);
}

/* A sync that fails is final: no later change is answered, reading goes on. */
Test(catalog, failed_sync_is_final)
{
	struct machine machine;
	machine_init(&machine, 12);
	machine_open_well(&machine);
	cr_assert_eq(create_one(machine.catalog, "t", 1), 0);
	sim_disk_fail(machine.disk, 2, EIO);
	cr_assert_eq(create_one(machine.catalog, "u", 1), -EIO);
	cr_assert_eq(create_one(machine.catalog, "v", 1), ERR_FAILED);
	cr_assert_eq(delete_one(machine.catalog, "t"), ERR_FAILED);
	int64_t first;
	cr_assert_eq(catalog_reserve_producer_ids(machine.catalog, 1, &first), ERR_FAILED);
	cr_assert_eq(partitions_of(machine.catalog, "t"), 1);
	machine_crash(&machine);
	machine_open_well(&machine);
	cr_assert_eq(partitions_of(machine.catalog, "t"), 1);
	cr_assert_eq(create_one(machine.catalog, "v", 1), 0);
	machine_fini(&machine);
}

struct sizes {
	uint64_t of_log, used;
};

static void note_size(void *context, const char *path, uint64_t size_bytes)
{
	struct sizes *sizes = context;
	sizes->used += (size_bytes + 4095) / 4096 * 4096;
	if (strstr(path, "catalog.log"))
		sizes->of_log = size_bytes;
}

static struct sizes sizes_of(struct machine *machine)
{
	struct sizes sizes = {0};
	sim_disk_list(machine->disk, note_size, &sizes);
	return sizes;
}

/* A write of which a part found room is cut off again: the file ends where it did. (The power cut takes the room ahead, which was had without a sync.) */
Test(catalog, part_of_a_write_is_undone)
{
	struct machine machine;
	machine_init(&machine, 31);
	machine_open_well(&machine);
	cr_assert_eq(create_one(machine.catalog, "t", 1), 0);
	struct uuid id = id_of(machine.catalog, "t");
	for (uint32_t i = 2; sizes_of(&machine).of_log % 4096 <= 4096 - 32 - 44; i++)
		cr_assert_eq(catalog_grow_topic(machine.catalog, &id, i), 0);
	machine_crash(&machine);
	sim_disk_set_capacity(machine.disk, sizes_of(&machine).used);
	machine_open_well(&machine);
	struct sizes before = sizes_of(&machine);
	cr_assert_gt(before.of_log % 4096, 4096 - 44);
	cr_assert_eq(delete_one(machine.catalog, "t"), -ENOSPC);
	cr_assert_eq(sizes_of(&machine).of_log, before.of_log);
	machine_fini(&machine);
}

/* Killed on a disk of which another process has taken every block since: each start adds a record, and must find room for it. */
Test(catalog, a_disk_without_a_block_keeps_no_start_away)
{
	struct machine machine;
	machine_init(&machine, 41);
	machine_open_well(&machine);
	for (int i = 0; sizes_of(&machine).of_log % 4096 < 4040; i++)
		cr_assert_eq(create_one(machine.catalog, (char[]){(char)('a' + i / 26), (char)('a' + i % 26), 0}, 1), 0);
	sim_disk_set_capacity(machine.disk, 4096);
	for (int life = 0; life < 100; life++) {
		machine_close(&machine);
		machine_open_well(&machine);
	}
	machine_fini(&machine);
}

/* Nor does a file that could be made shorter, if there is no room to make it. */
Test(catalog, a_full_disk_puts_the_shorter_file_off)
{
	struct machine machine;
	machine_init(&machine, 42);
	machine_open_well(&machine);
	while (sizes_of(&machine).of_log < 80000) {
		cr_assert_eq(create_one(machine.catalog, "here-today", 1), 0);
		cr_assert_eq(delete_one(machine.catalog, "here-today"), 0);
	}
	cr_assert_eq(create_one(machine.catalog, "kept", 1), 0);
	sim_disk_set_capacity(machine.disk, 4096);
	machine_close(&machine);
	machine_open_well(&machine);
	cr_assert_not(machine.report.was_compacted);
	cr_assert_eq(partitions_of(machine.catalog, "kept"), 1);
	sim_disk_set_capacity(machine.disk, 0);
	machine_close(&machine);
	machine_open_well(&machine);
	cr_assert(machine.report.was_compacted);
	cr_assert_eq(partitions_of(machine.catalog, "kept"), 1);
	machine_fini(&machine);
}

/* A torn tail is gone from the file with the opening that found it. */
Test(catalog, torn_tail_is_cut_for_good)
{
	struct machine machine;
	machine_init(&machine, 32);
	machine_open_well(&machine);
	cr_assert_eq(create_one(machine.catalog, "t", 1), 0);
	machine_close(&machine);
	int fd = io_file_open(machine.io, LOG_PATH, 0);
	int64_t size = io_file_size(machine.io, fd);
	cr_assert_eq(io_file_truncate(machine.io, fd, (uint64_t)size + 300), 0);
	io_close_fd(machine.io, fd);
	machine_open_well(&machine);
	cr_assert_eq(machine.report.torn_bytes, 300);
	machine_close(&machine);
	machine_open_well(&machine);
	cr_assert_eq(machine.report.torn_bytes, 0);
	machine_fini(&machine);
}

/* A record whose sync failed is seen by the next opening, but the disk may not have it and a later sync will not bring it there: before anything is
 * written behind it, it is written again. Else a crash leaves a hole. */
Test(catalog, what_a_failed_sync_lost_is_written_again)
{
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct machine machine;
		char name[200];
		machine_init(&machine, seed);
		machine_open_well(&machine);
		memset(name, 'u', sizeof name);
		name[sizeof name - 1] = 0;
		name[0] = 't'; /* so that the next record begins in a sector which no later one writes to */
		cr_assert_eq(create_one(machine.catalog, name, 1), 0);
		name[0] = 'u';
		sim_disk_fail(machine.disk, 2, EIO);
		cr_assert_eq(create_one(machine.catalog, name, 1), -EIO);
		machine_close(&machine);
		/* An opening that fails likewise, and one that does not. */
		if (seed % 2) {
			sim_disk_fail_kinds(machine.disk, SIM_SYNC, 1, EIO, false);
			cr_assert_eq(machine_open(&machine), -EIO);
			machine.catalog = NULL;
		}
		machine_open_well(&machine);
		cr_assert_eq(partitions_of(machine.catalog, name), 1);
		for (int i = 0; i < 4; i++) {
			name[0] = (char)('a' + i);
			cr_assert_eq(create_one(machine.catalog, name, 1), 0);
		}
		machine_crash(&machine);
		machine_open_well(&machine);
		name[0] = 'u';
		cr_assert_eq(partitions_of(machine.catalog, name), 1);
		machine_fini(&machine);
	}
}

static void grow_log(struct machine *machine, uint64_t size_to, uint64_t byte_at)
{
	int fd = io_file_open(machine->io, LOG_PATH, 0);
	cr_assert_eq(io_file_truncate(machine->io, fd, size_to), 0);
	if (byte_at)
		cr_assert_eq(io_file_write(machine->io, fd, "x", 1, byte_at), 1);
	io_close_fd(machine->io, fd);
}

/* A file that was grown by mistake, by more than is read of zeros: they are a tail as any other, and what is in it is looked at all the same. */
Test(catalog, grown_with_zeros)
{
	static const struct {
		uint64_t size, byte_at;
	} cases[] = {{5000, 0}, {1 << 20, 0}, {(1 << 20) + 1, 0}, {(3 << 20) + 7, 0}, {64 << 20, 0}, {3 << 20, 5000}, {9 << 20, (8 << 20) + 3}, {2 << 20, (2 << 20) - 1}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct machine machine;
		machine_init(&machine, 33);
		machine_open_well(&machine);
		cr_assert_eq(create_one(machine.catalog, "t", 1), 0);
		machine_close(&machine);
		uint64_t size = (uint64_t)sizes_of(&machine).of_log;
		grow_log(&machine, cases[i].size, cases[i].byte_at);
		machine_open_well(&machine);
		cr_expect_eq(machine.report.torn_bytes, cases[i].size - size, "case %zu: %lu", i, (unsigned long)machine.report.torn_bytes);
		cr_expect_eq(machine.report.is_torn_zeros, !cases[i].byte_at, "case %zu", i);
		cr_assert_eq(create_one(machine.catalog, "u", 1), 0);
		machine_close(&machine);
		machine_open_well(&machine);
		cr_expect_eq(machine.report.torn_bytes, 0, "case %zu", i);
		id_of(machine.catalog, "t");
		id_of(machine.catalog, "u");
		machine_fini(&machine);
	}
}

/* A good record far behind the zeros was acknowledged: it is no tail. */
Test(catalog, zeros_before_a_record)
{
	struct machine machine;
	machine_init(&machine, 34);
	machine_open_well(&machine);
	uint64_t early = (uint64_t)sizes_of(&machine).of_log;
	cr_assert_eq(create_one(machine.catalog, "t", 1), 0);
	uint64_t middle = (uint64_t)sizes_of(&machine).of_log;
	cr_assert_eq(create_one(machine.catalog, "u", 1), 0);
	uint64_t end = (uint64_t)sizes_of(&machine).of_log;
	machine_close(&machine);
	uint8_t record[1000], zeros[1000] = {0};
	int fd = io_file_open(machine.io, LOG_PATH, 0);
	cr_assert_eq(io_file_read(machine.io, fd, record, end - middle, middle), (int64_t)(end - middle));
	cr_assert_eq(io_file_write(machine.io, fd, zeros, end - early, early), (int64_t)(end - early));
	cr_assert_eq(io_file_write(machine.io, fd, record, end - middle, 5 << 20), (int64_t)(end - middle));
	io_close_fd(machine.io, fd);
	cr_assert_eq(machine_open(&machine), ERR_CORRUPT_LOG);
	machine_fini(&machine);
}
