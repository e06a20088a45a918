/* OffsetCommit, OffsetFetch and OffsetDelete: what Kafka's broker and its coordinator judge, in Kafka's order, and the answers.
 *
 * Happy path of a commit: each partition is held against the catalog, the member against its group, then every partition is stored and
 * emitted. Failure modes: what concerns a partition (unknown, metadata too large, no memory for it) is its own error and the others are
 * stored; what concerns the member or the group is the error of all partitions that the catalog knows, and nothing is stored.
 *
 * A commit and a delete answer the topics with errors of the catalog first, then the others, each in the order of the request: so does Kafka. */
#include "net/group/classic.h"
#include "net/group/consumer.h"
#include "net/group/offsets.h"

#define TOPIC_IDS_FROM 10              /* versions of OffsetCommit and OffsetFetch */
#define GROUP_NOT_FOUND_FROM 9         /* version of OffsetCommit */
#define GROUP_ERROR_FROM 2             /* version of OffsetFetch */

/* An array in the call's arena. NULL if it is full: the call cannot be answered then. */
static void *take(struct group_call *call, int32_t count, size_t size)
{
	if (count <= 0)
		return NULL;
	void *items = arena_alloc(call->arena, (size_t)count * size);
	if (!items)
		call->is_out_of_memory = true;
	return items;
}

static bool topic_has(const struct topic *topic, int32_t partition)
{
	return topic && partition >= 0 && (uint32_t)partition < topic->partition_count;
}

/* ---- commit --------------------------------------------------------------------------------------------------------------------------------- */

struct commit {
	struct coordinator *coordinator;
	struct group_call *call;
	const struct kmsg_offset_commit_request *in;
	struct kmsg_offset_commit_response *out;
	const struct topic **topics;   /* of `in`, from the catalog; NULL: unknown */
	struct group *group;
	struct consumer_commit consumer;
	enum kerr error;               /* of all partitions that the catalog knows */
};

static const struct topic *find_commit_topic(const struct commit *commit, const struct kmsg_offset_commit_topic *in)
{
	const struct catalog_image *image = commit->coordinator->image;
	return commit->call->version >= TOPIC_IDS_FROM ? catalog_topic_by_id(image, &in->topic_id) : catalog_topic_by_name(image, in->name);
}

static bool has_unknown_partition(const struct topic *topic, const struct kmsg_offset_commit_topic *in)
{
	for (int32_t i = 0; i < in->partitions.count; i++)
		if (!topic_has(topic, in->partitions.items[i].partition_index))
			return true;
	return in->partitions.count == 0 && !topic;
}

static bool has_known_partition(const struct topic *topic, const struct kmsg_offset_commit_topic *in)
{
	for (int32_t i = 0; i < in->partitions.count; i++)
		if (topic_has(topic, in->partitions.items[i].partition_index))
			return true;
	return false;
}

/* Kafka counts the characters as Java does: those beyond 16 bits are two. */
static bool is_metadata_too_large(const struct commit *commit, struct slice metadata)
{
	size_t length = 0;
	for (size_t i = 0; i < metadata.size; i++)
		length += ((metadata.data[i] & 0xc0) != 0x80) + (metadata.data[i] >= 0xf0);
	return length > (size_t)commit->coordinator->config.offset_metadata_size_max;
}

static enum kerr find_commit_group(struct commit *commit)
{
	const struct kmsg_offset_commit_request *in = commit->in;
	commit->group = group__find(commit->coordinator, in->group_id);
	if (commit->group)
		return KERR_NONE;
	if (in->generation_id_or_member_epoch >= 0)
		return commit->call->version >= GROUP_NOT_FOUND_FROM ? KERR_GROUP_ID_NOT_FOUND : KERR_ILLEGAL_GENERATION;
	commit->group = group__find_or_create(commit->coordinator, in->group_id);
	return commit->group ? KERR_NONE : KERR_COORDINATOR_NOT_AVAILABLE;
}

/* A commit of an epoch that is over is good for the partitions that the member has had since before. */
static enum kerr check_partitions_of_member(const struct commit *commit)
{
	enum kerr error = KERR_NONE;
	for (int32_t i = 0; i < commit->in->topics.count; i++) {
		const struct kmsg_offset_commit_topic *in = &commit->in->topics.items[i];
		for (int32_t k = 0; k < in->partitions.count && error == KERR_NONE; k++) {
			const struct kmsg_offset_commit_partition *partition = &in->partitions.items[k];
			if (topic_has(commit->topics[i], partition->partition_index) &&
			    !is_metadata_too_large(commit, partition->committed_metadata))
				error = consumer_check_commit_partition(&commit->consumer, &commit->topics[i]->id, partition->partition_index);
		}
	}
	return error;
}

static enum kerr check_commit(struct commit *commit)
{
	const struct kmsg_offset_commit_request *in = commit->in;
	enum kerr error = find_commit_group(commit);
	if (error != KERR_NONE)
		return error;
	if (!commit->group->consumer)
		return classic_check_commit(commit->group, in->member_id, in->group_instance_id, in->generation_id_or_member_epoch);
	error = consumer_check_commit(commit->group->consumer, in->member_id, in->generation_id_or_member_epoch, commit->call->version, false,
				      &commit->consumer);
	return error == KERR_NONE && commit->consumer.member ? check_partitions_of_member(commit) : error;
}

static enum kerr commit_partition(struct commit *commit, const struct topic *topic, const struct kmsg_offset_commit_partition *in)
{
	if (commit->error != KERR_NONE)
		return commit->error;
	if (is_metadata_too_large(commit, in->committed_metadata))
		return KERR_OFFSET_METADATA_TOO_LARGE;
	int64_t now_ms = commit->coordinator->clock.wall_ms, retention_ms = commit->in->retention_time_ms;
	struct committed_offset committed = {
		.partition = in->partition_index,
		.leader_epoch = in->committed_leader_epoch,
		.offset = in->committed_offset,
		.commit_ms = now_ms,
		.topic_id = topic->id,
	};
	if (retention_ms == -1 || __builtin_add_overflow(now_ms, retention_ms, &committed.expire_ms))
		committed.expire_ms = -1;
	struct slice name = {(const uint8_t *)topic->name, strlen(topic->name)};
	if (!offsets_put(commit->group, name, &committed, in->committed_metadata, true))
		return KERR_COORDINATOR_NOT_AVAILABLE;
	offsets_emit(commit->group, name, offsets_find(commit->group, name, in->partition_index));
	return KERR_NONE;
}

/* Appends the answers of the partitions that the catalog knows, or of those that it does not. */
static void answer_partitions(struct commit *commit, int32_t i, bool are_known, struct kmsg_offset_commit_topic_result *result)
{
	const struct kmsg_offset_commit_topic *in = &commit->in->topics.items[i];
	const struct topic *topic = commit->topics[i];
	enum kerr unknown = !topic && commit->call->version >= TOPIC_IDS_FROM ? KERR_UNKNOWN_TOPIC_ID : KERR_UNKNOWN_TOPIC_OR_PARTITION;
	for (int32_t k = 0; k < in->partitions.count; k++) {
		const struct kmsg_offset_commit_partition *partition = &in->partitions.items[k];
		if (topic_has(topic, partition->partition_index) != are_known)
			continue;
		struct kmsg_offset_commit_partition_result *answer = &result->partitions.items[result->partitions.count++];
		kmsg_offset_commit_partition_result_init(answer);
		answer->partition_index = partition->partition_index;
		answer->error_code = (int16_t)(are_known ? commit_partition(commit, topic, partition) : unknown);
	}
}

static void answer_topic(struct commit *commit, int32_t i)
{
	const struct kmsg_offset_commit_topic *in = &commit->in->topics.items[i];
	struct kmsg_offset_commit_topic_result *result = &commit->out->topics.items[commit->out->topics.count];
	kmsg_offset_commit_topic_result_init(result);
	result->name = in->name;
	result->topic_id = in->topic_id;
	result->partitions.items = take(commit->call, in->partitions.count, sizeof *result->partitions.items);
	if (in->partitions.count && !result->partitions.items)
		return;
	answer_partitions(commit, i, false, result);
	answer_partitions(commit, i, true, result);
	commit->out->topics.count++;
}

/* A topic without partitions is answered only if it is unknown. */
static void answer_commit(struct commit *commit)
{
	const struct kmsg_offset_commit_request *in = commit->in;
	for (int32_t i = 0; i < in->topics.count && !commit->call->is_out_of_memory; i++)
		if (has_unknown_partition(commit->topics[i], &in->topics.items[i]))
			answer_topic(commit, i);
	for (int32_t i = 0; i < in->topics.count && !commit->call->is_out_of_memory; i++)
		if (!has_unknown_partition(commit->topics[i], &in->topics.items[i]) && in->topics.items[i].partitions.count)
			answer_topic(commit, i);
}

/* Is there anything to ask the group about? */
static bool resolve_topics(struct commit *commit)
{
	bool any = false;
	for (int32_t i = 0; i < commit->in->topics.count; i++) {
		commit->topics[i] = find_commit_topic(commit, &commit->in->topics.items[i]);
		any |= has_known_partition(commit->topics[i], &commit->in->topics.items[i]);
	}
	return any;
}

void coordinator_offset_commit(struct coordinator *coordinator, struct group_clock clock, struct group_call *call,
			       const struct kmsg_offset_commit_request *in, struct kmsg_offset_commit_response *out)
{
	coordinator->clock = clock;
	kmsg_offset_commit_response_init(out);
	struct commit commit = {.coordinator = coordinator, .call = call, .in = in, .out = out};
	commit.topics = take(call, in->topics.count, sizeof *commit.topics);
	out->topics.items = take(call, in->topics.count, sizeof *out->topics.items);
	if (!call->is_out_of_memory) {
		if (resolve_topics(&commit))
			commit.error = check_commit(&commit);
		answer_commit(&commit);
	}
	group__finish(coordinator, call);
}

/* ---- fetch ---------------------------------------------------------------------------------------------------------------------------------- */

struct fetch {
	struct coordinator *coordinator;
	struct group_call *call;
	const struct kmsg_offset_fetch_group *in;
	struct kmsg_offset_fetch_group_result *out;
	const struct group *group;     /* NULL: there is none, and nothing was committed */
};

static void answer_nothing(struct kmsg_offset_fetch_group_partition_result *answer, int32_t partition, enum kerr error)
{
	kmsg_offset_fetch_group_partition_result_init(answer);
	answer->partition_index = partition;
	answer->committed_offset = -1;
	answer->metadata = SLICE_EMPTY;
	answer->error_code = (int16_t)error;
}

static void answer_committed(struct fetch *fetch, struct kmsg_offset_fetch_group_partition_result *answer,
			     const struct committed_offset *committed)
{
	answer_nothing(answer, committed->partition, KERR_NONE);
	answer->committed_offset = committed->offset;
	answer->committed_leader_epoch = committed->leader_epoch;
	if (committed->metadata_size)
		answer->metadata = group__copy(fetch->call, (struct slice){committed->metadata, committed->metadata_size});
}

/* Was this committed to an earlier topic of the name? */
static bool is_of_another_topic(const struct committed_offset *committed, const struct uuid *wanted)
{
	return !uuid_is_zero(&committed->topic_id) && !uuid_is_zero(wanted) && !uuid_equal(&committed->topic_id, wanted);
}

static struct kmsg_offset_fetch_group_topic_result *next_topic(struct fetch *fetch, int32_t partition_count)
{
	struct kmsg_offset_fetch_group_topic_result *result = &fetch->out->topics.items[fetch->out->topics.count];
	kmsg_offset_fetch_group_topic_result_init(result);
	result->partitions.items = take(fetch->call, partition_count, sizeof *result->partitions.items);
	if (fetch->call->is_out_of_memory)
		return NULL;
	result->partitions.count = partition_count;
	fetch->out->topics.count++;
	return result;
}

/* `error`: of all its partitions, instead of looking. */
static void fetch_topic(struct fetch *fetch, const struct kmsg_offset_fetch_group_topic *in, struct slice name, enum kerr error)
{
	struct kmsg_offset_fetch_group_topic_result *result = next_topic(fetch, in->partition_indexes.count);
	if (!result)
		return;
	result->name = in->name;
	result->topic_id = in->topic_id;
	for (int32_t i = 0; i < in->partition_indexes.count; i++) {
		int32_t partition = in->partition_indexes.items[i];
		const struct committed_offset *committed = fetch->group && error == KERR_NONE ? offsets_find(fetch->group, name, partition) : NULL;
		if (committed && !is_of_another_topic(committed, &in->topic_id))
			answer_committed(fetch, &result->partitions.items[i], committed);
		else
			answer_nothing(&result->partitions.items[i], partition, error);
	}
}

/* Topics of unknown ids come last, as with Kafka. */
static void fetch_some(struct fetch *fetch)
{
	const struct kmsg_offset_fetch_group *in = fetch->in;
	bool by_id = fetch->call->version >= TOPIC_IDS_FROM;
	int32_t unknown = 0;
	fetch->out->topics.items = take(fetch->call, in->topics.count, sizeof *fetch->out->topics.items);
	for (int32_t i = 0; i < in->topics.count && !fetch->call->is_out_of_memory; i++) {
		const struct kmsg_offset_fetch_group_topic *wanted = &in->topics.items[i];
		const struct topic *topic = by_id ? catalog_topic_by_id(fetch->coordinator->image, &wanted->topic_id) : NULL;
		unknown += by_id && !topic;
		if (!by_id || topic)
			fetch_topic(fetch, wanted, by_id ? slice_from(topic->name) : wanted->name, KERR_NONE);
	}
	for (int32_t i = 0; i < in->topics.count && unknown && !fetch->call->is_out_of_memory; i++)
		if (!catalog_topic_by_id(fetch->coordinator->image, &in->topics.items[i].topic_id))
			fetch_topic(fetch, &in->topics.items[i], SLICE_EMPTY, KERR_UNKNOWN_TOPIC_ID);
}

static void fetch_whole_topic(struct fetch *fetch, uint32_t i)
{
	const struct committed_offset *committed;
	uint32_t count;
	struct slice name = offsets_topic(fetch->group, i, &committed, &count);
	const struct topic *topic = catalog_topic_by_name(fetch->coordinator->image, name);
	if (fetch->call->version >= TOPIC_IDS_FROM && !topic)
		return;
	struct kmsg_offset_fetch_group_topic_result *result = next_topic(fetch, (int32_t)count);
	if (!result)
		return;
	result->name = group__copy(fetch->call, name);
	if (topic)
		result->topic_id = topic->id;
	for (uint32_t k = 0; k < count; k++)
		answer_committed(fetch, &result->partitions.items[k], &committed[k]);
}

static void fetch_all(struct fetch *fetch)
{
	uint32_t count = fetch->group ? offsets_topic_count(fetch->group) : 0;
	fetch->out->topics.items = take(fetch->call, (int32_t)count, sizeof *fetch->out->topics.items);
	for (uint32_t i = 0; i < count && !fetch->call->is_out_of_memory; i++)
		fetch_whole_topic(fetch, i);
}

/* An error of the whole group; the first version says it with each partition. */
static void fail_fetch(struct fetch *fetch, enum kerr error)
{
	const struct kmsg_offset_fetch_group *in = fetch->in;
	if (fetch->call->version >= GROUP_ERROR_FROM) {
		fetch->out->error_code = (int16_t)error;
		return;
	}
	fetch->out->topics.items = take(fetch->call, in->topics.count, sizeof *fetch->out->topics.items);
	for (int32_t i = 0; i < in->topics.count && !fetch->call->is_out_of_memory; i++)
		fetch_topic(fetch, &in->topics.items[i], SLICE_EMPTY, error);
}

/* No offset is ever unstable while there are no transactions, so `is_stable_required` asks for nothing more. */
void coordinator_offset_fetch(struct coordinator *coordinator, struct group_clock clock, struct group_call *call,
			      const struct kmsg_offset_fetch_group *in, bool is_stable_required, struct kmsg_offset_fetch_group_result *out)
{
	coordinator->clock = clock;
	kmsg_offset_fetch_group_result_init(out);
	out->group_id = in->group_id;
	struct fetch fetch = {.coordinator = coordinator, .call = call, .in = in, .out = out, .group = group__find(coordinator, in->group_id)};
	enum kerr error = KERR_NONE;
	if (fetch.group && fetch.group->consumer)
		error = consumer_check_fetch(fetch.group->consumer, in->member_id, in->member_epoch);
	if (error != KERR_NONE)
		fail_fetch(&fetch, error);
	else if (in->topics.count < 0)
		fetch_all(&fetch);
	else
		fetch_some(&fetch);
	group__finish(coordinator, call);
}

/* ---- delete --------------------------------------------------------------------------------------------------------------------------------- */

struct delete {
	struct coordinator *coordinator;
	struct group_call *call;
	const struct kmsg_offset_delete_request *in;
	struct kmsg_offset_delete_response *out;
	struct group *group;
};

static enum kerr delete_partition(struct delete *delete, const struct kmsg_offset_delete_topic *in, int32_t partition, bool is_subscribed)
{
	if (is_subscribed)
		return KERR_GROUP_SUBSCRIBED_TO_TOPIC;
	(void)offsets_delete(delete->group, in->name, partition);
	return KERR_NONE;
}

static void delete_partitions(struct delete *delete, const struct kmsg_offset_delete_topic *in, const struct topic *topic, bool are_known,
			      struct kmsg_offset_delete_topic_result *result)
{
	bool is_subscribed = delete->group->consumer ? consumer_subscribes(delete->group->consumer, in->name) : classic_subscribes(delete->group, in->name);
	for (int32_t k = 0; k < in->partitions.count; k++) {
		int32_t partition = in->partitions.items[k].partition_index;
		if (topic_has(topic, partition) != are_known)
			continue;
		struct kmsg_offset_delete_partition_result *answer = &result->partitions.items[result->partitions.count++];
		kmsg_offset_delete_partition_result_init(answer);
		answer->partition_index = partition;
		answer->error_code = (int16_t)(are_known ? delete_partition(delete, in, partition, is_subscribed) : KERR_UNKNOWN_TOPIC_OR_PARTITION);
	}
}

static void delete_topic(struct delete *delete, const struct kmsg_offset_delete_topic *in, const struct topic *topic)
{
	struct kmsg_offset_delete_topic_result *result = &delete->out->topics.items[delete->out->topics.count];
	kmsg_offset_delete_topic_result_init(result);
	result->name = in->name;
	result->partitions.items = take(delete->call, in->partitions.count, sizeof *result->partitions.items);
	if (delete->call->is_out_of_memory)
		return;
	delete_partitions(delete, in, topic, false, result);
	delete_partitions(delete, in, topic, true, result);
	delete->out->topics.count++;
}

static bool deletes_unknown(const struct kmsg_offset_delete_topic *in, const struct topic *topic)
{
	for (int32_t k = 0; k < in->partitions.count; k++)
		if (!topic_has(topic, in->partitions.items[k].partition_index))
			return true;
	return in->partitions.count == 0 && !topic;
}

/* Topics with something unknown, or the others. */
static void delete_topics(struct delete *delete, bool with_unknown)
{
	for (int32_t i = 0; i < delete->in->topics.count && !delete->call->is_out_of_memory; i++) {
		const struct kmsg_offset_delete_topic *in = &delete->in->topics.items[i];
		const struct topic *topic = catalog_topic_by_name(delete->coordinator->image, in->name);
		if (deletes_unknown(in, topic) == with_unknown && (with_unknown || in->partitions.count))
			delete_topic(delete, in, topic);
	}
}

static enum kerr check_delete(const struct delete *delete)
{
	if (!delete->group)
		return KERR_GROUP_ID_NOT_FOUND;
	return delete->group->consumer ? KERR_NONE : classic_check_offset_delete(delete->group);
}

void coordinator_offset_delete(struct coordinator *coordinator, struct group_clock clock, struct group_call *call,
			       const struct kmsg_offset_delete_request *in, struct kmsg_offset_delete_response *out)
{
	coordinator->clock = clock;
	kmsg_offset_delete_response_init(out);
	struct delete delete = {.coordinator = coordinator, .call = call, .in = in, .out = out, .group = group__find(coordinator, in->group_id)};
	enum kerr error = check_delete(&delete);
	out->error_code = (int16_t)error;
	if (error == KERR_NONE) {
		out->topics.items = take(call, in->topics.count, sizeof *out->topics.items);
		delete_topics(&delete, true);
		delete_topics(&delete, false);
	}
	group__finish(coordinator, call);
}
