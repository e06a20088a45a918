/* Images of the catalog and the topics in them.
 *
 * The hash of ids is open addressing with linear probing, at most half full, over ids that are random by themselves. Removal shifts
 * the run back, so that there are no tombstones. The array by name is searched by halving.
 * Failure modes: no memory, before anything is changed. */
#include "log/catalog/catalog_image.h"

#include <errno.h>
#include <stdlib.h>

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/catalog/image_config.h"

/* ---- topics ---------------------------------------------------------------------------------------------------- */

static bool is_internal_name(const char *name)
{
	static const char *const names[] = {"__consumer_offsets", "__transaction_state", "__share_group_state"};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Puts one override in its place, in the order of names; equal names keep the later value. */
static bool place_override(struct topic *topic, const struct config_override *override)
{
	uint32_t at = 0;
	while (at < topic->override_count && strcmp(topic->overrides[at].name, override->name) < 0)
		at++;
	char *value = strdup(override->value);
	if (!value)
		return false;
	const struct config_key *key = config_topic_key(slice_from(override->name));
	CHECKF(key, "no topic key %s", override->name);
	bool is_same = at < topic->override_count && strcmp(topic->overrides[at].name, override->name) == 0;
	if (is_same) {
		free(topic->overrides[at].value);
	} else {
		memmove(&topic->overrides[at + 1], &topic->overrides[at], (topic->override_count - at) * sizeof *topic->overrides);
		topic->override_count++;
	}
	topic->overrides[at] = (struct config_override){key->name, value};
	return true;
}

static bool place_overrides(struct topic *topic, const struct config_override *overrides, uint32_t count)
{
	topic->overrides = calloc(count ? count : 1, sizeof *topic->overrides);
	if (!topic->overrides)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (!place_override(topic, &overrides[i]))
			return false;
	return true;
}

struct topic *catalog_topic_create(const struct uuid *id, struct slice name, uint32_t partition_count, uint64_t created_incarnation,
			   const struct config_override *overrides, uint32_t override_count, const struct topic_defaults *defaults)
{
	CHECK(name.size <= TOPIC_NAME_SIZE_MAX);
	struct topic *topic = calloc(1, sizeof *topic);
	if (!topic)
		return NULL;
	topic->id = *id;
	memcpy(topic->name, name.data, name.size);
	topic->partition_count = partition_count;
	topic->created_incarnation = created_incarnation;
	topic->is_internal = is_internal_name(topic->name);
	if (!place_overrides(topic, overrides, override_count)) {
		catalog_topic_destroy(topic);
		return NULL;
	}
	topic->config = defaults->config;
	topic_config_override(&topic->config, topic->overrides, topic->override_count);
	return topic;
}

void catalog_topic_destroy(struct topic *topic)
{
	if (!topic)
		return;
	for (uint32_t i = 0; i < topic->override_count; i++)
		free(topic->overrides[i].value);
	free(topic->overrides);
	free(topic);
}

/* ---- finding ---------------------------------------------------------------------------------------------------- */

static int compare_name(struct slice name, const struct topic *topic)
{
	size_t topic_size = strlen(topic->name);
	size_t shorter = name.size < topic_size ? name.size : topic_size;
	int order = shorter ? memcmp(name.data, topic->name, shorter) : 0;
	if (order)
		return order;
	return name.size < topic_size ? -1 : name.size > topic_size;
}

uint32_t catalog__find_topic(struct topic *const *topics, uint32_t count, struct slice name, topic_compare_fn *compare, bool *is_there)
{
	uint32_t low = 0, high = count;
	*is_there = false;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = compare(name, topics[middle]);
		if (order == 0) {
			*is_there = true;
			return middle;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static uint32_t find_place(const struct catalog_image *image, struct slice name, bool *is_there)
{
	return catalog__find_topic(image->topics, image->topic_count, name, compare_name, is_there);
}

const struct topic *catalog_topic_by_name(const struct catalog_image *image, struct slice name)
{
	bool is_there;
	uint32_t place = find_place(image, name, &is_there);
	return is_there ? image->topics[place] : NULL;
}

static uint32_t home_of(const struct catalog_image *image, const struct uuid *id)
{
	return (uint32_t)load_le64(id->bytes + 8) & image->by_id_mask;
}

/* The slot of an id, or the empty one where it would go. */
static uint32_t find_slot(const struct catalog_image *image, const struct uuid *id)
{
	uint32_t slot = home_of(image, id);
	while (image->by_id[slot] && !uuid_equal(&image->by_id[slot]->id, id))
		slot = (slot + 1) & image->by_id_mask;
	return slot;
}

const struct topic *catalog_topic_by_id(const struct catalog_image *image, const struct uuid *id)
{
	return image->by_id[find_slot(image, id)];
}

struct setting_range catalog_settings(const struct catalog_image *image, uint8_t type)
{
	return setting_set_find(image->settings, type, NULL);
}

struct setting_range catalog_settings_of(const struct catalog_image *image, uint8_t type, struct slice name)
{
	return setting_set_find(image->settings, type, &name);
}

const struct setting *catalog_setting(const struct catalog_image *image, uint8_t type, struct slice name, struct slice key)
{
	return setting_set_get(image->settings, type, name, key);
}

/* ---- drafts ----------------------------------------------------------------------------------------------------- */

static void free_image(struct catalog_image *image)
{
	if (!image)
		return;
	free(image->topics);
	free(image->by_id);
	setting_set_release(image->settings);
	image_config_release(image->config_holder);
	free(image);
}

/* Room for `capacity` topics with the hash at most half full. */
static struct catalog_image *allocate_image(uint32_t capacity)
{
	struct catalog_image *image = calloc(1, sizeof *image);
	if (!image)
		return NULL;
	uint32_t slots = 16;
	while (slots < 2 * (uint64_t)capacity)
		slots *= 2;
	image->by_id_mask = slots - 1;
	image->topics = malloc((capacity ? capacity : 1) * sizeof *image->topics);
	image->by_id = calloc(slots, sizeof *image->by_id);
	if (image->topics && image->by_id)
		return image;
	free_image(image);
	return NULL;
}

static void copy_topics(struct catalog_image *to, const struct catalog_image *from)
{
	to->topic_count = from->topic_count;
	memcpy(to->topics, from->topics, from->topic_count * sizeof *to->topics);
	if (to->by_id_mask == from->by_id_mask) {
		memcpy(to->by_id, from->by_id, ((size_t)to->by_id_mask + 1) * sizeof *to->by_id);
		return;
	}
	for (uint32_t i = 0; i < from->topic_count; i++)
		to->by_id[find_slot(to, &from->topics[i]->id)] = from->topics[i];
}

int image_draft_begin(struct image_draft *draft, struct image_room *room, uint32_t more)
{
	*draft = (struct image_draft){.image = allocate_image(room->current->topic_count + more)};
	if (!draft->image)
		return -ENOMEM;
	draft->image->settings = setting_set_retain(room->current->settings);
	draft->image->settings_version = room->current->settings_version;
	image_draft_set_config(draft, image_config_retain(room->current->config_holder));
	draft->capacity = room->current->topic_count + more;
	copy_topics(draft->image, room->current);
	draft->image->version = room->current->version + 1;
	return 0;
}

int image_draft_reserve(struct image_draft *draft, uint32_t more)
{
	uint32_t needed = draft->image->topic_count + more;
	if (needed <= draft->capacity)
		return 0;
	uint32_t capacity = needed > 2 * draft->capacity ? needed : 2 * draft->capacity;
	struct catalog_image *larger = allocate_image(capacity);
	if (!larger)
		return -ENOMEM;
	copy_topics(larger, draft->image);
	larger->version = draft->image->version;
	larger->settings_version = draft->image->settings_version;
	larger->settings = setting_set_retain(draft->image->settings);
	larger->config_holder = image_config_retain(draft->image->config_holder);
	larger->config = draft->image->config;
	free_image(draft->image);
	draft->image = larger;
	draft->capacity = capacity;
	return 0;
}

void image_draft_insert(struct image_draft *draft, struct topic *topic)
{
	struct catalog_image *image = draft->image;
	bool is_there;
	uint32_t place = find_place(image, slice_from(topic->name), &is_there);
	CHECKF(!is_there, "topic %s", topic->name);
	memmove(&image->topics[place + 1], &image->topics[place], (image->topic_count - place) * sizeof *image->topics);
	image->topics[place] = topic;
	image->topic_count++;
	uint32_t slot = find_slot(image, &topic->id);
	CHECK(!image->by_id[slot]);
	image->by_id[slot] = topic;
}

/* Empties a slot and moves back what had been pushed past it. */
static void clear_slot(struct catalog_image *image, uint32_t slot)
{
	image->by_id[slot] = NULL;
	for (uint32_t next = (slot + 1) & image->by_id_mask; image->by_id[next]; next = (next + 1) & image->by_id_mask) {
		struct topic *topic = image->by_id[next];
		image->by_id[next] = NULL;
		image->by_id[find_slot(image, &topic->id)] = topic;
	}
}

static void retire(struct image_draft *draft, struct topic *topic)
{
	topic->retired_version = draft->image->version;
	topic->retired_next = draft->retired;
	draft->retired = topic;
}

void image_draft_remove(struct image_draft *draft, const struct topic *topic)
{
	struct catalog_image *image = draft->image;
	bool is_there;
	uint32_t place = find_place(image, slice_from(topic->name), &is_there);
	CHECK(is_there && image->topics[place] == topic);
	struct topic *removed = image->topics[place];
	image->topic_count--;
	memmove(&image->topics[place], &image->topics[place + 1], (image->topic_count - place) * sizeof *image->topics);
	clear_slot(image, find_slot(image, &removed->id));
	retire(draft, removed);
}

void image_draft_replace(struct image_draft *draft, const struct topic *old, struct topic *new)
{
	struct catalog_image *image = draft->image;
	bool is_there;
	uint32_t place = find_place(image, slice_from(old->name), &is_there);
	CHECK(is_there && image->topics[place] == old);
	struct topic *replaced = image->topics[place];
	image->topics[place] = new;
	image->by_id[find_slot(image, &new->id)] = new;
	retire(draft, replaced);
}

void image_draft_set_config(struct image_draft *draft, struct image_config *config)
{
	image_config_release(draft->image->config_holder);
	draft->image->config_holder = config;
	draft->image->config = config ? config->config : NULL;
}

struct setting_set *image_draft_settings(struct image_draft *draft)
{
	struct catalog_image *image = draft->image;
	if (__atomic_load_n(&image->settings->references, __ATOMIC_ACQUIRE) == 1)
		return image->settings;
	struct setting_set *own = setting_set_copy(image->settings);
	if (!own)
		return NULL;
	setting_set_release(image->settings);
	image->settings = own;
	image->settings_version = image->version;
	return own;
}

void image_draft_discard(struct image_draft *draft)
{
	free_image(draft->image);
	*draft = (struct image_draft){0};
}

/* ---- the room ---------------------------------------------------------------------------------------------------- */

static void put_in_force(struct image_room *room, struct catalog_image *image)
{
	image->room = room;
	image->references = 1;
	list_push_back(&room->live, &image->node);
	room->current = image;
	__atomic_store_n(&room->version, image->version, __ATOMIC_RELEASE);
}

struct image_room *image_room_open(void)
{
	struct image_room *room = calloc(1, sizeof *room);
	struct catalog_image *image = allocate_image(0);
	if (image)
		image->settings = setting_set_create();
	if (!room || !image || !image->settings) {
		free(room);
		free_image(image);
		return NULL;
	}
	CHECK(pthread_mutex_init(&room->lock, NULL) == 0);
	list_init(&room->live);
	room->retired_end = &room->retired;
	put_in_force(room, image);
	return room;
}

/* Frees retired topics that no living image shows. */
static void free_retired(struct image_room *room)
{
	uint64_t oldest = UINT64_MAX;
	if (!list_is_empty(&room->live))
		oldest = LIST_ENTRY(room->live.next, struct catalog_image, node)->version;
	while (room->retired && room->retired->retired_version <= oldest) {
		struct topic *topic = room->retired;
		room->retired = topic->retired_next;
		catalog_topic_destroy(topic);
	}
	if (!room->retired)
		room->retired_end = &room->retired;
}

/* Under the lock. True if the room is closed and this was its last image. */
static bool drop_reference(struct image_room *room, struct catalog_image *image)
{
	CHECK(image->references > 0);
	if (--image->references)
		return false;
	list_remove(&image->node);
	free_image(image);
	free_retired(room);
	return !room->current && list_is_empty(&room->live);
}

static void push_retired(struct image_room *room, struct topic *topic)
{
	topic->retired_next = NULL;
	*room->retired_end = topic;
	room->retired_end = &topic->retired_next;
}

static void free_room(struct image_room *room)
{
	pthread_mutex_destroy(&room->lock);
	free(room);
}

void image_draft_publish(struct image_draft *draft, struct image_room *room)
{
	pthread_mutex_lock(&room->lock);
	struct catalog_image *before = room->current;
	while (draft->retired) {
		struct topic *topic = draft->retired;
		draft->retired = topic->retired_next;
		push_retired(room, topic);
	}
	put_in_force(room, draft->image);
	drop_reference(room, before);
	pthread_mutex_unlock(&room->lock);
	draft->image = NULL;
}

/* As if an empty image followed: what images still held show is freed with the last of them. */
void image_room_close(struct image_room *room)
{
	pthread_mutex_lock(&room->lock);
	struct catalog_image *last = room->current;
	room->current = NULL;
	for (uint32_t i = 0; i < last->topic_count; i++) {
		last->topics[i]->retired_version = last->version + 1;
		push_retired(room, last->topics[i]);
	}
	bool is_empty = drop_reference(room, last);
	pthread_mutex_unlock(&room->lock);
	if (is_empty)
		free_room(room);
}

const struct catalog_image *image_room_acquire(struct image_room *room)
{
	pthread_mutex_lock(&room->lock);
	CHECK(room->current);
	room->current->references++;
	const struct catalog_image *image = room->current;
	pthread_mutex_unlock(&room->lock);
	return image;
}

void catalog_image_release(const struct catalog_image *image)
{
	struct image_room *room = image->room;
	pthread_mutex_lock(&room->lock);
	bool is_empty = drop_reference(room, (struct catalog_image *)image);
	pthread_mutex_unlock(&room->lock);
	if (is_empty)
		free_room(room);
}
