/* The producers of a run. Plain ones send and forget. Idempotent ones do as Kafka's clients: at most five batches in flight to one partition,
 * each kept until it is acknowledged, sent again in order when an answer did not come, and now and then once more for no reason. */
#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

#include "log/base/check.h"
#include "log/batch/batch_builder.h"
#include "tests/sim/run_priv.h"

#define RECORDS_MAX 8
#define VALUE_SIZE_MAX (200u << 10)
#define PATIENCE_NS (3ull * 1000 * 1000 * 1000)
#define PLAIN_SENDER 1000      /* plain producers have these numbers in the history, idempotent ones their ids above it */

struct made_batch {
	uint8_t *bytes;
	uint32_t size_bytes, count;
	uint64_t marks[RECORDS_MAX];
};

/* As large as fits a group, so that a burst fills the journal. */
#define BURST_SIZE_MIN 15000
#define BURST_SIZE_RANGE 42000

static size_t value_size(const struct step *step, enum batch_size size, uint32_t count)
{
	switch (size) {
	case BATCH_SMALL:
		return 8 + step->c % 300;
	case BATCH_LARGE:
		return 1500 + step->c % (step->d % 4 ? 12000 : 150000) / count;
	case BATCH_BURST:
		break;
	}
	return (BURST_SIZE_MIN + step->c % BURST_SIZE_RANGE) / count;
}

/* Values begin with the record's own number, so that no two are alike. */
static struct made_batch make_batch(struct run *run, const struct step *step, enum batch_size kind, const struct batch_builder_options *options)
{
	static uint8_t value[VALUE_SIZE_MAX];
	struct made_batch made = {.count = 1 + (uint32_t)(step->b % 4)};
	size_t size = value_size(step, kind, made.count);
	size_t capacity = made.count * (size + RECORD_OVERHEAD_MAX) + BATCH_HEADER_SIZE;
	made.bytes = malloc(capacity);
	CHECK(made.bytes);
	struct batch_builder builder;
	CHECK(batch_builder_open(&builder, NULL, options, made.bytes, capacity) == 0);
	int64_t now_ms = io_wall_ms(run->io);
	for (uint32_t i = 0; i < made.count; i++) {
		uint64_t number = ++run->next_record;
		memset(value, (int)(number * 31), size);
		store_le64(value, number);
		made.marks[i] = XXH3_64bits(value, size);
		struct record record = {.timestamp_ms = now_ms - (int64_t)((step->d >> (i * 8)) % 50), .value = {value, size}};
		CHECK(batch_builder_append(&builder, &record) == 0);
	}
	CHECK(batch_builder_finish(&builder, &made.size_bytes) == 0);
	return made;
}

/* ---- answers -------------------------------------------------------------------------------------------------------- */

static struct sent_batch *find_sent(struct producer_slot *producer, uint64_t send)
{
	for (uint32_t i = 0; producer && i < producer->count; i++)
		if (producer->window[i].send == send)
			return &producer->window[i];
	return NULL;
}

/* Nothing that an append waits for may begin by a timer alone: where the disk does its work, an answer is there before the cycle that comes with time. */
static void judge_wait(struct run *run, const struct flight *flight)
{
	uint64_t now_ns = io_now_ns(run->io), since_ns = flight->since_ns > run->trouble_ns ? flight->since_ns : run->trouble_ns;
	if (now_ns - since_ns > PATIENCE_NS && !run->plan->knobs.stall_per_mille)
		history_report(run->history, ANOMALY_STUCK, run->topics[flight->topic].numbers[flight->index], flight->op.base_offset,
			       "an append of %u bytes waited %lu ms for its answer", flight->size_bytes, (unsigned long)((now_ns - since_ns) / 1000000));
}

static void append_done(struct append_op *op)
{
	struct flight *flight = CONTAINER_OF(op, struct flight, op);
	struct run *run = flight->run;
	struct sent_batch *batch = find_sent(flight->producer, flight->send);
	flight->is_used = false;
	if (batch)
		batch->is_in_flight = false;
	run__tell(run, (uint64_t)op->base_offset * 31 + (uint64_t)op->err, "  batch %lu to %s-%u: %s %ld", (unsigned long)flight->send, run->topics[flight->topic].name,
		  flight->index, op->err ? err_name(op->err) : "acked at offset", (long)op->base_offset);
	if (op->err) {
		history_forget(run->history, flight->send);
		return;
	}
	judge_wait(run, flight);
	run->result->acks++;
	times__acked(run, flight);
	history_ack(run->history, flight->send, op->base_offset);
	if (batch)
		batch->is_acked = true;
	if (flight->size_bytes >= run->plan->knobs.direct_size_bytes_min)
		met(run, POINT_DIRECT);
}

static struct flight *free_flight(struct run *run)
{
	for (uint32_t i = 0; i < FLIGHTS; i++)
		if (!run->flights[i].is_used)
			return &run->flights[i];
	return NULL;
}

bool appends__are_done(const struct run *run)
{
	for (uint32_t i = 0; i < FLIGHTS; i++)
		if (run->flights[i].is_used)
			return false;
	return true;
}

void appends__forget(struct run *run)
{
	for (uint32_t i = 0; i < FLIGHTS; i++)
		if (run->flights[i].is_used)
			history_forget(run->history, run->flights[i].send);
	memset(run->flights, 0, sizeof run->flights);
	for (uint32_t p = 0; p < PRODUCERS; p++)
		for (uint32_t i = 0; i < run->producers[p].count; i++)
			run->producers[p].window[i].is_in_flight = false;
}

/* ---- sending ---------------------------------------------------------------------------------------------------------- */

static bool is_expected_refusal(struct run *run, int err)
{
	if (err == ERR_BUSY)
		met(run, POINT_NO_MEMORY);
	if (err == -EIO || err_is_shortage(err)) /* the first append behind a start looks whether anything is behind the log's end */
		return run->has_fault || store__has_unseen_tails(run->store);
	return err == ERR_BUSY || err == ERR_FAILED || err == ERR_CLOSED || err == ERR_OFFLINE || err == -ENOSPC;
}

/* Hands the bytes to the log; 0 if they are in flight now. */
static int submit(struct run *run, struct flight *flight, const uint8_t *bytes, uint32_t size_bytes, bool *is_new)
{
	struct partition *partition = topics__partition(run, flight->topic, flight->index);
	const struct segment *active = partition->active;
	int64_t end = partition_log_end_offset(partition);
	uint8_t *copy = malloc(size_bytes);
	CHECK(copy);
	memcpy(copy, bytes, size_bytes);
	flight->run = run;
	flight->size_bytes = size_bytes;
	flight->since_ns = io_now_ns(run->io);
	flight->op = (struct append_op){.done = append_done, .records = copy, .records_size_bytes = size_bytes, .is_zstd_allowed = true};
	int err = partition_append(partition, &flight->op);
	flight->op.records = NULL;
	free(copy);
	flight->is_used = err == 0;
	*is_new = err == 0 && partition_log_end_offset(partition) > end;
	if (*is_new && flight->op.base_offset != end)
		history_report(run->history, ANOMALY_WRONG_ANSWER, run->topics[flight->topic].numbers[flight->index], end,
			       "an append at log end %ld is said to be at %ld", (long)end, (long)flight->op.base_offset);
	if (*is_new && active && partition->active != active && run->store->group.is_in_flight)
		met(run, POINT_ROLL_IN_COMMIT);
	run->result->appends += err == 0;
	flight->staged_to = flight->staged_from = 0;
	if (*is_new)
		times__staged(run, flight, run->topics[flight->topic].numbers[flight->index], end, partition_log_end_offset(partition));
	if (*is_new)
		damage__note_batch(run, run->topics[flight->topic].numbers[flight->index], partition->active, size_bytes, end, partition_log_end_offset(partition));
	return err;
}

static void tell_append(struct run *run, const struct flight *flight, const char *what, uint64_t send, uint32_t count, int err)
{
	run__tell(run, (uint64_t)err + send * 7, "%s batch %lu (%u records, %u bytes) to %s-%u: %s", what, (unsigned long)send, count, flight->size_bytes,
		  run->topics[flight->topic].name, flight->index, err ? err_name(err) : "accepted");
}

static void judge_refusal(struct run *run, const struct flight *flight, int err)
{
	if (!is_expected_refusal(run, err))
		history_report(run->history, ANOMALY_WRONG_ANSWER, run->topics[flight->topic].numbers[flight->index], -1, "an append is refused with %s",
			       err_name(err));
}

void appends__append(struct run *run, const struct step *step, enum batch_size size)
{
	struct flight *flight = free_flight(run);
	bool is_new;
	if (!flight || !topics__pick(run, step->a, &flight->topic, &flight->index))
		return;
	flight->producer = NULL;
	struct made_batch made = make_batch(run, step, size, &BATCH_BUILDER_PLAIN);
	int err = submit(run, flight, made.bytes, made.size_bytes, &is_new);
	free(made.bytes);
	if (err) {
		tell_append(run, flight, "append", 0, made.count, err);
		judge_refusal(run, flight, err);
		return;
	}
	flight->send = history_send(run->history, run->topics[flight->topic].numbers[flight->index], PLAIN_SENDER, made.marks, made.count);
	history_staged(run->history, flight->send, flight->op.base_offset);
	tell_append(run, flight, "append", flight->send, made.count, 0);
}

/* More at once than a journal of this size can take. */
void appends__burst(struct run *run, const struct step *step)
{
	struct step each = *step;
	for (uint64_t i = 0; i < 6 + step->d % 18 + (step->d % 5 ? 0 : 30); i++, each.a += step->d, each.c += 7777)
		appends__append(run, &each, BATCH_BURST);
}

/* ---- idempotent producers --------------------------------------------------------------------------------------------- */

static void close_producer(struct producer_slot *producer)
{
	for (uint32_t i = 0; i < producer->count; i++)
		free(producer->window[i].bytes);
	*producer = (struct producer_slot){0};
}

void appends__close_producers_of(struct run *run, uint32_t topic)
{
	for (uint32_t i = 0; i < FLIGHTS; i++)
		if (run->flights[i].topic == topic)
			run->flights[i].producer = NULL;
	for (uint32_t i = 0; i < PRODUCERS; i++)
		if (run->producers[i].is_open && run->producers[i].topic == topic)
			close_producer(&run->producers[i]);
}

void appends__fini(struct run *run)
{
	for (uint32_t i = 0; i < PRODUCERS; i++)
		close_producer(&run->producers[i]);
}

static bool open_producer(struct run *run, struct producer_slot *producer, uint64_t random)
{
	int64_t id;
	uint32_t topic, index;
	if (!topics__pick(run, random, &topic, &index) || catalog_reserve_producer_ids(run->catalog, 1, &id))
		return false;
	run->certain_producer_id = id + 1;
	*producer = (struct producer_slot){.is_open = true, .id = id, .topic = topic, .index = index};
	return true;
}

/* The oldest that must be sent again before anything new. */
static struct sent_batch *oldest_unanswered(struct producer_slot *producer)
{
	for (uint32_t i = 0; i < producer->count; i++)
		if (!producer->window[i].is_acked && !producer->window[i].is_in_flight)
			return &producer->window[i];
	return NULL;
}

/* Damage may cost what a producer is known by. */
static bool is_pointless(const struct run *run, const struct producer_slot *producer)
{
	return run->topics[producer->topic].state != TOPIC_LIVE || run->damages_seen > 0;
}

static void resend(struct run *run, struct producer_slot *producer, struct sent_batch *batch)
{
	struct flight *flight = free_flight(run);
	bool is_new;
	if (!flight || is_pointless(run, producer))
		return;
	flight->topic = producer->topic;
	flight->index = producer->index;
	flight->producer = producer;
	flight->send = batch->send;
	bool was_in_flight = batch->is_in_flight;
	int err = submit(run, flight, batch->bytes, batch->size_bytes, &is_new);
	tell_append(run, flight, "retry", batch->send, 0, err);
	uint32_t number = run->topics[flight->topic].numbers[flight->index];
	if (err && !is_expected_refusal(run, err))
		history_report(run->history, ANOMALY_LOST_DEDUP, number, history_offset_of(run->history, batch->send),
			       "batch %lu of producer %ld, among its last %u, is sent again and refused with %s", (unsigned long)batch->send, (long)producer->id,
			       producer->count, err_name(err));
	if (err)
		return;
	if (is_new && (batch->is_acked || was_in_flight)) {
		history_report(run->history, ANOMALY_LOST_DEDUP, number, flight->op.base_offset,
			       "batch %lu of producer %ld, %s, is sent again and appended again at %ld", (unsigned long)batch->send, (long)producer->id,
			       batch->is_acked ? "acknowledged" : "in flight", (long)flight->op.base_offset);
		return;
	}
	if (!is_new)
		met(run, batch->life != run->life ? POINT_DEDUP_AFTER_RESTART : was_in_flight ? POINT_DEDUP_IN_FLIGHT : POINT_DEDUP);
	history_retry(run->history, batch->send);
	history_staged(run->history, batch->send, flight->op.base_offset);
	batch->is_in_flight = true;
}

static void forget_oldest(struct producer_slot *producer)
{
	free(producer->window[0].bytes);
	memmove(producer->window, producer->window + 1, (WINDOW - 1) * sizeof *producer->window);
	producer->count--;
}

static void send_next(struct run *run, struct producer_slot *producer, const struct step *step)
{
	struct flight *flight = free_flight(run);
	bool is_new, is_full = producer->count == WINDOW;
	if (!flight || is_pointless(run, producer) || (is_full && (!producer->window[0].is_acked || producer->window[0].is_in_flight)))
		return;
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	options.producer_id = producer->id;
	options.producer_epoch = 0;
	options.base_sequence = producer->next_sequence;
	struct made_batch made = make_batch(run, step, step->d % 16 == 0 ? BATCH_LARGE : BATCH_SMALL, &options);
	flight->topic = producer->topic;
	flight->index = producer->index;
	flight->producer = producer;
	int err = submit(run, flight, made.bytes, made.size_bytes, &is_new);
	if (err || !is_new) {
		tell_append(run, flight, "produce", 0, made.count, err);
		free(made.bytes);
		if (err)
			judge_refusal(run, flight, err);
		else
			history_report(run->history, ANOMALY_LOST_DEDUP, run->topics[flight->topic].numbers[flight->index], -1,
				       "a new batch of producer %ld is taken for an old one", (long)producer->id);
		return;
	}
	if (is_full)
		forget_oldest(producer);
	flight->send = history_send(run->history, run->topics[flight->topic].numbers[flight->index], PLAIN_SENDER + 1 + (uint64_t)producer->id, made.marks,
				    made.count);
	history_staged(run->history, flight->send, flight->op.base_offset);
	producer->window[producer->count++] = (struct sent_batch){made.bytes, made.size_bytes, flight->send, run->life, false, true};
	producer->next_sequence += (int32_t)made.count;
	tell_append(run, flight, "produce", flight->send, made.count, 0);
}

void appends__produce(struct run *run, const struct step *step)
{
	struct producer_slot *producer = &run->producers[step->a % PRODUCERS];
	if (!producer->is_open && !open_producer(run, producer, step->a / PRODUCERS))
		return;
	struct sent_batch *unanswered = oldest_unanswered(producer);
	if (unanswered)
		resend(run, producer, unanswered);
	else
		send_next(run, producer, step);
}

void appends__retry(struct run *run, const struct step *step)
{
	struct producer_slot *producer = &run->producers[step->a % PRODUCERS];
	if (!producer->is_open || !producer->count)
		return;
	struct sent_batch *unanswered = oldest_unanswered(producer);
	resend(run, producer, unanswered ? unanswered : &producer->window[step->b % producer->count]);
}
