/* The broker's life on the simulated machine: started, turned, stopped, killed, and crashed, inside its own start too. */
#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "tests/sim/map_cache.h"
#include "tests/sim_broker/doubt.h"
#include "tests/sim_broker/heap.h"
#include "tests/sim_broker/last_group.h"
#include "tests/sim_broker/rollback.h"
#include "tests/sim_broker/world.h"

#define STARTS_MAX 30
#define STOP_TURNS_MAX 2000000
#define START_FULL_NS (10ull * 1000 * 1000 * 1000)

static bool is_cut(const struct world *world)
{
	return world->cut_at && sim_disk_io_count(world->disk) >= world->cut_at;
}

void broker_order_cut(struct world *world, uint64_t k)
{
	world->cut_at = k ? sim_disk_io_count(world->disk) + k : 0;
	sim_disk_cut_power(world->disk, k);
}

/* ---- starting ------------------------------------------------------------------------------------------------------- */

static int try_start(struct world *world, char *why, size_t why_size)
{
	static struct server_report report;
	struct server_options options = {.dir = "/data", .listen_host = "127.0.0.1", .listen_port = world->port, .shard_count = world->plan->knobs.shards, .backend = IO_SIM,
					 .config = world->config, .disk = world->disk, .net = world->net, .seed = world->plan->seed * 1000 + world->life,
					 .journal_bytes = world->plan->knobs.journal_bytes};
	enum heap before = heap_enter(HEAP_BROKER);
	int err = server_open(&world->server, &options, &report, why, why_size);
	heap_enter(before);
	if (err) {
		world->server = NULL;
		return err;
	}
	world->port = report.listen_port;
	doubt_look(world);
	for (uint32_t i = 0; i < report.shard_count && !world->damages_seen; i++)
		if (report.stores[i].damaged_ranges || report.stores[i].is_journal_lost || report.catalog.is_lost)
			world_accuse(world, HISTORY_BROKER, -1, "a start names damage on a sound disk");
	world->offline_partitions = 0;
	for (uint32_t i = 0; i < report.shard_count; i++)
		world->offline_partitions += report.stores[i].offline_partitions;
	return 0;
}

/* As the machine comes back. What is in flight is decided. */
static void lose_power(struct world *world)
{
	broker_order_cut(world, 0);
	sim_disk_crash(world->disk);
	sim_net_lose_broker(world->net);
	history_crash(world->history);
}

/* A start may wait for room, and nobody else is there to give it any. */
static void maybe_give_room(void *context)
{
	struct world *world = context;
	if (world->room_at_ns && world_now_ns(world) >= world->room_at_ns) {
		sim_disk_set_capacity(world->disk, 0);
		world->is_full = false;
		world->room_at_ns = 0;
	}
}

static int start_once(struct world *world, char *why, size_t why_size)
{
	world->life++;
	if (world->start_cut)
		broker_order_cut(world, world->start_cut);
	world->start_cut = 0;
	if (world->is_full) {
		meet(world, MOMENT_FULL_START);
		world->room_at_ns = world_now_ns(world) + START_FULL_NS;
	}
	sim_disk_on_io(world->disk, maybe_give_room, world);
	int err = try_start(world, why, why_size);
	sim_disk_on_io(world->disk, NULL, NULL);
	world->room_at_ns = 0;
	return err;
}

static void note_failed_start(struct world *world, int err, const char *why)
{
	doubt_look(world);
	world_tell(world, (uint64_t)err, "a start fails: %s", why);
	if (is_cut(world)) {
		meet(world, MOMENT_POWER_CUT_IN_START);
		if (world->server)
			server_abandon(world->server);
		lose_power(world);
	} else if (world->has_failing_disk) {
		meet(world, MOMENT_FAILED_START);
	} else if (!world->is_full && world->is_in_doubt) {
		doubt_take_way_out(world, why);
	} else if (!world->is_full) {
		world_accuse(world, HISTORY_BROKER, -1, "the broker does not start: %s", why);
	}
	/* A fault that was ordered may have struck the start. It is over. */
	sim_disk_fail(world->disk, 0, EIO);
	sim_disk_set_capacity(world->disk, 0);
	world->has_failing_disk = world->is_full = false;
}

/* Nothing of the broker is left but what is on the disk. */
static void forget_life(void)
{
	map_cache_take_all();
	heap_reset(HEAP_BROKER);
}

static void let_go(struct server *server)
{
	server_abandon(server);
	forget_life();
}

static void abandon(struct world *world)
{
	let_go(world->server);
	sim_net_lose_broker(world->net);
	world->server = NULL;
}

/* An I/O that failed may have cost some partitions, which no client is served of before the next start. */
static bool lacks_any(struct world *world)
{
	if (!world->offline_partitions)
		return false;
	if (!world->has_failing_disk && !world->damages_seen)
		world_accuse(world, HISTORY_BROKER, -1, "a start leaves partitions offline, and no I/O has failed");
	meet(world, MOMENT_OFFLINE);
	world_tell(world, world->offline_partitions, "%lu partitions are offline: kill -9", (unsigned long)world->offline_partitions);
	abandon(world);
	history_crash(world->history);
	sim_disk_fail(world->disk, 0, EIO);
	world->has_failing_disk = false;
	return true;
}

void broker_begin(struct world *world)
{
	char why[2048] = "";
	for (int tries = 0; tries < STARTS_MAX && !world_is_over(world); tries++) {
		doubt_look(world);
		last_group_judge(world);
		int err = start_once(world, why, sizeof why);
		if (err || is_cut(world)) {
			note_failed_start(world, err, why);
			continue;
		}
		if (lacks_any(world))
			continue;
		world_tell(world, world->life, "the broker stands (start %lu)", (unsigned long)world->life);
		for (uint32_t i = 0; i < world->committer_count; i++)
			committer_restarted(world->committers[i]);
		if (world->is_in_doubt)
			doubt_survey(world);
		return;
	}
}

/* ---- ending ----------------------------------------------------------------------------------------------------------- */

static int turn(struct world *world)
{
	enum heap before = heap_enter(HEAP_BROKER);
	int result = server_turn(world->server);
	heap_enter(before);
	return result;
}

void broker_crash(struct world *world)
{
	meet(world, MOMENT_POWER_CUT);
	world_tell(world, 1, "the power fails");
	struct server *server = world->server;
	world->server = NULL;
	lose_power(world);
	if (server) /* else it failed while the last of a stopped broker was closed */
		let_go(server);
	broker_begin(world);
}

static void be_killed(struct world *world)
{
	meet(world, MOMENT_KILL);
	world_tell(world, 2, "kill -9");
	abandon(world);
	history_crash(world->history);
}

void broker_kill(struct world *world)
{
	be_killed(world);
	rollback_keep(world);
	broker_begin(world);
}

/* Until it has stopped, or the power has failed. */
static int stop(struct world *world)
{
	int result = 1;
	server_stop(world->server);
	for (int turns = 0; result > 0 && turns < STOP_TURNS_MAX && !is_cut(world); turns++)
		result = turn(world);
	return result;
}

static void close_stopped(struct world *world)
{
	meet(world, MOMENT_CLEAN_STOP);
	server_close(world->server);
	forget_life();
	sim_net_lose_broker(world->net);
	world->server = NULL;
}

/* What server_turn said last; or the power failed. */
static int be_stopped(struct world *world)
{
	world_tell(world, 3, "a clean stop");
	int result = stop(world);
	if (is_cut(world))
		return result;
	if (result > 0)
		world_condemn(world, "the broker does not stop");
	if (result == 0)
		close_stopped(world);
	else
		abandon(world);
	history_crash(world->history);
	return result;
}

void broker_stop(struct world *world)
{
	be_stopped(world);
	if (is_cut(world)) {
		broker_crash(world);
		return;
	}
	rollback_keep(world);
	broker_begin(world);
}

bool broker_go_down(struct world *world, bool is_stop)
{
	broker_forget_orders(world);
	if (is_stop)
		return be_stopped(world) == 0;
	be_killed(world);
	return false;
}

/* ---- for the way out ---------------------------------------------------------------------------------------------------- */

void broker_forget_orders(struct world *world)
{
	broker_order_cut(world, 0);
	sim_disk_fail(world->disk, 0, EIO);
	sim_disk_misdirect(world->disk, 0);
	sim_disk_lose_write(world->disk, 0);
	sim_disk_set_capacity(world->disk, 0);
	world->has_failing_disk = world->is_full = false;
}

int broker_try(struct world *world, char *why, size_t why_size)
{
	world->life++;
	return try_start(world, why, why_size);
}

int broker_turn_once(struct world *world)
{
	int result = turn(world);
	doubt_look(world);
	return result;
}

void broker_end(struct world *world)
{
	if (stop(world) == 0)
		close_stopped(world);
	else
		abandon(world);
}

void broker_turn(struct world *world)
{
	int result = turn(world);
	if (is_cut(world)) {
		broker_crash(world);
		return;
	}
	doubt_look(world);
	if (result <= 0)
		world_condemn(world, "the broker ended by itself: %d", result);
}
