/* The judge of a run. Each partition has a slot for each offset between its log start and its end: the record that was seen or acknowledged there, and
 * when. Each send has at most one base offset, from the first ack or sight on; everything told later is held against these two.
 *
 * A scan is the one time when absence counts: what was certain and is not seen is lost, what was never answered and is not seen is dead, and
 * whatever is dead and seen later has come back. */
#include "tests/history/history.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/check.h"

#define ANOMALIES_MAX 64
#define NO_SEND UINT64_MAX

enum send_state { SEND_PENDING, SEND_ACKED, SEND_REFUSED, SEND_UNKNOWN, SEND_DEAD };

struct send {
	uint32_t partition, count;
	uint64_t sender;
	enum send_state state;
	bool is_seen;                /* one of its records was served */
	int64_t base_offset;         /* -1: not known */
	int64_t staged_offset;       /* -1: the log said nothing */
	uint64_t sent_event, acked_event, seen_event, unknown_event, dead_event;
};

struct slot {
	uint64_t mark, send, event;  /* send: NO_SEND while nothing is known */
	int64_t timestamp_ms;
	uint64_t scan;               /* the last scan that saw it */
	bool is_read, may_be_damaged, is_named_damaged;
};

struct history_partition {
	char name[128];
	struct slot *slots;          /* offsets [base, base + count) */
	int64_t base;
	uint64_t count, capacity;
	int64_t log_start, certain_end;
	int64_t wanted_end;          /* certain_end when the scan began: so far it must come */
	uint64_t certain_event, start_event;
	uint64_t scan;
	bool is_scanning;
};

struct mark_entry {
	uint64_t mark, send;
	uint32_t index;              /* in its send; the entry is free if `is_used` is not */
	bool is_used;
};

struct history {
	struct history_partition *partitions;
	uint32_t partition_count;
	struct send *sends;
	uint64_t send_count, send_capacity, oldest_open; /* sends before it are acked, refused or dead */
	struct mark_entry *marks;    /* open addressing */
	uint64_t mark_count, mark_mask;
	struct anomaly *anomalies;
	uint32_t anomaly_count;
	uint64_t event, crash_event;
	uint64_t kept, lost;         /* of those never answered */
	bool may_resurrect;
};

/* ---- memory ------------------------------------------------------------------------------------------------- */

static void *grow(void *old, uint64_t count, size_t size)
{
	void *memory = realloc(old, count * size);
	CHECK(memory);
	return memory;
}

static uint64_t spread(uint64_t mark)
{
	mark ^= mark >> 31;
	return mark * 0x9e3779b97f4a7c15ull >> 16;
}

static struct mark_entry *entry_of(struct history *history, uint64_t mark)
{
	uint64_t at = spread(mark) & history->mark_mask;
	while (history->marks[at].is_used && history->marks[at].mark != mark)
		at = (at + 1) & history->mark_mask;
	return &history->marks[at];
}

static void grow_marks(struct history *history)
{
	struct mark_entry *old = history->marks;
	uint64_t count = history->mark_mask + 1;
	history->mark_mask = count * 2 - 1;
	history->marks = calloc(count * 2, sizeof *history->marks);
	CHECK(history->marks);
	for (uint64_t i = 0; i < count; i++)
		if (old[i].is_used)
			*entry_of(history, old[i].mark) = old[i];
	free(old);
}

static void add_mark(struct history *history, uint64_t mark, uint64_t send, uint32_t index)
{
	if (history->mark_count * 2 > history->mark_mask)
		grow_marks(history);
	struct mark_entry *entry = entry_of(history, mark);
	CHECKF(!entry->is_used, "two records of a run share a mark");
	*entry = (struct mark_entry){mark, send, index, true};
	history->mark_count++;
}

struct history *history_open(void)
{
	struct history *history = calloc(1, sizeof *history);
	CHECK(history);
	history->mark_mask = 255;
	history->marks = calloc(history->mark_mask + 1, sizeof *history->marks);
	history->anomalies = calloc(ANOMALIES_MAX, sizeof *history->anomalies);
	CHECK(history->marks && history->anomalies);
	return history;
}

static void *copy_array(const void *from, uint64_t count, uint64_t capacity, size_t size)
{
	if (!capacity)
		return NULL;
	void *copy = grow(NULL, capacity, size);
	memcpy(copy, from, count * size);
	return copy;
}

struct history *history_copy(const struct history *history)
{
	struct history *copy = grow(NULL, 1, sizeof *copy);
	*copy = *history;
	copy->partitions = copy_array(history->partitions, history->partition_count, history->partition_count, sizeof *copy->partitions);
	for (uint32_t i = 0; i < copy->partition_count; i++) {
		struct history_partition *partition = &copy->partitions[i];
		partition->slots = copy_array(partition->slots, partition->count, partition->capacity, sizeof *partition->slots);
	}
	copy->sends = copy_array(history->sends, history->send_count, history->send_capacity, sizeof *copy->sends);
	copy->marks = copy_array(history->marks, history->mark_mask + 1, history->mark_mask + 1, sizeof *copy->marks);
	copy->anomalies = copy_array(history->anomalies, ANOMALIES_MAX, ANOMALIES_MAX, sizeof *copy->anomalies);
	return copy;
}

void history_close(struct history *history)
{
	for (uint32_t i = 0; i < history->partition_count; i++)
		free(history->partitions[i].slots);
	free(history->partitions);
	free(history->sends);
	free(history->marks);
	free(history->anomalies);
	free(history);
}

static struct history_partition *partition_of(struct history *history, uint32_t partition)
{
	CHECK(partition < history->partition_count);
	return &history->partitions[partition];
}

uint32_t history_add_partition(struct history *history, const char *name)
{
	history->partitions = grow(history->partitions, history->partition_count + 1, sizeof *history->partitions);
	struct history_partition *partition = &history->partitions[history->partition_count];
	*partition = (struct history_partition){0};
	snprintf(partition->name, sizeof partition->name, "%s", name);
	return history->partition_count++;
}

/* The slot of an offset at or behind the log start. */
static struct slot *slot_of(struct history_partition *partition, int64_t offset)
{
	CHECK(offset >= partition->base);
	uint64_t index = (uint64_t)(offset - partition->base);
	CHECKF(index < 1u << 30, "an offset far beyond everything: %ld", (long)offset);
	if (index >= partition->capacity) {
		uint64_t capacity = (index + 16) * 2;
		partition->slots = grow(partition->slots, capacity, sizeof *partition->slots);
		partition->capacity = capacity;
	}
	for (; partition->count <= index; partition->count++)
		partition->slots[partition->count] = (struct slot){.send = NO_SEND, .timestamp_ms = -1};
	return &partition->slots[index];
}

/* What lies below the log start needs no memory any more. */
static void drop_slots(struct history_partition *partition, int64_t log_start)
{
	uint64_t gone = log_start > partition->base ? (uint64_t)(log_start - partition->base) : 0;
	gone = gone < partition->count ? gone : partition->count;
	if (gone < 1024 && gone < partition->count)
		return;
	partition->count -= gone;
	if (partition->count)
		memmove(partition->slots, partition->slots + gone, partition->count * sizeof *partition->slots);
	partition->base += (int64_t)gone;
	if (!partition->count && partition->base < log_start)
		partition->base = log_start;
}

/* ---- the verdict --------------------------------------------------------------------------------------------- */

const char *anomaly_name(enum anomaly_kind kind)
{
	static const char *const names[] = {
#define X(name, text) text,
		HISTORY_ANOMALIES(X)
#undef X
	};
	return names[kind];
}

void history_report(struct history *history, enum anomaly_kind kind, uint32_t partition, int64_t offset, const char *format, ...)
{
	if (history->anomaly_count == ANOMALIES_MAX)
		return;
	struct anomaly *anomaly = &history->anomalies[history->anomaly_count++];
	*anomaly = (struct anomaly){.kind = kind, .event = history->event, .partition = partition, .offset = offset};
	int used = snprintf(anomaly->text, sizeof anomaly->text, "%s: %s: ", anomaly_name(kind),
			    partition == HISTORY_BROKER ? "the broker" : partition_of(history, partition)->name);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(anomaly->text + used, sizeof anomaly->text - (size_t)used, format, arguments);
	va_end(arguments);
}

uint32_t history_anomalies(const struct history *history, const struct anomaly **out)
{
	*out = history->anomalies;
	return history->anomaly_count;
}

int64_t history_certain_end(const struct history *history, uint32_t partition)
{
	CHECK(partition < history->partition_count);
	return history->partitions[partition].certain_end;
}

void history_fates(const struct history *history, uint64_t *kept, uint64_t *lost)
{
	*kept = history->kept;
	*lost = history->lost;
}

int64_t history_offset_of(const struct history *history, uint64_t send)
{
	return history->sends[send].base_offset;
}

/* "send 7 of sender 3 (sent at event 12, acked at event 15)" */
struct told {
	char text[160];
};

static struct told tell_send(const struct history *history, uint64_t number)
{
	struct told told;
	if (number == NO_SEND) {
		snprintf(told.text, sizeof told.text, "an unknown record");
		return told;
	}
	const struct send *send = &history->sends[number];
	int used = snprintf(told.text, sizeof told.text, "batch %lu of sender %lu (sent at event %lu", (unsigned long)number, (unsigned long)send->sender,
			    (unsigned long)send->sent_event);
	if (send->acked_event)
		used += snprintf(told.text + used, sizeof told.text - (size_t)used, ", acked at event %lu", (unsigned long)send->acked_event);
	if (send->seen_event)
		used += snprintf(told.text + used, sizeof told.text - (size_t)used, ", first served at event %lu", (unsigned long)send->seen_event);
	snprintf(told.text + used, sizeof told.text - (size_t)used, ")");
	return told;
}

/* ---- what went in ---------------------------------------------------------------------------------------------- */

static struct send *send_of(struct history *history, uint64_t send)
{
	CHECK(send < history->send_count);
	history->event++;
	return &history->sends[send];
}

uint64_t history_send(struct history *history, uint32_t partition, uint64_t sender, const uint64_t *marks, uint32_t count)
{
	if (history->send_count == history->send_capacity) {
		history->send_capacity = history->send_capacity ? history->send_capacity * 2 : 64;
		history->sends = grow(history->sends, history->send_capacity, sizeof *history->sends);
	}
	uint64_t number = history->send_count++;
	history->sends[number] = (struct send){.partition = partition, .count = count, .sender = sender, .base_offset = -1, .staged_offset = -1,
					       .sent_event = ++history->event};
	for (uint32_t i = 0; i < count; i++)
		add_mark(history, marks[i], number, i);
	return number;
}

/* From now on it may appear again. */
static void reopen(struct history *history, uint64_t number, struct send *send)
{
	if (send->state == SEND_ACKED)
		return;
	send->state = SEND_PENDING;
	send->staged_offset = -1;
	if (history->oldest_open > number)
		history->oldest_open = number;
}

void history_retry(struct history *history, uint64_t number)
{
	reopen(history, number, send_of(history, number));
}

/* Damage that was done may have reached each record where it was served. */
static bool may_be_damaged(struct history *history, const struct send *send)
{
	struct history_partition *partition = partition_of(history, send->partition);
	for (int64_t offset = send->base_offset; offset < send->base_offset + send->count; offset++)
		if (offset >= partition->base && !slot_of(partition, offset)->may_be_damaged)
			return false;
	return true;
}

/* A batch that was served and never acknowledged is the sender's to send again once it is damaged, and stands at another offset then: nothing but the
 * damaged place knew its sequence number. The first place keeps its slots: what is served there from now on is at two offsets. */
static void leave_damaged_place(struct history *history, uint64_t number, int64_t base_offset)
{
	struct send *send = &history->sends[number];
	if (send->base_offset >= 0 && send->base_offset != base_offset && !send->acked_event && may_be_damaged(history, send))
		send->base_offset = -1;
}

/* Puts the send's records at a base offset: into slots that are free, or hold the same. */
static void place(struct history *history, uint64_t number, int64_t base_offset)
{
	struct send *send = &history->sends[number];
	struct history_partition *partition = partition_of(history, send->partition);
	if (send->base_offset >= 0 && send->base_offset != base_offset)
		history_report(history, ANOMALY_INCONSISTENT_OFFSETS, send->partition, base_offset, "%s is at offset %ld and at %ld",
			       tell_send(history, number).text, (long)send->base_offset, (long)base_offset);
	if (send->base_offset >= 0)
		return;
	send->base_offset = base_offset;
	if (send->staged_offset >= 0 && send->staged_offset != base_offset)
		history_report(history, ANOMALY_INCONSISTENT_OFFSETS, send->partition, base_offset, "%s was accepted for offset %ld and is at %ld",
			       tell_send(history, number).text, (long)send->staged_offset, (long)base_offset);
	for (uint32_t i = 0; i < send->count; i++) {
		if (base_offset + i < partition->base)
			continue;
		struct slot *slot = slot_of(partition, base_offset + i);
		if (slot->send != NO_SEND && slot->send != number) {
			history_report(history, ANOMALY_INCONSISTENT_OFFSETS, send->partition, base_offset + i, "offset %ld holds %s and %s",
				       (long)base_offset + i, tell_send(history, slot->send).text, tell_send(history, number).text);
			return;
		}
		slot->send = number;
		slot->event = history->event;
	}
}

void history_staged(struct history *history, uint64_t number, int64_t base_offset)
{
	struct send *send = send_of(history, number);
	if (send->base_offset < 0)
		send->staged_offset = base_offset;
}

static void make_certain(struct history *history, struct history_partition *partition, int64_t end)
{
	if (end <= partition->certain_end)
		return;
	partition->certain_end = end;
	partition->certain_event = history->event;
}

void history_ack(struct history *history, uint64_t number, int64_t base_offset)
{
	struct send *send = send_of(history, number);
	leave_damaged_place(history, number, base_offset);
	if (!send->acked_event)
		send->acked_event = history->event;
	send->state = SEND_ACKED;
	place(history, number, base_offset);
	make_certain(history, partition_of(history, send->partition), base_offset + send->count);
}

void history_refuse(struct history *history, uint64_t number)
{
	struct send *send = send_of(history, number);
	if (send->state == SEND_PENDING)
		send->state = send->is_seen ? SEND_ACKED : SEND_REFUSED;
}

static void make_unknown(struct history *history, struct send *send)
{
	if (send->state != SEND_PENDING)
		return;
	send->state = SEND_UNKNOWN;
	send->unknown_event = history->event;
}

void history_forget(struct history *history, uint64_t number)
{
	make_unknown(history, send_of(history, number));
}

void history_crash(struct history *history)
{
	history->crash_event = ++history->event;
	for (uint64_t i = history->oldest_open; i < history->send_count; i++)
		make_unknown(history, &history->sends[i]);
}

/* ---- what came out ----------------------------------------------------------------------------------------------- */

static void judge_sender(struct history *history, uint32_t partition_number, int64_t offset, struct send *send, uint64_t number)
{
	switch (send->state) {
	case SEND_REFUSED:
		history_report(history, ANOMALY_REFUSED_WRITE, partition_number, offset, "offset %ld shows %s, which was refused", (long)offset,
			       tell_send(history, number).text);
		break;
	case SEND_DEAD:
		if (history->may_resurrect)
			break;
		history_report(history, ANOMALY_RESURRECTION, partition_number, offset,
			       "offset %ld shows %s, which was not there when all was read at event %lu", (long)offset, tell_send(history, number).text,
			       (unsigned long)send->dead_event);
		break;
	case SEND_PENDING:
	case SEND_ACKED:
	case SEND_UNKNOWN:
		break;
	}
}

/* The record's send learns where it is; true if that agrees with all that is known. */
static bool judge_place(struct history *history, uint32_t partition, int64_t offset, const struct mark_entry *entry)
{
	struct send *send = &history->sends[entry->send];
	int64_t base = offset - entry->index;
	if (send->partition != partition) {
		history_report(history, ANOMALY_PHANTOM, partition, offset, "offset %ld shows %s, which went to %s", (long)offset,
			       tell_send(history, entry->send).text, partition_of(history, send->partition)->name);
		return false;
	}
	leave_damaged_place(history, entry->send, base);
	if (send->base_offset >= 0 && send->base_offset != base) {
		history_report(history, ANOMALY_DUPLICATE, partition, offset, "record %u of %s is at offset %ld and at %ld", entry->index,
			       tell_send(history, entry->send).text, (long)send->base_offset + entry->index, (long)offset);
		return false;
	}
	judge_sender(history, partition, offset, send, entry->send);
	if (!send->seen_event)
		send->seen_event = history->event;
	send->is_seen = true;
	if (send->base_offset < 0)
		place(history, entry->send, base);
	return true;
}

void history_read(struct history *history, uint32_t number, int64_t offset, uint64_t mark, int64_t timestamp_ms)
{
	struct history_partition *partition = partition_of(history, number);
	history->event++;
	if (offset < partition->base)
		return; /* below the log start: a batch may begin there */
	const struct mark_entry *entry = entry_of(history, mark);
	if (!entry->is_used) {
		history_report(history, ANOMALY_PHANTOM, number, offset, "offset %ld shows a record that nobody sent", (long)offset);
		return;
	}
	struct slot *slot = slot_of(partition, offset);
	if (slot->send != NO_SEND && (slot->send != entry->send || (slot->is_read && slot->mark != mark))) {
		history_report(history, ANOMALY_INCONSISTENT_OFFSETS, number, offset, "offset %ld shows %s, and held %s since event %lu", (long)offset,
			       tell_send(history, entry->send).text, tell_send(history, slot->send).text, (unsigned long)slot->event);
		return;
	}
	if (!judge_place(history, number, offset, entry))
		return;
	slot = slot_of(partition, offset); /* the batch's other slots may have moved it */
	slot->mark = mark;
	slot->timestamp_ms = timestamp_ms;
	slot->is_read = true;
	slot->scan = partition->scan;
	make_certain(history, partition, offset + 1);
}

void history_allow_resurrection(struct history *history)
{
	history->may_resurrect = true;
}

void history_allow_damage(struct history *history, uint32_t number, int64_t from, int64_t to)
{
	struct history_partition *partition = partition_of(history, number);
	history->event++;
	for (int64_t offset = from > partition->base ? from : partition->base; offset < to; offset++)
		slot_of(partition, offset)->may_be_damaged = true;
}

void history_read_damaged(struct history *history, uint32_t number, int64_t offset)
{
	struct history_partition *partition = partition_of(history, number);
	history->event++;
	if (offset < partition->base)
		return;
	struct slot *slot = slot_of(partition, offset);
	if (!slot->may_be_damaged)
		history_report(history, ANOMALY_FALSE_DAMAGE, number, offset, "offset %ld is said to be damaged, and nothing has damaged it; it holds %s",
			       (long)offset, tell_send(history, slot->send).text);
	slot->is_named_damaged = true;
	slot->scan = partition->scan;
}

void history_trimmed(struct history *history, uint32_t number, int64_t log_start)
{
	struct history_partition *partition = partition_of(history, number);
	history->event++;
	if (log_start <= partition->log_start)
		return;
	partition->log_start = log_start;
	partition->start_event = history->event;
}

void history_positions(struct history *history, uint32_t number, int64_t log_start, int64_t high_watermark, int64_t log_end)
{
	struct history_partition *partition = partition_of(history, number);
	history->event++;
	if (log_start > high_watermark || high_watermark > log_end)
		history_report(history, ANOMALY_POSITION_BACK, number, -1, "log start %ld, high watermark %ld and log end %ld are out of order",
			       (long)log_start, (long)high_watermark, (long)log_end);
	if (log_start < partition->log_start && !history->may_resurrect)
		history_report(history, ANOMALY_POSITION_BACK, number, log_start, "log start %ld; it was %ld at event %lu", (long)log_start,
			       (long)partition->log_start, (unsigned long)partition->start_event);
	if (high_watermark < partition->certain_end)
		history_report(history, ANOMALY_LOST_WRITE, number, high_watermark,
			       "high watermark %ld; offsets up to %ld were acknowledged or served at event %lu, the first of them by %s", (long)high_watermark,
			       (long)partition->certain_end, (unsigned long)partition->certain_event,
			       tell_send(history, high_watermark >= partition->base ? slot_of(partition, high_watermark)->send : NO_SEND).text);
	if (log_start > partition->log_start) {
		partition->log_start = log_start;
		partition->start_event = history->event;
	}
	make_certain(history, partition, high_watermark);
}

void history_looked_up(struct history *history, uint32_t number, int64_t timestamp_ms, int64_t high_watermark, bool is_found, int64_t offset,
		       int64_t found_timestamp_ms)
{
	struct history_partition *partition = partition_of(history, number);
	history->event++;
	int64_t first = -1;
	for (int64_t at = partition->log_start > partition->base ? partition->log_start : partition->base; at < high_watermark && first < 0; at++) {
		const struct slot *slot = slot_of(partition, at);
		if (!slot->is_read || slot->may_be_damaged)
			return;
		if (slot->timestamp_ms >= timestamp_ms)
			first = at;
	}
	bool is_right = is_found == (first >= 0) && (!is_found || (offset == first && slot_of(partition, first)->timestamp_ms == found_timestamp_ms));
	if (!is_right)
		history_report(history, ANOMALY_WRONG_TIME, number, offset, "the first record at or after time %ld is said to be at offset %ld, and is at %ld",
			       (long)timestamp_ms, is_found ? (long)offset : -1, (long)first);
}

/* ---- scans -------------------------------------------------------------------------------------------------------- */

void history_scan_begin(struct history *history, uint32_t number)
{
	struct history_partition *partition = partition_of(history, number);
	history->event++;
	partition->scan++;
	partition->wanted_end = partition->certain_end;
	partition->is_scanning = true;
}

static void judge_absence(struct history *history, uint32_t number, int64_t offset, const struct slot *slot)
{
	if (slot->send == NO_SEND)
		history_report(history, ANOMALY_GAP, number, offset, "nothing is at offset %ld", (long)offset);
	else
		history_report(history, ANOMALY_LOST_WRITE, number, offset, "nothing is at offset %ld, which held %s", (long)offset,
			       tell_send(history, slot->send).text);
}

/* Every offset was served or named damaged; a sender's batches came in order; batches are whole. */
static void judge_slots(struct history *history, uint32_t number, int64_t from, int64_t to)
{
	struct history_partition *partition = partition_of(history, number);
	for (int64_t offset = from; offset < to; offset++) {
		const struct slot *slot = slot_of(partition, offset);
		if (slot->scan != partition->scan) {
			judge_absence(history, number, offset, slot);
			return; /* one is enough: the others follow from it */
		}
	}
	if (to >= partition->wanted_end)
		return;
	history_report(history, ANOMALY_LOST_WRITE, number, to, "the log ends at %ld; offset %ld held %s", (long)to, (long)to,
		       tell_send(history, slot_of(partition, to > partition->base ? to : partition->base)->send).text);
}

struct last_of_sender {
	uint64_t sender, send;
};

static void judge_order(struct history *history, uint32_t number, int64_t from, int64_t to)
{
	struct history_partition *partition = partition_of(history, number);
	struct last_of_sender last[256];
	uint32_t count = 0;
	for (int64_t offset = from; offset < to; offset++) {
		const struct slot *slot = slot_of(partition, offset);
		if (slot->send == NO_SEND || !slot->is_read)
			continue;
		uint64_t sender = history->sends[slot->send].sender;
		uint32_t i = 0;
		while (i < count && last[i].sender != sender)
			i++;
		if (i == 256)
			continue;
		if (i == count)
			last[count++] = (struct last_of_sender){sender, slot->send};
		if (last[i].send > slot->send) {
			history_report(history, ANOMALY_NONMONOTONIC_SEND, number, offset, "offset %ld holds %s, behind %s", (long)offset,
				       tell_send(history, slot->send).text, tell_send(history, last[i].send).text);
			return;
		}
		last[i].send = slot->send;
	}
}

static bool is_whole(struct history_partition *partition, const struct send *send, int64_t from, int64_t to)
{
	return send->base_offset < from || send->base_offset + send->count <= to;
}

/* What was unknown when the broker crashed, and was not seen since, will never be. What became unknown later may still come, with the next start. */
static void bury(struct history *history, uint32_t number, int64_t from, int64_t to)
{
	bool is_oldest = true;
	for (uint64_t i = history->oldest_open; i < history->send_count; i++) {
		struct send *send = &history->sends[i];
		bool is_open = send->state == SEND_PENDING || send->state == SEND_UNKNOWN;
		if (is_open && send->partition == number && send->is_seen && !is_whole(partition_of(history, number), send, from, to))
			history_report(history, ANOMALY_TORN_BATCH, number, to, "%s begins at %ld with %u records, and the log ends at %ld",
				       tell_send(history, i).text, (long)send->base_offset, send->count, (long)to);
		if (send->state == SEND_UNKNOWN && send->partition == number && !send->is_seen && send->unknown_event > history->crash_event) {
			is_oldest = false;
		} else if (send->state == SEND_UNKNOWN && send->partition == number && !send->is_seen) {
			send->state = SEND_DEAD;
			history->lost++;
			send->dead_event = history->event;
		} else if (send->state == SEND_UNKNOWN && send->partition == number) {
			send->state = SEND_ACKED; /* it is there: as good as acked */
			history->kept++;
		}
		is_oldest &= send->state != SEND_PENDING && send->state != SEND_UNKNOWN;
		if (is_oldest)
			history->oldest_open = i + 1;
	}
}

void history_scan_end(struct history *history, uint32_t number, int64_t log_start, int64_t high_watermark)
{
	struct history_partition *partition = partition_of(history, number);
	history->event++;
	CHECK(partition->is_scanning);
	partition->is_scanning = false;
	int64_t from = log_start > partition->base ? log_start : partition->base;
	judge_slots(history, number, from, high_watermark);
	judge_order(history, number, from, high_watermark);
	bury(history, number, from, high_watermark);
	drop_slots(partition, partition->log_start < high_watermark ? partition->log_start : high_watermark);
}
