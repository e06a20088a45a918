/* What a directory with one mutation may do and must, as test_rot.c says at its head: opened, read, looked up, appended to, repaired, and opened again. */
#pragma once

#include "log/journal/journal_format.h"
#include "log/repair/repair.h"
#include "log/verify/verify.h"
#include "tests/unit/log/store/rot_mutation.h"

/* ---- the one group that nothing vouches for ------------------------------------------------------------------------ */

/* A group is known to have been durable by what a later one says. The last group before a kill has none behind it: rot in it is a torn write to whoever
 * reads it, and what it holds ends the log early. No other group may. */
struct last_group {
	struct group_header header;
	size_t from, to; /* in the file */
	const uint8_t *bytes;
};

static inline bool find_seed(const struct kept_file *file, uint64_t *seed)
{
	struct superblock superblock;
	for (uint32_t slot = 0; slot < JOURNAL_SUPERBLOCKS; slot++) {
		if (superblock_decode(&superblock, file->bytes + slot * JOURNAL_BLOCK_SIZE) != SUPERBLOCK_VALID)
			continue;
		*seed = superblock.seed;
		return true;
	}
	return false;
}

static inline bool find_last_group(const struct kept_file *file, struct last_group *last)
{
	struct group_header header;
	uint64_t seed;
	*last = (struct last_group){0};
	if (!strstr(file->path, "/journal-") || !find_seed(file, &seed))
		return false;
	for (size_t at = JOURNAL_RING_POSITION; at + JOURNAL_BLOCK_SIZE <= file->size; at += JOURNAL_BLOCK_SIZE)
		if (group_header_decode(&header, seed, file->size - at, file->bytes + at) && header.seq > last->header.seq)
			*last = (struct last_group){header, at, at + header.length, file->bytes + at};
	return last->header.seq > 0;
}

/* Does the partition's log begin to be in doubt at `offset`: by an entry of that group that reaches up to the end that was acknowledged? */
static inline bool has_entry_at_end(const struct last_group *last, const struct expected *expected, int64_t offset)
{
	struct slice body = {last->bytes + GROUP_HEADER_SIZE, last->header.body_size_bytes}, payload;
	struct journal_entry entry;
	for (size_t at = 0; at < body.size && group_entry_next(body, &at, &entry, &payload);)
		if (entry.partition == expected->index && entry.base_offset == offset && entry.end_offset == expected->end)
			return true;
	return false;
}

static inline bool does_touch(const struct mutation *mutation, const struct last_group *last)
{
	bool is_block = mutation->kind == MOVE || mutation->kind == ZERO || mutation->kind == SCRAMBLE;
	size_t size = mutation->kind == FLIP ? 1 : is_block ? mutation->size : 0;
	return mutation->at < last->to && last->from < mutation->at + size;
}

/* Is it that group alone that is missing at the log's end? */
static inline bool is_last_group_lost(const struct scene *scene, const struct mutation *mutation, const struct expected *expected, int64_t end)
{
	struct last_group last;
	return find_last_group(&scene->kept.files[mutation->file], &last) && does_touch(mutation, &last) && has_entry_at_end(&last, expected, end);
}

/* ---- the verdict --------------------------------------------------------------------------------------------------- */

#define NAMED_MAX 64

struct named {
	char topic[32];
	int32_t partition;
	int64_t from, to;
};

struct trial {
	const struct scene *scene;
	struct mutation mutation;
	uint32_t number;
	uint32_t failures;
	uint32_t named_count, findings;
	bool has_file_damage; /* damage that names no offsets */
	struct named named[NAMED_MAX];
	struct expected now[PARTITIONS_MAX];
	bool is_damaged[PARTITIONS_MAX][OFFSETS_MAX];
	bool is_accepted;
};

static uint32_t failures_told;

static inline bool has_other_file(enum mutation_kind kind)
{
	return kind == REPLACE || kind == EXCHANGE || kind == SWAP || kind == RENAME || kind == TRADE;
}

static inline void describe(const struct trial *trial, char *out, size_t size)
{
	const struct mutation *m = &trial->mutation;
	const struct kept *kept = &trial->scene->kept;
	snprintf(out, size, "%s %u: %s %s (of %zu bytes) at %zu from %u size %zu bit %u%s%s%s", trial->scene->name, trial->number, mutation_names[m->kind],
		 kept->files[m->file].path, kept->files[m->file].size, m->at, m->other, m->size, m->bit, m->are_times_first ? ", times first" : "",
		 has_other_file(m->kind) ? " with " : "", has_other_file(m->kind) ? kept->files[m->other].path : "");
}

/* Of one trial alone (ROT_TRIAL) everything is said. */
static inline bool is_story_told(void)
{
	return getenv("ROT_TRIAL") != NULL;
}

/* The whole batches of a log file before and after, wherever they lie. */
static inline void tell_batches(const char *name, const struct kept_file *file)
{
	struct batch batch;
	fprintf(stderr, "ROT   whole batches of %s %s:", file->path, name);
	for (size_t at = 0; at < file->size; at++)
		if (batch_parse_checked((struct slice){file->bytes + at, file->size - at}, &batch) == 0)
			fprintf(stderr, " %zu-%zu:[%ld,%ld)", at, at + batch.size_bytes, (long)batch.base_offset, (long)batch_next_offset(&batch));
	fprintf(stderr, "\n");
}

static inline void fault(struct trial *trial, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void fault(struct trial *trial, const char *format, ...)
{
	char what[256];
	va_list arguments;
	if (trial->failures++ == 0) {
		describe(trial, what, sizeof what);
		fprintf(stderr, "ROT %s\n", what);
	}
	if (trial->failures > 4)
		return;
	va_start(arguments, format);
	vsnprintf(what, sizeof what, format, arguments);
	va_end(arguments);
	fprintf(stderr, "ROT     %s\n", what);
}

static inline void note_finding(void *context, const struct finding *finding)
{
	struct trial *trial = context;
	if (is_story_told())
		fprintf(stderr, "ROT       verify: %s %s [%ld, %ld) %s\n", finding_kind_name(finding->kind), finding->file, (long)finding->from, (long)finding->to,
			finding->what);
	if (finding->kind == FINDING_NOTE)
		return;
	trial->findings++;
	if (finding->kind != FINDING_DAMAGE)
		return;
	if (finding->from == NOWHERE || finding->partition == NOWHERE)
		trial->has_file_damage = true;
	else if (trial->named_count < NAMED_MAX) {
		struct named *named = &trial->named[trial->named_count++];
		snprintf(named->topic, sizeof named->topic, "%s", finding->topic);
		named->partition = finding->partition;
		named->from = finding->from;
		named->to = finding->to == NOWHERE ? INT64_MAX : finding->to;
	}
}

static inline bool is_named(const struct trial *trial, const struct expected *expected, int64_t offset)
{
	for (uint32_t i = 0; i < trial->named_count; i++) {
		const struct named *named = &trial->named[i];
		if (strcmp(named->topic, expected->topic) == 0 && named->partition == (int32_t)expected->index && offset >= named->from &&
		    offset < named->to)
			return true;
	}
	return trial->has_file_damage;
}

static inline void verify(struct trial *trial, struct sim_disk *disk)
{
	struct broker broker = {.disk = disk};
	struct verify_report report;
	open_io(&broker);
	struct verify_options options = {.dir = "/", .found = note_finding, .context = trial};
	trial->named_count = trial->findings = 0;
	trial->has_file_damage = false;
	int err = verify_directory(broker.io, &options, &report);
	if (err)
		fault(trial, "verify ends with %s", err_name(err));
	io_close(broker.io);
}

/* What a read answers with: the next offset; wrong bytes are a fault. */
static inline int64_t check_answer(struct trial *trial, const struct expected *expected, const struct read_op *op)
{
	static uint8_t bytes[1 << 17];
	size_t size = 0;
	int64_t next = op->offset;
	for (uint32_t i = 0; i < op->piece_count; i++) {
		memcpy(bytes + size, op->pieces[i].data, op->pieces[i].size);
		size += op->pieces[i].size;
	}
	struct batch batch;
	for (size_t at = 0; at < size; at += batch.size_bytes) {
		if (batch_parse_checked((struct slice){bytes + at, size - at}, &batch)) {
			fault(trial, "%s-%u: a batch that fails its check is served at %ld", expected->topic, expected->index, (long)next);
			return next;
		}
		struct record_iter iter;
		struct record record;
		if (record_iter_open(&iter, NULL, (struct slice){bytes + at, batch.size_bytes})) {
			fault(trial, "%s-%u: records cannot be read at %ld", expected->topic, expected->index, (long)next);
			return next;
		}
		while (record_iter_next(&iter, &record) == 1) {
			if (record.offset < expected->end && load_le64(record.value.data) != value_of(expected, record.offset))
				fault(trial, "%s-%u: offset %ld serves another record", expected->topic, expected->index, (long)record.offset);
			if (record.offset > next)
				fault(trial, "%s-%u: offset %ld comes where %ld is due", expected->topic, expected->index, (long)record.offset, (long)next);
			if (record.offset == next)
				next++;
		}
		record_iter_close(&iter);
	}
	return next;
}

static inline void check_reads(struct trial *trial, struct broker *broker, uint32_t which, struct partition *partition, bool is_first_life)
{
	const struct expected *expected = &trial->now[which];
	for (int64_t offset = expected->start; offset < expected->end;) {
		struct read read = {.op = {.done = read_done, .offset = offset, .size_bytes_max = offset % 3 ? 1 : 3000, .is_first = true}};
		read.is_done = partition_read(partition, &read.op) == READ_DONE;
		for (int turns = 0; !read.is_done && turns < 10000; turns++)
			turn(broker);
		int64_t next = read.op.err == 0 && read.is_done ? check_answer(trial, expected, &read.op) : offset;
		bool is_damaged = read.op.err == ERR_CORRUPT_LOG;
		if (!is_damaged && next == offset) {
			fault(trial, "%s-%u: offset %ld below %ld answers %s", expected->topic, expected->index, (long)offset, (long)expected->end,
			      read.op.err ? err_name(read.op.err) : "nothing");
			next = offset + 1;
		}
		if (is_damaged && is_first_life)
			trial->is_damaged[which][offset] = true;
		if (is_damaged && !trial->is_damaged[which][offset])
			fault(trial, "%s-%u: offset %ld is damaged in a later life only", expected->topic, expected->index, (long)offset);
		for (int64_t o = offset; o < next && !is_damaged && !is_first_life; o++)
			if (trial->is_damaged[which][o])
				fault(trial, "%s-%u: offset %ld was damaged, and is served in a later life", expected->topic, expected->index, (long)o);
		if (is_story_told())
			fprintf(stderr, "ROT       life %d: %s-%u read at %ld: %s up to %ld\n", is_first_life ? 1 : 2, expected->topic, expected->index,
				(long)offset, is_damaged ? "damaged" : "served", (long)(is_damaged ? offset + 1 : next));
		offset = is_damaged ? offset + 1 : next;
		partition_read_release(&read.op);
	}
}

/* What lookups by time answer: of every third offset's time or so, and of the largest. */
struct lookups {
	uint32_t count;
	struct {
		int64_t offset; /* whose time was asked for */
		int err;
		struct offset_found found;
	} asked[OFFSETS_MAX];
	int largest_err;
	struct offset_found largest;
};

static inline void look_up_times(const struct trial *trial, uint32_t which, struct partition *partition, struct lookups *out)
{
	const struct expected *expected = &trial->now[which];
	out->count = 0;
	for (int64_t offset = expected->start; offset < expected->end; offset += 1 + offset % 3) {
		out->asked[out->count].offset = offset;
		out->asked[out->count].err = partition_offset_for_time(partition, 1000 + offset, &out->asked[out->count].found);
		out->count++;
	}
	out->largest_err = partition_offset_of_max_time(partition, &out->largest);
}

/* Each is the first, or the last, that reads serve. */
static inline void check_times(struct trial *trial, uint32_t which, const struct lookups *lookups)
{
	const struct expected *expected = &trial->now[which];
	for (uint32_t i = 0; i < lookups->count; i++) {
		int64_t offset = lookups->asked[i].offset, due = offset;
		int err = lookups->asked[i].err;
		const struct offset_found *found = &lookups->asked[i].found;
		while (due < expected->end && trial->is_damaged[which][due])
			due++;
		if (err || found->found != (due < expected->end) || (found->found && found->offset != due))
			fault(trial, "%s-%u: the time of offset %ld finds %s %ld instead of %ld", expected->topic, expected->index, (long)offset,
			      err ? err_name(err) : "offset", (long)found->offset, (long)due);
	}
	int64_t last = expected->end - 1;
	while (last >= expected->start && trial->is_damaged[which][last])
		last--;
	const struct offset_found *found = &lookups->largest;
	int err = lookups->largest_err;
	if (err || (last >= expected->start && (!found->found || found->offset != last)))
		fault(trial, "%s-%u: the largest time is that of %s %ld instead of %ld", expected->topic, expected->index, err ? err_name(err) : "offset",
		      (long)found->offset, (long)last);
}

/* Reads and lookups judge alike, whichever come first. */
static inline void check_answers(struct trial *trial, struct broker *broker, uint32_t which, struct partition *partition, bool is_first_life)
{
	static struct lookups before, after;
	if (trial->mutation.are_times_first)
		look_up_times(trial, which, partition, &before);
	check_reads(trial, broker, which, partition, is_first_life);
	if (trial->mutation.are_times_first)
		check_times(trial, which, &before);
	look_up_times(trial, which, partition, &after);
	check_times(trial, which, &after);
}

static inline void check_partition(struct trial *trial, struct broker *broker, uint32_t which, bool is_first_life)
{
	struct expected *expected = &trial->now[which];
	struct partition *partition = find(broker, expected->topic, expected->index);
	if (!partition) {
		fault(trial, "%s-%u is gone", expected->topic, expected->index);
		return;
	}
	if (partition_log_start_offset(partition) != expected->start)
		fault(trial, "%s-%u: the log starts at %ld instead of %ld", expected->topic, expected->index,
		      (long)partition_log_start_offset(partition), (long)expected->start);
	if (is_first_life && is_last_group_lost(trial->scene, &trial->mutation, expected, partition_high_watermark(partition)))
		expected->end = partition_high_watermark(partition);
	if (partition_high_watermark(partition) != expected->end)
		fault(trial, "%s-%u: the log ends at %ld instead of %ld", expected->topic, expected->index,
		      (long)partition_high_watermark(partition), (long)expected->end);
	if (partition_high_watermark(partition) < expected->end || partition_log_start_offset(partition) > expected->start)
		return;
	check_answers(trial, broker, which, partition, is_first_life);
}

static inline uint32_t count_damaged(const struct trial *trial)
{
	uint32_t count = 0;
	for (uint32_t which = 0; which < trial->scene->partition_count; which++)
		for (int64_t o = trial->now[which].start; o < trial->now[which].end; o++)
			count += trial->is_damaged[which][o];
	return count;
}

static inline bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), end_size = strlen(end);
	return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* How many records one flipped bit may cost. */
static inline uint32_t damage_allowed(const struct trial *trial)
{
	const char *path = trial->scene->kept.files[trial->mutation.file].path;
	if (ends_with(path, ".log") && !strstr(path, "catalog"))
		return trial->mutation.kind == FLIP ? 4 : trial->mutation.kind == GROW || trial->mutation.kind == DOUBLE ? 0 : UINT32_MAX;
	if (strstr(path, "/journal-"))
		return trial->mutation.kind == FLIP ? 4 : UINT32_MAX;
	return 0;
}

static inline void check_costs(struct trial *trial)
{
	uint32_t count = count_damaged(trial);
	if (count > damage_allowed(trial) && !has_other_file(trial->mutation.kind))
		fault(trial, "%u records are damaged, at most %u should be", count, damage_allowed(trial));
	for (uint32_t which = 0; which < trial->scene->partition_count; which++)
		for (int64_t o = trial->now[which].start; o < trial->now[which].end; o++)
			if (trial->is_damaged[which][o] && !is_named(trial, &trial->now[which], o)) {
				fault(trial, "%s-%u: offset %ld is damaged, but verify did not name it", trial->now[which].topic,
				      trial->now[which].index, (long)o);
				return;
			}
}

static inline void check_life(struct trial *trial, struct broker *broker, bool is_first_life)
{
	for (uint32_t which = 0; which < trial->scene->partition_count; which++)
		check_partition(trial, broker, which, is_first_life);
	if (trial->failures)
		return;
	for (uint32_t which = 0; which < trial->scene->partition_count; which++) {
		int err = append_now(broker, &trial->now[which], 2, 100);
		if (err)
			fault(trial, "%s-%u: an append gets %s", trial->now[which].topic, trial->now[which].index, err_name(err));
	}
}

static const char *why(const struct broker *broker)
{
	if (*broker->found.why)
		return broker->found.why;
	for (int shard = 0; shard < SHARDS; shard++)
		if (*broker->reports[shard].why)
			return broker->reports[shard].why;
	return "";
}

/* A refusal says what and what to do, and verify knew. */
static inline bool is_refusal_good(struct trial *trial, struct broker *broker, int err)
{
	const char *text = why(broker);
	if (!*text)
		fault(trial, "opening refuses with %s and says nothing", err_name(err));
	else if (!strstr(text, "spate.accept.loss=true") && !strstr(text, "spate log repair"))
		fault(trial, "opening refuses and says no way out: %s", text);
	if (!trial->findings)
		fault(trial, "opening refuses, and verify found nothing: %s", text);
	return !trial->failures;
}

/* The way out that a refusal names: afterwards the directory opens, and what it serves is right. What is given up may be missing. */
static inline void check_repair(struct trial *trial, struct broker *broker)
{
	struct repair_report report;
	close_broker(broker);
	open_io(broker);
	struct repair_options options = {.dir = "/", .config = config, .is_loss_accepted = true};
	int err = repair_directory(broker->io, &options, &report);
	io_close(broker->io);
	*broker = (struct broker){.disk = broker->disk};
	if (err)
		fault(trial, "repair ends with %s: %s", err_name(err), report.why);
	else if ((err = open_broker(broker, false)))
		fault(trial, "after repair opening fails: %s %s", err_name(err), why(broker));
	for (uint32_t which = 0; !err && which < trial->scene->partition_count; which++) {
		struct expected *expected = &trial->now[which];
		struct partition *partition = find(broker, expected->topic, expected->index);
		if (!partition)
			continue;
		if (partition_log_start_offset(partition) < expected->start)
			fault(trial, "%s-%u: after repair the log starts at %ld instead of %ld", expected->topic, expected->index,
			      (long)partition_log_start_offset(partition), (long)expected->start);
		bool is_journal = strstr(trial->scene->kept.files[trial->mutation.file].path, "/journal-") && !has_other_file(trial->mutation.kind);
		if (partition_high_watermark(partition) < expected->end && is_journal)
			fault(trial, "%s-%u: after repair the log ends at %ld, and offsets up to %ld are given out again", expected->topic, expected->index,
			      (long)partition_high_watermark(partition), (long)expected->end);
		if (partition_high_watermark(partition) < expected->end)
			expected->end = partition_high_watermark(partition);
		if (partition_log_start_offset(partition) > expected->start) /* nothing was left of it: it begins behind the room that was left */
			expected->start = partition_log_start_offset(partition);
		check_reads(trial, broker, which, partition, true);
	}
}

static inline void tell_story(const struct trial *trial, const struct kept *changed)
{
	char what[256];
	if (!is_story_told())
		return;
	describe(trial, what, sizeof what);
	fprintf(stderr, "ROT %s\n", what);
	tell_batches("before", &trial->scene->kept.files[trial->mutation.file]);
	tell_batches("after", &changed->files[trial->mutation.file]);
}

static inline void run_trial(struct trial *trial)
{
	struct kept changed;
	struct broker broker = {.disk = sim_disk_open(3)};
	mutate(trial->scene, &trial->mutation, &changed);
	put_on_disk(broker.disk, &changed);
	memcpy(trial->now, trial->scene->partitions, sizeof trial->now);
	tell_story(trial, &changed);
	release(trial->scene, &changed);
	verify(trial, broker.disk);
	int err = open_broker(&broker, false);
	if (err) {
		if (is_refusal_good(trial, &broker, err))
			check_repair(trial, &broker);
		close_broker(&broker);
		sim_disk_close(broker.disk);
		return;
	}
	check_life(trial, &broker, true);
	check_costs(trial);
	if (!trial->failures && !stop_broker(&broker))
		fault(trial, "the stop is not clean");
	if (!trial->failures && (err = open_broker(&broker, false)))
		fault(trial, "the second start fails: %s %s", err_name(err), why(&broker));
	if (!trial->failures)
		check_life(trial, &broker, false);
	close_broker(&broker);
	sim_disk_close(broker.disk);
}
