/* Sessions by id in a hash, and in a list by their last use; a session's topics and partitions likewise in
 * hashes, and the partitions in a list in the order of reading. A continued session costs a look-up for each
 * partition the request names.
 *
 * Failures: no memory, or more bytes than the bound, ends the session that asked for them; its client is
 * told that there is none, and starts anew with a full request. */
#include "net/api/fetch_session.h"

#include <stdlib.h>
#include <string.h>

/* Kafka's: idle for so long, a session may go; having lived for so long, it may go for a larger one. */
#define EVICTION_NS (120ull * 1000 * 1000 * 1000)

/* An estimate of what malloc and the buckets add. */
#define OVERHEAD_BYTES 24u

struct fetch_sessions {
	struct fetch_session_limits limits;
	struct name_table table;       /* the key is the id's bytes */
	struct list by_use;            /* the longest unused first */
	uint32_t next_id;              /* divided by the number of shards */
	uint64_t size_bytes;
};

struct fetch_sessions *fetch_sessions_create(const struct fetch_session_limits *limits)
{
	struct fetch_sessions *sessions = malloc(sizeof *sessions);
	if (!sessions)
		return NULL;
	*sessions = (struct fetch_sessions){.limits = *limits, .next_id = limits->seed};
	name_table_init(&sessions->table, limits->seed);
	list_init(&sessions->by_use);
	return sessions;
}

uint32_t fetch_sessions_count(const struct fetch_sessions *sessions)
{
	return sessions->table.count;
}

uint64_t fetch_sessions_bytes(const struct fetch_sessions *sessions)
{
	return sessions->size_bytes;
}

/* ---- memory ----------------------------------------------------------------------------------------------
 * -------------- */

static void count_bytes(struct fetch_sessions *sessions, struct fetch_session *session, int64_t bytes)
{
	session->size_bytes += (uint64_t)bytes;
	sessions->size_bytes += (uint64_t)bytes;
}

static int64_t topic_bytes(const struct session_topic *topic)
{
	size_t seen_bytes = topic->seen_as ? strlen(topic->seen_as) + 1 + OVERHEAD_BYTES : 0;
	return (int64_t)(sizeof *topic + topic->name.size + seen_bytes + OVERHEAD_BYTES);
}

#define PARTITION_BYTES ((int64_t)(sizeof(struct session_partition) + OVERHEAD_BYTES))
#define SESSION_BYTES ((int64_t)(sizeof(struct fetch_session) + OVERHEAD_BYTES))

static void drop_unused_topic(struct fetch_sessions *sessions, struct fetch_session *session, struct session_topic *topic)
{
	if (topic->partition_count > 0)
		return;
	name_table_remove(&session->topic_table, &topic->entry);
	count_bytes(sessions, session, -topic_bytes(topic));
	free(topic->seen_as);
	free(topic);
}

static void remove_partition(struct fetch_sessions *sessions, struct fetch_session *session, struct session_partition *partition)
{
	struct session_topic *topic = partition->key.topic;
	name_table_remove(&session->partition_table, &partition->entry);
	list_remove(&partition->node);
	session->partition_count--;
	free(partition);
	count_bytes(sessions, session, -PARTITION_BYTES);
	topic->partition_count--;
	drop_unused_topic(sessions, session, topic);
}

static void end_session(struct fetch_sessions *sessions, struct fetch_session *session)
{
	while (!list_is_empty(&session->partitions))
		remove_partition(sessions, session, LIST_ENTRY(session->partitions.next, struct session_partition, node));
	name_table_fini(&session->topic_table);
	name_table_fini(&session->partition_table);
	name_table_remove(&sessions->table, &session->entry);
	list_remove(&session->node);
	count_bytes(sessions, session, -SESSION_BYTES);
	free(session);
}

void fetch_sessions_destroy(struct fetch_sessions *sessions)
{
	if (!sessions)
		return;
	while (!list_is_empty(&sessions->by_use))
		end_session(sessions, LIST_ENTRY(sessions->by_use.next, struct fetch_session, node));
	name_table_fini(&sessions->table);
	free(sessions);
}

/* ---- sessions
 * ---------------------------------------------------------------------------------------------------------- */

static struct slice bytes_of(const int32_t *id)
{
	return (struct slice){(const uint8_t *)id, sizeof *id};
}

struct fetch_session *fetch_session_find(struct fetch_sessions *sessions, int32_t id)
{
	struct name_entry *entry = name_table_find(&sessions->table, bytes_of(&id));
	return entry ? CONTAINER_OF(entry, struct fetch_session, entry) : NULL;
}

void fetch_session_close(struct fetch_sessions *sessions, int32_t id)
{
	struct fetch_session *session = fetch_session_find(sessions, id);
	if (session)
		end_session(sessions, session);
}

/* One in `shard_count` of the positive numbers is this shard's. */
static int32_t take_id(struct fetch_sessions *sessions)
{
	const struct fetch_session_limits *limits = &sessions->limits;
	int32_t id;
	do
		id = (int32_t)(sessions->next_id++ % (INT32_MAX / limits->shard_count) * limits->shard_count + limits->shard);
	while (id == FETCH_SESSION_NONE || fetch_session_find(sessions, id));
	return id;
}

static void touch(struct fetch_sessions *sessions, struct fetch_session *session, uint64_t now_ns)
{
	session->used_ns = now_ns;
	list_remove(&session->node);
	list_push_back(&sessions->by_use, &session->node);
}

/* ---- making room
 * --------------------------------------------------------------------------------------------------------- */

/* The smallest of those that have been in use for long; the oldest of equals. NULL: none. Looks at all: it
 * is rare that all slots are taken. */
static struct fetch_session *find_smallest(struct fetch_sessions *sessions)
{
	struct fetch_session *smallest = NULL;
	LIST_FOR_EACH(node, &sessions->by_use) {
		struct fetch_session *session = LIST_ENTRY(node, struct fetch_session, node);
		bool is_old = session->used_ns - session->created_ns > EVICTION_NS;
		if (is_old && (!smallest || session->partition_count < smallest->partition_count))
			smallest = session;
	}
	return smallest;
}

/* Who goes for a session of so many partitions. NULL: nobody has to. */
static struct fetch_session *find_victim(struct fetch_sessions *sessions, uint64_t now_ns, uint32_t partition_count)
{
	if (list_is_empty(&sessions->by_use))
		return NULL;
	struct fetch_session *unused = LIST_ENTRY(sessions->by_use.next, struct fetch_session, node);
	if (now_ns - unused->used_ns > EVICTION_NS)
		return unused;
	struct fetch_session *smallest = find_smallest(sessions);
	return smallest && smallest->partition_count < partition_count ? smallest : NULL;
}

static bool make_room(struct fetch_sessions *sessions, uint64_t now_ns, uint32_t partition_count)
{
	const struct fetch_session_limits *limits = &sessions->limits;
	uint64_t bytes = (uint64_t)(SESSION_BYTES + partition_count * PARTITION_BYTES);
	if (limits->slots == 0 || bytes > limits->bytes_max)
		return false;
	while (sessions->table.count >= limits->slots || sessions->size_bytes + bytes > limits->bytes_max) {
		struct fetch_session *victim = find_victim(sessions, now_ns, partition_count);
		if (!victim)
			return false;
		end_session(sessions, victim);
	}
	return true;
}

struct fetch_session *fetch_session_open(struct fetch_sessions *sessions, uint64_t now_ns, bool is_by_id, uint32_t partition_count)
{
	struct fetch_session *session = make_room(sessions, now_ns, partition_count) ? calloc(1, sizeof *session) : NULL;
	if (!session)
		return NULL;
	*session = (struct fetch_session){.id = take_id(sessions), .epoch = FETCH_EPOCH_INITIAL + 1, .is_by_id = is_by_id, .created_ns = now_ns};
	list_init(&session->partitions);
	name_table_init(&session->topic_table, sessions->table.seed);
	name_table_init(&session->partition_table, sessions->table.seed);
	name_table_add(&sessions->table, &session->entry, bytes_of(&session->id));
	touch(sessions, session, now_ns);
	count_bytes(sessions, session, SESSION_BYTES);
	return session;
}

/* ---- partitions
 * ---------------------------------------------------------------------------------------------------------- */

static struct slice topic_key(const struct fetch_session *session, const struct uuid *id, struct slice name)
{
	return session->is_by_id ? (struct slice){(const uint8_t *)id, sizeof *id} : name;
}

static struct session_topic *find_topic(const struct fetch_session *session, const struct uuid *id, struct slice name)
{
	struct name_entry *entry = name_table_find(&session->topic_table, topic_key(session, id, name));
	return entry ? CONTAINER_OF(entry, struct session_topic, entry) : NULL;
}

static struct session_topic *add_topic(struct fetch_sessions *sessions, struct fetch_session *session, const struct uuid *id,
				       struct slice name)
{
	size_t text_size = session->is_by_id ? 0 : name.size;
	struct session_topic *topic = calloc(1, sizeof *topic + text_size);
	if (!topic)
		return NULL;
	if (session->is_by_id)
		topic->id = *id;
	else
		topic->name = (struct slice){memcpy(topic->text, name.data, text_size), text_size};
	name_table_add(&session->topic_table, &topic->entry, topic_key(session, &topic->id, topic->name));
	count_bytes(sessions, session, topic_bytes(topic));
	return topic;
}

void fetch_session_seen(struct fetch_sessions *sessions, struct fetch_session *session, struct session_topic *topic, const char *name)
{
	if (!session->is_by_id || topic->seen_as)
		return;
	count_bytes(sessions, session, -topic_bytes(topic));
	topic->seen_as = strdup(name);
	count_bytes(sessions, session, topic_bytes(topic));
}

static struct slice key_bytes(const struct session_partition_key *key)
{
	return (struct slice){(const uint8_t *)key, sizeof *key};
}

static struct session_partition *find_partition(const struct fetch_session *session, struct session_topic *topic, int32_t partition)
{
	struct session_partition_key key = {topic, partition};
	struct name_entry *entry = topic ? name_table_find(&session->partition_table, key_bytes(&key)) : NULL;
	return entry ? CONTAINER_OF(entry, struct session_partition, entry) : NULL;
}

static struct session_partition *add_partition(struct fetch_sessions *sessions, struct fetch_session *session,
					       struct session_topic *topic, int32_t index)
{
	struct session_partition *partition = calloc(1, sizeof *partition);
	if (!partition)
		return NULL;
	partition->key = (struct session_partition_key){topic, index};
	partition->high_watermark = partition->log_start_offset = -1;
	name_table_add(&session->partition_table, &partition->entry, key_bytes(&partition->key));
	list_push_back(&session->partitions, &partition->node);
	session->partition_count++;
	topic->partition_count++;
	count_bytes(sessions, session, PARTITION_BYTES);
	return partition;
}

struct session_partition *fetch_session_add(struct fetch_sessions *sessions, struct fetch_session *session, const struct uuid *topic_id,
					    struct slice topic_name, const struct kmsg_fetch_partition *in)
{
	struct session_topic *topic = find_topic(session, topic_id, topic_name);
	struct session_partition *partition = find_partition(session, topic, in->partition);
	bool is_full = sessions->size_bytes >= sessions->limits.bytes_max;
	if (!partition && !is_full) {
		if (!topic && !(topic = add_topic(sessions, session, topic_id, topic_name)))
			return NULL;
		partition = add_partition(sessions, session, topic, in->partition);
		drop_unused_topic(sessions, session, topic);
	}
	if (partition)
		partition->in = *in;
	return partition;
}

/* ---- going on --------------------------------------------------------------------------------------------
 * ---------------- */

static bool add_all(struct fetch_sessions *sessions, struct fetch_session *session, const struct kmsg_fetch_request *in)
{
	for (int32_t t = 0; t < in->topics.count; t++) {
		const struct kmsg_fetch_topic *topic = &in->topics.items[t];
		for (int32_t p = 0; p < topic->partitions.count; p++)
			if (!fetch_session_add(sessions, session, &topic->topic_id, topic->topic, &topic->partitions.items[p]))
				return false;
	}
	return true;
}

static void forget_all(struct fetch_sessions *sessions, struct fetch_session *session, const struct kmsg_fetch_request *in)
{
	for (int32_t t = 0; t < in->forgotten_topics_data.count; t++) {
		const struct kmsg_fetch_forgotten *topic = &in->forgotten_topics_data.items[t];
		for (int32_t p = 0; p < topic->partitions.count; p++) {
			/* Looked up each time: it goes with its last partition. */
			struct session_topic *known = find_topic(session, &topic->topic_id, topic->topic);
			struct session_partition *partition = find_partition(session, known, topic->partitions.items[p]);
			if (partition)
				remove_partition(sessions, session, partition);
		}
	}
}

enum kerr fetch_session_continue(struct fetch_sessions *sessions, uint64_t now_ns, bool is_by_id, const struct kmsg_fetch_request *in,
				 struct fetch_session **out)
{
	struct fetch_session *session = *out = fetch_session_find(sessions, in->session_id);
	if (!session)
		return KERR_FETCH_SESSION_ID_NOT_FOUND;
	if (session->epoch != in->session_epoch)
		return KERR_INVALID_FETCH_SESSION_EPOCH;
	if (session->is_by_id != is_by_id)
		return KERR_FETCH_SESSION_TOPIC_ID_ERROR;
	bool has_room = add_all(sessions, session, in);
	forget_all(sessions, session, in);
	if (!has_room || session->partition_count == 0) {
		end_session(sessions, session);
		*out = NULL;
		return has_room ? KERR_NONE : KERR_FETCH_SESSION_ID_NOT_FOUND;
	}
	touch(sessions, session, now_ns);
	session->epoch = session->epoch == INT32_MAX ? FETCH_EPOCH_INITIAL + 1 : session->epoch + 1;
	return KERR_NONE;
}

/* ---- what is told
 * --------------------------------------------------------------------------------------------------------- */

/* After an error the partition is told again as soon as it is well. */
void fetch_session_told(struct session_partition *partition, const struct kmsg_fetch_partition_result *result)
{
	bool is_well = !result->error_code && result->diverging_epoch.epoch < 0;
	partition->high_watermark = is_well ? result->high_watermark : -1;
	partition->log_start_offset = result->log_start_offset;
}

bool fetch_session_tells(struct fetch_session *session, struct session_partition *partition, const struct kmsg_fetch_partition_result *result)
{
	bool has_records = result->records.piece_count > 0 || result->records.whole.size > 0;
	if (!has_records && !result->error_code && result->diverging_epoch.epoch < 0 &&
	    result->high_watermark == partition->high_watermark && result->log_start_offset == partition->log_start_offset)
		return false;
	fetch_session_told(partition, result);
	if (has_records) {
		list_remove(&partition->node);
		list_push_back(&session->partitions, &partition->node);
	}
	return true;
}
