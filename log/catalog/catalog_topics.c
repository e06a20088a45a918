/* Topics come, change and go: their names, and the changes.
 *
 * Happy path: check the change, build the next image with it, commit one record, publish the image. All topics are also known by their names with '.' read as '_', as two
 * names that differ there alone would give metrics one name (Kafka's rule).
 * Failure modes: a change that makes no sense is refused with its own error; one that is not durable changes nothing, and no image shows it. */
#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/catalog/catalog_priv.h"

/* ---- names ------------------------------------------------------------------------------------------------------- */

static bool is_name_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

int catalog_check_topic_name(struct slice name)
{
	if (name.size == 0 || name.size > TOPIC_NAME_SIZE_MAX)
		return ERR_INVALID_TOPIC_NAME;
	for (size_t i = 0; i < name.size; i++)
		if (!is_name_byte(name.data[i]))
			return ERR_INVALID_TOPIC_NAME;
	bool is_dots = name.data[0] == '.' && (name.size == 1 || (name.size == 2 && name.data[1] == '.'));
	return is_dots ? ERR_INVALID_TOPIC_NAME : 0;
}

static uint8_t stem_byte(uint8_t c)
{
	return c == '.' ? '_' : c;
}

static int compare_stem(struct slice name, const struct topic *topic)
{
	const char *other = topic->name;
	for (size_t i = 0; i < name.size; i++) {
		int order = stem_byte(name.data[i]) - stem_byte((uint8_t)other[i]);
		if (order || !other[i])
			return order;
	}
	return other[name.size] ? -1 : 0;
}

static uint32_t find_stem(const struct catalog *catalog, struct slice name, bool *is_there)
{
	return catalog__find_topic(catalog->by_stem, catalog->stem_count, name, compare_stem, is_there);
}

int catalog__reserve_stems(struct catalog *catalog, uint32_t more)
{
	if (catalog->stem_capacity - catalog->stem_count >= more)
		return 0;
	uint32_t capacity = 2 * catalog->stem_capacity + more;
	struct topic **by_stem = realloc(catalog->by_stem, capacity * sizeof *by_stem);
	if (!by_stem)
		return -ENOMEM;
	catalog->by_stem = by_stem;
	catalog->stem_capacity = capacity;
	return 0;
}

void catalog__insert_stem(struct catalog *catalog, struct topic *topic)
{
	bool is_there;
	uint32_t place = find_stem(catalog, slice_from(topic->name), &is_there);
	memmove(&catalog->by_stem[place + 1], &catalog->by_stem[place], (catalog->stem_count - place) * sizeof *catalog->by_stem);
	catalog->by_stem[place] = topic;
	catalog->stem_count++;
}

uint32_t catalog__place_of_stem(const struct catalog *catalog, const struct topic *topic)
{
	bool is_there;
	uint32_t place = find_stem(catalog, slice_from(topic->name), &is_there);
	CHECKF(is_there, "topic %s", topic->name);
	return place;
}

static void remove_stem(struct catalog *catalog, const struct topic *topic)
{
	uint32_t place = catalog__place_of_stem(catalog, topic);
	catalog->stem_count--;
	memmove(&catalog->by_stem[place], &catalog->by_stem[place + 1], (catalog->stem_count - place) * sizeof *catalog->by_stem);
}

/* ---- creating topics --------------------------------------------------------------------------------------------------- */

/* A change of several topics in the making. */
struct change {
	struct catalog *catalog;
	struct image_draft draft;
	struct topic **topics; /* made, or found, by it */
	uint32_t count;
	uint64_t partitions;   /* of those */
};

static bool is_named(const struct topic *topic, struct slice name)
{
	struct slice own = slice_from(topic->name);
	return own.size == name.size && memcmp(own.data, name.data, own.size) == 0;
}

const struct topic *catalog_topic_colliding(const struct catalog *catalog, struct slice name)
{
	bool is_there;
	uint32_t place = find_stem(catalog, name, &is_there);
	return is_there && !is_named(catalog->by_stem[place], name) ? catalog->by_stem[place] : NULL;
}

static int check_spec(const struct change *change, const struct topic_spec *spec)
{
	const struct catalog *catalog = change->catalog;
	int err = catalog_check_topic_name(spec->name);
	if (err)
		return err;
	bool is_there;
	uint32_t place = find_stem(catalog, spec->name, &is_there);
	if (is_there)
		return is_named(catalog->by_stem[place], spec->name) ? ERR_TOPIC_EXISTS : ERR_INVALID_TOPIC_NAME;
	uint64_t total = catalog->state.partition_total + change->partitions + spec->partition_count;
	if (spec->partition_count == 0 || spec->partition_count > TOPIC_PARTITIONS_MAX || total > CATALOG_PARTITIONS_MAX)
		return ERR_INVALID_PARTITIONS;
	char why[128];
	return catalog_check_overrides(spec->overrides, spec->override_count, why, sizeof why);
}

static int add_topic(struct change *change, const struct topic_spec *spec)
{
	struct uuid id;
	catalog__make_id(change->catalog->io, &id);
	struct topic *topic = catalog_topic_create(&id, spec->name, spec->partition_count, change->catalog->state.incarnation,
					   spec->overrides, spec->override_count, &change->catalog->state.defaults);
	if (!topic)
		return -ENOMEM;
	change->topics[change->count++] = topic;
	change->partitions += spec->partition_count;
	catalog__insert_stem(change->catalog, topic);
	image_draft_insert(&change->draft, topic);
	return 0;
}

static int add_topics(struct change *change, const struct topic_spec *specs, uint32_t count, int *errs)
{
	for (uint32_t i = 0; i < count; i++) {
		errs[i] = check_spec(change, &specs[i]);
		int err = errs[i] ? 0 : add_topic(change, &specs[i]);
		if (err)
			return err;
	}
	return 0;
}

static int commit_created(struct change *change)
{
	struct catalog_bytes bytes;
	catalog__begin(change->catalog, &bytes, CATALOG_CREATED);
	catalog_put_u32(&bytes, change->count);
	for (uint32_t i = 0; i < change->count; i++)
		catalog_put_topic(&bytes, change->topics[i]);
	catalog_end(&bytes);
	return catalog__commit(change->catalog, &bytes);
}

static void forget_created(struct change *change)
{
	for (uint32_t i = 0; i < change->count; i++) {
		remove_stem(change->catalog, change->topics[i]);
		catalog_topic_destroy(change->topics[i]);
	}
	image_draft_discard(&change->draft);
}

static int begin_change(struct change *change, struct catalog *catalog, uint32_t count, uint32_t more)
{
	*change = (struct change){.catalog = catalog};
	int err = catalog__begin_change(catalog);
	if (err)
		return err;
	change->topics = malloc((count ? count : 1) * sizeof *change->topics);
	err = change->topics ? catalog__reserve_stems(catalog, more) : -ENOMEM;
	err = err ? err : image_draft_begin(&change->draft, catalog->room, more);
	if (err)
		free(change->topics);
	return err;
}

int catalog_create_topics(struct catalog *catalog, const struct topic_spec *specs, uint32_t count, int *errs)
{
	struct change change;
	int err = begin_change(&change, catalog, count, count);
	if (err)
		return err;
	err = add_topics(&change, specs, count, errs);
	if (!err && change.count && catalog->must_note_journals)
		err = catalog__note_journals_now(catalog);
	if (!err && change.count)
		err = commit_created(&change);
	if (err || !change.count) {
		forget_created(&change);
	} else {
		catalog->state.partition_total += change.partitions;
		image_draft_publish(&change.draft, catalog->room);
	}
	free(change.topics);
	return err;
}

/* ---- deleting topics ----------------------------------------------------------------------------------------------------- */

static void take_topics(struct change *change, const struct uuid *ids, uint32_t count, int *errs)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct topic *topic = catalog_topic_by_id(change->draft.image, &ids[i]);
		errs[i] = topic ? 0 : ERR_UNKNOWN_TOPIC;
		if (!topic)
			continue;
		change->topics[change->count++] = (struct topic *)topic;
		change->partitions += topic->partition_count;
		image_draft_remove(&change->draft, topic);
	}
}

static int commit_deleted(struct change *change)
{
	struct catalog_bytes bytes;
	catalog__begin(change->catalog, &bytes, CATALOG_DELETED);
	catalog_put_u32(&bytes, change->count);
	for (uint32_t i = 0; i < change->count; i++)
		catalog_put(&bytes, change->topics[i]->id.bytes, sizeof change->topics[i]->id.bytes);
	catalog_end(&bytes);
	return catalog__commit_into_room_ahead(change->catalog, &bytes);
}

static void publish_deleted(struct change *change)
{
	change->catalog->state.partition_total -= change->partitions;
	for (uint32_t i = 0; i < change->count; i++)
		remove_stem(change->catalog, change->topics[i]);
	image_draft_publish(&change->draft, change->catalog->room);
}

int catalog_delete_topics(struct catalog *catalog, const struct uuid *ids, uint32_t count, int *errs)
{
	struct change change;
	int err = begin_change(&change, catalog, count, 0);
	if (err)
		return err;
	take_topics(&change, ids, count, errs);
	if (change.count)
		err = commit_deleted(&change);
	if (err || !change.count)
		image_draft_discard(&change.draft);
	else
		publish_deleted(&change);
	free(change.topics);
	return err;
}

/* ---- changing a topic ------------------------------------------------------------------------------------------------------ */

static const struct topic *current_topic(const struct catalog *catalog, const struct uuid *id)
{
	return catalog_topic_by_id(catalog->room->current, id);
}

/* Commits the record, and puts the new object in the old one's place. Frees the new one on failure. */
static int commit_replaced(struct catalog *catalog, struct catalog_bytes *bytes, const struct topic *old, struct topic *new)
{
	struct image_draft draft = {0};
	int err = new ? image_draft_begin(&draft, catalog->room, 0) : -ENOMEM;
	if (err)
		free(bytes->data);
	else
		err = catalog__commit(catalog, bytes);
	if (err) {
		image_draft_discard(&draft);
		catalog_topic_destroy(new);
		return err;
	}
	catalog->state.partition_total += new->partition_count - old->partition_count;
	catalog->by_stem[catalog__place_of_stem(catalog, old)] = new;
	image_draft_replace(&draft, old, new);
	image_draft_publish(&draft, catalog->room);
	return 0;
}

int catalog_grow_topic(struct catalog *catalog, const struct uuid *id, uint32_t partition_count)
{
	int err = catalog__begin_change(catalog);
	const struct topic *old = current_topic(catalog, id);
	if (err || !old)
		return err ? err : ERR_UNKNOWN_TOPIC;
	uint64_t total = catalog->state.partition_total - old->partition_count + partition_count;
	if (partition_count <= old->partition_count || partition_count > TOPIC_PARTITIONS_MAX || total > CATALOG_PARTITIONS_MAX)
		return ERR_INVALID_PARTITIONS;
	struct catalog_bytes bytes;
	catalog__begin(catalog, &bytes, CATALOG_GROWN);
	catalog_put(&bytes, id->bytes, sizeof id->bytes);
	catalog_put_u32(&bytes, partition_count);
	catalog_end(&bytes);
	return commit_replaced(catalog, &bytes, old, catalog_topic_create(id, slice_from(old->name), partition_count, old->created_incarnation, old->overrides,
								  old->override_count, &catalog->state.defaults));
}

static bool has_same_overrides(const struct topic *a, const struct topic *b)
{
	bool is_same = a->override_count == b->override_count;
	for (uint32_t i = 0; is_same && i < a->override_count; i++)
		is_same = strcmp(a->overrides[i].name, b->overrides[i].name) == 0 && strcmp(a->overrides[i].value, b->overrides[i].value) == 0;
	return is_same;
}

int catalog_set_overrides(struct catalog *catalog, const struct uuid *id, const struct config_override *overrides, uint32_t count)
{
	char why[128];
	int err = catalog__begin_change(catalog);
	const struct topic *old = current_topic(catalog, id);
	if (err || !old)
		return err ? err : ERR_UNKNOWN_TOPIC;
	err = catalog_check_overrides(overrides, count, why, sizeof why);
	if (err)
		return err;
	struct topic *new = catalog_topic_create(id, slice_from(old->name), old->partition_count, old->created_incarnation, overrides, count, &catalog->state.defaults);
	if (new && has_same_overrides(old, new)) {
		catalog_topic_destroy(new);
		return 0;
	}
	struct catalog_bytes bytes;
	catalog__begin(catalog, &bytes, CATALOG_CONFIGURED);
	catalog_put(&bytes, id->bytes, sizeof id->bytes);
	if (new)
		catalog_put_overrides(&bytes, new->overrides, new->override_count);
	catalog_end(&bytes);
	return commit_replaced(catalog, &bytes, old, new);
}
