/* A closed one gets /dev/null, opened the wrong way round: reading from it or writing to it fails with EBADF, as it should. */
#include "cli/standard_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"

void standard_files_secure(void)
{
	static const int modes[] = {[STDIN_FILENO] = O_WRONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_RDWR};
	/* open takes the lowest number that is free, which is the one that was found closed. */
	for (int fd = 0; fd < (int)COUNT_OF(modes); fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", modes[fd]) != fd)
			_exit(STATUS_FAILED);
}

int standard_files_finish(int status)
{
	errno = 0;
	bool has_failed = fflush(stdout) || ferror(stdout);
	/* Who read as much as it wanted and went misses nothing. */
	if (!has_failed || status || errno == EPIPE)
		return status;
	complain("what was printed could not be written: %s", errno ? strerror(errno) : "is the disk full?");
	return STATUS_FAILED;
}
