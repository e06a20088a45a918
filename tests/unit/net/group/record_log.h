/* The log that a host would keep for a coordinator under test: every record that came out of it, in order; another coordinator is loaded from it. One
 * thread; aborts the test on whatever a test cannot go on from. */
#pragma once

#include "net/group/coordinator.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct logged {
	struct slice key, value;       /* value.data NULL: a tombstone */
};

struct record_log {
	struct logged *records;
	uint32_t count, capacity;
	uint64_t seed;                 /* told with a failure */
};

static inline struct slice record_log_copy(struct slice bytes)
{
	if (!bytes.data)
		return bytes;
	uint8_t *copy = malloc(bytes.size + 1);
	memcpy(copy, bytes.data, bytes.size);
	return (struct slice){copy, bytes.size};
}

/* What is in the outbox; returns how many. The outbox keeps them. */
static inline uint32_t record_log_take(struct record_log *log, const struct group_outbox *outbox)
{
	uint32_t before = log->count;
	cr_assert_not(outbox->is_out_of_memory, "seed %llu", (unsigned long long)log->seed);
	for (const struct group_record *record = outbox->records; record; record = record->next) {
		if (log->count == log->capacity) {
			log->capacity = log->capacity ? 2 * log->capacity : 256;
			log->records = realloc(log->records, log->capacity * sizeof *log->records);
		}
		log->records[log->count++] = (struct logged){record_log_copy(record->key), record_log_copy(record->value)};
	}
	return log->count - before;
}

static inline void record_log_load(const struct record_log *log, struct coordinator *coordinator, struct group_clock clock)
{
	for (uint32_t i = 0; i < log->count; i++)
		cr_assert_eq(coordinator_replay(coordinator, log->records[i].key, log->records[i].value), 0, "seed %llu: record %u",
			     (unsigned long long)log->seed, i);
	coordinator_loaded(coordinator, clock);
}

/* The first `count` of them go. */
static inline void record_log_trim(struct record_log *log, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		free((uint8_t *)log->records[i].key.data);
		free((uint8_t *)log->records[i].value.data);
	}
	log->count -= count;
	if (log->count)
		memmove(log->records, log->records + count, log->count * sizeof *log->records);
}

static inline void record_log_free(struct record_log *log)
{
	record_log_trim(log, log->count);
	free(log->records);
	*log = (struct record_log){.seed = log->seed};
}
