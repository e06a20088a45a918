/* Each thing is tried as it will be done: a file is opened to be written, a directory made, a core asked for. */
#include "bench/run/preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define GB_PER_S 2.0 /* more than any run here has written */
#define GB_BESIDE 2.0 /* what is produced before the clock starts, journals, files of limit programs */

/* What stands in it stays until there are results to put there. */
static bool is_writable(const char *flag, const char *path)
{
	if (!path || strcmp(path, "-") == 0)
		return true;
	bool was_there = access(path, F_OK) == 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0) {
		fprintf(stderr, "bench-run: %s %s: it cannot be written: %s\n", flag, path, strerror(errno));
		return false;
	}
	close(fd);
	if (!was_there)
		unlink(path);
	return true;
}

static bool is_program(const char *flag, const char *path)
{
	if (access(path, X_OK) == 0)
		return true;
	fprintf(stderr, "bench-run: %s: %s cannot be run: %s; 'make bench' builds it\n", flag, path, strerror(errno));
	return false;
}

static bool has_programs(const struct options *options)
{
	char path[600];
	snprintf(path, sizeof path, "%s/l2_durable", options->limits);
	return is_program("--spate", options->spate) && is_program("--limits", path) && (!options->beside || is_program("--beside", options->beside));
}

/* The limit programs write past the page cache, to files without a name. */
static bool takes_data(const char *directory)
{
	char path[600];
	snprintf(path, sizeof path, "%s/spate-bench-XXXXXX", directory);
	if (!mkdtemp(path)) {
		fprintf(stderr, "bench-run: --dir %s: no data can be put there: %s\n", directory, strerror(errno));
		return false;
	}
	int fd = open(path, O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600), err = errno;
	rmdir(path);
	if (fd >= 0)
		return close(fd) == 0;
	fprintf(stderr, "bench-run: --dir %s: its file system does not write past the page cache (O_DIRECT: %s); choose a directory on a disk\n", directory,
		strerror(err));
	return false;
}

/* Not all runs write as fast as that, so it is no reason to stop: those that find no room say so. */
static void tell_room(const struct options *options, double longest_runs)
{
	struct statvfs disk;
	double needed_gb = GB_BESIDE + GB_PER_S * (options->warmup_s + options->seconds * longest_runs);
	if (statvfs(options->directory, &disk))
		return;
	double free_gb = (double)disk.f_bavail * (double)disk.f_frsize / 1e9;
	if (free_gb < needed_gb)
		fprintf(stderr, "bench: %.1f GB are free in %s, and a run may write %.0f: some will fail; --dir names another disk\n", free_gb, options->directory,
			needed_gb);
}

/* Asks for the core and goes back to those that there were. */
static bool can_have(const char *flag, int core)
{
	cpu_set_t before, wanted;
	CPU_ZERO(&wanted);
	if (core < 0)
		return true;
	CPU_SET(core, &wanted);
	bool is_had = sched_getaffinity(0, sizeof before, &before) == 0 && sched_setaffinity(0, sizeof wanted, &wanted) == 0;
	if (is_had)
		return sched_setaffinity(0, sizeof before, &before) == 0;
	fprintf(stderr, "bench-run: %s %d: there is no such core for this process; -1 pins to none\n", flag, core);
	return false;
}

bool preflight(const struct options *options, double longest_runs)
{
	if (!is_writable("--json", options->json) || !is_writable("--html", options->page) || !has_programs(options) || !takes_data(options->directory) ||
	    !can_have("--server-core", options->server_core) || !can_have("--load-core", options->load_core))
		return false;
	if (options->server_core < 0 && options->load_core < 0)
		fprintf(stderr, "bench: nothing is pinned, and broker and load take time from each other: ratios say more than figures\n");
	tell_room(options, longest_runs);
	return true;
}
