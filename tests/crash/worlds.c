/* Exhaustive small worlds: every workload of up to three operations, crashed before each of its I/Os in every way (tests/crash/README.md).
 *
 *   worlds [--seed=N] [--time=SECONDS] [--jobs=N] [--only=append,roll,...] [--at-once] [--ops-min=N] [--ops=N] [--all=N] [--samples=N] [--deeper=N] [--live=N] */
#include <getopt.h>
#include <stdlib.h>

#include "tests/crash/lib/workers.h"
#include "tests/crash/lib/workload.h"

#define OPS_MAX 4

struct options {
	uint64_t seed;
	double time_s;
	const char *only;
	bool is_at_once;
	uint32_t jobs, ops_min, ops_max, all_max, samples, deeper, live;
};

static const struct explorer *current;

static void tell_context(FILE *out)
{
	fprintf(out, "      in: %s\n", current->story);
	for (uint32_t depth = 0; depth <= current->depth; depth++)
		fprintf(out, "      crash %u: %s\n", depth + 1, current->trail[depth]);
}

static bool parse_ops(const char *text, struct workload *workload)
{
	workload->count = 0;
	while (*text && workload->count < COUNT_OF(workload->ops)) {
		size_t size = strcspn(text, ",");
		uint32_t op = 0;
		while (op < op_count && !(strlen(op_names[op]) == size && strncmp(op_names[op], text, size) == 0))
			op++;
		if (op == op_count)
			return false;
		workload->ops[workload->count++] = (enum op)op;
		text += size + (text[size] == ',');
	}
	return workload->count > 0 && !*text;
}

/* The n-th workload of so many operations. */
static struct workload numbered(uint64_t number, uint32_t count)
{
	struct workload workload = {.count = count, .is_pipelined = number & 1};
	number /= 2;
	for (uint32_t i = 0; i < count; i++, number /= op_count)
		workload.ops[i] = (enum op)(number % op_count);
	return workload;
}

/* What is counted: workloads by their operations, then what the explorer did. */
enum sum { SUM_RUN, SUM_RUN_MAX = SUM_RUN + OPS_MAX, SUM_MOMENTS, SUM_STATES, SUM_IMAGES, SUM_DEEPER, SUM_FAILURES };

struct job {
	const struct options *options;
	struct sim_disk *base;
	struct model model;
	double until_s;
	uint64_t totals[OPS_MAX + 1]; /* by their operations; of one, at once and one after the other is the same */
};

static uint64_t count_all(uint32_t ops)
{
	uint64_t all = ops == 1 ? 1 : 2;
	for (uint32_t i = 0; i < ops; i++)
		all *= op_count;
	return all;
}

/* The piece of work with this number: all of one operation, all of two, ..., each in an order of the seed's. False: there are no more. */
static bool find_piece(const struct job *job, uint64_t number, struct workload *out)
{
	uint32_t ops = job->options->ops_min;
	while (ops <= job->options->ops_max && number >= job->totals[ops])
		number -= job->totals[ops++];
	if (ops > job->options->ops_max)
		return false;
	uint64_t step = 7919; /* a prime that divides none of the totals: every number comes once */
	uint64_t at = (job->options->seed + number * step) % job->totals[ops];
	*out = numbered(ops == 1 ? at * 2 : at, ops);
	return true;
}

static void run_one(const struct job *job, struct explorer *explorer, const struct workload *workload, uint64_t *sums)
{
	const struct options *options = job->options;
	/* Each for itself, so that it can be run again alone. */
	explore_init(explorer, options->seed);
	explorer->bounds[0].all_max = options->all_max;
	explorer->bounds[0].sample_count = explorer->bounds[0].single_max = options->samples;
	explorer->deeper_of = options->deeper;
	explorer->live_of = options->live;
	workload_run(explorer, workload, job->base, &job->model);
	sums[SUM_RUN + workload->count - 1] += 1;
	sums[SUM_MOMENTS] += explorer->moments;
	sums[SUM_STATES] += explorer->states;
	sums[SUM_IMAGES] += explorer->recoveries;
	sums[SUM_DEEPER] += explorer->states_deeper;
	sums[SUM_FAILURES] += explorer->failures;
	explore_fini(explorer);
}

static bool work(void *context, uint64_t *sums)
{
	static struct explorer explorer;
	const struct job *job = context;
	struct workload workload;
	current = &explorer;
	while (explore_clock_s() < job->until_s && find_piece(job, workers_next(), &workload) && !sums[SUM_FAILURES])
		run_one(job, &explorer, &workload, sums);
	if (sums[SUM_FAILURES])
		workers_end();
	return !sums[SUM_FAILURES];
}

static int report(const struct job *job, bool is_good, const uint64_t *sums, double took_s)
{
	for (uint32_t ops = job->options->ops_min; ops <= job->options->ops_max && !job->options->only; ops++)
		printf("%lu of %lu workloads of %u operation%s\n", (unsigned long)sums[SUM_RUN + ops - 1], (unsigned long)job->totals[ops], ops, ops == 1 ? "" : "s");
	printf("%s  %lu crash states (%lu of them inside recovery or in the life after it) at %lu I/Os, %lu of them different and recovered from, in %.1f s: "
	       "%.0f states/s; %lu wrong; seed %lu\n", is_good ? "ok  " : "FAIL", (unsigned long)sums[SUM_STATES], (unsigned long)sums[SUM_DEEPER],
	       (unsigned long)sums[SUM_MOMENTS], (unsigned long)sums[SUM_IMAGES], took_s, (double)sums[SUM_STATES] / took_s, (unsigned long)sums[SUM_FAILURES],
	       (unsigned long)job->options->seed);
	return !is_good;
}

static int run(const struct options *options)
{
	static struct job job;
	static struct explorer alone;
	uint64_t sums[WORKERS_SUMS_MAX] = {0};
	struct workload only = {.is_pipelined = options->is_at_once, .is_whole = true};
	double began_s = explore_clock_s();
	job = (struct job){.options = options, .until_s = began_s + options->time_s};
	job.base = workload_base(&job.model);
	for (uint32_t ops = 1; ops <= OPS_MAX; ops++)
		job.totals[ops] = count_all(ops);
	current = &alone;
	machine_on_abort(tell_context);
	if (options->only && !parse_ops(options->only, &only)) {
		printf("no such operation in %s\n", options->only);
		return 2;
	}
	bool is_good = true;
	if (options->only)
		run_one(&job, &alone, &only, sums);
	else
		is_good = workers_run(options->jobs, work, &job, sums);
	sim_disk_close(job.base);
	return report(&job, is_good && !sums[SUM_FAILURES], sums, explore_clock_s() - began_s);
}

int main(int argc, char **argv)
{
	static const struct option names[] = {{"seed", 1, NULL, 's'}, {"time", 1, NULL, 't'}, {"only", 1, NULL, 'o'}, {"at-once", 0, NULL, 'p'}, {"ops", 1, NULL, 'n'},
					      {"all", 1, NULL, 'a'}, {"samples", 1, NULL, 'k'}, {"deeper", 1, NULL, 'd'},
					      {"live", 1, NULL, 'l'}, {"jobs", 1, NULL, 'j'}, {"ops-min", 1, NULL, 'm'}, {NULL, 0, NULL, 0}};
	struct options options = {.seed = 1, .time_s = 60, .jobs = 1, .ops_min = 1, .ops_max = 3, .all_max = 64, .samples = 16, .deeper = 100, .live = 4};
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;)
		switch (c) {
		case 's': options.seed = strtoull(optarg, NULL, 10); break;
		case 't': options.time_s = strtod(optarg, NULL); break;
		case 'o': options.only = optarg; break;
		case 'p': options.is_at_once = true; break;
		case 'n': options.ops_max = (uint32_t)atoi(optarg) > OPS_MAX ? OPS_MAX : (uint32_t)atoi(optarg); break;
		case 'm': options.ops_min = (uint32_t)atoi(optarg) < 1 ? 1 : (uint32_t)atoi(optarg); break;
		case 'j': options.jobs = (uint32_t)atoi(optarg); break;
		case 'a': options.all_max = (uint32_t)atoi(optarg); break;
		case 'k': options.samples = (uint32_t)atoi(optarg); break;
		case 'd': options.deeper = (uint32_t)atoi(optarg); break;
		case 'l': options.live = (uint32_t)atoi(optarg); break;
		default: return 2;
		}
	machine_init();
	return run(&options);
}
