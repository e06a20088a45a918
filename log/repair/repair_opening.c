/* One opening of catalog and stores: what needs them open is done between a start and a clean stop.
 *
 * Happy path: catalog and stores are opened with their losses accepted; damaged ranges are fenced, fences before what is whole again taken away, derived files of sealed
 * segments marked to be made anew; the stop files what the journal holds, and writes all that.
 * Failure modes: a sentence in the report; what was done by then is complete in itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/repair/aside.h"
#include "log/repair/lost_catalog.h"
#include "log/repair/repair_priv.h"
#include "log/segment/foreign_file.h"
#include "log/segment/partition_metadata.h"

#define TURNS_MAX 10000000

int repair__set_aside(struct repair *repair, const char *name)
{
	char path[4096];
	repair__path_of(repair, name, path, sizeof path);
	int err = repair_rename_damaged(repair->io, path);
	return err ? repair__fail(repair, err, name, "") : 0;
}

int repair__open_catalog(struct repair *repair)
{
	struct catalog_knowledge known = {.is_loss_accepted = repair->options->is_loss_accepted, .shard_count = repair->shard_count};
	struct catalog_report found = {0};
	int err = store_read_catalog_mark(repair->io, repair->options->dir, repair->shard_count, &known.mark);
	if (!err)
		err = catalog_open_knowing(&repair->catalog, repair->io, repair->options->dir, repair->options->config, &known, &found);
	/* Nobody could hold the two against each other while catalog.log was not readable. What could be saved of it says whose directory this is. */
	if (err == ERR_FORMAT && found.is_another && repair->needs_catalog) {
		err = repair__set_aside(repair, "meta.properties");
		if (!err)
			err = catalog_open_knowing(&repair->catalog, repair->io, repair->options->dir, repair->options->config, &known, &found);
	}
	if (!err)
		err = catalog_check_shards(repair->catalog, &found);
	if (err)
		return repair__fail(repair, err, "the catalog cannot be opened", found.why);
	repair->image = catalog_image_acquire(repair->catalog);
	return 0;
}

int repair__open_stores(struct repair *repair)
{
	const struct broker_config *config = repair->options->config;
	for (uint32_t shard = 0; shard < repair->shard_count; shard++) {
		struct store_options options = {
			.dir = repair->options->dir,
			.shard = shard,
			.shard_count = repair->shard_count,
			.incarnation = catalog_incarnation(repair->catalog),
			.journal_incarnation = catalog_journal_incarnation(repair->catalog),
			.directory_id = catalog_directory_id(repair->catalog),
			.is_catalog_new = repair->needs_catalog,
			.journal_size_bytes = (uint64_t)broker_config_int(config, "spate.journal.bytes"),
			.cache_size_bytes = (uint64_t)broker_config_int(config, "spate.cache.bytes"),
			.producers_max = 100000,
			.producer_expiration_ms = broker_config_int(config, "producer.id.expiration.ms"),
			.is_loss_accepted = repair->options->is_loss_accepted,
		};
		struct store_report report;
		int err = store_open(&repair->stores[shard], repair->io, &options, repair->image, &report);
		if (err)
			return repair__fail(repair, err, "the store cannot be opened", report.why);
	}
	bool have_started = true;
	for (uint32_t shard = 0; shard < repair->shard_count; shard++)
		have_started &= store_has_started(repair->stores[shard]);
	int err = have_started ? catalog_note_journals(repair->catalog) : 0;
	return err ? repair__fail(repair, err, "the catalog cannot be written", "") : 0;
}

static struct partition *partition_of(struct repair *repair, const struct finding *finding)
{
	struct slice name = {(const uint8_t *)finding->topic, strlen(finding->topic)};
	const struct topic *topic = catalog_topic_by_name(repair->image, name);
	uint32_t index = (uint32_t)finding->partition;
	if (!topic || finding->partition < 0 || index >= topic->partition_count)
		return NULL;
	uint32_t shard = store_owner(&topic->id, index, repair->shard_count);
	return store_partition(repair->stores[shard], &topic->id, index);
}

/* False: the log ends before the range does. What the opening gave up of it nobody can fence any more, and the second look sees a log that ends there. */
static bool fence(struct repair *repair, const struct finding *finding)
{
	struct partition *partition = partition_of(repair, finding);
	int64_t end = partition ? partition_high_watermark(partition) : 0;
	int64_t to = finding->to == NOWHERE || finding->to > end ? end : finding->to;
	if (partition && to > finding->from)
		partition__add_damage(partition, finding->from, to);
	return !partition || finding->to == NOWHERE || finding->to <= end;
}

static void unfence(struct repair *repair, const struct finding *finding)
{
	struct partition *partition = partition_of(repair, finding);
	if (partition)
		partition__lift_damage(partition, finding->from, finding->to);
}

static void tell_unfenced(struct repair *repair, struct kept_finding *kept)
{
	kept->action = REPAIR_NOTHING;
	repair->report->unfenced++;
	repair__tell(repair, kept, "NOT fenced as was said: after the opening the log ends before these offsets, and they will be given out again");
}

/* Of a complete segment: its derived files are written again with the seal, at the stop. The active one's are when it is complete. */
static void make_anew(struct repair *repair, const struct finding *finding)
{
	struct partition *partition = partition_of(repair, finding);
	const char *slash = strrchr(finding->file, '/');
	int64_t base = -1;
	enum segment_file file = SEGMENT_FILE_LOG;
	char path[8192];
	if (!partition || !slash)
		return;
	bool is_segments = segment_name_parse(slash + 1, &base, &file);
	if (is_segments && file == SEGMENT_FILE_LOG)
		return;
	repair__path_of(repair, finding->file, path, sizeof path);
	/* Producers' state is in the checkpoint as well, and an old one is missed by nobody; append times are nowhere else. */
	bool is_made_anew = !is_segments || (file != SEGMENT_FILE_SNAPSHOT && file != SEGMENT_FILE_APPEND_TIME);
	int err = is_made_anew ? foreign_file_unlink(repair->io, path) : repair_rename_damaged(repair->io, path);
	(void)err; /* it is written over then, or the second look tells */
	partition->epochs_changed |= !is_segments; /* leader-epoch-checkpoint is the other one */
	partition->home->has_rolled = true;        /* or a stop with nothing to file would not come by */
	if (!is_segments || !is_made_anew)
		return;
	struct segment *segment = partition__segment_at(partition, base);
	if (!segment || segment->base_offset != base || !segment->is_complete)
		return;
	partition__seal_again(partition, segment);
}

/* Also writes partition.metadata again where it does not say whose the directory is. */
static void mend_directory(struct repair *repair, const struct finding *finding)
{
	struct partition *partition = partition_of(repair, finding);
	int err = partition ? partition__prepare_dir(partition) : 0;
	(void)err; /* the second look tells */
}

void repair__apply(struct repair *repair)
{
	for (uint32_t i = 0; i < repair->count; i++) {
		struct kept_finding *kept = &repair->findings[i];
		if (!kept->topic || repair_is_quarantined(repair->options, kept->topic))
			continue;
		bool is_fenced = kept->action != REPAIR_FENCE || fence(repair, &kept->finding);
		if (!is_fenced)
			tell_unfenced(repair, kept);
		else if (kept->action == REPAIR_UNFENCE)
			unfence(repair, &kept->finding);
		else if (kept->action == REPAIR_REBUILD && strstr(kept->file, PARTITION_METADATA_NAME))
			mend_directory(repair, &kept->finding);
		else if (kept->action == REPAIR_REBUILD)
			make_anew(repair, &kept->finding);
	}
}

static bool are_stopped(const struct repair *repair)
{
	for (uint32_t shard = 0; shard < repair->shard_count; shard++)
		if (!store_is_stopped(repair->stores[shard]))
			return false;
	return true;
}

int repair__stop_stores(struct repair *repair)
{
	bool has_failed = false;
	for (uint32_t shard = 0; shard < repair->shard_count; shard++)
		store_stop(repair->stores[shard]);
	for (int turns = 0; !are_stopped(repair) && turns < TURNS_MAX; turns++) {
		for (uint32_t shard = 0; shard < repair->shard_count; shard++)
			store_turn(repair->stores[shard]);
		int err = are_stopped(repair) ? 0 : io_turn(repair->io, true);
		if (err < 0)
			return repair__fail(repair, err, "the stop", "");
	}
	for (uint32_t shard = 0; shard < repair->shard_count; shard++)
		has_failed |= store_has_failed(repair->stores[shard]);
	if (has_failed || !are_stopped(repair))
		return repair__fail(repair, -EIO, "the stop", "it did not come to its end: see the lines above, and begin again");
	repair->report->was_opened = true;
	return 0;
}

void repair__close(struct repair *repair)
{
	for (uint32_t shard = 0; shard < repair->shard_count; shard++)
		if (repair->stores[shard])
			store_close(repair->stores[shard]);
	if (repair->image)
		catalog_image_release(repair->image);
	if (repair->catalog)
		catalog_close(repair->catalog);
	memset(repair->stores, 0, sizeof repair->stores);
	repair->image = NULL;
	repair->catalog = NULL;
}
