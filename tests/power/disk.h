/* A disk of our own below a real file system: a FUSE file system with one file, which a loop device stands on. It keeps every write and every flush, in
 * order, so that any image which a power cut could leave can be made again; and it can fail, or give back other bytes than it was given.
 *
 * The server is a process of its own (a process that waits for its own disk cannot be killed); what it writes down lies in memory that both share. The
 * driver changes `bytes` only while no file system is mounted on it.
 *
 * Owner: the driver's one main thread; disk_now may be asked by any. */
#pragma once

#include "log/base/types.h"

#define SECTOR_SIZE 512u
#define DISK_ZEROS UINT64_MAX      /* as `data`: a range of zeros */

enum disk_op_kind { DISK_WRITE, DISK_FLUSH };

struct disk_op {
	enum disk_op_kind kind;
	uint32_t size_bytes;
	uint64_t position;
	uint64_t data;             /* where in the kept bytes */
};

enum disk_fault_kind { FAULT_NONE, FAULT_READ, FAULT_WRITE, FAULT_FLUSH, FAULT_FLIP /* of what is read */ };

struct disk_fault {
	enum disk_fault_kind kind;
	uint64_t from, to;         /* bytes of the disk; flushes: all */
};
#define DISK_FAULTS_MAX 16

struct disk;

/* Mounted below `dir`, as its file "disk". NULL, and why: there is no FUSE here. */
struct disk *disk_open(const char *dir, uint64_t size_bytes, char *why, size_t why_size);
/* Nothing stands on it any more. */
void disk_close(struct disk *disk);

uint64_t disk_size(const struct disk *disk);
uint8_t *disk_bytes(struct disk *disk);
/* The disk's own path, for a loop device. */
const char *disk_path(const struct disk *disk);

/* How many writes and flushes it has seen. Any thread. */
uint64_t disk_now(const struct disk *disk);
const struct disk_op *disk_op(const struct disk *disk, uint64_t number);
/* Does what a write did, sectors [first, last) of it alone, to other bytes of the same size. */
void disk_redo(const struct disk *disk, const struct disk_op *op, uint32_t first, uint32_t last, uint8_t *bytes);
/* Forgets all ops from this one on. */
void disk_forget_from(struct disk *disk, uint64_t number);

/* From now on; FAULT_NONE: none any more. */
void disk_set_faults(struct disk *disk, const struct disk_fault *faults, uint32_t count);
/* How often one of them has struck since they were set. */
uint64_t disk_faults_struck(const struct disk *disk);
