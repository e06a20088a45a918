/* Peers that play by no rules: slow, deaf, half-closed, reset, many, or only noise. Each is a case of its own: the others are asked after each. */
#pragma once

#include "tests/hostile/player.h"

#include <stdint.h>

struct peer_case {
	const char *name;
	/* NULL, or what went wrong with the peer itself. */
	const char *(*play)(const struct target *target, uint64_t seed);
};

extern const struct peer_case peer_cases[];
extern const size_t peer_case_count;
