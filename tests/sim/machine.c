/* The machine of a run: a store on the simulated disk, started, turned, stopped, killed, and crashed, inside its own recovery too. */
#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/journal/journal_priv.h"
#include "tests/sim/run_priv.h"

#define STARTS_MAX 12
#define STOP_TURNS_MAX 20000
#define STOP_NS_MAX (120ull * 1000 * 1000 * 1000)

bool machine__is_cut(const struct run *run)
{
	return run->cut_at && sim_disk_io_count(run->disk) >= run->cut_at;
}

static void order_cut(struct run *run, uint64_t k)
{
	run->cut_at = k ? sim_disk_io_count(run->disk) + k : 0;
	sim_disk_cut_power(run->disk, k);
}

/* ---- opening and closing ---------------------------------------------------------------------------------------- */

static struct store_options options_of(const struct run *run)
{
	const struct knobs *knobs = &run->plan->knobs;
	return (struct store_options){
		.dir = "/",
		.shard_count = 1,
		.incarnation = catalog_incarnation(run->catalog),
		.journal_incarnation = catalog_journal_incarnation(run->catalog),
		.directory_id = catalog_directory_id(run->catalog),
		.is_catalog_new = run->found.was_created,
		.journal_size_bytes = JOURNAL_SIZE,
		.cache_size_bytes = knobs->cache_size_bytes,
		.direct_size_bytes_min = knobs->direct_size_bytes_min,
		.producers_max = 100,
		.producer_expiration_ms = 86400000000,
		.retention_check_ms = knobs->retention_check_ms,
		.spare_bytes = run->plan->seed % 4 ? 2u << 20 : 0,
		.spare_size_bytes_min = 4096,
	};
}

static int open_all(struct run *run)
{
	struct io_options io = {.backend = IO_SIM, .disk = run->disk, .seed = run->plan->seed * 1000 + run->opens++};
	CHECK(io_open(&run->io, &io) == 0);
	struct catalog_knowledge known = {0};
	run->found = (struct catalog_report){0};
	run->report = (struct store_report){0};
	struct ring_image *image;
	int err = store_read_catalog_mark_keeping(run->io, "/", 1, &known.mark, &image);
	if (!err)
		err = catalog_open_knowing(&run->catalog, run->io, "/", run->config, &known, &run->found);
	if (err) {
		store_free_journal_image(image);
		return err;
	}
	run->image = catalog_image_acquire(run->catalog);
	struct store_options options = options_of(run);
	options.journal_image = image;
	err = store_open(&run->store, run->io, &options, run->image, &run->report);
	return err || !store_has_started(run->store) ? err : catalog_note_journals(run->catalog);
}

void machine__close(struct run *run)
{
	run->is_down = true;
	if (run->store)
		store_close(run->store);
	if (run->image)
		catalog_image_release(run->image);
	if (run->catalog)
		catalog_close(run->catalog);
	if (run->io)
		io_close(run->io);
	run->store = NULL;
	run->image = NULL;
	run->catalog = NULL;
	run->io = NULL;
	appends__forget(run);
	reads__forget(run);
	run->is_down = false;
}

void machine__take_image(struct run *run)
{
	const struct catalog_image *image = catalog_image_acquire(run->catalog);
	store_set_image(run->store, image);
	catalog_image_release(run->image);
	run->image = image;
}

/* ---- starts -------------------------------------------------------------------------------------------------------- */

static void meet_start(struct run *run)
{
	if (run->report.torn_groups)
		met(run, POINT_TORN_GROUP);
	if (run->report.entries_replayed)
		met(run, POINT_REPLAY);
	if (run->found.torn_bytes)
		met(run, POINT_CATALOG_TORN);
	if (run->found.was_compacted)
		met(run, POINT_CATALOG_COMPACTED);
}

static void judge_start(struct run *run, bool has_fault)
{
	const struct store_report *report = &run->report;
	bool may_be_damaged = run->plan->knobs.has_illegal_faults;
	if (report->offline_partitions && !has_fault && !may_be_damaged)
		history_report(run->history, ANOMALY_REFUSED_START, HISTORY_BROKER, -1, "%lu partitions are offline, and no I/O has failed", (unsigned long)report->offline_partitions);
	if (!may_be_damaged && (report->damaged_ranges || run->found.is_lost || report->is_journal_lost))
		history_report(run->history, ANOMALY_FALSE_DAMAGE, HISTORY_BROKER, -1, "recovery names %lu damaged ranges on a sound disk", (unsigned long)report->damaged_ranges);
	if (run->was_stopped_cleanly && !report->was_clean && !may_be_damaged)
		history_report(run->history, ANOMALY_WRONG_ANSWER, HISTORY_BROKER, -1, "a clean stop, and the next start found a crash");
}

static bool is_damage_error(int err)
{
	return err == ERR_CORRUPT_LOG || err == ERR_FORMAT;
}

static void give_up_start(struct run *run, int err)
{
	if (run->plan->knobs.has_illegal_faults && is_damage_error(err)) {
		met(run, POINT_REFUSED_DAMAGE);
		run__tell(run, 99, "the start is refused for damage (%s): the run ends", err_name(err));
		run->result->has_failed = true; /* over, and no anomaly */
		return;
	}
	history_report(run->history, ANOMALY_REFUSED_START, HISTORY_BROKER, -1, "the store does not open: %s (%s). %s %s", err_name(err), err_text(err), run->found.why,
		       run->report.why);
}

/* One try. True if it came up. */
static bool try_start(struct run *run, uint64_t cut, bool *was_cut)
{
	order_cut(run, cut);
	if (run->recovery_fault.a)
		run__order_fault(run, &run->recovery_fault);
	run->recovery_fault.a = 0;
	int err = open_all(run);
	*was_cut = machine__is_cut(run);
	run->result->crash_states++;
	run__tell(run, (uint64_t)err, "start %lu: %s; %lu entries replayed, %lu torn groups, %lu damaged ranges, %s", (unsigned long)run->opens, err ? err_name(err) : "up",
		  (unsigned long)run->report.entries_replayed, (unsigned long)run->report.torn_groups, (unsigned long)run->report.damaged_ranges,
		  run->report.was_clean ? "clean" : "after a crash");
	if (err == 0 && !*was_cut) {
		order_cut(run, 0);
		return true;
	}
	if (*was_cut || run->has_fault || run->is_full) {
		if (!*was_cut)
			met(run, POINT_OPEN_FAILED);
		sim_disk_fail(run->disk, 0, EIO);
		sim_disk_set_capacity(run->disk, 0);
		run->has_fault = run->is_full = false;
		if (*was_cut) {
			sim_disk_crash(run->disk);
			history_crash(run->history);
		}
		run->was_stopped_cleanly = false; /* what has begun writes */
		machine__close(run);
		order_cut(run, 0);
		return false;
	}
	give_up_start(run, err);
	return false;
}

static void start_life(struct run *run)
{
	bool has_fault = run->has_fault;
	run->life++;
	run->has_fault = run->has_hard_fault = false;
	sim_disk_fail(run->disk, 0, EIO);
	meet_start(run);
	judge_start(run, has_fault);
	topics__settle(run);
	if (!run__is_over(run))
		damage__allow(run);
	if (!run__is_over(run))
		damage__judge_start(run);
	if (!run__is_over(run))
		reads__scan(run);
	run->was_stopped_cleanly = false;
}

void machine__start(struct run *run)
{
	uint32_t cuts = 0;
	for (int tries = 0; tries < STARTS_MAX && !run__is_over(run); tries++) {
		uint64_t cut = tries < 2 ? run->recovery_cuts[tries] : 0;
		bool was_cut;
		if (tries < 2)
			run->recovery_cuts[tries] = 0;
		if (try_start(run, cut, &was_cut)) {
			start_life(run);
			return;
		}
		cuts += was_cut;
		if (was_cut)
			met(run, cuts > 1 ? POINT_CUT_IN_RECOVERY_TWICE : POINT_CUT_IN_RECOVERY);
	}
	if (!run__is_over(run))
		history_report(run->history, ANOMALY_REFUSED_START, HISTORY_BROKER, -1, "the store does not come up in %d tries", STARTS_MAX);
}

/* ---- the loop ------------------------------------------------------------------------------------------------------- */

static void meet_life(struct run *run)
{
	const struct journal *journal = run->store->journal;
	if (journal->head_place > journal->ring_size)
		met(run, POINT_JOURNAL_WRAPPED);
	if (journal->is_short_of_room)
		met(run, POINT_JOURNAL_WAIT);
	if (store_is_full(run->store))
		met(run, POINT_FULL);
	if (store_has_failed(run->store)) {
		met(run, POINT_BROKEN);
		if (run->has_failed_kind_sync && !run->cut_at)
			met(run, POINT_BROKEN_SYNC);
	}
}

void machine__turn(struct run *run)
{
	run->is_jump_unseen = false;
	bool was_full = store_is_full(run->store);
	store_turn(run->store);
	int err = io_turn(run->io, true);
	CHECKF(err >= 0, "the loop is broken: %d", err);
	store_turn(run->store);
	if (was_full || run->is_full || run->has_fault)
		run->trouble_ns = io_now_ns(run->io);
	if (was_full && !store_is_full(run->store))
		met(run, POINT_FULL_RESUMED);
	meet_life(run);
	reads__meet(run);
	damage__note_group(run);
	run->result->ios = sim_disk_io_count(run->disk);
	if (machine__is_cut(run))
		machine__crash(run);
}

static void nothing(struct io_timer *timer)
{
}

void machine__wait(struct run *run, uint64_t ns)
{
	struct io_timer timer = {.run = nothing};
	uint64_t until_ns = io_now_ns(run->io) + ns, life = run->life;
	io_timer_set(run->io, &timer, until_ns);
	while (!run__is_over(run) && run->life == life && io_now_ns(run->io) < until_ns)
		machine__turn(run);
	if (run->life == life && run->io)
		io_timer_cancel(run->io, &timer);
}

/* ---- ends of lives ------------------------------------------------------------------------------------------------------ */

static void meet_crash(struct run *run)
{
	const struct store *store = run->store;
	if (!store)
		return;
	if (store->group.is_in_flight)
		met(run, store->group.direct_count ? POINT_CRASH_IN_DIRECT : POINT_CRASH_IN_COMMIT);
	if (store->cycle.state == CYCLE_FILING && store->cycle.in_flight)
		met(run, POINT_CRASH_IN_FILING);
	if (store->cycle.state == CYCLE_SYNCING || store->cycle.state == CYCLE_CHECKPOINTING || (machine__is_cut(run) && store->failure && store->cycle.state == CYCLE_IDLE))
		met(run, POINT_CRASH_IN_CYCLE_END);
}

void machine__crash(struct run *run)
{
	run__tell(run, sim_disk_io_count(run->disk), "*** the power fails (I/O %lu)", (unsigned long)sim_disk_io_count(run->disk));
	meet_crash(run);
	peek__other_outcomes(run, run->plan->knobs.peeks);
	sim_disk_crash(run->disk);
	machine__close(run);
	run->cut_at = 0;
	run->has_fault = run->has_failed_kind_sync = false; /* a crash ends all orders */
	history_crash(run->history);
	machine__start(run);
}

void machine__kill(struct run *run)
{
	run__tell(run, sim_disk_io_count(run->disk), "*** kill -9");
	if (!appends__are_done(run))
		met(run, POINT_KILL);
	sim_disk_kill(run->disk);
	machine__close(run);
	run->cut_at = 0;
	sim_disk_cut_power(run->disk, 0);
	sim_disk_fail(run->disk, 0, EIO);
	run->has_fault = run->has_failed_kind_sync = false;
	history_crash(run->history);
	machine__start(run);
}

/* Since the start, or since an I/O failed. */
static bool is_any_offline(const struct run *run)
{
	LIST_FOR_EACH(node, &run->store->partitions)
		if (partition_is_offline(LIST_ENTRY(node, struct partition, store_node)))
			return true;
	return false;
}

static bool is_healthy(const struct run *run)
{
	return !run->has_fault && !run->is_full && !store_has_failed(run->store);
}

void machine__stop(struct run *run, uint64_t cut)
{
	if (cut)
		order_cut(run, cut);
	uint64_t began_ns = io_now_ns(run->io), life = run->life;
	bool is_expected = is_healthy(run);
	if (store_has_failed(run->store) && !run->has_hard_fault)
		history_report(run->history, ANOMALY_STUCK, HISTORY_BROKER, -1, "durability is broken, and there were no descriptors for a while, no more");
	store_stop(run->store);
	for (int turns = 0; turns < STOP_TURNS_MAX && !store_is_stopped(run->store) && io_now_ns(run->io) - began_ns < STOP_NS_MAX; turns++) {
		machine__turn(run);
		if (run->life != life || run__is_over(run)) {
			met(run, POINT_CUT_IN_STOP);
			return;
		}
	}
	if (!store_is_stopped(run->store) && is_expected)
		history_report(run->history, ANOMALY_STUCK, HISTORY_BROKER, -1, "a clean stop does not end");
	if (is_expected && !store_has_failed(run->store) && !appends__are_done(run))
		history_report(run->history, ANOMALY_STUCK, HISTORY_BROKER, -1, "a clean stop has left appends unanswered");
	bool is_all_known = !is_any_offline(run) && !store__has_unseen_tails(run->store); /* else the next start looks again */
	run->was_stopped_cleanly = is_expected && store_is_stopped(run->store) && !store_has_failed(run->store) && is_all_known;
	run__tell(run, run->was_stopped_cleanly, "stopped%s", run->was_stopped_cleanly ? " cleanly" : "");
	if (run->was_stopped_cleanly)
		met(run, POINT_CLEAN_STOP);
	machine__close(run);
	order_cut(run, 0);
	sim_disk_fail(run->disk, 0, EIO);
	run->has_fault = run->has_failed_kind_sync = false;
	history_crash(run->history);
	if (!run__is_over(run))
		machine__start(run);
}
