/* A run: the steps of a plan, one after another, each followed by the judge. At its end the disk is made well, and what is still in flight must end; then
 * everything is read once more, after a clean stop. */
#include "tests/sim/run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "tests/sim/run_priv.h"

#define END_TURNS_MAX 3000

void run__tell(struct run *run, uint64_t number, const char *format, ...)
{
	run->hash = (run->hash ^ number) * 0x100000001b3ull;
	run->hash ^= run->hash >> 29;
	if (!run->story)
		return;
	va_list arguments;
	va_start(arguments, format);
	fprintf(run->story, "    ");
	if (run->io)
		fprintf(run->story, "%9.3f ms  ", (double)io_now_ns(run->io) / 1e6);
	vfprintf(run->story, format, arguments);
	fprintf(run->story, "\n");
	va_end(arguments);
}

bool run__is_over(const struct run *run)
{
	const struct anomaly *anomalies;
	return run->result->has_failed || history_anomalies(run->history, &anomalies) > 0;
}

/* ---- faults ------------------------------------------------------------------------------------------------------------ */

void run__order_cut(struct run *run, uint64_t k)
{
	run->cut_at = sim_disk_io_count(run->disk) + k;
	sim_disk_cut_power(run->disk, k);
}

void run__order_fault(struct run *run, const struct step *step)
{
	static const uint32_t kinds[] = {SIM_ANY, SIM_WRITE, SIM_SYNC, SIM_READ, SIM_OPEN | SIM_SIZE, SIM_NAMES | SIM_DIR_SYNC};
	static const int errors[] = {EIO, EIO, ENOSPC, EMFILE};
	uint32_t chosen = kinds[step->b % 6];
	int error = errors[step->c % 4];
	if (error == ENOSPC) /* what reads wants no room */
		chosen = chosen == SIM_READ ? SIM_WRITE : chosen & ~(SIM_READ | SIM_LIST | SIM_OPEN);
	if (error == EMFILE)
		chosen = SIM_OPEN | SIM_LIST;
	sim_disk_fail_kinds(run->disk, chosen, 1 + step->a % 40, error, step->d % 4 == 0);
	run->has_fault = true;
	run->has_hard_fault |= error != EMFILE;
	run->has_failed_kind_sync = chosen == SIM_SYNC;
	run__tell(run, chosen, "the disk will fail an I/O of kinds %x with %s%s", chosen, err_name(-error), step->d % 4 == 0 ? ", and all later ones" : "");
}

static void heal(struct run *run)
{
	sim_disk_fail(run->disk, 0, EIO);
}

static void fill_disk(struct run *run, const struct step *step)
{
	uint64_t free_bytes, total_bytes;
	sim_disk_set_capacity(run->disk, 1ull << 40);
	CHECK(io_space(run->io, "/", &free_bytes, &total_bytes) == 0);
	sim_disk_set_capacity(run->disk, total_bytes - free_bytes + step->a % 100000);
	run->is_full = true;
}

static void jump(struct run *run, const struct step *step)
{
	/* Never an hour apart from where it began: records from so far in the future are refused, retries too. */
	int64_t by_ms = (int64_t)(step->a % 3000000) - 1500000 - run->wall_offset_ms;
	run->wall_offset_ms += by_ms;
	run->wall_jumps++;
	run->is_jump_unseen = true;
	sim_disk_shift_wall_clock(run->disk, by_ms);
	run__tell(run, (uint64_t)by_ms, "the wall clock jumps by %ld ms", (long)by_ms);
	if (by_ms < 0)
		met(run, POINT_CLOCK_BACK);
}

/* ---- steps ------------------------------------------------------------------------------------------------------------- */

static void take_turns(struct run *run, uint64_t count)
{
	uint64_t life = run->life;
	while (count-- && run->life == life && !run__is_over(run))
		machine__turn(run);
}

/* The catalog's changes are few and short: the power is made to fail in some of them. */
static void maybe_cut_catalog(struct run *run, const struct step *step)
{
	bool is_catalogs = step->kind == STEP_CREATE || step->kind == STEP_DELETE || step->kind == STEP_GROW || step->kind == STEP_CONFIGURE ||
			   step->kind == STEP_RESERVE;
	if (is_catalogs && step->d % 12 == 0)
		run__order_cut(run, 1 + step->d / 12 % 3);
}

static void take_step(struct run *run, const struct step *step)
{
	maybe_cut_catalog(run, step);
	switch (step->kind) {
	case STEP_APPEND:
		appends__append(run, step, BATCH_SMALL);
		break;
	case STEP_APPEND_LARGE:
		appends__append(run, step, BATCH_LARGE);
		break;
	case STEP_BURST:
		appends__burst(run, step);
		break;
	case STEP_PRODUCE:
		appends__produce(run, step);
		break;
	case STEP_RETRY:
		appends__retry(run, step);
		break;
	case STEP_TURN:
		take_turns(run, 1 + step->a % 8);
		break;
	case STEP_WAIT:
		machine__wait(run, 1 + step->a % (step->b % 2 ? 7000000000ull : 300000000ull));
		break;
	case STEP_READ:
		reads__begin(run, step);
		break;
	case STEP_LOOKUP:
		reads__look_up(run, step);
		break;
	case STEP_TRIM:
		reads__trim(run, step);
		break;
	case STEP_SCAN:
		reads__scan(run);
		break;
	case STEP_CREATE:
		topics__create(run, step);
		break;
	case STEP_DELETE:
		topics__delete(run, step);
		break;
	case STEP_GROW:
		topics__grow(run, step);
		break;
	case STEP_CONFIGURE:
		topics__configure(run, step);
		break;
	case STEP_RESERVE:
		topics__reserve(run);
		break;
	case STEP_CUT:
		run__order_cut(run, 1 + step->a % (step->b % 2 ? 12 : 120));
		break;
	case STEP_CRASH:
		machine__crash(run);
		break;
	case STEP_KILL:
		machine__kill(run);
		break;
	case STEP_STOP:
		machine__stop(run, 0);
		break;
	case STEP_CUT_STOP:
		machine__stop(run, 1 + step->a % (step->b % 2 ? 8 : 40));
		break;
	case STEP_CUT_RECOVERY:
		run->recovery_cuts[0] = 1 + step->a % 40;
		run->recovery_cuts[1] = step->b % 3 ? 0 : 1 + step->c % 40;
		break;
	case STEP_FAIL:
		run__order_fault(run, step);
		break;
	case STEP_FAIL_RECOVERY:
		run->recovery_fault = *step;
		run->recovery_fault.a |= 1;
		break;
	case STEP_HEAL:
		heal(run);
		break;
	case STEP_FULL:
		fill_disk(run, step);
		break;
	case STEP_ROOM:
		sim_disk_set_capacity(run->disk, 0);
		run->is_full = false;
		break;
	case STEP_CLOCK:
		jump(run, step);
		break;
	case STEP_ROT:
		damage__rot(run, step);
		break;
	case STEP_MISDIRECT:
		sim_disk_misdirect(run->disk, 1 + step->a % 30);
		break;
	case STEP_LOSE:
		sim_disk_lose_write(run->disk, 1 + step->a % 30);
		break;
	case step_kind_count:
		break;
	}
}

static void meet_fates(struct run *run)
{
	uint64_t kept, lost;
	history_fates(run->history, &kept, &lost);
	run->points[POINT_UNACKED_KEPT] += kept;
	run->points[POINT_UNACKED_LOST] += lost;
}

/* The log starts that retention moved, and watermarks, as they are now. */
static void look_at_positions(struct run *run)
{
	for (uint32_t t = 0; t < TOPICS; t++) {
		const struct topic_slot *slot = &run->topics[t];
		for (uint32_t p = 0; slot->state == TOPIC_LIVE && p < slot->partition_count; p++) {
			const struct partition *partition = topics__partition(run, t, p);
			if (partition_is_offline(partition))
				continue;
			history_positions(run->history, slot->numbers[p], partition_log_start_offset(partition), partition_high_watermark(partition),
					  partition_log_end_offset(partition));
			if (partition->is_retaining)
				met(run, POINT_RETENTION);
		}
	}
}

static void run_step(struct run *run, uint32_t number)
{
	const struct step *step = &run->plan->steps[number];
	run__tell(run, step->kind, "-- step %u: %s", number, step_name(step->kind));
	take_step(run, step);
	if (!run__is_over(run) && machine__is_cut(run))
		machine__crash(run); /* a cold call met it */
	if (!run__is_over(run))
		look_at_positions(run);
}

/* After the last fault everything must come to its end. */
static void end_well(struct run *run)
{
	run__tell(run, 0, "-- the end: the disk is well; what is in flight must end, and all be there after a clean stop");
	heal(run);
	sim_disk_set_capacity(run->disk, 0);
	run->is_full = false;
	sim_disk_cut_power(run->disk, 0);
	run->cut_at = 0;
	run->recovery_cuts[0] = run->recovery_cuts[1] = run->recovery_fault.a = 0;
	run->has_fault = store_has_failed(run->store);
	for (int turns = 0; turns < END_TURNS_MAX && !appends__are_done(run) && !run__is_over(run); turns++)
		machine__turn(run);
	if (!run__is_over(run) && !appends__are_done(run) && !store_has_failed(run->store))
		history_report(run->history, ANOMALY_STUCK, HISTORY_BROKER, -1, "appends are not answered, though the disk has been well for %d turns", END_TURNS_MAX);
	if (!run__is_over(run))
		machine__stop(run, 0);
}

static void conclude(struct run *run)
{
	const struct anomaly *anomalies;
	uint32_t count = history_anomalies(run->history, &anomalies);
	run->result->has_failed = count > 0;
	run->result->trace_hash = run->hash;
	for (uint32_t i = 0; i < count; i++)
		run__tell(run, 0, "!!! %s", anomalies[i].text);
	if (!count)
		return;
	snprintf(run->result->verdict, sizeof run->result->verdict, "%s", anomalies[0].text);
	snprintf(run->result->kind, sizeof run->result->kind, "%s", anomaly_name(anomalies[0].kind));
}

static void open_run(struct run *run)
{
	static const char *const names[TOPICS] = {"a", "b", "c"};
	const struct knobs *knobs = &run->plan->knobs;
	run->history = history_open();
	run->disk = sim_disk_open(run->plan->seed);
	CHECK(run->disk && broker_config_create(&run->config) == 0);
	struct sim_pace pace = {knobs->latency_percent, knobs->stall_per_mille, 50000000, knobs->short_per_mille};
	sim_disk_set_pace(run->disk, &pace);
	for (uint32_t i = 0; i < TOPICS; i++)
		snprintf(run->topics[i].name, sizeof run->topics[i].name, "%s", names[i]);
	run__tell(run, knobs->direct_size_bytes_min,
		  "direct from %u bytes, cache %u, index every %u bytes up to %u, segment.ms %u, retention %ld bytes %ld ms, latency %u %%, %u stalls and %u short transfers per mille",
		  knobs->direct_size_bytes_min, knobs->cache_size_bytes, knobs->index_interval_bytes, knobs->index_size_bytes, knobs->segment_ms,
		  (long)knobs->retention_bytes, (long)knobs->retention_ms, knobs->latency_percent, knobs->stall_per_mille, knobs->short_per_mille);
}

static void close_run(struct run *run)
{
	machine__close(run);
	appends__fini(run);
	times__fini(run);
	free(run->placings);
	history_close(run->history);
	broker_config_destroy(run->config);
	sim_disk_close(run->disk);
}

void run_plan(const struct plan *plan, struct run_result *result, uint64_t points[point_count], FILE *story)
{
	static const struct step first = {.kind = STEP_CREATE, .b = 1, .c = 1};
	static struct run run;
	memset(&run, 0, sizeof run);
	*result = (struct run_result){0};
	run.plan = plan;
	run.result = result;
	run.points = points;
	run.story = story;
	open_run(&run);
	machine__start(&run);
	if (!run__is_over(&run))
		topics__create(&run, &first);
	for (uint32_t i = 0; i < plan->step_count && !run__is_over(&run); i++)
		run_step(&run, i);
	if (!run__is_over(&run))
		end_well(&run);
	meet_fates(&run);
	conclude(&run);
	close_run(&run);
}
