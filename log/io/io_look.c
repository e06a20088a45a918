/* What a start will look at, looked at by several threads before: directories listed, files opened and a block of each read, so that the one that needs it finds
 * it in the kernel's memory. A cold directory and a cold file cost a disk read after the other, 0.5 to 1 ms each, and a thousand partitions have two thousand.
 *
 * Happy path: the threads take the next path each until there is none, and end. Failures: none; what cannot be opened is passed over, and who needs it will be
 * told. Without threads nothing happens. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/io/io_impl.h"

#define LOOKERS 16
#define LOOKS_A_THREAD 4 /* a thread costs as much as a look at what the disk has to bring */

struct looks {
	const struct io *io;
	const struct io_look *items;
	uint32_t count;
	uint32_t next; /* taken by whoever comes */
};

static void list_directory(int fd)
{
	DIR *directory = fdopendir(fd);
	if (!directory) {
		close(fd);
		return;
	}
	while (readdir(directory))
		;
	closedir(directory);
}

static void look(const struct io *io, const struct io_look *item)
{
	struct io_at at = io__at(io, item->path);
	struct stat status;
	char block[4096];
	int fd = openat(at.fd, at.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
		list_directory(fd);
		return;
	}
	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); /* behind the block is room that was reserved, and what is read ahead of it counts as data */
	ssize_t ignored = pread(fd, block, sizeof block, 0);
	if (item->size_bytes)
		posix_fadvise(fd, (off_t)item->position, item->size_bytes, POSIX_FADV_WILLNEED);
	else if (item->position >= sizeof block)
		ignored = pread(fd, block, sizeof block, (off_t)item->position);
	if (item->other_position >= sizeof block)
		ignored = pread(fd, block, sizeof block, (off_t)item->other_position);
	(void)ignored;
	close(fd);
}

static void *look_at_all(void *context)
{
	struct looks *looks = context;
	for (uint32_t at; (at = __atomic_fetch_add(&looks->next, 1, __ATOMIC_RELAXED)) < looks->count;)
		look(looks->io, &looks->items[at]);
	return NULL;
}

void io__look_ahead(struct io *io, const struct io_look *items, uint32_t count)
{
	struct looks looks = {io, items, count, 0};
	pthread_t threads[LOOKERS];
	uint32_t started = 0;
	while (started < LOOKERS && started * LOOKS_A_THREAD < count && pthread_create(&threads[started], NULL, look_at_all, &looks) == 0)
		started++;
	while (started > 0)
		pthread_join(threads[--started], NULL);
}
