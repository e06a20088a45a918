/* One file of one directory, over libfuse's low-level interface, one request at a time: so the order of the ops is the order in which they were done, and a
 * flush covers all that was answered before it came.
 *
 * Failure modes: the ops or their bytes do not fit (CHECK: the run was too long); the server dies, and then everything above it sees I/O errors. */
#define FUSE_USE_VERSION 312
#include "tests/power/disk.h"

#include <errno.h>
#include <fuse3/fuse_lowlevel.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log/base/check.h"

#define OPS_MAX (1u << 22)
#define KEPT_MAX (16ull << 30)
#define DISK_INODE 2

/* Lies in shared memory. */
struct disk {
	char dir[200], path[220];
	uint64_t size_bytes;
	uint8_t *bytes, *kept;
	struct disk_op *ops;
	uint64_t kept_bytes;
	_Atomic uint64_t op_count, struck;
	struct disk_fault faults[DISK_FAULTS_MAX];
	_Atomic uint32_t fault_count;
	pid_t server;
};

static void *share(uint64_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(memory != MAP_FAILED);
	return memory;
}

/* ---- what is kept -------------------------------------------------------------------------------------------------------- */

static void keep(struct disk *disk, enum disk_op_kind kind, uint64_t position, uint32_t size, const void *bytes)
{
	uint64_t number = atomic_load(&disk->op_count);
	CHECK(number < OPS_MAX && disk->kept_bytes + size <= KEPT_MAX);
	disk->ops[number] = (struct disk_op){kind, size, position, bytes ? disk->kept_bytes : DISK_ZEROS};
	if (bytes) {
		memcpy(disk->kept + disk->kept_bytes, bytes, size);
		disk->kept_bytes += size;
	}
	atomic_store(&disk->op_count, number + 1);
}

uint64_t disk_now(const struct disk *disk)
{
	return atomic_load(&disk->op_count);
}

const struct disk_op *disk_op(const struct disk *disk, uint64_t number)
{
	return &disk->ops[number];
}

void disk_redo(const struct disk *disk, const struct disk_op *op, uint32_t first, uint32_t last, uint8_t *bytes)
{
	uint64_t from = (uint64_t)first * SECTOR_SIZE, to = (uint64_t)last * SECTOR_SIZE;
	if (to > op->size_bytes)
		to = op->size_bytes;
	if (op->kind != DISK_WRITE || from >= to)
		return;
	if (op->data == DISK_ZEROS)
		memset(bytes + op->position + from, 0, to - from);
	else
		memcpy(bytes + op->position + from, disk->kept + op->data + from, to - from);
}

void disk_forget_from(struct disk *disk, uint64_t number)
{
	uint64_t count = atomic_load(&disk->op_count);
	for (uint64_t i = number; i < count; i++)
		if (disk->ops[i].kind == DISK_WRITE && disk->ops[i].data != DISK_ZEROS) {
			disk->kept_bytes = disk->ops[i].data;
			break;
		}
	if (number < count)
		atomic_store(&disk->op_count, number);
}

/* ---- faults ---------------------------------------------------------------------------------------------------------------- */

void disk_set_faults(struct disk *disk, const struct disk_fault *faults, uint32_t count)
{
	CHECK(count <= DISK_FAULTS_MAX);
	atomic_store(&disk->fault_count, 0);
	if (count)
		memcpy(disk->faults, faults, count * sizeof *faults);
	atomic_store(&disk->struck, 0);
	atomic_store(&disk->fault_count, count);
}

uint64_t disk_faults_struck(const struct disk *disk)
{
	return atomic_load(&disk->struck);
}

static const struct disk_fault *fault_of(struct disk *disk, enum disk_fault_kind kind, uint64_t from, uint64_t to)
{
	uint32_t count = atomic_load(&disk->fault_count);
	for (uint32_t i = 0; i < count; i++) {
		const struct disk_fault *fault = &disk->faults[i];
		if (fault->kind != kind || (kind != FAULT_FLUSH && (fault->to <= from || fault->from >= to)))
			continue;
		atomic_fetch_add(&disk->struck, 1);
		return fault;
	}
	return NULL;
}

static void flip(struct disk *disk, uint8_t *bytes, uint64_t from, uint64_t to)
{
	uint32_t count = atomic_load(&disk->fault_count);
	for (uint32_t i = 0; i < count; i++) {
		const struct disk_fault *fault = &disk->faults[i];
		if (fault->kind != FAULT_FLIP)
			continue;
		for (uint64_t at = fault->from > from ? fault->from : from; at < fault->to && at < to; at++)
			bytes[at - from] ^= 0x40;
	}
}

/* ---- the server ------------------------------------------------------------------------------------------------------------ */

static struct disk *of(fuse_req_t request)
{
	return fuse_req_userdata(request);
}

static struct stat stat_of(const struct disk *disk, fuse_ino_t inode)
{
	struct stat out = {.st_ino = inode, .st_nlink = 1, .st_mode = inode == FUSE_ROOT_ID ? S_IFDIR | 0700 : S_IFREG | 0600, .st_blksize = 4096};
	if (inode == DISK_INODE)
		out.st_size = (off_t)disk->size_bytes;
	return out;
}

static void init(void *user, struct fuse_conn_info *conn)
{
	conn->max_write = 1 << 20;
	conn->want |= conn->capable & FUSE_CAP_ASYNC_DIO;
}

static void lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = {.ino = DISK_INODE, .attr_timeout = 3600, .entry_timeout = 3600};
	if (parent != FUSE_ROOT_ID || strcmp(name, "disk") != 0) {
		fuse_reply_err(request, ENOENT);
		return;
	}
	entry.attr = stat_of(of(request), DISK_INODE);
	fuse_reply_entry(request, &entry);
}

static void getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
	struct stat out = stat_of(of(request), inode);
	fuse_reply_attr(request, &out, 3600);
}

static void setattr(fuse_req_t request, fuse_ino_t inode, struct stat *attr, int to_set, struct fuse_file_info *file)
{
	getattr(request, inode, file);
}

static void open_file(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
	file->direct_io = 1;
	fuse_reply_open(request, file);
}

static void read_file(fuse_req_t request, fuse_ino_t inode, size_t size, off_t position, struct fuse_file_info *file)
{
	static uint8_t copy[1 << 21];
	struct disk *disk = of(request);
	uint64_t from = (uint64_t)position, to = from + size;
	if (to > disk->size_bytes)
		to = disk->size_bytes;
	if (from >= to)
		fuse_reply_buf(request, NULL, 0);
	else if (fault_of(disk, FAULT_READ, from, to))
		fuse_reply_err(request, EIO);
	else if (to - from <= sizeof copy && fault_of(disk, FAULT_FLIP, from, to)) {
		memcpy(copy, disk->bytes + from, to - from);
		flip(disk, copy, from, to);
		fuse_reply_buf(request, (const char *)copy, to - from);
	} else
		fuse_reply_buf(request, (const char *)disk->bytes + from, to - from);
}

static void write_file(fuse_req_t request, fuse_ino_t inode, const char *bytes, size_t size, off_t position, struct fuse_file_info *file)
{
	struct disk *disk = of(request);
	uint64_t from = (uint64_t)position;
	if (from > disk->size_bytes || size > disk->size_bytes - from) {
		fuse_reply_err(request, ENOSPC);
		return;
	}
	if (fault_of(disk, FAULT_WRITE, from, from + size)) {
		fuse_reply_err(request, EIO);
		return;
	}
	memcpy(disk->bytes + from, bytes, size);
	keep(disk, DISK_WRITE, from, (uint32_t)size, bytes);
	fuse_reply_write(request, size);
}

static void fsync_file(fuse_req_t request, fuse_ino_t inode, int data_only, struct fuse_file_info *file)
{
	struct disk *disk = of(request);
	if (fault_of(disk, FAULT_FLUSH, 0, disk->size_bytes)) {
		fuse_reply_err(request, EIO);
		return;
	}
	keep(disk, DISK_FLUSH, 0, 0, NULL);
	fuse_reply_err(request, 0);
}

/* A loop device makes this of discards and of requests for zeros. */
static void fallocate_file(fuse_req_t request, fuse_ino_t inode, int mode, off_t position, off_t length, struct fuse_file_info *file)
{
	struct disk *disk = of(request);
	uint64_t from = (uint64_t)position, size = (uint64_t)length;
	if (!(mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) || from > disk->size_bytes || size > disk->size_bytes - from) {
		fuse_reply_err(request, EOPNOTSUPP);
		return;
	}
	if (fault_of(disk, FAULT_WRITE, from, from + size)) {
		fuse_reply_err(request, EIO);
		return;
	}
	memset(disk->bytes + from, 0, size);
	for (uint64_t done = 0; done < size; done += 1u << 30)
		keep(disk, DISK_WRITE, from + done, (uint32_t)(size - done < 1u << 30 ? size - done : 1u << 30), NULL);
	fuse_reply_err(request, 0);
}

static const struct fuse_lowlevel_ops operations = {
	.init = init, .lookup = lookup, .getattr = getattr, .setattr = setattr, .open = open_file, .read = read_file, .write = write_file, .fsync = fsync_file,
	.fallocate = fallocate_file,
};

/* Ends when the file system is unmounted, or with the driver. */
static void serve(struct disk *disk, int ready)
{
	char *words[] = {(char *)"power", NULL};
	struct fuse_args args = {.argc = 1, .argv = words};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN); /* the driver ends us */
	signal(SIGTERM, SIG_IGN);
	struct fuse_session *session = fuse_session_new(&args, &operations, sizeof operations, disk);
	if (!session || fuse_session_mount(session, disk->dir))
		_exit(1);
	if (write(ready, "", 1) != 1)
		_exit(1);
	close(ready);
	fuse_session_loop(session);
	fuse_session_unmount(session);
	_exit(0);
}

/* ---- the driver's side ------------------------------------------------------------------------------------------------------ */

struct disk *disk_open(const char *dir, uint64_t size_bytes, char *why, size_t why_size)
{
	struct disk *disk = share(sizeof *disk);
	int pipes[2];
	char ready;
	snprintf(disk->dir, sizeof disk->dir, "%s", dir);
	snprintf(disk->path, sizeof disk->path, "%s/disk", dir);
	disk->size_bytes = size_bytes;
	disk->bytes = share(size_bytes);
	disk->kept = share(KEPT_MAX);
	disk->ops = share(OPS_MAX * sizeof *disk->ops);
	CHECK(pipe(pipes) == 0);
	pid_t server = fork();
	CHECK(server >= 0);
	if (server == 0) {
		close(pipes[0]);
		serve(disk, pipes[1]);
	}
	disk->server = server;
	close(pipes[1]);
	ssize_t got = read(pipes[0], &ready, 1);
	close(pipes[0]);
	if (got == 1)
		return disk;
	waitpid(server, NULL, 0);
	snprintf(why, why_size, "no FUSE file system can be mounted here (/dev/fuse, root?)");
	return NULL;
}

void disk_close(struct disk *disk)
{
	kill(disk->server, SIGKILL);
	waitpid(disk->server, NULL, 0);
	munmap(disk->bytes, disk->size_bytes);
	munmap(disk->kept, KEPT_MAX);
	munmap(disk->ops, OPS_MAX * sizeof *disk->ops);
	munmap(disk, sizeof *disk);
}

uint64_t disk_size(const struct disk *disk) { return disk->size_bytes; }
uint8_t *disk_bytes(struct disk *disk) { return disk->bytes; }
const char *disk_path(const struct disk *disk) { return disk->path; }
