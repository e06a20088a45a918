/* Happy path: open, see that it is something to be read, hand it over.
 *
 * An open of a FIFO waits for somebody who writes, for good if nobody does: so it is opened without waiting. Then a read says whether there is a writer: none
 * (0), one that has written nothing yet (EAGAIN), or a first byte, which is put back. */
#include "log/config/config_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/base/err.h"

#define LOOK_EVERY_MS 20

/* 1: somebody writes; 0: nobody, for as long as is waited; -errno. *first: the byte that was read to know; EOF: none was. */
static int wait_for_writer(int fd, int *first)
{
	for (int waited_ms = 0; waited_ms < CONFIG_WRITER_WAIT_MS; waited_ms += LOOK_EVERY_MS) {
		uint8_t byte;
		ssize_t got = read(fd, &byte, 1);
		if (got < 0 && errno != EINTR)
			return errno == EAGAIN ? 1 : -errno;
		if (got == 1)
			*first = byte;
		if (got == 1)
			return 1;
		usleep(LOOK_EVERY_MS * 1000);
	}
	return 0;
}

static int look_at(int fd, int *first)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	int writes = S_ISFIFO(st.st_mode) ? wait_for_writer(fd, first) : 1;
	if (writes <= 0)
		return writes ? writes : ERR_NOT_A_FILE;
	return fcntl(fd, F_SETFL, 0) < 0 ? -errno : 0;
}

static int open_stream(int fd, int first, FILE **out)
{
	FILE *file = fdopen(fd, "r");
	if (!file)
		return -errno;
	if (first != EOF)
		ungetc(first, file);
	*out = file;
	return 0;
}

static const char *reason_of(int err)
{
	return err == ERR_NOT_A_FILE ? "it is a FIFO that nobody writes into; name a file" : strerror(-err);
}

int config_open(const char *path, FILE **out, char *why, size_t why_size)
{
	int first = EOF;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int err = fd < 0 ? -errno : look_at(fd, &first);
	if (!err)
		err = open_stream(fd, first, out);
	if (err && fd >= 0)
		close(fd);
	if (err)
		snprintf(why, why_size, "%s: %s", path, reason_of(err));
	return err;
}
