/* Happy path: the checkpoint gives the seed, log/journal does the rest. Without a checkpoint, or with a damaged one, the groups' headers are asked, which have it
 * too unless an earlier version wrote them. */
#include "log/repair/lost_journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/store/store_priv.h"

static int read_seed(struct io *io, const char *dir, uint32_t shard, uint64_t *seed, uint64_t *generation)
{
	uint8_t *data;
	size_t size;
	int err = store__load_checkpoint(io, dir, shard, "", &data, &size);
	if (err)
		return err;
	err = store__checkpoint_journal((struct slice){data, size}, seed, generation);
	free(data);
	return err;
}

int lost_journal_salvage(struct io *io, const char *dir, uint32_t shard, bool is_dry_run, struct journal_salvage *found)
{
	char path[4096];
	uint64_t seed, generation;
	int err = read_seed(io, dir, shard, &seed, &generation);
	if (err == -ENOENT || err == ERR_CORRUPT_LOG) /* the headers say it as well */
		seed = generation = err = 0;
	snprintf(path, sizeof path, "%s/journal-%u", dir, shard);
	return err ? err : journal_salvage(io, path, seed, shard + 1, generation, is_dry_run, found);
}

int lost_journal_cut(struct io *io, const char *dir, const char *name, uint64_t size)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = io_file_open(io, path, 0);
	if (fd < 0)
		return fd;
	int err = io_file_truncate(io, fd, size);
	if (!err)
		err = io_file_sync(io, fd);
	io_close_fd(io, fd);
	return err;
}
