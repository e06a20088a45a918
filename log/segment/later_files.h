/* Does a partition's directory hold records behind where its log is said to end? Then who says so (catalog, journal and checkpoint) is of an earlier time than the
 * directory: somebody has put them back. They may all agree with each other, so nothing else tells.
 *
 * A clean stop leaves no byte behind a log's end, and no file that begins there; whatever a crash has left is cut off before anybody is served. What is there all the
 * same is believed to be the log's own if its append times or its seal say that it was filed.
 *
 * Any thread; reads only. */
#pragma once

#include "log/io/io.h"
#include "log/segment/append_times.h"

struct log_end_asked {
	const char *dir;                /* the partition's */
	struct append_time_owner owner; /* its base: that of the segment the log goes on in */
	bool has_file;                  /* of that segment there should be a .log */
	bool is_sealed;                 /* and a seal */
	uint64_t position;              /* where it ends in it */
	int64_t offset;                 /* where it ends */
	bool was_clean;                 /* the last stop; else something was found there already */
};

/* 1: there are such, up to offset *to at least, which is behind `offset`. 0: none, or none that can be told from what is nobody's. Or a shortage, which says
 * nothing. Three files are looked for where all is well, and nothing is read. */
MUST_USE int later_files_find(struct io *io, const struct log_end_asked *asked, int64_t *to);
