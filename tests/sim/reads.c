/* What a run reads: at random offsets while appends go on, by time, everything after each start; and what it deletes. Every record served goes to
 * the judge, and so does every read that is answered with damage. */
#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

#include "log/base/check.h"
#include "log/batch/record_iter.h"
#include "tests/sim/run_priv.h"

#define SCAN_TURNS_MAX 5000

/* ---- what was served ---------------------------------------------------------------------------------------------------- */

static uint32_t gather(const struct read_op *op, uint8_t **bytes)
{
	uint32_t size = 0;
	*bytes = malloc(op->size_bytes + 1);
	CHECK(*bytes);
	for (uint32_t i = 0; i < op->piece_count; i++) {
		memcpy(*bytes + size, op->pieces[i].data, op->pieces[i].size);
		size += op->pieces[i].size;
	}
	return size;
}

static void report_bytes(struct run *run, uint32_t number, int64_t offset, const char *what)
{
	history_report(run->history, ANOMALY_PHANTOM, number, offset, "a read at %ld serves %s", (long)offset, what);
}

/* Tells the judge each record. Returns the offset behind the last, or -1 if the bytes are no batches. */
static int64_t judge_batch(struct run *run, uint32_t number, struct slice bytes, int64_t high_watermark, uint32_t *size)
{
	struct batch batch;
	struct record_iter iter;
	struct record record;
	int result;
	if (batch_parse_checked(bytes, &batch) || record_iter_open(&iter, NULL, bytes)) {
		report_bytes(run, number, -1, "bytes that are no batch, or fail their CRC");
		return -1;
	}
	if (batch_next_offset(&batch) > high_watermark)
		report_bytes(run, number, batch.base_offset, "a batch that is not durable");
	while ((result = record_iter_next(&iter, &record)) == 1)
		history_read(run->history, number, record.offset, XXH3_64bits(record.value.data, record.value.size), record.timestamp_ms);
	record_iter_close(&iter);
	if (result < 0)
		report_bytes(run, number, batch.base_offset, "a batch whose records are broken");
	*size = batch.size_bytes;
	return result < 0 ? -1 : batch_next_offset(&batch);
}

static int64_t judge_bytes(struct run *run, uint32_t number, const struct read_op *op)
{
	uint8_t *bytes;
	uint32_t size = gather(op, &bytes), taken = 0;
	int64_t next = op->offset;
	CHECK(size == op->size_bytes);
	for (uint32_t at = 0; at < size && next >= 0; at += taken)
		next = judge_batch(run, number, (struct slice){bytes + at, size - at}, op->high_watermark, &taken);
	free(bytes);
	return next;
}

/* ---- reads in flight ------------------------------------------------------------------------------------------------------- */

static void meet_read(struct run *run, const struct read_op *op)
{
	if (op->err == -EIO)
		met(run, POINT_READ_FAILED);
	if (op->buffer)
		met(run, POINT_READ_DISK);
}

/* May the read end so, without a fault of the log's? */
static bool is_explained(const struct run *run, int err)
{
	return run->is_down || err == ERR_OFFSET_OUT_OF_RANGE || err == ERR_CLOSED || (err == ERR_OFFLINE && (run->has_fault || machine__is_cut(run))) || ((err == -EIO || err_is_shortage(err)) && (run->has_fault || machine__is_cut(run))) ||
	       err == ERR_CORRUPT_LOG;
}

static void judge_answer(struct run *run, uint32_t number, const struct read_op *op)
{
	damage__allow(run);
	if (op->err == ERR_CORRUPT_LOG)
		met(run, POINT_FENCED);
	if (op->err == ERR_CORRUPT_LOG)
		history_read_damaged(run->history, number, op->offset);
	else if (op->err && !is_explained(run, op->err))
		history_report(run->history, ANOMALY_WRONG_ANSWER, number, op->offset, "a read ends with %s", err_name(op->err));
	else if (!op->err)
		(void)judge_bytes(run, number, op);
}

static void read_done(struct read_op *op)
{
	struct reading *reading = CONTAINER_OF(op, struct reading, op);
	struct run *run = reading->run;
	reading->is_done = true;
	meet_read(run, op);
	run__tell(run, (uint64_t)op->size_bytes, "  read of %ld: %s, %u bytes", (long)op->offset, op->err ? err_name(op->err) : "served", op->size_bytes);
	judge_answer(run, reading->number, op);
	partition_read_release(op);
	reading->is_used = false;
}

void reads__forget(struct run *run)
{
	memset(run->readings, 0, sizeof run->readings);
	memset(run->trimmings, 0, sizeof run->trimmings);
}

void reads__meet(struct run *run)
{
	for (uint32_t i = 0; i < READS; i++) {
		const struct segment *segment = run->readings[i].is_used ? run->readings[i].op.segment : NULL;
		if (segment && segment->is_dropped)
			met(run, POINT_DROPPED_WHILE_READ);
	}
}

void reads__begin(struct run *run, const struct step *step)
{
	struct reading *reading = &run->readings[step->d % READS];
	uint32_t topic, index;
	if (reading->is_used || !topics__pick(run, step->a, &topic, &index))
		return;
	struct partition *partition = topics__partition(run, topic, index);
	int64_t start = partition_log_start_offset(partition), high_watermark = partition_high_watermark(partition);
	*reading = (struct reading){.run = run, .is_used = true, .number = run->topics[topic].numbers[index]};
	reading->op = (struct read_op){.done = read_done, .offset = start + (int64_t)(step->b % (uint64_t)(high_watermark - start + 1)),
				       .size_bytes_max = (uint32_t)(1 + step->c % 20000), .is_first = true};
	run__tell(run, (uint64_t)reading->op.offset, "read %s-%u from %ld", run->topics[topic].name, index, (long)reading->op.offset);
	if (partition_read(partition, &reading->op) == READ_DONE) {
		met(run, POINT_READ_MEMORY);
		read_done(&reading->op);
	}
}

/* ---- lookups and deletions ---------------------------------------------------------------------------------------------------- */

void reads__look_up(struct run *run, const struct step *step)
{
	uint32_t topic, index;
	struct offset_found found;
	if (!topics__pick(run, step->a, &topic, &index))
		return;
	struct partition *partition = topics__partition(run, topic, index);
	int64_t timestamp_ms = io_wall_ms(run->io) - (int64_t)(step->b % (step->c % 2 ? 100 : 30000));
	int64_t high_watermark = partition_high_watermark(partition);
	int err = partition_offset_for_time(partition, timestamp_ms, &found);
	run__tell(run, (uint64_t)found.offset, "look up time %ld in %s-%u: %s %ld", (long)timestamp_ms, run->topics[topic].name, index, err ? err_name(err) : "offset",
		  err || !found.found ? -1 : (long)found.offset);
	if (err && !((err == -EIO || err_is_shortage(err)) && (run->has_fault || machine__is_cut(run))) && !(err == ERR_CORRUPT_LOG && run->plan->knobs.has_illegal_faults))
		history_report(run->history, ANOMALY_WRONG_ANSWER, run->topics[topic].numbers[index], -1, "a lookup by time ends with %s", err_name(err));
	if (err)
		return;
	if (found.found)
		met(run, POINT_LOOKUP);
	history_looked_up(run->history, run->topics[topic].numbers[index], timestamp_ms, high_watermark, found.found, found.offset, found.timestamp_ms);
}

static void trim_done(struct trim_op *op)
{
	struct trimming *trimming = CONTAINER_OF(op, struct trimming, op);
	struct run *run = trimming->run;
	trimming->is_used = false;
	CHECKF(!run->is_down || op->err, "records are said to be deleted, and the power is gone");
	run__tell(run, (uint64_t)op->log_start_offset, "  records deleted: %s, log start %ld", op->err ? err_name(op->err) : "done", (long)op->log_start_offset);
	if (op->err)
		return;
	met(run, POINT_TRIM);
	history_trimmed(run->history, trimming->number, op->log_start_offset);
}

void reads__trim(struct run *run, const struct step *step)
{
	struct trimming *trimming = &run->trimmings[step->d % 2];
	uint32_t topic, index;
	if (trimming->is_used || !topics__pick(run, step->a, &topic, &index))
		return;
	struct partition *partition = topics__partition(run, topic, index);
	int64_t start = partition_log_start_offset(partition), high_watermark = partition_high_watermark(partition);
	struct step first = *step;
	first.b = 0; /* the log start */
	if (step->b % 2)
		reads__begin(run, &first);
	int64_t offset = step->b % 4 == 0 ? -1 : start + (int64_t)(step->c % (uint64_t)(high_watermark - start + 1));
	*trimming = (struct trimming){.run = run, .is_used = true, .number = run->topics[topic].numbers[index]};
	trimming->op = (struct trim_op){.done = trim_done, .offset = offset};
	int err = partition_trim(partition, &trimming->op);
	trimming->is_used = err == 0;
	if (err == 0 && offset == -1 && high_watermark > start)
		met(run, POINT_TRIM_TO_END);
	run__tell(run, (uint64_t)err, "delete records of %s-%u below %ld: %s", run->topics[topic].name, index, (long)offset, err ? err_name(err) : "accepted");
}

/* ---- everything ------------------------------------------------------------------------------------------------------------------- */

struct scan_read {
	struct read_op op;
	bool is_done;
};

static void scan_done(struct read_op *op)
{
	CONTAINER_OF(op, struct scan_read, op)->is_done = true;
}

static bool is_lost(const struct run *run, uint64_t life)
{
	return run->life != life || run__is_over(run);
}

/* One read, waited for. False if this life has ended meanwhile, and with it the read. */
static bool read_now(struct run *run, struct partition *partition, struct scan_read *read, int64_t offset)
{
	uint64_t life = run->life;
	*read = (struct scan_read){.op = {.done = scan_done, .offset = offset, .size_bytes_max = 30000, .is_first = true}};
	read->is_done = partition_read(partition, &read->op) == READ_DONE;
	for (int turns = 0; !read->is_done && turns < SCAN_TURNS_MAX; turns++) {
		machine__turn(run);
		if (is_lost(run, life))
			return false;
	}
	if (!read->is_done)
		history_report(run->history, ANOMALY_STUCK, HISTORY_BROKER, offset, "a read of %ld does not end", (long)offset);
	return read->is_done;
}

/* The next offset to read; -1: the scan has come to nothing. */
static int64_t scan_step(struct run *run, struct partition *partition, uint32_t number, int64_t next)
{
	struct scan_read read;
	if (!read_now(run, partition, &read, next))
		return -1;
	struct read_op *op = &read.op;
	meet_read(run, op);
	int64_t after = -1;
	judge_answer(run, number, op);
	if (op->err == ERR_OFFSET_OUT_OF_RANGE && partition_log_start_offset(partition) > next)
		after = partition_log_start_offset(partition);
	else if (op->err == ERR_CORRUPT_LOG)
		after = next + 1;
	else if (op->err == ERR_OFFSET_OUT_OF_RANGE)
		history_report(run->history, ANOMALY_WRONG_ANSWER, number, next, "offset %ld is said to be out of range [%ld, %ld)", (long)next,
			       (long)partition_log_start_offset(partition), (long)partition_high_watermark(partition));
	else if (!op->err && !op->piece_count)
		history_report(run->history, ANOMALY_GAP, number, next, "nothing is served at %ld, below the high watermark %ld", (long)next,
			       (long)partition_high_watermark(partition));
	else if (!op->err) {
		struct batch batch;
		for (uint32_t at = 0; at < op->size_bytes; at += batch.size_bytes) {
			uint8_t *bytes;
			uint32_t size = gather(op, &bytes);
			bool is_good = batch_parse_header((struct slice){bytes + at, size - at}, &batch) == 0;
			free(bytes);
			if (!is_good)
				break;
			after = batch_next_offset(&batch);
		}
	}
	partition_read_release(op);
	return after > next ? after : -1;
}

static void scan_partition(struct run *run, uint32_t topic, uint32_t index)
{
	struct partition *partition = topics__partition(run, topic, index);
	uint32_t number = run->topics[topic].numbers[index];
	uint64_t life = run->life;
	int64_t start = partition_log_start_offset(partition), high_watermark = partition_high_watermark(partition);
	history_positions(run->history, number, start, high_watermark, partition_log_end_offset(partition));
	history_scan_begin(run->history, number);
	int64_t next = start;
	while (next >= 0 && next < high_watermark && !run__is_over(run))
		next = scan_step(run, partition, number, next);
	if (is_lost(run, life) || next < 0)
		return;
	start = partition_log_start_offset(partition);
	if (next > high_watermark)
		high_watermark = next; /* what became durable meanwhile, and was in the last answer */
	history_scan_end(run->history, number, start, high_watermark > start ? high_watermark : start);
	times__check(run, partition, number);
	run__tell(run, (uint64_t)high_watermark, "  %s-%u: offsets %ld to %ld are all there", run->topics[topic].name, index, (long)start, (long)high_watermark);
	if (high_watermark > start)
		met(run, POINT_READ_OLD_LIFE);
}

void reads__scan(struct run *run)
{
	uint64_t life = run->life;
	for (uint32_t t = 0; t < TOPICS; t++)
		for (uint32_t p = 0; run->topics[t].state == TOPIC_LIVE && p < run->topics[t].partition_count; p++) {
			if (is_lost(run, life))
				return;
			if (!topics__is_offline(run, t, p))
				scan_partition(run, t, p);
		}
}
