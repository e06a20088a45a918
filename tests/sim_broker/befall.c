#include "tests/sim_broker/befall.h"

#include <errno.h>

#include "tests/sim_broker/admin.h"
#include "tests/sim_broker/damage.h"
#include "tests/sim_broker/peer.h"
#include "tests/sim_broker/rollback.h"

#define NS_PER_MS 1000000ull
#define JUMP_MS_MAX 1500000
#define LEAP_MS_MAX (30 * 86400 * INT64_C(1000)) /* what nobody believes: committed offsets live for a week */

static const struct sim_net_pace quick_net = {.latency_ns_max = 200000, .window_bytes = 256u << 10, .piece_bytes_max = 16384};
static const struct sim_pace quick_disk = {.latency_percent = 100};

/* ---- the network ---------------------------------------------------------------------------------------------------- */

static void reset_all(struct world *world)
{
	meet(world, MOMENT_RESETS);
	admin_reset(world->admin);
	for (uint32_t i = 0; i < world->producer_count; i++)
		producer_reset(world->producers[i]);
	for (uint32_t i = 0; i < world->consumer_count; i++)
		consumer_reset(world->consumers[i]);
	for (uint32_t i = 0; i < world->fetcher_count; i++)
		fetcher_reset(world->fetchers[i]);
	for (uint32_t i = 0; i < world->committer_count; i++)
		committer_reset(world->committers[i]);
	for (uint32_t i = 0; i < world->member_count; i++)
		member_reset(world->members[i]);
	for (uint32_t i = 0; i < world->consumer_member_count; i++)
		consumer_member_reset(world->consumer_members[i]);
}

static void change_network(struct world *world, const struct step *step)
{
	bool is_slow = step->a % 3;
	struct sim_net_pace slow = {.latency_ns_max = step->b % 3 ? 20 * NS_PER_MS : 300 * NS_PER_MS, .window_bytes = 3000 + (uint32_t)(step->b % 60000),
				    .piece_bytes_max = 1 + (uint32_t)(step->c % 3000), .stall_per_mille = 5, .stall_ns = 500 * NS_PER_MS};
	world_tell(world, is_slow, "the network is %s", is_slow ? "slow" : "quick");
	if (is_slow)
		meet(world, MOMENT_SLOW_NETWORK);
	sim_net_set_pace(world->net, is_slow ? &slow : &quick_net);
}

/* A producer's or a consumer's. */
static struct peer *choose_peer(const struct world *world, uint64_t number)
{
	uint32_t i = (uint32_t)(number % (world->producer_count + world->consumer_count));
	return i < world->producer_count ? producer_peer(world->producers[i]) : consumer_peer(world->consumers[i - world->producer_count]);
}

/* ---- the disk --------------------------------------------------------------------------------------------------------- */

static void change_pace(struct world *world, const struct step *step)
{
	static const uint32_t percents[] = {10, 300, 1000};
	struct sim_pace pace = {.latency_percent = percents[step->a % 3], .stall_per_mille = step->b % 2 ? 20 : 0, .stall_ns = 200 * NS_PER_MS,
				.short_per_mille = step->c % 2 ? 300 : 0};
	meet(world, MOMENT_SLOW_DISK);
	sim_disk_set_pace(world->disk, step->a % 4 ? &pace : &quick_disk);
}

static void order_fault(struct world *world, const struct step *step, uint64_t k_max)
{
	static const uint32_t kinds[] = {SIM_ANY, SIM_WRITE, SIM_SYNC, SIM_READ, SIM_OPEN | SIM_SIZE, SIM_NAMES | SIM_DIR_SYNC};
	bool is_sticky = step->c % 5 == 0;
	meet(world, MOMENT_FAILED_IO);
	sim_disk_fail_kinds(world->disk, kinds[step->b % 6], 1 + step->a % k_max, EIO, is_sticky);
	world->has_failing_disk = true;
	world_tell(world, kinds[step->b % 6], "the disk will fail I/O %lu of kinds %x%s", (unsigned long)(1 + step->a % k_max), kinds[step->b % 6],
		   is_sticky ? ", and all later ones" : "");
}

/* Durability is broken for good by most of these: the broker is started again, as its operator would. */
static void heal(struct world *world)
{
	sim_disk_fail(world->disk, 0, EIO);
	world_tell(world, 0, "the disk is well");
	world->has_failing_disk = false;
	broker_kill(world);
}

static void fail_disk(struct world *world, const struct step *step)
{
	order_fault(world, step, 100);
	world_pass(world, step->c % (300 * NS_PER_MS));
	if (!world_is_over(world))
		heal(world);
}

/* That is pressure: nothing is broken by it, and all goes on by itself when there are descriptors again. Seen in the calm, as nobody starts the broker again. */
static void be_short(struct world *world, const struct step *step)
{
	int error = step->b % 3 ? EMFILE : ENFILE;
	bool is_sticky = step->c % 3 > 0;
	uint64_t failed = sim_disk_fail_count(world->disk);
	sim_disk_fail_kinds(world->disk, SIM_OPEN | SIM_DIR_SYNC | SIM_LIST, 1 + step->a % 10, error, is_sticky);
	world_tell(world, is_sticky, "an open will fail, as there is no descriptor%s", is_sticky ? ", and all later ones" : "");
	world_pass(world, step->c % (4000 * NS_PER_MS));
	sim_disk_fail(world->disk, 0, EIO);
	world_tell(world, 0, "there are descriptors again");
	if (sim_disk_fail_count(world->disk) > failed)
		meet(world, MOMENT_SHORT);
}

static void fail_start(struct world *world, const struct step *step)
{
	order_fault(world, step, 60);
	broker_kill(world);
	if (!world_is_over(world))
		heal(world);
}

static void give_room(struct world *world)
{
	world_tell(world, 7, "there is room again");
	sim_disk_set_capacity(world->disk, 0);
	world->is_full = false;
}

static void fill_disk(struct world *world, const struct step *step)
{
	meet(world, MOMENT_FULL_DISK);
	sim_disk_set_capacity(world->disk, sim_disk_used(world->disk) + (step->b % 3 ? step->b % 200000 : 0) + 1);
	world->is_full = true;
	world->full_until_ns = world_now_ns(world) + step->a % (6000 * NS_PER_MS);
}

/* ---- the clock, the topics ------------------------------------------------------------------------------------------------ */

static void jump(struct world *world, const struct step *step)
{
	int64_t max_ms = step->b % 4 ? JUMP_MS_MAX : LEAP_MS_MAX;
	int64_t by_ms = (int64_t)(step->a % (2 * (uint64_t)max_ms)) - max_ms - world->wall_offset_ms;
	world->wall_offset_ms += by_ms;
	sim_disk_shift_wall_clock(world->disk, by_ms);
	meet(world, MOMENT_CLOCK_JUMP);
	world_tell(world, (uint64_t)by_ms, "the wall clock jumps by %ld ms", (long)by_ms);
}

static void order(struct world *world, enum order_kind kind, const struct step *step)
{
	bool is_of_mortals = kind == ORDER_MAKE || kind == ORDER_DELETE;
	uint32_t topic = is_of_mortals ? 1 + (uint32_t)(step->a % (TOPICS_MAX - 1)) : (uint32_t)(step->a % TOPICS_MAX);
	admin_order(world->admin, kind, topic, step->b, step->c);
}

/* ---- all of it -------------------------------------------------------------------------------------------------------------- */

void befall(struct world *world, const struct step *step)
{
	world_tell(world, step->kind, "-- %s", step_name(step->kind));
	switch (step->kind) {
	case STEP_CRASH: broker_crash(world); break;
	case STEP_KILL: broker_kill(world); break;
	case STEP_STOP: broker_stop(world); break;
	case STEP_CUT: broker_order_cut(world, 1 + step->a % (step->b % 2 ? 400 : 30)); break;
	case STEP_CUT_START:
		world->start_cut = 1 + step->a % (step->b % 2 ? 200 : 30);
		broker_crash(world);
		break;
	case STEP_RESET: reset_all(world); break;
	case STEP_RESET_ONE: peer_break(choose_peer(world, step->a)); break;
	case STEP_HALF_CLOSE: peer_half_close(choose_peer(world, step->a)); break;
	case STEP_DEAF: peer_be_deaf(choose_peer(world, step->a), step->b % (3000 * NS_PER_MS)); break;
	case STEP_NETWORK: change_network(world, step); break;
	case STEP_PACE: change_pace(world, step); break;
	case STEP_FAIL: fail_disk(world, step); break;
	case STEP_SHORT: be_short(world, step); break;
	case STEP_FAIL_START: fail_start(world, step); break;
	case STEP_FULL: fill_disk(world, step); break;
	case STEP_FULL_RESTART:
		fill_disk(world, step);
		broker_kill(world);
		break;
	case STEP_CLOCK: jump(world, step); break;
	case STEP_REREAD: consumer_begin_again(world->consumers[step->a % world->consumer_count]); break;
	case STEP_MAKE: order(world, ORDER_MAKE, step); break;
	case STEP_DELETE: order(world, ORDER_DELETE, step); break;
	case STEP_GROW: order(world, ORDER_GROW, step); break;
	case STEP_TRIM: order(world, ORDER_TRIM, step); break;
	case STEP_CONFIGURE: order(world, ORDER_CONFIGURE, step); break;
	case STEP_ROT: damage_rot(world, step); break;
	case STEP_ASTRAY: damage_astray(world, step); break;
	case STEP_ROLL_BACK: rollback_befall(world, step); break;
	case step_kind_count: break;
	}
}

void befall_end_what_is_over(struct world *world)
{
	if (world->is_full && world_now_ns(world) >= world->full_until_ns)
		give_room(world);
}

void befall_nothing_more(struct world *world)
{
	broker_order_cut(world, 0);
	sim_net_set_pace(world->net, &quick_net);
	sim_disk_set_pace(world->disk, &quick_disk);
	if (world->is_full)
		give_room(world);
}
