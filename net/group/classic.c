/* When a classic group rebalances, and what its timers do.
 *
 * Happy path of a rebalance: something happens (a member joins, leaves, falls silent, changes what it can do): PreparingRebalance. Members hear of it
 * by their heartbeats and join again; when all are here (or the rebalance timeout is over, and the absent are put out) the generation
 * is raised, the protocol is chosen, all joins are answered: CompletingRebalance. The leader's SyncGroup brings the assignments, which are stored, and all
 * syncs are answered: Stable.
 *
 * One timer serves the group (`phase`): in PreparingRebalance it ends the join phase, afterwards it puts out who owes a sync. One serves
 * each member (`session`). Failure modes: a record that cannot be emitted is the outbox's matter (group__emit). */
#include "net/group/classic.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "net/group/classic_priv.h"

/* A join phase to which nobody came is prolonged by at least this: members may ask for a rebalance timeout of nothing. */
#define NOBODY_CAME_MS_MIN 1000

static void initial_delay_over(struct io_timer *timer);
static void join_phase_over(struct io_timer *timer);
static void sync_phase_over(struct io_timer *timer);
static void session_over(struct io_timer *timer);
static void complete_join(struct classic *classic);

/* ---- states ------------------------------------------------------------------------------------------------------------------------ */

#define FROM(state) (1u << (state))

/* Which states may come before each. */
static const struct {
	const char *name;
	unsigned before;
} states[classic_state_count] = {
	[CLASSIC_EMPTY] = {"Empty", FROM(CLASSIC_PREPARING_REBALANCE)},
	[CLASSIC_PREPARING_REBALANCE] = {"PreparingRebalance", FROM(CLASSIC_STABLE) | FROM(CLASSIC_COMPLETING_REBALANCE) | FROM(CLASSIC_EMPTY)},
	[CLASSIC_COMPLETING_REBALANCE] = {"CompletingRebalance", FROM(CLASSIC_PREPARING_REBALANCE)},
	[CLASSIC_STABLE] = {"Stable", FROM(CLASSIC_COMPLETING_REBALANCE)},
	[CLASSIC_DEAD] = {"Dead", 0}, /* only said of groups that are not there */
};

const char *classic_state_name(enum classic_state state)
{
	return states[state].name;
}

static bool can_become(const struct classic *classic, enum classic_state state)
{
	return states[state].before & FROM(classic->state);
}

static void become(struct classic *classic, enum classic_state state)
{
	CHECKF(can_become(classic, state), "%s -> %s", states[classic->state].name, states[state].name);
	classic->previous = classic->state;
	classic->state = state;
	classic->state_since_ms = classic->group->coordinator->clock.wall_ms;
}

/* ---- life ---------------------------------------------------------------------------------------------------------------------------- */

struct classic *classic_create(struct group *group)
{
	struct classic *classic = calloc(1, sizeof *classic);
	if (!classic)
		return NULL;
	struct coordinator *coordinator = group->coordinator;
	classic->group = group;
	classic->state = CLASSIC_EMPTY;
	classic->previous = CLASSIC_DEAD;
	classic->state_since_ms = coordinator->clock.wall_ms;
	list_init(&classic->members);
	list_init(&classic->pending);
	list_init(&classic->support_list);
	name_table_init(&classic->ids, coordinator->names.seed);
	name_table_init(&classic->instances, coordinator->names.seed);
	name_table_init(&classic->supports, coordinator->names.seed);
	group__charge_anyway(coordinator, sizeof *classic);
	return classic;
}

static void remove_all(struct list *members)
{
	LIST_FOR_EACH_SAFE(node, members) {
		struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
		classic__refuse_join(member, SLICE_EMPTY, KERR_UNKNOWN_MEMBER_ID);
		classic__refuse_sync(member, KERR_UNKNOWN_MEMBER_ID);
		classic__remove(member);
	}
}

void classic_destroy(struct classic *classic)
{
	struct coordinator *coordinator = classic->group->coordinator;
	io_timers_cancel(&coordinator->timers, &classic->phase);
	classic__stop_watching(classic);
	remove_all(&classic->members);
	remove_all(&classic->pending);
	classic__forget_topics(classic);
	CHECK(classic__set_bytes(classic, &classic->protocol_type, (struct slice){0}) == 0);
	CHECK(classic__set_bytes(classic, &classic->protocol, (struct slice){0}) == 0);
	CHECK(classic__set_bytes(classic, &classic->stored, (struct slice){0}) == 0);
	name_table_fini(&classic->ids);
	name_table_fini(&classic->instances);
	name_table_fini(&classic->supports);
	group__give_back(coordinator, sizeof *classic);
	free(classic);
}

int classic__set_bytes(struct classic *classic, struct slice *bytes, struct slice value)
{
	uint8_t *copy = NULL;
	if (value.data && !(copy = malloc(value.size ? value.size : 1)))
		return -ENOMEM;
	if (value.size)
		memcpy(copy, value.data, value.size);
	group__charge_anyway(classic->group->coordinator, value.size);
	group__give_back(classic->group->coordinator, bytes->size);
	free((uint8_t *)bytes->data);
	*bytes = (struct slice){copy, copy ? value.size : 0};
	return 0;
}

/* ---- timers -------------------------------------------------------------------------------------------------------------------------- */

static void start_phase_timer(struct classic *classic, int32_t timeout_ms, io_timer_fn *run)
{
	struct coordinator *coordinator = classic->group->coordinator;
	classic->phase.run = run;
	io_timers_set(&coordinator->timers, &classic->phase, group__in_ms(coordinator, timeout_ms));
}

static void stop_phase_timer(struct classic *classic)
{
	io_timers_cancel(&classic->group->coordinator->timers, &classic->phase);
}

void classic__start_session(struct classic_member *member, int32_t timeout_ms)
{
	struct coordinator *coordinator = member->classic->group->coordinator;
	member->session.run = session_over;
	io_timers_set(&coordinator->timers, &member->session, group__in_ms(coordinator, timeout_ms));
}

/* The longest that any member asks the others to wait. */
int32_t classic__rebalance_timeout_ms(const struct classic *classic)
{
	int32_t longest = 0;
	LIST_FOR_EACH(node, &classic->members) {
		const struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
		if (member->rebalance_timeout_ms > longest)
			longest = member->rebalance_timeout_ms;
	}
	return longest;
}

/* ---- a rebalance begins ---------------------------------------------------------------------------------------------------------------- */

static bool have_all_joined(const struct classic *classic)
{
	return classic->joined_count == classic->member_count && classic->pending_count == 0;
}

static void forget_syncs(struct classic *classic)
{
	LIST_FOR_EACH(node, &classic->members)
		LIST_ENTRY(node, struct classic_member, node)->owes_sync = false;
	classic->owed_sync_count = 0;
}

/* A group that was empty waits for more members, so that starting ten consumers is not ten rebalances. */
static void begin_initial_delay(struct classic *classic)
{
	int32_t delay = classic->group->coordinator->config.initial_rebalance_delay_ms;
	int64_t left = (int64_t)classic__rebalance_timeout_ms(classic) - delay;
	classic->has_new_members = false;
	classic->initial_delay_ms = classic->initial_spent_ms = delay;
	classic->initial_left_ms = left > 0 ? (int32_t)left : 0;
	start_phase_timer(classic, delay, initial_delay_over);
}

static void begin_join_phase(struct classic *classic)
{
	if (have_all_joined(classic))
		complete_join(classic);
	else
		start_phase_timer(classic, classic__rebalance_timeout_ms(classic), join_phase_over);
}

static void prepare_rebalance(struct classic *classic, const char *why, va_list arguments)
{
	if (classic->state == CLASSIC_COMPLETING_REBALANCE)
		classic__drop_assignments(classic, KERR_REBALANCE_IN_PROGRESS);
	forget_syncs(classic);
	stop_phase_timer(classic);
	bool is_initial = classic->state == CLASSIC_EMPTY;
	become(classic, CLASSIC_PREPARING_REBALANCE);
	classic->rebalance_began_ns = classic->group->coordinator->clock.now_ns;
	classic->silent_count = 0;
	classic->initial_spent_ms = 0;
	vsnprintf(classic->why, sizeof classic->why, why, arguments);
	classic__watch(classic);
	if (is_initial)
		begin_initial_delay(classic);
	else
		begin_join_phase(classic);
}

void classic__prepare_rebalance(struct classic *classic, const char *why, ...)
{
	va_list arguments;
	va_start(arguments, why);
	prepare_rebalance(classic, why, arguments);
	va_end(arguments);
}

void classic__rebalance_or_complete(struct classic *classic, const char *why, ...)
{
	va_list arguments;
	va_start(arguments, why);
	if (can_become(classic, CLASSIC_PREPARING_REBALANCE))
		prepare_rebalance(classic, why, arguments);
	else
		classic__complete_join_if_all(classic);
	va_end(arguments);
}

/* The first rebalance of a group is ended by its delay alone. */
void classic__complete_join_if_all(struct classic *classic)
{
	if (classic->state == CLASSIC_PREPARING_REBALANCE && classic->previous != CLASSIC_EMPTY && have_all_joined(classic))
		complete_join(classic);
}

/* ---- the join phase ends ---------------------------------------------------------------------------------------------------------------- */

/* While members keep coming, the delay is prolonged, up to the rebalance timeout in all. */
static void initial_delay_over(struct io_timer *timer)
{
	struct classic *classic = CONTAINER_OF(timer, struct classic, phase);
	if (!classic->has_new_members || classic->initial_left_ms == 0) {
		complete_join(classic);
		return;
	}
	int32_t delay = classic->group->coordinator->config.initial_rebalance_delay_ms;
	int32_t left = classic->initial_left_ms;
	classic->has_new_members = false;
	classic->initial_left_ms = left > classic->initial_delay_ms ? left - classic->initial_delay_ms : 0;
	classic->initial_delay_ms = delay < left ? delay : left;
	classic->initial_spent_ms += classic->initial_delay_ms;
	start_phase_timer(classic, classic->initial_delay_ms, initial_delay_over);
}

static void join_phase_over(struct io_timer *timer)
{
	complete_join(CONTAINER_OF(timer, struct classic, phase));
}

/* Static members stay: they are given until their session ends. */
static void put_out_absent(struct classic *classic, struct classic_names *absent)
{
	LIST_FOR_EACH_SAFE(node, &classic->members) {
		struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
		if (member->has_joined || is_static(member))
			continue;
		classic__name(absent, member);
		classic__remove(member);
	}
}

static bool can_lead(const struct classic_member *member)
{
	return member->has_joined && member->join;
}

/* The leader keeps its place if it is here; otherwise the oldest member that is. Who joined and has lost its connection since (no call waits) only leads if
 * there is nobody else. False: no member is here. */
static bool elect_leader(struct classic *classic)
{
	if (classic->leader && can_lead(classic->leader))
		return true;
	struct classic_member *fallback = NULL;
	LIST_FOR_EACH(node, &classic->members) {
		struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
		if (can_lead(member)) {
			classic->leader = member;
			return true;
		}
		if (member->has_joined && (!fallback || member == classic->leader))
			fallback = member;
	}
	if (fallback)
		classic->leader = fallback;
	return fallback != NULL;
}

static void next_generation(struct classic *classic)
{
	struct slice protocol = classic->member_count ? classic__vote(classic) : (struct slice){0};
	classic->generation = classic->generation == INT32_MAX ? 1 : classic->generation + 1;
	if (classic__set_bytes(classic, &classic->protocol, protocol) < 0)
		classic->group->coordinator->outbox.is_out_of_memory = true;
	classic__forget_topics(classic);
	become(classic, classic->member_count ? CLASSIC_COMPLETING_REBALANCE : CLASSIC_EMPTY);
}

/* Who lost its connection while it waited is told nothing; its session has been running since then. */
static void answer_join(struct classic_member *member)
{
	struct group_call *call = member->join;
	bool has_gone = member->has_joined && !call;
	member->join = NULL;
	member->has_joined = false;
	member->is_new = false;
	member->owes_sync = true;
	if (call) {
		classic__fill_join(member, call, call->answer);
		group__finish(member->classic->group->coordinator, call);
	}
	if (!has_gone)
		classic__start_session(member, member->session_timeout_ms);
}

static void complete_join(struct classic *classic)
{
	struct classic_names absent = {0};
	stop_phase_timer(classic);
	put_out_absent(classic, &absent);
	if (classic->member_count && !elect_leader(classic)) {
		/* Static members alone, and none is back: their sessions end it, or they come. */
		int32_t timeout_ms = classic__rebalance_timeout_ms(classic);
		start_phase_timer(classic, timeout_ms > NOBODY_CAME_MS_MIN ? timeout_ms : NOBODY_CAME_MS_MIN, join_phase_over);
		return;
	}
	next_generation(classic);
	classic__note_join_phase(classic, &absent);
	if (classic->state == CLASSIC_EMPTY) {
		classic__stop_watching(classic);
		classic__store(classic);
		return;
	}
	LIST_FOR_EACH(node, &classic->members)
		answer_join(LIST_ENTRY(node, struct classic_member, node));
	classic->joined_count = 0;
	classic->owed_sync_count = classic->member_count;
	classic->sync_began_ns = classic->group->coordinator->clock.now_ns;
	classic__watch(classic);
	start_phase_timer(classic, classic__rebalance_timeout_ms(classic), sync_phase_over);
}

/* ---- the sync phase ---------------------------------------------------------------------------------------------------------------------- */

void classic__forget_sync(struct classic_member *member)
{
	struct classic *classic = member->classic;
	classic->owed_sync_count -= member->owes_sync;
	member->owes_sync = false;
	if (classic->owed_sync_count || classic->state == CLASSIC_PREPARING_REBALANCE)
		return;
	stop_phase_timer(classic);
	if (classic->state == CLASSIC_STABLE)
		classic__stop_watching(classic);
}

static void answer_sync(struct classic_member *member)
{
	struct group_call *call = member->sync;
	if (!call)
		return;
	member->sync = NULL;
	classic__fill_sync(member, call, call->answer);
	group__finish(member->classic->group->coordinator, call);
	classic__start_session(member, member->session_timeout_ms);
}

void classic__become_stable(struct classic *classic)
{
	become(classic, CLASSIC_STABLE);
	classic__store(classic);
	LIST_FOR_EACH(node, &classic->members)
		answer_sync(LIST_ENTRY(node, struct classic_member, node));
	if (classic->owed_sync_count == 0)
		classic__stop_watching(classic);
	classic__note_assigned(classic);
}

void classic__drop_assignments(struct classic *classic, enum kerr error)
{
	CHECK(classic->state == CLASSIC_COMPLETING_REBALANCE);
	LIST_FOR_EACH(node, &classic->members) {
		struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
		CHECK(classic__set_assignment(member, SLICE_EMPTY) == 0);
		if (!member->sync)
			continue;
		classic__refuse_sync(member, error);
		classic__start_session(member, member->session_timeout_ms);
	}
}

/* Who was told of the generation and did not sync is gone. */
static void sync_phase_over(struct io_timer *timer)
{
	struct classic *classic = CONTAINER_OF(timer, struct classic, phase);
	struct classic_names absent = {0};
	bool has_assigned = classic->state == CLASSIC_STABLE;
	if (classic->owed_sync_count == 0)
		return;
	LIST_FOR_EACH_SAFE(node, &classic->members) {
		struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
		if (!member->owes_sync)
			continue;
		classic__name(&absent, member);
		classic__remove(member);
	}
	classic__note_no_sync(classic, &absent, has_assigned);
	if (has_assigned)
		classic__prepare_rebalance(classic, "%u did not fetch their assignment", absent.count);
	else
		classic__prepare_rebalance(classic, "the leader did not assign generation %d", classic->generation);
}

/* ---- sessions ------------------------------------------------------------------------------------------------------------------------------ */

/* Who waits for an answer cannot send heartbeats, and need not. Who is new may have gone, and nobody would know. */
static bool is_excused(const struct classic_member *member)
{
	return !member->is_new && (member->join || member->sync);
}

static void remove_silent(struct classic_member *member)
{
	struct classic *classic = member->classic;
	char id[100];
	snprintf(id, sizeof id, "%.*s", (int)member_id(member).size, (const char *)member_id(member).data);
	if (classic->state != CLASSIC_PREPARING_REBALANCE) /* later ones are counted: note_join_phase */
		group__note(classic->group->coordinator, "group %s: nothing was heard of member %s (%.*s) for %.1f s: it is put out, and a rebalance begins",
			    classic->group->id, id, (int)member->client_host.size, (const char *)member->client_host.data,
			    member->session_timeout_ms / 1e3);
	classic->silent_count += classic->state == CLASSIC_PREPARING_REBALANCE;
	snprintf(classic->silent, sizeof classic->silent, "%s", id);
	classic__refuse_join(member, SLICE_EMPTY, KERR_UNKNOWN_MEMBER_ID);
	classic__refuse_sync(member, KERR_UNKNOWN_MEMBER_ID);
	classic__remove(member);
	if (classic->state == CLASSIC_STABLE || classic->state == CLASSIC_COMPLETING_REBALANCE)
		classic__rebalance_or_complete(classic, "the session of member %s ended", id);
	else if (classic->state == CLASSIC_PREPARING_REBALANCE && have_all_joined(classic))
		complete_join(classic);
}

static void session_over(struct io_timer *timer)
{
	struct classic_member *member = CONTAINER_OF(timer, struct classic_member, session);
	struct classic *classic = member->classic;
	if (member->is_pending) {
		classic__remove(member);
		if (classic->state == CLASSIC_PREPARING_REBALANCE && have_all_joined(classic))
			complete_join(classic);
	} else if (!is_excused(member)) {
		remove_silent(member);
	}
}

/* The members of a stored generation have a whole session to be heard of. */
void classic_loaded(struct classic *classic)
{
	int32_t max = classic->group->coordinator->config.group_size_max;
	LIST_FOR_EACH(node, &classic->members) {
		struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
		classic__start_session(member, member->session_timeout_ms);
	}
	if (classic->member_count > (uint32_t)max)
		classic__prepare_rebalance(classic, "it has %u members, more than group.max.size=%d", classic->member_count, max);
}

/* ---- who it is ------------------------------------------------------------------------------------------------------------------------------ */

enum kerr classic__check_member(const struct classic *classic, struct slice id, struct slice instance)
{
	if (instance.data) {
		struct classic_member *holder = classic__find_instance(classic, instance);
		if (!holder)
			return KERR_UNKNOWN_MEMBER_ID;
		if (!slice_equal(member_id(holder), id))
			return KERR_FENCED_INSTANCE_ID;
	}
	return classic__find_joined(classic, id) ? KERR_NONE : KERR_UNKNOWN_MEMBER_ID;
}
