/* A thread a client, each blocking on its own connection; the main one restarts the broker. A call without an answer is made again until the load ends. */
#include "tests/power/load.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/io/sim.h"
#include "tests/power/calls.h"

#define WINDOW 3
#define PRODUCERS 5
#define FAULT_MS 300
#define FAULT_MS_MAX 3000
#define CLIENTS (PRODUCERS + 3)

struct load {
	struct broker *broker;
	struct story *story;
	struct disk *disk;
	struct load_options *options;
	_Atomic bool is_over;
};

struct worker {
	struct load *load;
	struct client *client;
	uint64_t random;
	uint32_t number;
	uint32_t topic, partition;     /* of the story */
	const char *name;
	uint32_t filler_max, records_max, pause_ms_max;
	bool (*life)(struct worker *worker);
};

static uint64_t draw(struct worker *worker, uint64_t below)
{
	return sim_random(&worker->random) % below;
}

/* False: the load is over. */
static bool connected(struct worker *worker)
{
	while (!worker->load->is_over) {
		if (client_connect(worker->client, worker->load->broker->port))
			return true;
		nap_ms(5);
	}
	return false;
}

/* ---- producers --------------------------------------------------------------------------------------------------------------- */

struct sent {
	uint8_t *bytes;
	uint32_t size_bytes;
	uint64_t send;
	bool is_sent;
};

struct producer {
	struct worker *worker;
	int64_t id;
	int16_t epoch;
	int32_t sequence;
	uint32_t made, limit;          /* batches; so many and no more */
	struct sent window[WINDOW];
	uint32_t count, asked;         /* batches in the window, and those of them on this connection */
};

static void make(struct producer *producer)
{
	struct worker *worker = producer->worker;
	uint32_t records = 1 + (uint32_t)draw(worker, worker->records_max), filler = (uint32_t)draw(worker, worker->filler_max);
	uint64_t mark = story_next_marks(worker->load->story, records);
	struct sent *sent = &producer->window[producer->count++];
	*sent = (struct sent){0};
	sent->bytes = call_make_batch(mark, records, filler, producer->id, producer->epoch, producer->sequence, &sent->size_bytes);
	producer->sequence += (int32_t)records;
	producer->made++;
	sent->send = story_sent(worker->load->story, worker->topic, worker->partition, 1 + worker->number + 100ull * worker->topic, mark, records);
}

static bool ask(struct producer *producer)
{
	struct worker *worker = producer->worker;
	for (; producer->asked < producer->count; producer->asked++) {
		struct sent *sent = &producer->window[producer->asked];
		if (sent->is_sent)
			story_sent_again(worker->load->story, sent->send);
		sent->is_sent = true;
		if (!call_produce(worker->client, worker->name, worker->partition, sent->bytes, sent->size_bytes))
			return false;
	}
	return true;
}

static void drop_first(struct producer *producer)
{
	free(producer->window[0].bytes);
	producer->count--;
	producer->asked -= producer->asked > 0;
	memmove(&producer->window[0], &producer->window[1], producer->count * sizeof producer->window[0]);
}

/* One answer. Whatever it is but an acknowledgement, all are sent again on a new connection. */
static void take(struct producer *producer)
{
	struct worker *worker = producer->worker;
	int64_t base_offset;
	int err = call_produced(worker->client, &base_offset);
	if (err == 0) {
		story_acked(worker->load->story, producer->window[0].send, base_offset);
		drop_first(producer);
		return;
	}
	client_break(worker->client);
	producer->asked = 0;
	nap_ms(5);
}

/* False: the load is over. What was not answered stays open in the story. */
static bool produce(struct worker *worker, uint32_t limit)
{
	struct producer producer = {.worker = worker, .id = -1, .limit = limit};
	while (connected(worker) && (producer.made < producer.limit || producer.count)) {
		if (producer.id < 0 && call_producer_id(worker->client, &producer.id, &producer.epoch)) {
			producer.id = -1;
			client_break(worker->client);
			continue;
		}
		if (!client_waiting(worker->client))
			producer.asked = 0;
		for (uint32_t wanted = 1 + (uint32_t)draw(worker, WINDOW); producer.count < wanted && producer.made < producer.limit;)
			make(&producer);
		if (ask(&producer) && producer.asked)
			take(&producer);
		nap_ms(draw(worker, worker->pause_ms_max));
	}
	while (producer.count)
		drop_first(&producer);
	return !worker->load->is_over;
}

static bool live_producer(struct worker *worker)
{
	return produce(worker, UINT32_MAX);
}

/* ---- a topic that comes and goes ------------------------------------------------------------------------------------------------ */

/* Asked until it is answered; an answer that was lost shows in what is there. */
static bool make_topic(struct worker *worker, const char *name, const char *segment_ms)
{
	struct uuid id;
	while (connected(worker)) {
		int err = call_create_topic(worker->client, name, STORY_PARTITIONS, segment_ms, &id);
		if (err == 36) /* TOPIC_ALREADY_EXISTS: by the call before this one */
			err = call_topic_id(worker->client, name, &id);
		if (err == 0) {
			worker->topic = story_made(worker->load->story, name, &id);
			worker->name = name;
			return true;
		}
		client_break(worker->client);
		nap_ms(5);
	}
	return false;
}

static bool delete_topic(struct worker *worker)
{
	story_delete_asked(worker->load->story, worker->topic);
	while (connected(worker)) {
		int err = call_delete_topic(worker->client, worker->name);
		if (err == 0 || err == 3) { /* UNKNOWN_TOPIC_OR_PARTITION: by the call before this one */
			story_deleted(worker->load->story, worker->topic);
			return true;
		}
		client_break(worker->client);
		nap_ms(5);
	}
	return false;
}

static bool live_churn(struct worker *worker)
{
	while (make_topic(worker, "churn", "604800000")) {
		for (worker->partition = 0; worker->partition < STORY_PARTITIONS; worker->partition++) {
			worker->filler_max = worker->partition == 1 ? 90000 : 500;
			if (!produce(worker, 2))
				return false;
		}
		nap_ms(draw(worker, 100));
		if (!delete_topic(worker))
			return false;
	}
	return false;
}

/* ---- commits, and records that are deleted ------------------------------------------------------------------------------------- */

static bool live_committer(struct worker *worker)
{
	struct load *load = worker->load;
	for (int64_t offset = 1; connected(worker); nap_ms(draw(worker, worker->pause_ms_max))) {
		story_commit_asked(load->story, offset);
		int err = call_commit(worker->client, worker->name, offset);
		if (err == 0)
			story_committed(load->story, offset++);
		else if (err < 0)
			client_break(worker->client);
		if (offset % 8 == 0) {
			int64_t end, log_start, wanted;
			if (call_list_offset(worker->client, worker->name, worker->partition, -1, &end) || end < 10)
				continue;
			wanted = end / 2;
			story_trim_asked(load->story, worker->topic, worker->partition, wanted);
			if (call_trim(worker->client, worker->name, worker->partition, wanted, &log_start) == 0)
				story_trimmed(load->story, worker->topic, worker->partition, log_start);
		}
	}
	return false;
}

/* ---- a consumer that reads along -------------------------------------------------------------------------------------------------- */

static void take_record(void *context, int64_t offset, uint64_t mark, int64_t timestamp_ms)
{
	struct worker *worker = context;
	story_read(worker->load->story, worker->topic, worker->partition, offset, mark);
}

static bool live_consumer(struct worker *worker)
{
	int64_t next = 0, high_watermark;
	while (connected(worker)) {
		int err = call_fetch(worker->client, worker->name, worker->partition, &next, &high_watermark, take_record, worker);
		if (err)
			client_break(worker->client);
		nap_ms(3);
	}
	return false;
}

/* ---- all of them ------------------------------------------------------------------------------------------------------------------ */

static void *run_worker(void *argument)
{
	struct worker *worker = argument;
	worker->life(worker);
	return NULL;
}

static uint64_t flushes_since(const struct disk *disk, uint64_t from, uint64_t *counted)
{
	uint64_t now = disk_now(disk);
	for (; from < now; from++)
		*counted += disk_op(disk, from)->kind == DISK_FLUSH;
	return now;
}

static void kill_it(struct load *load)
{
	broker_kill(load->broker);
	story_crashed(load->story);
	load->options->done.kills++;
}

static bool stop_it(struct load *load, char *why, size_t why_size)
{
	int status = broker_stop(load->broker);
	story_crashed(load->story);
	load->options->done.stops++;
	if (status)
		snprintf(why, why_size, "a clean stop ends with status %d", status);
	return status == 0;
}

/* A kill, or now and then a stop; behind every third the next start is killed too, in its recovery most likely. */
static bool restart(struct worker *main, char *why, size_t why_size)
{
	struct load *load = main->load;
	bool is_stop = draw(main, load->options->kills ? 8 : 3) == 0;
	if (!is_stop)
		kill_it(load);
	else if (!stop_it(load, why, why_size))
		return false;
	while (draw(main, 3) == 0) {
		broker_spawn(load->broker, load->options->settings);
		nap_ms(draw(main, 20));
		kill_it(load);
	}
	uint64_t begin = clock_ms();
	if (!broker_start(load->broker, load->options->settings)) {
		char line[300] = "";
		broker_said(load->broker, "spate", line, sizeof line);
		snprintf(why, why_size, "the broker does not start again after a %s: %.200s", is_stop ? "stop" : "kill", line);
		return false;
	}
	uint64_t took = clock_ms() - begin;
	if (took > load->options->done.slowest_start_ms)
		load->options->done.slowest_start_ms = took;
	return true;
}

static bool is_alive(struct load *load, char *why, size_t why_size)
{
	int status = 0;
	if (!broker_is_gone(load->broker, &status))
		return true;
	snprintf(why, why_size, "the broker ended by itself, with status %d", status);
	return false;
}

/* The broker refuses from now on, or has ended; the clients go on asking for a while, and nothing that they are told may be lost. */
static bool fail_disk(struct load *load, char *why, size_t why_size)
{
	uint64_t begin = clock_ms();
	disk_set_faults(load->disk, &load->options->fault, 1);
	while (!disk_faults_struck(load->disk) && clock_ms() - begin < FAULT_MS_MAX)
		nap_ms(2);
	nap_ms(FAULT_MS);
	bool is_well = is_alive(load, why, why_size);
	broker_kill(load->broker);
	disk_set_faults(load->disk, NULL, 0);
	return is_well;
}

/* By the disk's flushes. */
static bool rule_by_flushes(struct worker *main, char *why, size_t why_size)
{
	struct load *load = main->load;
	uint64_t begin = clock_ms(), seen = disk_now(load->disk), flushes = 0, next = 30 + draw(main, 60);
	while (flushes < load->options->flushes && clock_ms() - begin < load->options->time_ms) {
		nap_ms(2);
		seen = flushes_since(load->disk, seen, &flushes);
		if (!is_alive(load, why, why_size))
			return false;
		if (load->options->fault.kind && flushes > load->options->flushes / 2)
			return fail_disk(load, why, why_size);
		if (flushes < next)
			continue;
		if (!restart(main, why, why_size))
			return false;
		next = flushes + 20 + draw(main, 100);
	}
	return true;
}

static bool rule_by_kills(struct worker *main, char *why, size_t why_size)
{
	struct load *load = main->load;
	while (load->options->done.kills < load->options->kills) {
		nap_ms(5 + draw(main, draw(main, 8) ? 250 : 2500));
		if (!is_alive(load, why, why_size) || !restart(main, why, why_size))
			return false;
	}
	nap_ms(50);
	return true;
}

bool load_run(struct broker *broker, struct story *story, struct disk *disk, struct load_options *options, char *why, size_t why_size)
{
	struct load load = {.broker = broker, .story = story, .disk = disk, .options = options};
	struct worker workers[CLIENTS], main = {.load = &load, .random = options->seed};
	pthread_t threads[CLIENTS];
	uint32_t count = 0, started = 0;
	main.client = client_create();
	struct worker orders = main, bulk = main;
	bool is_well = make_topic(&orders, "orders", "300") && make_topic(&bulk, "bulk", "604800000");
	for (uint32_t i = 0; i < STORY_PARTITIONS; i++) {
		workers[count] = orders;
		workers[count++].partition = i;
	}
	for (uint32_t i = 0; i < PRODUCERS - STORY_PARTITIONS; i++) {
		workers[count] = bulk;
		workers[count++].partition = i;
	}
	for (uint32_t i = 0; i < PRODUCERS; i++) {
		workers[i].life = live_producer;
		workers[i].filler_max = i < STORY_PARTITIONS ? 1500 : 200000;
		workers[i].records_max = i < STORY_PARTITIONS ? 6 : 2;
		workers[i].pause_ms_max = i < STORY_PARTITIONS ? 15 : 60;
	}
	workers[count] = main;
	workers[count].records_max = 3;
	workers[count].pause_ms_max = 5;
	workers[count++].life = live_churn;
	workers[count] = orders;
	workers[count].partition = 1;
	workers[count].pause_ms_max = 50;
	workers[count++].life = live_committer;
	workers[count] = orders;
	workers[count++].life = live_consumer;
	CHECK(count == CLIENTS);
	for (; is_well && started < CLIENTS; started++) {
		struct worker *worker = &workers[started];
		worker->number = started;
		worker->random = options->seed * 100 + started;
		worker->client = client_create();
		CHECK(pthread_create(&threads[started], NULL, run_worker, worker) == 0);
	}
	if (is_well)
		is_well = options->kills ? rule_by_kills(&main, why, why_size) : rule_by_flushes(&main, why, why_size);
	else
		snprintf(why, why_size, "no topic can be made");
	load.is_over = true;
	broker_kill(broker);
	for (uint32_t i = 0; i < started; i++) {
		pthread_join(threads[i], NULL);
		client_destroy(workers[i].client);
	}
	client_destroy(main.client);
	story_crashed(story);
	return is_well;
}
