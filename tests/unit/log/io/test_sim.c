/* The simulated disk: what survives a crash, what can, what cannot; ordered faults; the same run for the
 * same seed. */
#include "tests/unit/log/io/io_fixture.h"

#define SEEDS 400

static struct io *crash(struct sim_disk *disk, struct io *io)
{
	sim_disk_crash(disk);
	io_close(io);
	return power_on(disk, 1);
}

static int64_t read_file(struct io *io, const char *path, void *data, size_t size)
{
	int fd = io_file_open(io, path, IO_READ_ONLY);
	if (fd < 0)
		return fd;
	int64_t got = io_file_read(io, fd, data, size, 0);
	io_close_fd(io, fd);
	return got;
}

/* What was synced, in each of the ways there are, is there after any crash. */
Test(sim, synced_survives, .timeout = 60)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct sim_disk *disk = sim_disk_open(seed);
		struct io *io = power_on(disk, seed);
		uint8_t data[3000], back[10000];
		fill(data, sizeof(data), 9);
		int fd = create_durably(io, "/f");
		cr_assert_eq(write_now(io, fd, data, 1000, 0, 0), 1000);
		struct probe p = {0};
		io_datasync(io, probe_op(&p), fd);
		cr_assert_eq(finish(io, &p), 0);
		cr_assert_eq(write_now(io, fd, data + 1000, 1000, 1000, IO_DSYNC), 1000);
		cr_assert_eq(io_file_write(io, fd, data + 2000, 1000, 2000), 1000);
		cr_assert_eq(io_file_sync(io, fd), 0);
		uint8_t junk[4000];
		memset(junk, 0xee, sizeof(junk));
		cr_assert_eq(write_now(io, fd, junk, sizeof(junk), 3072, 0), 4000);
		io = crash(disk, io);
		int64_t size = read_file(io, "/f", back, sizeof(back));
		cr_assert(size >= 3000 && size <= 7072);
		cr_assert_arr_eq(back, data, 3000);
		io_close(io);
		sim_disk_close(disk);
	}
}

/* An unsynced write leaves each sector old or new, each for itself; every outcome is seen, and nothing
 * else. */
Test(sim, unsynced_tears, .timeout = 60)
{
	enum { SECTORS = 8, SIZE = SECTORS * 512 };
	int whole_old = 0, whole_new = 0, torn = 0, out_of_order = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct sim_disk *disk = sim_disk_open(seed);
		struct io *io = power_on(disk, seed);
		uint8_t image[SIZE];
		memset(image, 'o', SIZE);
		int fd = create_durably(io, "/f");
		cr_assert_eq(write_now(io, fd, image, SIZE, 0, IO_DSYNC), SIZE);
		memset(image, 'n', SIZE);
		cr_assert_eq(write_now(io, fd, image, SIZE, 0, 0), SIZE);
		io = crash(disk, io);
		cr_assert_eq(read_file(io, "/f", image, SIZE), SIZE);
		int fresh = 0, last = -1;
		for (int s = 0; s < SECTORS; s++) {
			for (int i = 1; i < 512; i++)
				cr_assert_eq(image[s * 512 + i], image[s * 512], "a torn sector");
			cr_assert(image[s * 512] == 'o' || image[s * 512] == 'n');
			fresh += image[s * 512] == 'n';
			last = image[s * 512] == 'n' ? s : last;
		}
		whole_old += fresh == 0;
		whole_new += fresh == SECTORS;
		torn += fresh > 0 && fresh < SECTORS;
		out_of_order += last >= 0 && last != fresh - 1;
		io_close(io);
		sim_disk_close(disk);
	}
	cr_assert_gt(whole_old, SEEDS / 20);
	cr_assert_gt(whole_new, SEEDS / 20);
	cr_assert_gt(torn, SEEDS / 20);
	cr_assert_gt(out_of_order, SEEDS / 20);
}

/* Of several unsynced writes to a sector any prefix survives, never a later one without an earlier; the
 * size is one it had. */
Test(sim, unsynced_sector_is_a_prefix, .timeout = 60)
{
	int seen[5] = {0};
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct sim_disk *disk = sim_disk_open(seed);
		struct io *io = power_on(disk, seed);
		uint8_t image[512] = {0};
		int fd = create_durably(io, "/f");
		cr_assert_eq(write_now(io, fd, image, 512, 0, IO_DSYNC), 512);
		for (int i = 0; i < 4; i++)
			cr_assert_eq(write_now(io, fd, "x", 1, (uint64_t)i * 10, 0), 1);
		io = crash(disk, io);
		cr_assert_eq(read_file(io, "/f", image, 512), 512);
		int count = 0;
		while (count < 4 && image[count * 10] == 'x')
			count++;
		for (int i = count; i < 4; i++)
			cr_assert_eq(image[i * 10], 0);
		seen[count]++;
		io_close(io);
		sim_disk_close(disk);
	}
	for (int i = 0; i < 5; i++)
		cr_assert_gt(seen[i], 0, "%d writes never survived", i);
}

/* IO_DSYNC covers its own range alone: an earlier unsynced write elsewhere may still be lost. */
Test(sim, dsync_covers_its_range, .timeout = 60)
{
	int lost = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct sim_disk *disk = sim_disk_open(seed);
		struct io *io = power_on(disk, seed);
		uint8_t image[8192];
		memset(image, 'a', sizeof(image));
		int fd = create_durably(io, "/f");
		cr_assert_eq(write_now(io, fd, image, 4096, 0, 0), 4096);
		cr_assert_eq(write_now(io, fd, image, 4096, 4096, IO_DSYNC), 4096);
		io = crash(disk, io);
		cr_assert_eq(read_file(io, "/f", image, 8192), 8192);
		for (int i = 4096; i < 8192; i++)
			cr_assert_eq(image[i], 'a');
		lost += image[0] == 0;
		io_close(io);
		sim_disk_close(disk);
	}
	cr_assert_gt(lost, SEEDS / 20);
}

/* A sync covers the writes that had ended when it began, not those that end beside it. */
Test(sim, sync_covers_what_ended_before, .timeout = 60)
{
	int lost = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct sim_disk *disk = sim_disk_open(seed);
		struct io *io = power_on(disk, seed);
		uint8_t image[1024];
		memset(image, 'a', sizeof(image));
		int fd = create_durably(io, "/f");
		cr_assert_eq(write_now(io, fd, image, 512, 0, 0), 512);
		struct probe sync = {0}, late = {0};
		struct iovec piece = {image, 512};
		io_datasync(io, probe_op(&sync), fd);
		io_write(io, probe_op(&late), fd, &piece, 1, 512, 0);
		cr_assert_eq(finish(io, &sync), 0);
		cr_assert_eq(finish(io, &late), 512);
		io = crash(disk, io);
		memset(image, 0, sizeof(image));
		cr_assert_geq(read_file(io, "/f", image, 1024), 512);
		cr_assert_eq(image[0], 'a');
		lost += image[512] != 'a';
		io_close(io);
		sim_disk_close(disk);
	}
	cr_assert_gt(lost, SEEDS / 20);
}

/* What a truncation cut off never shows again, whichever of the changes survive. */
Test(sim, truncated_bytes_stay_away, .timeout = 60)
{
	int sizes_seen[3] = {0};
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct sim_disk *disk = sim_disk_open(seed);
		struct io *io = power_on(disk, seed);
		uint8_t image[4096], back[4096];
		memset(image, 'a', sizeof(image));
		int fd = create_durably(io, "/f");
		cr_assert_eq(write_now(io, fd, image, 4096, 0, IO_DSYNC), 4096);
		cr_assert_eq(io_file_truncate(io, fd, 1000), 0);
		cr_assert_eq(io_file_truncate(io, fd, 3000), 0);
		io = crash(disk, io);
		int64_t size = read_file(io, "/f", back, 4096);
		cr_assert(size == 4096 || size == 1000 || size == 3000, "%ld", (long)size);
		sizes_seen[size == 4096 ? 0 : size == 1000 ? 1 : 2]++;
		for (int i = 0; i < size; i++) {
			bool may_be_zero = i >= 1000;
			bool must_be_zero = size == 3000 && i >= 1000;
			cr_assert(back[i] == 0 ? may_be_zero : back[i] == 'a' && !must_be_zero, "byte %d of %ld", i, (long)size);
		}
		io_close(io);
		sim_disk_close(disk);
	}
	for (int i = 0; i < 3; i++)
		cr_assert_gt(sizes_seen[i], 0);
}

/* Names: not durable before the directory is synced, each in or out; a rename is whole; synced ones stay. */
Test(sim, names_need_their_directory, .timeout = 60)
{
	int created[2] = {0}, renamed[2] = {0};
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct sim_disk *disk = sim_disk_open(seed);
		struct io *io = power_on(disk, seed);
		io_close_fd(io, create_durably(io, "/old"));
		cr_assert_eq(io_dir_make(io, "/d"), 0);
		cr_assert_eq(io_dir_sync(io, "/"), 0);
		int fd = io_file_open(io, "/new", IO_CREATE);
		cr_assert_eq(io_file_sync(io, fd), 0);
		cr_assert_eq(io_rename(io, "/old", "/d/moved"), 0);
		io = crash(disk, io);
		uint8_t byte;
		created[read_file(io, "/new", &byte, 1) == 0]++;
		bool is_old = read_file(io, "/old", &byte, 1) == 0, is_moved = read_file(io, "/d/moved", &byte, 1) == 0;
		cr_assert_neq(is_old, is_moved, "a rename in halves");
		renamed[is_moved]++;
		io_close(io);
		sim_disk_close(disk);
	}
	for (int i = 0; i < 2; i++) {
		cr_assert_gt(created[i], SEEDS / 10);
		cr_assert_gt(renamed[i], SEEDS / 10);
	}
}

/* Syncing either directory of a rename makes it durable, and an older change of the same name does not
 * come back. */
Test(sim, synced_rename_stays, .timeout = 60)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct sim_disk *disk = sim_disk_open(seed);
		struct io *io = power_on(disk, seed);
		cr_assert_eq(io_dir_make(io, "/a"), 0);
		cr_assert_eq(io_dir_make(io, "/b"), 0);
		cr_assert_eq(io_dir_sync(io, "/"), 0);
		int fd = io_file_open(io, "/a/x", IO_CREATE);
		cr_assert_eq(write_now(io, fd, "hello", 5, 0, IO_DSYNC), 5);
		cr_assert_eq(io_rename(io, "/a/x", "/b/y"), 0);
		cr_assert_eq(io_dir_sync(io, seed % 2 ? "/a" : "/b"), 0);
		io = crash(disk, io);
		uint8_t back[8];
		cr_assert_eq(read_file(io, "/a/x", back, 8), -ENOENT);
		cr_assert_eq(read_file(io, "/b/y", back, 8), 5);
		io_close(io);
		sim_disk_close(disk);
	}
}

/* Two crashes in a row, the second during what follows the first: what was durable before both is there. */
Test(sim, crash_after_crash, .timeout = 60)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct sim_disk *disk = sim_disk_open(seed);
		struct io *io = power_on(disk, seed);
		uint8_t image[2048], back[4096];
		fill(image, sizeof(image), 3);
		int fd = create_durably(io, "/f");
		cr_assert_eq(write_now(io, fd, image, 2048, 0, IO_DSYNC), 2048);
		for (int round = 0; round < 3; round++) {
			uint8_t junk[1024] = {0xff};
			cr_assert_eq(write_now(io, fd, junk, 1024, 2048, 0), 1024);
			cr_assert_eq(io_file_truncate(io, fd, 2048), 0);
			cr_assert_eq(write_now(io, fd, junk, 512, 3072, 0), 512);
			io = crash(disk, io);
			cr_assert_geq(read_file(io, "/f", back, 4096), 2048);
			cr_assert_arr_eq(back, image, 2048);
			fd = io_file_open(io, "/f", 0);
		}
		io_close(io);
		sim_disk_close(disk);
	}
}

/* A write in flight when the power fails may be there or not, in any sector; durable writes in flight as
 * well. */
Test(sim, in_flight_at_the_crash, .timeout = 60)
{
	int seen[2] = {0};
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct sim_disk *disk = sim_disk_open(seed);
		struct io *io = power_on(disk, seed);
		int fd = create_durably(io, "/f");
		uint8_t image[1024], back[1024];
		memset(image, 'a', sizeof(image));
		struct probe p = {0};
		struct iovec piece = {image, 1024};
		io_write(io, probe_op(&p), fd, &piece, 1, 0, IO_DSYNC);
		io = crash(disk, io);
		int64_t size = read_file(io, "/f", back, 1024);
		cr_assert(size == 0 || size == 1024);
		seen[size == 1024 && back[0] == 'a']++;
		cr_assert_eq(p.calls, 0);
		io_close(io);
		sim_disk_close(disk);
	}
	cr_assert(seen[0] && seen[1]);
}

/* The k-th I/O fails as ordered and no other; a failed sync loses its writes for good, however later syncs
 * end. */
Test(sim, ordered_failure, .timeout = 60)
{
	int lost = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct sim_disk *disk = sim_disk_open(seed);
		struct io *io = power_on(disk, seed);
		int fd = create_durably(io, "/f");
		uint8_t image[1024], back[1024];
		memset(image, 'a', sizeof(image));
		sim_disk_fail(disk, 2, EIO);
		cr_assert_eq(write_now(io, fd, image, 512, 0, 0), 512);
		cr_assert_eq(io_file_sync(io, fd), -EIO);
		cr_assert_eq(write_now(io, fd, image, 512, 512, 0), 512);
		cr_assert_eq(io_file_sync(io, fd), 0);
		cr_assert_eq(io_file_read(io, fd, back, 1024, 0), 1024);
		cr_assert_arr_eq(back, image, 1024);
		io = crash(disk, io);
		cr_assert_eq(read_file(io, "/f", back, 1024), 1024);
		cr_assert_eq(back[512], 'a');
		lost += back[0] == 0;
		io_close(io);
		sim_disk_close(disk);
	}
	cr_assert_gt(lost, SEEDS / 20);
}

/* When the power is cut everything fails until the crash has been; the dead io goes on failing after it. */
Test(sim, cut_power)
{
	struct sim_disk *disk = sim_disk_open(1);
	struct io *io = power_on(disk, 1);
	int fd = create_durably(io, "/f");
	sim_disk_cut_power(disk, 2);
	cr_assert_eq(write_now(io, fd, "a", 1, 0, 0), 1);
	cr_assert_eq(write_now(io, fd, "b", 1, 0, 0), -EIO);
	cr_assert_eq(write_now(io, fd, "c", 1, 0, 0), -EIO);
	cr_assert_eq(io_file_sync(io, fd), -EIO);
	cr_assert_eq(io_dir_make(io, "/d"), -EIO);
	sim_disk_crash(disk);
	cr_assert_eq(io_dir_make(io, "/d"), -EIO);
	cr_assert_eq(write_now(io, fd, "d", 1, 0, 0), -EIO);
	io_close_fd(io, fd);
	struct io *next = power_on(disk, 2);
	cr_assert_eq(io_dir_make(next, "/d"), 0);
	io_close(io);
	io_close(next);
	sim_disk_close(disk);
}

/* A full disk says so, keeps what fitted, and takes more once something is deleted. */
Test(sim, full_disk)
{
	struct sim_disk *disk = sim_disk_open(1);
	struct io *io = power_on(disk, 1);
	sim_disk_set_capacity(disk, 65536);
	static uint8_t data[65536];
	int a = create_durably(io, "/a"), b = create_durably(io, "/b");
	cr_assert_eq(write_now(io, a, data, 60000, 0, 0), 60000);
	cr_assert_eq(write_now(io, b, data, 8000, 0, 0), -ENOSPC);
	cr_assert_eq(io_file_allocate(io, b, 0, 10000, false), -ENOSPC);
	uint64_t free_bytes, total_bytes;
	cr_assert_eq(io_space(io, "/", &free_bytes, &total_bytes), 0);
	cr_assert_eq(total_bytes, 65536u);
	cr_assert_eq(free_bytes, 0u);
	cr_assert_eq(write_now(io, a, data, 60000, 0, 0), 60000);
	io_close_fd(io, a);
	cr_assert_eq(io_unlink(io, "/a"), 0);
	cr_assert_eq(write_now(io, b, data, 60000, 0, 0), 60000);
	io_close(io);
	sim_disk_close(disk);
}

/* Ordered corruption shows at once and survives a crash. */
Test(sim, corruption)
{
	struct sim_disk *disk = sim_disk_open(1);
	struct io *io = power_on(disk, 1);
	int fd = create_durably(io, "/f");
	cr_assert_eq(write_now(io, fd, "abcd", 4, 0, IO_DSYNC), 4);
	cr_assert_eq(sim_disk_corrupt(disk, "/f", 1, 2), 0);
	cr_assert_eq(sim_disk_corrupt(disk, "/f", 3, 2), -EINVAL);
	cr_assert_eq(sim_disk_corrupt(disk, "/g", 0, 1), -ENOENT);
	for (int round = 0; round < 2; round++) {
		uint8_t back[4];
		cr_assert_eq(read_file(io, "/f", back, 4), 4);
		cr_assert(back[0] == 'a' && back[1] == ('b' ^ 0xff) && back[2] == ('c' ^ 0xff) && back[3] == 'd');
		io = crash(disk, io);
	}
	io_close(io);
	sim_disk_close(disk);
}

/* One history of writes, for comparing. */
static uint64_t run_history(uint64_t seed, uint8_t *back, int *order)
{
	struct sim_disk *disk = sim_disk_open(seed);
	struct io *io = power_on(disk, seed);
	int fd = create_durably(io, "/f");
	struct probe probes[10] = {0};
	struct iovec pieces[10];
	uint8_t data[10][600];
	for (int i = 0; i < 10; i++) {
		memset(data[i], 'a' + i, sizeof(data[i]));
		pieces[i] = (struct iovec){data[i], sizeof(data[i])};
		io_write(io, probe_op(&probes[i]), fd, &pieces[i], 1, (uint64_t)i * 300, 0);
	}
	for (int ended = 0; ended < 10;) {
		cr_assert_geq(io_turn(io, true), 0);
		for (int i = 0; i < 10; i++)
			if (probes[i].calls == 1) {
				probes[i].calls = 2;
				order[ended++] = i;
			}
	}
	io_random(io, back + 4000, 8);
	uint64_t now_ns = io_now_ns(io);
	io = crash(disk, io);
	memset(back, 0, 4000);
	cr_assert_geq(read_file(io, "/f", back, 4000), 0);
	io_close(io);
	sim_disk_close(disk);
	return now_ns;
}

/* The same seed gives the same run, the same time and the same wreck; other seeds give others, and other
 * orders. */
Test(sim, seed_decides, .timeout = 60)
{
	int different = 0, reordered = 0;
	for (uint64_t seed = 1; seed < 50; seed++) {
		uint8_t a[4008], b[4008], c[4008];
		int order_a[10], order_b[10], order_c[10];
		cr_assert_eq(run_history(seed, a, order_a), run_history(seed, b, order_b));
		cr_assert_arr_eq(a, b, sizeof(a));
		cr_assert_arr_eq(order_a, order_b, sizeof(order_a));
		run_history(seed + 1000, c, order_c);
		different += memcmp(a, c, sizeof(a)) != 0;
		for (int i = 1; i < 10; i++)
			reordered += order_a[i] < order_a[i - 1];
	}
	cr_assert_gt(different, 40);
	cr_assert_gt(reordered, 100);
}

static int hours;

static void count_hour(struct io_timer *timer)
{
	hours++;
}

/* Hours pass at once, and exactly; a loop with nothing to come does not hang; sockets are refused. */
Test(sim, time_is_virtual)
{
	struct fixture f;
	fixture_open(&f, IO_SIM);
	cr_assert_eq(io_turn(f.io, true), 0);
	uint64_t start_ns = io_now_ns(f.io);
	int64_t start_ms = io_wall_ms(f.io);
	struct io_timer timer = {.run = count_hour};
	io_timer_set(f.io, &timer, start_ns + 3600000000000u);
	turn_until(f.io, &hours, 1);
	cr_assert_eq(io_now_ns(f.io), start_ns + 3600000000000u);
	cr_assert_eq(io_wall_ms(f.io) - start_ms, 3600000);
	struct probe p = {0};
	io_recv(f.io, probe_op(&p), 5, NULL, 0, false);
	cr_assert_eq(finish(f.io, &p), -ENOSYS);
	fixture_close(&f);
}

/* ---- every crash, one by one ---- */

static void note_io(void *context)
{
	++*(int *)context;
}

/* What is on a disk as made by outcome number `number`, as a letter for each sector: '-' no file, '.' zeros, else its first byte. */
static void picture_of(const struct sim_crash *look, uint32_t number, char out[16])
{
	uint32_t outcomes[8];
	uint8_t data[2048];
	for (uint32_t i = 0; i < sim_crash_items(look); i++) {
		outcomes[i] = number % sim_crash_outcomes(look, i);
		number /= sim_crash_outcomes(look, i);
	}
	struct sim_disk *made = sim_crash_make(look, outcomes);
	cr_expect_eq(sim_crash_hash(look, outcomes), sim_disk_hash(made), "known without being made");
	struct io *io = power_on(made, 1);
	int64_t size = read_file(io, "/f", data, sizeof data);
	size_t length = 0;
	for (int64_t at = 0; at < size; at += 512)
		out[length++] = data[at] ? (char)data[at] : '.';
	size = read_file(io, "/g", data, sizeof data);
	out[length++] = size < 0 ? '-' : 'g';
	out[length] = 0;
	io_close(io);
	sim_disk_close(made);
}

/* A synced file of one sector, 'a'; then 'b' over it, 'c' over that, 'd' behind it, still in flight; a name: all crashes, each once. */
Test(sim, every_crash)
{
	static const char *const expected[] = {"a-", "b-", "c-", "a.-", "b.-", "c.-", "ad-", "bd-", "cd-"};
	struct sim_disk *disk = sim_disk_open(1);
	struct io *io = power_on(disk, 1);
	uint8_t sector[512];
	int fd = create_durably(io, "/f");
	for (char c = 'a'; c <= 'c'; c++) {
		memset(sector, c, sizeof sector);
		cr_assert_eq(io_file_write(io, fd, sector, sizeof sector, 0), 512);
		if (c == 'a')
			cr_assert_eq(io_file_sync(io, fd), 0);
	}
	cr_assert_eq(io_file_write(io, fd, sector, sizeof sector, 0), 512); /* the same again decides nothing */
	memset(sector, 'd', sizeof sector);
	struct probe p = {0};
	struct iovec piece = {sector, sizeof sector};
	io_write(io, probe_op(&p), fd, &piece, 1, 512, 0);
	io_flush(io);
	cr_assert_geq(io_file_open(io, "/g", IO_CREATE), 0);

	struct sim_crash *look = sim_crash_look(disk);
	cr_assert_eq(sim_crash_items(look), 4); /* the name, the size, two sectors */
	bool seen[9][2] = {{false}};
	for (uint32_t number = 0; number < 2 * 2 * 3 * 2; number++) {
		char picture[16];
		picture_of(look, number, picture);
		bool has_g = strchr(picture, 'g') != NULL;
		picture[strlen(picture) - 1] = '-';
		size_t i = 0;
		while (i < 9 && strcmp(picture, expected[i]))
			i++;
		cr_assert_lt(i, 9, "%s", picture);
		seen[i][has_g] = true;
	}
	for (size_t i = 0; i < 9; i++)
		cr_assert(seen[i][0] && seen[i][1], "%s never came", expected[i]);
	sim_crash_close(look);

	/* The disk went on undisturbed. */
	uint8_t back[1024];
	int ios = 0;
	sim_disk_on_io(disk, note_io, &ios);
	cr_assert_eq(finish(io, &p), 512);
	cr_assert_eq(ios, 1);
	sim_disk_on_io(disk, NULL, NULL);
	cr_assert_eq(read_file(io, "/f", back, sizeof back), 1024);
	cr_assert(back[0] == 'c' && back[512] == 'd');
	struct sim_disk *copy = sim_disk_copy(disk);
	cr_assert_eq(sim_disk_hash(copy), sim_disk_hash(disk));
	cr_assert_eq(io_file_write(io, fd, "x", 1, 700), 1);
	cr_assert_neq(sim_disk_hash(copy), sim_disk_hash(disk));
	io_close(io);
	sim_disk_close(copy);
	sim_disk_close(disk);
}

/* A directory's sync in the background speaks of what was entered before it began, and of that only once it is done. */
Test(sim, dir_sync_covers_what_was_before_it, .timeout = 60)
{
	uint32_t early_lost = 0, late_lost = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct sim_disk *disk = sim_disk_open(seed);
		struct io *io = power_on(disk, seed);
		struct probe p = {0};
		int before = io_file_open(io, "/before", IO_CREATE);
		io_dir_sync_start(io, probe_op(&p), "/");
		int after = io_file_open(io, "/after", IO_CREATE);
		cr_assert(before >= 0 && after >= 0);
		bool is_done = seed % 2;
		if (is_done)
			cr_assert_eq(finish(io, &p), 0);
		io = crash(disk, io);
		bool has_before = io_file_open(io, "/before", IO_READ_ONLY) >= 0;
		cr_assert(has_before || !is_done);
		early_lost += !has_before;
		late_lost += io_file_open(io, "/after", IO_READ_ONLY) < 0;
		io_close(io);
		sim_disk_close(disk);
	}
	cr_assert(early_lost > 0 && late_lost > SEEDS / 10, "%u, %u", early_lost, late_lost);
}
