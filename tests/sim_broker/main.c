/* The simulator of the whole broker: seeds from one on, on all cores, for so many seconds or so many seeds. Some seeds share a process, one behind another
 * (heap.h). A seed that fails is run again in a process of its own, shrunk, and told as a story.
 *
 * Failure modes: a run that finds an anomaly, aborts, hangs, or does not do the same twice. */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log/base/check.h"
#include "tests/shrink/quiet.h"
#include "tests/shrink/look_into.h"
#include "tests/sim_broker/heap.h"
#include "tests/sim_broker/run.h"

#define WORKERS_MAX 64
#define HANG_SECONDS 60
#define MEMORY_MAX (32ull << 30)
#define SEEDS_TOGETHER 200      /* in one process, where a run leaves nothing behind: the next one finds its memory mapped already */
#define TWICE_EVERY 40          /* seeds: these run twice, and must leave the same trace */
#define ALL_MOMENTS_SEEDS 3000  /* after so many every situation must have been met */

struct options {
	uint64_t seed, count;
	double seconds;
	uint32_t workers, shrink_seconds;
	bool is_story, is_loud, does_exchange;
	char flags[40]; /* those that the plans of all seeds depend on, each behind a space */
};

struct totals {
	uint64_t seeds, acked, starts, virtual_ns, trace, moments[moment_count];
};

/* What a process says of its seeds; the verdict is the last one's. */
struct worker {
	uint64_t seed;              /* that runs now */
	struct totals totals;
	struct verdict verdict;
};

static struct worker *workers;  /* shared with the processes */

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- seeds, in a process of their own ------------------------------------------------------------------------------------- */

static double cpu_seconds(int whose)
{
	struct rusage usage;
	getrusage(whose, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void add(struct totals *totals, const struct totals *more)
{
	totals->seeds += more->seeds;
	totals->acked += more->acked;
	totals->starts += more->starts;
	totals->virtual_ns += more->virtual_ns;
	totals->trace += more->trace; /* whichever seed ended first */
	for (uint32_t i = 0; i < moment_count; i++)
		totals->moments[i] += more->moments[i];
}

static void add_verdict(struct totals *totals, const struct verdict *verdict)
{
	struct totals one = {.seeds = 1, .acked = verdict->acked, .starts = verdict->starts, .virtual_ns = verdict->virtual_ns, .trace = verdict->trace};
	memcpy(one.moments, verdict->moments, sizeof one.moments);
	add(totals, &one);
}

static void run_seed(uint64_t seed, struct verdict *verdict)
{
	*verdict = (struct verdict){.has_failed = true, .text = "it ended before its end"};
	struct verdict first, again;
	struct plan plan;
	plan_make(&plan, seed);
	run_plan(&plan, &first, NULL);
	if (seed % TWICE_EVERY == 0 && !first.has_failed) {
		run_plan(&plan, &again, NULL);
		if (again.trace != first.trace) {
			first.has_failed = true;
			snprintf(first.text, sizeof first.text, "another trace when it is run again");
		}
	}
	*verdict = first;
}

/* Of CPU time: the machine may be busy. */
static void limit_time(void)
{
	rlim_t seconds = (rlim_t)cpu_seconds(RUSAGE_SELF) + HANG_SECONDS;
	setrlimit(RLIMIT_CPU, &(struct rlimit){seconds, RLIM_INFINITY});
}

static pid_t begin(const struct options *options, struct worker *worker, uint64_t first, uint64_t count)
{
	fflush(NULL);
	*worker = (struct worker){0};
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid)
		return pid;
	go_quiet(options->is_loud);
	worker->verdict.has_failed = false;
	for (worker->seed = first; worker->seed < first + count && !worker->verdict.has_failed; worker->seed++) {
		limit_time();
		run_seed(worker->seed, &worker->verdict);
		add_verdict(&worker->totals, &worker->verdict);
		if (worker->verdict.has_failed)
			break;
	}
	_exit(0);
}

static void note_end(struct verdict *verdict, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	bool is_hang = WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU;
	verdict->has_failed = true;
	snprintf(verdict->text, sizeof verdict->text, is_hang ? "it hangs (signal %d, status %d)" : "it died (signal %d, status %d)",
		 WIFSIGNALED(status) ? WTERMSIG(status) : 0, WIFEXITED(status) ? WEXITSTATUS(status) : 0);
}

/* ---- all of them ------------------------------------------------------------------------------------------------------------ */

static int find_worker(const pid_t *pids, uint32_t count, pid_t pid)
{
	for (uint32_t i = 0; i < count; i++)
		if (pids[i] == pid)
			return (int)i;
	return -1;
}

/* How many seeds the next process is given; 0: there are no more. */
static uint64_t next_count(const struct options *options, uint64_t next, double until)
{
	uint64_t left = options->count ? options->seed + options->count - next : now_s() < until ? UINT64_MAX : 0;
	uint64_t most = heap_has_resets() ? SEEDS_TOGETHER : 1, share = options->count / options->workers / 2 + 1;
	if (options->count && share < most)
		most = share;
	return left < most ? left : most;
}

/* The seed that failed, or 0. */
static uint64_t run_all(const struct options *options, struct totals *totals, char *why, size_t why_size)
{
	pid_t pids[WORKERS_MAX] = {0};
	uint64_t next = options->seed, failed = 0;
	uint32_t running = 0;
	double until = now_s() + options->seconds;
	for (;;) {
		uint64_t count = failed ? 0 : next_count(options, next, until);
		int free_worker = count ? find_worker(pids, options->workers, 0) : -1;
		if (free_worker >= 0) {
			pids[free_worker] = begin(options, &workers[free_worker], next, count);
			next += count;
			running++;
			continue;
		}
		if (!running)
			return failed;
		int status;
		pid_t pid = wait(&status);
		int at = find_worker(pids, options->workers, pid);
		CHECK(at >= 0);
		struct worker *worker = &workers[at];
		pids[at] = 0;
		running--;
		note_end(&worker->verdict, status);
		add(totals, &worker->totals);
		if (worker->verdict.has_failed && (!failed || worker->seed < failed)) {
			failed = worker->seed;
			snprintf(why, why_size, "%s", worker->verdict.text);
		}
	}
}

static bool is_expected(const struct options *options, enum moment moment)
{
	switch (moment) {
	case MOMENT_EXCHANGED: return options->does_exchange;
	case MOMENT_SEQUENCE_LOST: /* these three are rare */
	case MOMENT_ENDED_EARLY:
	case MOMENT_ENDED_IN_DOUBT: return false;
	default: return true;
	}
}

static uint32_t print_totals(const struct options *options, const struct totals *totals, double seconds)
{
	uint32_t missing = 0;
	printf("%lu seeds from %lu on, %lu starts of the broker, %lu records certain, %.0f s of virtual time in %.1f s: %.1f seeds/s, %.4f CPU s each; their traces add up to %016lx\n",
	       (unsigned long)totals->seeds, (unsigned long)options->seed, (unsigned long)totals->starts, (unsigned long)totals->acked, (double)totals->virtual_ns / 1e9, seconds,
	       (double)totals->seeds / seconds, cpu_seconds(RUSAGE_CHILDREN) / (double)(totals->seeds ? totals->seeds : 1), (unsigned long)totals->trace);
	for (uint32_t i = 0; i < moment_count; i++) {
		missing += totals->moments[i] == 0 && is_expected(options, (enum moment)i);
		printf("  %10lu  %s\n", (unsigned long)totals->moments[i], moment_text((enum moment)i));
	}
	return totals->seeds >= ALL_MOMENTS_SEEDS ? missing : 0;
}

/* ---- a seed that fails ------------------------------------------------------------------------------------------------------- */

static void run_alone(const void *plan, struct shrink_outcome *outcome, FILE *story)
{
	struct verdict verdict;
	if (story)
		setlinebuf(story);
	run_plan(plan, &verdict, story);
	outcome->has_failed = verdict.has_failed;
	snprintf(outcome->kind, sizeof outcome->kind, "%s", verdict.kind);
	snprintf(outcome->verdict, sizeof outcome->verdict, "%s", verdict.text);
}

static bool simplify(void *plan, uint32_t n)
{
	return plan_simplify(plan, n);
}

static const struct shrink_subject subject = {
	.plan_size = sizeof(struct plan),
	.count_at = offsetof(struct plan, step_count),
	.steps_at = offsetof(struct plan, steps),
	.step_size = sizeof(struct step),
	.run = run_alone,
	.simplify = simplify,
};

static void describe(const void *of)
{
	const struct plan *plan = of;
	const struct knobs *knobs = &plan->knobs;
	printf("(seed %lu, %u steps)\n%u shards, %u producers, %u consumers, %u fetchers, %u committers, %u classic members, %u consumer members; journals of %u, cache %u, direct from %u, "
	       "segments of %u, retention every %u ms%s%s\n", (unsigned long)plan->seed, plan->step_count, knobs->shards, knobs->producers, knobs->consumers, knobs->fetchers, knobs->committers,
	       knobs->members, knobs->consumer_members, knobs->journal_bytes, knobs->cache_bytes, knobs->direct_bytes, knobs->segment_bytes, knobs->retention_check_ms,
	       knobs->may_rot ? ", a disk that rots" : "", knobs->is_tireless ? ", tireless producers" : "");
}

static struct look look_at(const struct options *options, const char *program, uint64_t seed, const char *why)
{
	static struct plan plan;
	plan_make(&plan, seed);
	return (struct look){.subject = &subject, .plan = &plan, .seed = seed, .seconds_max = options->shrink_seconds, .flags = options->flags, .is_loud = options->is_loud, .why = why,
			     .repeat = "make check-sim-broker COUNT=1 SEED=", .program = program, .describe = describe};
}

static void note_flag(struct options *options, const char *flag)
{
	size_t used = strlen(options->flags);
	if (!strstr(options->flags, flag))
		snprintf(options->flags + used, sizeof options->flags - used, "%s", flag);
}

static int usage(const char *program)
{
	printf("usage: %s [--seed N] [--time SECONDS | --count SEEDS] [--jobs N] [--shrink SECONDS] [--rot] [--roll-back] [--exchange] [--loud]\n       %s --seed N --story [--rot] [--roll-back] [--exchange] [--loud]\n", program, program);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {{"seed", 1, NULL, 's'}, {"time", 1, NULL, 't'}, {"count", 1, NULL, 'n'}, {"jobs", 1, NULL, 'j'},
					      {"story", 0, NULL, 'S'}, {"loud", 0, NULL, 'l'}, {"shrink", 1, NULL, 'k'}, {"rot", 0, NULL, 'r'}, {"roll-back", 0, NULL, 'b'}, {"exchange", 0, NULL, 'e'}, {0}};
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct options options = {.seed = 1, .seconds = 60, .workers = cores > 0 && cores <= WORKERS_MAX ? (uint32_t)cores : 1, .shrink_seconds = 60};
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		switch (c) {
		case 's': options.seed = strtoull(optarg, NULL, 10); break;
		case 't': options.seconds = strtod(optarg, NULL); break;
		case 'n': options.count = strtoull(optarg, NULL, 10); break;
		case 'j': options.workers = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'S': options.is_story = true; break;
		case 'l': options.is_loud = true; break;
		case 'r': plan_let_all_rot(); note_flag(&options, " --rot"); break;
		case 'b': plan_let_all_roll_back(); note_flag(&options, " --roll-back"); break;
		case 'e': plan_let_all_exchange(); note_flag(&options, " --exchange"); options.does_exchange = true; break;
		case 'k': options.shrink_seconds = (uint32_t)strtoul(optarg, NULL, 10); break;
		default: return usage(argv[0]);
		}
	}
#if !defined(__SANITIZE_ADDRESS__)
	/* A broker that takes without end is a failure of its seed, not of the machine. */
	setrlimit(RLIMIT_AS, &(struct rlimit){MEMORY_MAX, MEMORY_MAX});
#endif
	if (options.seed == 0 || options.workers < 1 || options.workers > WORKERS_MAX)
		return usage(argv[0]);
	workers = mmap(NULL, WORKERS_MAX * sizeof *workers, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(workers != MAP_FAILED);
	if (options.is_story) {
		struct look look = look_at(&options, argv[0], options.seed, "");
		look_tell(&look);
		return 0;
	}
	struct totals totals = {0};
	char why[600];
	double began = now_s();
	uint64_t failed = run_all(&options, &totals, why, sizeof why);
	uint32_t missing = print_totals(&options, &totals, now_s() - began);
	if (failed) {
		struct look look = look_at(&options, argv[0], failed, why);
		look_into(&look);
		return 1;
	}
	if (missing)
		printf("FAIL  %u situations were never met: the simulator does not reach what it was made for\n", missing);
	return missing ? 1 : 0;
}
