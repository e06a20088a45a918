/* Spare files: what segments leave when retention or DeleteRecords lets them go, kept for the next segments of the shard. The disk gives no blocks back (where the
 * file system is mounted with discard that is the disk's time, some 20 ms for 64 MiB, behind which every group waits), and the next segment is written over blocks
 * that the disk has already, which takes 0.6 of the time of new ones.
 *
 * `spare-<shard>.<number>` in the data directory: no topic's directory ends so. Nothing of what was in such a file is ever seen again: it is zeroed, durably,
 * before a segment gets it. Who it is taken from and who gets it know nothing of that: a file that is given has no name any more, as one that was unlinked; one that is
 * taken is as one that was just made with room reserved.
 *
 * Owner: the shard's thread. It never judges what a segment needs no more, never waits for the disk, and fails nobody: what goes wrong here costs a file that is removed. */
#pragma once

#include "log/io/io.h"

struct spares;

/* Holds at most `bytes_max`, and nothing while the disk has less than that free besides. With 0 it takes none, and removes what an earlier life has left. Files of less
 * than `size_bytes_min` are not kept (0: of less than 1 MiB, which cost more to keep than to remove). The text of `dir`, the data directory, stays the caller's. -ENOMEM. */
MUST_USE int spares_open(struct spares **out, struct io *io, const char *dir, uint32_t shard, uint64_t bytes_max, uint64_t size_bytes_min);
/* What an earlier life has left is zeroed as well, whatever that one said of it, or removed, if it is too much. Nothing is given before that. */
void spares_find(struct spares *spares);
/* The file is not needed any more, and it is this store's: `path` in the directory `dir`, of so many bytes, in which a segment of up to `size_bytes_max` was (0: not known). True:
 * it is gone from there, as if by io_unlink_behind; else it is as it was. */
bool spares_give(struct spares *spares, const char *path, const char *dir, uint64_t size_bytes, uint64_t size_bytes_max);
/* `path` becomes one that fits a segment of up to `size_bytes_max`: the descriptor (IO_DIRECT), and all of its *size_bytes are zeros. The new name is not durable before a sync of its
 * directory. -ENOENT: there is none. -EEXIST: the name is taken; -errno: make one. */
MUST_USE int spares_take(struct spares *spares, const char *path, uint64_t size_bytes_max, uint64_t *size_bytes);
/* Their room is wanted: all are removed now. False: there were none. */
bool spares_give_up(struct spares *spares);
/* The same if the disk has less room left than they may take. */
void spares_look_at_room(struct spares *spares);
uint64_t spares_bytes(const struct spares *spares);
/* Begins nothing more; what is under way ends with a turn of the loop. The files stay, for the next life. */
void spares_stop(struct spares *spares);
bool spares_are_busy(const struct spares *spares);
void spares_close(struct spares *spares);
