/* Happy path: the topics of the directories, by the ids in them; then whatever partition the checkpoints and journals name beyond those; then catalog_salvage,
 * and a line for each topic that no record named. Of two topics with one name the newer one is kept (catalog_salvage decides), and directories of the other are moved
 * to quarantine/ first, as the newer one's next filing would have them deleted.
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

#include "log/base/uuid_text.h"
#include "log/catalog/catalog_salvage.h"
#include "log/io/small_file.h"
#include "log/repair/aside.h"
#include "log/segment/partition_metadata.h"
#include "log/store/store.h"
#include "log/verify/unowned.h"

#define GROUP_TOPIC "__consumer_offsets"

struct lost {
	struct io *io;
	const struct repair_options *options;
	const struct data_dir *dir;
	struct salvage_topic *topics;
	uint32_t count;
	struct salvage_told *unnamed; /* the journals and checkpoints hold something of them, and no directory says that it is theirs */
	uint32_t unnamed_count;
	bool is_short_of_memory, is_dry_run;
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

/* Directories are sorted by topic and number, so those of a name follow each other, and they are seldom of two topics. */
static struct salvage_topic *find_last(struct lost *lost, const char *name, const struct uuid *id)
{
	for (uint32_t i = lost->count; i > 0; i--) {
		struct salvage_topic *topic = &lost->topics[i - 1];
		if (topic->name.size != strlen(name) || memcmp(topic->name.data, name, topic->name.size))
			return NULL;
		if (uuid_equal(&topic->id, id))
			return topic;
	}
	return NULL;
}

static void take_directories(struct lost *lost)
{
	for (uint32_t i = 0; i < lost->dir->partition_count; i++) {
		const struct partition_dir *dir = &lost->dir->partitions[i];
		struct uuid id;
		if (!counts(lost, dir) || !read_topic_id(lost, dir, &id))
			continue;
		struct salvage_topic *topic = find_last(lost, dir->topic, &id);
		if (!topic) {
			topic = &lost->topics[lost->count++];
			*topic = (struct salvage_topic){.name = {(const uint8_t *)dir->topic, strlen(dir->topic)}, .id = id};
		}
		raise_count(topic, (uint32_t)dir->partition);
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

static void raise_mark(struct catalog_mark *mark, const struct catalog_mark *other)
{
	if (catalog_mark_is_before(mark, other))
		*mark = *other;
}

static void note_unnamed(struct lost *lost, const struct uuid *id, const struct catalog_mark *mark)
{
	for (uint32_t i = lost->unnamed_count; i > 0; i--) /* from behind: what is told of now was told of just before */
		if (uuid_equal(&lost->unnamed[i - 1].id, id)) {
			raise_mark(&lost->unnamed[i - 1].mark, mark);
			return;
		}
	struct salvage_told *grown = realloc(lost->unnamed, (lost->unnamed_count + 1) * sizeof *grown);
	if (!grown) {
		lost->is_short_of_memory = true;
		return;
	}
	lost->unnamed = grown;
	grown[lost->unnamed_count++] = (struct salvage_told){*id, *mark};
}

static void take_told(void *context, const struct uuid *id, uint32_t partition, const struct catalog_mark *mark)
{
	struct lost *lost = context;
	for (uint32_t i = 0; i < lost->count; i++) {
		struct salvage_topic *topic = &lost->topics[i];
		if (uuid_equal(&topic->id, id)) {
			raise_count(topic, partition);
			raise_mark(&topic->told, mark);
			topic->is_told = true;
			return;
		}
	}
	note_unnamed(lost, id, mark);
}

/* ---- of two with one name ----------------------------------------------------------------------------------------- */

static const char *tense(const struct lost *lost)
{
	return lost->is_dry_run ? "would be" : "is";
}

static int move_directory(struct lost *lost, const struct partition_dir *dir)
{
	bool holds_records = unowned_holds_records(dir);
	int err = lost->is_dry_run ? 0 : repair_move_aside(lost->io, lost->options->dir, dir->name);
	if (!err)
		fprintf(stderr, "spate: warning: %s/%s %s moved to quarantine/%s: by all that is known another topic of that name is newer\n", lost->options->dir, dir->name,
			tense(lost), holds_records ? ", with its records" : "");
	return err;
}

/* Before the catalog says it: it is decided as before if this is begun again. */
static int move_older(struct lost *lost, const struct salvage_topic *topic)
{
	struct uuid id;
	int err = 0;
	for (uint32_t i = 0; i < lost->dir->partition_count && !err; i++) {
		const struct partition_dir *dir = &lost->dir->partitions[i];
		bool is_named = strlen(dir->topic) == topic->name.size && !memcmp(dir->topic, topic->name.data, topic->name.size);
		if (is_named && counts(lost, dir) && read_topic_id(lost, dir, &id) && uuid_equal(&id, &topic->id))
			err = move_directory(lost, dir);
	}
	return err;
}

static int move_all_older(struct lost *lost)
{
	int err = 0;
	for (uint32_t i = 0; i < lost->count && !err; i++)
		err = lost->topics[i].fate == SALVAGE_OLDER ? move_older(lost, &lost->topics[i]) : 0;
	return err;
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

static bool is_unnamed(const struct lost *lost, const struct uuid *id)
{
	for (uint32_t i = 0; i < lost->unnamed_count; i++)
		if (uuid_equal(&lost->unnamed[i].id, id))
			return true;
	return false;
}

static void tell_replaced(const struct lost *lost, const struct salvage_topic *topic)
{
	char id[UUID_TEXT_SIZE];
	uuid_text_format(id, &topic->replaced);
	fprintf(stderr, "spate: warning: topic %.*s: catalog.log tells of an earlier one of that name (%s), deleted since then: it %s dropped, and the one whose records are "
			"there %s kept%s\n", (int)topic->name.size, (const char *)topic->name.data, id, tense(lost), tense(lost),
		is_unnamed(lost, &topic->replaced) ? "; what the journal still has of the earlier one goes with it" : "");
}

static void tell_topic(const struct lost *lost, const struct salvage_topic *topic)
{
	int size = (int)topic->name.size;
	const char *name = (const char *)topic->name.data;
	uint32_t count = topic->made_count > topic->partition_count ? topic->made_count : topic->partition_count;
	if (topic->has_replaced && topic->fate == SALVAGE_MADE)
		tell_replaced(lost, topic);
	if (topic->fate == SALVAGE_REFUSED)
		fprintf(stderr, "spate: warning: topic %.*s cannot be made anew: its directories are not served\n", size, name);
	else if (topic->fate == SALVAGE_MADE && topic->made_count)
		fprintf(stderr, "spate: warning: topic %.*s %s made anew with %u partition%s, which the groups found in it agree with; its configs are lost\n", size, name,
			tense(lost), count,
			count == 1 ? "" : "s");
	else if (topic->fate == SALVAGE_MADE)
		fprintf(stderr, "spate: warning: topic %.*s %s made anew with %u partition%s, as many as are known to have held a record; its configs are lost. If it had more, add them "
				"(kafka-topics --alter --partitions) before anything is produced with keys\n", size, name, tense(lost), count, count == 1 ? "" : "s");
}

static void tell_all(const struct lost *lost, const struct salvage_report *report)
{
	for (uint32_t i = 0; i < lost->count; i++)
		tell_topic(lost, &lost->topics[i]);
	if (report->topics_unnamed)
		fprintf(stderr, "spate: warning: the journal or the checkpoint tells of %u topic%s whose names nothing says: deleted not long ago, or never filed. Records of theirs "
				"that are in the journal alone are gone\n", report->topics_unnamed, report->topics_unnamed == 1 ? "" : "s");
	if (report->is_identity_new)
		fprintf(stderr, "spate: warning: nothing says whose directory %s is, neither catalog.log nor meta.properties: it %s a new cluster.id and directory.id, and node.id %d\n",
			lost->options->dir, lost->is_dry_run ? "would have" : "has", report->node_id);
}

/* Decided once without writing, as the directories that lose are moved first. */
static int decide_and_make(struct lost *lost, const struct catalog_mark *known, struct salvage_report *report)
{
	const struct repair_options *options = lost->options;
	int err = catalog_salvage(lost->io, options->dir, options->config, known, lost->topics, lost->count, lost->unnamed, lost->unnamed_count, true, report);
	if (!err)
		err = move_all_older(lost);
	if (!err && !lost->is_dry_run)
		err = catalog_salvage(lost->io, options->dir, options->config, known, lost->topics, lost->count, lost->unnamed, lost->unnamed_count, false, report);
	if (!err)
		tell_all(lost, report);
	return err;
}

int lost_catalog_make(struct io *io, const struct repair_options *options, const struct data_dir *dir, uint32_t shard_count, bool is_dry_run)
{
	struct lost lost = {.io = io, .options = options, .dir = dir, .is_dry_run = is_dry_run, .topics = calloc(dir->partition_count + 1, sizeof *lost.topics)};
	struct salvage_report report = {0};
	struct catalog_mark known;
	if (!lost.topics)
		return -ENOMEM;
	take_directories(&lost);
	take_nameless_directories(&lost);
	int err = store_read_catalog_mark(io, options->dir, shard_count, &known);
	if (!err)
		err = store_read_told_partitions(io, options->dir, shard_count, take_told, &lost);
	if (!err && lost.is_short_of_memory)
		err = -ENOMEM;
	if (!err) {
		count_internal(&lost);
		err = decide_and_make(&lost, &known, &report);
	}
	free(lost.unnamed);
	free(lost.topics);
	return err;
}
