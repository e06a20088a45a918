/* A data directory: topics, partitions, segments, and the batches of several segments.
 *
 * Failure modes: a catalog that cannot be read (it goes on without topics), a topic or partition that has no files. */
#include "cli/log_inspect_dir.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/out.h"
#include "log/base/uuid_text.h"
#include "log/io/small_file.h"
#include "log/segment/seal.h"

/* What is wrong is `log verify`'s to say. */
static void ignore_finding(void *context, const struct finding *finding) {}

/* ---- opening ------------------------------------------------------------------------------------------- */

static int open_catalog(struct inspect *inspect)
{
	struct catalog_report report;
	int err = broker_config_create(&inspect->config);
	if (err || !inspect->dir.has_catalog)
		return err;
	err = catalog_open_read_only(&inspect->catalog, inspect->io, inspect->path, inspect->config, &report);
	if (err) {
		complain("%s; going on without topics", report.why);
		return 0;
	}
	inspect->image = catalog_image_acquire(inspect->catalog);
	return 0;
}

static int open_directory(struct inspect *inspect)
{
	int err = data_dir_read(&inspect->dir, inspect->io, inspect->path);
	if (err)
		return err;
	inspect->sink = (struct verify_sink){.io = inspect->io, .dir = inspect->path,
					     .found = ignore_finding};
	err = open_catalog(inspect);
	if (!err)
		err = picture_open(&inspect->picture, &inspect->sink, inspect->image);
	for (uint32_t shard = 0; shard < inspect->dir.shard_count && !err; shard++) {
		struct journal_report journal;
		err = picture_add_shard(&inspect->picture, shard, inspect->dir.has_checkpoint[shard],
					inspect->dir.has_journal[shard], &journal);
	}
	return err;
}

static void close_directory(struct inspect *inspect)
{
	picture_close(&inspect->picture);
	if (inspect->image)
		catalog_image_release(inspect->image);
	catalog_close(inspect->catalog);
	if (inspect->config)
		broker_config_destroy(inspect->config);
	data_dir_free(&inspect->dir);
}

static const struct topic *find_topic(const struct inspect *inspect, const char *name)
{
	struct slice slice = {(const uint8_t *)name, strlen(name)};
	return inspect->image ? catalog_topic_by_name(inspect->image, slice) : NULL;
}

static struct picture_partition *find_picture(const struct inspect *inspect, const char *topic_name,
					      int32_t partition)
{
	const struct topic *topic = partition >= 0 ? find_topic(inspect, topic_name) : NULL;
	return topic ? picture_find(&inspect->picture, &topic->id, (uint32_t)partition) : NULL;
}

/* ---- the overview -------------------------------------------------------------------------------------- */

static void show_identity(struct out *out, const struct inspect *inspect)
{
	if (!inspect->catalog) {
		out_text(out, "catalog", "catalog",
			 "none: a directory of Apache Kafka's, or of one partition");
		return;
	}
	char id[UUID_TEXT_SIZE];
	uuid_text_format(id, catalog_directory_id(inspect->catalog));
	out_text(out, "cluster_id", "cluster", catalog_cluster_id(inspect->catalog));
	out_int(out, "node_id", "node", catalog_node_id(inspect->catalog));
	out_text(out, "directory_id", "directory", id);
	out_int(out, "incarnation", "times opened", (int64_t)catalog_incarnation(inspect->catalog));
}

static void show_topics(struct out *out, const struct catalog_image *image)
{
	static const char *const columns[] = {"topic=TOPIC", "id=ID", "partitions=>PARTITIONS",
					      "configs=>CONFIGS SET"};
	struct out_table *table = out_table_begin(out, "topics", columns, COUNT_OF(columns));
	for (uint32_t i = 0; image && i < image->topic_count; i++) {
		char id[UUID_TEXT_SIZE];
		uuid_text_format(id, &image->topics[i]->id);
		OUT_ROW(table, cell_text(image->topics[i]->name), cell_text(id),
			cell_int(image->topics[i]->partition_count),
			cell_int(image->topics[i]->override_count));
	}
	out_table_end(table, "topics", "none");
}

static void add_partition(struct out_table *table, const struct inspect *inspect, const char *topic,
			  int32_t index, const struct partition_dir *files)
{
	const struct picture_partition *picture = find_picture(inspect, topic, index);
	uint64_t bytes = 0;
	uint32_t logs = 0, sealed = 0;
	for (uint32_t i = 0; files && i < files->segment_count; i++) {
		bytes += files->segments[i].size_bytes[SEGMENT_FILE_LOG];
		logs += files->segments[i].has[SEGMENT_FILE_LOG];
		sealed += files->segments[i].has[SEGMENT_FILE_SEAL];
	}
	OUT_ROW(table, cell_text(topic), cell_offset(index),
		cell_offset(picture ? picture->start_offset : NOWHERE),
		cell_offset(picture ? picture->next_offset : NOWHERE),
		cell_offset(picture ? picture->journal_from : NOWHERE), cell_int(logs), cell_int(sealed),
		cell_int((int64_t)bytes));
}

/* Those with a directory, then those that are in the journal alone. */
static void show_partitions(struct out *out, const struct inspect *inspect)
{
	static const char *const columns[] = {"topic=TOPIC", "partition=>PARTITION",
					      "log_start_offset=>LOG START", "log_end_offset=>LOG END",
					      "journal_from=>JOURNAL FROM", "segments=>SEGMENTS", "sealed=>SEALED", "bytes=>BYTES"};
	struct out_table *table = out_table_begin(out, "partitions", columns, COUNT_OF(columns));
	for (uint32_t i = 0; i < inspect->dir.partition_count; i++) {
		const struct partition_dir *files = &inspect->dir.partitions[i];
		add_partition(table, inspect, files->partition >= 0 ? files->topic : files->name,
			      files->partition, files);
	}
	for (uint32_t i = 0; i < inspect->picture.count; i++) {
		const struct picture_partition *picture = inspect->picture.partitions[i];
		const struct topic *topic = NULL;
		if (inspect->image)
			topic = catalog_topic_by_id(inspect->image, &picture->topic_id);
		if (topic && !data_dir_find(&inspect->dir, topic->name, picture->index))
			add_partition(table, inspect, topic->name, (int32_t)picture->index, NULL);
	}
	out_table_end(table, "partitions that hold something", "none");
}

static int show_overview(const struct inspect *inspect)
{
	struct out *out = out_open(inspect->is_json);
	show_identity(out, inspect);
	show_topics(out, inspect->image);
	show_partitions(out, inspect);
	out_close(out);
	return STATUS_OK;
}

/* ---- the segments of a topic or partition -------------------------------------------------------------- */

static bool is_wanted(const struct inspect *inspect, const struct partition_dir *files)
{
	if (!inspect->topic)
		return true;
	return strcmp(files->topic, inspect->topic) == 0 &&
	       (inspect->partition < 0 || files->partition == inspect->partition);
}

static bool read_seal(const struct inspect *inspect, const struct partition_dir *files,
		      const struct segment_files *segment, struct seal *seal)
{
	char name[SEGMENT_NAME_SIZE], path[4096];
	uint8_t *data;
	size_t size;
	segment_name_format(name, segment->base_offset, SEGMENT_FILE_SEAL);
	snprintf(path, sizeof path, "%s/%s/%s", inspect->path, files->name, name);
	if (!segment->has[SEGMENT_FILE_SEAL] ||
	    small_file_read(inspect->io, path, 16 * SEAL_SIZE, &data, &size))
		return false;
	bool is_good = seal_decode(seal, (struct slice){data, size}) == 0;
	free(data);
	return is_good;
}

static void add_segment(struct out_table *table, const struct inspect *inspect,
			const struct partition_dir *files, const struct segment_files *segment)
{
	struct seal seal = {.next_offset = NOWHERE};
	bool is_sealed = read_seal(inspect, files, segment, &seal);
	struct picture_partition *picture = find_picture(inspect, files->topic, files->partition);
	const struct picture_segment *known = picture ? picture_segment(picture, segment->base_offset) : NULL;
	OUT_ROW(table, cell_text(files->topic), cell_offset(files->partition), cell_int(segment->base_offset),
		cell_offset(is_sealed ? seal.next_offset : known ? known->required.offset : NOWHERE),
		cell_int((int64_t)segment->size_bytes[SEGMENT_FILE_LOG]),
		cell_offset(is_sealed ? (int64_t)seal.batch_count : NOWHERE),
		cell_offset(is_sealed ? (int64_t)seal.record_count : NOWHERE),
		cell_offset(is_sealed ? seal.max_timestamp_ms : NOWHERE),
		cell_text(is_sealed ? "sealed" : known && known->is_complete ? "complete" : "active"));
}

static int show_segments(const struct inspect *inspect)
{
	static const char *const columns[] = {"topic=TOPIC", "partition=>PARTITION", "base_offset=>FIRST",
					      "next_offset=>FILED TO", "bytes=>BYTES", "batches=>BATCHES",
					      "records=>RECORDS", "max_timestamp=>MAX TIMESTAMP",
					      "state=STATE"};
	struct out *out = out_open(inspect->is_json);
	struct out_table *table = out_table_begin(out, "segments", columns, COUNT_OF(columns));
	for (uint32_t i = 0; i < inspect->dir.partition_count; i++) {
		const struct partition_dir *files = &inspect->dir.partitions[i];
		for (uint32_t j = 0; is_wanted(inspect, files) && j < files->segment_count; j++)
			if (files->segments[j].has[SEGMENT_FILE_LOG])
				add_segment(table, inspect, files, &files->segments[j]);
	}
	out_table_end(table, NULL, "no segments: what was appended may still be in the journal alone");
	out_close(out);
	return STATUS_OK;
}

/* ---- batches ------------------------------------------------------------------------------------------- */

/* Does the segment end before the range, by the base of the next one? */
static bool is_before_range(const struct inspect *inspect, const struct partition_dir *files, uint32_t i)
{
	return i + 1 < files->segment_count && files->segments[i + 1].base_offset <= inspect->range.from;
}

static int show_batches_of(const struct inspect *inspect, const struct partition_dir *files)
{
	int status = STATUS_OK;
	for (uint32_t i = 0; i < files->segment_count && !status; i++) {
		const struct segment_files *segment = &files->segments[i];
		char name[SEGMENT_NAME_SIZE], file[4096];
		if (!segment->has[SEGMENT_FILE_LOG] || is_before_range(inspect, files, i) ||
		    segment->base_offset >= inspect->range.to)
			continue;
		segment_name_format(name, segment->base_offset, SEGMENT_FILE_LOG);
		snprintf(file, sizeof file, "%s%s%s", files->name, *files->name ? "/" : "", name);
		status = log_inspect_log(inspect->io, inspect->path, file, files->topic, files->partition,
					 segment->base_offset, &inspect->range, inspect->with_records,
					 inspect->is_json);
	}
	return status;
}

static int show_batches(const struct inspect *inspect)
{
	int status = STATUS_OK;
	for (uint32_t i = 0; i < inspect->dir.partition_count && !status; i++)
		if (is_wanted(inspect, &inspect->dir.partitions[i]))
			status = show_batches_of(inspect, &inspect->dir.partitions[i]);
	return status;
}

/* ---- what was asked for -------------------------------------------------------------------------------- */

static bool has_wanted(const struct inspect *inspect)
{
	for (uint32_t i = 0; i < inspect->dir.partition_count; i++)
		if (is_wanted(inspect, &inspect->dir.partitions[i]))
			return true;
	return false;
}

static int refuse_topic(const struct inspect *inspect)
{
	bool is_known = find_topic(inspect, inspect->topic) != NULL;
	complain("%s has no files of topic %s%s", inspect->path, inspect->topic,
		 is_known ? " there: nothing was appended, or it is still in the journal alone"
			  : "; 'spate log inspect DIR' lists what there is");
	return STATUS_USAGE;
}

int log_inspect_directory(struct inspect *inspect)
{
	int status = log_check_directory(inspect->io, inspect->path);
	if (status)
		return status;
	int err = open_directory(inspect);
	if (err) {
		complain("%s: %s", inspect->path, err_text(err));
		status = STATUS_FAILED;
	} else if (inspect->topic && !has_wanted(inspect)) {
		status = refuse_topic(inspect);
	} else if (inspect->with_batches || inspect->with_records || inspect->offsets) {
		status = show_batches(inspect);
	} else {
		status = inspect->topic ? show_segments(inspect) : show_overview(inspect);
	}
	close_directory(inspect);
	return status;
}
