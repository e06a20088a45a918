/* A file system on a disk of ours: a loop device, mkfs, mount, umount. In a mount namespace of our own, so that nothing of it outlives the program.
 * One thread. Failures come back as a sentence. */
#pragma once

#include "tests/power/disk.h"

enum volume_type { VOLUME_EXT4, VOLUME_XFS };

struct volume {
	enum volume_type type;
	struct disk *disk;
	char loop[32];        /* "/dev/loop3" */
	int loop_fd;          /* held open, or the device would go with the mount */
	char dir[220];        /* where it is mounted */
	bool is_mounted;
};

/* Our own namespace. False, and why: not here. */
MUST_USE bool volume_prepare(char *why, size_t why_size);
uint64_t volume_size_least(enum volume_type type);
const char *volume_name(enum volume_type type);
/* Attaches the disk and makes an empty file system on it. */
MUST_USE bool volume_make(struct volume *volume, enum volume_type type, struct disk *disk, const char *dir, char *why, size_t why_size);
MUST_USE bool volume_mount(struct volume *volume, char *why, size_t why_size);
/* Waits while somebody still uses it, some seconds. */
MUST_USE bool volume_umount(struct volume *volume, char *why, size_t why_size);
/* The same, without writing anything more: as if the disk had gone. */
MUST_USE bool volume_drop(struct volume *volume, char *why, size_t why_size);
void volume_destroy(struct volume *volume);
