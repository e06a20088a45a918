/* The simulator of the storage engine: seeds from one on, one history each, on all cores, for so many seconds or so many seeds. Says at the end how many
 * there were, how many states of a crashed disk were recovered from, and which situations were met. A seed that fails is shrunk and told as a story.
 *
 * Happy path: workers in processes of their own take every n-th seed. Failure modes: a worker that finds an anomaly stops; one that aborts or hangs is seen
 * by the parent, who knows its seed. Either way the others are stopped, and the seed is looked into. */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log/base/check.h"
#include "tests/history/history.h"
#include "tests/shrink/quiet.h"
#include "tests/shrink/look_into.h"
#include "tests/sim/run.h"

#define WORKERS_MAX 64
#define HANG_SECONDS 30
#define TWICE_EVERY 50          /* seeds: these run twice, and must leave the same trace */
#define ALL_POINTS_SEEDS 2000   /* after so many every situation must have been met */

struct worker {
	_Atomic uint64_t seed;      /* that runs now */
	_Atomic double began_s;     /* in seconds of the worker's own CPU time: the machine may be busy */
	uint64_t seeds, crash_states, appends, acks, ios;
	uint64_t wide_fences, wide_seed; /* runs that fenced more than was struck, and the last of them */
	uint64_t points[point_count];
	bool has_failed;
	char kind[40];
};

struct options {
	uint64_t seed, count;       /* count 0: as many as there is time for */
	uint32_t seconds, workers, shrink_seconds;
	bool is_story, must_meet_all, is_loud, is_strict;
};

static struct worker *workers;
static volatile sig_atomic_t is_interrupted;

static double seconds_of(clockid_t clock)
{
	struct timespec now = {0};
	(void)!clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double now_exactly(void)
{
	return seconds_of(CLOCK_MONOTONIC);
}

/* ---- a worker -------------------------------------------------------------------------------------------------------- */

/* On a disk that lies, sound records beside the struck ones may be named damaged: not lost, not wrong, and not good enough: a failure, but with --lenient, which
 * counts and tells such seeds. */
static bool is_wide_fence(const struct plan *plan, const struct run_result *result)
{
	return plan->knobs.has_illegal_faults && strcmp(result->kind, anomaly_name(ANOMALY_FALSE_DAMAGE)) == 0;
}

static bool run_seed(struct worker *worker, uint64_t seed, bool is_strict)
{
	static struct plan plan;
	struct run_result result, again;
	uint64_t ignored[point_count];
	plan_make(&plan, seed);
	run_plan(&plan, &result, worker->points, NULL);
	worker->crash_states += result.crash_states;
	worker->appends += result.appends;
	worker->acks += result.acks;
	worker->ios += result.ios;
	if (result.verdict[0] && !is_strict && is_wide_fence(&plan, &result)) {
		worker->wide_fences++;
		worker->wide_seed = seed;
	} else if (result.verdict[0]) {
		snprintf(worker->kind, sizeof worker->kind, "%s", result.kind);
		return false;
	}
	if (seed % TWICE_EVERY == 0) {
		run_plan(&plan, &again, ignored, NULL);
		if (again.trace_hash != result.trace_hash) {
			snprintf(worker->kind, sizeof worker->kind, "another trace");
			return false;
		}
	}
	worker->seeds++;
	return true;
}

static void work(struct worker *worker, const struct options *options, uint32_t number)
{
	double until = now_exactly() + options->seconds;
	for (uint64_t i = number; (options->count ? i < options->count : now_exactly() < until) && !is_interrupted; i += options->workers) {
		worker->began_s = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
		worker->seed = options->seed + i;
		if (!run_seed(worker, options->seed + i, options->is_strict)) {
			worker->has_failed = true;
			return;
		}
	}
}

/* ---- the parent -------------------------------------------------------------------------------------------------------- */

static void stop_all(const pid_t *pids, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (pids[i] > 0)
			kill(pids[i], SIGKILL);
	for (uint32_t i = 0; i < count; i++)
		if (pids[i] > 0)
			waitpid(pids[i], NULL, 0);
}

static void note_end(struct worker *worker, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !worker->has_failed)
		return;
	if (!worker->has_failed)
		snprintf(worker->kind, sizeof worker->kind, "signal %d, status %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0, WIFEXITED(status) ? WEXITSTATUS(status) : 0);
	worker->has_failed = true;
}

static bool hangs(struct worker *worker, pid_t pid)
{
	clockid_t clock;
	if (clock_getcpuclockid(pid, &clock) || seconds_of(clock) < worker->began_s + HANG_SECONDS)
		return false;
	worker->has_failed = true;
	snprintf(worker->kind, sizeof worker->kind, "hang");
	return true;
}

/* The worker that failed, or NULL. */
static struct worker *watch(pid_t *pids, uint32_t count)
{
	for (uint32_t left = count; left;) {
		struct timespec pause = {.tv_nsec = 20000000};
		nanosleep(&pause, NULL);
		for (uint32_t i = 0; i < count; i++) {
			int status;
			bool has_ended = pids[i] > 0 && waitpid(pids[i], &status, WNOHANG) == pids[i];
			if (has_ended) {
				pids[i] = 0;
				left--;
				note_end(&workers[i], status);
			}
			if (workers[i].has_failed || (pids[i] > 0 && hangs(&workers[i], pids[i]))) {
				stop_all(pids, count);
				return &workers[i];
			}
		}
	}
	return NULL;
}

static struct worker *run_workers(const struct options *options)
{
	pid_t pids[WORKERS_MAX] = {0};
	for (uint32_t i = 0; i < options->workers; i++) {
		fflush(NULL);
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0) {
			go_quiet(options->is_loud);
			work(&workers[i], options, i);
			_exit(0);
		}
	}
	return watch(pids, options->workers);
}

/* ---- what is said at the end -------------------------------------------------------------------------------------------- */

static struct worker sum_up(const struct options *options)
{
	struct worker sum = {0};
	for (uint32_t i = 0; i < options->workers; i++) {
		sum.seeds += workers[i].seeds;
		sum.crash_states += workers[i].crash_states;
		sum.appends += workers[i].appends;
		sum.acks += workers[i].acks;
		sum.ios += workers[i].ios;
		sum.wide_fences += workers[i].wide_fences;
		sum.wide_seed = workers[i].wide_seed ? workers[i].wide_seed : sum.wide_seed;
		for (uint32_t p = 0; p < point_count; p++)
			sum.points[p] += workers[i].points[p];
	}
	return sum;
}

static uint32_t print_points(const struct worker *sum, bool is_long)
{
	uint32_t missing = 0;
	for (uint32_t p = 0; p < point_count; p++) {
		missing += sum->points[p] == 0;
		if (is_long || !sum->points[p])
			printf("  %10lu  %s\n", (unsigned long)sum->points[p], point_text((enum point)p));
	}
	return missing;
}

static uint32_t print_figures(const struct options *options, double seconds)
{
	struct worker sum = sum_up(options);
	printf("%lu seeds from %lu on, %lu crash states, %lu appends, %lu acked, %lu I/Os in %.1f s: %.0f seeds/s, %.0f crash states/s\n", (unsigned long)sum.seeds,
	       (unsigned long)options->seed, (unsigned long)sum.crash_states, (unsigned long)sum.appends, (unsigned long)sum.acks, (unsigned long)sum.ios, seconds,
	       (double)sum.seeds / seconds, (double)sum.crash_states / seconds);
	if (sum.wide_fences)
		printf("%lu of them fenced more than was struck, on a disk that lies (the last: --seed %lu --count 1)\n", (unsigned long)sum.wide_fences,
		       (unsigned long)sum.wide_seed);
	uint32_t missing = print_points(&sum, options->must_meet_all);
	printf("%u of %u situations met\n", point_count - missing, point_count);
	return options->must_meet_all || sum.seeds >= ALL_POINTS_SEEDS ? missing : 0;
}

/* ---- a seed that fails ---------------------------------------------------------------------------------------------------- */

static void run_alone(const void *plan, struct shrink_outcome *outcome, FILE *story)
{
	static uint64_t points[point_count];
	struct run_result result;
	run_plan(plan, &result, points, story);
	outcome->has_failed = result.has_failed;
	snprintf(outcome->kind, sizeof outcome->kind, "%s", result.kind);
	snprintf(outcome->verdict, sizeof outcome->verdict, "%s", result.verdict);
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
	printf("(seed %lu, %u steps)\n", (unsigned long)plan->seed, plan->step_count);
}

static struct look look_at(const struct options *options, const char *program, uint64_t seed, const char *why)
{
	static struct plan plan;
	plan_make(&plan, seed);
	return (struct look){.subject = &subject, .plan = &plan, .seed = seed, .seconds_max = options->shrink_seconds, .is_loud = options->is_loud, .why = why,
			     .repeat = "make check-sim TIME=1 SEED=", .program = program, .describe = describe};
}

static int tell_one(const struct options *options, const char *program)
{
	struct look look = look_at(options, program, options->seed, "");
	look_tell(&look);
	return 0;
}

static void look_into_failed(const struct options *options, const char *program, const struct worker *failed)
{
	struct look look = look_at(options, program, failed->seed, failed->kind);
	look_into(&look);
}

static void usage(const char *program)
{
	printf("usage: %s [--seed N] [--time SECONDS | --count SEEDS] [--jobs N] [--all-points] [--shrink SECONDS] [--loud] [--lenient]\n"
	       "       %s --seed N --story\n", program, program);
}

static void interrupt(int number)
{
	is_interrupted = 1;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {{"seed", 1, NULL, 's'}, {"time", 1, NULL, 't'},   {"count", 1, NULL, 'n'}, {"jobs", 1, NULL, 'j'}, {"story", 0, NULL, 'S'},
					      {"all-points", 0, NULL, 'a'}, {"shrink", 1, NULL, 'k'}, {"loud", 0, NULL, 'l'}, {"lenient", 0, NULL, 'x'}, {0}};
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct options options = {.seed = 1, .seconds = 60, .workers = cores > 0 && cores < WORKERS_MAX ? (uint32_t)cores : 1, .shrink_seconds = 60, .is_strict = true};
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		switch (c) {
		case 's': options.seed = strtoull(optarg, NULL, 10); break;
		case 't': options.seconds = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'n': options.count = strtoull(optarg, NULL, 10); break;
		case 'j': options.workers = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'k': options.shrink_seconds = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'S': options.is_story = true; break;
		case 'a': options.must_meet_all = true; break;
		case 'l': options.is_loud = true; break;
		case 'x': options.is_strict = false; break;
		default: usage(argv[0]); return 2;
		}
	}
	if (options.workers < 1 || options.workers > WORKERS_MAX)
		options.workers = 1;
	/* Stores come and go by the thousand, each with memory for a journal's whole ring: not from the kernel each time. */
	mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
	if (options.is_story)
		return tell_one(&options, argv[0]);
	signal(SIGINT, interrupt);
	setlinebuf(stdout);
	workers = mmap(NULL, WORKERS_MAX * sizeof *workers, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(workers != MAP_FAILED);
	double began = now_exactly();
	const struct worker *failed = run_workers(&options);
	uint32_t missing = print_figures(&options, now_exactly() - began);
	if (failed)
		look_into_failed(&options, argv[0], failed);
	else if (missing)
		printf("FAIL  %u situations were never met: the simulator does not reach what it was made for\n", missing);
	printf("sim: %lu passed, %d failed\n", (unsigned long)sum_up(&options).seeds, failed || missing);
	return failed || missing ? 1 : 0;
}
