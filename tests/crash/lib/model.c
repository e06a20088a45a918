/* The judgement: every topic that must be there is, none that was never made; each log begins and ends where it may, at a batch; every record
 * in it is the one that was sent for that offset, byte for byte; the producer is known as far as its last batch. */
#include "tests/crash/lib/model.h"

#include <stdarg.h>
#include <stdlib.h>
#include <xxhash.h>

#include "log/base/bytes.h"
#include "log/base/err.h"
#include "log/base/uuid_text.h"
#include "log/batch/record_iter.h"
#include "log/partition/producer.h"
#include "tests/crash/lib/allocations.h"

#define READ_TURNS_MAX 1000

void model_value(uint8_t *out, uint64_t number, uint32_t size)
{
	uint64_t x = number * 0x9e3779b97f4a7c15ull + 1;
	for (uint32_t i = 0; i < size; i += 8) {
		uint8_t next[8];
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		store_le64(next, x);
		memcpy(out + i, next, size - i < 8 ? size - i : 8);
	}
	if (size >= 8)
		store_le64(out, number);
}

void model_stage(struct model_log *log, uint64_t number, uint32_t count, uint32_t size, int32_t last_sequence)
{
	log->is_boundary[log->asked_end] = true;
	for (uint32_t i = 0; i < count && log->asked_end < MODEL_RECORDS_MAX; i++, log->asked_end++) {
		log->numbers[log->asked_end] = number + i;
		log->sizes[log->asked_end] = size;
		log->sequences[log->asked_end] = last_sequence;
		log->is_boundary[log->asked_end + 1] = i + 1 == count;
	}
}

void model_unstage(struct model_log *log, int64_t base)
{
	for (int64_t offset = base; offset < log->asked_end; offset++) {
		log->numbers[offset] = 0;
		log->sizes[offset] = 0;
		log->sequences[offset] = -1;
		log->is_boundary[offset + 1] = false;
	}
	log->asked_end = base;
}

static __attribute__((format(printf, 3, 4))) bool wrong(char *why, size_t why_size, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(why, why_size, format, arguments);
	va_end(arguments);
	return false;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

struct read {
	struct read_op op;
	bool is_done;
};

static void read_done(struct read_op *op)
{
	CONTAINER_OF(op, struct read, op)->is_done = true;
}

static bool read_at(struct machine *machine, struct partition *partition, int64_t offset, struct read *read)
{
	*read = (struct read){.op = {.done = read_done, .offset = offset, .size_bytes_max = 1 << 20, .is_first = true}};
	if (partition_read(partition, &read->op) == READ_DONE)
		return true;
	for (int turns = 0; !read->is_done && turns < READ_TURNS_MAX; turns++)
		machine_turn(machine);
	return read->is_done;
}

static bool judge_record(const struct model_log *log, const struct record *record, int64_t due, char *why, size_t why_size)
{
	static uint8_t expected[1 << 16];
	if (record->offset != due)
		return wrong(why, why_size, "offset %ld where %ld is due", (long)record->offset, (long)due);
	if (due >= log->asked_end)
		return wrong(why, why_size, "offset %ld was never written", (long)due);
	if (record->value.size != log->sizes[due])
		return wrong(why, why_size, "offset %ld has %zu bytes, not %u", (long)due, record->value.size, log->sizes[due]);
	model_value(expected, log->numbers[due], log->sizes[due]);
	if (memcmp(expected, record->value.data, record->value.size))
		return wrong(why, why_size, "offset %ld has other bytes (those of record %lu, not of %lu)", (long)due,
			     (unsigned long)load_le64(record->value.data), (unsigned long)log->numbers[due]);
	return true;
}

static bool judge_bytes(const struct model_log *log, struct slice bytes, int64_t *due, uint64_t *hash, char *why, size_t why_size)
{
	while (bytes.size) {
		struct batch batch;
		struct record_iter iter;
		struct record record;
		if (batch_parse_checked(bytes, &batch))
			return wrong(why, why_size, "a batch is served at %ld that fails its check", (long)*due);
		allocations_pause();
		int err = record_iter_open(&iter, NULL, (struct slice){bytes.data, batch.size_bytes});
		allocations_resume();
		if (err)
			return wrong(why, why_size, "no records at %ld", (long)*due);
		bool is_right = true;
		int got;
		while (is_right && (got = record_iter_next(&iter, &record)) == 1) {
			if (record.offset < *due)
				continue;
			is_right = judge_record(log, &record, *due, why, why_size);
			*hash = XXH3_64bits_withSeed(record.value.data, record.value.size, *hash + 1);
			++*due;
		}
		record_iter_close(&iter);
		if (!is_right)
			return false;
		bytes.data += batch.size_bytes;
		bytes.size -= batch.size_bytes;
	}
	return true;
}

/* Of the log that is judged now. */
struct damage_here {
	struct model_damage *all;
	bool *is_damaged; /* by offset */
	bool may_be_gone; /* its topic is deleted, or was to be */
	uint32_t count;
};

static bool note_damaged(struct damage_here *damage, int64_t offset)
{
	if (!damage->all)
		return false;
	damage->is_damaged[offset] = true;
	damage->all->count++;
	damage->count++;
	return true;
}

static bool judge_records(const struct model_log *log, bool is_lenient, struct damage_here *damage, struct machine *machine, struct partition *partition, struct seen_log *seen,
			  char *why, size_t why_size)
{
	for (int64_t due = seen->start; due < seen->end;) {
		struct read read;
		if (!read_at(machine, partition, due, &read))
			return wrong(why, why_size, "a read at %ld never ends", (long)due);
		if (read.op.err || !read.op.piece_count) {
			int err = read.op.err;
			partition_read_release(&read.op);
			if (err == ERR_CORRUPT_LOG && note_damaged(damage, due)) {
				due++;
				continue;
			}
			if (is_lenient && err)
				return true;
			return wrong(why, why_size, "a read at %ld below %ld ends with %s", (long)due, (long)seen->end, err ? err_name(err) : "nothing");
		}
		int64_t before = due;
		allocations_pause();
		uint8_t *bytes = malloc(read.op.size_bytes + 1);
		allocations_resume();
		size_t size = 0;
		for (uint32_t i = 0; i < read.op.piece_count; size += read.op.pieces[i].size, i++)
			memcpy(bytes + size, read.op.pieces[i].data, read.op.pieces[i].size);
		partition_read_release(&read.op);
		bool is_right = judge_bytes(log, (struct slice){bytes, size}, &due, &seen->hash, why, why_size);
		free(bytes);
		if (!is_right)
			return false;
		if (due == before)
			return wrong(why, why_size, "a read at %ld gives nothing of it", (long)due);
	}
	return true;
}

/* ---- logs and topics -------------------------------------------------------------------------------------------- */

static int32_t last_sequence_below(const struct model_log *log, int64_t end, int64_t *at)
{
	for (*at = end - 1; *at >= 0; --*at)
		if (log->sequences[*at] >= 0)
			return log->sequences[*at];
	return -1;
}

/* Beside rot it may be forgotten once its records are deleted, or known by an earlier one, that the checkpoint has: the log does not tell of it any more. */
static bool judge_producer(const struct model_log *log, bool has_rot, struct partition *partition, struct seen_log *seen, char *why, size_t why_size)
{
	const struct producer_state *state = partition_producers(partition);
	const struct producer *producer = state ? producer_find(state, MODEL_PRODUCER) : NULL;
	seen->sequence = producer ? producer_last_sequence(producer) : -1;
	int64_t at;
	int32_t due = last_sequence_below(log, seen->end, &at);
	if (has_rot && seen->sequence < due && at < seen->start)
		return true;
	if (seen->sequence != due)
		return wrong(why, why_size, "the producer's last sequence is %d, not %d", seen->sequence, due);
	return true;
}

static bool judge_log(const struct model_log *log, bool is_lenient, struct damage_here damage, struct machine *machine, struct partition *partition,
		      struct seen_log *seen, char *why, size_t why_size)
{
	seen->start = partition_log_start_offset(partition);
	seen->end = partition_high_watermark(partition);
	if (damage.all && damage.all->is_given_up) {
		if (seen->end < log->end && !damage.may_be_gone)
			return wrong(why, why_size, "after a loss was accepted the log ends at %ld, not at %ld", (long)seen->end, (long)log->end);
		if (seen->end > log->asked_end)
			seen->end = log->asked_end;
		if (!judge_records(log, is_lenient, &damage, machine, partition, seen, why, why_size))
			return false;
		if (damage.all->is_catalogs_alone && damage.count && !damage.may_be_gone)
			return wrong(why, why_size, "the catalog alone was struck, and %u records are refused", damage.count);
		return true;
	}
	if (seen->start < log->start)
		return wrong(why, why_size, "the log start went back from %ld to %ld", (long)log->start, (long)seen->start);
	if (seen->start > log->asked_start)
		return wrong(why, why_size, "the log starts at %ld, beyond %ld", (long)seen->start, (long)log->asked_start);
	if (seen->end < log->end)
		return wrong(why, why_size, "acknowledged records are lost: the log ends at %ld, not at %ld", (long)seen->end, (long)log->end);
	if (seen->end > log->asked_end)
		return wrong(why, why_size, "the log ends at %ld, beyond %ld", (long)seen->end, (long)log->asked_end);
	if (seen->end != partition_log_end_offset(partition) && !is_lenient)
		return wrong(why, why_size, "the high watermark is %ld, the log end %ld", (long)seen->end, (long)partition_log_end_offset(partition));
	if (seen->end > 0 && !log->is_boundary[seen->end])
		return wrong(why, why_size, "the log ends at %ld, inside a batch", (long)seen->end);
	return judge_records(log, is_lenient, &damage, machine, partition, seen, why, why_size) &&
	       (is_lenient || damage.count || (damage.all && damage.all->is_told) || judge_producer(log, damage.all, partition, seen, why, why_size));
}

static bool judge_topic(const struct model *model, const struct topic *found, struct machine *machine, struct seen *seen, uint32_t slot, char *why,
			size_t why_size)
{
	char inner[256] = "";
	const struct model_topic *topic = &model->topics[slot];
	struct model_damage *damage = model->damage;
	bool is_lenient = model->is_lenient, is_given_up = damage && damage->is_given_up;
	seen->is_there[slot] = true;
	seen->ids[slot] = found->id;
	seen->partitions[slot] = found->partition_count;
	seen->limits[slot] = found->config.max_message_bytes;
	if (!is_given_up && (found->partition_count < topic->partitions || found->partition_count > topic->asked_partitions))
		return wrong(why, why_size, "topic %s has %u partitions, not %u", topic->name, found->partition_count, topic->partitions);
	if (!is_given_up && (seen->limits[slot] < topic->limit || seen->limits[slot] > topic->asked_limit))
		return wrong(why, why_size, "topic %s has the config %d, not %d", topic->name, seen->limits[slot], topic->limit);
	for (uint32_t index = 0; index < found->partition_count && index < MODEL_PARTITIONS_MAX; index++) {
		struct damage_here here = {damage, damage ? damage->is_damaged[slot][index] : NULL, topic->state != MODEL_THERE, 0};
		struct partition *partition = machine_partition(machine, &found->id, index);
		if (!partition && is_lenient)
			continue; /* no memory for it now */
		if (!partition || !judge_log(&topic->logs[index], is_lenient, here, machine, partition, &seen->logs[slot][index], inner, sizeof inner))
			return wrong(why, why_size, "%s-%u: %s", topic->name, index, partition ? inner : "no partition");
	}
	return true;
}

static bool is_recovered_name(const struct topic *found)
{
	char name[64] = "recovered-";
	uuid_text_format(name + strlen(name), &found->id);
	return strcmp(name, found->name) == 0;
}

/* One whose name was lost with the catalog is known by its id. */
static const struct model_topic *find_recovered(const struct model *model, const struct topic *found)
{
	for (uint32_t i = 0; i < model->topic_count && is_recovered_name(found); i++)
		if (model->topics[i].has_id && uuid_equal(&model->topics[i].id, &found->id))
			return model->topics[i].state == MODEL_ABSENT ? NULL : &model->topics[i];
	return NULL;
}

static bool has_records(const struct model_topic *topic)
{
	for (uint32_t p = 0; p < MODEL_PARTITIONS_MAX; p++)
		if (topic->logs[p].end > topic->logs[p].start)
			return true;
	return false;
}

static const struct model_topic *find(const struct model *model, const struct topic *found)
{
	const struct model_topic *by_name = NULL;
	for (uint32_t i = 0; i < model->topic_count; i++) {
		const struct model_topic *topic = &model->topics[i];
		if (topic->state == MODEL_ABSENT || strcmp(topic->name, found->name))
			continue;
		if (topic->has_id && uuid_equal(&topic->id, &found->id))
			return topic;
		if (!topic->has_id)
			by_name = topic;
	}
	return by_name;
}

static bool was_made(const struct model *model, const struct topic *found)
{
	for (uint32_t i = 0; i < model->topic_count; i++)
		if (model->topics[i].has_id && uuid_equal(&model->topics[i].id, &found->id))
			return true;
	return false;
}

static bool judge_topics(const struct model *model, struct machine *machine, struct seen *seen, char *why, size_t why_size)
{
	bool is_given_up = model->damage && model->damage->is_given_up;
	for (uint32_t i = 0; i < machine->image->topic_count; i++) {
		const struct topic *found = machine->image->topics[i];
		const struct model_topic *topic = find(model, found);
		if (!topic && is_given_up)
			topic = find_recovered(model, found);
		if (!topic && is_given_up)
			continue;
		if (!topic)
			return wrong(why, why_size, "topic %s is there, which %s", found->name, was_made(model, found) ? "is deleted" : "was never made");
		if (!judge_topic(model, found, machine, seen, (uint32_t)(topic - model->topics), why, why_size))
			return false;
	}
	for (uint32_t i = 0; i < model->topic_count; i++)
		if (model->topics[i].state == MODEL_THERE && !seen->is_there[i] &&
		    (!is_given_up || (model->damage->is_catalogs_alone && has_records(&model->topics[i]))))
			return wrong(why, why_size, "topic %s is lost", model->topics[i].name);
	return true;
}

static uint32_t setting_of(const struct catalog_image *image, const char *key)
{
	const struct setting *setting = catalog_setting(image, SETTING_GROUP, (struct slice){(const uint8_t *)"g", 1}, (struct slice){(const uint8_t *)key, 1});
	return setting ? (uint32_t)atoi((const char *)setting->value.data) : 0;
}

static bool judge_settings(const struct model *model, const struct machine *machine, struct seen *seen, char *why, size_t why_size)
{
	uint32_t a = setting_of(machine->image, "a"), b = setting_of(machine->image, "b");
	seen->setting = a;
	if (model->damage && model->damage->is_given_up)
		return true;
	if (a != b)
		return wrong(why, why_size, "of one change of two settings, one is there: %u and %u", a, b);
	if (a < model->setting || a > model->asked_setting) /* each change asks for one more */
		return wrong(why, why_size, "a setting is %u, not %u", a, model->setting);
	return true;
}

bool model_judge(const struct model *model, struct machine *machine, struct seen *seen, char *why, size_t why_size)
{
	memset(seen, 0, sizeof *seen);
	if (model->damage && machine->report.damaged_ranges)
		model->damage->is_told = true;
	if (machine->report.damaged_ranges && !model->damage)
		return wrong(why, why_size, "%lu damaged ranges are named, and there are none", (unsigned long)machine->report.damaged_ranges);
	if (!model->damage && (machine->found.is_lost || machine->report.is_journal_lost))
		return wrong(why, why_size, "something is called lost");
	if (!judge_settings(model, machine, seen, why, why_size) || !judge_topics(model, machine, seen, why, why_size))
		return false;
	if (!model->damage)
		seen->hash = XXH3_64bits(&seen->logs, sizeof *seen - offsetof(struct seen, logs));
	return true;
}

/* ---- what follows -------------------------------------------------------------------------------------------------- */

static void settle_log(struct model_log *log, const struct seen_log *seen)
{
	log->start = log->asked_start = seen->start;
	model_unstage(log, seen->end);
	log->end = seen->end;
}

void model_settle(struct model *model, const struct seen *seen)
{
	model->setting = model->asked_setting = seen->setting;
	for (uint32_t i = 0; i < model->topic_count; i++) {
		struct model_topic *topic = &model->topics[i];
		topic->state = seen->is_there[i] ? MODEL_THERE : MODEL_ABSENT;
		if (!seen->is_there[i])
			continue;
		topic->has_id = true;
		topic->id = seen->ids[i];
		topic->partitions = topic->asked_partitions = seen->partitions[i];
		topic->limit = topic->asked_limit = seen->limits[i];
		for (uint32_t p = 0; p < topic->partitions; p++)
			settle_log(&topic->logs[p], &seen->logs[i][p]);
	}
}

uint64_t model_hash(const struct model *model)
{
	uint64_t hash = model->topic_count ^ (uint64_t)model->setting << 32 ^ (uint64_t)model->asked_setting << 48;
	for (uint32_t i = 0; i < model->topic_count; i++) {
		const struct model_topic *topic = &model->topics[i];
		hash = XXH3_64bits_withSeed(topic, offsetof(struct model_topic, logs), hash);
		for (uint32_t p = 0; p < topic->asked_partitions; p++) {
			const struct model_log *log = &topic->logs[p];
			hash = XXH3_64bits_withSeed(log, offsetof(struct model_log, numbers), hash);
			hash = XXH3_64bits_withSeed(log->numbers, (size_t)log->asked_end * sizeof *log->numbers, hash);
		}
	}
	return hash;
}
