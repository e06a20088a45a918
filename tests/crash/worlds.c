/* Exhaustive small worlds: every workload of up to three operations, crashed before each of its I/Os in every way (tests/crash/README.md).
 *
 *   worlds [--seed=N] [--time=SECONDS] [--only=append,roll,...] [--at-once] [--ops=N] [--all=N] [--samples=N] [--deeper=N] [--live=N] */
#include <getopt.h>
#include <stdlib.h>

#include "tests/crash/lib/workload.h"

struct options {
	uint64_t seed;
	double time_s;
	const char *only;
	bool is_at_once;
	uint32_t ops_max, all_max, samples, deeper, live;
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

struct tally {
	uint64_t run, all;
};

/* All of them, in an order of the seed's, until the time is over or one goes wrong. */
static void run_count(struct explorer *explorer, uint32_t count, struct sim_disk *base, const struct model *model, double until_s, uint64_t seed,
		      struct tally *tally)
{
	tally->all = 2;
	for (uint32_t i = 0; i < count; i++)
		tally->all *= op_count;
	uint64_t step = 7919, at = seed % tally->all; /* a prime that divides none of the totals: every number comes once */
	for (tally->run = 0; tally->run < tally->all && explore_clock_s() < until_s && !explorer->failures; tally->run++, at = (at + step) % tally->all) {
		struct workload workload = numbered(at, count);
		if (count == 1 && workload.is_pipelined)
			continue;
		workload_run(explorer, &workload, base, model);
	}
}

static int run(const struct options *options)
{
	static struct model model;
	static struct explorer explorer;
	struct tally tallies[4] = {{0}};
	struct sim_disk *base = workload_base(&model);
	explore_init(&explorer, options->seed);
	current = &explorer;
	machine_on_abort(tell_context);
	explorer.bounds[0].all_max = options->all_max;
	explorer.bounds[0].sample_count = explorer.bounds[0].single_max = options->samples;
	explorer.deeper_of = options->deeper;
	explorer.live_of = options->live;
	double began_s = explore_clock_s();
	struct workload only = {.is_pipelined = options->is_at_once, .is_whole = true};
	if (options->only && !parse_ops(options->only, &only)) {
		fprintf(stdout, "no such operation in %s\n", options->only);
		return 2;
	}
	if (options->only)
		workload_run(&explorer, &only, base, &model);
	for (uint32_t count = 1; count <= options->ops_max && !options->only; count++)
		run_count(&explorer, count, base, &model, began_s + options->time_s, options->seed, &tallies[count]);
	double took_s = explore_clock_s() - began_s;
	for (uint32_t count = 1; count <= options->ops_max && !options->only; count++)
		printf("%lu of %lu workloads of %u operation%s\n", (unsigned long)tallies[count].run, (unsigned long)tallies[count].all, count,
		       count == 1 ? "" : "s");
	printf("%s  %lu crash states (%lu of them inside recovery or in the life after it) at %lu I/Os, %lu different ones recovered, in %.1f s: %.0f "
	       "states/s; %lu wrong; seed %lu\n",
	       explorer.failures ? "FAIL" : "ok  ", (unsigned long)explorer.states, (unsigned long)explorer.states_deeper,
	       (unsigned long)explorer.moments, (unsigned long)explorer.recoveries, took_s, (double)explorer.states / took_s,
	       (unsigned long)explorer.failures, (unsigned long)options->seed);
	explore_fini(&explorer);
	sim_disk_close(base);
	return explorer.failures != 0;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {{"seed", 1, NULL, 's'}, {"time", 1, NULL, 't'}, {"only", 1, NULL, 'o'}, {"at-once", 0, NULL, 'p'}, {"ops", 1, NULL, 'n'},
					      {"all", 1, NULL, 'a'}, {"samples", 1, NULL, 'k'}, {"deeper", 1, NULL, 'd'},
					      {"live", 1, NULL, 'l'}, {NULL, 0, NULL, 0}};
	struct options options = {.seed = 1, .time_s = 60, .ops_max = 3, .all_max = 64, .samples = 16, .deeper = 100, .live = 4};
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;)
		switch (c) {
		case 's': options.seed = strtoull(optarg, NULL, 10); break;
		case 't': options.time_s = strtod(optarg, NULL); break;
		case 'o': options.only = optarg; break;
		case 'p': options.is_at_once = true; break;
		case 'n': options.ops_max = (uint32_t)atoi(optarg) > 3 ? 3 : (uint32_t)atoi(optarg); break;
		case 'a': options.all_max = (uint32_t)atoi(optarg); break;
		case 'k': options.samples = (uint32_t)atoi(optarg); break;
		case 'd': options.deeper = (uint32_t)atoi(optarg); break;
		case 'l': options.live = (uint32_t)atoi(optarg); break;
		default: return 2;
		}
	machine_init();
	return run(&options);
}
