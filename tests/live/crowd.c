/* Many connections beside one producer and consumer: idle ones, slow readers and slow writers; what each costs the broker, and what the others feel.
 *
 *   crowd HOST:PORT TOPIC_PREFIX BROKER_PID CONNECTIONS [MEMORY]     the crowd: MEMORY, a number of bytes, is what an idle connection may cost (1024)
 *   crowd HOST:PORT TOPIC_PREFIX BROKER_PID limit MAX                the broker has max.connections=MAX
 *   crowd HOST:PORT TOPIC_PREFIX BROKER_PID reap IDLE_MS             the broker has connections.max.idle.ms=IDLE_MS
 *
 *   crowd HOST:PORT TOPIC_PREFIX BROKER_PID fill                     writes what `deaf` reads
 *   crowd HOST:PORT TOPIC_PREFIX BROKER_PID deaf COUNT               the broker was started anew: what COUNT connections ask for has to come from its files
 *
 * Times are printed and not judged, as others use the machine: `p99 alone`, `p99 beside`. That everybody is answered, memory and limits are judged.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/live/lib/fixture.h"

#define ROUNDS 400              /* of the producer and consumer, alone and beside the crowd */
#define SLOW_PART 10            /* one connection in so many reads slowly, and as many write slowly */
#define RECORD_SIZE 1000

static struct peer *crowd;
static int crowd_count;

static void allow_files(int count)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < (rlim_t)count + 64) {
		printf("skip  %d connections: the system allows %llu open files\n", count, (unsigned long long)limit.rlim_cur);
		exit(0);
	}
	crowd = calloc((size_t)count, sizeof *crowd);
}

/* ---- the producer and consumer --------------------------------------------------------------------- */

static int compare_times(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static double now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Each record produced is fetched; the crowd does its part in between, if there is one. */
static double measure_p99(const char *name, int slow_from, int slow_to)
{
	static double times[ROUNDS];
	static int64_t next_offset;
	struct peer producer, consumer;
	struct batch batch = batch_spec(1);
	batch.value_size = RECORD_SIZE;
	peer_open(&producer);
	peer_open(&consumer);
	for (int i = 0; i < ROUNDS; i++) {
		double begin = now_us();
		struct produced produced = peer_produce(&producer, topic, 0, &batch);
		struct fetched fetched = peer_fetch(&consumer, topic, 0, next_offset, 1000, 1, 1 << 20);
		times[i] = now_us() - begin;
		if (!expect(produced.outcome == REPLY && produced.error == 0, "%s: a produce: %s, error %d", name, outcome_name(produced.outcome), produced.error) ||
		    !expect(fetched.outcome == REPLY && fetched.error == 0 && fetched.first_base_offset == next_offset, "%s: a fetch: %s, error %d, offset %lld of %lld", name,
			    outcome_name(fetched.outcome), fetched.error, (long long)fetched.first_base_offset, (long long)next_offset))
			break;
		next_offset++;
		if (slow_to > slow_from) /* one more byte of somebody's request */
			(void)!send(crowd[slow_from + i % (slow_to - slow_from)].fd, "\0", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	peer_close(&producer);
	peer_close(&consumer);
	qsort(times, ROUNDS, sizeof *times, compare_times);
	printf("#     %s: a record produced and fetched, p50 %.0f us, p99 %.0f us\n", name, times[ROUNDS / 2], times[ROUNDS * 99 / 100]);
	return times[ROUNDS * 99 / 100];
}

/* ---- the crowd ------------------------------------------------------------------------------------- */

/* Each has been served once, so that it costs what a connection costs that was used. */
static void open_crowd(int count)
{
	for (crowd_count = 0; crowd_count < count; crowd_count++) {
		struct peer *peer = &crowd[crowd_count];
		struct buf request = { 0 };
		struct reader r;
		peer_open(peer);
		put_api_versions(&request, 0, NULL, NULL);
		if (!expect(peer_ask(peer, &request, &r) == REPLY, "connection %d is not answered", crowd_count))
			return;
		buf_free(&peer->reply);
	}
}

static void close_crowd(void)
{
	struct linger linger = { 1, 0 };
	for (int i = 0; i < crowd_count; i++) {
		setsockopt(crowd[i].fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
		peer_close(&crowd[i]);
	}
	crowd_count = 0;
}

/* Asks for much, and reads a little of it. */
static void read_slowly(int from, int to)
{
	struct buf request = { 0 };
	char bytes[64];
	put_fetch_request(&request, 1, topic, 0, 0, 0, 1, 1 << 20);
	for (int i = from; i < to; i++) {
		int small = 4096;
		setsockopt(crowd[i].fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
		(void)!send(crowd[i].fd, request.data, request.size, MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)!recv(crowd[i].fd, bytes, sizeof bytes, MSG_DONTWAIT);
	}
	buf_free(&request);
}

/* Begins a request of 100 KB, a byte of it. */
static void write_slowly(int from, int to)
{
	for (int i = from; i < to; i++)
		(void)!send(crowd[i].fd, "\0\1\x86\xa0\0", 5, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void test_crowd(int count, long memory_max)
{
	int slow = count / SLOW_PART;
	allow_files(count);
	create_topics(1, (const char *const[]){ NULL });
	measure_p99("warming up", 0, 0);
	case_begin("a producer and a consumer alone");
	double alone = measure_p99("alone", 0, 0);

	case_begin("%d idle connections are served, and cost at most %ld bytes each", count, memory_max);
	long before = broker_rss_kib();
	open_crowd(count);
	long each = (broker_rss_kib() - before) * 1024 / count;
	printf("#     memory: %ld KiB before, %ld KiB with %d idle connections: %ld bytes each\n", before, broker_rss_kib(), count, each);
	expect(each <= memory_max, "%ld bytes", each);

	case_begin("others go on beside %d idle connections", count);
	double beside_idle = measure_p99("beside idle ones", 0, 0);

	case_begin("... and beside %d slow readers and %d slow writers among them", slow, slow);
	before = broker_rss_kib();
	read_slowly(0, slow);
	write_slowly(slow, 2 * slow);
	double beside_slow = measure_p99("beside slow ones", slow, 2 * slow);
	printf("#     memory: %ld KiB more with %d slow readers and %d slow writers\n", broker_rss_kib() - before, slow, slow);
	printf("#     p99 beside %d idle: %.2f x alone; beside slow ones as well: %.2f x alone\n", count, beside_idle / alone, beside_slow / alone);

	case_begin("the idle ones are still served");
	for (int i = 2 * slow; i < count; i += 1 + count / 100) {
		struct buf request = { 0 };
		struct reader r;
		put_api_versions(&request, 0, NULL, NULL);
		if (!expect(peer_ask(&crowd[i], &request, &r) == REPLY, "connection %d is not answered", i))
			break;
	}
	close_crowd();
	expect_alive();
}

/* ---- limits ---------------------------------------------------------------------------------------- */

static void test_limit(int max)
{
	enum { BEYOND = 50 };
	allow_files(max + BEYOND);
	case_begin("max.connections=%d: as many are served", max);
	open_crowd(max);
	case_begin("... of %d beyond them each is closed", BEYOND);
	for (int i = 0; i < BEYOND; i++) {
		struct peer p;
		peer_open(&p);
		if (!expect(peer_is_closed(&p, WAIT_MS), "number %d stays open", i))
			break;
		peer_close(&p);
	}
	case_begin("... and those that are there go on");
	for (int i = 0; i < max; i += 10) {
		struct buf request = { 0 };
		struct reader r;
		put_api_versions(&request, 0, NULL, NULL);
		if (!expect(peer_ask(&crowd[i], &request, &r) == REPLY, "connection %d is not answered", i))
			break;
	}
	case_begin("... and when one goes, there is room for one");
	peer_close(&crowd[--crowd_count]);
	usleep(200000);
	expect(broker_answers(), "no answer");
	close_crowd();
}

static void test_reaping(int idle_ms)
{
	enum { COUNT = 200 };
	struct peer active;
	allow_files(COUNT);
	case_begin("connections.max.idle.ms=%d: %d idle connections are closed in time, one that asks is not", idle_ms, COUNT);
	peer_open(&active);
	open_crowd(COUNT);
	int64_t begin = now_ms();
	int closed = 0;
	while (closed < COUNT && now_ms() - begin < 4 * idle_ms) {
		struct buf request = { 0 };
		struct reader r;
		put_api_versions(&request, 0, NULL, NULL);
		if (!expect(peer_ask(&active, &request, &r) == REPLY, "the one that asks is not answered after %lld ms", (long long)(now_ms() - begin)))
			break;
		for (closed = 0; closed < COUNT && peer_is_closed(&crowd[closed], 0);)
			closed++;
		expect(closed == 0 || now_ms() - begin > idle_ms * 8 / 10, "closed after %lld ms", (long long)(now_ms() - begin));
		usleep(100000);
	}
	expect_int("closed", COUNT, closed);
	printf("#     %d closed after %lld ms\n", closed, (long long)(now_ms() - begin));
	peer_close(&active);
	close_crowd();
}

/* ---- who reads nothing -------------------------------------------------------------------------------- */

enum { DEAF_BATCHES = 8, DEAF_SIZE = 900000, DEAF_REQUESTS = 30 };

static void fill(void)
{
	struct peer producer;
	struct batch batch = batch_spec(1);
	batch.value_size = DEAF_SIZE;
	create_topics(1, (const char *const[]){ NULL });
	case_begin("%d batches of %d bytes", DEAF_BATCHES, DEAF_SIZE);
	peer_open(&producer);
	for (int i = 0; i < DEAF_BATCHES; i++) {
		struct produced produced = peer_produce(&producer, topic, 0, &batch);
		expect(produced.outcome == REPLY && produced.error == 0, "a produce: %s, error %d", outcome_name(produced.outcome), produced.error);
	}
	peer_close(&producer);
}

/* Each asks for some batches, as the system takes the first of them off the broker's hands, and never reads: so more than the broker has memory to read into. */
static void ask_and_be_deaf(int count)
{
	int small = 4096;
	for (crowd_count = 0; crowd_count < count; crowd_count++) {
		struct buf request = { 0 };
		peer_open(&crowd[crowd_count]);
		setsockopt(crowd[crowd_count].fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
		put_fetch_request(&request, 1, topic, 0, crowd_count % DEAF_BATCHES, 0, 1, 1 << 20);
		for (int i = 0; i < DEAF_REQUESTS; i++)
			expect(send(crowd[crowd_count].fd, request.data, request.size, MSG_NOSIGNAL) == (ssize_t)request.size, "connection %d", crowd_count);
		buf_free(&request);
	}
}

static void test_deaf(int count)
{
	struct peer reader;
	struct buf request = { 0 };
	struct reader r;
	allow_files(count);
	case_begin("%d connections ask for batches of a file, and read nothing", count);
	ask_and_be_deaf(count);
	case_begin("one that reads has its answer before those have had the time that anybody has (30 s, and a second for each 64 KiB)");
	peer_open(&reader);
	sleep(2); /* until all is lent that there is */
	put_fetch_request(&request, 1, topic, 0, DEAF_BATCHES - 1, 0, 1, 1 << 20);
	expect(send(reader.fd, request.data, request.size, MSG_NOSIGNAL) == (ssize_t)request.size, "a fetch is not sent");
	int64_t begin = now_ms();
	enum outcome outcome = peer_receive(&reader, 40000, 1, &r);
	printf("#     answered after %lld ms\n", (long long)(now_ms() - begin));
	expect(outcome == REPLY && r.end - r.at > DEAF_SIZE, "a fetch: %s", outcome_name(outcome));
	buf_free(&request);
	peer_close(&reader);
	close_crowd();
	expect_alive();
}

int main(int argc, char **argv)
{
	if (argc < 5) {
		fprintf(stderr, "usage: crowd HOST:PORT TOPIC_PREFIX BROKER_PID CONNECTIONS|limit|reap|fill|deaf ...\n");
		return 2;
	}
	fixture_open(4, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(argv[4], "limit") == 0)
		test_limit(atoi(argv[5]));
	else if (strcmp(argv[4], "reap") == 0)
		test_reaping(atoi(argv[5]));
	else if (strcmp(argv[4], "fill") == 0)
		fill();
	else if (strcmp(argv[4], "deaf") == 0)
		test_deaf(atoi(argv[5]));
	else
		test_crowd(atoi(argv[4]), argc > 5 ? atol(argv[5]) : 1024);
	return cases_end();
}
