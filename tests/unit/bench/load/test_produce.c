/* load_produce against a broker that answers as each test scripts it: what is counted, what is told, and
 * that it always ends. */
#include "bench/load/frame.h"
#include "bench/load/load.h"
#include "kmsg_header.h"
#include "kmsg_produce.h"
#include "log/base/err.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAKE_CONNECTIONS_MAX 16

/* What the fake broker does with the n-th request, counted from 0 over all connections. */
enum reply { REPLY_OK, REPLY_ERROR, REPLY_OTHER_PARTITION, REPLY_OTHER_CORRELATION, REPLY_GARBAGE, REPLY_CLOSE, REPLY_NOTHING };

struct fake {
	enum reply (*script)(uint64_t n);
	bool is_slow_writer; /* a byte at a time */
	int listener;
	uint16_t port;
	pthread_t thread;
	uint64_t requests, answers;
	volatile bool stops;
};

static bool receive_all(int fd, uint8_t *out, size_t size)
{
	return recv(fd, out, size, MSG_WAITALL) == (ssize_t)size;
}

static void send_answer(struct fake *fake, int fd, uint32_t correlation, int32_t partition, int16_t error_code)
{
	uint8_t bytes[256];
	struct kmsg_produce_partition_result result;
	kmsg_produce_partition_result_init(&result);
	result.index = partition;
	result.error_code = error_code;
	result.base_offset = error_code ? -1 : (int64_t)fake->answers;
	struct kmsg_produce_topic_result topic = { .name = slice_from("t"), .partition_responses = { &result, 1 } };
	struct kmsg_produce_response response = { .responses = { &topic, 1 } };
	struct kmsg_response_header header = { .correlation_id = (int32_t)correlation };
	struct writer writer = writer_into(bytes, sizeof bytes);
	writer_uint32(&writer, 0);
	kmsg_response_header_encode(&writer, 1, &header);
	kmsg_produce_response_encode(&writer, 9, &response);
	store_be32(bytes, (uint32_t)writer.position - 4);
	size_t step = fake->is_slow_writer ? 1 : writer.position;
	for (size_t at = 0; at < writer.position; at += step)
		send(fd, bytes + at, step, MSG_NOSIGNAL);
	fake->answers++;
}

/* The one partition's number in a request, by the generated decoder. */
static int32_t partition_of(uint8_t *frame, uint32_t size)
{
	uint8_t memory[4096];
	struct arena arena;
	arena_init(&arena, memory, sizeof memory, sizeof memory);
	struct reader reader = reader_over((struct slice){ frame, size });
	struct kmsg_request_header header;
	struct kmsg_produce_request request;
	if (kmsg_request_header_decode(&reader, &arena, 2, &header) || kmsg_produce_request_decode(&reader, &arena, 9, &request))
		return -1;
	return request.topic_data.items[0].partition_data.items[0].index;
}

/* False if the connection is to be closed. */
static bool serve_request(struct fake *fake, int fd)
{
	static uint8_t frame[1 << 20];
	uint8_t prefix[4];
	if (!receive_all(fd, prefix, 4) || load_be32(prefix) > sizeof frame || !receive_all(fd, frame, load_be32(prefix)))
		return false;
	uint32_t correlation = load_be32(frame + 4);
	int32_t partition = partition_of(frame, load_be32(prefix));
	switch (fake->script(fake->requests++)) {
	case REPLY_OK:
		send_answer(fake, fd, correlation, partition, 0);
		return true;
	case REPLY_ERROR:
		send_answer(fake, fd, correlation, partition, 6);
		return true;
	case REPLY_OTHER_PARTITION:
		send_answer(fake, fd, correlation, partition + 1, 0);
		return true;
	case REPLY_OTHER_CORRELATION:
		send_answer(fake, fd, correlation + 1, partition, 0);
		return true;
	case REPLY_GARBAGE:
		send(fd, "\x00\x00\x00\x06\xff\xff\xff\xff\xff\xff", 10, MSG_NOSIGNAL);
		return true;
	case REPLY_CLOSE:
		return false;
	case REPLY_NOTHING:
		return true;
	}
	return false;
}

static void *run_fake(void *arg)
{
	struct fake *fake = arg;
	struct pollfd fds[FAKE_CONNECTIONS_MAX + 1] = { { .fd = fake->listener, .events = POLLIN } };
	nfds_t count = 1;
	while (!fake->stops) {
		if (poll(fds, count, 20) <= 0)
			continue;
		for (nfds_t i = 1; i < count; i++)
			if (fds[i].revents && !serve_request(fake, fds[i].fd)) {
				close(fds[i].fd);
				fds[i].fd = -1;
			}
		if (fds[0].revents && count <= FAKE_CONNECTIONS_MAX)
			fds[count++] = (struct pollfd){ .fd = accept(fake->listener, NULL, NULL), .events = POLLIN };
	}
	for (nfds_t i = 1; i < count; i++)
		if (fds[i].fd >= 0)
			close(fds[i].fd);
	return NULL;
}

static void fake_start(struct fake *fake, enum reply (*script)(uint64_t n))
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof address;
	fake->script = script;
	fake->listener = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(fake->listener, (struct sockaddr *)&address, size), 0);
	cr_assert_eq(listen(fake->listener, 64), 0);
	getsockname(fake->listener, (struct sockaddr *)&address, &size);
	fake->port = ntohs(address.sin_port);
	cr_assert_eq(pthread_create(&fake->thread, NULL, run_fake, fake), 0);
}

static void fake_stop(struct fake *fake)
{
	fake->stops = true;
	pthread_join(fake->thread, NULL);
	close(fake->listener);
}

/* A short run against the fake broker: no warm-up, at most 0.3 s. */
static int run(struct fake *fake, struct load_config *config, struct load_result *result)
{
	config->port = fake->port;
	config->topic = "t";
	config->create_topic = false;
	config->warmup_ns = 0;
	if (!config->duration_ns || config->duration_ns > 1000000000)
		config->duration_ns = 300000000;
	int err = load_produce(config, result);
	fake_stop(fake);
	return err;
}

static struct load_result result;

static enum reply always_ok(uint64_t n) { return REPLY_OK; }
static enum reply sometimes_error(uint64_t n) { return n % 3 == 2 ? REPLY_ERROR : REPLY_OK; }
static enum reply other_partition(uint64_t n) { return n == 5 ? REPLY_OTHER_PARTITION : REPLY_OK; }
static enum reply garbage(uint64_t n) { return n == 5 ? REPLY_GARBAGE : REPLY_OK; }
static enum reply other_correlation(uint64_t n) { return n == 5 ? REPLY_OTHER_CORRELATION : REPLY_OK; }
static enum reply close_one(uint64_t n) { return n == 9 ? REPLY_CLOSE : REPLY_OK; }
static enum reply close_all(uint64_t n) { return n > 9 ? REPLY_CLOSE : REPLY_OK; }
static enum reply fall_silent(uint64_t n) { return n > 9 ? REPLY_NOTHING : REPLY_OK; }

/* A bound on the count is kept to the window, each request has its latency, and bytes are whole batches. */
Test(produce, counts_what_is_answered)
{
	struct fake fake = { 0 };
	struct load_config config;
	load_config_init(&config);
	config.connections = 3;
	config.partitions = 7;
	config.batch_bytes = 5000;
	config.record_bytes = 500;
	config.requests_max = 200;
	fake_start(&fake, always_ok);
	cr_assert_eq(run(&fake, &config, &result), 0, "%s", result.failure);
	cr_expect_geq(result.requests, 200);
	cr_expect_lt(result.requests, 200 + 3 * 4);
	cr_expect_eq(result.latency.count, fake.answers);
	cr_expect_eq(result.records, result.requests * 9);
	cr_expect_eq(result.bytes % result.requests, 0);
	cr_expect_eq(result.unanswered, 0);
	cr_expect_gt(histogram_percentile(&result.latency, 50), 0);
}

/* Answers that trickle in a byte at a time are the same answers. */
Test(produce, takes_answers_in_any_pieces)
{
	struct fake fake = { .is_slow_writer = true };
	struct load_config config;
	load_config_init(&config);
	config.connections = 2;
	config.batch_bytes = 1000;
	config.record_bytes = 100;
	config.requests_max = 50;
	fake_start(&fake, always_ok);
	cr_expect_eq(run(&fake, &config, &result), 0, "%s", result.failure);
	cr_expect_geq(result.requests, 50);
}

/* Every error answer is counted under its code, none as a success, and the run is told to have failed, by name. */
Test(produce, counts_errors_by_code)
{
	struct fake fake = { 0 };
	struct load_config config;
	load_config_init(&config);
	config.connections = 1;
	config.in_flight = 1;
	config.batch_bytes = 1000;
	config.record_bytes = 100;
	config.requests_max = 100;
	fake_start(&fake, sometimes_error);
	cr_expect_eq(run(&fake, &config, &result), -EIO);
	cr_expect_eq(result.request_errors, fake.answers / 3);
	cr_expect_eq(result.errors[6 + 1], result.request_errors);
	cr_expect_eq(result.latency.count, fake.answers - result.request_errors);
	cr_expect(strstr(result.failure, "NOT_LEADER_OR_FOLLOWER"), "%s", result.failure);
}

/* An answer for a partition that was not written to is damage, and is told. */
Test(produce, tells_answers_to_something_else)
{
	struct fake fake = { 0 };
	struct load_config config;
	load_config_init(&config);
	config.connections = 1;
	config.in_flight = 1;
	config.requests_max = 20;
	fake_start(&fake, other_partition);
	cr_expect_eq(run(&fake, &config, &result), -EIO);
	cr_expect_eq(result.damaged, 1);
}

/* An answer out of its order ends the run at once: nothing after it could be told apart. */
Test(produce, ends_when_answers_are_out_of_order)
{
	static enum reply (*const scripts[])(uint64_t n) = { other_correlation, garbage };
	for (size_t i = 0; i < COUNT_OF(scripts); i++) {
		struct fake fake = { 0 };
		struct load_config config;
		load_config_init(&config);
		config.connections = 1;
		fake_start(&fake, scripts[i]);
		cr_expect_eq(run(&fake, &config, &result), -EPROTO);
		cr_expect(strstr(result.failure, "out of order"), "%s", result.failure);
	}
}

/* A connection that ends takes its requests with it; the others go on, and the run is told to have failed. */
Test(produce, goes_on_without_a_connection)
{
	struct fake fake = { 0 };
	struct load_config config;
	load_config_init(&config);
	config.connections = 4;
	config.in_flight = 2;
	config.batch_bytes = 1000;
	config.record_bytes = 100;
	config.requests_max = 300;
	fake_start(&fake, close_one);
	cr_expect_eq(run(&fake, &config, &result), -EIO);
	cr_expect_eq(result.disconnects, 1);
	cr_expect_geq(result.unanswered, 1);
	cr_expect_leq(result.unanswered, 2);
	cr_expect_geq(result.requests, 300);
}

/* With all connections gone there is nothing to wait for. */
Test(produce, ends_when_all_connections_end, .timeout = 10)
{
	struct fake fake = { 0 };
	struct load_config config;
	load_config_init(&config);
	config.connections = 3;
	config.duration_ns = 1000000000;
	fake_start(&fake, close_all);
	cr_expect_eq(run(&fake, &config, &result), -ECONNRESET);
	cr_expect_eq(result.disconnects, 3);
}

/* A broker that falls silent is given up on after stall_ns, even in the drain. */
Test(produce, gives_up_on_silence, .timeout = 10)
{
	struct fake fake = { 0 };
	struct load_config config;
	load_config_init(&config);
	config.connections = 2;
	config.in_flight = 2;
	config.stall_ns = 200000000;
	fake_start(&fake, fall_silent);
	cr_expect_eq(run(&fake, &config, &result), -ETIMEDOUT);
	cr_expect_eq(result.unanswered, 4);
}

/* At a fixed rate as many requests leave as the schedule says, however quick the answers are. */
Test(produce, keeps_to_the_schedule)
{
	struct fake fake = { 0 };
	struct load_config config;
	load_config_init(&config);
	config.connections = 3;
	config.batch_bytes = 1000;
	config.record_bytes = 100;
	config.requests_per_s = 200;
	config.duration_ns = 500000000;
	fake_start(&fake, always_ok);
	cr_expect_eq(run(&fake, &config, &result), 0, "%s", result.failure);
	cr_expect_geq(result.requests, 90);
	cr_expect_leq(result.requests, 101);
}

/* What is due while the window is full waits as well: an answer that takes 0.1 s leaves five of six requests unsent at the end, and each of them has
 * its wait in the percentiles. */
static enum reply slow_answer(uint64_t n)
{
	usleep(100000);
	return REPLY_OK;
}

Test(produce, counts_the_wait_of_what_it_could_not_send, .timeout = 10)
{
	struct fake fake = { 0 };
	struct load_config config;
	load_config_init(&config);
	config.connections = config.partitions = config.in_flight = 1;
	config.batch_bytes = 1000;
	config.record_bytes = 100;
	config.requests_per_s = 60;
	config.duration_ns = 1000000000;
	fake_start(&fake, slow_answer);
	cr_assert_eq(run(&fake, &config, &result), 0, "%s", result.failure);
	cr_expect_geq(result.never_sent, 40);
	cr_expect_eq(result.latency.count, fake.answers + result.never_sent);
	cr_expect_eq(result.send_delay.count, result.latency.count);
	cr_expect_gt(histogram_percentile(&result.latency, 90), 600000000);
}

/* An interrupted run ends in good order, with what was measured. */
static bool is_late(void)
{
	static uint64_t calls;
	return ++calls > 100;
}

Test(produce, ends_in_good_order_when_interrupted, .timeout = 10)
{
	struct fake fake = { 0 };
	struct load_config config;
	load_config_init(&config);
	config.connections = 2;
	config.batch_bytes = 1000;
	config.record_bytes = 100;
	config.duration_ns = 1000000000;
	config.is_interrupted = is_late;
	fake_start(&fake, always_ok);
	cr_assert_eq(run(&fake, &config, &result), 0, "%s", result.failure);
	cr_expect_lt(result.elapsed_ns, 900000000);
	cr_expect_gt(result.requests, 0);
	cr_expect_eq(result.unanswered, 0);
}

/* Each fault of a configuration is told before anything is connected. */
Test(produce, refuses_what_makes_no_sense)
{
	struct load_config config;
	load_config_init(&config);
	cr_expect_null(load_config_fault(&config));
#define REFUSES(field, value)                                       \
	do {                                                        \
		load_config_init(&config);                          \
		config.field = value;                               \
		cr_expect_eq(load_produce(&config, &result), -EINVAL, #field); \
		cr_expect_neq(result.failure[0], 0);                \
	} while (0)
	REFUSES(connections, 0);
	REFUSES(connections, LOAD_CONNECTIONS_MAX + 1);
	REFUSES(in_flight, 0);
	REFUSES(partitions, 0);
	REFUSES(batch_bytes, 0);
	REFUSES(acks, 0);
	REFUSES(duration_ns, 0);
	REFUSES(topic, "");
	REFUSES(requests_per_s, -1);
#undef REFUSES
}
