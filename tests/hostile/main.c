/* The bad-input corpus: hostile requests and peers, one after the other, against a broker that runs already (README.md).
 *
 *   hostile --broker HOST:PORT [--pid PID] [--log FILE] [--shards N] [--data DIR] [--every N] [--growth KIB] [--seed N] [--oracle] [--record FILE] [--show PATTERN]
 *
 * Each case is played on a connection of its own; what comes of it is held against what Kafka does (file `kafka`) and the listed differences
 * (`differs`); then a good client asks. --every N plays each N-th case. --oracle: the broker is a Kafka: no bombs, no listed differences;
 * --record writes what it does. --show prints the cases whose "api vN: lie, place" matches.
 *
 * Exit status: 0 all held; 1 not; 2 a mistake in the options, or no broker. */
#include "log/base/check.h"
#include "tests/hostile/batches.h"
#include "tests/hostile/expected.h"
#include "tests/hostile/peers.h"
#include "tests/hostile/seeds.h"
#include "tests/hostile/watch.h"

#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FAILURES_SHOWN 400
#define PRODUCE_VERSION 9
/* Bad frames at the end for each shard: at least one comes to each, and all are told of. */
#define LAST_WORDS 4u

struct run {
	struct target target;
	struct watch watch;
	struct expected expected;
	struct recorder *recorder;
	const char *show;
	bool is_oracle;
	long growth_max_kib;
	uint64_t every, told, played, failures, restarts;
	uint64_t refused_min, refused_max;
	uint32_t refused_by_port[65536];
};

static struct run run;

static void complain(const char *name, const char *what)
{
	if (run.failures++ < FAILURES_SHOWN)
		printf("FAIL  %s: %s\n", name, what);
	fflush(stdout);
}

static void check_others(const char *name)
{
	if (!watch_check(&run.watch))
		complain(name, run.watch.why);
}

static void note_refusal(const struct hostile_case *hostile, const struct outcome *outcome)
{
	bool is_closed = strcmp(outcome->text, "closed") == 0;
	/* One that closed its own side may have been let go without a word. */
	run.refused_min += is_closed && !hostile->is_half_closed;
	run.refused_max += is_closed || hostile->is_half_closed;
	run.refused_by_port[outcome->port] += is_closed || hostile->is_half_closed;
}

/* What comes of the good request is "unharmed" when it comes of a lie as well. */
static const char *relative(const struct hostile_case *hostile, const char *seen)
{
	static struct { char api[64], outcome[96]; int version; } good[400];
	static size_t count;
	bool is_good = strcmp(hostile->lie, "none") == 0;
	if (is_good && count < COUNT_OF(good)) {
		snprintf(good[count].api, sizeof good[count].api, "%s", hostile->api);
		snprintf(good[count].outcome, sizeof good[count].outcome, "%s", seen);
		good[count++].version = hostile->version;
	}
	for (size_t i = 0; i < count && !is_good; i++)
		if (good[i].version == hostile->version && strcmp(good[i].api, hostile->api) == 0 && strcmp(good[i].outcome, seen) == 0)
			return "unharmed";
	return seen;
}

static void judge(const struct hostile_case *hostile, const char *name, const char *seen)
{
	char text[300];
	const char *kafka = hostile->is_heavy ? "unplayed" : expected_outcome(&run.expected, hostile);
	if (run.recorder) {
		recorder_add(run.recorder, hostile, seen);
		return;
	}
	bool is_right = strcmp(kafka, seen) == 0 || (!run.is_oracle && expected_differs(&run.expected, hostile, kafka, seen));
	if (is_right)
		return;
	snprintf(text, sizeof text, "Kafka: %s; seen: %s", kafka, seen);
	complain(name, text);
}

static void play(void *context, const struct hostile_case *hostile)
{
	char name[300];
	struct outcome outcome;
	if (run.told++ % run.every != 0 || (run.is_oracle && hostile->is_heavy))
		return;
	snprintf(name, sizeof name, "%s v%d: %s%s%s", hostile->api, hostile->version, hostile->lie, *hostile->place ? ", " : "", hostile->place);
	player_play(&run.target, hostile, &outcome);
	run.played++;
	note_refusal(hostile, &outcome);
	if (run.show && fnmatch(run.show, name, 0) == 0)
		printf("#     %s: %s\n", name, outcome.text);
	judge(hostile, name, relative(hostile, outcome.text));
	check_others(name);
}

static void play_good(void *context, const struct good_request *good) { lies_tell_none(good, play, context); }
static void play_lies(void *context, const struct good_request *good) { lies_tell(good, play, context); }

static void play_peers(uint64_t seed)
{
	for (size_t i = 0; i < peer_case_count; i++) {
		const char *wrong = peer_cases[i].play(&run.target, seed);
		run.played++;
		if (wrong)
			complain(peer_cases[i].name, wrong);
		check_others(peer_cases[i].name);
		if (run.show && fnmatch(run.show, peer_cases[i].name, 0) == 0)
			printf("#     %s: %s; memory %.1f MiB\n", peer_cases[i].name, wrong ? wrong : "as it should", (double)run.watch.rss_last_kib / 1024);
	}
}

/* What was left out of the log is told with the next line: so there must be one, on each shard. */
static void have_last_words(unsigned shards)
{
	static const uint8_t empty_frame[4];
	struct hostile_case hostile = {.api = "-", .lie = "a frame's size alone", .bytes = {empty_frame, sizeof empty_frame}};
	usleep(1200000);
	for (unsigned i = 0; i < LAST_WORDS * shards; i++) {
		struct outcome outcome;
		player_play(&run.target, &hostile, &outcome);
		note_refusal(&hostile, &outcome);
	}
}

/* What a burst took goes back to the system when the broker has calmed: some seconds later. */
static void wait_for_memory(void)
{
	for (int i = 0; i < 60 && run.watch.pid && run.watch.rss_last_kib - run.watch.rss_first_kib > run.growth_max_kib; i++) {
		usleep(100000);
		check_others("waiting for memory to be given back");
	}
}

static void report(void)
{
	wait_for_memory();
	long growth = run.watch.rss_last_kib - run.watch.rss_first_kib;
	if (run.watch.pid && growth > run.growth_max_kib)
		complain("memory", "it has grown by more than it may");
	printf("%s    %llu cases, %llu restarts, RSS growth %.1f MiB (at most %.1f above %.1f), %llu answers to the good client, %llu failures\n",
	       run.failures ? "FAIL" : "ok  ", (unsigned long long)run.played, (unsigned long long)run.restarts, (double)growth / 1024,
	       (double)(run.watch.rss_most_kib - run.watch.rss_first_kib) / 1024, (double)run.watch.rss_first_kib / 1024,
	       (unsigned long long)run.watch.answered, (unsigned long long)run.failures);
}

/* Rows that nothing met have become untrue, or are mistyped. */
static void tell_unmet_rows(void)
{
	for (size_t i = 0; i < run.expected.differ_count; i++)
		if (run.expected.differs[i].met == 0)
			complain("differs", run.expected.differs[i].columns[0]);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"broker", 1, NULL, 'b'}, {"pid", 1, NULL, 'p'},  {"log", 1, NULL, 'l'},    {"data", 1, NULL, 'd'}, {"every", 1, NULL, 'e'},
		{"seed", 1, NULL, 's'},	  {"oracle", 0, NULL, 'o'}, {"record", 1, NULL, 'r'}, {"show", 1, NULL, 'w'}, {"shards", 1, NULL, 'n'},
		{"growth", 1, NULL, 'g'}, {0},
	};
	const char *record = NULL, *log = NULL, *data = "tests/hostile"; /* run at the root */
	uint64_t seed = 1;
	unsigned shards = 1;
	int pid = 0;
	run.every = 1;
	run.growth_max_kib = 16 << 10;
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (option) {
		case 'b': CHECKF(target_parse(&run.target, optarg), "--broker wants HOST:PORT"); break;
		case 'p': pid = atoi(optarg); break;
		case 'l': log = optarg; break;
		case 'd': data = optarg; break;
		case 'e': run.every = strtoull(optarg, NULL, 10) ? strtoull(optarg, NULL, 10) : 1; break;
		case 'g': run.growth_max_kib = atol(optarg); break;
		case 's': seed = strtoull(optarg, NULL, 0); break;
		case 'n': shards = (unsigned)atoi(optarg); break;
		case 'o': run.is_oracle = true; break;
		case 'r': record = optarg; run.recorder = recorder_create(); run.is_oracle = true; break;
		case 'w': run.show = optarg; break;
		default: return 2;
		}
	}
	expected_read(&run.expected, data);
	if (!seeds_prepare(&run.target, data) || !watch_open(&run.watch, &run.target, pid, log)) {
		printf("FAIL  there is no broker to ask: %s\n", run.watch.why);
		return 2;
	}
	uint64_t every = run.every;
	run.every = 1;
	seeds_each(play_good, NULL);
	run.every = every;
	watch_begin(&run.watch);
	lies_tell_nobody(play, NULL);
	seeds_each(play_lies, NULL);
	batches_tell(PRODUCE_VERSION, play, NULL);
	have_last_words(shards);
	check_others("the end of the requests");
	if (!run.is_oracle && !watch_log(&run.watch, run.refused_min, run.refused_max, run.refused_by_port, shards))
		complain("log", run.watch.why);
	if (!run.is_oracle)
		play_peers(seed);
	if (run.every == 1 && !run.is_oracle)
		tell_unmet_rows();
	if (run.recorder && !recorder_write(run.recorder, record))
		complain("record", "cannot be written");
	report();
	watch_close(&run.watch);
	return run.failures > 0;
}
