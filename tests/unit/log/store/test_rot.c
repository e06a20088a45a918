/* Rot anywhere in a data directory. A load makes one (topics with rolled segments, idempotent producers, records deleted, a topic deleted and made
 * again, pieces that went straight to their segment, two shards) and leaves it stopped cleanly or killed. Then one thing at a time is done to one
 * file: bits flipped, cut, grown, emptied, deleted, replaced by another, exchanged with another, a block of it moved. Whatever it is:
 *
 *   - opening ends with a log, or with a refusal that says what to do, and `spate log repair` does it;
 *   - each acknowledged record is served as it was written, or refused as damaged, and then `log verify` had named it;
 *   - damage costs what it must: one batch in a segment, one group in the journal, nothing in a file that is derived;
 *   - nothing deleted comes back, lookups by time pass over the damage, appends go on behind the end that was acknowledged;
 *   - a second life says the same.
 *
 * A short run takes one mutation in many, chosen by a seed; ROT_TIME=seconds, ROT_SEED=n, ROT_FILE=part of a path make it longer, repeat it, narrow it. */
#include <errno.h>
#include <time.h>

#include "log/journal/journal_format.h"
#include "log/repair/repair.h"
#include "log/verify/verify.h"
#include "tests/unit/log/store/world.h"

#define SHARDS 2
#define FILES_MAX 160
#define PARTITIONS_MAX 16
#define OFFSETS_MAX 600
#define JOURNAL_SIZE (1u << 20)
#define FAILURES_MAX 12
#define SHORT_TRIALS 60

struct kept_file {
	char path[96];
	uint8_t *bytes;
	size_t size;
	bool is_gone;
};

struct kept {
	uint32_t count;
	struct kept_file files[FILES_MAX];
};

/* What was acknowledged. */
struct expected {
	const char *topic;
	uint32_t index, tag;
	int64_t start, end;
};

struct scene {
	const char *name;
	struct kept kept, old;
	uint32_t partition_count;
	struct expected partitions[PARTITIONS_MAX];
};

struct broker {
	struct sim_disk *disk;
	struct io *io;
	struct catalog *catalog;
	const struct catalog_image *image;
	struct store *stores[SHARDS];
	struct catalog_report found;
	struct store_report reports[SHARDS];
};

static struct broker_config *config;
static uint64_t seed_now;

/* ---- a broker's storage ---------------------------------------------------------------------------------------- */

static void open_io(struct broker *broker)
{
	struct io_options options = {.backend = IO_SIM, .disk = broker->disk, .seed = ++seed_now};
	cr_assert_eq(io_open(&broker->io, &options), 0);
}

static void close_broker(struct broker *broker)
{
	for (int shard = 0; shard < SHARDS; shard++)
		if (broker->stores[shard])
			store_close(broker->stores[shard]);
	if (broker->image)
		catalog_image_release(broker->image);
	if (broker->catalog)
		catalog_close(broker->catalog);
	io_close(broker->io);
	*broker = (struct broker){.disk = broker->disk};
}

/* As the broker opens a directory. On failure everything but the reports is closed. */
static int open_broker(struct broker *broker, bool is_loss_accepted)
{
	open_io(broker);
	struct catalog_knowledge known = {.is_loss_accepted = is_loss_accepted};
	int err = store_read_catalog_mark(broker->io, "/", SHARDS, &known.mark);
	if (!err)
		err = catalog_open_knowing(&broker->catalog, broker->io, "/", config, &known, &broker->found);
	if (!err)
		broker->image = catalog_image_acquire(broker->catalog);
	for (uint32_t shard = 0; shard < SHARDS && !err; shard++) {
		struct store_options options = {
			.dir = "/", .shard = shard, .shard_count = SHARDS, .incarnation = catalog_incarnation(broker->catalog),
			.journal_incarnation = catalog_journal_incarnation(broker->catalog),
			.journal_size_bytes = JOURNAL_SIZE, .cache_size_bytes = 4 << 20, .direct_size_bytes_min = 3000, .producers_max = 100,
			.producer_expiration_ms = 86400000, .is_loss_accepted = is_loss_accepted,
		};
		err = store_open(&broker->stores[shard], broker->io, &options, broker->image, &broker->reports[shard]);
	}
	bool have_started = !err;
	for (uint32_t shard = 0; shard < SHARDS && !err; shard++)
		have_started &= store_has_started(broker->stores[shard]);
	return have_started ? catalog_note_journals(broker->catalog) : err;
}

static void turn(struct broker *broker)
{
	cr_assert_geq(io_turn(broker->io, true), 0);
	for (int shard = 0; shard < SHARDS; shard++)
		store_turn(broker->stores[shard]);
}

static bool stop_broker(struct broker *broker)
{
	bool is_stopped = false;
	for (int shard = 0; shard < SHARDS; shard++)
		store_stop(broker->stores[shard]);
	for (int turns = 0; !is_stopped && turns < 10000; turns++) {
		turn(broker);
		is_stopped = store_is_stopped(broker->stores[0]) && store_is_stopped(broker->stores[1]);
	}
	bool has_failed = store_has_failed(broker->stores[0]) || store_has_failed(broker->stores[1]);
	close_broker(broker);
	return is_stopped && !has_failed;
}

static void take_image(struct broker *broker)
{
	const struct catalog_image *image = catalog_image_acquire(broker->catalog);
	for (int shard = 0; shard < SHARDS; shard++)
		store_set_image(broker->stores[shard], image);
	catalog_image_release(broker->image);
	broker->image = image;
}

static struct partition *find(struct broker *broker, const char *name, uint32_t index)
{
	const struct topic *topic = catalog_topic_by_name(broker->image, (struct slice){(const uint8_t *)name, strlen(name)});
	if (!topic || index >= topic->partition_count)
		return NULL;
	return store_partition(broker->stores[store_owner(&topic->id, index, SHARDS)], &topic->id, index);
}

/* ---- the load -------------------------------------------------------------------------------------------------- */

static void create_topic(struct broker *broker, const char *name, uint32_t partitions, const char *segment_ms)
{
	struct config_override override = {"segment.ms", (char *)segment_ms};
	struct topic_spec spec = {{(const uint8_t *)name, strlen(name)}, partitions, segment_ms ? 1 : 0, &override};
	int err;
	cr_assert_eq(catalog_create_topics(broker->catalog, &spec, 1, &err), 0);
	cr_assert_eq(err, 0);
	take_image(broker);
}

/* Nothing is compacted yet: in such a topic, too, a batch that is missing is a loss. */
static void make_compacted(struct broker *broker, const char *name)
{
	struct config_override overrides[] = {{"cleanup.policy", "compact"}};
	const struct topic *topic = catalog_topic_by_name(broker->image, (struct slice){(const uint8_t *)name, strlen(name)});
	struct uuid id = topic->id;
	cr_assert_eq(catalog_set_overrides(broker->catalog, &id, overrides, 1), 0);
	take_image(broker);
}

static void delete_topic(struct broker *broker, const char *name)
{
	const struct topic *topic = catalog_topic_by_name(broker->image, (struct slice){(const uint8_t *)name, strlen(name)});
	struct uuid id = topic->id;
	int err;
	cr_assert_eq(catalog_delete_topics(broker->catalog, &id, 1, &err), 0);
	take_image(broker);
}

/* A record's value says whose it is: no two in the directory are alike. */
static uint64_t value_of(const struct expected *partition, int64_t offset)
{
	return (uint64_t)partition->tag << 48 | (uint64_t)partition->index << 40 | (uint64_t)offset;
}

static int append_now(struct broker *broker, struct expected *expected, int count, size_t value_size)
{
	static uint8_t bytes[1 << 16];
	struct append append = {.op = {.done = append_done, .records = bytes, .is_zstd_allowed = true}};
	struct slice key = {(const uint8_t *)"key", strcmp(expected->topic, "rolled") == 0 ? 3 : 0};
	append.op.records_size_bytes = make_keyed_batch(bytes, sizeof bytes, key.size ? key : (struct slice){NULL, 0}, value_of(expected, expected->end), count,
							value_size, 1000 + expected->end);
	struct partition *partition = find(broker, expected->topic, expected->index);
	if (!partition)
		return ERR_UNKNOWN_TOPIC;
	int err = partition_append(partition, &append.op);
	if (err)
		return err;
	for (int turns = 0; !append.is_done && turns < 10000; turns++) {
		for (int shard = 0; shard < SHARDS; shard++)
			store_turn(broker->stores[shard]);
		if (!append.is_done)
			turn(broker);
	}
	if (!append.is_done)
		return ERR_BUSY;
	if (append.op.err)
		return append.op.err;
	if (append.op.base_offset != expected->end)
		return ERR_OFFSET_OUT_OF_RANGE;
	expected->end += count;
	return 0;
}

static void append(struct broker *broker, struct expected *expected, int count, size_t value_size)
{
	int err = append_now(broker, expected, count, value_size);
	cr_assert_eq(err, 0, "%s", err_name(err));
}


struct trim {
	struct trim_op op;
	bool is_done;
};

static void trimmed(struct trim_op *op)
{
	CONTAINER_OF(op, struct trim, op)->is_done = true;
}

static int trim_now(struct broker *broker, struct expected *expected, int64_t offset)
{
	struct trim trim = {.op = {.done = trimmed, .offset = offset}};
	int err = partition_trim(find(broker, expected->topic, expected->index), &trim.op);
	for (int turns = 0; !err && !trim.is_done && turns < 10000; turns++) {
		for (int shard = 0; shard < SHARDS; shard++)
			store_turn(broker->stores[shard]);
		if (!trim.is_done)
			turn(broker);
	}
	err = err ? err : trim.is_done ? trim.op.err : ERR_BUSY;
	if (!err)
		expected->start = offset;
	return err;
}

static void let_write_behind(struct broker *broker)
{
	for (int turns = 0; turns < 300; turns++)
		turn(broker);
}

static struct expected *expect(struct scene *scene, const char *topic, uint32_t index, uint32_t tag)
{
	scene->partitions[scene->partition_count] = (struct expected){topic, index, tag, 0, 0};
	return &scene->partitions[scene->partition_count++];
}

static int keep_files(struct kept *kept, struct io *io, const char *dir);

struct walk {
	struct kept *kept;
	struct io *io;
	const char *dir;
};

static int keep_file(void *context, const char *name, bool is_directory)
{
	const struct walk *walk = context;
	char path[96];
	snprintf(path, sizeof path, "%s/%s", walk->dir, name);
	if (is_directory)
		return keep_files(walk->kept, walk->io, path);
	if (strcmp(name, ".lock") == 0)
		return 0;
	cr_assert_lt(walk->kept->count, FILES_MAX);
	struct kept_file *file = &walk->kept->files[walk->kept->count++];
	int fd = io_file_open(walk->io, path, IO_READ_ONLY);
	file->size = (size_t)io_file_size(walk->io, fd);
	file->bytes = malloc(file->size + 1);
	memcpy(file->path, path, sizeof file->path);
	cr_assert_eq(io_file_read(walk->io, fd, file->bytes, file->size, 0), (int64_t)file->size);
	io_close_fd(walk->io, fd);
	return 0;
}

static int keep_files(struct kept *kept, struct io *io, const char *dir)
{
	struct walk walk = {kept, io, dir};
	return io_dir_list(io, *dir ? dir : "/", keep_file, &walk);
}

static void keep_all(struct kept *kept, struct broker *broker)
{
	open_io(broker);
	cr_assert_eq(keep_files(kept, broker->io, ""), 0);
	io_close(broker->io);
}

/* Three lives: the first is stopped, the second is killed, and the third as `is_clean` says. */
static void load(struct scene *scene, bool is_clean)
{
	struct broker broker = {.disk = sim_disk_open(7)};
	cr_assert_eq(open_broker(&broker, false), 0);
	create_topic(&broker, "rolled", 2, "20");
	create_topic(&broker, "plain", 2, NULL);
	create_topic(&broker, "again", 1, NULL);
	struct expected *rolled[] = {expect(scene, "rolled", 0, 1), expect(scene, "rolled", 1, 1)};
	struct expected *plain[] = {expect(scene, "plain", 0, 2), expect(scene, "plain", 1, 2)};
	struct expected old = {"again", 0, 3, 0, 0};
	for (int i = 0; i < 12; i++) {
		append(&broker, rolled[0], 3, 200);
		append(&broker, rolled[1], 2, i % 3 ? 100 : 1800);
		append(&broker, plain[0], 4, 150);
		append(&broker, plain[1], 1, i % 4 ? 60 : 3500);
		append(&broker, &old, 2, 100);
	}
	cr_assert_eq(trim_now(&broker, rolled[0], 16), 0);
	cr_assert_eq(trim_now(&broker, plain[0], 7), 0);
	delete_topic(&broker, "again");
	cr_assert(stop_broker(&broker));
	keep_all(&scene->old, &broker);

	cr_assert_eq(open_broker(&broker, false), 0);
	create_topic(&broker, "again", 1, NULL);
	create_topic(&broker, "empty", 1, NULL);
	struct expected *again = expect(scene, "again", 0, 4);
	expect(scene, "empty", 0, 5);
	create_topic(&broker, "emptied", 1, "20");
	struct expected *emptied = expect(scene, "emptied", 0, 6);
	for (int i = 0; i < 3; i++)
		append(&broker, emptied, 9, 50);
	let_write_behind(&broker);
	cr_assert_eq(trim_now(&broker, emptied, 27), 0);
	for (int i = 0; i < 6; i++) {
		append(&broker, rolled[0], 3, 200);
		append(&broker, rolled[1], 2, 300);
		append(&broker, plain[0], 3, 120);
		append(&broker, plain[1], 2, 2000);
		append(&broker, again, 2, 80);
		if (i == 3)
			let_write_behind(&broker);
	}
	sim_disk_crash(broker.disk);
	close_broker(&broker);

	cr_assert_eq(open_broker(&broker, false), 0);
	for (int i = 0; i < 4; i++) {
		append(&broker, rolled[0], 1, 400);
		append(&broker, rolled[1], 3, 90);
		append(&broker, plain[0], 2, 2600);
		append(&broker, plain[1], 2, 70);
		append(&broker, again, 2, 80);
		if (i == 1)
			let_write_behind(&broker);
	}
	make_compacted(&broker, "rolled");
	if (is_clean) {
		cr_assert(stop_broker(&broker));
	} else {
		sim_disk_crash(broker.disk);
		close_broker(&broker);
	}
	keep_all(&scene->kept, &broker);
	sim_disk_close(broker.disk);
}

/* ---- a mutation -------------------------------------------------------------------------------------------------- */

enum mutation_kind {
	FLIP, CUT, GROW, EMPTY, DELETE, REPLACE, EXCHANGE, MOVE, ZERO,
	SWAP,      /* two files of one kind: logs, indexes, journals ... */
	OLD,       /* as it was some lives ago */
	BLANK,     /* zeros, of its length */
	DOUBLE,    /* its last bytes once more */
	SCRAMBLE,  /* a block of noise */
	RENAME,    /* a directory under another one's name, which is gone */
	TRADE,     /* two directories under each other's */
	mutation_kind_count
};
static const char *const mutation_names[] = {"flip", "cut", "grow", "empty", "delete", "replace", "exchange", "move", "zero",
					     "swap", "old", "blank", "double", "scramble", "rename", "trade"};

struct mutation {
	enum mutation_kind kind;
	uint32_t file, other;
	size_t at, size;
	uint8_t bit;
	bool are_times_first; /* lookups by time meet it before reads do */
};

static void own(struct kept_file *file, size_t size)
{
	uint8_t *copy = calloc(1, size + 1);
	memcpy(copy, file->bytes, file->size < size ? file->size : size);
	file->bytes = copy;
	file->size = size;
}

static size_t dir_size(const char *path)
{
	return (size_t)(strrchr(path, '/') - path);
}

static bool is_beside(const struct kept_file *file, const char *path)
{
	return dir_size(file->path) == dir_size(path) && strncmp(file->path, path, dir_size(path)) == 0;
}

static void move_to_dir_of(struct kept_file *file, const char *path)
{
	char name[sizeof file->path];
	snprintf(name, sizeof name, "%s", strrchr(file->path, '/') + 1);
	cr_assert_lt(snprintf(file->path, sizeof file->path, "%.*s/%s", (int)dir_size(path), path, name), (int)sizeof file->path);
}

/* The directory of a file gets the other's name; that one's files go, or get this one's. */
static void move_dirs(const struct kept *kept, const struct mutation *mutation, struct kept *out)
{
	const char *from = kept->files[mutation->file].path, *to = kept->files[mutation->other].path;
	for (uint32_t i = 0; i < kept->count; i++)
		if (is_beside(&kept->files[i], from))
			move_to_dir_of(&out->files[i], to);
		else if (is_beside(&kept->files[i], to) && mutation->kind == TRADE)
			move_to_dir_of(&out->files[i], from);
		else if (is_beside(&kept->files[i], to))
			out->files[i].is_gone = true;
}

static void scramble(uint8_t *bytes, size_t size, uint64_t noise)
{
	for (size_t i = 0; i < size; i++) {
		noise = noise * 6364136223846793005u + 1442695040888963407u;
		bytes[i] = (uint8_t)(noise >> 56);
	}
}

/* `out` shares the bytes of what was not changed. */
static void mutate(const struct scene *scene, const struct mutation *mutation, struct kept *out)
{
	const struct kept *kept = &scene->kept;
	*out = *kept;
	struct kept_file *file = &out->files[mutation->file];
	switch (mutation->kind) {
	case FLIP:
		own(file, file->size);
		file->bytes[mutation->at] ^= (uint8_t)(1u << mutation->bit);
		break;
	case CUT:
		own(file, mutation->at);
		break;
	case GROW:
		own(file, file->size + mutation->size);
		for (size_t i = file->size - mutation->size; i < file->size; i++)
			file->bytes[i] = (uint8_t)(i * 37 + mutation->bit);
		break;
	case EMPTY:
		own(file, 0);
		break;
	case DELETE:
		file->is_gone = true;
		break;
	case REPLACE:
		file->bytes = kept->files[mutation->other].bytes;
		file->size = kept->files[mutation->other].size;
		break;
	case SWAP:
	case EXCHANGE:
		file->bytes = kept->files[mutation->other].bytes;
		file->size = kept->files[mutation->other].size;
		out->files[mutation->other].bytes = kept->files[mutation->file].bytes;
		out->files[mutation->other].size = kept->files[mutation->file].size;
		break;
	case MOVE:
		own(file, file->size);
		memmove(file->bytes + mutation->at, kept->files[mutation->file].bytes + mutation->other, mutation->size);
		break;
	case OLD:
		file->bytes = scene->old.files[mutation->other].bytes;
		file->size = scene->old.files[mutation->other].size;
		break;
	case BLANK:
		own(file, file->size);
		memset(file->bytes, 0, file->size);
		break;
	case DOUBLE:
		own(file, file->size + mutation->size);
		memcpy(file->bytes + file->size - mutation->size, file->bytes + file->size - 2 * mutation->size, mutation->size);
		break;
	case SCRAMBLE:
		own(file, file->size);
		scramble(file->bytes + mutation->at, mutation->size, mutation->at + mutation->bit);
		break;
	case RENAME:
	case TRADE:
		move_dirs(kept, mutation, out);
		break;
	default:
		own(file, file->size);
		memset(file->bytes + mutation->at, 0, mutation->size);
	}
}

static bool has_bytes(const struct kept *kept, const uint8_t *bytes)
{
	for (uint32_t i = 0; i < kept->count; i++)
		if (kept->files[i].bytes == bytes)
			return true;
	return false;
}

static void release(const struct scene *scene, struct kept *changed)
{
	for (uint32_t i = 0; i < changed->count; i++) {
		if (!has_bytes(&scene->kept, changed->files[i].bytes) && !has_bytes(&scene->old, changed->files[i].bytes))
			free(changed->files[i].bytes);
	}
}

static void put_on_disk(struct sim_disk *disk, const struct kept *kept)
{
	struct broker broker = {.disk = disk};
	open_io(&broker);
	for (uint32_t i = 0; i < kept->count; i++) {
		const struct kept_file *file = &kept->files[i];
		char dir[96];
		snprintf(dir, sizeof dir, "%s", file->path);
		char *slash = strrchr(dir, '/');
		*slash = 0;
		if (slash != dir) {
			int err = io_dir_make(broker.io, dir);
			cr_assert(err == 0 || err == -EEXIST);
		}
		if (file->is_gone)
			continue;
		int fd = io_file_open(broker.io, file->path, IO_CREATE);
		cr_assert_geq(fd, 0);
		cr_assert_eq(io_file_write(broker.io, fd, file->bytes, file->size, 0), (int64_t)file->size);
		io_close_fd(broker.io, fd);
	}
	io_close(broker.io);
}

/* ---- the one group that nothing vouches for ------------------------------------------------------------------------ */

/* A group is known to have been durable by what a later one says. The last group before a kill has none behind it: rot in it is a torn write to whoever
 * reads it, and what it holds ends the log early. No other group may. */
struct last_group {
	struct group_header header;
	size_t from, to; /* in the file */
	const uint8_t *bytes;
};

static bool find_seed(const struct kept_file *file, uint64_t *seed)
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

static bool find_last_group(const struct kept_file *file, struct last_group *last)
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
static bool has_entry_at_end(const struct last_group *last, const struct expected *expected, int64_t offset)
{
	struct slice body = {last->bytes + GROUP_HEADER_SIZE, last->header.body_size_bytes}, payload;
	struct journal_entry entry;
	for (size_t at = 0; at < body.size && group_entry_next(body, &at, &entry, &payload);)
		if (entry.partition == expected->index && entry.base_offset == offset && entry.end_offset == expected->end)
			return true;
	return false;
}

static bool does_touch(const struct mutation *mutation, const struct last_group *last)
{
	bool is_block = mutation->kind == MOVE || mutation->kind == ZERO || mutation->kind == SCRAMBLE;
	size_t size = mutation->kind == FLIP ? 1 : is_block ? mutation->size : 0;
	return mutation->at < last->to && last->from < mutation->at + size;
}

/* Is it that group alone that is missing at the log's end? */
static bool is_last_group_lost(const struct scene *scene, const struct mutation *mutation, const struct expected *expected, int64_t end)
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

static bool has_other_file(enum mutation_kind kind)
{
	return kind == REPLACE || kind == EXCHANGE || kind == SWAP || kind == RENAME || kind == TRADE;
}

static void describe(const struct trial *trial, char *out, size_t size)
{
	const struct mutation *m = &trial->mutation;
	const struct kept *kept = &trial->scene->kept;
	snprintf(out, size, "%s %u: %s %s (of %zu bytes) at %zu from %u size %zu bit %u%s%s%s", trial->scene->name, trial->number, mutation_names[m->kind],
		 kept->files[m->file].path, kept->files[m->file].size, m->at, m->other, m->size, m->bit, m->are_times_first ? ", times first" : "",
		 has_other_file(m->kind) ? " with " : "", has_other_file(m->kind) ? kept->files[m->other].path : "");
}

/* Of one trial alone (ROT_TRIAL) everything is said. */
static bool is_story_told(void)
{
	return getenv("ROT_TRIAL") != NULL;
}

/* The whole batches of a log file before and after, wherever they lie. */
static void tell_batches(const char *name, const struct kept_file *file)
{
	struct batch batch;
	fprintf(stderr, "ROT   whole batches of %s %s:", file->path, name);
	for (size_t at = 0; at < file->size; at++)
		if (batch_parse_checked((struct slice){file->bytes + at, file->size - at}, &batch) == 0)
			fprintf(stderr, " %zu-%zu:[%ld,%ld)", at, at + batch.size_bytes, (long)batch.base_offset, (long)batch_next_offset(&batch));
	fprintf(stderr, "\n");
}

static void fault(struct trial *trial, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fault(struct trial *trial, const char *format, ...)
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

static void note_finding(void *context, const struct finding *finding)
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

static bool is_named(const struct trial *trial, const struct expected *expected, int64_t offset)
{
	for (uint32_t i = 0; i < trial->named_count; i++) {
		const struct named *named = &trial->named[i];
		if (strcmp(named->topic, expected->topic) == 0 && named->partition == (int32_t)expected->index && offset >= named->from &&
		    offset < named->to)
			return true;
	}
	return trial->has_file_damage;
}

static void verify(struct trial *trial, struct sim_disk *disk)
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
static int64_t check_answer(struct trial *trial, const struct expected *expected, const struct read_op *op)
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

static void check_reads(struct trial *trial, struct broker *broker, uint32_t which, struct partition *partition, bool is_first_life)
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

static void look_up_times(const struct trial *trial, uint32_t which, struct partition *partition, struct lookups *out)
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
static void check_times(struct trial *trial, uint32_t which, const struct lookups *lookups)
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
static void check_answers(struct trial *trial, struct broker *broker, uint32_t which, struct partition *partition, bool is_first_life)
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

static void check_partition(struct trial *trial, struct broker *broker, uint32_t which, bool is_first_life)
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

static uint32_t count_damaged(const struct trial *trial)
{
	uint32_t count = 0;
	for (uint32_t which = 0; which < trial->scene->partition_count; which++)
		for (int64_t o = trial->now[which].start; o < trial->now[which].end; o++)
			count += trial->is_damaged[which][o];
	return count;
}

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), end_size = strlen(end);
	return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* How many records one flipped bit may cost. */
static uint32_t damage_allowed(const struct trial *trial)
{
	const char *path = trial->scene->kept.files[trial->mutation.file].path;
	if (ends_with(path, ".log") && !strstr(path, "catalog"))
		return trial->mutation.kind == FLIP ? 4 : trial->mutation.kind == GROW || trial->mutation.kind == DOUBLE ? 0 : UINT32_MAX;
	if (strstr(path, "/journal-"))
		return trial->mutation.kind == FLIP ? 4 : UINT32_MAX;
	return 0;
}

static void check_costs(struct trial *trial)
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

static void check_life(struct trial *trial, struct broker *broker, bool is_first_life)
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
static bool is_refusal_good(struct trial *trial, struct broker *broker, int err)
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
static void check_repair(struct trial *trial, struct broker *broker)
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

static void tell_story(const struct trial *trial, const struct kept *changed)
{
	char what[256];
	if (!is_story_told())
		return;
	describe(trial, what, sizeof what);
	fprintf(stderr, "ROT %s\n", what);
	tell_batches("before", &trial->scene->kept.files[trial->mutation.file]);
	tell_batches("after", &changed->files[trial->mutation.file]);
}

static void run_trial(struct trial *trial)
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

/* ---- which mutations ------------------------------------------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t roll(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return below ? random_state % below : 0;
}

/* A log, or a file of log starts, exchanged with what would tell of it: two faults, not one. */
static enum mutation_kind as_one_fault(const char *path, const char *other)
{
	bool is_log = ends_with(path, ".log"), is_other_log = ends_with(other, ".log");
	bool is_starts = strstr(path, "log-start") || strstr(other, "log-start");
	return is_log != is_other_log || is_starts ? REPLACE : EXCHANGE;
}

static bool is_same_kind(const char *path, const char *other)
{
	const char *name = strrchr(path, '/') + 1, *other_name = strrchr(other, '/') + 1;
	size_t stem = strcspn(name, "-."), other_stem = strcspn(other_name, "-.");
	bool is_numbered = name[0] >= '0' && name[0] <= '9' && other_name[0] >= '0' && other_name[0] <= '9';
	return strcmp(path, other) && (is_numbered ? strcmp(name + stem, other_name + other_stem) == 0
						  : stem == other_stem && strncmp(name, other_name, stem) == 0);
}

/* Another file of the kind, if there is one. */
static bool choose_same_kind(const struct kept *kept, struct mutation *m)
{
	for (int tries = 0; tries < 1000; tries++) {
		m->other = (uint32_t)roll(kept->count);
		if (is_same_kind(kept->files[m->file].path, kept->files[m->other].path))
			return true;
	}
	return false;
}

static bool choose_other_dir(const struct kept *kept, struct mutation *m)
{
	for (int tries = 0; tries < 1000; tries++) {
		m->other = (uint32_t)roll(kept->count);
		const char *path = kept->files[m->file].path, *other = kept->files[m->other].path;
		if (dir_size(path) && dir_size(other) && !is_beside(&kept->files[m->other], path))
			return true;
	}
	return false;
}

static bool choose_old(const struct scene *scene, struct mutation *m)
{
	for (m->other = 0; m->other < scene->old.count; m->other++)
		if (strcmp(scene->old.files[m->other].path, scene->kept.files[m->file].path) == 0)
			return true;
	return false;
}

static struct mutation choose(const struct scene *scene)
{
	const struct kept *kept = &scene->kept;
	struct mutation m = {.kind = roll(3) ? FLIP : (enum mutation_kind)roll(mutation_kind_count), .file = (uint32_t)roll(kept->count)};
	const char *only = getenv("ROT_FILE");
	for (int tries = 0; only && tries < 1000 && !strstr(kept->files[m.file].path, only); tries++)
		m.file = (uint32_t)roll(kept->count);
	const char *kind = getenv("ROT_KIND");
	if (kind)
		for (int i = 0; i < mutation_kind_count; i++)
			if (strcmp(kind, mutation_names[i]) == 0)
				m.kind = (enum mutation_kind)i;
	size_t size = kept->files[m.file].size;
	/* Most of a journal is zeros that nobody reads: half of the flips go where it begins. */
	size_t span = size > 300000 && roll(2) ? 300000 : size;
	m.at = roll(span);
	m.bit = (uint8_t)roll(8);
	m.are_times_first = roll(2);
	m.size = 1 + roll(5000);
	m.other = (uint32_t)roll(kept->count);
	if (m.kind == MOVE || m.kind == ZERO || m.kind == SCRAMBLE) {
		m.size = size < 4096 ? size : roll(2) ? 512 : 4096;
		m.at = size > m.size ? roll(span / 512) * 512 : 0;
		m.other = size > m.size ? (uint32_t)(roll(span / 512) * 512) : 0;
		if (m.at + m.size > size)
			m.at = size - m.size;
		if (m.other + m.size > size)
			m.other = (uint32_t)(size - m.size);
	}
	if (m.kind == EXCHANGE)
		m.kind = as_one_fault(kept->files[m.file].path, kept->files[m.other].path);
	bool is_there = m.kind == SWAP ? choose_same_kind(kept, &m) : m.kind == OLD ? choose_old(scene, &m)
			: m.kind == RENAME || m.kind == TRADE ? choose_other_dir(kept, &m) : true;
	if (!is_there)
		m.kind = FLIP;
	if (m.kind == DOUBLE && m.size > size)
		m.size = size;
	if (m.kind == FLIP && size == 0)
		m.kind = DELETE;
	return m;
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct scene scene;
static struct trial trial;

static void open_scene(const char *name, bool is_clean)
{
	scene = (struct scene){.name = name};
	failures_told = 0;
	cr_assert_eq(broker_config_create(&config), 0);
	load(&scene, is_clean);
}

static void forget(struct kept *kept)
{
	for (uint32_t i = 0; i < kept->count; i++)
		free(kept->files[i].bytes);
}

static void close_scene(void)
{
	forget(&scene.kept);
	forget(&scene.old);
	broker_config_destroy(config);
	cr_assert_eq(failures_told, 0);
}

static void try_mutation(struct mutation mutation, uint32_t number)
{
	trial = (struct trial){.scene = &scene, .mutation = mutation, .number = number};
	run_trial(&trial);
	failures_told += trial.failures > 0;
}

static void run_scene(const char *name, bool is_clean)
{
	const char *time_text = getenv("ROT_TIME"), *seed_text = getenv("ROT_SEED");
	double end = seconds() + (time_text ? atof(time_text) : 0.4);
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 1;
	uint32_t trials = 0;
	open_scene(name, is_clean);
	random_state = seed * 0x9e3779b97f4a7c15u + 1;
	uint32_t trials_max = time_text ? UINT32_MAX : SHORT_TRIALS;
	const char *only_text = getenv("ROT_TRIAL");
	uint32_t only = only_text ? (uint32_t)strtoul(only_text, NULL, 10) : UINT32_MAX;
	for (; seconds() < end && failures_told < FAILURES_MAX && trials < trials_max && (only == UINT32_MAX || trials <= only); trials++) {
		struct mutation mutation = choose(&scene);
		if (only == UINT32_MAX || trials == only)
			try_mutation(mutation, trials);
	}
	fprintf(stderr, "ROT %s: %u trials, seed %lu\n", name, trials, (unsigned long)seed);
	close_scene();
}

static uint32_t file_at(const char *path)
{
	uint32_t file = 0;
	while (file < scene.kept.count && strcmp(scene.kept.files[file].path, path))
		file++;
	cr_assert_lt(file, scene.kept.count);
	return file;
}

Test(rot, stopped, .timeout = 0) { run_scene("stopped", true); }
Test(rot, killed, .timeout = 0) { run_scene("killed", false); }

/* One bit in three of the given bytes of every n-th batch's header; lookups by time are the first to meet it. */
static void flip_headers(const char *path, const size_t *fields, size_t field_count, uint32_t every)
{
	open_scene("lies", true);
	struct mutation mutation = {.kind = FLIP, .file = file_at(path), .are_times_first = true};
	const struct kept_file *file = &scene.kept.files[mutation.file];
	uint32_t trials = 0, ordinal = 0;
	struct batch batch;
	for (size_t at = 0; at < file->size; at += batch.size_bytes) {
		if (batch_parse_checked((struct slice){file->bytes + at, file->size - at}, &batch))
			break; /* zeros, up to a whole block */
		if (++ordinal % every)
			continue;
		for (size_t k = 0; k < field_count; k++) {
			mutation.at = at + fields[k];
			for (mutation.bit = 0; mutation.bit < 8; mutation.bit += 3)
				try_mutation(mutation, trials++);
		}
	}
	cr_assert_gt(trials, 0);
	close_scene();
}

/* What a header says that a CRC does not cover, or is not asked for, may lead a lookup by time astray: it fences what a read would. */
Test(rot, headers_that_lie_to_lookups)
{
	static const size_t fields[] = {8, 9, 10, 11, 12, 23, 25, 26, 35, 40, 41, 42};
	flip_headers("/again-0/00000000000000000000.log", fields, COUNT_OF(fields), 5);
}

/* In a topic whose cleanup.policy is compact a batch that says a later offset than is due is no more right than elsewhere. */
Test(rot, base_offsets_that_lie_in_a_compacted_topic)
{
	static const size_t fields[] = {6, 7};
	flip_headers("/rolled-0/00000000000000000021.log", fields, COUNT_OF(fields), 2);
}

/* A block that lies in a wrong place of a small segment brings whole batches that are not due there. Where the log goes on behind it is found by one rule: each
 * offset that the broker fences, verify has named. */
Test(rot, blocks_moved_within_a_segment, .timeout = 0)
{
	open_scene("moved", true);
	struct mutation mutation = {.kind = MOVE, .file = file_at("/rolled-0/00000000000000000000.log"), .size = 4096};
	size_t size = scene.kept.files[mutation.file].size;
	uint32_t trials = 0;
	for (mutation.at = 512; mutation.at + mutation.size <= size; mutation.at += 1536)
		for (mutation.other = 0; mutation.other + mutation.size <= size; mutation.other += 512)
			if (mutation.other != mutation.at)
				try_mutation(mutation, trials++);
	close_scene();
}
