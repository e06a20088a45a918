/* Log lines: what a peer puts into one stays in one. */
#include "net/log_line.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A name with line ends and control characters makes neither a line of its own nor an escape sequence. */
Test(log_line, what_clients_send_is_printable)
{
	int pipe_fds[2];
	char line[256] = "";
	cr_assert_eq(pipe(pipe_fds), 0);
	int saved = dup(STDERR_FILENO);
	dup2(pipe_fds[1], STDERR_FILENO);
	log_line(LOG_INFO, "group %s: \xc3\xa4", "a\nerror: the disk is gone\x1b[2J\x7f");
	dup2(saved, STDERR_FILENO);
	cr_assert_gt(read(pipe_fds[0], line, sizeof line - 1), 0);
	cr_assert(strstr(line, "info: group a?error: the disk is gone?[2J?: \xc3\xa4\n"), "%s", line);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	close(saved);
}
