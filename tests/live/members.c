/* Many members of many consumer groups, each with a connection of its own, that join, consume, commit, leave, crash and come back, through kill -9 of the
 * broker; and a checker that knows what each of them was told (tests/live/members/members.h says where). One thread and epoll; one more thread produces.
 *
 *   members HOST:PORT TOPIC PARTITIONS KINDS GROUPS MEMBERS LIFE_MS [SECONDS [ROUNDS]]
 *
 * KINDS is a string of letters, and group number i is of the kind KINDS[i % length]:
 *   c  classic, dynamic members      s  classic, static members (KIP-345)      k  classic, cooperative (KIP-429)
 *   n  consumer protocol (KIP-848)   t  consumer protocol, static members
 *   x  every other member of each protocol, in one group
 *   C, N, X  as c, n, x, but its members only join and leave, and seldom crash: they read nothing
 * GROUPS groups have MEMBERS members each, and a member lives LIFE_MS on the average, then it leaves, or crashes (closes its connection without
 * a word), or only loses its connection. A round is SECONDS of that, or until SIGTERM; then no more are born or die, and all must become quiet within
 * PATIENCE_MS: every member is in, all of a group are in one generation, each partition has its owner, and whatever was acked to the producer is
 * consumed and committed by each reading group; and all that goes on for QUIET_MS without another generation. Each round ends with a line.
 *
 * What must hold, and is checked whenever a member learns something, is at the head of members/owned.c; besides, no call waits for more than a minute, and
 * no error comes that a member cannot get. The first breach ends the run with a FAIL line and status 1.
 *
 * In the environment: SEED, of what `random` chooses; PRODUCE_MS (2), COMMIT_MS (300), FETCH_WAIT_MS (200), the pace; QUIET_MS (2000), PATIENCE_MS
 * (60000); LINGER_MS (0), how long a round stays quiet after its line. At the end "committed GROUP PARTITION OFFSET" lines say what each group has committed. */
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/live/members/members.h"

static volatile sig_atomic_t stop_asked;

static void request_stop(int unused)
{
	(void)unused;
	stop_asked = 1;
}

static void resolve(const char *host_port)
{
	char host[100], port[20];
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *found;
	if (sscanf(host_port, "%99[^:]:%19s", host, port) != 2 || getaddrinfo(host, port, &hints, &found) != 0) {
		fprintf(stderr, "members: not HOST:PORT: %s\n", host_port);
		exit(2);
	}
	memcpy(&target, found->ai_addr, sizeof(target));
	freeaddrinfo(found);
}

/* Where a group is not yet as it should be once nobody comes or goes; NULL: nowhere. */
static const char *unrest_of_member(const struct member *m, const struct member *first)
{
	static char text[600];
	uint64_t wanted = m->is_consumer || m->group->is_cooperative ? m->wanted : m->owned;
	if (!m->is_member || m->needs_join || m->needs_sync || m->owned != wanted)
		snprintf(text, sizeof(text), "member %s of %s is not in (waits for API %d)", m->id, m->group->id, m->asked);
	else if (m->generation != first->generation)
		snprintf(text, sizeof(text), "members %s and %s of %s are in generations %d and %d", m->id, first->id, m->group->id, m->generation, first->generation);
	else
		return NULL;
	return text;
}

static const char *unrest_of_group(const struct group *g)
{
	static char text[600];
	for (int32_t p = 0; p < partition_count; p++) {
		if (!g->owner[p])
			snprintf(text, sizeof(text), "partition %d of %s has no owner", p, g->id);
		else if (g->reads && g->acked[p] < produced[p])
			snprintf(text, sizeof(text), "group %s has committed %lld of %lld in partition %d, and consumed %lld", g->id,
				 (long long)g->acked[p], (long long)produced[p], p, (long long)g->consumed[p]);
		else
			continue;
		return text;
	}
	return NULL;
}

static const char *unrest(void)
{
	const char *why = NULL;
	for (int i = 0; i < group_count * member_count && !why; i++)
		why = unrest_of_member(&members[i], &members[i / member_count * member_count]);
	for (int i = 0; i < group_count && !why; i++)
		why = unrest_of_group(&groups[i]);
	return why;
}

/* Changes whenever a group does. */
static int64_t sum_of_generations(void)
{
	int64_t sum = 0;
	for (int i = 0; i < group_count; i++)
		sum += members[i * member_count].generation;
	return sum;
}

static void turn(void)
{
	static int64_t scanned_ms;
	struct epoll_event events[256];
	int count = epoll_wait(poll_fd, events, 256, 10);
	int64_t now = now_ms();
	for (int i = 0; i < count; i++) {
		struct member *m = events[i].data.ptr;
		if (m->fd >= 0)
			member_receive(m, now);
	}
	if (now - scanned_ms < 10)
		return;
	scanned_ms = now;
	for (int i = 0; i < group_count * member_count; i++)
		member_step(&members[i], now);
}

static void print_end(void)
{
	int32_t generation = 0;
	for (int i = 0; i < group_count; i++) {
		if (groups[i].generation > generation)
			generation = groups[i].generation;
		for (int32_t p = 0; p < partition_count && groups[i].reads; p++)
			if (groups[i].acked[p] >= 0)
				printf("committed %s %d %lld\n", groups[i].id, p, (long long)groups[i].acked[p]);
	}
	printf("#     %d groups of %d: %ld members have joined (%ld joins with those again), %ld left, %ld crashed, %ld lost connections, %ld connections made; "
	       "up to generation %d\n",
	       group_count, member_count, lives, joins, leaves, crashes, drops, reconnects, generation);
	printf("#     %ld records consumed, %ld offsets committed; the longest join took %lld ms\n", fetched_records, commits, (long long)longest_join_ms);
}

/* The first time makes __consumer_offsets. One node coordinates all groups. */
static void find_coordinator(void)
{
	int error = -100;
	for (int64_t deadline = now_ms() + 10000; error && now_ms() < deadline; usleep(RETRY_MS * 1000)) {
		struct peer peer;
		struct buf request = { 0 };
		struct reader r;
		peer_open(&peer);
		request_begin(&request, API_FIND_COORDINATOR, 1, ++peer.correlation_id, false);
		put_string(&request, "any");
		put_i8(&request, 0);
		if (peer_ask(&peer, &request, &r) == REPLY) {
			get_i32(&r);
			error = get_i16(&r);
		}
		peer_close(&peer);
	}
	case_begin("there is a coordinator");
	expect_int("error", 0, error);
}

static int setting(const char *name, int otherwise)
{
	const char *text = getenv(name);
	return text ? atoi(text) : otherwise;
}

/* Everybody comes and goes. */
static void churn(int64_t end_ms)
{
	pthread_t producer;
	is_calm = producer_stops = false;
	pthread_create(&producer, NULL, producer_main, NULL);
	while (!stop_asked && now_ms() < end_ms)
		turn();
	producer_stops = true;
	pthread_join(producer, NULL);
}

/* Nobody does. */
static bool calm_down(int round)
{
	int patience_ms = setting("PATIENCE_MS", 60000), quiet_ms = setting("QUIET_MS", 2000);
	int64_t begin_ms = now_ms(), since_ms = begin_ms, sum = -1, now = begin_ms;
	const char *why = NULL;
	is_calm = true;
	for (; now - since_ms < quiet_ms && now - begin_ms < patience_ms + quiet_ms; now = now_ms()) {
		turn();
		why = unrest();
		if (why || sum != sum_of_generations())
			since_ms = now;
		sum = sum_of_generations();
	}
	case_begin("all groups become quiet, and have consumed and committed what was acked");
	bool is_quiet = expect(!why && now - since_ms >= quiet_ms, "%s", why ? why : "the generations go on");
	printf("#     round %d: quiet after %lld ms; %ld members have joined, %ld left, %ld crashed\n", round, (long long)(since_ms - begin_ms), lives, leaves,
	       crashes);
	fflush(stdout);
	for (int64_t end_ms = now_ms() + setting("LINGER_MS", 0); is_quiet && now_ms() < end_ms;)
		turn();
	return is_quiet;
}

int main(int argc, char **argv)
{
	if (argc < 8 || atoi(argv[3]) < 1 || atoi(argv[3]) > PARTITIONS_MAX) {
		fprintf(stderr, "usage: members HOST:PORT TOPIC PARTITIONS KINDS GROUPS MEMBERS LIFE_MS [SECONDS [ROUNDS]]\n");
		return 2;
	}
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	world_seed(getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10) : (uint64_t)now_ms());
	topic_name = argv[2], partition_count = atoi(argv[3]), group_count = atoi(argv[5]), member_count = atoi(argv[6]), life_ms = atoi(argv[7]);
	int64_t round_ms = argc > 8 ? atoll(argv[8]) * 1000 : INT64_MAX / 2;
	int rounds = argc > 9 ? atoi(argv[9]) : 1;
	commit_ms = setting("COMMIT_MS", commit_ms), fetch_wait_ms = setting("FETCH_WAIT_MS", fetch_wait_ms), produce_ms = setting("PRODUCE_MS", produce_ms);
	struct sigaction on_term = { .sa_handler = request_stop };
	sigaction(SIGTERM, &on_term, NULL);
	signal(SIGPIPE, SIG_IGN);
	resolve(argv[1]);
	peer_target(argv[1]);
	struct peer peer;
	peer_open(&peer);
	case_begin("the topic is there");
	expect(peer_topic_id(&peer, topic_name, topic_id), "it is not");
	peer_close(&peer);
	find_coordinator();
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	world_make(argv[4]);
	for (int round = 1; round <= rounds && !stop_asked; round++) {
		churn(now_ms() + round_ms);
		if (!calm_down(round))
			break;
	}
	print_end();
	return cases_end();
}
