/* Replays the records of catalog.log, and writes the record sequence that leads to a given state.
 *
 * Failure modes: a record that is whole but says what cannot be (a topic twice, an unknown key, a number out of bounds) was written by
 * a newer version or by something else: ERR_FORMAT, and the file is left as it is. */
#include "log/catalog/catalog_replay.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define OVERRIDES_MAX 1000

struct replay {
	struct catalog_state *state;
	struct catalog_cursor body;
	char *why;
	size_t why_size;
};

static PRINTF_LIKE(2, 3) int refuse(struct replay *replay, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(replay->why, replay->why_size, format, arguments);
	va_end(arguments);
	return ERR_FORMAT;
}

static struct uuid take_id(struct catalog_cursor *cursor)
{
	struct uuid id;
	memcpy(id.bytes, catalog_take(cursor, sizeof id.bytes), sizeof id.bytes);
	return id;
}

/* ---- overrides -------------------------------------------------------------------------------------------------- */

int catalog_check_overrides(const struct config_override *overrides, uint32_t count, char *why, size_t why_size)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct config_key *key = config_topic_key(slice_from(overrides[i].name));
		if (!key) {
			snprintf(why, why_size, "unknown topic key %s", overrides[i].name);
			return ERR_INVALID_CONFIG;
		}
		int err = config_check(key, slice_from(overrides[i].value), why, why_size);
		if (err)
			return err;
	}
	return 0;
}

static void free_overrides(struct config_override *overrides, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		free(overrides[i].value);
	free(overrides);
}

/* The key must be known before its name can be pointed at, so each is checked as it is read. */
static int take_override(struct replay *replay, struct config_override *out)
{
	struct slice name = catalog_take_text(&replay->body), value = catalog_take_text(&replay->body);
	const struct config_key *key = config_topic_key(name);
	if (replay->body.has_failed)
		return refuse(replay, "its overrides are cut short");
	if (!key)
		return refuse(replay, "unknown topic key %.*s: was it written by a newer version?", (int)(name.size < 64 ? name.size : 64), (const char *)name.data);
	if (config_check(key, value, replay->why, replay->why_size))
		return ERR_FORMAT;
	out->name = key->name;
	out->value = strndup((const char *)value.data, value.size);
	return out->value ? 0 : -ENOMEM;
}

static int take_overrides(struct replay *replay, struct config_override **out, uint32_t *count_out)
{
	uint32_t count = catalog_take_u32(&replay->body);
	if (count > OVERRIDES_MAX)
		return refuse(replay, "%u overrides of a topic", count);
	struct config_override *overrides = calloc(count ? count : 1, sizeof *overrides);
	if (!overrides)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		int err = take_override(replay, &overrides[i]);
		if (err) {
			free_overrides(overrides, i);
			return err;
		}
	}
	*out = overrides;
	*count_out = count;
	return 0;
}

/* ---- topics ----------------------------------------------------------------------------------------------------- */

static const struct topic *find_topic(struct replay *replay, const struct uuid *id)
{
	return catalog_topic_by_id(replay->state->draft.image, id);
}

static bool is_count_good(const struct catalog_state *state, uint32_t count, uint32_t before)
{
	return count > 0 && count <= TOPIC_PARTITIONS_MAX && state->partition_total - before + count <= CATALOG_PARTITIONS_MAX;
}

static int insert_topic(struct replay *replay, struct topic *topic)
{
	if (!topic)
		return -ENOMEM;
	int err = image_draft_reserve(&replay->state->draft, 1);
	if (err) {
		catalog_topic_destroy(topic);
		return err;
	}
	replay->state->partition_total += topic->partition_count;
	image_draft_insert(&replay->state->draft, topic);
	return 0;
}

static int replay_one_created(struct replay *replay)
{
	struct uuid id = take_id(&replay->body);
	struct slice name = catalog_take_text(&replay->body);
	uint32_t partition_count = catalog_take_u32(&replay->body);
	uint64_t incarnation = catalog_take_u64(&replay->body);
	if (replay->body.has_failed || catalog_check_topic_name(name) || uuid_is_zero(&id))
		return refuse(replay, "it names no topic");
	if (find_topic(replay, &id) || catalog_topic_by_name(replay->state->draft.image, name))
		return refuse(replay, "it creates topic %.*s again", (int)name.size, (const char *)name.data);
	if (!is_count_good(replay->state, partition_count, 0))
		return refuse(replay, "it gives topic %.*s %u partitions", (int)name.size, (const char *)name.data, partition_count);
	struct config_override *overrides;
	uint32_t override_count;
	int err = take_overrides(replay, &overrides, &override_count);
	if (err)
		return err;
	err = insert_topic(replay, catalog_topic_create(&id, name, partition_count, incarnation, overrides, override_count, &replay->state->defaults));
	free_overrides(overrides, override_count);
	return err;
}

static int replay_created(struct replay *replay)
{
	uint32_t count = catalog_take_u32(&replay->body);
	int err = 0;
	for (uint32_t i = 0; i < count && !err; i++)
		err = replay_one_created(replay);
	return err;
}

/* Replayed topics were never shown to anybody, so what is removed need not wait. */
void catalog_destroy_retired(struct catalog_state *state)
{
	while (state->draft.retired) {
		struct topic *topic = state->draft.retired;
		state->draft.retired = topic->retired_next;
		catalog_topic_destroy(topic);
	}
}

static int replay_deleted(struct replay *replay)
{
	uint32_t count = catalog_take_u32(&replay->body);
	for (uint32_t i = 0; i < count; i++) {
		struct uuid id = take_id(&replay->body);
		const struct topic *topic = replay->body.has_failed ? NULL : find_topic(replay, &id);
		if (!topic)
			return refuse(replay, "it deletes a topic that is not there");
		replay->state->partition_total -= topic->partition_count;
		image_draft_remove(&replay->state->draft, topic);
		catalog_destroy_retired(replay->state);
	}
	return 0;
}

static int replace_topic(struct replay *replay, const struct topic *old, uint32_t partition_count,
			 const struct config_override *overrides, uint32_t override_count)
{
	struct topic *new = catalog_topic_create(&old->id, slice_from(old->name), partition_count,
					 old->created_incarnation, overrides, override_count, &replay->state->defaults);
	if (!new)
		return -ENOMEM;
	replay->state->partition_total += partition_count - old->partition_count;
	image_draft_replace(&replay->state->draft, old, new);
	catalog_destroy_retired(replay->state);
	return 0;
}

static int replay_grown(struct replay *replay)
{
	struct uuid id = take_id(&replay->body);
	uint32_t partition_count = catalog_take_u32(&replay->body);
	const struct topic *topic = replay->body.has_failed ? NULL : find_topic(replay, &id);
	if (!topic)
		return refuse(replay, "it grows a topic that is not there");
	if (partition_count <= topic->partition_count || !is_count_good(replay->state, partition_count, topic->partition_count))
		return refuse(replay, "it gives topic %s %u partitions", topic->name, partition_count);
	return replace_topic(replay, topic, partition_count, topic->overrides, topic->override_count);
}

static int replay_configured(struct replay *replay)
{
	struct uuid id = take_id(&replay->body);
	const struct topic *topic = replay->body.has_failed ? NULL : find_topic(replay, &id);
	if (!topic)
		return refuse(replay, "it configures a topic that is not there");
	struct config_override *overrides;
	uint32_t override_count;
	int err = take_overrides(replay, &overrides, &override_count);
	if (err)
		return err;
	err = replace_topic(replay, topic, topic->partition_count, overrides, override_count);
	free_overrides(overrides, override_count);
	return err;
}

/* ---- the rest ------------------------------------------------------------------------------------------------------ */

static uint32_t shards_behind(struct catalog_cursor *body)
{
	uint32_t count = catalog_take_u32(body);
	bool is_there = !body->has_failed;
	body->has_failed = false;
	return is_there ? count : 0;
}

struct identity_body {
	struct uuid directory_id;
	int32_t node_id;
	struct slice cluster_id;
	uint32_t shard_count; /* 0: it does not say */
};

/* False: it is cut short. */
static bool take_identity(struct catalog_cursor *body, struct identity_body *out)
{
	out->directory_id = take_id(body);
	out->node_id = (int32_t)catalog_take_u32(body);
	out->cluster_id = catalog_take_text(body);
	if (body->has_failed)
		return false;
	out->shard_count = shards_behind(body);
	return true;
}

uint32_t catalog_identity_shards(struct slice bytes)
{
	struct catalog_cursor body = {bytes.data, bytes.data + bytes.size, false};
	struct identity_body told;
	return take_identity(&body, &told) ? told.shard_count : 0;
}

static int replay_identity(struct replay *replay)
{
	struct meta_properties *identity = &replay->state->identity;
	struct identity_body told;
	if (!take_identity(&replay->body, &told) || told.node_id < 0 || !meta_is_cluster_id(told.cluster_id))
		return refuse(replay, "it does not say whose directory this is");
	identity->directory_id = told.directory_id;
	identity->node_id = told.node_id;
	memcpy(identity->cluster_id, told.cluster_id.data, told.cluster_id.size);
	identity->cluster_id[told.cluster_id.size] = '\0';
	replay->state->has_identity = true;
	replay->state->shard_count = told.shard_count;
	return 0;
}

static int replay_opened(struct replay *replay)
{
	uint64_t incarnation = catalog_take_u64(&replay->body);
	if (replay->body.has_failed || incarnation > CATALOG_INCARNATION_MAX)
		return refuse(replay, "it tells of %llu openings", (unsigned long long)incarnation);
	if (incarnation <= replay->state->incarnation)
		return refuse(replay, "incarnation %llu follows %llu", (unsigned long long)incarnation,
			      (unsigned long long)replay->state->incarnation);
	replay->state->incarnation = incarnation;
	return 0;
}

static int replay_journals(struct replay *replay)
{
	uint64_t incarnation = catalog_take_u64(&replay->body);
	if (replay->body.has_failed || incarnation > replay->state->incarnation || incarnation <= replay->state->journal_incarnation)
		return refuse(replay, "the journals noted opening %llu, after %llu and before %llu", (unsigned long long)incarnation,
			      (unsigned long long)replay->state->journal_incarnation, (unsigned long long)replay->state->incarnation);
	replay->state->journal_incarnation = incarnation;
	uint32_t shard_count = shards_behind(&replay->body);
	if (shard_count)
		replay->state->noted_shards = shard_count;
	return 0;
}

/* No opening gives out 2^32 of them, and each loss is met by a later opening. */
void catalog_leap_producer_ids(struct catalog_state *state)
{
	int64_t first = (int64_t)(state->incarnation << 32);
	if (state->next_producer_id < first)
		state->next_producer_id = first;
}

static int replay_producer_ids(struct replay *replay)
{
	int64_t next = (int64_t)catalog_take_u64(&replay->body);
	if (next < replay->state->next_producer_id)
		return refuse(replay, "producer ids go back to %lld", (long long)next);
	replay->state->next_producer_id = next;
	return 0;
}

/* A type of a later version is kept as it is. */
static int replay_setting(struct replay *replay, struct setting_set *settings)
{
	struct setting_change change = {.type = *catalog_take(&replay->body, 1)};
	uint8_t is_set = *catalog_take(&replay->body, 1);
	change.name = catalog_take_text(&replay->body);
	change.key = catalog_take_text(&replay->body);
	struct slice value = is_set ? catalog_take_text(&replay->body) : (struct slice){0};
	if (replay->body.has_failed || is_set > 1)
		return refuse(replay, "its settings are cut short");
	change.value = is_set ? &value : NULL;
	int err = setting_set_change(settings, &change);
	return err && err != -ENOMEM ? refuse(replay, "%s", err_text(err)) : err;
}

static int replay_settings(struct replay *replay)
{
	uint32_t count = catalog_take_u32(&replay->body);
	struct setting_set *settings = image_draft_settings(&replay->state->draft);
	int err = settings ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < count && !err; i++)
		err = replay_setting(replay, settings);
	return err;
}

int catalog_replay(struct catalog_state *state, const struct catalog_frame *frame, char *why, size_t why_size)
{
	static int (*const replays[catalog_kind_count])(struct replay *replay) = {
		[CATALOG_IDENTITY] = replay_identity,
		[CATALOG_OPENED] = replay_opened,
		[CATALOG_CREATED] = replay_created,
		[CATALOG_DELETED] = replay_deleted,
		[CATALOG_GROWN] = replay_grown,
		[CATALOG_CONFIGURED] = replay_configured,
		[CATALOG_PRODUCER_IDS] = replay_producer_ids,
		[CATALOG_SETTINGS] = replay_settings,
		[CATALOG_JOURNALS] = replay_journals,
	};
	struct replay replay = {
		.state = state,
		.body = {frame->body.data, frame->body.data + frame->body.size, false},
		.why = why,
		.why_size = why_size,
	};
	if (frame->kind >= catalog_kind_count) /* whole, and so not torn: cut off, what it says would be undone */
		return refuse(&replay, "it is of kind %u, which this version does not know; a later version that wrote it can be used", (unsigned)frame->kind);
	int err = replays[frame->kind](&replay);
	if (!err && (replay.body.has_failed || replay.body.at != replay.body.end))
		err = refuse(&replay, "its body is not of the size its kind says");
	return err;
}

/* ---- writing --------------------------------------------------------------------------------------------------------- */

void catalog_put_overrides(struct catalog_bytes *bytes, const struct config_override *overrides, uint32_t count)
{
	catalog_put_u32(bytes, count);
	for (uint32_t i = 0; i < count; i++) {
		catalog_put_text(bytes, slice_from(overrides[i].name));
		catalog_put_text(bytes, slice_from(overrides[i].value));
	}
}

void catalog_put_topic(struct catalog_bytes *bytes, const struct topic *topic)
{
	catalog_put(bytes, topic->id.bytes, sizeof topic->id.bytes);
	catalog_put_text(bytes, slice_from(topic->name));
	catalog_put_u32(bytes, topic->partition_count);
	catalog_put_u64(bytes, topic->created_incarnation);
	catalog_put_overrides(bytes, topic->overrides, topic->override_count);
}

void catalog_put_identity(struct catalog_bytes *bytes, const struct meta_properties *identity, uint32_t shard_count)
{
	catalog_put(bytes, identity->directory_id.bytes, sizeof identity->directory_id.bytes);
	catalog_put_u32(bytes, (uint32_t)identity->node_id);
	catalog_put_text(bytes, slice_from(identity->cluster_id));
	if (shard_count)
		catalog_put_u32(bytes, shard_count);
}

void catalog_put_journals(struct catalog_bytes *bytes, uint64_t incarnation, uint32_t shard_count)
{
	catalog_put_u64(bytes, incarnation);
	if (shard_count)
		catalog_put_u32(bytes, shard_count);
}

void catalog_put_setting(struct catalog_bytes *bytes, const struct setting_change *change)
{
	uint8_t head[2] = {change->type, change->value != NULL};
	catalog_put(bytes, head, sizeof head);
	catalog_put_text(bytes, change->name);
	catalog_put_text(bytes, change->key);
	if (change->value)
		catalog_put_text(bytes, *change->value);
}

static void put_settings(struct catalog_bytes *bytes, const struct setting_set *settings, uint64_t *sequence)
{
	if (!settings->count)
		return;
	catalog_begin(bytes, CATALOG_SETTINGS, ++*sequence);
	catalog_put_u32(bytes, settings->count);
	for (uint32_t i = 0; i < settings->count; i++) {
		const struct setting *setting = settings->settings[i];
		catalog_put_setting(bytes, &(struct setting_change){setting->type, setting->name, setting->key, &setting->value});
	}
	catalog_end(bytes);
}

void catalog_put_state(struct catalog_bytes *bytes, const struct catalog_state *state, uint64_t *sequence)
{
	*sequence = 0;
	catalog_put_header(bytes);
	catalog_begin(bytes, CATALOG_IDENTITY, ++*sequence);
	catalog_put_identity(bytes, &state->identity, state->shard_count);
	catalog_end(bytes);
	catalog_begin(bytes, CATALOG_OPENED, ++*sequence);
	catalog_put_u64(bytes, state->incarnation);
	catalog_end(bytes);
	if (state->journal_incarnation) {
		catalog_begin(bytes, CATALOG_JOURNALS, ++*sequence);
		catalog_put_journals(bytes, state->journal_incarnation, state->noted_shards);
		catalog_end(bytes);
	}
	catalog_begin(bytes, CATALOG_PRODUCER_IDS, ++*sequence);
	catalog_put_u64(bytes, (uint64_t)state->next_producer_id);
	catalog_end(bytes);
	for (uint32_t i = 0; i < state->draft.image->topic_count; i++) {
		catalog_begin(bytes, CATALOG_CREATED, ++*sequence);
		catalog_put_u32(bytes, 1);
		catalog_put_topic(bytes, state->draft.image->topics[i]);
		catalog_end(bytes);
	}
	put_settings(bytes, state->draft.image->settings, sequence);
}
