/* Happy path: read the file; take each record that passes its checksum, in order, over bytes that are none; replay it, and leave out what does not fit
 * (a topic that grew, but whose creation is lost). Then the topics of the directories: those that a good record deleted are left alone; of two with one name the newer
 * one is taken. Then those of the journals alone, under names that are made up. Then the whole state is written as a file of its own, the old one having been copied aside.
 *
 * The incarnation is one more than that of the latest opening that anything else knows. Producer ids go on far behind the last block that is known, as blocks may have
 * been handed out that no record tells of. */
#include "log/catalog/catalog_salvage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/bytes.h"
#include "log/base/uuid_text.h"
#include "log/catalog/catalog_load.h"
#include "log/catalog/catalog_replay.h"
#include "log/io/small_file.h"

struct salvage {
	struct io *io;
	const char *dir;
	struct catalog_state state;
	struct image_room *room;
	struct uuid *deleted;
	uint32_t deleted_count;
	struct salvage_topic *topics;
	uint32_t topic_count;
	const struct salvage_told *told;
	uint32_t told_count;
	struct salvage_report *report;
};

static void path_of(const struct salvage *salvage, const char *name, char *out, size_t size)
{
	snprintf(out, size, "%s/%s", salvage->dir, name);
}

/* ---- what records say ------------------------------------------------------------------------------------------- */

static int add_deleted(struct salvage *salvage, const uint8_t *id)
{
	struct uuid *grown = realloc(salvage->deleted, (salvage->deleted_count + 1) * sizeof *grown);
	if (!grown)
		return -ENOMEM;
	salvage->deleted = grown;
	memcpy(grown[salvage->deleted_count++].bytes, id, sizeof grown->bytes);
	return 0;
}

static int note_deleted(struct salvage *salvage, const struct catalog_frame *frame)
{
	struct catalog_cursor body = {frame->body.data, frame->body.data + frame->body.size, false};
	int err = 0;
	for (uint32_t count = catalog_take_u32(&body); count && !body.has_failed && !err; count--)
		err = add_deleted(salvage, catalog_take(&body, sizeof(struct uuid)));
	return err;
}

/* The record of that opening may be lost; without this one a journal of before would pass for the last. */
static void take_noted_opening(struct salvage *salvage, const struct catalog_frame *frame)
{
	struct catalog_cursor body = {frame->body.data, frame->body.data + frame->body.size, false};
	uint64_t incarnation = catalog_take_u64(&body);
	if (!body.has_failed && incarnation > salvage->state.incarnation && incarnation <= CATALOG_INCARNATION_MAX)
		salvage->state.incarnation = incarnation;
}

static int take_record(struct salvage *salvage, const struct catalog_frame *frame)
{
	char why[256] = "";
	int err = frame->kind == CATALOG_DELETED ? note_deleted(salvage, frame) : 0;
	if (frame->kind == CATALOG_JOURNALS)
		take_noted_opening(salvage, frame);
	if (!err)
		err = catalog_replay(&salvage->state, frame, why, sizeof why);
	if (err == ERR_FORMAT) {
		salvage->report->records_bad++;
		return 0;
	}
	salvage->report->records_good += !err;
	return err;
}

static uint64_t sequence_at(struct slice file, size_t position)
{
	return position + CATALOG_FRAME_SIZE <= file.size ? load_le64(file.data + position + 8) : 0;
}

static int take_file(struct salvage *salvage, struct slice file)
{
	bool has_header = catalog_header_is_good(file);
	size_t at = has_header ? CATALOG_HEADER_SIZE : 0;
	uint64_t sequence = 0;
	salvage->report->records_bad += !has_header && file.size;
	while (at < file.size) {
		struct catalog_frame frame;
		int err = 0;
		uint64_t found = sequence_at(file, at);
		if (found > sequence && catalog_next(file, at, found, &frame) == CATALOG_NEXT_RECORD) {
			err = take_record(salvage, &frame);
			sequence = found;
			at = frame.end;
		} else {
			salvage->report->records_bad += at > 0;
			at = catalog_find_later(file, at, sequence);
			if (!at)
				break;
		}
		if (err)
			return err;
	}
	return 0;
}

/* ---- what directories say ----------------------------------------------------------------------------------------- */

static bool was_deleted(const struct salvage *salvage, const struct uuid *id)
{
	for (uint32_t i = 0; i < salvage->deleted_count; i++)
		if (uuid_equal(&salvage->deleted[i], id))
			return true;
	return false;
}

/* A change as the record that would have said it. */
static int replay_bytes(struct salvage *salvage, struct catalog_bytes *bytes)
{
	struct catalog_frame frame;
	char why[256];
	int err = bytes->has_failed ? -ENOMEM : 0;
	if (!err && catalog_next((struct slice){bytes->data, bytes->size}, 0, 1, &frame) == CATALOG_NEXT_RECORD)
		err = catalog_replay(&salvage->state, &frame, why, sizeof why);
	free(bytes->data);
	return err;
}

/* Created at the first opening, for all that is known: so its leader epoch is none that was there before. */
static int create_topic(struct salvage *salvage, struct salvage_topic *topic)
{
	struct catalog_bytes bytes = {0};
	catalog_begin(&bytes, CATALOG_CREATED, 1);
	catalog_put_u32(&bytes, 1);
	catalog_put(&bytes, topic->id.bytes, sizeof topic->id.bytes);
	catalog_put_text(&bytes, topic->name);
	catalog_put_u32(&bytes, topic->made_count > topic->partition_count ? topic->made_count : topic->partition_count);
	catalog_put_u64(&bytes, 1);
	catalog_put_u32(&bytes, 0);
	catalog_end(&bytes);
	int err = replay_bytes(salvage, &bytes);
	salvage->report->topics_found += !err;
	topic->fate = err ? SALVAGE_REFUSED : SALVAGE_MADE;
	return err == ERR_FORMAT ? 0 : err;
}

static int grow_topic(struct salvage *salvage, const struct salvage_topic *topic)
{
	struct catalog_bytes bytes = {0};
	catalog_begin(&bytes, CATALOG_GROWN, 1);
	catalog_put(&bytes, topic->id.bytes, sizeof topic->id.bytes);
	catalog_put_u32(&bytes, topic->partition_count);
	catalog_end(&bytes);
	int err = replay_bytes(salvage, &bytes);
	return err == ERR_FORMAT ? 0 : err;
}

/* ---- two topics of one name -------------------------------------------------------------------------------------- */

static struct salvage_topic *find_by_id(const struct salvage *salvage, const struct uuid *id)
{
	for (uint32_t i = 0; i < salvage->topic_count; i++)
		if (uuid_equal(&salvage->topics[i].id, id))
			return &salvage->topics[i];
	return NULL;
}

static bool has_directories(const struct salvage_topic *topic)
{
	return topic && !topic->spare_name.data;
}

static const struct catalog_mark *told_mark(const struct salvage *salvage, const struct uuid *id)
{
	const struct salvage_topic *topic = find_by_id(salvage, id);
	if (topic)
		return topic->is_told ? &topic->told : NULL;
	for (uint32_t i = 0; i < salvage->told_count; i++)
		if (uuid_equal(&salvage->told[i].id, id))
			return &salvage->told[i].mark;
	return NULL;
}

/* A catalog of an earlier time, or with a hole, knows a topic that was deleted since then, and made again under its name. Which of the two lives? The one that is told of
 * last. Where that does not say, the one that has directories; and the one that the catalog knows if both have. */
static bool is_newer(const struct salvage *salvage, const struct salvage_topic *topic, const struct uuid *holder)
{
	const struct catalog_mark *mark = told_mark(salvage, &topic->id), *holders = told_mark(salvage, holder);
	if (!mark != !holders)
		return mark != NULL;
	if (mark && catalog_mark_is_before(mark, holders))
		return false;
	if (mark && catalog_mark_is_before(holders, mark))
		return true;
	return !has_directories(find_by_id(salvage, holder));
}

/* Deleted, as the record would have it that is lost. */
static int drop(struct salvage *salvage, const struct uuid *id)
{
	struct catalog_bytes bytes = {0};
	catalog_begin(&bytes, CATALOG_DELETED, 1);
	catalog_put_u32(&bytes, 1);
	catalog_put(&bytes, id->bytes, sizeof id->bytes);
	catalog_end(&bytes);
	int err = add_deleted(salvage, id->bytes);
	return err ? err : replay_bytes(salvage, &bytes);
}

static int drop_for(struct salvage *salvage, struct salvage_topic *topic, const struct topic *holder)
{
	struct salvage_topic *older = find_by_id(salvage, &holder->id);
	topic->has_replaced = true;
	topic->replaced = holder->id;
	if (older)
		older->fate = SALVAGE_OLDER;
	return drop(salvage, &topic->replaced);
}

/* Before any other is judged: its name may be another's by now. */
static int drop_all_gone(struct salvage *salvage)
{
	int err = 0;
	for (uint32_t i = 0; i < salvage->topic_count && !err; i++) {
		struct salvage_topic *topic = &salvage->topics[i];
		bool is_known = topic->is_gone && catalog_topic_by_id(salvage->state.draft.image, &topic->id);
		if (topic->is_gone)
			topic->fate = SALVAGE_DELETED;
		if (is_known)
			err = drop(salvage, &topic->id);
	}
	return err;
}

/* Nobody's name is taken for it. */
static int take_nameless(struct salvage *salvage, struct salvage_topic *topic)
{
	const struct catalog_image *image = salvage->state.draft.image;
	if (catalog_topic_by_name(image, topic->name)) {
		topic->name = topic->spare_name;
		topic->made_count = 0;
	}
	topic->fate = SALVAGE_REFUSED;
	return catalog_topic_by_name(image, topic->name) ? 0 : create_topic(salvage, topic);
}

/* No record names it. */
static int take_unknown(struct salvage *salvage, struct salvage_topic *topic)
{
	const struct topic *holder = catalog_topic_by_name(salvage->state.draft.image, topic->name);
	int err = 0;
	if (holder && !is_newer(salvage, topic, &holder->id)) {
		topic->fate = SALVAGE_OLDER;
		return 0;
	}
	if (holder)
		err = drop_for(salvage, topic, holder);
	return err ? err : create_topic(salvage, topic);
}

static int take_topic(struct salvage *salvage, struct salvage_topic *topic)
{
	const struct topic *known = catalog_topic_by_id(salvage->state.draft.image, &topic->id);
	if (topic->fate == SALVAGE_OLDER || topic->is_gone)
		return 0;
	topic->fate = SALVAGE_KNOWN;
	if (known)
		return topic->partition_count > known->partition_count ? grow_topic(salvage, topic) : 0;
	topic->fate = SALVAGE_DELETED;
	if (was_deleted(salvage, &topic->id))
		return 0;
	return has_directories(topic) ? take_unknown(salvage, topic) : take_nameless(salvage, topic);
}

/* ---- whose directory ---------------------------------------------------------------------------------------------- */

static void make_identity(struct salvage *salvage)
{
	struct meta_properties *identity = &salvage->state.identity;
	struct uuid cluster_id;
	io_random(salvage->io, cluster_id.bytes, sizeof cluster_id.bytes);
	io_random(salvage->io, identity->directory_id.bytes, sizeof identity->directory_id.bytes);
	uuid_text_format(identity->cluster_id, &cluster_id);
	identity->node_id = (int32_t)broker_config_int(salvage->state.defaults.broker, "node.id");
	salvage->report->is_identity_new = true;
}

static void settle_identity(struct salvage *salvage)
{
	char path[4096], why[256];
	if (salvage->state.has_identity)
		return;
	path_of(salvage, "meta.properties", path, sizeof path);
	if (meta_properties_read(&salvage->state.identity, salvage->io, path, why, sizeof why))
		make_identity(salvage);
	salvage->report->node_id = salvage->state.identity.node_id;
	salvage->state.has_identity = true;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static int keep_aside(struct salvage *salvage, struct slice file)
{
	if (!file.size)
		return 0;
	snprintf(salvage->report->aside, sizeof salvage->report->aside, "%s/catalog.log.damaged-%llu", salvage->dir,
		 (unsigned long long)salvage->state.incarnation);
	return small_file_replace(salvage->io, salvage->report->aside, file.data, file.size);
}

static int write_anew(struct salvage *salvage, struct slice file)
{
	struct catalog_bytes bytes = {0};
	uint64_t sequence;
	char path[4096];
	catalog_put_state(&bytes, &salvage->state, &sequence);
	path_of(salvage, "catalog.log", path, sizeof path);
	int err = bytes.has_failed ? -ENOMEM : keep_aside(salvage, file);
	if (!err)
		err = small_file_replace(salvage->io, path, bytes.data, bytes.size);
	free(bytes.data);
	return err;
}

static int run(struct salvage *salvage, struct slice file, const struct catalog_mark *known, bool is_dry_run)
{
	int err = take_file(salvage, file);
	salvage->report->topics_kept = err ? 0 : salvage->state.draft.image->topic_count;
	if (!err)
		err = drop_all_gone(salvage);
	for (uint32_t i = 0; i < salvage->topic_count && !err; i++)
		err = take_topic(salvage, &salvage->topics[i]);
	if (err)
		return err;
	settle_identity(salvage);
	/* Its records are counted from 1 again, which an opening alone may do: or it would be taken for a file of before what is known. Where nothing tells of an
	 * opening there was one all the same; and a catalog that counts none does not open. */
	if (salvage->state.incarnation <= known->incarnation)
		salvage->state.incarnation = known->incarnation + 1;
	catalog_leap_producer_ids(&salvage->state);
	return is_dry_run ? 0 : write_anew(salvage, file);
}

static void count_unnamed(struct salvage *salvage)
{
	for (uint32_t i = 0; i < salvage->told_count; i++) {
		const struct uuid *id = &salvage->told[i].id;
		salvage->report->topics_unnamed += !catalog_topic_by_id(salvage->state.draft.image, id) && !was_deleted(salvage, id);
	}
}

static bool is_told_of(const struct salvage *salvage, const struct uuid *id)
{
	for (uint32_t i = 0; i < salvage->told_count; i++)
		if (uuid_equal(&salvage->told[i].id, id))
			return true;
	return find_by_id(salvage, id) != NULL;
}

static void note_unheard(struct salvage *salvage)
{
	struct salvage_report *report = salvage->report;
	const struct catalog_image *image = salvage->state.draft.image;
	for (uint32_t i = 0; i < image->topic_count; i++) {
		const struct topic *topic = image->topics[i];
		size_t used = strlen(report->unheard);
		if (is_told_of(salvage, &topic->id))
			continue;
		report->topics_unheard++;
		if (used + strlen(topic->name) + 3 < sizeof report->unheard)
			snprintf(report->unheard + used, sizeof report->unheard - used, "%s%s", used ? ", " : "", topic->name);
	}
}

static void close_all(struct salvage *salvage)
{
	struct image_draft *draft = &salvage->state.draft;
	if (draft->image) {
		catalog_destroy_retired(&salvage->state);
		for (uint32_t i = 0; i < draft->image->topic_count; i++)
			catalog_topic_destroy(draft->image->topics[i]);
		image_draft_discard(draft);
	}
	if (salvage->room)
		image_room_close(salvage->room);
	free(salvage->deleted);
}

int catalog_salvage(struct io *io, const char *dir, const struct broker_config *broker, const struct catalog_mark *known,
		    struct salvage_topic *topics, uint32_t topic_count, const struct salvage_told *told, uint32_t told_count,
		    bool is_dry_run, struct salvage_report *report)
{
	struct salvage salvage = {.io = io, .dir = dir, .topics = topics, .topic_count = topic_count, .told = told, .told_count = told_count,
				  .report = report, .room = image_room_open()};
	struct catalog_loaded loaded = {0};
	char path[4096];
	*report = (struct salvage_report){0};
	salvage.state.defaults.broker = broker;
	topic_config_resolve(&salvage.state.defaults.config, broker);
	int err = salvage.room ? image_draft_begin(&salvage.state.draft, salvage.room, 0) : -ENOMEM;
	path_of(&salvage, "catalog.log", path, sizeof path);
	if (!err)
		err = catalog_load(io, path, &loaded);
	if (!err || err == -ENOENT)
		err = run(&salvage, (struct slice){loaded.data, loaded.size}, known, is_dry_run);
	if (!err)
		count_unnamed(&salvage);
	if (!err)
		note_unheard(&salvage);
	free(loaded.data);
	close_all(&salvage);
	return err;
}
