/* What a classic group tells the operator: why a rebalance takes long, while it does and when it is over, and who was put out. net/group/README.md
 * says how to read it ("Why did this rebalance take long?").
 *
 * One timer, `watch`, runs while a rebalance does: what is waited for is told after WATCH_NS, and then each time it has taken twice as long. Changes
 * nothing; without memory there is a line less. */
#include <stdio.h>

#include "net/group/classic_priv.h"

/* A rebalance that took longer is worth a line when it is over; one that still goes on after twice as long, before that. The initial delay of an empty
 * group does not count: it is meant. */
#define LONG_REBALANCE_NS (5 * UINT64_C(1000000000))
#define WATCH_NS (2 * LONG_REBALANCE_NS)

/* ---- members by name ----------------------------------------------------------------------------------------------------------------- */

void classic__name(struct classic_names *names, const struct classic_member *member)
{
	struct slice id = member_id(member);
	names->count++;
	if (names->used < (int)sizeof names->text)
		names->used += snprintf(names->text + names->used, sizeof names->text - (size_t)names->used, "%s%.*s (%.*s)", names->used ? ", " : "",
					(int)id.size, (const char *)id.data, (int)member->client_host.size, (const char *)member->client_host.data);
}

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

/* ---- while it lasts ------------------------------------------------------------------------------------------------------------------- */

static bool is_awaited(const struct classic_member *member)
{
	return member->classic->state == CLASSIC_PREPARING_REBALANCE ? !member->has_joined : member->owes_sync;
}

static struct classic_names find_awaited(const struct classic *classic)
{
	struct classic_names names = {0};
	LIST_FOR_EACH(node, &classic->members) {
		const struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
		if (is_awaited(member))
			classic__name(&names, member);
	}
	return names;
}

static void note_gathering(const struct classic *classic, uint64_t took_ns)
{
	struct classic_names names = find_awaited(classic);
	char pending[80] = "";
	if (classic->pending_count)
		snprintf(pending, sizeof pending, "; %u were given an id and have not joined with it", classic->pending_count);
	group__note(classic->group->coordinator, "group %s: gathering generation %d goes on since %.0f s: %u of %u members have joined%s%s%s; it began because %s",
		    classic->group->id, classic->generation + 1, seconds(took_ns), classic->joined_count, classic->member_count,
		    names.count ? ", it waits for " : "", names.text, pending, classic->why);
}

static void note_assigning(const struct classic *classic, uint64_t took_ns)
{
	struct classic_names names = {0};
	classic__name(&names, classic->leader);
	group__note(classic->group->coordinator, "group %s: generation %d (%u members) waits since %.0f s for its leader %s to assign", classic->group->id,
		    classic->generation, classic->member_count, seconds(took_ns), names.text);
}

/* The others work already. */
static void note_syncing(const struct classic *classic, uint64_t took_ns)
{
	struct classic_names names = find_awaited(classic);
	group__note(classic->group->coordinator, "group %s: %u of %u members have not fetched their assignment in generation %d since %.0f s, nobody reads for them: %s",
		    classic->group->id, names.count, classic->member_count, classic->generation, seconds(took_ns), names.text);
}

static void set_watch(struct classic *classic, uint64_t began_ns, uint64_t after_ns)
{
	struct coordinator *coordinator = classic->group->coordinator;
	classic->watch_ns = after_ns;
	io_timers_set(&coordinator->timers, &classic->watch, began_ns + after_ns);
}

static void watch_due(struct io_timer *timer)
{
	struct classic *classic = CONTAINER_OF(timer, struct classic, watch);
	uint64_t now_ns = classic->group->coordinator->clock.now_ns;
	bool is_gathering = classic->state == CLASSIC_PREPARING_REBALANCE;
	uint64_t began_ns = is_gathering ? classic->rebalance_began_ns + (uint64_t)classic->initial_spent_ms * 1000000u : classic->sync_began_ns;
	uint64_t took_ns = now_ns > began_ns ? now_ns - began_ns : 0, next_ns = classic->watch_ns;
	if (!is_gathering && classic->owed_sync_count == 0)
		return;
	if (took_ns >= classic->watch_ns) {
		next_ns = took_ns * 2;
		if (is_gathering)
			note_gathering(classic, took_ns);
		else if (classic->state == CLASSIC_COMPLETING_REBALANCE)
			note_assigning(classic, took_ns);
		else
			note_syncing(classic, took_ns);
	}
	set_watch(classic, began_ns, next_ns);
}

void classic__watch(struct classic *classic)
{
	classic->watch.run = watch_due;
	set_watch(classic, classic->group->coordinator->clock.now_ns, WATCH_NS);
}

void classic__stop_watching(struct classic *classic)
{
	io_timers_cancel(&classic->group->coordinator->timers, &classic->watch);
}

/* ---- when it is over ------------------------------------------------------------------------------------------------------------------- */

/* What an operator asks: how long did it take, why did it begin, for whom did all wait? */
void classic__note_join_phase(const struct classic *classic, const struct classic_names *absent)
{
	struct coordinator *coordinator = classic->group->coordinator;
	uint64_t took_ns = coordinator->clock.now_ns - classic->rebalance_began_ns;
	uint64_t delay_ns = (uint64_t)classic->initial_spent_ms * 1000000u;
	const struct classic_member *last = NULL;
	if (took_ns < LONG_REBALANCE_NS + delay_ns && !absent->count && !classic->silent_count)
		return;
	LIST_FOR_EACH(node, &classic->members) {
		const struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
		if (!last || member->joined_ns > last->joined_ns)
			last = member;
	}
	char delay[100] = "", late[220] = "", silent[180] = "", gone[360] = "";
	if (delay_ns)
		snprintf(delay, sizeof delay, "; %.1f s of it was the initial delay of an empty group", seconds(delay_ns));
	if (last)
		snprintf(late, sizeof late, "; the last to join was %.*s (%.*s), after %.1f s", (int)member_id(last).size,
			 (const char *)member_id(last).data, (int)last->client_host.size, (const char *)last->client_host.data,
			 last->joined_ns > classic->rebalance_began_ns ? seconds(last->joined_ns - classic->rebalance_began_ns) : 0.0);
	if (classic->silent_count)
		snprintf(silent, sizeof silent, "; the sessions of %u ended meanwhile, the last of them %s", classic->silent_count, classic->silent);
	if (absent->count)
		snprintf(gone, sizeof gone, "; %u did not come and were put out: %s", absent->count, absent->text);
	group__note(coordinator, "group %s: gathering generation %d took %.1f s (%u members); it began because %s%s%s%s%s", classic->group->id,
		    classic->generation, seconds(took_ns), classic->member_count, classic->why, delay, late, silent, gone);
}

void classic__note_assigned(const struct classic *classic)
{
	struct coordinator *coordinator = classic->group->coordinator;
	uint64_t took_ns = coordinator->clock.now_ns - classic->sync_began_ns;
	struct classic_names names = {0};
	if (took_ns < LONG_REBALANCE_NS)
		return;
	classic__name(&names, classic->leader);
	group__note(coordinator, "group %s: the leader %s took %.1f s to assign generation %d (%u members)", classic->group->id, names.text, seconds(took_ns),
		    classic->generation, classic->member_count);
}

void classic__note_no_sync(const struct classic *classic, const struct classic_names *absent, bool has_assigned)
{
	struct coordinator *coordinator = classic->group->coordinator;
	uint64_t took_ns = coordinator->clock.now_ns - classic->sync_began_ns;
	group__note(coordinator, "group %s: %s in generation %d for %.1f s; put out, and a rebalance begins: %s", classic->group->id,
		    has_assigned ? "members did not fetch their assignment" : "the leader did not assign", classic->generation, seconds(took_ns), absent->text);
}
