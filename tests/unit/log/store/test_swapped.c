/* Any two files of a stopped directory exchanged: opening ends with a log or with a refusal that says what to do; what a log or the journal held is still there,
 * under some name, when the log has gone on; and what is served is right. */
#include "tests/unit/log/verify/rot.h"

#define FILES_MAX 64

struct kept_file {
	char path[128];
	uint8_t *bytes;
	size_t size;
};

struct files {
	uint32_t count;
	struct kept_file at[FILES_MAX];
};

static void note_path(void *context, const char *path, uint64_t size)
{
	struct files *files = context;
	if (size == 0 || strcmp(path, "/.lock") == 0)
		return;
	cr_assert_lt(files->count, FILES_MAX);
	snprintf(files->at[files->count++].path, sizeof files->at[0].path, "%s", path);
}

static void read_all(struct world *world, struct files *files)
{
	*files = (struct files){0};
	sim_disk_list(world->disk, note_path, files);
	for (uint32_t i = 0; i < files->count; i++)
		files->at[i].bytes = rot_read(world, files->at[i].path, &files->at[i].size);
}

static void free_all(struct files *files)
{
	for (uint32_t i = 0; i < files->count; i++)
		free(files->at[i].bytes);
}

static bool ends_with(const char *text, const char *end)
{
	return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* Does some file begin with these bytes? */
static bool is_somewhere(const struct files *files, const struct kept_file *wanted)
{
	for (uint32_t i = 0; i < files->count; i++)
		if (files->at[i].size >= wanted->size && memcmp(files->at[i].bytes, wanted->bytes, wanted->size) == 0)
			return true;
	return false;
}

static void make_directory(struct world *world)
{
	struct config_override override = {"segment.bytes", "1048576"};
	world_init(world, 1);
	world->options.journal_size_bytes = 1 << 20;
	world_open(world);
	world_create_topic(world, "t", 2, &override, 1);
	for (uint32_t index = 0; index < 2; index++)
		for (uint64_t i = 0; i < 14; i++)
			world_append(world, world_partition(world, "t", index), i, 1, 100000 + 1000 * index);
	world_stop(world);
}

/* What is served is right, or fenced; then the log goes on. */
static void use(struct world *world)
{
	for (uint32_t index = 0; index < 2; index++) {
		struct partition *partition = world_partition(world, "t", index);
		struct append append;
		for (int64_t offset = partition_log_start_offset(partition); offset < partition_high_watermark(partition); offset++) {
			struct read read;
			world_read_begin(world, partition, &read, offset, 1);
			if (read.op.err)
				cr_assert_eq(read.op.err, ERR_CORRUPT_LOG);
			else if (read.op.piece_count)
				cr_assert_gt(check_records(&read.op, offset), offset);
			if (read.op.err && partition_high_watermark(partition) >= 1ll << 32) /* room that was left: nothing is behind it yet */
				offset = partition_high_watermark(partition);
			partition_read_release(&read.op);
		}
		cr_assert_eq(world_append_begin(partition, &append, (uint64_t)partition_high_watermark(partition), 1, 100), 0);
		store_turn(world->store);
		for (int turns = 0; !append.is_done && turns < 1000; turns++)
			world_turn(world);
		cr_assert(append.is_done && append.op.err == 0);
	}
}

/* What a log or the journal held is not made anew by anybody. */
static bool is_irreplaceable(const struct kept_file *file)
{
	return ends_with(file->path, ".log") || strstr(file->path, "journal");
}

static void expect_kept(struct world *world, const struct kept_file *one, const char *other, bool is_open)
{
	struct files after;
	bool is_journal = strstr(one->path, "journal") != NULL;
	if (!is_irreplaceable(one))
		return;
	read_all(world, &after);
	if (!is_journal || !is_open) /* it is written again, where it is the journal still */
		cr_assert(is_somewhere(&after, one), "exchanged with %s: what %s held is gone", other, one->path);
	free_all(&after);
}

static void exchange(struct world *world, const struct kept_file *a, const struct kept_file *b, bool is_accepted)
{
	rot_write(world, a->path, b->bytes, b->size);
	rot_write(world, b->path, a->bytes, a->size);
	world->options.is_loss_accepted = is_accepted;
	int err = world_try_open(world);
	if (!err) {
		use(world);
		world_stop(world);
	} else {
		const char *why = *world->found.why ? world->found.why : world->report.why;
		cr_assert(err == ERR_CORRUPT_LOG || err == ERR_FORMAT, "%s <-> %s: %s", a->path, b->path, err_name(err));
		cr_assert(strstr(why, "spate"), "%s <-> %s: %s", a->path, b->path, why);
		world_close(world);
	}
	expect_kept(world, a, b->path, !err);
	expect_kept(world, b, a->path, !err);
}

Test(swapped, any_two_files, .timeout = 300)
{
	struct world world;
	struct files files;
	make_directory(&world);
	read_all(&world, &files);
	for (uint32_t i = 0; i < files.count; i++)
		for (uint32_t j = 0; j < i; j++)
			for (int is_accepted = 0; is_accepted < 2 && (is_irreplaceable(&files.at[i]) || is_irreplaceable(&files.at[j])); is_accepted++) {
				struct world copy = world;
				copy.disk = sim_disk_copy(world.disk);
				exchange(&copy, &files.at[i], &files.at[j], is_accepted);
				sim_disk_close(copy.disk);
			}
	free_all(&files);
	broker_config_destroy(world.config);
	sim_disk_close(world.disk);
}
