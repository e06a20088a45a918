/* Clients of a broker whose disk is watched: idempotent producers with three batches on their way, small and large, that send again what was not answered; topics that are made,
 * written, deleted and made again under the same name; commits, deleted records, consumers that read along; and the broker is stopped and killed meanwhile.
 * Everything is told to the story. The call returns when all of them have ended. */
#pragma once

#include "tests/power/broker.h"
#include "tests/power/story.h"

struct load_options {
	uint64_t seed;
	uint64_t flushes;             /* ends after so many of the disk's */
	uint64_t time_ms;             /* or after so long */
	const char *const *settings;  /* the broker's */
	struct disk_fault fault;      /* strikes when half of the flushes are done, and ends the load a moment later */
	uint64_t kills;               /* or after so many kills, which then come by time; 0: restarts come by flushes */
	struct {
		uint64_t kills, stops;
		uint64_t slowest_start_ms;
	} done;
};

/* The broker runs before, and is killed at the end. Without a disk, `kills` decides. False, and why: it did not start again, or ended otherwise than it was asked to. */
MUST_USE bool load_run(struct broker *broker, struct story *story, struct disk *disk, struct load_options *options, char *why, size_t why_size);
