/* libFuzzer: a broker was killed, and then its files were damaged. The input is a list of damages: which file, what (bytes changed, a piece cut off the
 * end, a piece of another place copied over), where, and whether the checksums over small files are set right again. Whatever it is, opening ends,
 * with success or an error; and what is served then is what was written: each record's value says its offset.
 *
 * The files: a journal, a checkpoint, a catalog, sealed segments and an active one, as kill -9 leaves them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/batch/batch_builder.h"
#include "log/batch/record_iter.h"
#include "log/io/sim.h"
#include "log/partition/partition.h"
#include "log/store/store.h"

#define FILES_MAX 64
#define JOURNAL_SIZE (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct broker {
	struct sim_disk *disk;
	struct io *io;
	struct catalog *catalog;
	const struct catalog_image *image;
	struct store *store;
};

struct kept_file {
	char path[64];
	uint8_t *bytes;
	size_t size;
};

static struct broker_config *config;
static struct kept_file kept[FILES_MAX];
static uint32_t kept_count;
static struct batch_workspace *workspace;

/* ---- a broker's storage ------------------------------------------------------------------------------------------------ */

static void open_io(struct broker *broker)
{
	*broker = (struct broker){.disk = sim_disk_open(1)};
	struct io_options options = {.backend = IO_SIM, .disk = broker->disk, .seed = 1};
	CHECK(io_open(&broker->io, &options) == 0);
}

static int open_broker(struct broker *broker)
{
	struct catalog_report found;
	int err = catalog_open(&broker->catalog, broker->io, "/", config, &found);
	if (err)
		return err;
	broker->image = catalog_image_acquire(broker->catalog);
	struct store_options options = {.dir = "/", .shard_count = 1, .incarnation = catalog_incarnation(broker->catalog),
					.journal_incarnation = catalog_journal_incarnation(broker->catalog),
					.directory_id = catalog_directory_id(broker->catalog),
					.is_catalog_new = found.was_created,
					.journal_size_bytes = JOURNAL_SIZE, .cache_size_bytes = 4 << 20, .producers_max = 100,
					.producer_expiration_ms = 86400000};
	struct store_report report;
	err = store_open(&broker->store, broker->io, &options, broker->image, &report);
	return err || !store_has_started(broker->store) ? err : catalog_note_journals(broker->catalog);
}

static void close_broker(struct broker *broker)
{
	if (broker->store)
		store_close(broker->store);
	if (broker->image)
		catalog_image_release(broker->image);
	if (broker->catalog)
		catalog_close(broker->catalog);
	io_close(broker->io);
	sim_disk_close(broker->disk);
}

static void turn(struct broker *broker)
{
	CHECK(io_turn(broker->io, true) >= 0);
	store_turn(broker->store);
}

static struct partition *partition_of(struct broker *broker)
{
	const struct topic *topic = catalog_topic_by_name(broker->image, (struct slice){(const uint8_t *)"t", 1});
	return topic ? store_partition(broker->store, &topic->id, 0) : NULL;
}

/* ---- the files, made once ---------------------------------------------------------------------------------------------- */

struct append {
	struct append_op op;
	bool is_done;
};

static void append_done(struct append_op *op)
{
	CONTAINER_OF(op, struct append, op)->is_done = true;
}

static void append(struct broker *broker, uint64_t number, int count, size_t value_size)
{
	static uint8_t bytes[1 << 16], value[1 << 14];
	struct batch_builder builder;
	CHECK(batch_builder_open(&builder, NULL, &BATCH_BUILDER_PLAIN, bytes, sizeof bytes) == 0);
	for (int i = 0; i < count; i++) {
		memset(value, (int)number + i, value_size);
		store_le64(value, number + (uint64_t)i);
		struct record record = {.timestamp_ms = 1000 + (int64_t)number + i, .value = {value, value_size}};
		CHECK(batch_builder_append(&builder, &record) == 0);
	}
	struct append one = {.op = {.done = append_done, .records = bytes, .is_zstd_allowed = true}};
	CHECK(batch_builder_finish(&builder, &one.op.records_size_bytes) == 0);
	CHECK(partition_append(partition_of(broker), &one.op) == 0);
	store_turn(broker->store);
	while (!one.is_done)
		turn(broker);
	CHECK(one.op.err == 0);
}

static int keep_files(struct io *io, const char *dir);

struct walk {
	struct io *io;
	const char *dir;
};

static int keep_file(void *context, const char *name, bool is_directory)
{
	const struct walk *walk = context;
	char path[64];
	snprintf(path, sizeof path, "%s/%s", walk->dir, name);
	if (is_directory)
		return keep_files(walk->io, path);
	CHECK(kept_count < FILES_MAX);
	struct kept_file *file = &kept[kept_count++];
	int fd = io_file_open(walk->io, path, IO_READ_ONLY);
	CHECK(fd >= 0);
	file->size = (size_t)io_file_size(walk->io, fd);
	file->bytes = malloc(file->size + 1);
	memcpy(file->path, path, sizeof file->path);
	CHECK(io_file_read(walk->io, fd, file->bytes, file->size, 0) == (int64_t)file->size);
	io_close_fd(walk->io, fd);
	return 0;
}

static int keep_files(struct io *io, const char *dir)
{
	struct walk walk = {io, dir};
	return io_dir_list(io, *dir ? dir : "/", keep_file, &walk);
}

static void make_files(void)
{
	struct broker broker;
	char segment_ms[] = "20"; /* of the records' time: some segments are complete, without a megabyte each */
	CHECK(broker_config_create(&config) == 0 && batch_workspace_open(&workspace, COMPRESS_WINDOW_SIZE) == 0);
	open_io(&broker);
	CHECK(open_broker(&broker) == 0);
	struct config_override override = {"segment.ms", segment_ms};
	struct topic_spec spec = {{(const uint8_t *)"t", 1}, 1, 1, &override};
	int err;
	CHECK(catalog_create_topics(broker.catalog, &spec, 1, &err) == 0 && err == 0);
	const struct catalog_image *image = catalog_image_acquire(broker.catalog);
	store_set_image(broker.store, image);
	catalog_image_release(broker.image);
	broker.image = image;
	for (uint64_t n = 0; n < 60; n += 3)
		append(&broker, n, 3, 600);
	for (int turns = 0; turns < 2000; turns++) /* write-behind comes by its timer */
		turn(&broker);
	for (uint64_t n = 60; n < 80; n += 2)
		append(&broker, n, 2, 100);
	CHECK(keep_files(broker.io, "") == 0);
	close_broker(&broker);
}

/* ---- damage ------------------------------------------------------------------------------------------------------------ */

static void put_back(struct io *io, uint8_t *const *bytes, const size_t *sizes)
{
	CHECK(io_dir_make(io, "/t-0") == 0);
	for (uint32_t i = 0; i < kept_count; i++) {
		int fd = io_file_open(io, kept[i].path, IO_CREATE);
		CHECK(fd >= 0 && io_file_write(io, fd, bytes[i], sizes[i], 0) == (int64_t)sizes[i]);
		io_close_fd(io, fd);
	}
}

static void stamp(const char *path, uint8_t *bytes, size_t size)
{
	if (size >= 8 && (strstr(path, ".seal") || strstr(path, "checkpoint-0")))
		store_le64(bytes + size - 8, XXH3_64bits(bytes, size - 8));
}

struct harm {
	uint8_t file, what;
	uint32_t at, from;
	uint8_t size;
	const uint8_t *bytes;
};

static void damage_file(const struct harm *damage, uint8_t **bytes, size_t *sizes)
{
	uint32_t i = damage->file % kept_count;
	if (!sizes[i])
		return;
	size_t at = damage->at % sizes[i], room = sizes[i] - at, size = damage->size < room ? damage->size : room;
	switch (damage->what % 4) {
	case 0:
		for (size_t k = 0; k < size; k++)
			bytes[i][at + k] ^= damage->bytes[k];
		break;
	case 1:
		sizes[i] = at;
		break;
	case 2:
		memmove(bytes[i] + at, bytes[i] + damage->from % (sizes[i] - size + 1), size);
		break;
	default:
		memset(bytes[i] + at, 0, size);
	}
	if (damage->what & 0x80)
		stamp(kept[i].path, bytes[i], sizes[i]);
}

static bool take_damage(struct slice *rest, struct harm *damage)
{
	if (rest->size < 8)
		return false;
	const uint8_t *p = rest->data;
	*damage = (struct harm){p[0], p[1], load_le16(p + 2) | (uint32_t)(p[1] & 0x70) << 12, load_le16(p + 4), (uint8_t)(p[6] % 32), p + 8};
	size_t used = 8u + (damage->what % 4 == 0 ? damage->size : 0u);
	if (used > rest->size)
		return false;
	*rest = (struct slice){p + used, rest->size - used};
	return true;
}

/* ---- what is served ---------------------------------------------------------------------------------------------------- */

struct read {
	struct read_op op;
	bool is_done;
};

static void read_done(struct read_op *op)
{
	CONTAINER_OF(op, struct read, op)->is_done = true;
}

static void check_batch(struct slice bytes)
{
	struct record_iter iter;
	struct record record;
	CHECK(record_iter_open(&iter, workspace, bytes) == 0);
	int result;
	while ((result = record_iter_next(&iter, &record)) == 1)
		CHECKF(record.value.size >= 8 && load_le64(record.value.data) == (uint64_t)record.offset, "offset %ld holds another record",
		       (long)record.offset);
	CHECK(result == 0);
	record_iter_close(&iter);
}

static int64_t check_answer(const struct read_op *op)
{
	uint8_t *bytes = malloc(op->size_bytes + 1);
	size_t size = 0;
	int64_t next = -1;
	for (uint32_t i = 0; i < op->piece_count; i++) {
		memcpy(bytes + size, op->pieces[i].data, op->pieces[i].size);
		size += op->pieces[i].size;
	}
	struct batch batch;
	for (size_t at = 0; at < size; at += batch.size_bytes) {
		CHECK(batch_parse_checked((struct slice){bytes + at, size - at}, &batch) == 0);
		check_batch((struct slice){bytes + at, batch.size_bytes});
		next = batch_next_offset(&batch);
	}
	free(bytes);
	return next;
}

/* From each offset, so that no damage hides what is behind it. */
static void read_all(struct broker *broker)
{
	struct partition *partition = partition_of(broker);
	if (!partition)
		return;
	for (int64_t offset = partition_log_start_offset(partition); offset < partition_high_watermark(partition) && offset < 200;) {
		struct read read = {.op = {.done = read_done, .offset = offset, .size_bytes_max = 3000, .is_first = true}};
		read.is_done = partition_read(partition, &read.op) == READ_DONE;
		for (int turns = 0; !read.is_done && turns < 10000; turns++)
			turn(broker);
		CHECKF(read.is_done, "offset %ld, high watermark %ld, err %d", (long)offset, (long)partition_high_watermark(partition), read.op.err);
		int64_t next = read.op.err == 0 && read.op.piece_count ? check_answer(&read.op) : -1;
		offset = next > offset ? next : offset + 1;
		partition_read_release(&read.op);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!kept_count)
		make_files();
	uint8_t *bytes[FILES_MAX];
	size_t sizes[FILES_MAX];
	for (uint32_t i = 0; i < kept_count; i++) {
		sizes[i] = kept[i].size;
		bytes[i] = malloc(sizes[i] + 1);
		memcpy(bytes[i], kept[i].bytes, sizes[i]);
	}
	struct slice rest = {data, size};
	struct harm damage;
	for (int count = 0; count < 4 && take_damage(&rest, &damage); count++)
		damage_file(&damage, bytes, sizes);
	struct broker broker;
	open_io(&broker);
	put_back(broker.io, bytes, sizes);
	if (open_broker(&broker) == 0)
		read_all(&broker);
	close_broker(&broker);
	for (uint32_t i = 0; i < kept_count; i++)
		free(bytes[i]);
	return 0;
}
