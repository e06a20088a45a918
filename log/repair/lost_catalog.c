/* Happy path: the topics of the directories, by the ids in them; then whatever partition the checkpoints and journals name beyond those; then catalog_salvage,
 * and a line for each topic that no record named.
 *
 * How many partitions a topic had, nothing says for sure but the catalog: those that never held a record left no trace. So what is made has as many as are known, and
 * a line says so. For __consumer_offsets that would be silent loss, as a group's offsets are looked for in the partition that the count gives:
 * the caller may know better (repair_options.count_internal).
 *
 * Failure modes: a directory that does not say whose it is counts for a topic of its name, if there is one; else it is named and left as it is. */
#include "log/repair/lost_catalog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/catalog/catalog_salvage.h"
#include "log/io/small_file.h"
#include "log/segment/partition_metadata.h"
#include "log/store/store.h"

#define GROUP_TOPIC "__consumer_offsets"
#define UNNAMED_MAX 64u

struct lost {
	struct io *io;
	const struct repair_options *options;
	const struct data_dir *dir;
	struct salvage_topic *topics;
	uint32_t count;
	struct uuid unnamed[UNNAMED_MAX]; /* the journals and checkpoints hold something of them, and no directory has their name */
	uint32_t unnamed_count;
};

bool repair_is_quarantined(const struct repair_options *options, const char *topic)
{
	for (uint32_t i = 0; topic && i < options->quarantined_count; i++)
		if (strcmp(options->quarantined[i], topic) == 0)
			return true;
	return false;
}

/* ---- directories ------------------------------------------------------------------------------------------------ */

static bool read_topic_id(const struct lost *lost, const struct partition_dir *dir, struct uuid *id)
{
	char path[8192];
	uint8_t *text;
	size_t size;
	snprintf(path, sizeof path, "%s/%s/" PARTITION_METADATA_NAME, lost->options->dir, dir->name);
	if (small_file_read(lost->io, path, PARTITION_METADATA_SIZE_MAX, &text, &size))
		return false;
	bool is_good = partition_metadata_decode(id, (struct slice){text, size}) == 0;
	free(text);
	return is_good;
}

static bool counts(const struct lost *lost, const struct partition_dir *dir)
{
	return !dir->is_leftover && dir->partition >= 0 && !repair_is_quarantined(lost->options, dir->topic);
}

static void raise_count(struct salvage_topic *topic, uint32_t partition)
{
	if (partition < TOPIC_PARTITIONS_MAX && topic->partition_count <= partition)
		topic->partition_count = partition + 1;
}

/* Directories are sorted by topic and number, so those of a topic follow each other. */
static void take_directories(struct lost *lost)
{
	for (uint32_t i = 0; i < lost->dir->partition_count; i++) {
		const struct partition_dir *dir = &lost->dir->partitions[i];
		struct uuid id;
		if (!counts(lost, dir) || !read_topic_id(lost, dir, &id))
			continue;
		struct salvage_topic *last = lost->count ? &lost->topics[lost->count - 1] : NULL;
		if (!last || !uuid_equal(&last->id, &id)) {
			last = &lost->topics[lost->count++];
			*last = (struct salvage_topic){.name = {(const uint8_t *)dir->topic, strlen(dir->topic)}, .id = id};
		}
		raise_count(last, (uint32_t)dir->partition);
	}
}

static struct salvage_topic *find_name(struct lost *lost, const char *name)
{
	for (uint32_t i = 0; i < lost->count; i++)
		if (lost->topics[i].name.size == strlen(name) && memcmp(lost->topics[i].name.data, name, strlen(name)) == 0)
			return &lost->topics[i];
	return NULL;
}

/* Those that do not say whose they are: of the topic of their name, if another directory has told its id. */
static void take_nameless_directories(struct lost *lost)
{
	for (uint32_t i = 0; i < lost->dir->partition_count; i++) {
		const struct partition_dir *dir = &lost->dir->partitions[i];
		struct uuid id;
		if (!counts(lost, dir) || read_topic_id(lost, dir, &id))
			continue;
		struct salvage_topic *topic = find_name(lost, dir->topic);
		if (topic)
			raise_count(topic, (uint32_t)dir->partition);
		else if (dir->segment_count)
			fprintf(stderr, "spate: warning: %s/%s does not say which topic's it is (" PARTITION_METADATA_NAME "), and catalog.log is lost: unless a record "
					"that is left of it does, it is not served\n", lost->options->dir, dir->name);
	}
}

/* ---- checkpoints and journals ------------------------------------------------------------------------------------ */

static void note_unnamed(struct lost *lost, const struct uuid *id)
{
	for (uint32_t i = 0; i < lost->unnamed_count; i++)
		if (uuid_equal(&lost->unnamed[i], id))
			return;
	if (lost->unnamed_count < UNNAMED_MAX)
		lost->unnamed[lost->unnamed_count++] = *id;
}

static void take_told(void *context, const struct uuid *id, uint32_t partition)
{
	struct lost *lost = context;
	for (uint32_t i = 0; i < lost->count; i++)
		if (uuid_equal(&lost->topics[i].id, id)) {
			raise_count(&lost->topics[i], partition);
			return;
		}
	note_unnamed(lost, id);
}

/* ---- what is made up ---------------------------------------------------------------------------------------------- */

/* Of __consumer_offsets, if no record names it. */
static void count_internal(struct lost *lost)
{
	struct salvage_topic *topic = find_name(lost, GROUP_TOPIC);
	const struct repair_options *options = lost->options;
	if (!topic)
		return;
	uint32_t usual = (uint32_t)broker_config_int(options->config, "offsets.topic.num.partitions");
	if (usual < topic->partition_count)
		usual = topic->partition_count;
	topic->made_count = options->count_internal ? options->count_internal(lost->io, options->dir, topic->partition_count, usual) : usual;
}

static void tell_topic(const struct salvage_topic *topic)
{
	int size = (int)topic->name.size;
	const char *name = (const char *)topic->name.data;
	uint32_t count = topic->made_count > topic->partition_count ? topic->made_count : topic->partition_count;
	if (topic->fate == SALVAGE_REFUSED)
		fprintf(stderr, "spate: warning: topic %.*s cannot be made anew (is there another one of that name?): its directories are not served\n", size, name);
	else if (topic->fate == SALVAGE_MADE && topic->made_count)
		fprintf(stderr, "spate: warning: topic %.*s is made anew with %u partition%s, which the groups found in it agree with; its configs are lost\n", size, name, count,
			count == 1 ? "" : "s");
	else if (topic->fate == SALVAGE_MADE)
		fprintf(stderr, "spate: warning: topic %.*s is made anew with %u partition%s, as many as are known to have held a record; its configs are lost. If it had more, add them "
				"(kafka-topics --alter --partitions) before anything is produced with keys\n", size, name, count, count == 1 ? "" : "s");
}

static void tell_all(const struct lost *lost, const struct salvage_report *report)
{
	for (uint32_t i = 0; i < lost->count; i++)
		tell_topic(&lost->topics[i]);
	if (report->topics_unnamed)
		fprintf(stderr, "spate: warning: the journal or the checkpoint tells of %u topic%s whose names nothing says: deleted not long ago, or never filed. Records of theirs "
				"that are in the journal alone are gone\n", report->topics_unnamed, report->topics_unnamed == 1 ? "" : "s");
	if (report->is_identity_new)
		fprintf(stderr, "spate: warning: nothing says whose directory %s is, neither catalog.log nor meta.properties: it has a new cluster.id and directory.id, and node.id %d\n",
			lost->options->dir, report->node_id);
}

int lost_catalog_make(struct io *io, const struct repair_options *options, const struct data_dir *dir, uint32_t shard_count)
{
	struct lost lost = {.io = io, .options = options, .dir = dir, .topics = calloc(dir->partition_count + 1, sizeof *lost.topics)};
	struct salvage_report report = {0};
	struct catalog_mark known;
	if (!lost.topics)
		return -ENOMEM;
	take_directories(&lost);
	take_nameless_directories(&lost);
	int err = store_read_catalog_mark(io, options->dir, shard_count, &known);
	if (!err)
		err = store_read_told_partitions(io, options->dir, shard_count, take_told, &lost);
	if (!err) {
		count_internal(&lost);
		err = catalog_salvage(io, options->dir, options->config, &known, lost.topics, lost.count, lost.unnamed, lost.unnamed_count, false, &report);
	}
	if (!err)
		tell_all(&lost, &report);
	free(lost.topics);
	return err;
}
