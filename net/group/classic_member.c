/* The members of a classic group: their memory, the tables that find them, and what they can do.
 *
 * Ids of members who have joined and ids that were only handed out (pending) are in one table. Each protocol that a member can do is counted in
 * `supports`; a protocol whose count is that of the members is one that all can do. All sizes are charged to the coordinator.
 *
 * Failure modes: no memory, or no more of it allowed: nothing has changed then. */
#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "net/group/classic_priv.h"

static struct coordinator *coordinator_of(const struct classic *classic)
{
	return classic->group->coordinator;
}

/* ---- finding ------------------------------------------------------------------------------------------------------------------- */

struct classic_member *classic__find(const struct classic *classic, struct slice id)
{
	struct name_entry *entry = name_table_find(&classic->ids, id);
	return entry ? CONTAINER_OF(entry, struct classic_member, by_id) : NULL;
}

struct classic_member *classic__find_joined(const struct classic *classic, struct slice id)
{
	struct classic_member *member = classic__find(classic, id);
	return member && !member->is_pending ? member : NULL;
}

struct classic_member *classic__find_instance(const struct classic *classic, struct slice instance)
{
	struct name_entry *entry = name_table_find(&classic->instances, instance);
	return entry ? CONTAINER_OF(entry, struct classic_member, by_instance) : NULL;
}

/* ---- what all can do -------------------------------------------------------------------------------------------------------------- */

static struct classic_support *find_support(const struct classic *classic, struct slice name)
{
	struct name_entry *entry = name_table_find(&classic->supports, name);
	return entry ? CONTAINER_OF(entry, struct classic_support, entry) : NULL;
}

static uint64_t support_size(const struct classic_support *support)
{
	return sizeof *support + support->entry.name.size;
}

static struct classic_support *find_or_make_support(struct classic *classic, struct slice name)
{
	struct classic_support *support = find_support(classic, name);
	if (support)
		return support;
	support = calloc(1, sizeof *support + name.size);
	if (!support)
		return NULL;
	memcpy(support->name, name.data, name.size);
	name_table_add(&classic->supports, &support->entry, (struct slice){(uint8_t *)support->name, name.size});
	list_push_back(&classic->support_list, &support->node);
	group__charge_anyway(coordinator_of(classic), support_size(support));
	return support;
}

static void drop_support_if_unused(struct classic *classic, struct classic_support *support)
{
	if (support->member_count)
		return;
	group__give_back(coordinator_of(classic), support_size(support));
	name_table_remove(&classic->supports, &support->entry);
	list_remove(&support->node);
	free(support);
}

static void forget_protocols(struct classic *classic, const struct classic_protocol *protocols, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct classic_support *support = find_support(classic, protocols[i].name);
		support->member_count--;
		drop_support_if_unused(classic, support);
	}
}

/* Counts each protocol once, and leaves out of the array what is in it twice: marked by `votes`, which count only within classic__vote. */
static int count_protocols(struct classic *classic, struct classic_protocol *protocols, uint32_t *count)
{
	uint32_t kept = 0;
	bool is_full = false;
	LIST_FOR_EACH(node, &classic->support_list)
		LIST_ENTRY(node, struct classic_support, node)->votes = 0;
	for (uint32_t i = 0; i < *count && !is_full; i++) {
		struct classic_support *support = find_or_make_support(classic, protocols[i].name);
		is_full = !support;
		if (is_full || support->votes)
			continue;
		support->votes = 1;
		support->member_count++;
		protocols[kept++] = protocols[i];
	}
	*count = kept;
	if (is_full)
		forget_protocols(classic, protocols, kept);
	return is_full ? -ENOMEM : 0;
}

bool classic__can_take(const struct classic *classic, struct slice type, const struct kmsg_join_group_protocol *protocols, int32_t count)
{
	if (classic->state == CLASSIC_EMPTY)
		return type.size > 0 && count > 0;
	if (!slice_equal(classic->protocol_type, type))
		return false;
	for (int32_t i = 0; i < count; i++) {
		struct classic_support *support = find_support(classic, protocols[i].name);
		if ((support ? support->member_count : 0) == classic->member_count)
			return true;
	}
	return false;
}

/* The first protocol of the member that all can do gets its vote. */
static void cast_vote(struct classic *classic, const struct classic_member *member)
{
	for (uint32_t i = 0; i < member->protocol_count; i++) {
		struct classic_support *support = find_support(classic, member->protocols[i].name);
		if (support->member_count == classic->member_count) {
			support->votes++;
			return;
		}
	}
}

struct slice classic__vote(struct classic *classic)
{
	struct classic_support *best = NULL;
	LIST_FOR_EACH(node, &classic->support_list)
		LIST_ENTRY(node, struct classic_support, node)->votes = 0;
	LIST_FOR_EACH(node, &classic->members)
		cast_vote(classic, LIST_ENTRY(node, struct classic_member, node));
	LIST_FOR_EACH(node, &classic->support_list) {
		struct classic_support *support = LIST_ENTRY(node, struct classic_support, node);
		if (!best || support->votes > best->votes)
			best = support;
	}
	CHECK(best && best->votes); /* whoever joins can do something that all can do: classic__can_take */
	return best->entry.name;
}

/* ---- what a member can do ---------------------------------------------------------------------------------------------------------- */

static uint64_t terms_size(const struct classic_terms *terms)
{
	uint64_t size = (uint64_t)terms->protocol_count * sizeof(struct classic_protocol);
	for (int32_t i = 0; i < terms->protocol_count; i++)
		size += terms->protocols[i].name.size + terms->protocols[i].metadata.size;
	return size;
}

static struct slice put_bytes(uint8_t **at, struct slice bytes)
{
	struct slice copy = {*at, bytes.size};
	if (bytes.size)
		memcpy(*at, bytes.data, bytes.size);
	*at += bytes.size;
	return copy;
}

/* One block: the array, then the bytes it points at. */
static struct classic_protocol *copy_protocols(const struct classic_terms *terms, uint64_t size)
{
	struct classic_protocol *protocols = malloc(size ? size : 1);
	if (!protocols)
		return NULL;
	uint8_t *at = (uint8_t *)(protocols + terms->protocol_count);
	for (int32_t i = 0; i < terms->protocol_count; i++) {
		protocols[i].name = put_bytes(&at, terms->protocols[i].name);
		protocols[i].metadata = put_bytes(&at, terms->protocols[i].metadata);
	}
	return protocols;
}

int classic__update(struct classic_member *member, const struct classic_terms *terms)
{
	struct classic *classic = member->classic;
	uint64_t size = terms_size(terms);
	if (size > member->protocols_size && !group__has_room(coordinator_of(classic), size - member->protocols_size))
		return -ENOMEM;
	struct classic_protocol *protocols = copy_protocols(terms, size);
	uint32_t count = (uint32_t)terms->protocol_count;
	if (!protocols || count_protocols(classic, protocols, &count) < 0) {
		free(protocols);
		return -ENOMEM;
	}
	forget_protocols(classic, member->protocols, member->protocol_count);
	free(member->protocols);
	group__charge_anyway(coordinator_of(classic), size);
	group__give_back(coordinator_of(classic), member->protocols_size);
	member->protocols = protocols;
	member->protocol_count = count;
	member->protocols_size = size;
	member->session_timeout_ms = terms->session_timeout_ms;
	member->rebalance_timeout_ms = terms->rebalance_timeout_ms;
	return 0;
}

bool classic__has_same_protocols(const struct classic_member *member, const struct kmsg_join_group_protocol *protocols, int32_t count)
{
	if ((int64_t)member->protocol_count != count)
		return false;
	for (int32_t i = 0; i < count; i++)
		if (!slice_equal(member->protocols[i].name, protocols[i].name) || !slice_equal(member->protocols[i].metadata, protocols[i].metadata))
			return false;
	return true;
}

struct slice classic__metadata(const struct classic_member *member)
{
	for (uint32_t i = 0; i < member->protocol_count; i++)
		if (slice_equal(member->protocols[i].name, member->classic->protocol))
			return member->protocols[i].metadata;
	return SLICE_EMPTY;
}

int classic__set_assignment(struct classic_member *member, struct slice assignment)
{
	return classic__set_bytes(member->classic, &member->assignment, assignment.size ? assignment : (struct slice){0});
}

/* ---- life --------------------------------------------------------------------------------------------------------------------------- */

static uint64_t identity_size(const struct classic_identity *identity)
{
	return identity->id.size + identity->instance_id.size + identity->client_id.size + identity->client_host.size;
}

static uint64_t member_size(const struct classic_member *member)
{
	return sizeof *member + member->by_id.name.size + member->by_instance.name.size + member->client_id.size + member->client_host.size;
}

/* In no table and no list, and nothing charged. */
static struct classic_member *make_member(struct classic *classic, const struct classic_identity *identity)
{
	struct classic_member *member = calloc(1, sizeof *member + identity_size(identity));
	if (!member)
		return NULL;
	uint8_t *at = (uint8_t *)member->text;
	member->classic = classic;
	member->by_id.name = put_bytes(&at, identity->id);
	if (identity->instance_id.data)
		member->by_instance.name = put_bytes(&at, identity->instance_id);
	member->client_id = put_bytes(&at, identity->client_id);
	member->client_host = put_bytes(&at, identity->client_host);
	return member;
}

static void enter(struct classic_member *member)
{
	struct classic *classic = member->classic;
	group__charge_anyway(coordinator_of(classic), member_size(member));
	name_table_add(&classic->ids, &member->by_id, member_id(member));
	if (is_static(member))
		name_table_add(&classic->instances, &member->by_instance, instance_id(member));
}

static void leave(struct classic_member *member)
{
	struct classic *classic = member->classic;
	io_timers_cancel(&coordinator_of(classic)->timers, &member->session);
	name_table_remove(&classic->ids, &member->by_id);
	if (is_static(member))
		name_table_remove(&classic->instances, &member->by_instance);
	list_remove(&member->node);
	group__give_back(coordinator_of(classic), member_size(member));
	free(member);
}

struct classic_member *classic__add_pending(struct classic *classic, struct slice id)
{
	struct classic_identity identity = {.id = id, .client_id = SLICE_EMPTY, .client_host = SLICE_EMPTY};
	if (!group__has_room(coordinator_of(classic), sizeof(struct classic_member) + id.size))
		return NULL;
	struct classic_member *member = make_member(classic, &identity);
	if (!member)
		return NULL;
	member->is_pending = true;
	enter(member);
	list_push_back(&classic->pending, &member->node);
	classic->pending_count++;
	return member;
}

struct classic_member *classic__add(struct classic *classic, const struct classic_identity *identity, const struct classic_terms *terms)
{
	if (!group__has_room(coordinator_of(classic), sizeof(struct classic_member) + identity_size(identity) + terms_size(terms)))
		return NULL;
	struct classic_member *member = make_member(classic, identity);
	if (!member)
		return NULL;
	if (classic__update(member, terms) < 0) {
		free(member);
		return NULL;
	}
	struct classic_member *pending = classic__find(classic, identity->id);
	if (pending)
		classic__remove(pending);
	enter(member);
	list_push_back(&classic->members, &member->node);
	classic->member_count++;
	if (!classic->leader)
		classic->leader = member;
	return member;
}

static void remove_joined(struct classic_member *member)
{
	struct classic *classic = member->classic;
	CHECK(!member->join && !member->sync);
	forget_protocols(classic, member->protocols, member->protocol_count);
	group__give_back(coordinator_of(classic), member->protocols_size);
	free(member->protocols);
	CHECK(classic__set_assignment(member, SLICE_EMPTY) == 0);
	classic->member_count--;
	classic->joined_count -= member->has_joined;
	classic->owed_sync_count -= member->owes_sync;
	list_remove(&member->node);
	if (classic->leader == member)
		classic->leader = list_is_empty(&classic->members) ? NULL : LIST_ENTRY(classic->members.next, struct classic_member, node);
}

void classic__remove(struct classic_member *member)
{
	if (member->is_pending)
		member->classic->pending_count--;
	else
		remove_joined(member);
	leave(member);
}

struct classic_member *classic__rename(struct classic_member *member, struct slice id)
{
	struct classic *classic = member->classic;
	struct classic_identity identity = {id, instance_id(member), member->client_id, member->client_host};
	struct classic_member *renamed = make_member(classic, &identity);
	if (!renamed)
		return NULL;
	CHECK(!member->join && !member->sync);
	renamed->session_timeout_ms = member->session_timeout_ms;
	renamed->rebalance_timeout_ms = member->rebalance_timeout_ms;
	renamed->protocols = member->protocols;
	renamed->protocol_count = member->protocol_count;
	renamed->protocols_size = member->protocols_size;
	renamed->assignment = member->assignment;
	renamed->owes_sync = member->owes_sync;
	classic->joined_count -= member->has_joined;
	if (classic->leader == member)
		classic->leader = renamed;
	list_insert_between(&renamed->node, member->node.prev, &member->node);
	leave(member);
	enter(renamed);
	return renamed;
}
