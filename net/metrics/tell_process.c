/* What the system knows of this process (/proc/self) and of the volume its data are on. What cannot be read is not told. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "net/metrics/scrape_priv.h"
#include "net/wire/cursor.h"

static double seconds_of(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool read_file(const char *path, char *out, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t got = file ? fread(out, 1, size - 1, file) : 0;
	out[got] = 0;
	if (file)
		fclose(file);
	return got > 0;
}

/* proc_pid_stat(5): its 22nd field is the start, in ticks since boot. The second is the program's name in brackets, which may hold anything. */
static bool start_seconds(double *out)
{
	char text[1024];
	unsigned long long ticks;
	if (!read_file("/proc/self/stat", text, sizeof text))
		return false;
	char *at = strrchr(text, ')');
	if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &ticks) != 1)
		return false;
	*out = seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME) + (double)ticks / (double)sysconf(_SC_CLK_TCK);
	return true;
}

static void tell_memory(struct exposition *exposition)
{
	char text[256];
	long virtual_pages, resident_pages, page_size = sysconf(_SC_PAGESIZE);
	if (!read_file("/proc/self/statm", text, sizeof text) || sscanf(text, "%ld %ld", &virtual_pages, &resident_pages) != 2)
		return;
	exposition_add(exposition, FAMILY_RSS, NULL, resident_pages * page_size);
	exposition_add(exposition, FAMILY_VSIZE, NULL, virtual_pages * page_size);
}

static void tell_files(struct exposition *exposition)
{
	struct rlimit limit;
	int64_t count = -3; /* ".", "..", and what this looks with */
	DIR *dir = opendir("/proc/self/fd");
	if (!dir)
		return;
	while (readdir(dir))
		count++;
	closedir(dir);
	exposition_add(exposition, FAMILY_OPEN_FDS, NULL, count);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		exposition_add(exposition, FAMILY_MAX_FDS, NULL, (int64_t)limit.rlim_cur);
}

static void tell_disk(struct exposition *exposition, const char *dir)
{
	struct statvfs volume;
	if (statvfs(dir, &volume))
		return;
	exposition_add(exposition, FAMILY_DISK_FREE, NULL, (int64_t)(volume.f_bavail * volume.f_frsize));
	exposition_add(exposition, FAMILY_DISK_TOTAL, NULL, (int64_t)(volume.f_blocks * volume.f_frsize));
}

void scrape__tell_process(struct scraper *scraper, struct exposition *exposition)
{
	double started;
	struct labels *labels = scrape__labels(scraper);
	const char *version = scraper->source->version;
	labels_add(labels, "version", slice_from(version));
	exposition_add(exposition, FAMILY_BUILD, labels, 1);
	if (start_seconds(&started))
		exposition_add_real(exposition, FAMILY_START_TIME, NULL, started);
	exposition_add_real(exposition, FAMILY_CPU, NULL, seconds_of(CLOCK_PROCESS_CPUTIME_ID));
	tell_memory(exposition);
	tell_files(exposition);
	tell_disk(exposition, scraper->source->facts->dir);
}
