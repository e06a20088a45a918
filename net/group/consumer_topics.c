/* What the members of a group subscribe to, and which topics that comes to.
 *
 * Names are kept once in a group, with what the current image says of them; equal sets of names are one object; so a member more with a known
 * subscription costs nothing here. Patterns are held against the image when a member brings a new one, and again when there are new topics: at a
 * heartbeat, and at most every ten seconds. (Kafka does that in the background, so that a member that joins with a pattern learns its
 * partitions one heartbeat later; here it learns them at once.)
 *
 * Failure mode: memory; the caller then calls consumer__broken, and everything here is still safe to free. */
#include <stdlib.h>
#define XXH_STATIC_LINKING_ONLY /* states on the stack; the library is linked statically */
#include <xxhash.h>

#include "log/base/check.h"
#include "log/catalog/catalog.h"
#include "net/group/consumer_priv.h"
#include "net/group/topic_pattern.h"

/* ---- names ---------------------------------------------------------------------------------------------------------------------------- */

static struct topic_name *hold_name(struct consumer *consumer, struct slice text)
{
	struct name_entry *entry = name_table_find(&consumer->names, text);
	struct topic_name *name = entry ? CONTAINER_OF(entry, struct topic_name, entry) : NULL;
	if (!name) {
		name = calloc(1, sizeof *name + text.size + 1);
		if (!name)
			return NULL;
		if (text.size)
			memcpy(name->text, text.data, text.size);
		name->topic = TOPIC_NONE;
		name_table_add(&consumer->names, &name->entry, (struct slice){(const uint8_t *)name->text, text.size});
		consumer__charge(consumer, sizeof *name + text.size + 1);
		consumer->names_version++;
	}
	name->set_count++;
	return name;
}

static void release_name(struct consumer *consumer, struct topic_name *name)
{
	if (--name->set_count > 0)
		return;
	name_table_remove(&consumer->names, &name->entry);
	consumer__give_back(consumer, sizeof *name + name->entry.name.size + 1);
	consumer->names_version++;
	free(name);
}

/* A hash of Kafka's (KIP-1101): it changes when the topic is made anew or gets partitions. Numbers are little-endian, text is UTF-16; brokers' racks
 * would go in after each partition, but one broker without a rack has none. */
int64_t consumer__topic_hash(const struct topic *topic)
{
	XXH3_state_t state;
	uint8_t bytes[1 + 16 + 2 * TOPIC_NAME_SIZE_MAX + 8];
	size_t size = 0, name_size = strlen(topic->name);
	XXH3_64bits_reset(&state);
	bytes[size++] = 0; /* the version of the hash */
	store_le64(bytes + size, load_be64(topic->id.bytes));
	store_le64(bytes + size + 8, load_be64(topic->id.bytes + 8));
	size += 16;
	for (size_t i = 0; i < name_size; i++, size += 2)
		store_le16(bytes + size, (uint8_t)topic->name[i]);
	store_le32(bytes + size, (uint32_t)name_size);
	store_le32(bytes + size + 4, topic->partition_count);
	XXH3_64bits_update(&state, bytes, size + 8);
	for (uint32_t i = 0; i < topic->partition_count; i++) {
		store_le32(bytes, i);
		XXH3_64bits_update(&state, bytes, 4);
	}
	return (int64_t)XXH3_64bits_digest(&state);
}

static bool resolve_name(struct consumer *consumer, struct topic_name *name)
{
	const struct catalog_image *image = consumer__coordinator(consumer)->image;
	if (name->resolved_version == image->version + 1)
		return true;
	const struct topic *topic = catalog_topic_by_name(image, name->entry.name);
	name->topic = TOPIC_NONE;
	name->partition_count = 0;
	name->hash = 0;
	if (topic) {
		struct group_topic *known = consumer__topic(consumer, &topic->id);
		if (!known)
			return false;
		name->topic = known->number;
		name->partition_count = topic->partition_count;
		name->hash = consumer__topic_hash(topic);
	}
	name->resolved_version = image->version + 1;
	return true;
}

static int compare_slices(const void *a, const void *b)
{
	const struct slice *first = a, *second = b;
	size_t size = first->size < second->size ? first->size : second->size;
	int order = size ? memcmp(first->data, second->data, size) : 0;
	return order ? order : (first->size > second->size) - (first->size < second->size);
}

static int compare_names(const void *a, const void *b)
{
	const struct topic_name *const *first = a, *const *second = b;
	return compare_slices(&(*first)->entry.name, &(*second)->entry.name);
}

/* Names sorted by text, of which there are consumer->names.count. */
static void list_names(const struct consumer *consumer, struct topic_name **names)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i <= consumer->names.mask; i++)
		for (struct name_entry *entry = consumer->names.buckets[i]; entry; entry = entry->chain)
			names[count++] = CONTAINER_OF(entry, struct topic_name, entry);
	qsort(names, count, sizeof *names, compare_names);
}

bool consumer__metadata_hash(struct consumer *consumer, int64_t *hash)
{
	uint64_t image_version = consumer__coordinator(consumer)->image->version + 1;
	*hash = consumer->computed_hash;
	if (consumer->hashed_names_version == consumer->names_version + 1 && consumer->hashed_image_version == image_version)
		return true;
	uint32_t count = consumer->names.count, known = 0;
	struct topic_name **names = malloc((count + 1) * sizeof *names);
	if (!names)
		return false;
	list_names(consumer, names);
	XXH3_state_t state;
	XXH3_64bits_reset(&state);
	bool is_done = true;
	for (uint32_t i = 0; i < count && (is_done = resolve_name(consumer, names[i])); i++) {
		uint8_t bytes[8];
		if (names[i]->topic == TOPIC_NONE)
			continue;
		store_le64(bytes, (uint64_t)names[i]->hash);
		XXH3_64bits_update(&state, bytes, sizeof bytes);
		known++;
	}
	free(names);
	if (!is_done)
		return false;
	*hash = consumer->computed_hash = known ? (int64_t)XXH3_64bits_digest(&state) : 0;
	consumer->hashed_names_version = consumer->names_version + 1;
	consumer->hashed_image_version = image_version;
	return true;
}

uint64_t consumer__subscription_cost(const struct coordinator *coordinator, const struct consumer *consumer, const struct slice *names,
				     int32_t count)
{
	uint64_t cost = 0;
	for (int32_t i = 0; i < count; i++) {
		if (consumer && name_table_find(&consumer->names, names[i])) {
			cost += sizeof(void *);
			continue;
		}
		const struct topic *topic = catalog_topic_by_name(coordinator->image, names[i]);
		cost += sizeof(struct topic_name) + 3 * names[i].size + sizeof(struct group_topic);
		if (topic) /* an owner, and what is assigned, to be revoked, and aimed at */
			cost += topic->partition_count * (sizeof(void *) + 3 * sizeof(struct owned_partition));
	}
	return cost;
}

/* ---- sets of names ------------------------------------------------------------------------------------------------------------------------- */

static struct topic_set *find_set(const struct consumer *consumer, struct slice key)
{
	struct name_entry *entry = name_table_find(&consumer->sets, key);
	return entry ? CONTAINER_OF(entry, struct topic_set, entry) : NULL;
}

static uint64_t set_size(const struct topic_set *set)
{
	return sizeof *set + set->entry.name.size + set->name_count * (sizeof *set->names + sizeof *set->topics);
}

static struct topic_set *make_set(struct consumer *consumer, struct slice key, const struct slice *names, uint32_t count)
{
	struct topic_set *set = calloc(1, sizeof *set + key.size);
	if (!set)
		return NULL;
	memcpy(set->key, key.data, key.size);
	set->names = calloc(count + 1, sizeof *set->names);
	set->topics = calloc(count + 1, sizeof *set->topics);
	bool is_done = set->names && set->topics;
	for (uint32_t i = 0; is_done && i < count; i++) {
		set->names[i] = hold_name(consumer, names[i]);
		is_done = set->names[i] != NULL;
		set->name_count += is_done;
	}
	name_table_add(&consumer->sets, &set->entry, (struct slice){set->key, key.size});
	consumer__charge(consumer, set_size(set));
	if (is_done)
		return set;
	set->user_count = 1;
	consumer__set_release(consumer, set);
	return NULL;
}

/* Sorts, drops repetitions, and writes the key. */
static uint32_t normalize(struct slice *names, uint32_t count, uint8_t *key, size_t *key_size)
{
	uint32_t kept = 0;
	*key_size = 0;
	qsort(names, count, sizeof *names, compare_slices);
	for (uint32_t i = 0; i < count; i++) {
		if (kept > 0 && compare_slices(&names[kept - 1], &names[i]) == 0)
			continue;
		names[kept++] = names[i];
		store_le32(key + *key_size, (uint32_t)names[i].size);
		if (names[i].size)
			memcpy(key + *key_size + 4, names[i].data, names[i].size);
		*key_size += 4 + names[i].size;
	}
	return kept;
}

struct topic_set *consumer__set(struct consumer *consumer, const struct slice *names, int32_t count)
{
	size_t key_size = 0;
	for (int32_t i = 0; i < count; i++)
		key_size += 4 + names[i].size;
	uint32_t number = count > 0 ? (uint32_t)count : 0;
	struct slice *sorted = malloc((number + 1) * sizeof *sorted);
	uint8_t *key = malloc(key_size + 1);
	struct topic_set *set = NULL;
	if (sorted && key) {
		if (number)
			memcpy(sorted, names, number * sizeof *sorted);
		number = normalize(sorted, number, key, &key_size);
		set = find_set(consumer, (struct slice){key, key_size});
		if (!set)
			set = make_set(consumer, (struct slice){key, key_size}, sorted, number);
	}
	if (set)
		set->user_count++;
	free(sorted);
	free(key);
	return set;
}

void consumer__set_release(struct consumer *consumer, struct topic_set *set)
{
	if (--set->user_count > 0)
		return;
	consumer__give_back(consumer, set_size(set));
	name_table_remove(&consumer->sets, &set->entry);
	for (uint32_t i = 0; i < set->name_count; i++)
		release_name(consumer, set->names[i]);
	free(set->names);
	free(set->topics);
	free(set);
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
	return (first > second) - (first < second);
}

static bool resolve_set(struct consumer *consumer, struct topic_set *set)
{
	uint64_t version = consumer__coordinator(consumer)->image->version + 1;
	if (set->resolved_version == version)
		return true;
	set->topic_count = 0;
	for (uint32_t i = 0; i < set->name_count; i++) {
		if (!resolve_name(consumer, set->names[i]))
			return false;
		if (set->names[i]->topic != TOPIC_NONE)
			set->topics[set->topic_count++] = set->names[i]->topic;
	}
	qsort(set->topics, set->topic_count, sizeof *set->topics, compare_numbers);
	set->resolved_version = version;
	return true;
}

/* ---- patterns ------------------------------------------------------------------------------------------------------------------------------- */

struct group_pattern *consumer__find_pattern(const struct consumer *consumer, struct slice text)
{
	struct name_entry *entry = name_table_find(&consumer->patterns, text);
	return entry ? CONTAINER_OF(entry, struct group_pattern, entry) : NULL;
}

struct group_pattern *consumer__pattern(struct consumer *consumer, struct slice text)
{
	struct group_pattern *pattern = consumer__find_pattern(consumer, text);
	if (!pattern) {
		pattern = calloc(1, sizeof *pattern + text.size + 1);
		if (!pattern)
			return NULL;
		if (text.size)
			memcpy(pattern->text, text.data, text.size);
		name_table_add(&consumer->patterns, &pattern->entry, (struct slice){(const uint8_t *)pattern->text, text.size});
		list_push_back(&consumer->pattern_list, &pattern->node);
		consumer__charge(consumer, sizeof *pattern + text.size + 1);
	}
	pattern->user_count++;
	return pattern;
}

/* While records are replayed, a pattern without members is one whose members may come with the next record: its own says when it goes. */
void consumer__pattern_release(struct consumer *consumer, struct group_pattern *pattern)
{
	if (--pattern->user_count == 0 && consumer__coordinator(consumer)->is_loaded)
		consumer__pattern_free(consumer, pattern);
}

void consumer__pattern_free(struct consumer *consumer, struct group_pattern *pattern)
{
	if (pattern->matched)
		consumer__set_release(consumer, pattern->matched);
	name_table_remove(&consumer->patterns, &pattern->entry);
	list_remove(&pattern->node);
	consumer__give_back(consumer, sizeof *pattern + pattern->entry.name.size + 1);
	free(pattern);
}

bool consumer__pattern_set_matched(struct consumer *consumer, struct group_pattern *pattern, const struct slice *names, int32_t count)
{
	struct topic_set *set = consumer__set(consumer, names, count);
	if (!set)
		return false;
	if (pattern->matched)
		consumer__set_release(consumer, pattern->matched);
	pattern->matched = set;
	return true;
}

/* The names of all topics that it matches. A pattern that cannot be read (a record's) matches none. */
static int32_t match_topics(const struct group_pattern *pattern, const struct catalog_image *image, struct slice *names)
{
	struct topic_pattern *compiled = NULL;
	int32_t count = 0;
	if (topic_pattern_compile(&compiled, pattern->entry.name, NULL, 0) < 0)
		return 0;
	for (uint32_t i = 0; i < image->topic_count; i++) {
		struct slice name = slice_from(image->topics[i]->name);
		if (topic_pattern_matches(compiled, name))
			names[count++] = name;
	}
	topic_pattern_free(compiled);
	return count;
}

bool consumer__pattern_resolve(struct consumer *consumer, struct group_pattern *pattern, bool *has_changed)
{
	const struct coordinator *coordinator = consumer__coordinator(consumer);
	const struct catalog_image *image = coordinator->image;
	struct slice *names = malloc((image->topic_count + 1) * sizeof *names);
	struct topic_set *before = pattern->matched;
	bool is_done = names && consumer__pattern_set_matched(consumer, pattern, names, match_topics(pattern, image, names));
	free(names);
	if (!is_done)
		return false;
	if (before == pattern->matched)
		return true;
	*has_changed = true;
	pattern->version = (int64_t)image->version;
	pattern->timestamp_ms = coordinator->clock.wall_ms;
	consumer__emit_pattern(consumer, pattern);
	return true;
}

bool consumer__patterns_refresh(struct consumer *consumer, bool *has_changed)
{
	const struct coordinator *coordinator = consumer__coordinator(consumer);
	uint64_t version = coordinator->image->version + 1, now_ns = coordinator->clock.now_ns;
	if (list_is_empty(&consumer->pattern_list) || consumer->patterns_version == version)
		return true;
	if (consumer->patterns_version && now_ns - consumer->patterns_checked_ns < (uint64_t)PATTERN_REFRESH_INTERVAL_MS * 1000000u)
		return true;
	consumer->patterns_version = version;
	consumer->patterns_checked_ns = now_ns;
	LIST_FOR_EACH(node, &consumer->pattern_list)
		if (!consumer__pattern_resolve(consumer, LIST_ENTRY(node, struct group_pattern, node), has_changed))
			return false;
	return true;
}

/* ---- the topics of a member -------------------------------------------------------------------------------------------------------------------- */

static bool unite(struct arena *arena, const struct topic_set *a, const struct topic_set *b, const uint32_t **topics, uint32_t *count)
{
	uint32_t *both = arena_alloc(arena, ((size_t)a->topic_count + b->topic_count) * sizeof *both);
	uint32_t total = 0, i = 0, j = 0;
	if (!both)
		return false;
	while (i < a->topic_count || j < b->topic_count) {
		if (j == b->topic_count || (i < a->topic_count && a->topics[i] < b->topics[j]))
			both[total++] = a->topics[i++];
		else if (i == a->topic_count || b->topics[j] < a->topics[i])
			both[total++] = b->topics[j++];
		else
			i++;
	}
	*topics = both;
	*count = total;
	return true;
}

bool consumer__member_topics(struct consumer_member *member, struct arena *arena, const uint32_t **topics, uint32_t *count)
{
	struct topic_set *names = member->subscription;
	struct topic_set *matched = member->pattern ? member->pattern->matched : NULL;
	if (!resolve_set(member->consumer, names) || (matched && !resolve_set(member->consumer, matched)))
		return false;
	if (matched && names->topic_count && matched->topic_count)
		return unite(arena, names, matched, topics, count);
	const struct topic_set *only = matched && matched->topic_count ? matched : names;
	*topics = only->topics;
	*count = only->topic_count;
	return true;
}

/* Names and a pattern together are never taken as the same, even if they are. */
bool consumer__is_homogeneous(const struct consumer *consumer)
{
	if (list_is_empty(&consumer->members))
		return true;
	const struct consumer_member *first = consumer__member_at(consumer->members.next);
	if (first->pattern && first->subscription != consumer->empty_set)
		return false;
	LIST_FOR_EACH(node, &consumer->members) {
		const struct consumer_member *member = consumer__member_at(node);
		if (member->pattern != first->pattern || member->subscription != first->subscription)
			return false;
	}
	return true;
}

bool consumer_subscribes(const struct consumer *consumer, struct slice topic)
{
	return name_table_find(&consumer->names, topic) != NULL;
}
