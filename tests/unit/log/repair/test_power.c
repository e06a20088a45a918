/* The power fails at each I/O of a repair, and nothing comes through that was not synced: another repair does what is left to do, and nothing is lost that the
 * first one had found. So it is where an I/O fails and the machine goes on: what ends well then is durable, and what does not can be begun again. */
#include <criterion/criterion.h>

#include <errno.h>

#include "tests/unit/log/repair/steps.h"

#define END 4

enum broken { NO_SUPERBLOCK, NO_CHECKPOINT, NEITHER, A_BATCH, A_JOURNAL_WITH_MORE, NO_CATALOG, AN_OLDER_TOPIC, A_TOPIC_TO_GO, broken_count };

static const char log_name[] = "00000000000000000000.log";

static void sync_dir(struct world *world, const char *dir)
{
	struct io *io = rot_open(world);
	cr_assert_eq(io_dir_sync(io, dir), 0);
	io_close(io);
}

/* A partition's directory that another topic of this name has left, with records. */
static void put_older_topic(struct world *world)
{
	static const char *const paths[] = {"/t-1/00000000000000000000.log", "/t-1/partition.metadata"};
	struct world other;
	world_init(&other, 49);
	world_open(&other);
	world_create_topic(&other, "t", 2, NULL, 0);
	world_append(&other, world_partition(&other, "t", 1), 0, 3, 100);
	world_stop(&other);
	struct io *io = rot_open(world);
	cr_assert_eq(io_dir_make(io, "/t-1"), 0);
	io_close(io);
	for (size_t i = 0; i < COUNT_OF(paths); i++)
		rot_put_back(world, paths[i], rot_keep(&other, paths[i]));
	sync_dir(world, "/t-1");
	end_world(&other);
}

/* Offsets 0 and 1 are filed, and what the journal alone has is behind them. */
static void make_broken(struct world *world, enum broken broken)
{
	static const char log[] = "/t-0/00000000000000000000.log";
	size_t size;
	world_init(world, 50 + broken);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	if (broken == A_TOPIC_TO_GO) {
		world_create_topic(world, "q", 1, NULL, 0);
		world_append(world, world_partition(world, "q", 0), 0, 3, 100);
	}
	for (uint64_t i = 0; i < 2; i++)
		world_append(world, the_partition(world), i, 1, 100);
	world_idle(world, 7);
	for (uint64_t i = 2; i < END; i++)
		world_append(world, the_partition(world), i, 1, 100);
	world_kill(world);
	if (broken == NO_SUPERBLOCK || broken == NEITHER)
		cr_assert_eq(sim_disk_corrupt(world->disk, "/journal-0", 0, 8192), 0);
	if (broken == NO_CHECKPOINT || broken == NEITHER)
		rot_unlink(world, "/checkpoint-0");
	if (broken == A_BATCH)
		rot_flip(world, log, rot_batch(world, log, 1).position + 80, 1);
	if (broken == A_JOURNAL_WITH_MORE) {
		uint8_t *bytes = rot_read(world, "/journal-0", &size);
		bytes = realloc(bytes, size + 100);
		memset(bytes + size, 7, 100);
		rot_write(world, "/journal-0", bytes, size + 100);
		free(bytes);
	}
	if (broken == AN_OLDER_TOPIC)
		put_older_topic(world);
	if (broken == NO_CATALOG || broken == AN_OLDER_TOPIC)
		rot_unlink(world, "/catalog.log");
	sync_dir(world, "/");
}

/* With what this one needs. Asked once more, the topic that was to go may have gone. */
static int try_repair(struct world *world, enum broken broken, struct repair_report *report)
{
	static const char *const gone[] = {"q"};
	struct steps steps = {0};
	struct io *io = rot_open(world);
	struct repair_options options = {.dir = "/", .config = world->config, .told = keep_step, .context = &steps, .quarantined = gone,
					 .quarantined_count = broken == A_TOPIC_TO_GO, .is_loss_accepted = broken == NO_CATALOG || broken == AN_OLDER_TOPIC};
	int err = repair_directory(io, &options, report);
	io_close(io);
	return err == -ENOENT && broken == A_TOPIC_TO_GO ? 0 : err;
}

static void mend(struct world *world, enum broken broken)
{
	struct repair_report report;
	int err = try_repair(world, broken, &report);
	cr_assert_eq(err, 0, "%d: %s", broken, report.why);
	cr_expect_eq(report.refused, 0, "%d", broken);
}

/* It has been moved aside, under its own name or one with a number. */
static bool has_log_aside(struct world *world, const char *dir)
{
	char path[128];
	bool is_there = false;
	struct io *io = rot_open(world);
	for (int i = 0; i < 2 && !is_there; i++) {
		snprintf(path, sizeof path, "/quarantine/%s%s/%s", dir, i ? ".1" : "", log_name);
		int fd = io_file_open(io, path, 0);
		is_there = fd >= 0 && io_file_size(io, fd) > 100;
		if (fd >= 0)
			io_close_fd(io, fd);
	}
	io_close(io);
	return is_there;
}

/* All that was there is served, or refused by name, or has been moved aside. */
static void expect_all(struct world *world, enum broken broken)
{
	cr_assert(broken != A_TOPIC_TO_GO || has_log_aside(world, "q-0"));
	cr_assert(broken != AN_OLDER_TOPIC || has_log_aside(world, "t-1"));
	world_open(world);
	world_expect_damaged(world, the_partition(world), broken == A_BATCH, broken == A_BATCH ? 2 : 0, END);
	world_close(world);
}

struct cutting {
	struct world *world;
	enum broken broken;
	uint32_t ios, cuts;
};

static void cut_here(void *context)
{
	struct cutting *cutting = context;
	cutting->ios++;
	struct world other = {.disk = world_lose_all(cutting->world->disk), .config = cutting->world->config, .options = cutting->world->options, .seed = 1};
	mend(&other, cutting->broken);
	expect_all(&other, cutting->broken);
	sim_disk_close(other.disk);
	cutting->cuts++;
}

Test(repair_power, fails_at_any_moment, .timeout = 240)
{
	for (enum broken broken = 0; broken < broken_count; broken++) {
		struct world world;
		struct repair_report report;
		struct cutting cutting = {&world, broken, 0, 0};
		make_broken(&world, broken);
		sim_disk_on_io(world.disk, cut_here, &cutting);
		cr_assert_eq(try_repair(&world, broken, &report), 0, "%d: %s", broken, report.why);
		sim_disk_on_io(world.disk, NULL, NULL);
		cr_expect(report.was_opened || broken == A_JOURNAL_WITH_MORE, "%d", broken);
		cr_expect_gt(cutting.cuts, 20u, "%d", broken);
		cut_here(&cutting);
		end_world(&world);
	}
}

static uint64_t fail_one(enum broken broken, uint64_t k)
{
	struct world world;
	struct repair_report report;
	make_broken(&world, broken);
	uint64_t before = sim_disk_fail_count(world.disk);
	sim_disk_fail(world.disk, k, EIO);
	int err = try_repair(&world, broken, &report);
	uint64_t has_struck = sim_disk_fail_count(world.disk) - before;
	sim_disk_fail(world.disk, 0, EIO);
	struct world left = {.disk = world_lose_all(world.disk), .config = world.config, .options = world.options, .seed = 1};
	if (err || report.damages_left)
		mend(&left, broken);
	expect_all(&left, broken);
	sim_disk_close(left.disk);
	end_world(&world);
	return has_struck;
}

Test(repair_power, an_io_fails, .timeout = 240)
{
	for (enum broken broken = 0; broken < broken_count; broken++) {
		uint64_t k = 1;
		while (fail_one(broken, k))
			k++;
		cr_expect_gt(k, 20u, "%d", broken);
	}
}
