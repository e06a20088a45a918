/* A consumer outside of any group's membership that commits, higher and higher, and now and then goes back, as who rewinds does: what was acknowledged last
 * is there after every restart, and never goes back by itself. */
#include <stdlib.h>

#include "kmsg_find_coordinator.h"
#include "kmsg_offset_commit.h"
#include "kmsg_offset_fetch.h"
#include "log/base/check.h"
#include "tests/sim_broker/offset_calls.h"

struct committer {
	struct world *world;
	struct peer *peer;
	uint64_t random;
	char group[16];
	int64_t sent;              /* the highest offset asked for; -1: none */
	int64_t acked, last;       /* what was answered last, or less while it goes back; and what was asked for last */
	bool has_coordinator, is_asking, is_checking, is_finishing;
	uint64_t wait_until_ns, pause_ns_max;
};

struct committer *committer_open(struct world *world, uint32_t number)
{
	struct committer *committer = calloc(1, sizeof *committer);
	CHECK(committer);
	committer->world = world;
	committer->random = world_stream(world, "committer", number);
	committer->sent = committer->acked = committer->last = -1;
	committer->pause_ns_max = draw(&committer->random, 4) ? 30000000 : 1000000;
	snprintf(committer->group, sizeof committer->group, "group-%u", number);
	committer->peer = peer_create(world, committer);
	return committer;
}

void committer_reset(struct committer *committer)
{
	peer_break(committer->peer);
}

void committer_restarted(struct committer *committer)
{
	committer->is_checking = true;
}

/* The last thing it does is to look. */
void committer_finish(struct committer *committer)
{
	committer->is_finishing = committer->is_checking = true;
}

bool committer_is_done(const struct committer *committer)
{
	return !committer->is_checking && !committer->is_asking;
}

void committer_describe(const struct committer *committer, char *out, size_t size)
{
	snprintf(out, size, "%s: acknowledged %ld, asked for %ld%s%s", committer->group, (long)committer->acked, (long)committer->sent,
		 committer->is_asking ? ", a call is out" : "", committer->is_checking ? ", has to look" : "");
}

static void back_off(struct committer *committer)
{
	committer->wait_until_ns = world_now_ns(committer->world) + BACKOFF_NS;
}

/* True if it may go better later. */
static bool is_passing(struct committer *committer, int16_t error)
{
	if (error == 15 || error == 16) /* COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR */
		committer->has_coordinator = false;
	/* 14: COORDINATOR_LOAD_IN_PROGRESS */
	return error == 14 || error == 15 || error == 16 || error == 7 || error == 3 || error == 56;
}

/* ---- the coordinator ---------------------------------------------------------------------------------------------------- */

static void found(void *context, uint64_t tag, const void *answer)
{
	struct committer *committer = context;
	const struct kmsg_find_coordinator_response *out = answer;
	committer->is_asking = false;
	committer->has_coordinator = out && out->error_code == 0;
	if (!committer->has_coordinator)
		back_off(committer);
}

/* ---- committing ------------------------------------------------------------------------------------------------------- */

static void committed(void *context, uint64_t tag, const void *answer)
{
	struct committer *committer = context;
	const struct kmsg_offset_commit_response *out = answer;
	committer->is_asking = false;
	if (!out) {
		back_off(committer);
		return;
	}
	int16_t error = out->topics.count == 1 && out->topics.items[0].partitions.count == 1 ? out->topics.items[0].partitions.items[0].error_code : -1;
	if (error == 0) {
		meet(committer->world, MOMENT_COMMITTED);
		world_tell(committer->world, tag, "%s: %lu is committed", committer->group, (unsigned long)tag);
		committer->acked = (int64_t)tag;
		committer->wait_until_ns = world_now_ns(committer->world) + world_draw_pause_ns(committer->world, &committer->random, committer->pause_ns_max);
	} else if (is_passing(committer, error)) {
		back_off(committer);
	} else {
		world_accuse(committer->world, HISTORY_BROKER, -1, "a commit of %s: error %d", committer->group, error);
	}
}

static void commit(struct committer *committer)
{
	struct committing who = {.group = committer->group, .member_id = "", .generation = -1};
	bool goes_back = committer->last > 0 && draw(&committer->random, 60) == 0;
	int64_t offset = goes_back ? (int64_t)draw(&committer->random, (uint64_t)committer->last) : committer->last + 1;
	committer->is_asking = offset_call_commit(committer->peer, &who, 0, offset, (uint64_t)offset, committed);
	if (!committer->is_asking)
		return;
	if (goes_back)
		meet(committer->world, MOMENT_REWOUND);
	committer->last = offset;
	committer->sent = offset > committer->sent ? offset : committer->sent;
	committer->acked = offset < committer->acked ? offset : committer->acked;
}

/* ---- looking ------------------------------------------------------------------------------------------------------------ */

static void judge(struct committer *committer, int64_t offset)
{
	struct world *world = committer->world;
	world_tell(world, (uint64_t)offset, "%s: %ld is what is there (acknowledged %ld, asked for %ld)", committer->group, (long)offset, (long)committer->acked,
		   (long)committer->sent);
	committer->is_checking = false;
	if (offset < committer->acked || offset > committer->sent)
		world_accuse(world, HISTORY_BROKER, offset, "%s has committed offset %ld, was acknowledged %ld and has asked for %ld", committer->group, (long)offset,
			     (long)committer->acked, (long)committer->sent);
	else if (committer->acked >= 0)
		meet(world, MOMENT_COMMIT_SURVIVED);
	committer->acked = offset; /* seen once: it must stay */
}

static void looked(void *context, uint64_t tag, const void *answer)
{
	struct committer *committer = context;
	const struct kmsg_offset_fetch_response *out = answer;
	committer->is_asking = false;
	if (!out) {
		back_off(committer);
		return;
	}
	const struct kmsg_offset_fetch_group_result *group = out->groups.count == 1 ? &out->groups.items[0] : NULL;
	if (group && group->error_code && is_passing(committer, group->error_code)) {
		back_off(committer);
		return;
	}
	if (!group || group->error_code || group->topics.count != 1 || group->topics.items[0].partitions.count != 1) {
		world_accuse(committer->world, HISTORY_BROKER, -1, "%s cannot be asked for its offsets: error %d", committer->group, group ? group->error_code : -1);
		return;
	}
	judge(committer, group->topics.items[0].partitions.items[0].committed_offset);
}

void committer_step(struct committer *committer)
{
	struct world *world = committer->world;
	peer_step(committer->peer);
	if (committer->is_asking || world->topics[0].state != TOPIC_LIVE || world_now_ns(world) < committer->wait_until_ns)
		return;
	if (!committer->has_coordinator)
		committer->is_asking = offset_call_seek(committer->peer, committer->group, 0, found);
	else if (committer->is_checking)
		committer->is_asking = offset_call_look(committer->peer, &(struct committing){.group = committer->group}, 0, 0, looked);
	else if (!committer->is_finishing)
		commit(committer);
}
