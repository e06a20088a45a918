/* What the command line asked for. Filled once, read by all; one thread. */
#pragma once

#include "bench/run/server.h"

#define PEERS_MAX 4

struct options {
	const char *spate, *limits, *directory; /* binaries; where data goes */
	const char *beside;                     /* another Spate, or NULL */
	const char *only;                       /* experiments, by name; NULL: the usual ones */
	const char *json, *page;                /* files to write, or NULL */
	uint32_t rounds;
	double seconds, warmup_s;
	int server_core, load_core; /* -1: not pinned; the first two that this process may have, if it has two */
	double stalls_minutes;
	uint32_t peers_count;
	struct server_spec peers[PEERS_MAX]; /* brokers that run already */
	uint32_t tools_count;
	struct {
		const char *name, *command;
	} tools[PEERS_MAX]; /* of others that speak another protocol */
};

/* Exits with a usage message if the arguments are wrong or ask for it. `names` lists the experiments. */
void options_parse(struct options *options, int argc, char **argv, const char *names);
