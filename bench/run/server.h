/* A server under test: a limit program, a Spate broker, or a peer that already runs. Starts it pinned to
 * its core with an empty data directory, knows when it answers, and leaves nothing behind at the end.
 * Owns the child process and its directory; one thread. */
#pragma once

#include "log/base/types.h"

#include <sys/types.h>

/* SERVER_BOOT is a limit program that is given its port and answers ApiVersions, as a broker does. */
enum server_kind { SERVER_LIMIT, SERVER_BOOT, SERVER_SPATE, SERVER_PEER };

struct server_spec {
	enum server_kind kind;
	const char *name;
	const char *program;   /* not for peers */
	const char *directory; /* where files are made: of the broker, of the limit program */
	int core;              /* -1: not pinned */
	uint16_t port;         /* peers alone */
	int pid;               /* peers alone: 0 if it is not on this machine */
	uint32_t retention_check_ms; /* of the broker: how often it looks for segments to delete; 0: its default */
	bool flushes;          /* peers alone: topics are created with flush.messages=1 */
};

struct server {
	const struct server_spec *spec;
	pid_t pid;
	uint16_t port;
	uint64_t start_ns; /* brokers: from before fork to the first answer to ApiVersions */
	char data_directory[512];
};

/* 0, or negative with a line about it on stderr; then there is nothing to stop. */
int server_start(struct server *server, const struct server_spec *spec) MUST_USE;

/* Ends it with a signal, as it would be ended by an operator (SIGTERM) or the kernel (SIGKILL), and leaves its data. */
void server_halt(struct server *server, int signal);

/* Starts it again with the data that a halt left; `start_ns` tells how long it took to answer. 0, or negative as server_start. */
int server_resume(struct server *server) MUST_USE;

/* Drops what the kernel has in memory of the files of a halted broker, so that they are read from the disk. */
void server_forget_files(const struct server *server);

/* One ApiVersions request on a connected socket: 0 if it is answered well. */
int server_ask_versions(int fd) MUST_USE;

/* Asks it to end, insists after 30 s, and empties its files. Peers run on. */
void server_stop(struct server *server);

/* Removes what the servers that were stopped have left: names, no bytes. Once, behind the last of them, as files that are deleted make those dear that are
 * made in the next minutes. */
void servers_remove_data(void);
