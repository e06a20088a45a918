#include "tests/sim_broker/image.h"

#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/io/io.h"

#define ROOT "/data/"

/* ---- taking one ---------------------------------------------------------------------------------------------------------- */

struct taking {
	struct image *image;
	struct sim_disk *disk;
};

static void count_file(void *context, const char *path, uint64_t size)
{
	(*(uint32_t *)context)++;
}

static void take_file(void *context, const char *path, uint64_t size)
{
	struct taking *taking = context;
	struct image_file *file = &taking->image->files[taking->image->count++];
	snprintf(file->path, sizeof file->path, "%s", path);
	file->size = size;
	file->bytes = malloc(size + 1);
	CHECK(file->bytes && sim_disk_peek(taking->disk, path, file->bytes, size, 0) == (int64_t)size);
}

void image_take(struct image *image, struct sim_disk *disk)
{
	uint32_t count = 0;
	sim_disk_list(disk, count_file, &count);
	*image = (struct image){.files = calloc(count + 1, sizeof *image->files)};
	CHECK(image->files);
	sim_disk_list(disk, take_file, &(struct taking){image, disk});
}

void image_drop(struct image *image)
{
	for (uint32_t i = 0; i < image->count; i++)
		free(image->files[i].bytes);
	free(image->files);
	*image = (struct image){0};
}

/* ---- looking at it --------------------------------------------------------------------------------------------------------- */

const struct image_file *image_find(const struct image *image, const char *path)
{
	for (uint32_t i = 0; i < image->count; i++)
		if (strcmp(image->files[i].path, path) == 0)
			return &image->files[i];
	return NULL;
}

bool image_is_same(const struct image_file *one, const struct image_file *other)
{
	return one->size == other->size && memcmp(one->bytes, other->bytes, one->size) == 0;
}

size_t image_directory_size(const char *path)
{
	const char *end = strncmp(path, ROOT, strlen(ROOT)) == 0 ? strchr(path + strlen(ROOT), '/') : NULL;
	return end ? (size_t)(end + 1 - path) : 0;
}

/* ---- putting files back ------------------------------------------------------------------------------------------------------ */

static void write_file(struct io *io, const char *path, const struct image_file *content)
{
	int fd = io_file_open(io, path, IO_CREATE);
	CHECKF(fd >= 0, "%s: %d", path, fd);
	CHECK(io_file_truncate(io, fd, 0) == 0);
	CHECK(io_file_write(io, fd, content->bytes, content->size, 0) == (int64_t)content->size);
	CHECK(io_file_sync(io, fd) == 0);
	io_close_fd(io, fd);
}

void image_put(struct world *world, const char *path, const struct image_file *content)
{
	struct io_options options = {.backend = IO_SIM, .disk = world->disk, .seed = world->plan->seed};
	struct io *io;
	CHECK(io_open(&io, &options) == 0);
	if (content) {
		write_file(io, path, content);
	} else {
		int err = io_unlink(io, path);
		CHECK(err == 0 || err == -ENOENT);
	}
	CHECK(io_parent_sync(io, path) == 0);
	io_close(io);
}
