/* A crash that has been judged under the same model is not judged again, so moments that decide nothing new cost little. */
#include "tests/crash/lib/explore.h"

#include <stdlib.h>
#include <time.h>

#include "log/base/check.h"
#include "log/base/err.h"
#include "tests/crash/lib/workload.h"

#define FAILURES_TOLD 10
/* Of what is random in a recovery. A second one of the same disk draws other numbers, as it would. */
#define RECOVERY_SEED(depth) (77 + 10 * (uint64_t)(depth))

/* ---- memory of what was seen ------------------------------------------------------------------------ */

static bool insert(uint64_t *table, uint64_t capacity, uint64_t key)
{
	uint64_t at = key & (capacity - 1);
	while (table[at] && table[at] != key)
		at = (at + 1) & (capacity - 1);
	bool is_new = !table[at];
	table[at] = key;
	return is_new;
}

static bool is_new(struct explorer *explorer, uint64_t key)
{
	if (explorer->known_count * 2 >= explorer->known_capacity) {
		uint64_t capacity = explorer->known_capacity ? explorer->known_capacity * 2 : 1 << 12;
		uint64_t *table = calloc(capacity, sizeof *table);
		for (uint64_t i = 0; i < explorer->known_capacity; i++)
			if (explorer->known[i])
				insert(table, capacity, explorer->known[i]);
		free(explorer->known);
		explorer->known = table;
		explorer->known_capacity = capacity;
	}
	bool is_added = insert(explorer->known, explorer->known_capacity, key | 1);
	explorer->known_count += is_added;
	return is_added;
}

/* ---- the report ------------------------------------------------------------------------------------------------------ */

void explore_fail(struct explorer *explorer, const char *why)
{
	if (explorer->failures++ >= FAILURES_TOLD)
		return;
	printf("FAIL  %s: %s\n", explorer->story, why);
	for (uint32_t depth = 0; depth <= explorer->depth && depth < EXPLORE_DEPTH_MAX; depth++)
		if (*explorer->trail[depth])
			printf("      crash %u: %s\n", depth + 1, explorer->trail[depth]);
	if (*machine_last_words())
		printf("      the log said: %s\n", machine_last_words());
	fflush(stdout);
}

static void leave_trail(struct explorer *explorer, const char *what, uint64_t io, const uint32_t *outcomes, uint32_t count)
{
	char *out = explorer->trail[explorer->depth];
	size_t size = sizeof explorer->trail[0];
	int used = snprintf(out, size, "before I/O %lu, %s of %u: ", (unsigned long)io, what, count);
	for (uint32_t i = 0; i < count && used < (int)size - 2; i++)
		used += snprintf(out + used, size - (size_t)used, "%u", outcomes[i]);
}

/* ---- one crash -------------------------------------------------------------------------------------------------------- */

static void explore_moment(void *context);

/* Crashes the recovery of the disk, and what follows it, at each of its I/Os. All must see what the undisturbed one saw. */
static void go_deeper(struct explorer *explorer, struct sim_disk *disk, const struct seen *undisturbed)
{
	struct model later;
	struct explorer outer = *explorer;
	struct machine machine = {0};
	struct seen seen;
	char why[2000];
	later = *explorer->model;
	explorer->depth++;
	*explorer->trail[explorer->depth] = 0;
	explorer->machine = &machine;
	explorer->model = &later;
	explorer->expected = undisturbed->hash;
	sim_disk_on_io(disk, explore_moment, explorer);
	machine.disk = disk;
	int err = machine_open(&machine, disk, RECOVERY_SEED(outer.depth));
	explorer->expected = 0;
	sim_disk_on_io(disk, NULL, NULL);
	if (err || !model_judge(&later, &machine, &seen, why, sizeof why) || seen.hash != undisturbed->hash) {
		explore_fail(explorer, "the same recovery on a copy ends differently");
		machine_close(&machine);
	} else {
		model_settle(&later, &seen);
		explore_begin(explorer, &machine, &later);
		if (!workload_live_on(&machine, &later, why, sizeof why))
			explore_fail(explorer, why);
		sim_disk_on_io(disk, NULL, NULL);
		if (machine.io)
			machine_close(&machine);
	}
	explorer->depth = outer.depth;
	explorer->machine = outer.machine;
	explorer->model = outer.model;
	explorer->model_hash = outer.model_hash;
	explorer->expected = outer.expected;
}

/* A recovered store must also be of use. */
static void live_on(struct explorer *explorer, struct machine *machine, const struct seen *seen)
{
	struct model later;
	struct seen seen_later;
	char why[2000];
	struct sim_disk *disk = machine->disk;
	later = *explorer->model;
	model_settle(&later, seen);
	if (!workload_live_on(machine, &later, why, sizeof why)) {
		explore_fail(explorer, why);
		return;
	}
	int err = machine_open(machine, disk, RECOVERY_SEED(explorer->depth) + 1);
	if (err)
		snprintf(why, sizeof why, "the store does not open after the life that followed: %s", err_name(err));
	if (err || !model_judge(&later, machine, &seen_later, why, sizeof why))
		explore_fail(explorer, why);
}

static void judge(struct explorer *explorer, struct sim_disk *disk)
{
	struct machine machine;
	struct seen seen;
	char why[2000];
	bool is_deeper = explorer->depth + 1 < EXPLORE_DEPTH_MAX && explorer->deeper_of && sim_random(&explorer->random) % explorer->deeper_of == 0;
	struct sim_disk *copy = is_deeper ? sim_disk_copy(disk) : NULL;
	explorer->recoveries++;
	int err = machine_open(&machine, disk, RECOVERY_SEED(explorer->depth));
	if (err) {
		snprintf(why, sizeof why, "the store does not open: %s: %.900s %.900s", err_name(err), machine.found.why, machine.report.why);
		explore_fail(explorer, why);
	} else if (!model_judge(explorer->model, &machine, &seen, why, sizeof why)) {
		explore_fail(explorer, why);
		err = -1;
	} else if (explorer->expected && seen.hash != explorer->expected) {
		explore_fail(explorer, "a recovery that was interrupted, run again, ends differently");
	} else if (explorer->live_of && sim_random(&explorer->random) % explorer->live_of == 0) {
		live_on(explorer, &machine, &seen);
	}
	if (machine.io)
		machine_close(&machine);
	if (copy && !err)
		go_deeper(explorer, copy, &seen);
	if (copy)
		sim_disk_close(copy);
}

static void crash_once(struct explorer *explorer, const struct sim_crash *look, const uint32_t *outcomes, const char *what)
{
	explorer->states++;
	explorer->states_deeper += explorer->depth > 0;
	uint64_t image = sim_crash_hash(look, outcomes);
	uint64_t key = image ^ explorer->model_hash * 0x9e3779b97f4a7c15ull ^ explorer->expected * 31;
	if (!is_new(explorer, key))
		return;
	struct sim_disk *disk = sim_crash_make(look, outcomes);
	CHECK(sim_disk_hash(disk) == image);
	leave_trail(explorer, what, sim_disk_io_count(explorer->machine->disk) + 1, outcomes, sim_crash_items(look));
	judge(explorer, disk);
	sim_disk_close(disk);
}

/* ---- all crashes of a moment ------------------------------------------------------------------------------------------- */

static void crash_all(struct explorer *explorer, const struct sim_crash *look, uint32_t count)
{
	uint32_t *outcomes = calloc(count + 1, sizeof *outcomes);
	for (uint32_t i = 0; i < count || count == 0;) {
		crash_once(explorer, look, outcomes, "all");
		for (i = 0; i < count && ++outcomes[i] == sim_crash_outcomes(look, i); i++)
			outcomes[i] = 0;
		if (i == count)
			break;
	}
	free(outcomes);
}

static void fill(const struct sim_crash *look, uint32_t *outcomes, uint32_t from, uint32_t to, bool is_kept)
{
	for (uint32_t i = from; i < to; i++)
		outcomes[i] = is_kept ? sim_crash_outcomes(look, i) - 1 : 0;
}

static void crash_some(struct explorer *explorer, const struct sim_crash *look, uint32_t count)
{
	const struct explore_bound *bound = &explorer->bounds[explorer->depth];
	uint32_t *outcomes = calloc(count, sizeof *outcomes);
	uint32_t stride = count / bound->single_max + 1, first = stride > 1 ? (uint32_t)(sim_random(&explorer->random) % stride) : 0;
	fill(look, outcomes, 0, count, false);
	crash_once(explorer, look, outcomes, "none");
	fill(look, outcomes, 0, count, true);
	crash_once(explorer, look, outcomes, "everything");
	for (uint32_t i = first; i < count; i += stride) {
		fill(look, outcomes, 0, count, false);
		fill(look, outcomes, 0, i + 1, true);
		crash_once(explorer, look, outcomes, "a prefix");
		for (int is_kept = 0; is_kept < 2; is_kept++) {
			fill(look, outcomes, 0, count, !is_kept);
			fill(look, outcomes, i, i + 1, is_kept);
			crash_once(explorer, look, outcomes, is_kept ? "one kept" : "one lost");
		}
	}
	for (uint32_t sample = 0; sample < bound->sample_count; sample++) {
		for (uint32_t i = 0; i < count; i++)
			outcomes[i] = (uint32_t)(sim_random(&explorer->random) % sim_crash_outcomes(look, i));
		crash_once(explorer, look, outcomes, "a sample");
	}
	free(outcomes);
}

void explore_note_visible(struct machine *machine, struct model *model)
{
	for (uint32_t i = 0; i < model->topic_count && machine->store; i++) {
		struct model_topic *topic = &model->topics[i];
		const struct topic *found = topic->has_id ? catalog_topic_by_id(machine->image, &topic->id) : NULL;
		for (uint32_t p = 0; found && p < found->partition_count; p++) {
			/* One that was never asked for is not to be made here. */
			struct partition *partition = topic->logs[p].asked_end ? machine_partition(machine, &topic->id, p) : NULL;
			if (!partition)
				continue;
			if (topic->logs[p].end < partition_high_watermark(partition))
				topic->logs[p].end = partition_high_watermark(partition);
			if (topic->logs[p].start < partition_log_start_offset(partition))
				topic->logs[p].start = partition_log_start_offset(partition);
		}
	}
}

static void explore_moment(void *context)
{
	struct explorer *explorer = context;
	struct machine *machine = explorer->machine;
	explore_note_visible(machine, explorer->model);
	if (!explorer->moment_of || sim_random(&explorer->random) % explorer->moment_of)
		return;
	explorer->moments++;
	explorer->model_hash = model_hash(explorer->model);
	struct sim_crash *look = sim_crash_look(machine->disk);
	uint32_t count = sim_crash_items(look);
	uint64_t all = 1;
	for (uint32_t i = 0; i < count && all <= explorer->bounds[explorer->depth].all_max; i++)
		all *= sim_crash_outcomes(look, i);
	if (all <= explorer->bounds[explorer->depth].all_max)
		crash_all(explorer, look, count);
	else
		crash_some(explorer, look, count);
	sim_crash_close(look);
}

/* ---- begin and end ------------------------------------------------------------------------------------------------------ */

void explore_begin(struct explorer *explorer, struct machine *machine, struct model *model)
{
	explorer->machine = machine;
	explorer->model = model;
	sim_disk_on_io(machine->disk, explore_moment, explorer);
}

void explore_now(struct explorer *explorer)
{
	explore_moment(explorer);
}

void explore_end(struct explorer *explorer)
{
	sim_disk_on_io(explorer->machine->disk, NULL, NULL);
}

void explore_init(struct explorer *explorer, uint64_t seed)
{
	*explorer = (struct explorer){.random = seed, .story = "", .moment_of = 1, .live_of = 4};
	explorer->bounds[0] = (struct explore_bound){.all_max = 64, .sample_count = 24, .single_max = 24};
	explorer->bounds[1] = (struct explore_bound){.all_max = 8, .sample_count = 3, .single_max = 3};
}

void explore_fini(struct explorer *explorer)
{
	free(explorer->known);
}

double explore_clock_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
