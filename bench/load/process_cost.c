/* Reads /proc/PID/stat, statm and task/TID/status. A process that ends meanwhile reads as zero. */
#include "bench/load/process_cost.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The file's first bytes as a string; "" if it cannot be read. */
static void read_proc(int pid, const char *name, char *out, size_t size)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, out, size - 1);
	out[got < 0 ? 0 : got] = 0;
	if (fd >= 0)
		close(fd);
}

/* Fields 14 and 15, counted from behind the name, which may hold anything but is closed by the last ')'. */
static uint64_t cpu_ns(int pid)
{
	char text[1024];
	unsigned long long user, system;
	read_proc(pid, "stat", text, sizeof text);
	const char *at = strrchr(text, ')');
	if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2)
		return 0;
	return (user + system) * (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
}

static uint64_t rss_bytes(int pid)
{
	char text[128];
	unsigned long long pages;
	read_proc(pid, "statm", text, sizeof text);
	return sscanf(text, "%*u %llu", &pages) == 1 ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static uint64_t field_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static uint64_t switches(int pid)
{
	char text[4096];
	snprintf(text, sizeof text, "/proc/%d/task", pid);
	DIR *tasks = opendir(text);
	uint64_t sum = 0;
	for (struct dirent *task; tasks && (task = readdir(tasks));) {
		char name[32];
		if (task->d_name[0] == '.' || strlen(task->d_name) > 12)
			continue;
		snprintf(name, sizeof name, "task/%.12s/status", task->d_name);
		read_proc(pid, name, text, sizeof text);
		sum += field_of(text, "\nvoluntary_ctxt_switches:") + field_of(text, "\nnonvoluntary_ctxt_switches:");
	}
	if (tasks)
		closedir(tasks);
	return sum;
}

struct process_cost process_cost_now(int pid)
{
	if (pid <= 0)
		return (struct process_cost){ 0 };
	return (struct process_cost){ .cpu_ns = cpu_ns(pid), .rss_bytes = rss_bytes(pid), .switches = switches(pid) };
}
