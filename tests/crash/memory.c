/* The k-th allocation fails, for every k of a long workload and of the recoveries in it (tests/crash/README.md).
 *
 *   memory [--seed=N] [--step=N]   --step=7 takes every seventh k alone */
#include <getopt.h>
#include <stdlib.h>

#include "tests/crash/lib/workload.h"

static const struct explorer *current;

static void tell_context(FILE *out)
{
	fprintf(out, "      in: %s\n", current->story);
}

int main(int argc, char **argv)
{
	static const struct option names[] = {{"seed", 1, NULL, 's'}, {"step", 1, NULL, 'k'}, {"first", 1, NULL, 'f'}, {NULL, 0, NULL, 0}};
	static struct explorer explorer;
	static struct model model;
	uint64_t seed = 1, step = 1, first = 0, count = 0;
	char story[128];
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;)
		switch (c) {
		case 's': seed = strtoull(optarg, NULL, 10); break;
		case 'k': step = strtoull(optarg, NULL, 10); break;
		case 'f': first = strtoull(optarg, NULL, 10); break;
		default: return 2;
		}
	machine_init();
	struct sim_disk *base = workload_base(&model);
	explore_init(&explorer, seed);
	explorer.moment_of = explorer.deeper_of = explorer.live_of = 0; /* power cuts are for the other programs */
	current = &explorer;
	machine_on_abort(tell_context);
	double began_s = explore_clock_s();
	for (int is_sticky = 0; is_sticky < 2; is_sticky++)
		for (uint64_t k = first ? first : 1 + seed % step, has_struck = true; has_struck && !explorer.failures; k += step, count += has_struck) {
			struct workload_fault fault = {.k = k, .seed = seed, .is_sticky = is_sticky, .is_allocation = true};
			snprintf(story, sizeof story, "no memory at allocation %lu%s, seed %lu", (unsigned long)k, is_sticky ? " and later" : "", (unsigned long)seed);
			explorer.story = story;
			has_struck = workload_run_faulty(&explorer, &fault, base, &model);
		}
	printf("%s  %lu failed allocations, in %.1f s; %lu wrong; seed %lu\n", explorer.failures ? "FAIL" : "ok  ", (unsigned long)count, explore_clock_s() - began_s,
	       (unsigned long)explorer.failures, (unsigned long)seed);
	explore_fini(&explorer);
	sim_disk_close(base);
	return explorer.failures != 0;
}
