/* What both real backends do by plain system calls: the cold file calls, the listening socket, the clocks.
 * Each is the system call, repeated on EINTR, with -errno for an error. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "log/base/check.h"
#include "log/base/err.h"
#include "log/io/io_impl.h"

#define LOCK_RETRY_MS 10u
#define NS_PER_MS 1000000ull

static int result_of(int returned)
{
	return returned < 0 ? -errno : returned;
}

/* ---- paths ------------------------------------------------------------------------------------------------ */

struct io_at io__at(const struct io *io, const char *path)
{
	size_t length = io->anchor_length;
	if (!length || strncmp(path, io->anchor_path, length) != 0 || (path[length] && path[length] != '/'))
		return (struct io_at){AT_FDCWD, path};
	path += length + strspn(path + length, "/");
	return (struct io_at){io->anchor_fd, *path ? path : "."};
}

/* ---- files ----------------------------------------------------------------------------------------------- */

static int open_retrying(struct io_at at, int flags)
{
	int fd;
	do
		fd = openat(at.fd, at.path, flags | O_CLOEXEC, 0644);
	while (fd < 0 && errno == EINTR);
	return result_of(fd);
}

/* What the system says of a name that is there and leads to no regular file: a directory, a socket, a device without a driver, a link in a circle. */
static bool says_no_file(int err)
{
	return err == -EISDIR || err == -ENXIO || err == -ENODEV || err == -ELOOP;
}

/* A link to nowhere is there, unlike a file that is missing: nothing must be made through it, where nobody looks for it. */
static bool is_link(struct io_at at)
{
	struct stat st;
	return fstatat(at.fd, at.path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* A name above the file's is a link that leads nowhere: the disk that it lies on is not mounted, perhaps. Of a file below it nothing is known, unlike of one that is missing. */
static bool is_below_nowhere(struct io_at at)
{
	char parent[4096];
	struct stat st;
	if (io_parent_of(at.path, parent, sizeof parent))
		return false;
	struct io_at above = {at.fd, parent};
	return is_link(above) && fstatat(at.fd, parent, &st, 0) < 0;
}

/* Without O_NONBLOCK a FIFO would wait for somebody to write into it, for good. It must not stay: io_uring would answer -EAGAIN instead of reading. */
static int keep_regular(int fd, int flags)
{
	struct stat st;
	int err = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : ERR_NOT_A_FILE;
	if (!err)
		err = result_of(fcntl(fd, F_SETFL, flags & O_DIRECT));
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* One that may be there. */
static int open_known(struct io_at at, int flags)
{
	int fd = open_retrying(at, flags | O_NONBLOCK | (flags & O_CREAT ? O_NOFOLLOW : 0));
	if (fd == -ELOOP && flags & O_CREAT)
		fd = open_retrying(at, (flags & ~(O_CREAT | O_EXCL)) | O_NONBLOCK);
	if (fd < 0)
		return says_no_file(fd) || (fd == -ENOENT && is_link(at)) ? ERR_NOT_A_FILE : fd;
	return keep_regular(fd, flags);
}

/* Opens a regular file, through symbolic links too, as people move segments to other disks; ERR_NOT_A_FILE where anything else is. What it has made itself is one. */
static int open_regular(struct io_at at, int flags)
{
	int fd = flags & O_EXCL ? open_retrying(at, flags | O_NOFOLLOW) : open_known(at, flags);
	return (fd == -ENOENT || fd == -ELOOP || fd == ERR_NOT_A_FILE) && is_below_nowhere(at) ? -ENOTDIR : fd;
}

static int file_open(struct io *io, const char *path, uint32_t flags)
{
	struct io_at at = io__at(io, path);
	int oflags = flags & IO_READ_ONLY ? O_RDONLY : O_RDWR;
	oflags |= flags & IO_CREATE ? O_CREAT : 0;
	oflags |= flags & IO_EXCLUSIVE ? O_EXCL : 0;
	if (!(flags & IO_DIRECT))
		return open_regular(at, oflags);
	int fd = open_regular(at, oflags | O_DIRECT);
	if (fd != -EINVAL)
		return fd;
	/* A file system without O_DIRECT may have made the file before it refused, so O_EXCL must not
	 * apply again. */
	return open_regular(at, oflags & ~O_EXCL);
}

static int64_t file_size(struct io *io, int fd)
{
	struct stat st;
	return fstat(fd, &st) < 0 ? -errno : st.st_size;
}

static int64_t file_changed_ns(struct io *io, int fd)
{
	struct stat st;
	return fstat(fd, &st) < 0 ? -errno : st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec;
}

/* ENXIO: nothing but a hole up to the end. File systems that know of no holes say EINVAL, or that all is data. */
static int64_t file_next_data(struct io *io, int fd, uint64_t position)
{
	off_t found = lseek(fd, (off_t)position, SEEK_DATA);
	if (found < 0 && errno == ENXIO)
		return file_size(io, fd);
	return found < 0 ? (int64_t)position : (int64_t)found;
}

static void file_will_read(int fd, uint64_t position, uint64_t size)
{
	posix_fadvise(fd, (off_t)position, (off_t)size, POSIX_FADV_WILLNEED);
}

static void file_read_ahead(int fd, bool may)
{
	posix_fadvise(fd, 0, 0, may ? POSIX_FADV_NORMAL : POSIX_FADV_RANDOM);
}

static void file_forget(int fd, uint64_t position)
{
	posix_fadvise(fd, (off_t)position, 0, POSIX_FADV_DONTNEED);
}

static int file_truncate(struct io *io, int fd, uint64_t size)
{
	int returned;
	do
		returned = ftruncate(fd, (off_t)size);
	while (returned < 0 && errno == EINTR);
	return result_of(returned);
}

static int file_allocate(struct io *io, int fd, uint64_t position, uint64_t size, bool does_extend)
{
	int returned;
	do
		returned = fallocate(fd, does_extend ? 0 : FALLOC_FL_KEEP_SIZE, (off_t)position, (off_t)size);
	while (returned < 0 && errno == EINTR);
	return result_of(returned);
}

static int64_t file_read(struct io *io, int fd, void *data, size_t size, uint64_t position)
{
	size_t moved = 0;
	while (moved < size) {
		ssize_t n = pread(fd, (uint8_t *)data + moved, size - moved, (off_t)(position + moved));
		if (n < 0 && errno == EINTR)
			continue;
		/* EINVAL after a part: an O_DIRECT file whose end is not aligned; what came is all there
		 * is. */
		if (n < 0 && errno == EINVAL && moved)
			break;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		moved += (size_t)n;
	}
	return (int64_t)moved;
}

static int64_t file_write(struct io *io, int fd, const void *data, size_t size, uint64_t position)
{
	size_t moved = 0;
	while (moved < size) {
		ssize_t n = pwrite(fd, (const uint8_t *)data + moved, size - moved, (off_t)(position + moved));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		moved += (size_t)n;
	}
	return (int64_t)moved;
}

/* No repetition on EINTR: an interrupted sync may have lost its error, so the caller must see it. */
static int file_sync(struct io *io, int fd)
{
	return result_of(fsync(fd));
}

/* Never its times: who asks for a file's times makes the kernel (6.13 and later) give the next write a new one, and a durable write then has the
 * inode to write as well: 80 us of a group's 200. */
static int identify(int fd, const char *path, int flags, unsigned wanted, struct statx *out)
{
	return result_of(statx(fd, path, flags, STATX_INO | wanted, out));
}

static bool are_same(const struct statx *one, const struct statx *other)
{
	return one->stx_dev_major == other->stx_dev_major && one->stx_dev_minor == other->stx_dev_minor && one->stx_ino == other->stx_ino;
}

/* A failure to look at the name says nothing of where it leads. */
static int file_check_name(struct io *io, int fd, const char *path)
{
	struct statx open, named;
	struct io_at at = io__at(io, path);
	int err = identify(fd, "", AT_EMPTY_PATH, 0, &open);
	if (err)
		return err;
	err = identify(at.fd, at.path, 0, 0, &named);
	if (err)
		return err == -ENOENT || err == -ENOTDIR ? ERR_GONE : 0;
	return are_same(&open, &named) ? 0 : ERR_GONE;
}

/* A lease for writing is granted to the only one who has the file open. Whoever opens it in the moment between makes the kernel send a signal: one that does
 * nothing. */
static int file_check_alone(struct io *io, int fd, const char *path)
{
	struct statx open, named;
	struct io_at at = io__at(io, path);
	int err = identify(fd, "", AT_EMPTY_PATH, STATX_NLINK, &open);
	if (!err)
		err = identify(at.fd, at.path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &named);
	if (err)
		return err == -ENOENT ? ERR_GONE : err;
	if (!are_same(&open, &named) || !S_ISREG(named.stx_mode) || open.stx_nlink != 1 || fcntl(fd, F_SETSIG, SIGURG) || fcntl(fd, F_SETLEASE, F_WRLCK))
		return ERR_GONE;
	return result_of(fcntl(fd, F_SETLEASE, F_UNLCK));
}

/* ---- directories ----------------------------------------------------------------------------------------- */

static int dir_make(struct io *io, const char *path)
{
	struct io_at at = io__at(io, path);
	return result_of(mkdirat(at.fd, at.path, 0755));
}

static int dir_sync(struct io *io, const char *path)
{
	int fd = open_retrying(io__at(io, path), O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	int err = io__sync_result(result_of(fsync(fd)));
	close(fd);
	return err;
}

/* A link to a directory is one: all paths lead through it, so that partitions may lie on other disks. */
static bool is_directory(DIR *dir, const struct dirent *entry)
{
	if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
		return entry->d_type == DT_DIR;
	struct stat st;
	return fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int dir_list(struct io *io, const char *path, io_dir_entry_fn *entry_fn, void *context)
{
	int fd;
	do
		fd = open_retrying(io__at(io, path), O_RDONLY | O_DIRECTORY);
	while (io__can_open_again(io, fd));
	if (fd < 0)
		return (fd == -ENOENT || fd == -ELOOP) && is_link(io__at(io, path)) ? -ENOTDIR : fd;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	int result = 0;
	while (result == 0) {
		errno = 0;
		struct dirent *entry = readdir(dir);
		if (!entry) {
			result = -errno;
			break;
		}
		if (!is_dots(entry->d_name))
			result = entry_fn(context, entry->d_name, is_directory(dir, entry));
	}
	closedir(dir);
	return result;
}

static int rename_path(struct io *io, const char *from, const char *to)
{
	struct io_at source = io__at(io, from), target = io__at(io, to);
	return result_of(renameat(source.fd, source.path, target.fd, target.path));
}

static int rename_new(struct io *io, const char *from, const char *to)
{
	struct io_at source = io__at(io, from), target = io__at(io, to);
	return result_of(renameat2(source.fd, source.path, target.fd, target.path, RENAME_NOREPLACE));
}

static int unlink_path(struct io *io, const char *path)
{
	struct io_at at = io__at(io, path);
	return result_of(unlinkat(at.fd, at.path, 0));
}

int io_posix__hold(struct io *io, const char *path)
{
	struct io_at at = io__at(io, path);
	return openat(at.fd, at.path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static int dir_remove(struct io *io, const char *path)
{
	struct io_at at = io__at(io, path);
	struct stat st;
	int err = result_of(unlinkat(at.fd, at.path, AT_REMOVEDIR));
	if (err == -ENOTDIR && fstatat(at.fd, at.path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		err = result_of(unlinkat(at.fd, at.path, 0));
	return err;
}

static int space(struct io *io, const char *path, uint64_t *free_bytes, uint64_t *total_bytes)
{
	struct statvfs st;
	int fd = open_retrying(io__at(io, path), O_PATH);
	if (fd < 0)
		return fd;
	int err = result_of(fstatvfs(fd, &st));
	close(fd);
	if (err)
		return err;
	*free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
	*total_bytes = (uint64_t)st.f_blocks * st.f_frsize;
	return 0;
}

static void sleep_ms(uint32_t ms)
{
	struct timespec ts = {ms / 1000, (long)(ms % 1000) * (long)NS_PER_MS};
	nanosleep(&ts, NULL);
}

/* Takes the descriptor: it comes back locked, or is closed. */
static int lock_open(int fd, uint32_t wait_ms)
{
	for (uint32_t waited_ms = 0;; waited_ms += LOCK_RETRY_MS) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		int err = -errno;
		if ((err != -EWOULDBLOCK && err != -EINTR) || waited_ms >= wait_ms) {
			close(fd);
			return err == -EWOULDBLOCK ? ERR_LOCKED : err;
		}
		sleep_ms(LOCK_RETRY_MS);
	}
}

static int lock(struct io *io, const char *path, uint32_t wait_ms)
{
	int fd = open_regular(io__at(io, path), O_RDWR | O_CREAT);
	return fd < 0 ? fd : lock_open(fd, wait_ms);
}

/* File systems that lock a file only for who may write it, or none at all, say so in these ways. */
static int dir_lock(struct io *io, const char *path, uint32_t wait_ms)
{
	int fd = open_retrying(io__at(io, path), O_RDONLY | O_DIRECTORY);
	int err = fd < 0 ? fd : lock_open(fd, wait_ms);
	return err == -EBADF || err == -EINVAL || err == -ENOLCK || err == -ENOSYS ? -EOPNOTSUPP : err;
}

const struct io_cold io_posix_cold = {
	.file_open = file_open,
	.file_size = file_size,
	.file_changed_ns = file_changed_ns,
	.file_next_data = file_next_data,
	.file_will_read = file_will_read,
	.file_read_ahead = file_read_ahead,
	.file_forget = file_forget,
	.look_ahead = io__look_ahead,
	.file_truncate = file_truncate,
	.file_allocate = file_allocate,
	.file_read = file_read,
	.file_write = file_write,
	.file_sync = file_sync,
	.file_check_name = file_check_name,
	.file_check_alone = file_check_alone,
	.dir_make = dir_make,
	.dir_sync = dir_sync,
	.dir_list = dir_list,
	.rename = rename_path,
	.rename_new = rename_new,
	.unlink = unlink_path,
	.dir_remove = dir_remove,
	.space = space,
	.lock = lock,
	.dir_lock = dir_lock,
};

/* ---- the listening socket -------------------------------------------------------------------------------- */

static int error_of_lookup(int code)
{
	switch (code) {
	case EAI_SYSTEM:
		return -errno;
	case EAI_MEMORY:
		return -ENOMEM;
	default:
		return -ENXIO; /* nobody knows the name */
	}
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return 0;
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static int listen_at(const struct addrinfo *at, bool is_shared)
{
	int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
	if (fd < 0)
		return -errno;
	int one = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    (is_shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0) ||
	    bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int io_posix__listen(struct io *io, const char *host, uint16_t port, bool is_shared, uint16_t *port_out)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	char service[8];
	snprintf(service, sizeof(service), "%u", port);
	struct addrinfo *found;
	int code = getaddrinfo(host && *host ? host : NULL, service, &hints, &found);
	if (code)
		return error_of_lookup(code);
	/* The first address that works; else what was wrong with the first, which is the one the user
	 * meant. */
	int fd = -EADDRNOTAVAIL;
	for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next) {
		int tried = listen_at(at, is_shared);
		if (tried >= 0 || at == found)
			fd = tried;
	}
	freeaddrinfo(found);
	if (fd >= 0 && port_out)
		*port_out = port_of(fd);
	return fd;
}

/* ---- clocks, randomness, wake ---------------------------------------------------------------------------- */

void io_posix__shutdown(struct io *io, int fd)
{
	shutdown(fd, SHUT_RDWR);
}

/* Older kernels give less of it, by the size they say. */
int64_t io_posix__socket_acked(struct io *io, int fd)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof info;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return -errno;
	return size < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked ? -EOPNOTSUPP : (int64_t)info.tcpi_bytes_acked;
}

void io_posix__clock(struct io *io, uint64_t *now_ns, int64_t *wall_ms)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	*now_ns = (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
	clock_gettime(CLOCK_REALTIME, &ts);
	*wall_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / (int64_t)NS_PER_MS;
}

void io_posix__random(struct io *io, void *bytes, size_t size)
{
	size_t filled = 0;
	while (filled < size) {
		ssize_t n = getrandom((uint8_t *)bytes + filled, size - filled, 0);
		CHECKF(n > 0 || errno == EINTR, "getrandom: %s", strerror(errno));
		filled += n > 0 ? (size_t)n : 0;
	}
}

void io_posix__wake(int wake_fd)
{
	int saved = errno;
	const uint64_t one = 1;
	ssize_t n = write(wake_fd, &one, sizeof(one));
	/* It cannot block or fail: a wake that is not folded away adds one to a counter that was read
	 * since. */
	(void)n;
	errno = saved;
}
