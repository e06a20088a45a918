/* The first record at or behind an offset, in each of many partitions: what tells how long a group is behind. Needs a client of type
 * RD_KAFKA_CONSUMER that was opened with FIRST_RECORD_SETTINGS. Owner: the main thread. */
#pragma once

#include "cli/kafka_client.h"

/* One batch of each partition is all that is needed, and an offset that is gone is an error, not a jump. */
#define FIRST_RECORD_SETTINGS                                                                                  \
	{"enable.partition.eof", "true"}, {"auto.offset.reset", "error"},                                        \
	{"fetch.message.max.bytes", "4096"}, {"fetch.wait.max.ms", "10"}, {"check.crcs", "true"}

struct first_record {
	const char *topic;
	int32_t partition;
	int64_t from;
	/* out */
	bool is_found;         /* else there is none, or it cannot be read */
	int64_t offset, timestamp_ms;
	bool is_append_time;   /* the broker wrote the timestamp, else the producer */
	bool is_done;
};

/* `records` are sorted by topic; those with is_done set are left alone. An exit status, after a complaint if it is not STATUS_OK. */
MUST_USE int first_records_read(struct kafka_client *client, struct first_record *records, uint32_t count);
