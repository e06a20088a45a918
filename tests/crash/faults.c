/* The k-th I/O fails, for every k of a long workload and of the recovery behind it (tests/crash/README.md).
 *
 *   faults [--seed=N] [--seeds=N] [--step=N] [--cuts=N] [--first=K]
 *
 * --step=7 takes every seventh k alone, --cuts=7 has a power cut at one I/O of seven behind a fault. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

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
};

static const struct explorer *current;
static uint64_t first_k;

static void tell_context(FILE *out)
{
	fprintf(out, "      in: %s\n", current->story);
}

/* Every k, until the fault comes too late to strike. */
static uint64_t run_kind(struct explorer *explorer, const struct kind *kind, uint64_t seed, bool is_at_once, uint64_t step, struct sim_disk *base,
			 const struct model *model)
{
	char story[128];
	uint64_t count = 0;
	for (uint64_t k = first_k ? first_k : 1 + seed % step;; k += step, count++) {
		struct workload_fault fault = {k, seed, kind->kinds, kind->error_number, kind->is_sticky, kind->is_short, is_at_once, false};
		snprintf(story, sizeof story, "%s at I/O %lu of its kind%s, seed %lu", kind->name, (unsigned long)k, is_at_once ? ", all at once" : "",
			 (unsigned long)seed);
		explorer->story = story;
		if (k > workload_run_faulty(explorer, &fault, base, model) || explorer->failures)
			return count;
	}
}

/* Syncs are few, and it is they that matter most. */
static uint64_t step_of(const struct kind *kind, uint64_t step)
{
	uint64_t of_kind = kind->kinds == (SIM_SYNC | SIM_DIR_SYNC) ? step / 8 : step;
	return of_kind ? of_kind : 1;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {{"seed", 1, NULL, 's'}, {"seeds", 1, NULL, 'n'}, {"step", 1, NULL, 'k'}, {"cuts", 1, NULL, 'c'}, {"first", 1, NULL, 'f'}, {NULL, 0, NULL, 0}};
	static struct explorer explorer;
	static struct model model;
	uint64_t seed = 1, seeds = 1, step = 1, cuts = 1, count = 0;
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;)
		switch (c) {
		case 's': seed = strtoull(optarg, NULL, 10); break;
		case 'n': seeds = strtoull(optarg, NULL, 10); break;
		case 'k': step = strtoull(optarg, NULL, 10); break;
		case 'f': first_k = strtoull(optarg, NULL, 10); break;
		case 'c': cuts = strtoull(optarg, NULL, 10); break;
		default: return 2;
		}
	machine_init();
	struct sim_disk *base = workload_base(&model);
	explore_init(&explorer, seed);
	explorer.bounds[0] = (struct explore_bound){.all_max = 4, .sample_count = 1, .single_max = 2};
	explorer.deeper_of = 0;
	explorer.moment_of = (uint32_t)cuts;
	current = &explorer;
	machine_on_abort(tell_context);
	double began_s = explore_clock_s();
	for (uint64_t s = seed; s < seed + seeds && !explorer.failures; s++)
		for (size_t i = 0; i < COUNT_OF(kinds); i++)
			for (int is_at_once = 0; is_at_once < 2 && !explorer.failures; is_at_once++)
				count += run_kind(&explorer, &kinds[i], s, is_at_once, step_of(&kinds[i], step), base, &model);
	printf("%s  %lu failed I/Os (%zu kinds), %lu power cuts behind them, in %.1f s; %lu wrong; seeds %lu to %lu\n", explorer.failures ? "FAIL" : "ok  ",
	       (unsigned long)count, COUNT_OF(kinds), (unsigned long)explorer.states, explore_clock_s() - began_s, (unsigned long)explorer.failures,
	       (unsigned long)seed, (unsigned long)(seed + seeds - 1));
	explore_fini(&explorer);
	sim_disk_close(base);
	return explorer.failures != 0;
}
