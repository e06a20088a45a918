/* Other outcomes of a crash. Where the power fails, what is undecided may be decided in many ways, and the run goes on from one of them. So each crash is looked
 * into a few times more: another disk is made, with other outcomes, a store started on it, and everything read and judged by a copy of the history; then it is thrown
 * away. */
#include <stdlib.h>

#include "log/base/check.h"
#include "tests/sim/run_priv.h"

enum manner { LOSE_ALL, KEEP_ALL, MIX, MOSTLY_KEEP, MOSTLY_LOSE, manner_count };

static uint32_t draw_outcome(uint64_t *random, enum manner manner, uint32_t outcomes)
{
	uint64_t drawn = sim_random(random);
	switch (manner) {
	case LOSE_ALL:
		return 0;
	case KEEP_ALL:
		return outcomes - 1;
	case MOSTLY_KEEP:
		return drawn % 16 ? outcomes - 1 : (uint32_t)(drawn / 16 % outcomes);
	case MOSTLY_LOSE:
		return drawn % 16 ? 0 : (uint32_t)(drawn / 16 % outcomes);
	case MIX:
	case manner_count:
		break;
	}
	return (uint32_t)(drawn % outcomes);
}

static struct sim_disk *make_disk(const struct sim_crash *crash, uint64_t *random)
{
	enum manner manner = (enum manner)(sim_random(random) % manner_count);
	uint32_t count = sim_crash_items(crash);
	uint32_t *outcomes = calloc(count + 1, sizeof *outcomes);
	CHECK(outcomes);
	for (uint32_t i = 0; i < count; i++)
		outcomes[i] = draw_outcome(random, manner, sim_crash_outcomes(crash, i));
	struct sim_disk *disk = sim_crash_make(crash, outcomes);
	free(outcomes);
	return disk;
}

/* A run that is this one but for its disk, has nothing in flight, and knows what this one knows. */
static void start_on(struct run *run, struct run *other, struct sim_disk *disk)
{
	static struct run_result result;
	*other = *run;
	result = (struct run_result){0};
	other->result = &result;
	other->story = NULL;
	other->disk = disk;
	other->history = history_copy(run->history);
	other->io = NULL;
	other->catalog = NULL;
	other->image = NULL;
	other->store = NULL;
	other->cut_at = 0;
	other->recovery_cuts[0] = other->recovery_cuts[1] = other->recovery_fault.a = 0;
	other->has_fault = other->is_full = other->was_stopped_cleanly = false;
	memset(other->producers, 0, sizeof other->producers);
	memset(other->flights, 0, sizeof other->flights);
	memset(other->readings, 0, sizeof other->readings);
	memset(other->trimmings, 0, sizeof other->trimmings);
	sim_disk_set_capacity(disk, 0);
	history_crash(other->history);
	machine__start(other);
	machine__close(other);
}

static void judge(struct run *run, struct run *other)
{
	const struct anomaly *anomalies;
	uint32_t count = history_anomalies(other->history, &anomalies);
	run->result->crash_states += other->result->crash_states;
	run__tell(run, other->hash, "    (another outcome of this crash: %s)", count ? "wrong" : "all is there");
	if (count)
		history_report(run->history, anomalies[0].kind, HISTORY_BROKER, anomalies[0].offset, "in another outcome of this crash: %s", anomalies[0].text);
	history_close(other->history);
}

void peek__other_outcomes(struct run *run, uint32_t count)
{
	static struct run other;
	if (run->plan->knobs.has_illegal_faults)
		return; /* where damage has struck is known of the one disk alone */
	uint64_t random = run->plan->seed * 31 + run->life;
	struct sim_crash *crash = sim_crash_look(run->disk);
	for (uint32_t i = 0; i < count && !run__is_over(run); i++) {
		struct sim_disk *disk = make_disk(crash, &random);
		start_on(run, &other, disk);
		judge(run, &other);
		sim_disk_close(disk);
	}
	sim_crash_close(crash);
}
