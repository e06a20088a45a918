/* Private to log/io/: the simulated disk as io_sim.c sees it. sim.h says what is durable when; here are
 * the verbs that make it so. None of them counts as an I/O or fails by order: io_sim.c asks
 * sim_disk__count_io first. */
#pragma once

#include "log/base/list.h"
#include "log/io/io.h"
#include "log/io/sim.h"

#define SIM_SECTOR 512u

struct sim_node; /* a file or a directory; stays while it is reachable or open */

/* Takes note of a write: the bytes it will put at a position. */
typedef void sim_write_fn(void *context, struct sim_node *file, const struct iovec *vector, uint32_t count, uint64_t position);

/* An io that uses the disk: told when the power fails, before anything is decided; asked what it has in flight, and when it has something to do
 * next (0: now; UINT64_MAX: nothing of its own), so that no other moves the clock over it. */
struct sim_user {
	struct list node;
	void (*lose_power)(struct sim_user *user);
	void (*each_write)(struct sim_user *user, sim_write_fn *note, void *context);
	uint64_t (*next_ns)(struct sim_user *user);
};

void sim_disk__attach(struct sim_disk *disk, struct sim_user *user);
void sim_disk__detach(struct sim_user *user);
/* The earliest next_ns of all but `user`. */
uint64_t sim_disk__next_of_others(const struct sim_disk *disk, const struct sim_user *user);
/* How many times the power has failed: an io opened under another number is dead. */
uint64_t sim_disk__generation(const struct sim_disk *disk);
/* The one virtual clock of all that use the disk; it goes on over crashes. */
uint64_t *sim_disk__clock_ns(struct sim_disk *disk);
int64_t sim_disk__wall_offset_ms(const struct sim_disk *disk);
const struct sim_pace *sim_disk__pace(const struct sim_disk *disk);
/* The disk's own randomness, for what faults leave behind. */
bool sim_disk__flip(struct sim_disk *disk);

/* Counts one I/O. 0, or the -errno with which it must fail; `*does_happen` then says whether it takes
 * effect all the same (as when power fails in the middle). `is_begun` marks an operation begun earlier,
 * which a cut of power may catch underway. */
int sim_disk__count_io(struct sim_disk *disk, enum sim_kind kind, bool is_begun, bool *does_happen);
/* False from the I/O on at which sim_disk_cut_power failed the power: what was unsynced then is for the crash to decide. */
bool sim_disk__has_power(const struct sim_disk *disk);

/* ---- names. Paths start at the root whether they begin with '/' or not. ---------------------------------- */

int sim_disk__open_file(struct sim_disk *disk, const char *path, uint32_t flags, struct sim_node **out);
void sim_disk__release(struct sim_disk *disk, struct sim_node *node);
int sim_disk__make_dir(struct sim_disk *disk, const char *path);
/* The changes of names up to a mark are durable. */
int sim_disk__sync_dir(struct sim_disk *disk, const char *path, uint64_t mark);
uint64_t sim_disk__dir_mark(const struct sim_disk *disk);
int sim_disk__list_dir(struct sim_disk *disk, const char *path, io_dir_entry_fn *entry, void *context);
int sim_disk__rename(struct sim_disk *disk, const char *from, const char *to);
bool sim_disk__is_there(struct sim_disk *disk, const char *path);
/* Does the path name this node? */
bool sim_disk__leads_to(struct sim_disk *disk, const char *path, const struct sim_node *node);
int sim_disk__unlink(struct sim_disk *disk, const char *path);
int sim_disk__remove_dir(struct sim_disk *disk, const char *path);
void sim_disk__space(struct sim_disk *disk, uint64_t *free_bytes, uint64_t *total_bytes);

/* ---- files ----------------------------------------------------------------------------------------------- */

/* Another number with each write and cut. */
uint64_t sim_node__changed(const struct sim_node *node);
uint64_t sim_node__size(const struct sim_node *node);
/* The first position from this one on that is in no hole (pages that were never written, or cut off, or written with zeros alone); at least the size. */
uint64_t sim_node__next_data(const struct sim_node *node, uint64_t position);
/* The bytes there were, up to the end of the file. */
size_t sim_node__read(const struct sim_node *node, void *data, size_t size, uint64_t position);
/* 0, -ENOSPC after having written what fits, or -EFBIG. With `is_durable`, what was written is durable at
 * once. */
int sim_disk__write(struct sim_disk *disk, struct sim_node *node, const void *data, size_t size, uint64_t position,
		    bool is_durable);
int sim_disk__truncate(struct sim_disk *disk, struct sim_node *node, uint64_t size);
/* [0, size) becomes zeros, and the file at least so long: of each sector it is undecided until a sync. -ENOSPC, -EFBIG. */
int sim_disk__zero(struct sim_disk *disk, struct sim_node *node, uint64_t size);
/* One name, and one descriptor. */
bool sim_node__is_alone(const struct sim_node *node);
int sim_disk__allocate(struct sim_disk *disk, struct sim_node *node, uint64_t end, bool does_extend);
/* A mark of all writes so far, for a sync that begins now. */
uint64_t sim_node__mark(const struct sim_node *node);
/* Makes all writes before the mark durable, except those that an earlier failed sync has lost. */
void sim_node__sync(struct sim_node *node, uint64_t mark);
/* A sync failed: the writes before the mark count as written for the system and may never reach the disk. */
void sim_node__sync_failed(struct sim_node *node, uint64_t mark);
/* An exclusive lock, until sim_node__unlock or a crash. */
bool sim_node__lock(struct sim_node *node);
void sim_node__unlock(struct sim_node *node);
