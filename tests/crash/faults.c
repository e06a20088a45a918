/* The k-th I/O fails, for every k of a long workload and of the recovery behind it (tests/crash/README.md).
 *
 *   faults [--seed=N] [--seeds=N] [--count=N] [--step=N] [--cuts=N] [--first=K] [--kind=0-7] [--jobs=N] [--time=SECONDS]
 *
 * --count=5000 goes on over seeds until so many I/Os of each kind have failed, --step=7 takes every seventh k alone, --cuts=7 has power cuts at one I/O
 * of seven (0: at none) behind a fault. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

#include "tests/crash/lib/workers.h"
#include "tests/crash/lib/workload.h"

static const struct kind {
	const char *name;
	uint32_t kinds;
	int error_number;
	bool is_sticky, is_short;
} kinds[] = {
	{"EIO", SIM_ANY, EIO, false, false},
	{"EIO from then on", SIM_ANY, EIO, true, false},
	{"ENOSPC", SIM_WRITE | SIM_SIZE | SIM_OPEN | SIM_NAMES, ENOSPC, false, false},
	{"ENOSPC from then on", SIM_WRITE | SIM_SIZE | SIM_OPEN | SIM_NAMES, ENOSPC, true, false},
	{"a failed sync", SIM_SYNC | SIM_DIR_SYNC, EIO, false, false},
	{"EIO in a short transfer", SIM_READ | SIM_WRITE, EIO, false, true},
	{"no descriptor", SIM_OPEN | SIM_DIR_SYNC | SIM_LIST, EMFILE, false, false},
	{"no descriptor from then on", SIM_OPEN | SIM_DIR_SYNC | SIM_LIST, EMFILE, true, false},
};

static const struct explorer *current;
static uint64_t first_k;

static void tell_context(FILE *out)
{
	fprintf(out, "      in: %s\n", current->story);
}

enum sum { SUM_KIND, SUM_STATES = SUM_KIND + COUNT_OF(kinds), SUM_IMAGES, SUM_FAILURES };

struct job {
	uint64_t seed, seeds, count, step;
	uint32_t cuts, jobs;
	int kind; /* -1: all */
	double until_s, share_s; /* of one kind, for one seed, in one order: however short the whole is, each kind has its turn */
	struct sim_disk *base;
	struct model model;
};

/* Every k, until the fault comes too late to strike. */
static void run_kind(const struct job *job, struct explorer *explorer, size_t index, uint64_t seed, bool is_at_once, uint64_t *sums)
{
	const struct kind *kind = &kinds[index];
	char story[128];
	double until_s = explore_clock_s() + job->share_s;
	until_s = until_s < job->until_s ? until_s : job->until_s;
	for (uint64_t k = first_k ? first_k : 1 + seed % job->step; explore_clock_s() < until_s; k += job->step) {
		struct workload_fault fault = {k, seed, kind->kinds, kind->error_number, kind->is_sticky, kind->is_short, is_at_once, false};
		snprintf(story, sizeof story, "%s at I/O %lu of its kind%s, seed %lu", kind->name, (unsigned long)k, is_at_once ? ", all at once" : "",
			 (unsigned long)seed);
		/* Each for itself, so that it can be run again alone. */
		explore_init(explorer, seed * 1000003 + k);
		explorer->bounds[0] = (struct explore_bound){.all_max = 4, .sample_count = 1, .single_max = 2};
		explorer->deeper_of = 0;
		explorer->moment_of = job->cuts;
		explorer->story = story;
		bool has_struck = workload_run_faulty(explorer, &fault, job->base, &job->model);
		sums[SUM_KIND + index] += has_struck;
		sums[SUM_STATES] += explorer->states;
		sums[SUM_IMAGES] += explorer->recoveries;
		sums[SUM_FAILURES] += explorer->failures;
		explore_fini(explorer);
		if (!has_struck || sums[SUM_FAILURES])
			return;
	}
}

static bool is_enough(const struct job *job, size_t kind)
{
	return job->count && workers_sum(SUM_KIND + (uint32_t)kind) >= job->count;
}

static bool is_all_enough(const struct job *job)
{
	bool is_enough_of_all = true;
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		is_enough_of_all &= is_enough(job, i);
	return is_enough_of_all;
}

/* A piece is a kind, a seed, and whether operations wait for one another. */
static bool work(void *context, uint64_t *sums)
{
	static struct explorer explorer;
	const struct job *job = context;
	current = &explorer;
	while (!sums[SUM_FAILURES] && explore_clock_s() < job->until_s && !is_all_enough(job)) {
		uint64_t piece = workers_next();
		size_t kind = piece / 2 % COUNT_OF(kinds);
		uint64_t seed = job->seed + piece / 2 / COUNT_OF(kinds);
		if (piece == UINT64_MAX || (!job->count && seed >= job->seed + job->seeds))
			break;
		if ((job->kind < 0 || (size_t)job->kind == kind) && !is_enough(job, kind))
			run_kind(job, &explorer, kind, seed, piece & 1, sums);
	}
	if (sums[SUM_FAILURES])
		workers_end();
	return !sums[SUM_FAILURES];
}

/* What was never tried did not pass. */
static bool are_all_reached(const struct job *job, const uint64_t *sums)
{
	bool are_reached = true;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		bool is_reached = sums[SUM_KIND + i] > 0 || (job->kind >= 0 && (size_t)job->kind != i);
		if (!is_reached)
			printf("NEVER REACHED: %s: give it more time\n", kinds[i].name);
		are_reached &= is_reached;
	}
	return are_reached;
}

static void report(const struct job *job, bool is_good, const uint64_t *sums, double took_s)
{
	uint64_t count = 0;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		count += sums[SUM_KIND + i];
		printf("%lu of %s\n", (unsigned long)sums[SUM_KIND + i], kinds[i].name);
	}
	printf("%s  %lu failed I/Os, %lu power cuts at them and behind them (%lu different ones), in %.1f s; %lu wrong; seeds from %lu on\n", is_good ? "ok  " : "FAIL",
	       (unsigned long)count, (unsigned long)sums[SUM_STATES], (unsigned long)sums[SUM_IMAGES], took_s, (unsigned long)sums[SUM_FAILURES],
	       (unsigned long)job->seed);
}

int main(int argc, char **argv)
{
	static const struct option names[] = {{"seed", 1, NULL, 's'}, {"seeds", 1, NULL, 'n'}, {"count", 1, NULL, 'N'}, {"step", 1, NULL, 'k'}, {"cuts", 1, NULL, 'c'},
					      {"first", 1, NULL, 'f'}, {"jobs", 1, NULL, 'j'}, {"time", 1, NULL, 't'}, {"kind", 1, NULL, 'K'}, {NULL, 0, NULL, 0}};
	static struct job job = {.seed = 1, .seeds = 1, .step = 1, .cuts = 1, .jobs = 1, .kind = -1};
	uint64_t sums[WORKERS_SUMS_MAX] = {0};
	double began_s = explore_clock_s(), time_s = 1e9;
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;)
		switch (c) {
		case 's': job.seed = strtoull(optarg, NULL, 10); break;
		case 'n': job.seeds = strtoull(optarg, NULL, 10); break;
		case 'N': job.count = strtoull(optarg, NULL, 10); break;
		case 'k': job.step = strtoull(optarg, NULL, 10); break;
		case 'f': first_k = strtoull(optarg, NULL, 10); break;
		case 'c': job.cuts = (uint32_t)atoi(optarg); break;
		case 'j': job.jobs = (uint32_t)atoi(optarg); break;
		case 'K': job.kind = atoi(optarg); break;
		case 't': time_s = strtod(optarg, NULL); break;
		default: return 2;
		}
	machine_init();
	job.base = workload_base(&job.model);
	job.until_s = began_s + time_s;
	job.share_s = time_s * job.jobs / (2 * COUNT_OF(kinds));
	machine_on_abort(tell_context);
	bool is_good = workers_run(job.jobs, work, &job, sums);
	is_good = are_all_reached(&job, sums) && is_good;
	report(&job, is_good, sums, explore_clock_s() - began_s);
	sim_disk_close(job.base);
	return !is_good;
}
