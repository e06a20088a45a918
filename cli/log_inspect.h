/* `spate log inspect`: what its files share. The flags are in log_inspect.c, a directory is in
 * log_inspect_dir.c, batches and records of a .log in log_inspect_log.c, the catalog in log_inspect_catalog.c, every other kind of file in
 * log_inspect_file.c. Owner: the main thread. Reads only. */
#pragma once

#include "cli/out.h"
#include "log/io/io.h"
#include "log/verify/finding.h"

int log_inspect_run(int argc, char **argv);

/* Plain system calls do for reading. An exit status, after a complaint if it is not STATUS_OK. */
MUST_USE int log_open_io(struct io **out);
/* A directory that holds nothing of a broker's is a mistake in its name: STATUS_USAGE, after a complaint. */
int log_check_directory(struct io *io, const char *path);

struct inspect_range {
	int64_t from, to; /* offsets [from, to) */
};

/* Prints the batches of a .log file that hold offsets of the range, and their records if asked: a line
 * each, or a JSON object a line. `dir` and `file` make the path; the topic is for the records' lines.
 * Returns an exit status. */
int log_inspect_log(struct io *io, const char *dir, const char *file, const char *topic, int32_t partition,
		    int64_t base_offset, const struct inspect_range *range, bool with_records, bool is_json);

/* Prints the changes in the bytes of a catalog.log; nonzero: they are none. */
int log_inspect_catalog(struct out *out, struct slice file, int64_t unused);

/* Prints an index, a seal, a snapshot, a checkpoint, a journal or the catalog. False: it is none of these. */
bool log_inspect_file(struct io *io, const char *path, bool is_json, int *status);

/* Nothing for NOWHERE. */
static inline struct out_cell cell_offset(int64_t offset)
{
	return cell_int_if(offset != NOWHERE, offset);
}
