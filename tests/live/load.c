/* An idempotent producer and a consumer beside it, both of librdkafka, that go on through kill -9 of the
 * broker; at the end everything is read back and checked.
 *
 *   load HOST:PORT TOPIC PARTITIONS BYTES_PER_SECOND
 *
 * LOAD_CODEC in the environment is the producer's compression (none).
 *
 * Runs until SIGTERM. Nobody else writes to the topic, so the record number n of a partition must be at
 * offset n: a record lost, doubled, reordered or resurrected breaks that at once. Values are made from
 * (partition, n) alone and compared byte by byte. The consumer that reads along must never see anything
 * that is not there later: it too expects n at offset n, and treats "offset out of range" as a failure.
 *
 * Failure modes: an error the producer cannot retry, a record not acked within a minute after the end of
 * the load, a wrong record. Each is a FAIL line and status 1.
 */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/live/lib/cases.h"

#define PARTITIONS_MAX 64
#define VALUE_SIZE_MAX (512 << 10)
#define PATIENCE_MS 60000

static const char *broker, *topic;
static int partition_count;
static volatile sig_atomic_t stopping;

static int64_t sent[PARTITIONS_MAX], acked[PARTITIONS_MAX];
static uint64_t acked_bytes;
static _Atomic int64_t read_along[PARTITIONS_MAX];
static _Atomic bool reader_must_stop;

/* One failure is enough to end the run; the first is printed. */
static void give_up(const char *what, int32_t partition, int64_t n, int64_t offset, const char *why)
{
	printf("FAIL  %s: partition %d, record %lld, offset %lld: %s\n", what, partition, (long long)n, (long long)offset, why);
	fflush(stdout);
	_exit(1);
}

static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
	v = (v ^ v >> 27) * 0x94d049bb133111ebu;
	return v ^ v >> 31;
}

/* Mostly small values, some of a few pages, and on every third partition some large ones. */
static size_t value_size(int32_t partition, int64_t n)
{
	uint64_t dice = mix((uint64_t)n * PARTITIONS_MAX + (uint64_t)partition);
	if (partition % 3 == 2 && dice % 50 == 0)
		return 100000 + dice / 64 % (VALUE_SIZE_MAX - 100000);
	return dice % 20 == 0 ? 1000 + dice / 64 % 20000 : 16 + dice / 64 % 500;
}

/* Every other word is noise and the rest the same, so that a codec has something to do. */
static void fill_value(uint8_t *value, size_t size, int32_t partition, int64_t n)
{
	uint64_t state = mix((uint64_t)n << 8 | (uint64_t)partition);
	for (size_t at = 0; at < size; at += 8) {
		state = mix(state + at);
		memcpy(value + at, at & 8 ? (const void *)"spates  " : &state, size - at < 8 ? size - at : 8);
	}
}

static rd_kafka_t *make_client(rd_kafka_type_t type, const char *const settings[][2])
{
	char why[300];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", broker, NULL, 0);
	rd_kafka_conf_set(conf, "log_level", "1", NULL, 0);
	rd_kafka_conf_set(conf, "reconnect.backoff.ms", "20", NULL, 0);
	if (type == RD_KAFKA_PRODUCER)
		rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
	rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "200", NULL, 0);
	for (; (*settings)[0]; settings++)
		if (rd_kafka_conf_set(conf, (*settings)[0], (*settings)[1], why, sizeof(why)))
			give_up("configure", 0, 0, 0, why);
	rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof(why));
	if (!client)
		give_up("new client", 0, 0, 0, why);
	return client;
}

/* ---- producing ----------------------------------------------------------------------------------- */
static void note_ack(const rd_kafka_message_t *message)
{
	int32_t partition = message->partition;
	if (message->err)
		give_up("delivery", partition, acked[partition], message->offset, rd_kafka_err2str(message->err));
	if (message->offset != acked[partition])
		give_up("ack", partition, acked[partition], message->offset, "the offset is not the record's number");
	acked[partition]++;
	acked_bytes += message->len;
}

static void poll_producer(rd_kafka_t *producer, rd_kafka_queue_t *queue, int timeout_ms)
{
	rd_kafka_event_t *event;
	for (; (event = rd_kafka_queue_poll(queue, timeout_ms)) != NULL; timeout_ms = 0) {
		if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR) {
			const rd_kafka_message_t *message;
			while ((message = rd_kafka_event_message_next(event)) != NULL)
				note_ack(message);
		}
		char why[300];
		if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR && rd_kafka_fatal_error(producer, why, sizeof(why)))
			give_up("producer", 0, 0, 0, why);
		rd_kafka_event_destroy(event);
	}
}

/* Returns the bytes sent, or 0 if the queue is full. */
static size_t send_next(rd_kafka_t *producer, int32_t partition)
{
	static uint8_t value[VALUE_SIZE_MAX];
	char key[40];
	int64_t n = sent[partition];
	size_t size = value_size(partition, n);
	int key_size = snprintf(key, sizeof(key), "%d:%lld", partition, (long long)n);
	fill_value(value, size, partition, n);
	rd_kafka_resp_err_t error = rd_kafka_producev(
		producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_KEY(key, (size_t)key_size),
		RD_KAFKA_V_VALUE(value, size), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
	if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return 0;
	if (error)
		give_up("produce", partition, n, -1, rd_kafka_err2str(error));
	sent[partition]++;
	return size;
}

static int64_t total(const int64_t counts[])
{
	int64_t sum = 0;
	for (int i = 0; i < partition_count; i++)
		sum += counts[i];
	return sum;
}

static void produce_until_stopped(int64_t bytes_per_second)
{
	const char *const settings[][2] = {
		{ "enable.idempotence", "true" }, { "message.timeout.ms", "0" },  { "linger.ms", "3" },
		{ "socket.timeout.ms", "10000" }, { "queue.buffering.max.messages", "20000" },
		{ "message.max.bytes", "1000000" }, { "retry.backoff.ms", "20" },
		{ "compression.codec", getenv("LOAD_CODEC") ? getenv("LOAD_CODEC") : "none" }, { NULL, NULL },
	};
	rd_kafka_t *producer = make_client(RD_KAFKA_PRODUCER, settings);
	rd_kafka_queue_t *queue = rd_kafka_queue_get_main(producer);
	int64_t begin = now_ms(), bytes = 0;
	for (int32_t partition = 0; !stopping;) {
		size_t size = 0;
		if (bytes <= (now_ms() - begin) * bytes_per_second / 1000)
			size = send_next(producer, partition);
		bytes += (int64_t)size;
		partition = size ? (partition + 1) % partition_count : partition;
		poll_producer(producer, queue, size ? 0 : 2);
	}
	for (int64_t deadline = now_ms() + PATIENCE_MS; total(acked) < total(sent) && now_ms() < deadline;)
		poll_producer(producer, queue, 100);
	case_begin("every one of %lld records sent is acked, at the offset of its number", (long long)total(sent));
	expect_int("acked", total(sent), total(acked));
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(producer);
}

/* ---- reading back -------------------------------------------------------------------------------- */
static void check_record(const char *who, const rd_kafka_message_t *message, int64_t n)
{
	static _Thread_local uint8_t value[VALUE_SIZE_MAX];
	int32_t partition = message->partition;
	char key[40];
	int key_size = snprintf(key, sizeof(key), "%d:%lld", partition, (long long)n);
	if (message->offset != n)
		give_up(who, partition, n, message->offset, "not the offset expected next");
	if (message->key_len != (size_t)key_size || memcmp(message->key, key, message->key_len) != 0)
		give_up(who, partition, n, message->offset, "another record's key is there");
	size_t size = value_size(partition, n);
	fill_value(value, size, partition, n);
	if (message->len != size || memcmp(message->payload, value, size) != 0)
		give_up(who, partition, n, message->offset, "the value is not the one sent");
}

static rd_kafka_t *make_reader(void)
{
	static const char *const settings[][2] = {
		{ "group.id", "unused" }, { "enable.auto.commit", "false" }, { "auto.offset.reset", "error" },
		{ "check.crcs", "true" }, { "fetch.wait.max.ms", "100" }, { "fetch.error.backoff.ms", "50" },
		{ "queued.max.messages.kbytes", "32768" }, { NULL, NULL },
	};
	rd_kafka_t *reader = make_client(RD_KAFKA_CONSUMER, settings);
	rd_kafka_poll_set_consumer(reader);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partition_count);
	for (int i = 0; i < partition_count; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset = 0;
	rd_kafka_assign(reader, list);
	rd_kafka_topic_partition_list_destroy(list);
	return reader;
}

static bool is_harmless(rd_kafka_resp_err_t error)
{
	return error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
	       error == RD_KAFKA_RESP_ERR__TIMED_OUT || error == RD_KAFKA_RESP_ERR__RESOLVE;
}

/* Reads at most one record and counts it in `next`; false if none came. */
static bool read_one(rd_kafka_t *reader, const char *who, int64_t next[])
{
	rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 100);
	if (!message)
		return false;
	bool is_record = !message->err;
	if (is_record)
		check_record(who, message, next[message->partition]++);
	else if (!is_harmless(message->err))
		give_up(who, message->partition, -1, message->offset, rd_kafka_message_errstr(message));
	rd_kafka_message_destroy(message);
	return is_record;
}

static void *read_along_main(void *unused)
{
	static int64_t next[PARTITIONS_MAX];
	rd_kafka_t *reader = make_reader();
	while (!reader_must_stop)
		if (read_one(reader, "the consumer that reads along", next))
			for (int i = 0; i < partition_count; i++)
				read_along[i] = next[i];
	rd_kafka_consumer_close(reader);
	rd_kafka_destroy(reader);
	return unused;
}

static void await_read_along(pthread_t thread)
{
	case_begin("the consumer that read along saw each record once, in order, and all of them");
	int64_t got = 0;
	for (int64_t deadline = now_ms() + PATIENCE_MS; now_ms() < deadline; usleep(20000)) {
		got = 0;
		for (int i = 0; i < partition_count; i++)
			got += read_along[i];
		if (got >= total(sent))
			break;
	}
	expect_int("records", total(sent), got);
	reader_must_stop = true;
	pthread_join(thread, NULL);
}

static void read_back(void)
{
	static int64_t next[PARTITIONS_MAX];
	case_begin("read back from the start, each record is there once, in order, byte for byte");
	rd_kafka_t *reader = make_reader();
	int64_t got = 0, last = now_ms();
	while (got < total(sent) && now_ms() - last < PATIENCE_MS)
		if (read_one(reader, "reading back", next)) {
			got++;
			last = now_ms();
		}
	for (int i = 0; i < partition_count; i++)
		expect(next[i] == sent[i], "partition %d: %lld of %lld", i, (long long)next[i], (long long)sent[i]);
	for (int64_t deadline = now_ms() + 500; now_ms() < deadline;)
		expect(!read_one(reader, "reading behind the end", next), "there is more than was sent");
	rd_kafka_consumer_close(reader);
	rd_kafka_destroy(reader);
}

static void request_stop(int unused)
{
	(void)unused;
	stopping = 1;
}

int main(int argc, char **argv)
{
	if (argc != 5 || atoi(argv[3]) < 1 || atoi(argv[3]) > PARTITIONS_MAX) {
		fprintf(stderr, "usage: load HOST:PORT TOPIC PARTITIONS BYTES_PER_SECOND\n");
		return 2;
	}
	broker = argv[1], topic = argv[2], partition_count = atoi(argv[3]);
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = request_stop }, NULL);
	pthread_t reader;
	pthread_create(&reader, NULL, read_along_main, NULL);
	produce_until_stopped(atoll(argv[4]));
	await_read_along(reader);
	read_back();
	printf("#     %lld records, %llu MB in %d partitions\n", (long long)total(sent),
	       (unsigned long long)(acked_bytes / 1000000), partition_count);
	return cases_end();
}
