/* Happy path: the topics of the directories, by the ids in them; then whatever partition the checkpoints and journals name beyond those; then the topics that have
 * records in the journals alone, and no directory to tell their names, as recovered-<topic id>; then catalog_salvage, and a line or a step for each topic that no record named. Of two topics with one name the newer one is kept (catalog_salvage decides), and directories of the other are moved
 * to quarantine/ first, as the newer one's next filing would have them deleted.
 *
 * How many partitions a topic had, nothing says for sure but the catalog: those that never held a record left no trace. So what is made has as many as are known, and
 * a line says so. For __consumer_offsets that would be silent loss, as a group's offsets are looked for in the partition that the count gives:
 * the caller may know better (repair_options.count_internal).
 *
 * A topic of the journals alone may have been deleted in the last seconds: then its records are back, which its step says. Deleted before, it is known for that: by a
 * directory that a deletion has left, by the checkpoint (store_read_unfiled), or by a record that is left of the catalog. If all that one of them has are records of groups,
 * and it is the only such, it is __consumer_offsets (repair_options.is_internal).
 *
 * A directory that does not say whose it is, as its partition.metadata is lost or damaged as well, is asked by what is in it (dir_owner.h): a step of its own says so.
 *
 * Failure modes: one that nothing in it tells of, or that is contradicted, counts for a topic of its name, if there is one; else it is named and left as it is. One that cannot be
 * asked ends it before anything is made. */
#include "log/repair/lost_catalog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/err.h"
#include "log/base/uuid_text.h"
#include "log/catalog/catalog_salvage.h"
#include "log/io/small_file.h"
#include "log/repair/aside.h"
#include "log/repair/dir_owner.h"
#include "log/segment/partition_metadata.h"
#include "log/store/store.h"
#include "log/verify/unowned.h"

#define GROUP_TOPIC "__consumer_offsets"
#define RECOVERED_PREFIX "recovered-"

/* What the journals alone have of a topic. */
struct unfiled {
	char name[sizeof RECOVERED_PREFIX + UUID_TEXT_SIZE];
	uint32_t partition_count; /* by all that tells of it */
	uint64_t records;         /* or offsets that were, if they are damaged there */
	bool is_there, is_others; /* something of it is; something that is no record of groups */
};

/* Of a topic of the directories: why it is taken for theirs, if no directory says so itself. */
struct evidence {
	const char *by;  /* NULL: one does */
	const char *dir; /* the first of those that do not */
};

struct lost {
	struct io *io;
	const struct repair_options *options;
	const struct data_dir *dir;
	uint32_t shard_count;
	struct dir_owners owners;
	struct evidence *evidence;    /* of each of the first `count` */
	struct salvage_topic *topics; /* `count` by directories, then `recovered_count` without */
	uint32_t count, recovered_count;
	struct salvage_told *unnamed; /* the journals and checkpoints hold something of them, and no directory says that it is theirs */
	struct unfiled *unfiled;      /* of each of these */
	uint32_t unnamed_count;
	lost_catalog_step_fn *recovers;
	void *context;
	bool is_short_of_memory, is_dry_run;
	int err; /* of a file that says whose a directory is, and could not be read */
};

bool repair_is_quarantined(const struct repair_options *options, const char *topic)
{
	for (uint32_t i = 0; topic && i < options->quarantined_count; i++)
		if (strcmp(options->quarantined[i], topic) == 0)
			return true;
	return false;
}

/* ---- directories ------------------------------------------------------------------------------------------------ */

static bool is_nothing_there(int err)
{
	return err == -ENOENT || err == -ENOTDIR || err == -EFBIG || err == ERR_NOT_A_FILE;
}

/* False: it does not say. Where it cannot be asked now (a disk that fails, no descriptor, no memory) nothing is decided without it: the directory's topic would come
 * back under a name that is made up, and its records be taken for lost. */
static bool read_topic_id(struct lost *lost, const struct partition_dir *dir, struct uuid *id)
{
	char path[8192];
	uint8_t *text;
	size_t size;
	snprintf(path, sizeof path, "%s/%s/" PARTITION_METADATA_NAME, lost->options->dir, dir->name);
	int err = small_file_read(lost->io, path, PARTITION_METADATA_SIZE_MAX, &text, &size);
	if (err && !is_nothing_there(err))
		lost->err = err;
	if (err)
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

/* It says so itself, or what is in it does: then *by is who. */
static bool find_topic_id(struct lost *lost, const struct partition_dir *dir, struct uuid *id, const char **by)
{
	*by = NULL;
	if (read_topic_id(lost, dir, id))
		return true;
	int found = lost->err ? lost->err : dir_owners_find(&lost->owners, dir, id, by);
	if (found < 0)
		lost->err = found;
	return found > 0;
}

static void take_directories(struct lost *lost)
{
	for (uint32_t i = 0; i < lost->dir->partition_count; i++) {
		const struct partition_dir *dir = &lost->dir->partitions[i];
		struct uuid id;
		const char *by;
		if (!counts(lost, dir) || !find_topic_id(lost, dir, &id, &by))
			continue;
		struct salvage_topic *topic = find_last(lost, dir->topic, &id);
		if (!topic) {
			lost->evidence[lost->count] = (struct evidence){by, dir->name};
			topic = &lost->topics[lost->count++];
			*topic = (struct salvage_topic){.name = {(const uint8_t *)dir->topic, strlen(dir->topic)}, .id = id};
		}
		if (!by)
			lost->evidence[topic - lost->topics].by = NULL;
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

/* Those that do not say whose they are, nor does anything in them: of the topic of their name, if another directory has told its id. */
static void take_nameless_directories(struct lost *lost)
{
	for (uint32_t i = 0; i < lost->dir->partition_count; i++) {
		const struct partition_dir *dir = &lost->dir->partitions[i];
		struct uuid id;
		const char *by;
		if (!counts(lost, dir) || find_topic_id(lost, dir, &id, &by))
			continue;
		struct salvage_topic *topic = find_name(lost, dir->topic);
		if (topic)
			raise_count(topic, (uint32_t)dir->partition);
		else if (dir->segment_count)
			fprintf(stderr, "spate: warning: %s/%s does not say which topic's it is (" PARTITION_METADATA_NAME "), nor do its append times, a checkpoint or the journal, and catalog.log is lost: unless a "
					"record that is left of it does, it is not served; its records stay where they are\n", lost->options->dir, dir->name);
	}
}

/* What a deletion has left says what was deleted: the record of that may be lost. */
static void take_leftovers(struct lost *lost)
{
	uint32_t first = lost->count;
	for (uint32_t i = 0; i < lost->dir->partition_count; i++) {
		const struct partition_dir *dir = &lost->dir->partitions[i];
		struct salvage_topic gone = {.is_gone = true};
		bool is_new = dir->is_leftover && store_is_leftover(dir->name, &gone.id);
		for (uint32_t k = first; k < lost->count && is_new; k++)
			is_new = !uuid_equal(&lost->topics[k].id, &gone.id);
		if (is_new)
			lost->topics[lost->count++] = gone;
	}
}

/* ---- checkpoints and journals ------------------------------------------------------------------------------------ */

static void raise_mark(struct catalog_mark *mark, const struct catalog_mark *other)
{
	if (catalog_mark_is_before(mark, other))
		*mark = *other;
}

/* From behind: what is told of now was told of just before. As many as there are: there is none. */
static uint32_t find_unnamed(const struct lost *lost, const struct uuid *id)
{
	for (uint32_t i = lost->unnamed_count; i > 0; i--)
		if (uuid_equal(&lost->unnamed[i - 1].id, id))
			return i - 1;
	return lost->unnamed_count;
}

static bool add_unnamed(struct lost *lost, const struct uuid *id)
{
	uint32_t count = lost->unnamed_count + 1;
	struct salvage_told *unnamed = realloc(lost->unnamed, count * sizeof *unnamed);
	if (unnamed)
		lost->unnamed = unnamed;
	struct unfiled *unfiled = realloc(lost->unfiled, count * sizeof *unfiled);
	if (unfiled)
		lost->unfiled = unfiled;
	lost->is_short_of_memory |= !unnamed || !unfiled;
	if (!unnamed || !unfiled)
		return false;
	unnamed[lost->unnamed_count] = (struct salvage_told){.id = *id};
	unfiled[lost->unnamed_count++] = (struct unfiled){0};
	return true;
}

static void note_unnamed(struct lost *lost, const struct uuid *id, uint32_t partition, const struct catalog_mark *mark)
{
	uint32_t at = find_unnamed(lost, id);
	if (at == lost->unnamed_count && !add_unnamed(lost, id))
		return;
	raise_mark(&lost->unnamed[at].mark, mark);
	if (partition < TOPIC_PARTITIONS_MAX && lost->unfiled[at].partition_count <= partition)
		lost->unfiled[at].partition_count = partition + 1;
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
	note_unnamed(lost, id, partition, mark);
}

/* ---- what is in the journals alone ---------------------------------------------------------------------------------- */

static void take_unfiled(void *context, const struct store_unfiled *unfiled)
{
	struct lost *lost = context;
	uint32_t at = find_unnamed(lost, &unfiled->topic_id);
	if (at == lost->unnamed_count || unfiled->partition >= TOPIC_PARTITIONS_MAX)
		return;
	struct unfiled *of = &lost->unfiled[at];
	bool (*is_internal)(struct slice) = lost->options->is_internal;
	of->is_there = true;
	of->is_others |= !is_internal || (unfiled->batches.size && !is_internal(unfiled->batches));
	of->records += (uint64_t)(unfiled->end_offset - unfiled->base_offset);
}

/* Of several that look alike nobody knows which one it was. */
static uint32_t find_internal(const struct lost *lost)
{
	uint32_t found = lost->unnamed_count;
	for (uint32_t i = 0; i < lost->unnamed_count; i++) {
		if (!lost->unfiled[i].is_there || lost->unfiled[i].is_others)
			continue;
		if (found < lost->unnamed_count)
			return lost->unnamed_count;
		found = i;
	}
	return found;
}

static struct salvage_topic recovered(struct lost *lost, uint32_t at, bool is_internal)
{
	struct unfiled *of = &lost->unfiled[at];
	char id[UUID_TEXT_SIZE];
	uuid_text_format(id, &lost->unnamed[at].id);
	snprintf(of->name, sizeof of->name, RECOVERED_PREFIX "%s", id);
	struct slice spare_name = {(const uint8_t *)of->name, strlen(of->name)};
	return (struct salvage_topic){
		.name = is_internal ? slice_from(GROUP_TOPIC) : spare_name,
		.spare_name = spare_name,
		.id = lost->unnamed[at].id,
		.is_told = true,
		.told = lost->unnamed[at].mark,
		.partition_count = of->partition_count,
	};
}

static int add_recovered(struct lost *lost)
{
	struct salvage_topic *grown = realloc(lost->topics, (lost->count + lost->unnamed_count + 1) * sizeof *grown);
	if (!grown)
		return -ENOMEM;
	lost->topics = grown;
	uint32_t internal = find_internal(lost);
	for (uint32_t i = 0; i < lost->unnamed_count; i++)
		if (lost->unfiled[i].is_there)
			grown[lost->count + lost->recovered_count++] = recovered(lost, i, i == internal);
	return 0;
}

static int take_all_unfiled(struct lost *lost)
{
	int err = lost->unnamed_count ? store_read_unfiled(lost->io, lost->options->dir, lost->shard_count, take_unfiled, lost) : 0;
	return err ? err : add_recovered(lost);
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
	const char *by;
	int err = 0;
	for (uint32_t i = 0; i < lost->dir->partition_count && !err; i++) {
		const struct partition_dir *dir = &lost->dir->partitions[i];
		bool is_named = strlen(dir->topic) == topic->name.size && !memcmp(dir->topic, topic->name.data, topic->name.size);
		if (is_named && counts(lost, dir) && find_topic_id(lost, dir, &id, &by) && uuid_equal(&id, &topic->id))
			err = move_directory(lost, dir);
	}
	return err ? err : lost->err;
}

static int move_all_older(struct lost *lost)
{
	int err = 0;
	for (uint32_t i = 0; i < lost->count && !err; i++)
		err = lost->topics[i].fate == SALVAGE_OLDER ? move_older(lost, &lost->topics[i]) : 0;
	return err;
}

/* ---- what is made up ---------------------------------------------------------------------------------------------- */

static bool is_group_topic(const struct salvage_topic *topic)
{
	return topic->name.size == strlen(GROUP_TOPIC) && !memcmp(topic->name.data, GROUP_TOPIC, topic->name.size);
}

/* Of __consumer_offsets, if no record names it. */
static void count_internal(struct lost *lost)
{
	const struct repair_options *options = lost->options;
	for (uint32_t i = 0; i < lost->count + lost->recovered_count; i++) {
		struct salvage_topic *topic = &lost->topics[i];
		if (!is_group_topic(topic))
			continue;
		uint32_t usual = (uint32_t)broker_config_int(options->config, "offsets.topic.num.partitions");
		if (usual < topic->partition_count)
			usual = topic->partition_count;
		topic->made_count = options->count_internal ? options->count_internal(lost->io, options->dir, lost->shard_count, &topic->id, topic->partition_count, usual) : usual;
	}
}

static bool is_unnamed(const struct lost *lost, const struct uuid *id)
{
	return find_unnamed(lost, id) < lost->unnamed_count;
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
	if (report->records_good)
		fprintf(stderr, "spate: warning: what catalog.log was told last may be lost with it: then a topic that was deleted by that is there again (delete it again), and a change of configs "
				"or of a number of partitions is undone\n");
	if (report->topics_unnamed)
		fprintf(stderr, "spate: warning: the journal or the checkpoint tells of %u topic%s whose names nothing says, and that no record in the journal waits to be filed for: "
				"deleted, or without their directories\n", report->topics_unnamed, report->topics_unnamed == 1 ? "" : "s");
	if (report->topics_unheard)
		fprintf(stderr, "spate: warning: %s: no directory, checkpoint or journal tells of %s: %s never held a record, or may have been deleted since catalog.log was as it is (then delete "
				"%s again)\n", report->unheard, report->topics_unheard == 1 ? "this topic" : "these topics", report->topics_unheard == 1 ? "it" : "they",
			report->topics_unheard == 1 ? "it" : "them");
	if (report->is_identity_new)
		fprintf(stderr, "spate: warning: nothing says whose directory %s is, neither catalog.log nor meta.properties: it %s a new cluster.id and directory.id, and node.id %d\n",
			lost->options->dir, lost->is_dry_run ? "would have" : "has", report->node_id);
}

/* ---- the steps ------------------------------------------------------------------------------------------------------ */

static void say_how(const struct salvage_topic *topic, char *out, size_t size)
{
	uint32_t count = topic->made_count > topic->partition_count ? topic->made_count : topic->partition_count;
	if (is_group_topic(topic))
		snprintf(out, size, "made anew with %u partition%s, which the groups in it agree with: they find what they committed; its configs are lost", count, count == 1 ? "" : "s");
	else
		snprintf(out, size, "made anew under this name, with %u partition%s, as many as are known to have held a record, and served; its configs are lost. To give it its name "
				    "back: spate topic create NAME --partitions %u, then spate consume %.*s --exit-eof --json | spate produce NAME --json",
			 count, count == 1 ? "" : "s", count, (int)topic->name.size, (const char *)topic->name.data);
}

/* What else is to be known of it. */
static const char *say_more(const struct unfiled *of, const struct salvage_topic *topic)
{
	if (is_group_topic(topic))
		return ": all are groups' and their offsets";
	return of->is_others ? " (it may have been deleted just before: then delete it again)"
			     : ": all are groups' and their offsets, but nothing says that this was " GROUP_TOPIC ", so groups do not find what they committed";
}

static void say_why(const struct unfiled *of, const struct salvage_topic *topic, char *out, size_t size)
{
	bool is_one = of->records == 1;
	snprintf(out, size, "%s is lost with catalog.log, and %llu record%s of it that %s acknowledged %s in the journal alone%s", is_group_topic(topic) ? "this topic" : "its name",
		 (unsigned long long)of->records, is_one ? "" : "s", is_one ? "was" : "were", is_one ? "is" : "are", say_more(of, topic));
}

static void tell_recovered(const struct lost *lost, const struct salvage_topic *topic)
{
	char name[TOPIC_NAME_SIZE_MAX + 1], why[256], how[512];
	struct finding finding = {.kind = FINDING_DAMAGE, .topic = name, .partition = NOWHERE, .file = "", .from = NOWHERE, .to = NOWHERE,
				  .position_from = NOWHERE, .position_to = NOWHERE, .what = why};
	snprintf(name, sizeof name, "%.*s", (int)topic->name.size, (const char *)topic->name.data);
	say_why(&lost->unfiled[find_unnamed(lost, &topic->id)], topic, why, sizeof why);
	say_how(topic, how, sizeof how);
	lost->recovers(lost->context, &finding, how);
}

/* Found by its records, under the name that the directory has. */
static void tell_found(const struct lost *lost, const struct salvage_topic *topic, const struct evidence *evidence)
{
	char name[TOPIC_NAME_SIZE_MAX + 1], why[512], how[256], id[UUID_TEXT_SIZE];
	uint32_t count = topic->made_count > topic->partition_count ? topic->made_count : topic->partition_count;
	struct finding finding = {.kind = FINDING_DAMAGE, .topic = name, .partition = NOWHERE, .file = "", .from = NOWHERE, .to = NOWHERE,
				  .position_from = NOWHERE, .position_to = NOWHERE, .what = why};
	snprintf(name, sizeof name, "%.*s", (int)topic->name.size, (const char *)topic->name.data);
	uuid_text_format(id, &topic->id);
	snprintf(why, sizeof why, "catalog.log does not name it, and " PARTITION_METADATA_NAME " in %s is lost or damaged as well, but %s told whose the records there are (%s)", evidence->dir,
		 evidence->by, id);
	snprintf(how, sizeof how, "made anew with %u partition%s, as many as are known to have held a record, and served; its configs are lost", count, count == 1 ? "" : "s");
	lost->recovers(lost->context, &finding, how);
}

static void tell_all_recovered(const struct lost *lost)
{
	for (uint32_t i = 0; i < lost->count; i++)
		if (lost->topics[i].fate == SALVAGE_MADE && lost->evidence[i].by)
			tell_found(lost, &lost->topics[i], &lost->evidence[i]);
	for (uint32_t i = lost->count; i < lost->count + lost->recovered_count; i++)
		if (lost->topics[i].fate == SALVAGE_MADE)
			tell_recovered(lost, &lost->topics[i]);
}

/* Decided once without writing, as the directories that lose are moved first. */
static int decide(struct lost *lost, const struct catalog_mark *known, bool is_dry_run, struct salvage_report *report)
{
	return catalog_salvage(lost->io, lost->options->dir, lost->options->config, known, lost->topics, lost->count + lost->recovered_count, lost->unnamed, lost->unnamed_count,
			       is_dry_run, report);
}

static int decide_and_make(struct lost *lost, const struct catalog_mark *known, struct salvage_report *report)
{
	int err = decide(lost, known, true, report);
	if (!err)
		tell_all_recovered(lost);
	if (!err)
		err = move_all_older(lost);
	if (!err && !lost->is_dry_run)
		err = decide(lost, known, false, report);
	if (!err)
		tell_all(lost, report);
	return err;
}

int lost_catalog_make(struct io *io, const struct repair_options *options, const struct data_dir *dir, uint32_t shard_count, bool is_dry_run,
		      lost_catalog_step_fn *recovers, void *context)
{
	struct lost lost = {.io = io, .options = options, .dir = dir, .shard_count = shard_count, .is_dry_run = is_dry_run, .recovers = recovers, .context = context,
			    .topics = calloc(dir->partition_count + 1, sizeof *lost.topics), .evidence = calloc(dir->partition_count + 1, sizeof *lost.evidence)};
	struct salvage_report report = {0};
	struct catalog_mark known;
	int err = lost.topics && lost.evidence ? dir_owners_open(&lost.owners, io, options->dir, shard_count) : -ENOMEM;
	if (!err) {
		take_directories(&lost);
		take_nameless_directories(&lost);
		take_leftovers(&lost);
		err = lost.err;
	}
	if (!err)
		err = store_read_catalog_mark(io, options->dir, shard_count, &known);
	if (!err)
		err = store_read_told_partitions(io, options->dir, shard_count, take_told, &lost);
	if (!err && lost.is_short_of_memory)
		err = -ENOMEM;
	if (!err)
		err = take_all_unfiled(&lost);
	if (!err) {
		count_internal(&lost);
		err = decide_and_make(&lost, &known, &report);
	}
	free(lost.unnamed);
	free(lost.unfiled);
	free(lost.topics);
	free(lost.evidence);
	dir_owners_close(&lost.owners);
	return err;
}
