/* The consumer protocol that classic members embed in JoinGroup and SyncGroup: an int16 with the version, then a subscription or an assignment in it.
 * A version above the known ones is read as the highest known one: fields are only ever appended.
 *
 * Failure modes: bytes that are none (ERR_FORMAT: clients can send anything), memory. */
#include <errno.h>

#include "log/base/err.h"
#include "log/catalog/catalog.h"
#include "net/group/consumer_priv.h"

#include "kmsg_consumer_protocol.h"

#define EMBEDDED_VERSION_MAX 3

static int embedded_version(struct reader *reader)
{
	int version = reader_int16(reader);
	if (version < 0)
		reader_fail(reader, -EBADMSG, "a negative version");
	return version > EMBEDDED_VERSION_MAX ? EMBEDDED_VERSION_MAX : version;
}

int consumer__decode_subscription(struct slice bytes, struct arena *arena, struct kmsg_consumer_protocol_subscription *out)
{
	struct reader reader = reader_over(bytes);
	int version = embedded_version(&reader);
	int err = reader.error ? reader.error : kmsg_consumer_protocol_subscription_decode(&reader, arena, version, out);
	return err == -EBADMSG ? ERR_FORMAT : err;
}

static size_t count_partitions(const struct kmsg_consumer_protocol_topic_partition *items, int32_t count)
{
	size_t total = 0;
	for (int32_t i = 0; i < count; i++)
		total += (size_t)items[i].partitions.count;
	return total;
}

/* Topics that are not there are left out, as in Kafka. */
static int read_assignment(struct consumer *consumer, const struct kmsg_consumer_protocol_assignment *assignment, int32_t epoch,
			   struct arena *arena, struct partition_maker *maker)
{
	const struct catalog_image *image = consumer__coordinator(consumer)->image;
	if (partition_maker_init(maker, arena, count_partitions(assignment->assigned_partitions.items, assignment->assigned_partitions.count)) < 0)
		return -ENOMEM;
	for (int32_t i = 0; i < assignment->assigned_partitions.count; i++) {
		const struct kmsg_consumer_protocol_topic_partition *item = &assignment->assigned_partitions.items[i];
		const struct topic *topic = catalog_topic_by_name(image, item->topic);
		struct group_topic *known = topic ? consumer__topic(consumer, &topic->id) : NULL;
		if (topic && !known)
			return -ENOMEM;
		for (int32_t j = 0; known && j < item->partitions.count; j++)
			if (item->partitions.items[j] >= 0 && item->partitions.items[j] < TOPIC_PARTITIONS_MAX)
				partition_maker_add(maker, known->number, item->partitions.items[j], epoch);
	}
	partition_maker_sort(maker);
	return 0;
}

int consumer__decode_assignment(struct consumer *consumer, struct slice bytes, int32_t epoch, struct arena *arena, struct partition_maker *maker,
				bool *has_user_data)
{
	struct kmsg_consumer_protocol_assignment assignment;
	struct reader reader = reader_over(bytes);
	*maker = (struct partition_maker){0};
	*has_user_data = false;
	if (bytes.size == 0)
		return 0;
	int version = embedded_version(&reader);
	int err = reader.error ? reader.error : kmsg_consumer_protocol_assignment_decode(&reader, arena, version, &assignment);
	if (err < 0)
		return err == -EBADMSG ? ERR_FORMAT : err;
	*has_user_data = assignment.user_data.size > 0;
	return read_assignment(consumer, &assignment, epoch, arena, maker);
}

/* ---- writing -------------------------------------------------------------------------------------------------------------------------------- */

/* The list by topic's name; topics that are gone are left out. */
static int describe_list(const struct consumer *consumer, const struct partition_list *list, struct arena *arena,
			 struct kmsg_consumer_protocol_assignment *out)
{
	const struct catalog_image *image = consumer__coordinator(consumer)->image;
	struct kmsg_consumer_protocol_topic_partition *item = NULL;
	int32_t *partitions = arena_alloc(arena, list->count * sizeof *partitions);
	out->assigned_partitions.items = arena_alloc(arena, list->count * sizeof *out->assigned_partitions.items);
	if (!partitions || !out->assigned_partitions.items)
		return -ENOMEM;
	for (uint32_t i = 0; i < list->count; i++) {
		if (i == 0 || list->items[i].topic != list->items[i - 1].topic) {
			const struct topic *topic = catalog_topic_by_id(image, &consumer->topics[list->items[i].topic]->id);
			item = topic ? &out->assigned_partitions.items[out->assigned_partitions.count++] : NULL;
			if (item) {
				item->topic = slice_from(topic->name);
				item->partitions.items = partitions + i;
				item->partitions.count = 0;
			}
		}
		if (item)
			item->partitions.items[item->partitions.count++] = list->items[i].partition;
	}
	return 0;
}

int consumer__encode_assignment(const struct consumer *consumer, const struct partition_list *list, struct slice metadata, struct arena *arena,
				struct slice *out)
{
	struct kmsg_consumer_protocol_assignment assignment;
	struct reader reader = reader_over(metadata);
	int version = embedded_version(&reader);
	kmsg_consumer_protocol_assignment_init(&assignment);
	if (reader.error || describe_list(consumer, list, arena, &assignment) < 0)
		return reader.error ? ERR_FORMAT : -ENOMEM;
	size_t size = 2 + kmsg_consumer_protocol_assignment_size(&assignment, version);
	uint8_t *bytes = arena_alloc(arena, size);
	if (!bytes)
		return -ENOMEM;
	struct writer writer = writer_into(bytes, size);
	writer_int16(&writer, (int16_t)version);
	kmsg_consumer_protocol_assignment_encode(&writer, version, &assignment);
	*out = (struct slice){bytes, size};
	return writer.error ? ERR_FORMAT : 0;
}

int consumer__owned_of(const struct consumer *consumer, const struct kmsg_consumer_protocol_subscription *subscription, struct arena *arena,
		       struct owned_topics *out)
{
	const struct catalog_image *image = consumer__coordinator(consumer)->image;
	struct kmsg_consumer_group_heartbeat_topic_partitions *items =
		arena_alloc(arena, (size_t)subscription->owned_partitions.count * sizeof *items);
	*out = (struct owned_topics){.is_known = true, .items = items};
	if (!items)
		return -ENOMEM;
	for (int32_t i = 0; i < subscription->owned_partitions.count; i++) {
		const struct kmsg_consumer_protocol_topic_partition *owned = &subscription->owned_partitions.items[i];
		const struct topic *topic = catalog_topic_by_name(image, owned->topic);
		if (!topic)
			continue;
		struct kmsg_consumer_group_heartbeat_topic_partitions *item = &items[out->count++];
		item->topic_id = topic->id;
		item->partitions.items = owned->partitions.items;
		item->partitions.count = owned->partitions.count;
	}
	return 0;
}
