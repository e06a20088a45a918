/* Happy path: of each file but the last the headers are followed as far as each is due, and they end before the next file begins.
 *
 * Failure modes: a header that is not due, or a batch that fails its CRC where it would reach into the next file, ends the run: damage proves nothing. */
#include "log/segment/overlap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/err.h"
#include "log/batch/batch.h"
#include "log/segment/segment_name.h"

/* Headers that are due, one behind the other, from a file's begin on. */
struct run {
	int64_t end;          /* the offset behind them */
	uint32_t first_crc;   /* 0: it begins with no batch of its base */
	bool reaches;         /* into the next file, with a whole batch */
	bool joins;           /* one of its batches ends where that begins */
	bool has_journals;    /* the batch that the journal goes on with is among them */
};

struct judging {
	struct io *io;
	const char *dir;
	const struct overlap_known *known;
	struct overlap_file *files;
	uint32_t count;
};

/* 1, 0, or a disk that does not answer. */
static int is_whole(struct io *io, int fd, uint64_t position, const struct batch *batch)
{
	uint8_t *bytes = malloc(batch->size_bytes);
	if (!bytes)
		return -ENOMEM;
	int64_t got = io_file_read(io, fd, bytes, batch->size_bytes, position);
	int answer = got < 0 ? (int)got : got == (int64_t)batch->size_bytes && batch_check_crc((struct slice){bytes, batch->size_bytes}, batch) == 0;
	free(bytes);
	return answer;
}

static int follow(const struct judging *judging, int fd, int64_t reach, struct run *run)
{
	uint8_t header[BATCH_HEADER_SIZE];
	struct batch batch;
	const struct overlap_known *known = judging->known;
	int64_t size = io_file_size(judging->io, fd);
	for (uint64_t position = 0; size >= 0; position += batch.size_bytes) {
		int64_t got = io_file_read(judging->io, fd, header, sizeof header, position);
		if (got < 0)
			return (int)got;
		if (got < (int64_t)sizeof header || batch_parse_header((struct slice){header, sizeof header}, &batch) || batch.base_offset != run->end ||
		    batch.last_offset_delta < 0 || position + batch.size_bytes > (uint64_t)size)
			return 0;
		int64_t next_offset = batch_next_offset(&batch);
		int whole = !run->reaches && next_offset > reach ? is_whole(judging->io, fd, position, &batch) : 1;
		if (whole <= 0)
			return whole;
		run->reaches |= next_offset > reach;
		run->joins |= next_offset == reach;
		run->first_crc = position == 0 ? batch.crc : run->first_crc;
		run->has_journals |= known->journal_crc && batch.base_offset == known->journal_from && batch.crc == known->journal_crc;
		run->end = next_offset;
	}
	return (int)size;
}

/* What is no file, or is gone, has no batches. */
static int follow_file(const struct judging *judging, uint32_t at, uint32_t next, struct run *run)
{
	char name[SEGMENT_NAME_SIZE], path[4096];
	segment_name_format(name, judging->files[at].base_offset, SEGMENT_FILE_LOG);
	snprintf(path, sizeof path, "%s/%s", judging->dir, name);
	*run = (struct run){.end = judging->files[at].base_offset};
	int fd = io_file_open(judging->io, path, IO_READ_ONLY);
	if (fd == -ENOENT || fd == ERR_NOT_A_FILE)
		return 0;
	int err = fd < 0 ? fd : follow(judging, fd, next < judging->count ? judging->files[next].base_offset : INT64_MAX, run);
	if (fd >= 0)
		io_close_fd(judging->io, fd);
	return err;
}

/* By whoever knows its first batch, or by the journal's. 1, 0, or an error. */
static int is_known(const struct judging *judging, uint32_t at, const struct run *run)
{
	const struct overlap_known *known = judging->known;
	int64_t base = judging->files[at].base_offset;
	uint32_t crc = 0;
	if (run->has_journals || (known->file_crc && known->file_base == base && run->first_crc == known->file_crc))
		return 1;
	int err = known->first_crc(known->context, base, &crc);
	return err ? err : crc && crc == run->first_crc;
}

/* It began since the journal was let go, by its base, and the journal does not have it. */
static bool is_unheard_of(const struct judging *judging, uint32_t at)
{
	const struct overlap_known *known = judging->known;
	int64_t base = judging->files[at].base_offset;
	return known->is_file_last && known->file_crc && base > known->file_base && base < known->journal_from;
}

/* Just to where another file behind `beside` goes on, or the journal does. */
static bool leads_to_other(const struct judging *judging, const struct run *run, uint32_t beside)
{
	for (uint32_t i = beside + 1; i < judging->count; i++)
		if (judging->files[i].base_offset == run->end)
			return true;
	return run->end == judging->known->journal_from;
}

static void set_fate(const struct judging *judging, uint32_t at, enum overlap_fate fate, uint32_t beside)
{
	judging->files[at].fate = fate;
	judging->files[at].beside = judging->files[beside].base_offset;
}

/* The first one's run reaches into the other, to which nothing leads then but a gap. */
static int judge_two(const struct judging *judging, uint32_t first, const struct run *run, uint32_t other)
{
	struct run others;
	int err = follow_file(judging, other, judging->count, &others);
	int first_known = err ? err : is_known(judging, first, run);
	int other_known = first_known < 0 ? first_known : is_known(judging, other, &others);
	if (other_known < 0)
		return other_known;
	if (other_known && (first_known || run->joins))
		return 0; /* behind the other's base the first one went its own way, or a block strayed there: what is before that is held against the rest as ever */
	if (!other_known && (first_known || is_unheard_of(judging, other) || leads_to_other(judging, run, other))) {
		set_fate(judging, other, OVERLAP_STRAY, first);
		return 0;
	}
	set_fate(judging, first, OVERLAP_DOUBTFUL, other);
	judging->files[first].end = run->end;
	if (!other_known)
		set_fate(judging, other, OVERLAP_DOUBTFUL, first);
	judging->files[other].end = others.end;
	return 0;
}

/* Until the run of this one ends before the next that is left, or a fate is decided that is its own. */
static int judge_file(const struct judging *judging, uint32_t at)
{
	for (uint32_t next = at + 1; next < judging->count; next++) {
		struct run run;
		int err = follow_file(judging, at, next, &run);
		if (!err && run.reaches)
			err = judge_two(judging, at, &run, next);
		else if (!err && run.end != judging->files[next].base_offset && is_unheard_of(judging, next)) {
			set_fate(judging, next, OVERLAP_STRAY, at);
			judging->files[next].is_beyond = true;
		}
		if (err || judging->files[next].fate != OVERLAP_STRAY)
			return err;
	}
	return 0;
}

int overlap_judge(struct io *io, const char *dir, const struct overlap_known *known, struct overlap_file *files, uint32_t count)
{
	struct judging judging = {io, dir, known, files, count};
	int err = 0;
	for (uint32_t i = 0; i < count && !err; i++)
		err = files[i].fate == OVERLAP_NONE ? judge_file(&judging, i) : 0;
	return err;
}
