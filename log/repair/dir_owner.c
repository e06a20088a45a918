/* Happy path: the append times beside its segments, or the first batch of each, held against what the checkpoints and journals tell of such files.
 *
 * Failure modes: what is damaged says nothing; a disk that does not answer, or no memory, ends it. */
#include "log/repair/dir_owner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/err.h"
#include "log/batch/batch.h"
#include "log/segment/append_time_file.h"
#include "log/store/store.h"

struct told_file {
	struct uuid topic_id;
	uint32_t partition, first_crc;
	int64_t base_offset;
};

static void take_told(void *context, const struct uuid *topic_id, uint32_t partition, int64_t base_offset, uint32_t first_crc)
{
	struct dir_owners *owners = context;
	if (owners->count == owners->capacity) {
		uint32_t capacity = owners->capacity ? 2 * owners->capacity : 256;
		struct told_file *grown = realloc(owners->told, capacity * sizeof *grown);
		owners->is_short_of_memory |= !grown;
		if (!grown)
			return;
		owners->told = grown;
		owners->capacity = capacity;
	}
	owners->told[owners->count++] = (struct told_file){*topic_id, partition, first_crc, base_offset};
}

int dir_owners_open(struct dir_owners *owners, struct io *io, const char *dir, uint32_t shard_count)
{
	*owners = (struct dir_owners){.io = io, .dir = dir};
	int err = store_read_told_files(io, dir, shard_count, take_told, owners);
	if (!err && owners->is_short_of_memory)
		err = -ENOMEM;
	if (err)
		dir_owners_close(owners);
	return err;
}

void dir_owners_close(struct dir_owners *owners)
{
	free(owners->told);
	*owners = (struct dir_owners){0};
}

/* What has been found so far: of one topic alone. */
struct answer {
	struct uuid id;
	const char *by;
	bool is_there, is_contradicted;
};

static void hear(struct answer *answer, const struct uuid *id, const char *by)
{
	answer->is_contradicted |= answer->is_there && !uuid_equal(&answer->id, id);
	if (!answer->is_there)
		*answer = (struct answer){.id = *id, .by = by, .is_there = true, .is_contradicted = answer->is_contradicted};
}

static void path_of(const struct dir_owners *owners, const struct partition_dir *partition, int64_t base_offset, enum segment_file file, char *out, size_t size)
{
	char name[SEGMENT_NAME_SIZE];
	segment_name_format(name, base_offset, file);
	snprintf(out, size, "%s/%s/%s", owners->dir, partition->name, name);
}

/* Damage, and what is no file, says nothing. */
static int no_answer_or(int err)
{
	return err == -EIO || err_is_shortage(err) ? err : 0;
}

static int ask_append_times(const struct dir_owners *owners, const struct partition_dir *partition, int64_t base_offset, struct answer *answer)
{
	char path[8192];
	path_of(owners, partition, base_offset, SEGMENT_FILE_APPEND_TIME, path, sizeof path);
	struct append_time_file *file = malloc(sizeof *file);
	int err = file ? append_time_file_open(file, owners->io, path) : -ENOMEM;
	if (!err) {
		if (file->owner.partition == (uint32_t)partition->partition && file->owner.base_offset == base_offset)
			hear(answer, &file->owner.topic_id, "its append times");
		append_time_file_close(file);
	}
	free(file);
	return no_answer_or(err);
}

static int ask_first_batch(const struct dir_owners *owners, const struct partition_dir *partition, int64_t base_offset, struct answer *answer)
{
	char path[8192];
	uint8_t header[BATCH_HEADER_SIZE];
	struct batch batch;
	path_of(owners, partition, base_offset, SEGMENT_FILE_LOG, path, sizeof path);
	int fd = io_file_open(owners->io, path, IO_READ_ONLY);
	if (fd < 0)
		return no_answer_or(fd);
	int64_t got = io_file_read(owners->io, fd, header, sizeof header, 0);
	io_close_fd(owners->io, fd);
	if (got < (int64_t)sizeof header || batch_parse_header((struct slice){header, sizeof header}, &batch) || batch.base_offset != base_offset)
		return got < 0 ? no_answer_or((int)got) : 0;
	for (uint32_t i = 0; i < owners->count; i++) {
		const struct told_file *told = &owners->told[i];
		if (told->first_crc == batch.crc && told->base_offset == base_offset && told->partition == (uint32_t)partition->partition)
			hear(answer, &told->topic_id, "the checkpoint or the journal, which knows its first batch,");
	}
	return 0;
}

int dir_owners_find(const struct dir_owners *owners, const struct partition_dir *partition, struct uuid *id, const char **by)
{
	struct answer answer = {0};
	int err = 0;
	for (uint32_t i = 0; i < partition->segment_count && !err; i++) {
		const struct segment_files *files = &partition->segments[i];
		if (files->has[SEGMENT_FILE_APPEND_TIME])
			err = ask_append_times(owners, partition, files->base_offset, &answer);
		if (!err && files->has[SEGMENT_FILE_LOG])
			err = ask_first_batch(owners, partition, files->base_offset, &answer);
	}
	*id = answer.id;
	*by = answer.by;
	return err ? err : answer.is_there && !answer.is_contradicted;
}
