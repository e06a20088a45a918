/* Head first, then each entry. */
#include "log/verify/append_time_check.h"

#include <errno.h>

#include "log/base/bytes.h"
#include "log/segment/append_time_file.h"

/* What a crash leaves of a head: none of it, or zeros. */
static int has_head(struct io *io, const char *path, bool *out)
{
	uint8_t head[APPEND_TIME_HEADER_SIZE];
	int fd = io_file_open(io, path, IO_READ_ONLY);
	int64_t got = fd < 0 ? fd : io_file_read(io, fd, head, sizeof head, 0);
	if (fd >= 0)
		io_close_fd(io, fd);
	*out = got == sizeof head && !bytes_are_zeros(head, sizeof head);
	return got < 0 ? (int)got : 0;
}

static int judge_head(struct io *io, const char *path, enum finding_kind *kind, const char **what)
{
	bool is_there;
	int err = has_head(io, path, &is_there);
	*kind = is_there ? FINDING_DERIVED : FINDING_NOTE;
	*what = is_there ? "its head is damaged: when these records were appended is not known"
			 : "it has no head, as after a power cut: when these records were appended is not known";
	return err;
}

static bool are_entries_good(struct append_time_file *file)
{
	struct append_step step;
	for (uint32_t i = 0; i < file->steps.count; i++)
		if (!file->steps.get(file->steps.context, i, &step))
			return false;
	return true;
}

int append_time_check(struct io *io, const char *path, const struct append_time_owner *owner, enum finding_kind *kind, const char **what)
{
	struct append_time_file file;
	*kind = FINDING_NOTE;
	*what = NULL;
	int err = append_time_file_open(&file, io, path);
	if (err == ERR_CORRUPT_LOG)
		return judge_head(io, path, kind, what);
	if (err == ERR_FORMAT)
		*what = "it is of a later version: when these records were appended is not known here";
	if (err)
		return err == ERR_FORMAT ? 0 : err;
	if (owner && !append_time_file_is_of(&file, owner)) {
		*kind = FINDING_DERIVED;
		*what = "it is another segment's: when these records were appended is not known";
	} else if (!are_entries_good(&file)) {
		*what = "some of its entries fail their checksums, as after a power cut: when those records were appended is known within bounds";
	}
	append_time_file_close(&file);
	return 0;
}
