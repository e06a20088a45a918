/* A torn tail, kept aside: bytes behind the log's end that are about to be cut off. Owns nothing; the thread of the segment; reads and writes the disk
 * in place, once after a crash. */
#pragma once

#include "log/io/io.h"

/* Copies the bytes [from, to) of `fd` into a file at `path`, synced, unless they are all zeros (room that was reserved); zeros at the end are left
 * out, and so is what is beyond TORN_FILE_SIZE_MAX. Names the file on stderr. A full disk keeps nothing aside, and says so: these bytes were
 * acknowledged to nobody, and the disk is full because of such. Other errors are returned. `is_end_found`: a scan has found that end, so nobody knows whether they were; that is said. */
#define TORN_FILE_SIZE_MAX (64ull << 20)
#define TORN_FILE_SUFFIX ".torn" /* behind the name of the .log; the next crash's takes its place, and it goes with the segment */
MUST_USE int torn_file_save(struct io *io, int fd, uint64_t from, uint64_t to, const char *path, bool is_end_found);

/* 1: the file has something other than zeros at `from` or behind it. 0: it has not. -errno. Room that was reserved is not read, where the file system
 * tells. */
MUST_USE int torn_file_is_due(struct io *io, int fd, uint64_t from);
