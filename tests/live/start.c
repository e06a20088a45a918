/* Starts a broker and prints the microseconds from exec to its first ApiVersions reply, then stops it.
 *
 *   start PROGRAM serve ARGS...
 *
 * The address is read from its output: "listening on 127.0.0.1:PORT".
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/live/lib/wire.h"

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static pid_t start(char **command, int *output)
{
	int ends[2];
	if (pipe(ends) < 0)
		exit(2);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		close(ends[0]);
		close(ends[1]);
		execvp(command[0], command);
		_exit(127);
	}
	close(ends[1]);
	*output = ends[0];
	return pid;
}

/* Reads the output up to the address; false if it ends before. */
static bool await_address(int output, char *address, size_t room)
{
	static char text[65536];
	size_t size = 0;
	int port;
	for (;;) {
		ssize_t n = read(output, text + size, sizeof(text) - 1 - size);
		if (n <= 0)
			return false;
		size += (size_t)n;
		text[size] = 0;
		char *at = strstr(text, "listening on 127.0.0.1:");
		if (at && strchr(at, '\n') && sscanf(at, "listening on 127.0.0.1:%d", &port) == 1) {
			snprintf(address, room, "127.0.0.1:%d", port);
			return true;
		}
	}
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: start PROGRAM serve ARGS...\n");
		return 2;
	}
	int output;
	char address[64];
	int64_t begin = now_us();
	pid_t pid = start(argv + 1, &output);
	bool right = await_address(output, address, sizeof(address));
	if (right) {
		peer_target(address);
		right = broker_answers();
	}
	int64_t end = now_us();
	kill(pid, SIGTERM);
	int status = -1;
	waitpid(pid, &status, 0);
	printf("%lld\n", (long long)(end - begin));
	return right && status == 0 ? 0 : 1;
}
