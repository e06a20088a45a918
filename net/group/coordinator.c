/* The table of groups, and the way of every input to the machine of its group.
 *
 * Happy path: a verb notes the clock, finds the group, and hands the call to classic.c, consumer.c or offsets.c, which change their state, emit
 * records and finish calls, all in the outbox. Replay goes the same way by the kind of the record. coordinator_tick runs the timers that are due.
 *
 * Failure modes: no memory, or no more of it allowed (spate.group.memory.bytes): what would need it is refused, what is there goes on. A record
 * that finds no room in the outbox sets outbox.is_out_of_memory: the host closes the coordinator and loads it from the log again. */
#include "net/group/coordinator.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/config/config.h"
#include "net/group/classic.h"
#include "net/group/consumer.h"
#include "net/group/group_priv.h"
#include "net/group/group_record.h"
#include "net/group/offsets.h"

/* What one input may emit: the records of the largest group are some MB; deleting a group with a million offsets some 100 MB. */
#define OUTBOX_BYTES_MAX ((size_t)1 << 30)

/* Of a member's id: the client's id or instance id, so that the whole is a string of Kafka's (32767 bytes). */
#define MEMBER_ID_PREFIX_MAX 32000u

static void expiry_due(struct io_timer *timer);

void coordinator_config_from(struct coordinator_config *config, const struct broker_config *broker)
{
	*config = (struct coordinator_config){
		.session_timeout_ms_min = (int32_t)broker_config_int(broker, "group.min.session.timeout.ms"),
		.session_timeout_ms_max = (int32_t)broker_config_int(broker, "group.max.session.timeout.ms"),
		.initial_rebalance_delay_ms = (int32_t)broker_config_int(broker, "group.initial.rebalance.delay.ms"),
		.group_size_max = (int32_t)broker_config_int(broker, "group.max.size"),
		.offset_metadata_size_max = (int32_t)broker_config_int(broker, "offset.metadata.max.bytes"),
		.offsets_retention_ms = broker_config_int(broker, "offsets.retention.minutes") * 60000,
		.offsets_retention_check_interval_ms = broker_config_int(broker, "offsets.retention.check.interval.ms"),
		.consumer_session_timeout_ms = (int32_t)broker_config_int(broker, "group.consumer.session.timeout.ms"),
		.consumer_heartbeat_interval_ms = (int32_t)broker_config_int(broker, "group.consumer.heartbeat.interval.ms"),
		.consumer_group_size_max = (int32_t)broker_config_int(broker, "group.consumer.max.size"),
		.consumer_assignment_interval_ms = (int32_t)broker_config_int(broker, "group.consumer.assignment.interval.ms"),
		.consumer_assignors = broker_config_value(broker, "group.consumer.assignors"),
		.consumer_migration_policy = broker_config_value(broker, "group.consumer.migration.policy"),
		.memory_bytes_max = (uint64_t)broker_config_int(broker, "spate.group.memory.bytes"),
	};
}

/* ---- opening and closing ----------------------------------------------------------------------------------------------------- */

static void open_outbox(struct group_outbox *outbox)
{
	arena_init(&outbox->arena, NULL, 0, OUTBOX_BYTES_MAX);
	list_init(&outbox->finished);
	group_outbox_clear(outbox);
	outbox->is_out_of_memory = false;
}

void group_outbox_clear(struct group_outbox *outbox)
{
	arena_reset(&outbox->arena);
	outbox->records = NULL;
	outbox->records_end = &outbox->records;
	outbox->notes = NULL;
	outbox->notes_end = &outbox->notes;
}

int coordinator_open(struct coordinator **out, const struct coordinator_config *config, const struct catalog_image *image, uint64_t random_seed)
{
	struct coordinator *coordinator = calloc(1, sizeof *coordinator);
	if (!coordinator)
		return -ENOMEM;
	if (io_timers_init(&coordinator->timers) < 0) {
		free(coordinator);
		return -ENOMEM;
	}
	coordinator->config = *config;
	coordinator->image = image;
	coordinator->random_state = random_seed;
	coordinator->memory_used = config->memory_shared ? config->memory_shared : &coordinator->memory_bytes;
	coordinator->expiry.run = expiry_due;
	name_table_init(&coordinator->names, random_seed);
	list_init(&coordinator->groups);
	list_init(&coordinator->waiting);
	open_outbox(&coordinator->outbox);
	*out = coordinator;
	return 0;
}

void coordinator_close(struct coordinator *coordinator)
{
	if (!coordinator)
		return;
	CHECK(list_is_empty(&coordinator->waiting));
	LIST_FOR_EACH_SAFE(node, &coordinator->groups)
		group__remove(LIST_ENTRY(node, struct group, node));
	name_table_fini(&coordinator->names);
	io_timers_fini(&coordinator->timers);
	arena_fini(&coordinator->outbox.arena);
	free(coordinator);
}

struct group_outbox *coordinator_outbox(struct coordinator *coordinator)
{
	return &coordinator->outbox;
}

/* ---- groups -------------------------------------------------------------------------------------------------------------------- */

struct group *group__find(struct coordinator *coordinator, struct slice id)
{
	struct name_entry *entry = name_table_find(&coordinator->names, id);
	return entry ? CONTAINER_OF(entry, struct group, entry) : NULL;
}

static void free_group(struct group *group)
{
	if (group->classic)
		classic_destroy(group->classic);
	if (group->consumer)
		consumer_destroy(group->consumer);
	if (group->offsets)
		offsets_destroy(group);
	free(group->id);
	free(group);
}

static uint64_t group_size(const struct group *group)
{
	return sizeof *group + group->id_size + 1;
}

/* Not yet in the table. */
static struct group *make_group(struct coordinator *coordinator, struct slice id)
{
	struct group *group = calloc(1, sizeof *group);
	if (!group)
		return NULL;
	group->coordinator = coordinator;
	group->id = malloc(id.size + 1);
	group->id_size = (uint32_t)id.size;
	if (group->id) {
		memcpy(group->id, id.data, id.size);
		group->id[id.size] = '\0';
		group->classic = classic_create(group);
		group->offsets = offsets_create(group);
	}
	if (group->id && group->classic && group->offsets)
		return group;
	free_group(group);
	return NULL;
}

/* Without groups there is nothing to look at, and nobody is woken for that. */
static void set_expiry(struct coordinator *coordinator)
{
	if (coordinator->is_loaded && coordinator->expiry.heap_index == 0 && !list_is_empty(&coordinator->groups))
		io_timers_set(&coordinator->timers, &coordinator->expiry,
			      group__in_ms(coordinator, coordinator->config.offsets_retention_check_interval_ms));
}

static void add_group(struct coordinator *coordinator, struct group *group)
{
	group__charge_anyway(coordinator, group_size(group));
	name_table_add(&coordinator->names, &group->entry, group__id(group));
	list_push_back(&coordinator->groups, &group->node);
	group->snapshot_number = coordinator->snapshot_number;
	group->number = ++coordinator->group_number;
	set_expiry(coordinator);
}

struct group *group__replayed(struct coordinator *coordinator, struct slice id)
{
	struct group *group = group__find(coordinator, id);
	if (!group && (group = make_group(coordinator, id)))
		add_group(coordinator, group);
	return group;
}

struct group *group__find_or_create(struct coordinator *coordinator, struct slice id)
{
	struct group *group = group__find(coordinator, id);
	if (group || !group__has_room(coordinator, sizeof *group + id.size))
		return group;
	return group__replayed(coordinator, id);
}

void group__remove(struct group *group)
{
	struct coordinator *coordinator = group->coordinator;
	group__give_back(coordinator, group_size(group));
	name_table_remove(&coordinator->names, &group->entry);
	if (coordinator->snapshot_at == &group->node)
		coordinator->snapshot_at = group->node.next;
	list_remove(&group->node);
	free_group(group);
}

int group__reset(struct group *group)
{
	struct classic *fresh = classic_create(group);
	if (!fresh)
		return -ENOMEM;
	if (group->classic)
		classic_destroy(group->classic);
	if (group->consumer)
		consumer_destroy(group->consumer);
	group->consumer = NULL;
	group->classic = fresh;
	return 0;
}

bool group__is_empty(const struct group *group)
{
	return group->classic ? classic_is_empty(group->classic) : consumer_is_empty(group->consumer);
}

/* Kafka deletes the offsets first, then the group. */
void group__delete(struct group *group)
{
	offsets_delete_all(group);
	if (group->classic)
		classic_emit_tombstone(group->classic);
	else
		consumer_emit_tombstones(group->consumer);
	group__remove(group);
}

/* ---- memory -------------------------------------------------------------------------------------------------------------------- */

bool group__has_room(const struct coordinator *coordinator, uint64_t bytes)
{
	uint64_t used = *coordinator->memory_used, max = coordinator->config.memory_bytes_max;
	return used <= max && bytes <= max - used;
}

void group__charge_anyway(struct coordinator *coordinator, uint64_t bytes)
{
	coordinator->memory_bytes += bytes;
	if (coordinator->memory_used != &coordinator->memory_bytes)
		*coordinator->memory_used += bytes;
}

bool group__charge(struct coordinator *coordinator, uint64_t bytes)
{
	if (!group__has_room(coordinator, bytes))
		return false;
	group__charge_anyway(coordinator, bytes);
	return true;
}

void group__give_back(struct coordinator *coordinator, uint64_t bytes)
{
	CHECKF(bytes <= coordinator->memory_bytes, "%llu of %llu", (unsigned long long)bytes, (unsigned long long)coordinator->memory_bytes);
	coordinator->memory_bytes -= bytes;
	if (coordinator->memory_used != &coordinator->memory_bytes)
		*coordinator->memory_used -= bytes;
}

/* ---- what comes out ------------------------------------------------------------------------------------------------------------- */

static struct slice copy_into(struct arena *arena, struct slice bytes)
{
	if (!bytes.data)
		return bytes;
	uint8_t *copy = arena_alloc(arena, bytes.size);
	if (!copy)
		return (struct slice){0};
	memcpy(copy, bytes.data, bytes.size);
	return (struct slice){copy, bytes.size};
}

void group__emit(struct coordinator *coordinator, struct slice key, struct slice value)
{
	struct group_outbox *outbox = &coordinator->outbox;
	struct group_record *record = arena_alloc(&outbox->arena, sizeof *record);
	if (record)
		*record = (struct group_record){.key = copy_into(&outbox->arena, key), .value = copy_into(&outbox->arena, value)};
	if (!record || !record->key.data || (value.data && !record->value.data)) {
		outbox->is_out_of_memory = true;
		return;
	}
	*outbox->records_end = record;
	outbox->records_end = &record->next;
}

void group__note(struct coordinator *coordinator, const char *format, ...)
{
	struct group_outbox *outbox = &coordinator->outbox;
	char text[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	struct group_note *note = arena_alloc(&outbox->arena, sizeof *note);
	if (!note)
		return; /* a line less */
	*note = (struct group_note){.text = (const char *)copy_into(&outbox->arena, (struct slice){(const uint8_t *)text, strlen(text) + 1}).data};
	if (!note->text)
		return;
	*outbox->notes_end = note;
	outbox->notes_end = &note->next;
}

void group__wait(struct coordinator *coordinator, struct group_call *call, void (*finish)(struct group_call *call, enum kerr error),
		 void *waiting_in, void *answer)
{
	call->is_waiting = true;
	call->finish = finish;
	call->waiting_in = waiting_in;
	call->answer = answer;
	list_push_back(&coordinator->waiting, &call->node);
}

void group__finish(struct coordinator *coordinator, struct group_call *call)
{
	list_remove(&call->node);
	call->is_waiting = false;
	list_push_back(&coordinator->outbox.finished, &call->node);
}

struct slice group__copy(struct group_call *call, struct slice bytes)
{
	struct slice copy = copy_into(call->arena, bytes);
	if (bytes.data && !copy.data) {
		call->is_out_of_memory = true;
		return SLICE_EMPTY;
	}
	return copy;
}

/* splitmix64: ids need to be unlikely to meet, not to be secret. */
static uint64_t next_random(struct coordinator *coordinator)
{
	uint64_t z = coordinator->random_state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void group__random_uuid(struct coordinator *coordinator, struct uuid *out)
{
	for (int i = 0; i < 16; i += 8)
		store_le64(out->bytes + i, next_random(coordinator));
	out->bytes[6] = (out->bytes[6] & 0x0f) | 0x40; /* version 4 (RFC 9562) */
	out->bytes[8] = (out->bytes[8] & 0x3f) | 0x80;
}

struct slice group__new_member_id(struct coordinator *coordinator, struct arena *arena, struct slice prefix)
{
	if (prefix.size > MEMBER_ID_PREFIX_MAX)
		prefix.size = MEMBER_ID_PREFIX_MAX;
	size_t size = prefix.size + 1 + 36;
	char *id = arena_alloc(arena, size + 1);
	if (!id)
		return (struct slice){0};
	struct uuid uuid;
	group__random_uuid(coordinator, &uuid);
	const uint8_t *b = uuid.bytes;
	if (prefix.size)
		memcpy(id, prefix.data, prefix.size);
	snprintf(id + prefix.size, size + 1 - prefix.size, "-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
	return (struct slice){(uint8_t *)id, size};
}

/* ---- loading -------------------------------------------------------------------------------------------------------------------- */

/* What one record decodes to: the arrays of a group's members. */
#define REPLAY_BYTES_MAX ((size_t)256 << 20)

static int replay_classic(struct coordinator *coordinator, const struct group_message *message, struct slice raw)
{
	struct group *group = message->is_tombstone ? group__find(coordinator, message->key.group_metadata.group)
						    : group__replayed(coordinator, message->key.group_metadata.group);
	if (!group)
		return message->is_tombstone ? 0 : -ENOMEM;
	int err = group__reset(group);
	if (!err && message->is_tombstone && offsets_is_empty(group))
		group__remove(group);
	else if (!err && !message->is_tombstone)
		err = classic_replay(group->classic, &message->value.group_metadata, raw);
	return err;
}

static int replay_message(struct coordinator *coordinator, const struct group_message *message, struct slice raw)
{
	switch (message->kind) {
	case GROUP_RECORD_UNKNOWN:
		return 0;
	case GROUP_RECORD_offset_commit:
		return offsets_replay(coordinator, message);
	case GROUP_RECORD_group_metadata:
		return replay_classic(coordinator, message, raw);
	default:
		return consumer_replay(coordinator, message);
	}
}

int coordinator_replay(struct coordinator *coordinator, struct slice key, struct slice value)
{
	struct group_message message;
	struct arena arena;
	uint8_t first[4096];
	arena_init(&arena, first, sizeof first, REPLAY_BYTES_MAX);
	int err = group_record_decode(&message, key, value, &arena);
	if (!err)
		err = replay_message(coordinator, &message, value);
	arena_fini(&arena);
	return err;
}

void coordinator_loaded(struct coordinator *coordinator, struct group_clock clock)
{
	coordinator->clock = clock;
	LIST_FOR_EACH_SAFE(node, &coordinator->groups) {
		struct group *group = LIST_ENTRY(node, struct group, node);
		if (group->consumer)
			consumer_loaded(group->consumer);
		else if (classic_is_simple(group->classic) && !group->classic->stored.data && offsets_is_empty(group))
			group__remove(group); /* its tombstones came in another order than Kafka writes them */
		else
			classic_loaded(group->classic);
	}
	coordinator->is_loaded = true;
	offsets_topics_changed(coordinator, NULL, coordinator->image);
	set_expiry(coordinator);
}

/* ---- time and the world ------------------------------------------------------------------------------------------------------------ */

uint64_t coordinator_deadline(const struct coordinator *coordinator)
{
	return io_timers_next_ns(&coordinator->timers);
}

void coordinator_tick(struct coordinator *coordinator, struct group_clock clock)
{
	coordinator->clock = clock;
	for (struct io_timer *timer; (timer = io_timers_pop_due(&coordinator->timers, clock.now_ns));)
		timer->run(timer);
}

static void expiry_due(struct io_timer *timer)
{
	struct coordinator *coordinator = CONTAINER_OF(timer, struct coordinator, expiry);
	offsets_expire(coordinator);
	set_expiry(coordinator);
}

void coordinator_set_assignment_interval(struct coordinator *coordinator, int32_t interval_ms)
{
	coordinator->config.consumer_assignment_interval_ms = interval_ms;
}

void coordinator_set_image(struct coordinator *coordinator, struct group_clock clock, const struct catalog_image *image)
{
	const struct catalog_image *before = coordinator->image;
	coordinator->clock = clock;
	coordinator->image = image;
	if (!coordinator->is_loaded)
		return;
	LIST_FOR_EACH_SAFE(node, &coordinator->groups) {
		struct group *group = LIST_ENTRY(node, struct group, node);
		if (group->consumer)
			consumer_set_image(group->consumer);
	}
	offsets_topics_changed(coordinator, before, image);
}

/* Ends a call that waits. */
static void end_call(struct coordinator *coordinator, struct group_call *call, enum kerr error)
{
	call->finish(call, error);
	group__finish(coordinator, call);
}

void coordinator_cancel(struct coordinator *coordinator, struct group_clock clock, struct group_call *call)
{
	coordinator->clock = clock;
	if (call->is_waiting)
		end_call(coordinator, call, KERR_COORDINATOR_NOT_AVAILABLE);
}

void coordinator_fail_calls(struct coordinator *coordinator, enum kerr error)
{
	while (!list_is_empty(&coordinator->waiting))
		end_call(coordinator, LIST_ENTRY(coordinator->waiting.next, struct group_call, node), error);
}

/* ---- snapshots ----------------------------------------------------------------------------------------------------------------------- */

void coordinator_snapshot_begin(struct coordinator *coordinator)
{
	coordinator->snapshot_number++;
	coordinator->snapshot_at = coordinator->groups.next;
}

/* Groups that were made since the snapshot began are in the log behind its beginning: they do not matter, but do no harm either. */
bool coordinator_snapshot_next(struct coordinator *coordinator)
{
	struct list *node = coordinator->snapshot_at;
	if (!node || node == &coordinator->groups) {
		coordinator->snapshot_at = NULL;
		return false;
	}
	struct group *group = LIST_ENTRY(node, struct group, node);
	coordinator->snapshot_at = node->next;
	if (group->classic)
		classic_snapshot(group->classic);
	else
		consumer_snapshot(group->consumer);
	offsets_snapshot(group);
	return true;
}

uint64_t coordinator_state_size(const struct coordinator *coordinator)
{
	uint64_t size = 0;
	LIST_FOR_EACH(node, &coordinator->groups) {
		struct group *group = LIST_ENTRY(node, struct group, node);
		size += group->classic ? classic_state_size(group->classic) : consumer_state_size(group->consumer);
		size += offsets_state_size(group);
	}
	return size;
}
