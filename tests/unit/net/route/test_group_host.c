/* The host of group coordinators, with a coordinator of the test's own: a table of numbers. What the host must
 * do for it is seen from outside: records are durable before calls are answered and are replayed in order,
 * calls wait and are cancelled, snapshots let the log go. */
#include "tests/unit/net/route/group_calls.h"

#include "kmsg_delete_topics.h"
#include "net/group/coordinator.h"
#include "net/group/group_page.h"

/* ---- the coordinator of the test --------------------------------------------------------------------------------------------- */

#define ENTRIES_MAX 64

struct entry {
	char group[32];
	int64_t offset;
};

struct coordinator {
	struct group_outbox outbox;
	struct list waiting;
	struct entry entries[ENTRIES_MAX];
	uint32_t entry_count, snapshot_next;
	bool is_loaded;
};

/* Over all coordinators and shards. */
static uint32_t loads, cancels, snapshots;

static void count(uint32_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

void coordinator_config_from(struct coordinator_config *config, const struct broker_config *broker)
{
	*config = (struct coordinator_config){.memory_bytes_max = 1 << 20};
}

void group_outbox_clear(struct group_outbox *outbox)
{
	outbox->records = NULL;
	outbox->records_end = &outbox->records;
	outbox->notes = NULL;
	outbox->notes_end = &outbox->notes;
	arena_reset(&outbox->arena);
}

int coordinator_open(struct coordinator **out, const struct coordinator_config *config, const struct catalog_image *image, uint64_t random_seed)
{
	struct coordinator *coordinator = calloc(1, sizeof *coordinator);
	cr_assert_not_null(coordinator);
	arena_init(&coordinator->outbox.arena, NULL, 0, 64 << 20);
	group_outbox_clear(&coordinator->outbox);
	list_init(&coordinator->outbox.finished);
	list_init(&coordinator->waiting);
	*out = coordinator;
	return 0;
}

void coordinator_close(struct coordinator *coordinator)
{
	cr_assert(list_is_empty(&coordinator->waiting) && list_is_empty(&coordinator->outbox.finished));
	arena_fini(&coordinator->outbox.arena);
	free(coordinator);
}

struct group_outbox *coordinator_outbox(struct coordinator *coordinator) { return &coordinator->outbox; }

static struct entry *find_or_make(struct coordinator *coordinator, struct slice group)
{
	for (uint32_t i = 0; i < coordinator->entry_count; i++)
		if (slice_equal(slice_from(coordinator->entries[i].group), group))
			return &coordinator->entries[i];
	struct entry *entry = &coordinator->entries[coordinator->entry_count++];
	memcpy(entry->group, group.data, group.size);
	return entry;
}

static void emit(struct coordinator *coordinator, const struct entry *entry, size_t padding)
{
	struct group_outbox *outbox = &coordinator->outbox;
	struct group_record *record = arena_alloc(&outbox->arena, sizeof *record);
	size_t group_size = strlen(entry->group);
	uint8_t *bytes = arena_alloc(&outbox->arena, group_size + sizeof entry->offset + padding);
	memcpy(bytes, entry->group, group_size);
	memcpy(bytes + group_size, &entry->offset, sizeof entry->offset);
	memset(bytes + group_size + sizeof entry->offset, 'p', padding);
	*record = (struct group_record){.key = {bytes, group_size}, .value = {bytes + group_size, sizeof entry->offset + padding}};
	*outbox->records_end = record;
	outbox->records_end = &record->next;
}

int coordinator_replay(struct coordinator *coordinator, struct slice key, struct slice value)
{
	cr_assert(!coordinator->is_loaded);
	if (value.size < sizeof(int64_t))
		return ERR_FORMAT;
	memcpy(&find_or_make(coordinator, key)->offset, value.data, sizeof(int64_t));
	return 0;
}

void coordinator_loaded(struct coordinator *coordinator, struct group_clock clock)
{
	coordinator->is_loaded = true;
	count(&loads);
}

uint64_t coordinator_deadline(const struct coordinator *coordinator) { return UINT64_MAX; }
void coordinator_tick(struct coordinator *coordinator, struct group_clock clock) { cr_assert_fail("no deadline was set"); }
void coordinator_set_assignment_interval(struct coordinator *coordinator, int32_t interval_ms)
{
}

void coordinator_set_image(struct coordinator *coordinator, struct group_clock clock, const struct catalog_image *image) {}

static void finish(struct coordinator *coordinator, struct group_call *call)
{
	cr_assert(coordinator->is_loaded);
	list_remove(&call->node);
	list_push_back(&coordinator->outbox.finished, &call->node);
	call->is_waiting = false;
}

void coordinator_cancel(struct coordinator *coordinator, struct group_clock clock, struct group_call *call)
{
	if (!call->is_waiting)
		return;
	count(&cancels);
	finish(coordinator, call);
}

void coordinator_fail_calls(struct coordinator *coordinator, enum kerr error)
{
	while (!list_is_empty(&coordinator->waiting))
		finish(coordinator, LIST_ENTRY(coordinator->waiting.next, struct group_call, node));
}

void coordinator_snapshot_begin(struct coordinator *coordinator)
{
	cr_assert_null(coordinator->outbox.records);
	coordinator->snapshot_next = 0;
	count(&snapshots);
}

bool coordinator_snapshot_next(struct coordinator *coordinator)
{
	if (coordinator->snapshot_next < coordinator->entry_count)
		emit(coordinator, &coordinator->entries[coordinator->snapshot_next++], 0);
	return coordinator->snapshot_next < coordinator->entry_count;
}

uint64_t coordinator_state_size(const struct coordinator *coordinator) { return coordinator->entry_count * sizeof(struct entry); }

bool coordinator_fill_page(const struct coordinator *coordinator, struct group_page *page)
{
	return true;
}

/* A join waits until somebody's heartbeat lets all go. */
void coordinator_join_group(struct coordinator *coordinator, struct group_clock clock, struct group_call *call,
			    const struct kmsg_join_group_request *in, struct kmsg_join_group_response *out)
{
	kmsg_join_group_response_init(out);
	call->is_waiting = true;
	out->generation_id = 7;
	list_push_back(&coordinator->waiting, &call->node);
}

void coordinator_heartbeat(struct coordinator *coordinator, struct group_clock clock, struct group_call *call,
			   const struct kmsg_heartbeat_request *in, struct kmsg_heartbeat_response *out)
{
	kmsg_heartbeat_response_init(out);
	coordinator_fail_calls(coordinator, KERR_NONE);
	finish(coordinator, call);
}

static bool is_named(struct slice group, const char *word)
{
	return group.size > strlen(word) && memcmp(group.data, word, strlen(word)) == 0;
}

/* A commit for "broken" loses its record: the state is not what is in the log. One for "wide..." emits large
 * records, one for "many..." many, one for "huge..." one that is larger than any message may be. */
void coordinator_offset_commit(struct coordinator *coordinator, struct group_clock clock, struct group_call *call,
			       const struct kmsg_offset_commit_request *in, struct kmsg_offset_commit_response *out)
{
	const struct kmsg_offset_commit_partition *partition = &in->topics.items[0].partitions.items[0];
	struct entry *entry = find_or_make(coordinator, in->group_id);
	kmsg_offset_commit_response_init(out);
	entry->offset = partition->committed_offset;
	if (slice_equal(in->group_id, slice_from("broken")))
		coordinator->outbox.is_out_of_memory = true;
	else if (is_named(in->group_id, "huge"))
		emit(coordinator, entry, 3 << 20);
	else
		emit(coordinator, entry, partition->committed_metadata.size);
	for (int i = 0; is_named(in->group_id, "wide") && i < 20; i++)
		emit(coordinator, entry, 32 << 10);
	for (int i = 0; is_named(in->group_id, "many") && i < 200; i++)
		emit(coordinator, entry, 300);
	finish(coordinator, call);
}

void coordinator_offset_fetch(struct coordinator *coordinator, struct group_clock clock, struct group_call *call,
			      const struct kmsg_offset_fetch_group *in, bool is_stable_required, struct kmsg_offset_fetch_group_result *out)
{
	struct kmsg_offset_fetch_group_topic_result *topic = arena_alloc(call->arena, sizeof *topic);
	struct kmsg_offset_fetch_group_partition_result *partition = arena_alloc(call->arena, sizeof *partition);
	*topic = (struct kmsg_offset_fetch_group_topic_result){.name = slice_from("t"), .partitions = {partition, 1}};
	*partition = (struct kmsg_offset_fetch_group_partition_result){.committed_offset = find_or_make(coordinator, in->group_id)->offset};
	*out = (struct kmsg_offset_fetch_group_result){.group_id = in->group_id, .topics = {topic, 1}};
	finish(coordinator, call);
}

void coordinator_list_groups(struct coordinator *coordinator, struct group_clock clock, struct group_call *call,
			     const struct kmsg_list_groups_request *in, struct kmsg_list_groups_group **groups, uint32_t *group_count)
{
	*group_count = coordinator->entry_count;
	*groups = arena_alloc(call->arena, (coordinator->entry_count + 1) * sizeof **groups);
	for (uint32_t i = 0; i < coordinator->entry_count; i++) {
		kmsg_list_groups_group_init(&(*groups)[i]);
		(*groups)[i].group_id = slice_from(coordinator->entries[i].group);
	}
	finish(coordinator, call);
}

/* What these tests do not ask. */
#define NOT_ASKED(name, in_type, out_type)                                                                                    \
	void coordinator_##name(struct coordinator *coordinator, struct group_clock clock, struct group_call *call, in_type in, out_type *out) \
	{                                                                                                                     \
		cr_assert_fail("nobody asked for " #name);                                                                    \
	}
NOT_ASKED(sync_group, const struct kmsg_sync_group_request *, struct kmsg_sync_group_response)
NOT_ASKED(leave_group, const struct kmsg_leave_group_request *, struct kmsg_leave_group_response)
NOT_ASKED(offset_delete, const struct kmsg_offset_delete_request *, struct kmsg_offset_delete_response)
NOT_ASKED(consumer_group_heartbeat, const struct kmsg_consumer_group_heartbeat_request *, struct kmsg_consumer_group_heartbeat_response)
NOT_ASKED(describe_group, struct slice, struct kmsg_describe_groups_group)
NOT_ASKED(describe_consumer_group, struct slice, struct kmsg_consumer_group_describe_group)
NOT_ASKED(delete_group, struct slice, struct kmsg_delete_groups_result)

/* ---- asking ------------------------------------------------------------------------------------------------------------------- */

static const char *const FEW_PARTITIONS[] = {"offsets.topic.num.partitions", "4", NULL};

static void send_commit(struct client *client, const char *group, int64_t offset, size_t padding)
{
	static uint8_t bytes[32 << 10];
	struct kmsg_offset_commit_partition partition;
	struct kmsg_offset_commit_topic topic;
	struct kmsg_offset_commit_request in;
	kmsg_offset_commit_partition_init(&partition);
	kmsg_offset_commit_topic_init(&topic);
	kmsg_offset_commit_request_init(&in);
	memset(bytes, 'x', padding);
	partition.committed_offset = offset;
	partition.committed_metadata = (struct slice){bytes, padding};
	topic.name = slice_from("t");
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	in.group_id = slice_from(group);
	in.topics.items = &topic;
	in.topics.count = 1;
	client_send(client, "offset_commit", 8, &in);
}

static int receive_commit(struct client *client)
{
	struct kmsg_offset_commit_response out;
	cr_assert(client_receive(client, "offset_commit", 8, client->correlation_id, &out));
	return out.topics.count > 0 ? out.topics.items[0].partitions.items[0].error_code : 0;
}

static int commit(struct client *client, const char *group, int64_t offset, size_t padding)
{
	send_commit(client, group, offset, padding);
	return receive_commit(client);
}

static int32_t heartbeat(struct client *client, const char *group)
{
	struct kmsg_heartbeat_request in;
	struct kmsg_heartbeat_response out;
	kmsg_heartbeat_request_init(&in);
	in.group_id = slice_from(group);
	client_call(client, "heartbeat", 4, &in, &out);
	return out.error_code;
}

static void send_join(struct client *client, const char *group, size_t metadata_size)
{
	static uint8_t metadata[1 << 20];
	struct kmsg_join_group_protocol protocol = {.name = slice_from("range"), .metadata = {metadata, metadata_size}};
	struct kmsg_join_group_request in;
	kmsg_join_group_request_init(&in);
	in.group_id = slice_from(group);
	in.protocols.items = &protocol;
	in.protocols.count = 1;
	client_send(client, "join_group", 9, &in);
}

static void receive_join(struct client *client, int32_t error)
{
	struct kmsg_join_group_response out;
	cr_assert(client_receive(client, "join_group", 9, client->correlation_id, &out));
	cr_assert_eq(out.error_code, error, "%d", out.error_code);
	if (!error)
		cr_assert_eq(out.generation_id, 7);
}

static void start(struct broker *broker, struct client *client, uint32_t shards)
{
	loads = cancels = snapshots = 0;
	broker_start(broker, shards, FEW_PARTITIONS);
	client_open(client, broker);
	cr_assert_eq(find_coordinator(client, "any"), 0);
}

static void end(struct broker *broker, struct client *client)
{
	client_close(client);
	broker_end(broker);
}

/* ---- tests -------------------------------------------------------------------------------------------------------------------- */

/* |String.hashCode()| mod the count, as Java computes it: from UTF-16, and of the smallest integer 0. The
 * numbers are Java's. */
Test(group_host, partition_of_a_group)
{
	static const struct {
		const char *group;
		uint32_t hash;
	} cases[] = {
		{"", 0}, {"a", 97}, {"abc", 96354}, {"my-group", 1906497762}, {"polygenelubricants", 0}, {"\u00e9", 233}, {"\u20ac", 8364},
		{"\U0001f600", 1772899}, {"\xff", 65533},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		cr_expect_eq(group_partition(slice_from(cases[i].group), 1u << 31), cases[i].hash, "%s: %u", cases[i].group,
			     group_partition(slice_from(cases[i].group), 1u << 31));
	cr_expect_eq(group_partition(slice_from("abc"), 50), 4);
}

/* Before anybody has asked for a coordinator there is no topic, and calls say so; the first question makes it. */
Test(group_host, first_question_makes_the_topic)
{
	struct broker broker;
	struct client client;
	broker_start(&broker, 1, FEW_PARTITIONS);
	client_open(&client, &broker);
	cr_expect_eq(commit(&client, "g", 1, 0), KERR_NOT_COORDINATOR);
	cr_expect_eq(group_committed(&client, "g"), -1000 - KERR_NOT_COORDINATOR);
	cr_expect_eq(find_coordinator(&client, "g"), 0);
	cr_expect_eq(commit(&client, "g", 1, 0), 0);
	end(&broker, &client);
}

/* What was answered is there after a restart, the last of each; on one shard and on two. */
Test(group_host, restart, .timeout = 60)
{
	for (uint32_t shards = 1; shards <= 2; shards++) {
		struct broker broker;
		struct client client;
		char group[32];
		start(&broker, &client, shards);
		for (int i = 0; i < 40; i++) {
			snprintf(group, sizeof group, "group-%d", i % 20);
			cr_assert_eq(commit(&client, group, 100 + i, 0), 0);
		}
		client_close(&client);
		broker_restart(&broker);
		client_open(&client, &broker);
		for (int i = 0; i < 20; i++) {
			snprintf(group, sizeof group, "group-%d", i);
			cr_expect_eq(group_committed(&client, group), 120 + i);
		}
		cr_expect_eq(loads, 8, "four partitions, once each before and after: %u", loads);
		end(&broker, &client);
	}
}

/* A list is of all shards. */
Test(group_host, list_of_all_shards, .timeout = 60)
{
	struct broker broker;
	struct client client;
	char group[32];
	start(&broker, &client, 3);
	for (int i = 0; i < 30; i++) {
		snprintf(group, sizeof group, "group-%d", i);
		cr_assert_eq(commit(&client, group, i, 0), 0);
	}
	struct kmsg_list_groups_request in;
	struct kmsg_list_groups_response out;
	kmsg_list_groups_request_init(&in);
	client_call(&client, "list_groups", 4, &in, &out);
	cr_expect_eq(out.error_code, 0);
	cr_expect_eq(out.groups.count, 30);
	end(&broker, &client);
}

/* A join waits, also on another shard, and others are served meanwhile; it is answered when the group lets it go. */
Test(group_host, waiting_join, .timeout = 60)
{
	for (uint32_t shards = 1; shards <= 2; shards++) {
		struct broker broker;
		struct client client, joiners[4];
		start(&broker, &client, shards);
		for (int i = 0; i < 4; i++) {
			client_open(&joiners[i], &broker);
			send_join(&joiners[i], i % 2 ? "one" : "two", i < 2 ? 10 : 100000);
		}
		for (int i = 0; i < 4; i++)
			cr_expect(!client_has_answer(&joiners[i], 50));
		cr_expect_eq(heartbeat(&client, "one"), 0);
		cr_expect_eq(heartbeat(&client, "two"), 0);
		for (int i = 0; i < 4; i++) {
			receive_join(&joiners[i], 0);
			client_close(&joiners[i]);
		}
		end(&broker, &client);
	}
}

static void wait_for(uint32_t *counter, uint32_t value)
{
	for (int i = 0; i < 500 && __atomic_load_n(counter, __ATOMIC_RELAXED) < value; i++)
		usleep(10000);
	cr_expect_eq(__atomic_load_n(counter, __ATOMIC_RELAXED), value);
}

/* Joins that wait hold little memory, on either shard: many with large metadata, more than all frames may have
 * together. */
Test(group_host, waiting_joins_let_go_of_frames, .timeout = 60)
{
	static const char *const settings[] = {"offsets.topic.num.partitions", "4", "spate.frame.memory.bytes", "8388608", NULL};
	struct broker broker;
	struct client client, joiners[20];
	broker_start(&broker, 2, settings);
	client_open(&client, &broker);
	cr_assert_eq(find_coordinator(&client, "any"), 0);
	for (int i = 0; i < 20; i++) {
		client_open(&joiners[i], &broker);
		send_join(&joiners[i], i % 4 < 2 ? "one" : "two", 1000000);
		cr_expect(!client_has_answer(&joiners[i], 30));
	}
	cr_expect_eq(heartbeat(&client, "one"), 0);
	cr_expect_eq(heartbeat(&client, "two"), 0);
	for (int i = 0; i < 20; i++) {
		receive_join(&joiners[i], 0);
		client_close(&joiners[i]);
	}
	end(&broker, &client);
}

/* A client that goes takes its waiting join with it, wherever that is. */
Test(group_host, client_goes, .timeout = 60)
{
	for (uint32_t shards = 1; shards <= 2; shards++) {
		struct broker broker;
		struct client client, joiner;
		start(&broker, &client, shards);
		for (int i = 0; i < 8; i++) {
			client_open(&joiner, &broker);
			send_join(&joiner, i % 2 ? "one" : "two", 10);
			cr_expect(!client_has_answer(&joiner, 20));
			client_close(&joiner);
		}
		wait_for(&cancels, 8);
		end(&broker, &client);
	}
}

/* The broker stops although joins wait. */
Test(group_host, stop_with_waiting_joins, .timeout = 20)
{
	struct broker broker;
	struct client client, joiners[4];
	start(&broker, &client, 2);
	for (int i = 0; i < 4; i++) {
		client_open(&joiners[i], &broker);
		send_join(&joiners[i], i % 2 ? "one" : "two", 10);
		cr_expect(!client_has_answer(&joiners[i], 20));
	}
	broker_stop(&broker);
	for (int i = 0; i < 4; i++)
		client_close(&joiners[i]);
	client_close(&client);
	broker_remove(&broker);
}

/* A coordinator that lost a record is loaded again from what the log has; the call that did it is refused, and
 * those that waited too. */
Test(group_host, loaded_again, .timeout = 60)
{
	struct broker broker;
	struct client client, joiner;
	start(&broker, &client, 1);
	char neighbour[32] = "n"; /* in the same partition */
	for (int i = 0; group_partition(slice_from(neighbour), 4) != group_partition(slice_from("broken"), 4); i++)
		snprintf(neighbour, sizeof neighbour, "n%d", i);
	cr_assert_eq(commit(&client, neighbour, 5, 0), 0);
	client_open(&joiner, &broker);
	send_join(&joiner, "broken", 10);
	cr_expect(!client_has_answer(&joiner, 50));
	uint32_t loads_before = loads;
	cr_expect_eq(commit(&client, "broken", 6, 0), KERR_COORDINATOR_NOT_AVAILABLE);
	receive_join(&joiner, KERR_COORDINATOR_NOT_AVAILABLE);
	wait_for(&loads, loads_before + 1); /* though nobody asks: its groups have timers */
	cr_expect_eq(group_committed(&client, "broken"), 0, "it was never in the log");
	cr_expect_eq(group_committed(&client, neighbour), 5);
	client_close(&joiner);
	end(&broker, &client);
}

static uint64_t bytes_on_disk(const struct broker *broker)
{
	char command[256], text[64] = "";
	snprintf(command, sizeof command, "cat %s/" GROUP_TOPIC "-*/*.log | wc -c", broker->dir);
	FILE *pipe = popen(command, "r");
	cr_assert_not_null(fgets(text, sizeof text, pipe));
	pclose(pipe);
	return strtoull(text, NULL, 10);
}

/* Snapshots let the log go, and its files: what is left is a small part of what was written, and makes the same state. */
Test(group_host, snapshots, .timeout = 120)
{
	struct broker broker;
	struct client client;
	char group[32];
	start(&broker, &client, 1);
	for (int i = 0; i < 400; i++) {
		snprintf(group, sizeof group, "group-%d", i % 10);
		cr_assert_eq(commit(&client, group, i, 30000), 0);
	}
	cr_expect_geq(snapshots, 8, "12 MB were written: %u", snapshots);
	int64_t kept = 0;
	for (uint32_t i = 0; i < 4; i++)
		kept += list_offset(&client, i, -1) - list_offset(&client, i, -2);
	cr_expect_leq(kept, 4 * 50, "%lld records are kept", (long long)kept);
	client_close(&client);
	broker_restart(&broker);
	cr_expect_leq(bytes_on_disk(&broker), 6 << 20, "a snapshot for each MB of a partition: %llu", (unsigned long long)bytes_on_disk(&broker));
	client_open(&client, &broker);
	for (int i = 0; i < 10; i++) {
		snprintf(group, sizeof group, "group-%d", i);
		cr_expect_eq(group_committed(&client, group), 390 + i);
	}
	end(&broker, &client);
}

/* The log has not enough memory for what many calls of a turn emit: they wait, in order, and all is there in
 * the end. */
Test(group_host, no_room_in_the_log, .timeout = 120)
{
	static const char *const settings[] = {"offsets.topic.num.partitions", "2", "spate.cache.bytes", "4194304", NULL};
	struct broker broker;
	struct client clients[16];
	char group[32];
	broker_start(&broker, 1, settings);
	for (int i = 0; i < 16; i++)
		client_open(&clients[i], &broker);
	cr_assert_eq(find_coordinator(&clients[0], "any"), 0);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 16; i++) {
			snprintf(group, sizeof group, "wide-%d", i);
			send_commit(&clients[i], group, 100 * round + i, 0);
		}
		for (int i = 0; i < 16; i++)
			cr_expect_eq(receive_commit(&clients[i]), 0);
	}
	for (int i = 1; i < 16; i++)
		client_close(&clients[i]);
	client_close(&clients[0]);
	broker_restart(&broker);
	client_open(&clients[0], &broker);
	for (int i = 0; i < 16; i++) {
		snprintf(group, sizeof group, "wide-%d", i);
		cr_expect_eq(group_committed(&clients[0], group), 400 + i);
	}
	end(&broker, &clients[0]);
}

/* More batches on their way at once than are kept for the next time: those that go are not looked at again. ASan saw it. */
Test(group_host, many_flights, .timeout = 60)
{
	static const char *const settings[] = {"offsets.topic.num.partitions", "2", "message.max.bytes", "200", NULL};
	struct broker broker;
	struct client client;
	broker_start(&broker, 1, settings);
	client_open(&client, &broker);
	cr_assert_eq(find_coordinator(&client, "any"), 0);
	for (int i = 0; i < 5; i++)
		cr_expect_eq(commit(&client, "many-1", i, 0), 0);
	cr_expect_eq(group_committed(&client, "many-1"), 4);
	end(&broker, &client);
}

/* A record larger than max.message.bytes, such as that of a group of thousands of members, is kept. */
Test(group_host, huge_record, .timeout = 60)
{
	struct broker broker;
	struct client client;
	start(&broker, &client, 1);
	for (int i = 0; i < 5; i++)
		cr_expect_eq(commit(&client, "huge-1", i, 0), 0);
	cr_expect_eq(commit(&client, "small", 77, 0), 0);
	client_close(&client);
	broker_restart(&broker);
	client_open(&client, &broker);
	cr_expect_eq(group_committed(&client, "huge-1"), 4);
	cr_expect_eq(group_committed(&client, "small"), 77);
	end(&broker, &client);
}

/* A batch of one record as the fake coordinator writes them, in any codec. */
static struct slice foreign_batch(uint8_t *out, size_t capacity, unsigned codec, const char *key, const void *value, size_t value_size)
{
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	struct batch_workspace *workspace;
	struct batch_builder builder;
	uint32_t size;
	options.codec = codec;
	options.level = codec_level_default(codec);
	cr_assert_eq(batch_workspace_open(&workspace, COMPRESS_WINDOW_SIZE), 0);
	cr_assert_eq(batch_builder_open(&builder, workspace, &options, out, capacity), 0);
	struct record record = {.timestamp_ms = 1, .key = slice_from(key), .value = {value, value_size}};
	cr_assert_eq(batch_builder_append(&builder, &record), 0);
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	batch_workspace_close(workspace);
	return (struct slice){out, size};
}

/* What others have written is loaded too, compressed or not; a record of no known form is left out, and the
 * rest is there. */
Test(group_host, records_of_others, .timeout = 60)
{
	static const char *const settings[] = {"offsets.topic.num.partitions", "1", NULL};
	static const char *const groups[] = {"none", "gzip", "snappy", "lz4", "zstd"};
	struct broker broker;
	struct client client;
	broker_start(&broker, 1, settings);
	client_open(&client, &broker);
	cr_assert_eq(find_coordinator(&client, "any"), 0);
	client.client_id = "__admin_client";
	for (unsigned codec = 0; codec < batch_codec_count; codec++) {
		uint8_t bytes[4096], value[200] = {0};
		struct produce_one one;
		struct kmsg_produce_response out;
		int64_t offset = 100 + codec;
		memcpy(value, &offset, sizeof offset);
		struct slice batch = foreign_batch(bytes, sizeof bytes, codec, groups[codec], value, sizeof value);
		client_call(&client, "produce", 9, produce_one(&one, GROUP_TOPIC, 0, -1, batch), &out);
		cr_assert_eq(produce_result(&out).error_code, 0);
		batch = foreign_batch(bytes, sizeof bytes, codec, groups[codec], "?", 1);
		client_call(&client, "produce", 9, produce_one(&one, GROUP_TOPIC, 0, -1, batch), &out);
		cr_assert_eq(produce_result(&out).error_code, 0);
	}
	for (unsigned codec = 0; codec < batch_codec_count; codec++)
		cr_expect_eq(group_committed(&client, groups[codec]), 100 + codec, "%s", groups[codec]);
	end(&broker, &client);
}

/* The topic is deleted and made anew: its groups are gone, those that wait are told, and new ones are kept. */
Test(group_host, topic_deleted, .timeout = 60)
{
	struct broker broker;
	struct client client, joiner;
	start(&broker, &client, 2);
	cr_assert_eq(commit(&client, "g", 5, 0), 0);
	client_open(&joiner, &broker);
	send_join(&joiner, "g", 10);
	cr_expect(!client_has_answer(&joiner, 50));
	struct kmsg_delete_topics_request in;
	struct kmsg_delete_topics_response out;
	struct slice name = slice_from(GROUP_TOPIC);
	kmsg_delete_topics_request_init(&in);
	in.topic_names.items = &name;
	in.topic_names.count = 1;
	client_call(&client, "delete_topics", 5, &in, &out);
	cr_assert_eq(out.responses.items[0].error_code, 0);
	receive_join(&joiner, KERR_NOT_COORDINATOR);
	cr_expect_eq(group_committed(&client, "g"), -1000 - KERR_NOT_COORDINATOR);
	cr_assert_eq(find_coordinator(&client, "g"), 0);
	cr_expect_eq(group_committed(&client, "g"), 0);
	cr_expect_eq(commit(&client, "g", 6, 0), 0);
	cr_expect_eq(group_committed(&client, "g"), 6);
	client_close(&joiner);
	end(&broker, &client);
}
