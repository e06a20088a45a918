/* A server under test: a limit program, a Spate broker, or a peer that already runs. Starts it pinned to
 * its core with an empty data directory, knows when it answers, and leaves nothing behind.
 * Owns the child process and its directory; one thread. */
#pragma once

#include "log/base/types.h"

#include <sys/types.h>

enum server_kind { SERVER_LIMIT, SERVER_SPATE, SERVER_PEER };

struct server_spec {
	enum server_kind kind;
	const char *name;
	const char *program;   /* not for peers */
	const char *directory; /* where files are made: of the broker, of the limit program */
	int core;              /* -1: not pinned */
	uint16_t port;         /* peers alone */
	int pid;               /* peers alone: 0 if it is not on this machine */
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

/* Asks it to end, insists after 10 s, and removes its data. Peers run on. */
void server_stop(struct server *server);
