/* What the journal's tests share: a journal on a loop, with a memory of what was added, what was reported
 * durable, and a way to compare a replay with both. Each test program includes it once. */
#pragma once

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "log/base/bytes.h"
#include "log/io/io.h"
#include "log/journal/journal_priv.h"

#define RIG_GROUPS_MAX 65536u

struct rig {
	struct io *io;
	struct journal *journal;
	struct journal_options options;
	struct journal_report report;
	uint64_t durable_seq;      /* the last reported */
	uint64_t reports;
	int failed;
	uint64_t next_value;       /* each entry carries a number, one after the other */
	uint64_t durable_value;    /* all values below it were reported durable */
	uint64_t value_end_of[RIG_GROUPS_MAX]; /* by seq % RIG_GROUPS_MAX: one past the last value in the group */
};

static inline void rig_durable(void *context, uint64_t group_seq)
{
	struct rig *rig = context;
	cr_assert_gt(group_seq, rig->durable_seq, "reports come in order");
	rig->durable_seq = group_seq;
	rig->durable_value = rig->value_end_of[group_seq % RIG_GROUPS_MAX];
	rig->reports++;
}

static inline void rig_failed(void *context, int err)
{
	struct rig *rig = context;
	cr_assert_eq(rig->failed, 0, "failed is called once");
	rig->failed = err;
}

static inline struct journal_options rig_options(struct rig *rig, const char *path, uint64_t size_bytes, uint32_t group_size_bytes, uint32_t in_flight)
{
	return (struct journal_options){
		.path = path,
		.size_bytes = size_bytes,
		.group_size_bytes_max = group_size_bytes,
		.groups_in_flight_max = in_flight,
		.incarnation = 1,
		.durable = rig_durable,
		.failed = rig_failed,
		.context = rig,
	};
}

/* The payload of a value: its number, then bytes that follow from it. */
static inline void fill_payload(uint8_t *out, size_t size, uint64_t value)
{
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(value * 131 + i * 7);
	if (size >= 8)
		store_le64(out, value);
}

static inline struct journal_entry entry_of(uint64_t value, struct slice payload)
{
	return (struct journal_entry){
		.kind = 1,
		.topic_id = {{(uint8_t)value, 1, 2, 3}},
		.partition = (uint32_t)value * 3,
		.base_offset = (int64_t)value,
		.end_offset = (int64_t)value + 1,
		.segment_base_offset = -5,
		.position = value << 20,
		.data_size_bytes = (uint32_t)payload.size,
		.data_checksum = payload.size ? journal_data_checksum(payload) : value,
	};
}

/* Adds the next value with a payload of this size (0: none). False: no room now. */
static inline bool rig_add(struct rig *rig, size_t size)
{
	static uint8_t payload[8 << 20];
	cr_assert_leq(size, sizeof payload);
	fill_payload(payload, size, rig->next_value);
	struct journal_entry entry = entry_of(rig->next_value, (struct slice){payload, size});
	/* In two pieces, so that vectors are gathered. */
	struct iovec vector[] = {{payload, size / 3}, {payload + size / 3, size - size / 3}};
	if (!journal_add(rig->journal, &entry, vector, size ? 2 : 0))
		return false;
	rig->next_value++;
	rig->value_end_of[journal_open_seq(rig->journal) % RIG_GROUPS_MAX] = rig->next_value;
	return true;
}

/* Turns the loop until nothing is in flight; on the simulated disk time passes as well. */
static inline void rig_settle(struct rig *rig)
{
	while (!journal_is_idle(rig->journal))
		cr_assert_geq(io_turn(rig->io, true), 0);
}

static inline void rig_close(struct rig *rig)
{
	journal_quiesce(rig->journal);
	rig_settle(rig);
	journal_close(rig->journal);
	io_close(rig->io);
}

/* ---- replay: a run of values, each whole ------------------------------------------------------------------------- */

struct replayed {
	uint64_t first_value, next_value;
	uint64_t entries, gaps, unvouched;
	uint64_t last_seq;
	int64_t times; /* the sum of the groups' times, by entry */
	bool is_broken;
};

static inline int note_replayed(void *context, uint64_t group_seq, bool group_is_vouched, const struct journal_entry *entry, struct slice payload)
{
	static uint8_t expected_bytes[8 << 20];
	struct replayed *replayed = context;
	if (entry->is_repeat)
		return 0;
	uint64_t value = (uint64_t)entry->base_offset;
	struct slice expected = {expected_bytes, entry->data_size_bytes};
	fill_payload(expected_bytes, expected.size, value);
	struct journal_entry whole = entry_of(value, expected);
	bool is_same = payload.size == expected.size && memcmp(payload.data ? payload.data : expected_bytes, expected_bytes, payload.size) == 0 &&
		       entry->kind == whole.kind && uuid_equal(&entry->topic_id, &whole.topic_id) && entry->partition == whole.partition &&
		       entry->end_offset == whole.end_offset && entry->segment_base_offset == whole.segment_base_offset &&
		       entry->position == whole.position && entry->data_checksum == whole.data_checksum;
	if (!is_same || group_seq < replayed->last_seq)
		replayed->is_broken = true;
	if (replayed->entries == 0)
		replayed->first_value = value;
	else if (value != replayed->next_value)
		replayed->gaps++;
	if (replayed->entries > 0 && value < replayed->next_value)
		replayed->is_broken = true;
	replayed->next_value = value + 1;
	replayed->last_seq = group_seq;
	replayed->entries++;
	replayed->times += entry->group_time_ms;
	replayed->unvouched += !group_is_vouched;
	return 0;
}

static inline struct replayed rig_replay(struct rig *rig)
{
	struct replayed replayed = {0};
	int err = journal_replay(rig->journal, note_replayed, &replayed);
	cr_assert_eq(err, 0, "replay: %d", err);
	cr_assert(!replayed.is_broken, "an entry differs from what was added, or comes out of order");
	return replayed;
}
