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
/* `fn` is called before each I/O from now on, with the disk as it is before that takes effect (NULL: no more). It may look (sim_crash_look), and
 * touch nothing of this disk. */
typedef void sim_disk_io_fn(void *context);
void sim_disk_on_io(struct sim_disk *disk, sim_disk_io_fn *fn, void *context);
/* I/Os so far: each asynchronous operation and each cold call is one. */
uint64_t sim_disk_io_count(const struct sim_disk *disk);

/* Room for so many bytes of files, in pages of 4 KiB, holes counted in full; 0 = no limit. Beyond it
 * writes get -ENOSPC. */
void sim_disk_set_capacity(struct sim_disk *disk, uint64_t capacity_bytes);
/* Flips every bit of a range, in what is read now and in what survives. -ENOENT, -EINVAL if it is not all
 * inside the file. */
MUST_USE int sim_disk_corrupt(struct sim_disk *disk, const char *path, uint64_t position, uint64_t size);

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
void sim_crash_close(struct sim_crash *crash);

/* Another disk with all that is visible on this one, as after a shutdown. */
struct sim_disk *sim_disk_copy(struct sim_disk *disk);
/* The same for two disks with the same names and bytes; of what is visible now. */
uint64_t sim_disk_hash(struct sim_disk *disk);
