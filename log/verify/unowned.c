/* Happy path: the directories listed, the catalog read, and each directory held against the topic of its name: its number, and the id in partition.metadata.
 * Behind that, the topics of the journals' entries that are filed nowhere.
 *
 * Failure modes: a directory that does not say whose it is counts as that topic's. */
#include "log/verify/unowned.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/io/small_file.h"
#include "log/segment/partition_metadata.h"
#include "log/store/store.h"

bool unowned_holds_records(const struct partition_dir *dir)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < dir->segment_count; i++)
		bytes += dir->segments[i].size_bytes[SEGMENT_FILE_LOG];
	return !dir->is_leftover && dir->partition >= 0 && bytes > 0;
}

void unowned_add(struct unowned *unowned, const struct partition_dir *dir)
{
	size_t used = strlen(unowned->names), room = sizeof unowned->names - used;
	if (strlen(dir->name) + sizeof ", , ..." <= room)
		snprintf(unowned->names + used, room, "%s%s", used ? ", " : "", dir->name);
	else if (used < 4 || strcmp(unowned->names + used - 4, " ...") != 0)
		snprintf(unowned->names + used, room, " ...");
	unowned->count++;
}

static bool says_another_id(struct io *io, const char *path, const struct partition_dir *dir, const struct uuid *id)
{
	char file[8192];
	uint8_t *text;
	size_t size;
	struct uuid said;
	snprintf(file, sizeof file, "%s/%s/" PARTITION_METADATA_NAME, path, dir->name);
	if (small_file_read(io, file, PARTITION_METADATA_SIZE_MAX, &text, &size))
		return false;
	bool is_another = partition_metadata_decode(&said, (struct slice){text, size}) == 0 && !uuid_equal(&said, id);
	free(text);
	return is_another;
}

static bool is_owned(struct io *io, const char *path, const struct partition_dir *dir, const struct catalog_image *image)
{
	struct slice name = {(const uint8_t *)dir->topic, strlen(dir->topic)};
	const struct topic *topic = image ? catalog_topic_by_name(image, name) : NULL;
	return topic && (uint32_t)dir->partition < topic->partition_count && !says_another_id(io, path, dir, &topic->id);
}

static void add_all(struct unowned *out, struct io *io, const char *path, const struct data_dir *dir, const struct catalog_image *image)
{
	for (uint32_t i = 0; i < dir->partition_count; i++)
		if (unowned_holds_records(&dir->partitions[i]) && !is_owned(io, path, &dir->partitions[i], image))
			unowned_add(out, &dir->partitions[i]);
}

struct unfiled_topics {
	const struct data_dir *dir;
	const struct catalog_image *image;
	struct uuid *ids;
	uint32_t count;
	bool is_short_of_memory;
};

static bool is_known(const struct unfiled_topics *topics, const struct uuid *id)
{
	struct uuid other;
	for (uint32_t i = topics->count; i > 0; i--)
		if (uuid_equal(&topics->ids[i - 1], id))
			return true;
	for (uint32_t i = 0; i < topics->dir->partition_count; i++)
		if (topics->dir->partitions[i].is_leftover && store_is_leftover(topics->dir->partitions[i].name, &other) && uuid_equal(&other, id))
			return true;
	return topics->image && catalog_topic_by_id(topics->image, id);
}

static void take_unfiled(void *context, const struct store_unfiled *unfiled)
{
	struct unfiled_topics *topics = context;
	if (is_known(topics, &unfiled->topic_id))
		return;
	struct uuid *grown = realloc(topics->ids, (topics->count + 1) * sizeof *grown);
	topics->is_short_of_memory |= !grown;
	if (!grown)
		return;
	topics->ids = grown;
	grown[topics->count++] = unfiled->topic_id;
}

static int count_unfiled(struct unowned *out, struct io *io, const char *path, const struct data_dir *dir, const struct catalog_image *image)
{
	struct unfiled_topics topics = {.dir = dir, .image = image};
	int err = store_read_unfiled(io, path, dir->shard_count, take_unfiled, &topics);
	out->unfiled_topics = topics.count;
	free(topics.ids);
	return err ? err : topics.is_short_of_memory ? -ENOMEM : 0;
}

int unowned_find(struct unowned *out, struct io *io, const char *path, const struct broker_config *broker)
{
	struct data_dir dir;
	struct catalog *catalog = NULL;
	struct catalog_report report;
	*out = (struct unowned){0};
	int err = data_dir_read(&dir, io, path);
	if (err)
		return err;
	err = catalog_open_read_only(&catalog, io, path, broker, &report);
	if (err == 0 || err == -ENOENT) {
		const struct catalog_image *image = catalog ? catalog_image_acquire(catalog) : NULL;
		add_all(out, io, path, &dir, image);
		err = count_unfiled(out, io, path, &dir, image);
		if (image)
			catalog_image_release(image);
	}
	catalog_close(catalog);
	data_dir_free(&dir);
	return err;
}
