/* The simulated disk's newer orders: faults by kind, faults no correct disk has, pace and clock. */
#include "tests/unit/log/io/io_fixture.h"

/* Only the kinds that were named fail; once, or until the next order. */
Test(sim_faults, kinds)
{
	struct sim_disk *disk = sim_disk_open(1);
	struct io *io = power_on(disk, 1);
	int fd = create_durably(io, "/f");
	sim_disk_fail_kinds(disk, SIM_SYNC, 2, EIO, false);
	cr_assert_eq(write_now(io, fd, "abcd", 4, 0, 0), 4);
	cr_assert_eq(io_file_sync(io, fd), 0);
	cr_assert_eq(io_file_sync(io, fd), -EIO);
	cr_assert_eq(io_file_sync(io, fd), 0);
	sim_disk_fail_kinds(disk, SIM_WRITE | SIM_OPEN, 1, ENOSPC, true);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(write_now(io, fd, "abcd", 4, 0, 0), -ENOSPC);
		cr_assert_eq(io_file_open(io, "/g", IO_CREATE), -ENOSPC);
		cr_assert_eq(io_file_sync(io, fd), 0);
	}
	sim_disk_fail_kinds(disk, SIM_ANY, 0, EIO, false);
	cr_assert_eq(write_now(io, fd, "abcd", 4, 0, 0), 4);
	io_close(io);
	sim_disk_close(disk);
}

/* A lost write is answered as if it were there, and is not; a misdirected one is somewhere else; both are noted. */
Test(sim_faults, astray)
{
	struct sim_disk *disk = sim_disk_open(3);
	struct io *io = power_on(disk, 3);
	int fd = create_durably(io, "/f"), other = create_durably(io, "/other");
	uint8_t block[512], back[8192];
	memset(block, 'o', sizeof block);
	for (uint64_t at = 0; at < 8192; at += 512) {
		cr_assert_eq(write_now(io, fd, block, 512, at, IO_DSYNC), 512);
		cr_assert_eq(write_now(io, other, block, 512, at, IO_DSYNC), 512);
	}
	memset(block, 'n', sizeof block);
	sim_disk_lose_write(disk, 2);
	cr_assert_eq(write_now(io, fd, block, 512, 0, IO_DSYNC), 512);
	cr_assert_eq(write_now(io, fd, block, 512, 512, IO_DSYNC), 512);
	sim_disk_misdirect(disk, 1);
	cr_assert_eq(write_now(io, fd, block, 512, 1024, IO_DSYNC), 512);
	const struct sim_damage *damages;
	cr_assert_eq(sim_disk_damages(disk, &damages), 3);
	cr_assert(damages[0].kind == SIM_LOST_WRITE && damages[0].position == 512 && strcmp(damages[0].path, "/f") == 0);
	cr_assert(damages[1].kind == SIM_LOST_WRITE && damages[1].position == 1024);
	cr_assert_eq(damages[2].kind, SIM_MISDIRECTED);
	cr_assert_eq(io_file_read(io, fd, back, 1536, 0), 1536);
	cr_assert(back[0] == 'n' && back[512] == 'o');
	int victim = strcmp(damages[2].path, "/f") ? other : fd;
	cr_assert_eq(io_file_read(io, victim, back, 512, damages[2].position), 512);
	cr_assert_arr_eq(back, block, 512);
	cr_assert_eq(sim_disk_flip_bit(disk, "/f", 3, 2), 0);
	cr_assert_eq(io_file_read(io, fd, back, 4, 0), 4);
	cr_assert(back[2] == 'n' && back[3] == ('n' ^ 4));
	io_close(io);
	sim_disk_close(disk);
}

/* Short transfers are continued, each part an I/O of its own, and the whole is answered once. */
Test(sim_faults, short_transfers)
{
	struct sim_disk *disk = sim_disk_open(4);
	struct io *io = power_on(disk, 4);
	struct sim_pace pace = {.latency_percent = 200, .short_per_mille = 900, .stall_per_mille = 100, .stall_ns = 1000000};
	sim_disk_set_pace(disk, &pace);
	int fd = create_durably(io, "/f");
	uint8_t data[20000], back[20000];
	fill(data, sizeof data, 7);
	uint64_t before = sim_disk_io_count(disk);
	struct probe p = {0};
	struct iovec pieces[] = {{data, 100}, {data + 100, 9000}, {data + 9100, 10900}};
	io_write(io, probe_op(&p), fd, pieces, 3, 0, IO_DSYNC);
	cr_assert_eq(finish(io, &p), 20000);
	cr_assert_gt(sim_disk_io_count(disk), before + 1);
	struct iovec out[] = {{back, 7000}, {back + 7000, 13000}};
	io_read(io, probe_op(&p), fd, out, 2, 0);
	cr_assert_eq(finish(io, &p), 20000);
	cr_assert_arr_eq(back, data, sizeof data);
	io_close(io);
	sim_disk_close(disk);
}

/* The wall clock jumps, the monotonic one does not. */
Test(sim_faults, clock)
{
	struct sim_disk *disk = sim_disk_open(5);
	struct io *io = power_on(disk, 5);
	int64_t wall = io_wall_ms(io);
	uint64_t now = io_now_ns(io);
	sim_disk_shift_wall_clock(disk, -3600000);
	cr_assert_geq(io_turn(io, false), 0);
	cr_assert_lt(io_wall_ms(io), wall - 3590000);
	cr_assert(io_now_ns(io) >= now && io_now_ns(io) < now + 1000000);
	io_close(io);
	sim_disk_close(disk);
}
