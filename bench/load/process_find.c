/* /proc/net/tcp tells the inode of the socket that listens on a port; the process that holds it has a
 * link to "socket:[inode]" among its descriptors. */
#include "bench/load/process_find.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TCP_STATE_LISTEN 0x0a

/* The inode of the listening socket in one of the kernel's tables, or 0. */
static unsigned long find_inode(const char *table, uint16_t port)
{
	char line[512];
	FILE *file = fopen(table, "re");
	unsigned long found = 0;
	while (file && !found && fgets(line, sizeof line, file)) {
		unsigned local_port, state;
		unsigned long inode;
		/* sl: local:port remote:port state queues timer retransmits uid timeout inode */
		if (sscanf(line, " %*[^:]: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*u %*u %lu", &local_port, &state, &inode) == 3 &&
		    local_port == port && state == TCP_STATE_LISTEN)
			found = inode;
	}
	if (file)
		fclose(file);
	return found;
}

/* Whether one of the process's descriptors is that socket. */
static bool holds_socket(const char *pid, unsigned long inode)
{
	char path[64], wanted[48], target[64];
	snprintf(path, sizeof path, "/proc/%.16s/fd", pid);
	snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
	DIR *fds = opendir(path);
	bool found = false;
	for (struct dirent *fd; fds && !found && (fd = readdir(fds));) {
		ssize_t size = readlinkat(dirfd(fds), fd->d_name, target, sizeof target - 1);
		target[size < 0 ? 0 : size] = 0;
		found = strcmp(target, wanted) == 0;
	}
	if (fds)
		closedir(fds);
	return found;
}

int process_find_listener(uint16_t port)
{
	unsigned long inode = find_inode("/proc/net/tcp", port);
	if (!inode)
		inode = find_inode("/proc/net/tcp6", port);
	DIR *processes = inode ? opendir("/proc") : NULL;
	int pid = 0;
	for (struct dirent *entry; processes && !pid && (entry = readdir(processes));)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && holds_socket(entry->d_name, inode))
			pid = atoi(entry->d_name);
	if (processes)
		closedir(processes);
	return pid;
}
