/* How many descriptors this process may have, and what each part of the broker gets of them: the storage engine's own work first (journals, checkpoints,
 * directory syncs, a cycle's filings), then the files of segments that are kept open for the next read or write, then connections. Owner: the start; says,
 * and does nothing: the store closes files of segments (log/segment), the connections' count refuses (net/conn). */
#pragma once

#include "log/base/types.h"

struct descriptors {
	uint64_t limit;               /* UINT64_MAX: none */
	uint32_t segments_a_shard;    /* for store_options.open_files_max */
	uint32_t connections;
};

/* What a limit is divided into. */
struct descriptors descriptors_divide(uint64_t limit, uint32_t shard_count);
/* The process's own limit, divided. */
struct descriptors descriptors_of_process(uint32_t shard_count);
/* The limit with which so many partitions could have a file open each; 0: this one is enough. */
uint64_t descriptors_wanted(const struct descriptors *descriptors, uint64_t partition_count, uint32_t shard_count);
