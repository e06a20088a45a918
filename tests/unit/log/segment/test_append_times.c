/* When records were appended: steps in memory, their search, and the file beside the segment, against a table of one time for each offset. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "log/io/sim.h"
#include "log/segment/append_time_file.h"

#define PATH "/t-0/00000000000000001000.appendtime"
#define BASE 1000
#define OFFSETS 3000
#define UNKNOWN APPEND_TIME_UNKNOWN

static const struct append_time_owner owner = {.topic_id = {.bytes = {1, 2, 3}}, .partition = 7, .base_offset = BASE};

struct disk {
	struct sim_disk *disk;
	struct io *io;
};

static struct disk disk_open(void)
{
	struct disk disk = {.disk = sim_disk_open(1)};
	struct io_options options = {.backend = IO_SIM, .disk = disk.disk};
	cr_assert_eq(io_open(&disk.io, &options), 0);
	cr_assert_eq(io_dir_make(disk.io, "/t-0"), 0);
	return disk;
}

static void disk_close(struct disk *disk)
{
	io_close(disk->io);
	sim_disk_close(disk->disk);
}

/* `end` NULL: as after a restart, when nobody knows where the file ends. */
static int add_knowing(struct disk *disk, struct append_times **times, struct append_time_end *end)
{
	struct append_time_end unknown = {0};
	int err = append_time_file_add(disk->io, PATH, &owner, *times, end ? end : &unknown);
	free(*times);
	*times = NULL;
	return err;
}

static int add(struct disk *disk, struct append_times **times)
{
	return add_knowing(disk, times, NULL);
}

static void add_one(struct disk *disk, int64_t from, int64_t to, int64_t time_ms)
{
	struct append_times *times = NULL;
	append_times_note(&times, from, to, time_ms);
	cr_assert_eq(add(disk, &times), 0);
}

/* What the file says of an offset; the number of its entries in *count. */
static struct append_time tell(struct disk *disk, int64_t offset, uint32_t *count)
{
	struct append_time_file file;
	struct append_time out = {UNKNOWN, UNKNOWN};
	cr_assert_eq(append_time_file_open(&file, disk->io, PATH), 0);
	cr_assert(append_time_file_is_of(&file, &owner));
	bool is_exact = append_steps_tell(&file.steps, offset, &out);
	cr_assert_eq(is_exact, append_time_is_exact(&out) && is_exact);
	if (count)
		*count = file.steps.count;
	append_time_file_close(&file);
	return out;
}

#define expect_time(time, low, high)                                                                                                   \
	do {                                                                                                                           \
		struct append_time got_ = (time);                                                                                      \
		cr_expect_eq(got_.low_ms, low, "low %ld", (long)got_.low_ms);                                                          \
		cr_expect_eq(got_.high_ms, high, "high %ld", (long)got_.high_ms);                                                      \
	} while (0)

/* A step for each time that differs from the one before; what was left out is unknown. */
Test(append_times, notes)
{
	struct append_times *times = NULL;
	append_times_note(&times, 10, 10, 5);
	cr_assert_null(times, "nothing is nothing");
	append_times_note(&times, 10, 12, 5);
	append_times_note(&times, 12, 20, 5);
	append_times_note(&times, 20, 21, 6);
	append_times_note(&times, 15, 21, 9); /* known already */
	append_times_note(&times, 30, 31, 4); /* a gap before it, and the clock was set back */
	static const struct append_step wanted[] = {{20, 5}, {21, 6}, {30, UNKNOWN}, {31, 4}};
	cr_assert_eq(times->count, COUNT_OF(wanted));
	for (size_t i = 0; i < COUNT_OF(wanted); i++) {
		cr_expect_eq(times->steps[i].end_offset, wanted[i].end_offset);
		cr_expect_eq(times->steps[i].time_ms, wanted[i].time_ms);
	}
	static const struct {
		int64_t offset, low, high;
	} rows[] = {{9, UNKNOWN, 5}, {10, 5, 5}, {19, 5, 5}, {20, 6, 6}, {21, 6, 4}, {29, 6, 4}, {30, 4, 4}, {31, 4, UNKNOWN}};
	struct append_steps steps = append_times_steps(times);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct append_time out = {UNKNOWN, UNKNOWN};
		bool is_exact = append_steps_tell(&steps, rows[i].offset, &out);
		cr_expect_eq(is_exact, rows[i].low == rows[i].high, "offset %ld", (long)rows[i].offset);
		expect_time(out, rows[i].low, rows[i].high);
	}
	free(times);
}

/* Runs that follow, go on with the same time, leave a gap, or begin before the end because a restart replayed them. */
Test(append_times, file)
{
	struct disk disk = disk_open();
	uint32_t count;
	add_one(&disk, 1000, 1010, 5);
	add_one(&disk, 1010, 1020, 5);
	tell(&disk, 1000, &count);
	cr_assert_eq(count, 1, "a step that goes on is one");
	expect_time(tell(&disk, 1019, NULL), 5, 5);
	expect_time(tell(&disk, 1020, NULL), 5, UNKNOWN);
	add_one(&disk, 1030, 1040, 8);
	expect_time(tell(&disk, 1019, NULL), 5, 5);
	expect_time(tell(&disk, 1020, NULL), 5, 8);
	expect_time(tell(&disk, 1030, NULL), 8, 8);
	/* replayed from within the first step */
	add_one(&disk, 1015, 1020, 5);
	tell(&disk, 1000, &count);
	cr_assert_eq(count, 1);
	expect_time(tell(&disk, 1019, NULL), 5, 5);
	expect_time(tell(&disk, 1030, NULL), 5, UNKNOWN);
	/* other records at offsets that were given out again */
	add_one(&disk, 1005, 1020, 9);
	expect_time(tell(&disk, 1004, NULL), 5, 5);
	expect_time(tell(&disk, 1005, NULL), 9, 9);
	disk_close(&disk);
}

/* A segment whose first records came before their times were kept. */
Test(append_times, late_begin)
{
	struct disk disk = disk_open();
	add_one(&disk, 1100, 1110, 50);
	expect_time(tell(&disk, 1000, NULL), UNKNOWN, 50);
	expect_time(tell(&disk, 1099, NULL), UNKNOWN, 50);
	expect_time(tell(&disk, 1100, NULL), 50, 50);
	disk_close(&disk);
}

static void overwrite(struct disk *disk, uint64_t position, const void *bytes, size_t size)
{
	int fd = io_file_open(disk->io, PATH, 0);
	cr_assert_eq(io_file_write(disk->io, fd, bytes, size, position), (int64_t)size);
	io_close_fd(disk->io, fd);
}

static uint64_t cut_file(struct disk *disk, int64_t by)
{
	int fd = io_file_open(disk->io, PATH, 0);
	int64_t size = io_file_size(disk->io, fd);
	cr_assert_eq(io_file_truncate(disk->io, fd, (uint64_t)(size - by)), 0);
	io_close_fd(disk->io, fd);
	return (uint64_t)size;
}

static void make_file(struct disk *disk)
{
	struct append_times *times = NULL;
	for (int64_t i = 0; i < 10; i++)
		append_times_note(&times, BASE + i * 10, BASE + i * 10 + 10, 100 + i);
	cr_assert_eq(add(disk, &times), 0);
}

/* A tail that was torn at any byte, or is zeros: what lies before it stays exact, what it told is bounded, and what is added behind it is exact. */
Test(append_times, torn_tails)
{
	for (int64_t by = 1; by <= 10 * APPEND_TIME_ENTRY_SIZE + APPEND_TIME_HEADER_SIZE; by += 7)
		for (int is_zeroed = 0; is_zeroed < 2; is_zeroed++) {
			struct disk disk = disk_open();
			uint8_t zeros[512] = {0};
			make_file(&disk);
			uint64_t size = cut_file(&disk, by);
			if (is_zeroed)
				overwrite(&disk, size - (uint64_t)by, zeros, (size_t)by);
			add_one(&disk, BASE + 100, BASE + 105, 200);
			bool has_head = size - (uint64_t)by >= APPEND_TIME_HEADER_SIZE;
			int64_t left = has_head ? (int64_t)((size - (uint64_t)by - APPEND_TIME_HEADER_SIZE) / APPEND_TIME_ENTRY_SIZE) : 0;
			for (int64_t i = 0; i < 10; i++) {
				struct append_time time = tell(&disk, BASE + i * 10 + 3, NULL);
				if (i < left)
					expect_time(time, 100 + i, 100 + i);
				else
					expect_time(time, left ? 99 + left : UNKNOWN, 200);
			}
			expect_time(tell(&disk, BASE + 104, NULL), 200, 200);
			disk_close(&disk);
		}
}

/* Any bit that flips: what is told is still true. */
Test(append_times, flipped_bits)
{
	for (uint64_t position = 0; position < APPEND_TIME_HEADER_SIZE + 10 * APPEND_TIME_ENTRY_SIZE; position++) {
		struct disk disk = disk_open();
		struct append_time_file file;
		make_file(&disk);
		int fd = io_file_open(disk.io, PATH, 0);
		uint8_t byte;
		cr_assert_eq(io_file_read(disk.io, fd, &byte, 1, position), 1);
		io_close_fd(disk.io, fd);
		byte ^= (uint8_t)(1u << position % 8);
		overwrite(&disk, position, &byte, 1);
		int err = append_time_file_open(&file, disk.io, PATH);
		cr_assert_eq(err != 0, position < APPEND_TIME_HEADER_SIZE, "byte %lu: %d", (unsigned long)position, err);
		for (int64_t i = 0; !err && i < 10; i++) {
			struct append_time out = {UNKNOWN, UNKNOWN};
			append_steps_tell(&file.steps, BASE + i * 10 + 9, &out);
			cr_expect(out.low_ms <= 100 + i && (out.high_ms == UNKNOWN || out.high_ms >= 100 + i), "byte %lu: step %ld in [%ld, %ld]",
				  (unsigned long)position, (long)i, (long)out.low_ms, (long)out.high_ms);
		}
		if (!err)
			append_time_file_close(&file);
		disk_close(&disk);
	}
}

/* Blocks of different times stand side by side after a power cut: a step is good only behind the one that it was written behind. */
Test(append_times, out_of_context)
{
	struct disk disk = disk_open();
	uint8_t entry[APPEND_TIME_ENTRY_SIZE];
	make_file(&disk);
	int fd = io_file_open(disk.io, PATH, 0);
	cr_assert_eq(io_file_read(disk.io, fd, entry, sizeof entry, APPEND_TIME_HEADER_SIZE + 5 * sizeof entry), (int64_t)sizeof entry);
	io_close_fd(disk.io, fd);
	overwrite(&disk, APPEND_TIME_HEADER_SIZE + 4 * sizeof entry, entry, sizeof entry);
	expect_time(tell(&disk, BASE + 39, NULL), 103, 103);
	expect_time(tell(&disk, BASE + 41, NULL), 103, 106);
	expect_time(tell(&disk, BASE + 51, NULL), 103, 106);
	expect_time(tell(&disk, BASE + 70, NULL), 107, 107);
	disk_close(&disk);
}

/* Another's file in its place is not believed, and begun anew; one of a later version stays as it is. */
Test(append_times, strangers)
{
	struct disk disk = disk_open();
	struct append_time_owner other = owner;
	other.partition++;
	struct append_times *times = NULL;
	append_times_note(&times, 1000, 1100, 77);
	cr_assert_eq(append_time_file_add(disk.io, PATH, &other, times, &(struct append_time_end){0}), 0);
	free(times);
	times = NULL;
	append_times_note(&times, 1050, 1060, 5);
	cr_assert_eq(add(&disk, &times), 0);
	expect_time(tell(&disk, 1000, NULL), UNKNOWN, 5);
	disk_close(&disk);

	disk = disk_open();
	uint8_t head[APPEND_TIME_HEADER_SIZE];
	append_time_header_encode(&owner, head);
	head[8] = 2;
	uint32_t seed;
	cr_assert_eq(append_time_header_decode(&other, &seed, (struct slice){head, sizeof head}), ERR_CORRUPT_LOG, "its checksum covers the version");
	disk_close(&disk);
}

/* A file says which batch the segment begins with; one of an earlier version does not, and is gone on with as it is, in this life and the next. */
Test(append_times, first_batch)
{
	for (int is_old = 0; is_old < 2; is_old++) {
		struct disk disk = disk_open();
		struct append_time_owner knowing = owner;
		struct append_time_end end = {0};
		struct append_time_file file;
		knowing.first_crc = 0x12345678;
		for (int64_t i = 0; i < 4; i++) {
			struct append_times *times = NULL;
			append_times_note(&times, BASE + i, BASE + i + 1, 70 + i);
			cr_assert_eq(append_time_file_add(disk.io, PATH, is_old && i == 0 ? &owner : &knowing, times, &end), 0);
			free(times);
			if (i == 1)
				end = (struct append_time_end){0};
		}
		for (int64_t i = 0; i < 4; i++)
			expect_time(tell(&disk, BASE + i, NULL), 70 + i, 70 + i);
		cr_assert_eq(append_time_file_open(&file, disk.io, PATH), 0);
		cr_expect_eq(file.owner.first_crc, is_old ? 0 : 0x12345678);
		append_time_file_close(&file);
		disk_close(&disk);
	}
}

static uint64_t draw(uint64_t *random, uint64_t count)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random % count;
}

/* Random runs with gaps, restarts, replays from earlier offsets on, and times that step back now and then, against a table. */
Test(append_times, model)
{
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct disk disk = disk_open();
		uint64_t random = seed * 0x9e3779b97f4a7c15ull;
		static int64_t table[OFFSETS];
		for (size_t i = 0; i < OFFSETS; i++)
			table[i] = UNKNOWN;
		int64_t end = 0, time_ms = 1700000000000;
		struct append_time_end filed = {0};
		for (int run = 0; run < 40; run++) {
			struct append_times *times = NULL;
			int64_t at = end > 0 && draw(&random, 4) == 0 ? (int64_t)draw(&random, (uint64_t)end) : end;
			for (uint64_t steps = 1 + draw(&random, 12); steps > 0; steps--) {
				at += draw(&random, 6) ? 0 : (int64_t)draw(&random, 9);
				int64_t to = at + 1 + (int64_t)draw(&random, 12);
				if (to > OFFSETS)
					break;
				for (int64_t i = at; !times && i < OFFSETS; i++)
					table[i] = UNKNOWN; /* what was there comes again */
				time_ms += draw(&random, 10) ? (int64_t)draw(&random, 3) : -(int64_t)draw(&random, 50);
				append_times_note(&times, BASE + at, BASE + to, time_ms);
				for (; at < to; at++)
					table[at] = time_ms;
			}
			if (!times)
				continue;
			end = at;
			if (draw(&random, 5) == 0)
				filed = (struct append_time_end){0}; /* a restart */
			cr_assert_eq(add_knowing(&disk, &times, &filed), 0);
			struct append_time_file file;
			cr_assert_eq(append_time_file_open(&file, disk.io, PATH), 0);
			for (int64_t i = 0; i < end; i += run % 8 ? 1 + (int64_t)draw(&random, 40) : 1) {
				struct append_time out = {UNKNOWN, UNKNOWN};
				bool is_exact = append_steps_tell(&file.steps, BASE + i, &out);
				cr_assert_eq(is_exact, table[i] != UNKNOWN, "seed %lu run %d offset %ld", (unsigned long)seed, run, (long)i);
				if (is_exact)
					cr_assert_eq(out.low_ms, table[i], "seed %lu run %d offset %ld", (unsigned long)seed, run, (long)i);
			}
			append_time_file_close(&file);
		}
		disk_close(&disk);
	}
}
