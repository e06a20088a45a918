/* The simulated disk of IO_SIM: files and directories with a volatile and a durable content, and the
 * faults that tests order. It outlives the io that uses it, as a disk outlives the machine's power. Owner:
 * the one thread of the simulation. Never touches the real file system or a real clock; all that is random
 * comes from its seed.
 *
 * What is durable: a file's bytes and size after io_datasync or io_file_sync, the range of a write with
 * IO_DSYNC (with the size it needs), a directory's entries after io_dir_sync. Everything else is decided
 * at a crash: each 512-byte sector is as after some of the unsynced writes to it, each sector for itself;
 * the size likewise; each unsynced directory operation (a rename being one) happened or did not. */
#pragma once

#include "log/base/types.h"

struct sim_disk;

/* The next number of a sequence that its seed decides (splitmix64). */
uint64_t sim_random(uint64_t *state);

/* An empty disk with the root directory "/" alone. NULL if there is no memory. */
struct sim_disk *sim_disk_open(uint64_t seed);
/* Every io on it has been closed. */
void sim_disk_close(struct sim_disk *disk);

/* The power fails now: what is not durable is kept or lost by the seed. An io that was open on the disk
 * answers -EIO to everything from here on; open a new one. Operations in flight count as unsynced writes,
 * so their memory must still be there. */
void sim_disk_crash(struct sim_disk *disk);
/* The k-th I/O from now (1 = the next, 0 = none any more) and all after it fail with -EIO, until
 * sim_disk_crash. A write may have left any part. */
void sim_disk_cut_power(struct sim_disk *disk, uint64_t k);
/* The k-th I/O from now (1 = the next, 0 = none any more) fails with -`error_number` (positive); those
 * after it do not. A failed sync loses for good what it should have made durable, though reads still show
 * it. */
void sim_disk_fail(struct sim_disk *disk, uint64_t k, int error_number);
/* The same for I/Os of some kinds only; with `is_sticky` every later one of these kinds fails as well, until a crash or another order. */
enum sim_kind {
	SIM_READ = 1,
	SIM_WRITE = 2,
	SIM_SYNC = 4,
	SIM_OPEN = 8,
	SIM_SIZE = 16,      /* truncate, allocate */
	SIM_NAMES = 32,     /* make, rename, unlink, remove */
	SIM_DIR_SYNC = 64,
	SIM_LIST = 128,
	SIM_ANY = 255,
};
void sim_disk_fail_kinds(struct sim_disk *disk, uint32_t kinds, uint64_t k, int error_number, bool is_sticky);
/* How many I/Os have failed by order. */
uint64_t sim_disk_fail_count(const struct sim_disk *disk);
/* `fn` is called before each I/O from now on, with the disk as it is before that takes effect (NULL: no more). It may look (sim_crash_look), and
 * touch nothing of this disk. */
typedef void sim_disk_io_fn(void *context);
void sim_disk_on_io(struct sim_disk *disk, sim_disk_io_fn *fn, void *context);
/* I/Os so far: each asynchronous operation and each cold call is one. */
uint64_t sim_disk_io_count(const struct sim_disk *disk);

/* Room for so many bytes of files, in pages of 4 KiB, holes counted in full; 0 = no limit. Beyond it
 * writes get -ENOSPC. */
void sim_disk_set_capacity(struct sim_disk *disk, uint64_t capacity_bytes);
/* What of it is taken. */
uint64_t sim_disk_used(struct sim_disk *disk);
/* How fast asynchronous operations are, and how whole. */
struct sim_pace {
	uint32_t latency_percent;   /* 100 as made */
	uint32_t stall_per_mille;   /* of the operations take up to `stall_ns` longer */
	uint64_t stall_ns;
	uint32_t short_per_mille;   /* of the transfers take a part now and the rest later, each an I/O of its own */
};
void sim_disk_set_pace(struct sim_disk *disk, const struct sim_pace *pace);
/* Of an io of IO_SIM: is there nothing that its next turn would do at this time? */
struct io;
bool io_sim_is_idle(struct io *io);
/* The wall clock jumps; the monotonic one does not. */
void sim_disk_shift_wall_clock(struct sim_disk *disk, int64_t by_ms);

/* Each file, by its path as it is seen now, and its size. The walk changes nothing. */
typedef void sim_file_fn(void *context, const char *path, uint64_t size_bytes);
void sim_disk_list(struct sim_disk *disk, sim_file_fn *each, void *context);
/* Bytes of a file as they are seen now, up to its end; no I/O. -ENOENT. */
MUST_USE int64_t sim_disk_peek(struct sim_disk *disk, const char *path, void *data, size_t size, uint64_t position);

/* ---- faults that a correct disk does not have; what struck where is kept for the checker ----------------------------- */

/* Flips every bit of a range, in what is read now and in what survives. -ENOENT, -EINVAL if it is not all
 * inside the file. */
MUST_USE int sim_disk_corrupt(struct sim_disk *disk, const char *path, uint64_t position, uint64_t size);
/* One bit of a byte, likewise. */
MUST_USE int sim_disk_flip_bit(struct sim_disk *disk, const char *path, uint64_t position, unsigned bit);
/* Other bytes in place of those at a position, likewise; all inside the file. -ENOENT, -EINVAL. */
MUST_USE int sim_disk_overwrite(struct sim_disk *disk, const char *path, uint64_t position, const void *data, uint64_t size);
/* The file is so long from now on, shorter or longer (then with zeros), likewise. -ENOENT. */
MUST_USE int sim_disk_resize(struct sim_disk *disk, const char *path, uint64_t size);
/* The k-th write from now (a piece of a vector counts as one; 0 = none any more) lands somewhere else, in this or another file, at a sector's
 * start, durably; or nowhere at all. Either way it is answered as if it were where it should be. */
void sim_disk_misdirect(struct sim_disk *disk, uint64_t k);
void sim_disk_lose_write(struct sim_disk *disk, uint64_t k);

#define SIM_PATH_SIZE 400
enum sim_damage_kind { SIM_ROT, SIM_MISDIRECTED, SIM_LOST_WRITE };
struct sim_damage {
	enum sim_damage_kind kind;
	char path[SIM_PATH_SIZE];
	uint64_t position, size;
};
/* All there were on this disk; valid until the next. */
uint32_t sim_disk_damages(const struct sim_disk *disk, const struct sim_damage **out);

/* The simulation itself is about to get memory, which must not fail: for tests that make allocations fail. */
extern volatile bool sim_is_allocating;

/* ---- every crash, one by one -------------------------------------------------------------------------------------- */

/* What a crash now would decide: a list of items, each with its outcomes. An item is a sector that has been written and not synced (its outcomes are
 * the contents it may have, those that differ), the size of a file, or a change of names. What is in flight counts as written. Outcome 0 loses
 * everything, the last keeps everything. Valid until the disk changes. */
struct sim_crash;

struct sim_crash *sim_crash_look(struct sim_disk *disk);
uint32_t sim_crash_items(const struct sim_crash *crash);
uint32_t sim_crash_outcomes(const struct sim_crash *crash, uint32_t item);
/* Another disk, as the crash leaves it with these outcomes, one for each item. The first goes on undisturbed. */
struct sim_disk *sim_crash_make(const struct sim_crash *crash, const uint32_t *outcomes);
/* The same as sim_disk_hash of that disk, which need not be made for it. */
uint64_t sim_crash_hash(const struct sim_crash *crash, const uint32_t *outcomes);
void sim_crash_close(struct sim_crash *crash);

/* A process is about to be killed: what it has in flight is written, and not synced. (Else its io_close drops it.) */
void sim_disk_write_in_flight(struct sim_disk *disk);
/* kill -9 of the process that uses the disk: writes in flight are written, syncs in flight made nothing durable, and its io answers -EIO from here on, so
 * that closing what it had does nothing more. All that is visible stays; open a new io. */
void sim_disk_kill(struct sim_disk *disk);
/* Another disk with all that is visible on this one, as after a shutdown. */
struct sim_disk *sim_disk_copy(struct sim_disk *disk);
/* The same for two disks with the same names and bytes; of what is visible now. */
uint64_t sim_disk_hash(struct sim_disk *disk);
