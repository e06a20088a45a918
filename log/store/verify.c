/* The verifier: gathers what checkpoints, journals and segments say of each partition, then asks of every offset between the log start and what was
 * acknowledged: is it in a whole batch somewhere?
 *
 * A hole in that is damage. It is told with the bytes that are broken there, if a segment has such. Broken bytes without a hole are harmless: the
 * journal still has those records, or they were never acknowledged. Failure modes: what cannot be read ends it with -errno; whatever can be
 * read and is wrong is a finding. */
#include "log/store/verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "log/segment/segment_name.h"
#include "log/store/verify_priv.h"

void verify__tell(struct verify *verify, const struct verify_finding *finding)
{
	if (finding->kind == VERIFY_DAMAGE)
		verify->totals->damages++;
	else
		verify->totals->notes++;
	verify->found(verify->context, finding);
}

int verify__add_range(struct ranges *ranges, int64_t from, int64_t to)
{
	if (ranges->count && ranges->items[ranges->count - 1].to == from) {
		ranges->items[ranges->count - 1].to = to;
		return 0;
	}
	if (ranges->count == ranges->capacity) {
		uint32_t capacity = ranges->capacity ? 2 * ranges->capacity : 8;
		struct range *items = realloc(ranges->items, capacity * sizeof *items);
		if (!items)
			return -ENOMEM;
		ranges->items = items;
		ranges->capacity = capacity;
	}
	ranges->items[ranges->count++] = (struct range){from, to};
	return 0;
}

/* ---- partitions -------------------------------------------------------------------------------------------------------- */

static const struct topic *topic_of(const struct verify *verify, const char *name)
{
	return verify->image ? catalog_topic_by_name(verify->image, (struct slice){(const uint8_t *)name, strlen(name)}) : NULL;
}

static struct verify_partition *make_partition(struct verify *verify, const char *topic, uint32_t index)
{
	struct verify_partition *partition = calloc(1, sizeof *partition);
	if (!partition)
		return NULL;
	const struct topic *known = topic_of(verify, topic);
	snprintf(partition->topic, sizeof partition->topic, "%s", topic);
	partition->index = index;
	partition->log_start = partition->known_end = -1;
	/* Nothing is known of a topic without a catalog: gaps may be compaction's. */
	partition->is_compacted = !known || known->config.is_compacted;
	list_push_back(&verify->partitions, &partition->node);
	verify->totals->partitions++;
	return partition;
}

struct verify_partition *verify__partition(struct verify *verify, const char *topic, uint32_t index)
{
	struct verify_partition **bucket = &verify->buckets[XXH3_64bits_withSeed(topic, strlen(topic), index) % VERIFY_BUCKETS];
	for (struct verify_partition *partition = *bucket; partition; partition = partition->bucket_next)
		if (partition->index == index && strcmp(partition->topic, topic) == 0)
			return partition;
	struct verify_partition *partition = make_partition(verify, topic, index);
	if (partition) {
		partition->bucket_next = *bucket;
		*bucket = partition;
	}
	return partition;
}

struct verify_partition *verify__partition_by_id(struct verify *verify, const struct uuid *id, uint32_t index, bool *is_known)
{
	const struct topic *topic = verify->image ? catalog_topic_by_id(verify->image, id) : NULL;
	*is_known = topic && index < topic->partition_count;
	return *is_known ? verify__partition(verify, topic->name, index) : NULL;
}

static void free_partitions(struct verify *verify)
{
	for (struct list *node; (node = list_pop_front(&verify->partitions));) {
		struct verify_partition *partition = LIST_ENTRY(node, struct verify_partition, node);
		free(partition->segments.items);
		free(partition->journal.items);
		free(partition->bad);
		free(partition);
	}
}

/* ---- directories ----------------------------------------------------------------------------------------------------------- */

bool verify_parse_directory(const char *name, char *topic, uint32_t *partition)
{
	const char *dash = strrchr(name, '-');
	if (!dash || dash == name || (size_t)(dash - name) > TOPIC_NAME_SIZE_MAX || !dash[1] || strspn(dash + 1, "0123456789") != strlen(dash + 1) ||
	    strlen(dash + 1) > 7)
		return false;
	memcpy(topic, name, (size_t)(dash - name));
	topic[dash - name] = '\0';
	*partition = (uint32_t)strtoul(dash + 1, NULL, 10);
	return catalog_check_topic_name((struct slice){(const uint8_t *)topic, strlen(topic)}) == 0;
}

/* A directory whose topic the catalog does not have: left by a deletion that a crash cut short, and none of the log's. */
static void tell_stray(struct verify *verify, const char *name)
{
	verify__tell(verify, &(struct verify_finding){
		.kind = VERIFY_NOTE, .file = name, .from_offset = -1, .to_offset = -1, .what = "no topic of the catalog has this directory; it is not looked at",
	});
}

static int take_directory(void *context, const char *name, bool is_directory)
{
	struct verify *verify = context;
	char topic[TOPIC_NAME_SIZE_MAX + 1];
	uint32_t index;
	if (!is_directory || !verify_parse_directory(name, topic, &index))
		return 0;
	const struct topic *known = topic_of(verify, topic);
	if (verify->image && (!known || index >= known->partition_count)) {
		tell_stray(verify, name);
		return 0;
	}
	struct verify_partition *partition = verify__partition(verify, topic, index);
	if (!partition)
		return -ENOMEM;
	partition->has_directory = true;
	return 0;
}

/* ---- the verdict ------------------------------------------------------------------------------------------------------------- */

static int compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;
	return x->from < y->from ? -1 : x->from > y->from;
}

/* All that was found whole, in order. */
static int merge(const struct verify_partition *partition, struct ranges *out)
{
	uint32_t count = partition->segments.count + partition->journal.count;
	*out = (struct ranges){.items = malloc((count ? count : 1) * sizeof *out->items), .count = count};
	if (!out->items)
		return -ENOMEM;
	if (partition->segments.count)
		memcpy(out->items, partition->segments.items, partition->segments.count * sizeof *out->items);
	if (partition->journal.count)
		memcpy(out->items + partition->segments.count, partition->journal.items, partition->journal.count * sizeof *out->items);
	qsort(out->items, count, sizeof *out->items, compare_ranges);
	return 0;
}

/* The broken bytes where these offsets should be, or NULL. */
static struct bad_bytes *bad_bytes_of(const struct verify_partition *partition, const struct range *hole)
{
	for (uint32_t i = 0; i < partition->bad_count; i++) {
		struct bad_bytes *bad = &partition->bad[i];
		int64_t bad_end = bad->is_tail ? INT64_MAX : bad->offsets.to;
		if (bad->offsets.from < hole->to && hole->from < bad_end)
			return bad;
	}
	return NULL;
}

static void path_of(const struct verify_partition *partition, int64_t segment_base, char *out, size_t size)
{
	char name[SEGMENT_NAME_SIZE];
	segment_name_format(name, segment_base, SEGMENT_FILE_LOG);
	snprintf(out, size, "%s-%u/%s", partition->topic, partition->index, name);
}

static void tell_hole(struct verify *verify, const struct verify_partition *partition, const struct range *hole)
{
	char path[TOPIC_NAME_SIZE_MAX + 64];
	struct bad_bytes *bad = bad_bytes_of(partition, hole);
	struct verify_finding finding = {
		.kind = VERIFY_DAMAGE, .topic = partition->topic, .partition = partition->index, .from_offset = hole->from, .to_offset = hole->to,
		.what = "acknowledged records are in no segment and not in the journal",
	};
	if (bad) {
		path_of(partition, bad->segment_base, path, sizeof path);
		finding.file = path;
		finding.position = bad->position;
		finding.end_position = bad->end_position;
		finding.what = bad->is_zero ? "acknowledged records are missing; zeros are in their place" : "stored batches fail their check";
	}
	verify__tell(verify, &finding);
}

static bool is_in_hole(const struct bad_bytes *bad, const struct ranges *holes)
{
	for (uint32_t i = 0; i < holes->count; i++)
		if (bad->offsets.from < holes->items[i].to && holes->items[i].from < (bad->is_tail ? INT64_MAX : bad->offsets.to))
			return true;
	return false;
}

static void tell_harmless(struct verify *verify, const struct verify_partition *partition, const struct ranges *holes)
{
	for (uint32_t i = 0; i < partition->bad_count; i++) {
		const struct bad_bytes *bad = &partition->bad[i];
		if (bad->is_zero || is_in_hole(bad, holes))
			continue;
		char path[TOPIC_NAME_SIZE_MAX + 64];
		path_of(partition, bad->segment_base, path, sizeof path);
		verify__tell(verify, &(struct verify_finding){
			.kind = VERIFY_NOTE, .topic = partition->topic, .partition = partition->index, .file = path,
			.from_offset = bad->offsets.from, .to_offset = bad->offsets.to, .position = bad->position, .end_position = bad->end_position,
			.what = bad->is_tail ? "an unfinished write behind the last batch: never acknowledged, or still in the journal"
					     : "these bytes are no batch, but the journal has the records",
		});
	}
}

/* The offsets from the log start to what was acknowledged that are nowhere whole. Behind `end` a hole proves nothing: nobody was told. */
static int find_holes(const struct verify_partition *partition, const struct ranges *whole, int64_t end, struct ranges *holes)
{
	int64_t next = partition->log_start;
	int err = 0;
	for (uint32_t i = 0; i < whole->count && !err; i++) {
		int64_t to = whole->items[i].from < end ? whole->items[i].from : end;
		if (to > next)
			err = verify__add_range(holes, next, to);
		if (whole->items[i].to > next)
			next = whole->items[i].to;
	}
	return err || partition->known_end <= next ? err : verify__add_range(holes, next, partition->known_end);
}

static int judge(struct verify *verify, struct verify_partition *partition)
{
	struct ranges whole, holes = {0};
	int err = merge(partition, &whole);
	if (err)
		return err;
	/* Nothing says where the log begins: where the first record is. */
	if (partition->log_start < 0)
		partition->log_start = whole.count ? whole.items[0].from : 0;
	/* Kafka's own directories tell of no acknowledged end: a good batch behind a hole has to do. */
	err = find_holes(partition, &whole, verify->image ? partition->known_end : INT64_MAX, &holes);
	for (uint32_t i = 0; !err && i < holes.count; i++)
		tell_hole(verify, partition, &holes.items[i]);
	if (!err)
		tell_harmless(verify, partition, &holes);
	free(whole.items);
	free(holes.items);
	return err;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------ */

static int open_catalog(struct verify *verify, const struct broker_config *broker)
{
	struct catalog_report report;
	int err = catalog_open_read_only(&verify->catalog, verify->io, verify->dir, broker, &report);
	if (err == -ENOENT)
		return 0;
	if (err == ERR_CORRUPT_LOG || err == ERR_FORMAT) {
		verify__tell(verify, &(struct verify_finding){.kind = VERIFY_DAMAGE, .file = "catalog.log", .from_offset = -1, .to_offset = -1, .what = report.why});
		return 0;
	}
	if (err)
		return err;
	verify->image = catalog_image_acquire(verify->catalog);
	verify->totals->has_catalog = true;
	if (report.torn_bytes)
		verify__tell(verify, &(struct verify_finding){
			.kind = VERIFY_NOTE, .file = "catalog.log", .from_offset = -1, .to_offset = -1, .position = report.bytes,
			.end_position = report.bytes + report.torn_bytes, .what = "an unfinished change at the end: never answered; the next start cuts it off",
		});
	return 0;
}

static int check_all(struct verify *verify)
{
	int err = verify__read_sources(verify);
	err = err ? err : io_dir_list(verify->io, verify->dir, take_directory, verify);
	LIST_FOR_EACH(node, &verify->partitions) {
		struct verify_partition *partition = LIST_ENTRY(node, struct verify_partition, node);
		if (!err && partition->has_directory)
			err = verify__read_segments(verify, partition);
		err = err ? err : judge(verify, partition);
	}
	return err;
}

int verify_directory(struct io *io, const char *dir, const struct broker_config *broker, verify_found_fn *found, void *context,
		     struct verify_totals *totals)
{
	struct verify verify = {.io = io, .dir = dir, .found = found, .context = context, .totals = totals};
	*totals = (struct verify_totals){0};
	list_init(&verify.partitions);
	verify.buckets = calloc(VERIFY_BUCKETS, sizeof *verify.buckets);
	int err = verify.buckets ? open_catalog(&verify, broker) : -ENOMEM;
	err = err ? err : check_all(&verify);
	free_partitions(&verify);
	free(verify.buckets);
	if (verify.image)
		catalog_image_release(verify.image);
	catalog_close(verify.catalog);
	return err;
}
