/* What must hold beside the hostile ones: a good client is answered, and rightly, after every case; the broker is the same process, its memory
 * bounded; its log names each connection it refused once and does not flood. One thread. */
#pragma once

#include "tests/hostile/player.h"

struct watch {
	int pid;                 /* 0: unknown, and nothing of the process is watched */
	const char *log_path;    /* NULL: not watched */
	struct watch_client *client;
	long rss_first_kib, rss_last_kib, rss_most_kib;
	uint64_t answered;       /* of the good client's requests */
	int64_t begin_ms;
	char why[200];           /* what did not hold */
};

/* Connects the good client. False and `why`. */
bool watch_open(struct watch *watch, const struct target *target, int pid, const char *log_path);
/* Memory is measured against what it is now. */
void watch_begin(struct watch *watch);
/* The good client asks: a fetch that must bring the same bytes each time, and now and then a produce, in each codec in turn, that
 * must get the next offset. */
bool watch_check(struct watch *watch);
/* Reads the log: at least `refused_min` and at most `refused_max` connections must have been named or counted as left out, none of those in
 * `refused_by_port` more often than it was refused, in at most ten lines a second for each of so many shards. */
bool watch_log(struct watch *watch, uint64_t refused_min, uint64_t refused_max, const uint32_t refused_by_port[65536], unsigned shards);
void watch_close(struct watch *watch);
