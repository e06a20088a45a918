/* The loop device reads and writes its file directly, so that its every flush is a flush of ours and nothing is cached below the file system. */
#include "tests/power/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h> /* BLKFLSBUF too */
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHUTDOWN _IOR('X', 125, uint32_t) /* of XFS and of ext4 alike */
#define SHUTDOWN_NOLOGFLUSH 2u
#define PATIENCE_MS 10000

static const struct {
	const char *name, *make, *options;
	uint64_t size_least;
} types[] = {
	/* What mkfs would leave to later is done at once, or the first mount would write it. */
	[VOLUME_EXT4] = {"ext4", "mkfs.ext4 -q -F -b 4096 -E lazy_itable_init=0,lazy_journal_init=0,nodiscard", "", 96u << 20},
	[VOLUME_XFS] = {"xfs", "mkfs.xfs -q -f -K", "nouuid", 304u << 20},
};

uint64_t volume_size_least(enum volume_type type) { return types[type].size_least; }
const char *volume_name(enum volume_type type) { return types[type].name; }

static bool tell(char *why, size_t why_size, const char *what)
{
	snprintf(why, why_size, "%s: %s", what, strerror(errno));
	return false;
}

bool volume_prepare(char *why, size_t why_size)
{
	if (access("/dev/fuse", R_OK | W_OK) || access("/dev/loop-control", R_OK | W_OK))
		return tell(why, why_size, "/dev/fuse and /dev/loop-control");
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return tell(why, why_size, "a mount namespace");
	return true;
}

/* ---- the loop device ------------------------------------------------------------------------------------------------------ */

/* Somebody else may take the number that was free. */
static bool attach(struct volume *volume, char *why, size_t why_size)
{
	int file = open(disk_path(volume->disk), O_RDWR | O_CLOEXEC), control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (file < 0 || control < 0)
		return tell(why, why_size, "the disk or /dev/loop-control");
	bool is_done = false;
	for (int tries = 0; tries < 20 && !is_done; tries++) {
		struct loop_config config = {.fd = (uint32_t)file, .block_size = SECTOR_SIZE, .info.lo_flags = LO_FLAGS_DIRECT_IO | LO_FLAGS_AUTOCLEAR};
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		snprintf(volume->loop, sizeof volume->loop, "/dev/loop%d", number);
		int loop = number < 0 ? -1 : open(volume->loop, O_RDWR | O_CLOEXEC);
		if (loop < 0)
			break;
		is_done = ioctl(loop, LOOP_CONFIGURE, &config) == 0;
		struct loop_info64 info;
		if (is_done && (ioctl(loop, LOOP_GET_STATUS64, &info) || !(info.lo_flags & LO_FLAGS_DIRECT_IO))) {
			errno = EOPNOTSUPP;
			is_done = false;
			tries = 20;
		}
		/* It is cleared when nobody has it open any more, so one descriptor of it stays, in no child. */
		if (!is_done)
			close(loop);
		else
			volume->loop_fd = loop;
	}
	if (!is_done)
		tell(why, why_size, "a loop device with direct I/O");
	close(file);
	close(control);
	return is_done;
}

/* ---- the file system ------------------------------------------------------------------------------------------------------ */

bool volume_make(struct volume *volume, enum volume_type type, struct disk *disk, const char *dir, char *why, size_t why_size)
{
	char command[400];
	*volume = (struct volume){.type = type, .disk = disk, .loop_fd = -1};
	snprintf(volume->dir, sizeof volume->dir, "%s", dir);
	if (!attach(volume, why, why_size))
		return false;
	snprintf(command, sizeof command, "%s %s > /dev/null", types[type].make, volume->loop);
	if (system(command) == 0)
		return true;
	snprintf(why, why_size, "%.*s fails", (int)strcspn(types[type].make, " "), types[type].make);
	volume_destroy(volume);
	return false;
}

bool volume_mount(struct volume *volume, char *why, size_t why_size)
{
	if (mount(volume->loop, volume->dir, types[volume->type].name, 0, types[volume->type].options))
		return tell(why, why_size, "mount");
	volume->is_mounted = true;
	return true;
}

static void nap(uint64_t ms)
{
	nanosleep(&(struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000}, NULL);
}

/* What io_uring left behind of a killed process goes a moment after it. */
bool volume_umount(struct volume *volume, char *why, size_t why_size)
{
	if (!volume->is_mounted)
		return true;
	for (uint32_t waited_ms = 0; umount(volume->dir); waited_ms++) {
		if (errno != EBUSY || waited_ms > PATIENCE_MS)
			return tell(why, why_size, "umount");
		nap(1);
	}
	volume->is_mounted = false;
	ioctl(volume->loop_fd, BLKFLSBUF); /* the next mount sees what is on the disk, not what was cached of it */
	return true;
}

bool volume_drop(struct volume *volume, char *why, size_t why_size)
{
	uint32_t how = SHUTDOWN_NOLOGFLUSH;
	int dir = open(volume->dir, O_RDONLY | O_CLOEXEC);
	if (dir >= 0) {
		(void)!ioctl(dir, SHUTDOWN, &how);
		close(dir);
	}
	return volume_umount(volume, why, why_size);
}

void volume_destroy(struct volume *volume)
{
	char why[200];
	if (!volume_umount(volume, why, sizeof why))
		umount2(volume->dir, MNT_DETACH);
	if (volume->loop_fd >= 0) {
		ioctl(volume->loop_fd, LOOP_CLR_FD);
		close(volume->loop_fd);
	}
	volume->loop_fd = -1;
}
