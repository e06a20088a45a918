/* One thing that is done to one file, or a directory, of a scene: test_rot.c. */
#pragma once

#include "tests/unit/log/store/rot_scene.h"

enum mutation_kind {
	FLIP, CUT, GROW, EMPTY, DELETE, REPLACE, EXCHANGE, MOVE, ZERO,
	SWAP,      /* two files of one kind: logs, indexes, journals ... */
	OLD,       /* as it was some lives ago */
	BLANK,     /* zeros, of its length */
	DOUBLE,    /* its last bytes once more */
	SCRAMBLE,  /* a block of noise */
	RENAME,    /* a directory under another one's name, which is gone */
	TRADE,     /* two directories under each other's */
	mutation_kind_count
};
static const char *const mutation_names[] = {"flip", "cut", "grow", "empty", "delete", "replace", "exchange", "move", "zero",
					     "swap", "old", "blank", "double", "scramble", "rename", "trade"};

struct mutation {
	enum mutation_kind kind;
	uint32_t file, other;
	size_t at, size;
	uint8_t bit;
	bool are_times_first; /* lookups by time meet it before reads do */
};

static inline void own(struct kept_file *file, size_t size)
{
	uint8_t *copy = calloc(1, size + 1);
	memcpy(copy, file->bytes, file->size < size ? file->size : size);
	file->bytes = copy;
	file->size = size;
}

static inline size_t dir_size(const char *path)
{
	return (size_t)(strrchr(path, '/') - path);
}

static inline bool is_beside(const struct kept_file *file, const char *path)
{
	return dir_size(file->path) == dir_size(path) && strncmp(file->path, path, dir_size(path)) == 0;
}

static inline void move_to_dir_of(struct kept_file *file, const char *path)
{
	char name[sizeof file->path];
	snprintf(name, sizeof name, "%s", strrchr(file->path, '/') + 1);
	cr_assert_lt(snprintf(file->path, sizeof file->path, "%.*s/%s", (int)dir_size(path), path, name), (int)sizeof file->path);
}

/* The directory of a file gets the other's name; that one's files go, or get this one's. */
static inline void move_dirs(const struct kept *kept, const struct mutation *mutation, struct kept *out)
{
	const char *from = kept->files[mutation->file].path, *to = kept->files[mutation->other].path;
	for (uint32_t i = 0; i < kept->count; i++)
		if (is_beside(&kept->files[i], from))
			move_to_dir_of(&out->files[i], to);
		else if (is_beside(&kept->files[i], to) && mutation->kind == TRADE)
			move_to_dir_of(&out->files[i], from);
		else if (is_beside(&kept->files[i], to))
			out->files[i].is_gone = true;
}

static inline void scramble(uint8_t *bytes, size_t size, uint64_t noise)
{
	for (size_t i = 0; i < size; i++) {
		noise = noise * 6364136223846793005u + 1442695040888963407u;
		bytes[i] = (uint8_t)(noise >> 56);
	}
}

/* `out` shares the bytes of what was not changed. */
static inline void mutate(const struct scene *scene, const struct mutation *mutation, struct kept *out)
{
	const struct kept *kept = &scene->kept;
	*out = *kept;
	struct kept_file *file = &out->files[mutation->file];
	switch (mutation->kind) {
	case FLIP:
		own(file, file->size);
		file->bytes[mutation->at] ^= (uint8_t)(1u << mutation->bit);
		break;
	case CUT:
		own(file, mutation->at);
		break;
	case GROW:
		own(file, file->size + mutation->size);
		for (size_t i = file->size - mutation->size; i < file->size; i++)
			file->bytes[i] = (uint8_t)(i * 37 + mutation->bit);
		break;
	case EMPTY:
		own(file, 0);
		break;
	case DELETE:
		file->is_gone = true;
		break;
	case REPLACE:
		file->bytes = kept->files[mutation->other].bytes;
		file->size = kept->files[mutation->other].size;
		break;
	case SWAP:
	case EXCHANGE:
		file->bytes = kept->files[mutation->other].bytes;
		file->size = kept->files[mutation->other].size;
		out->files[mutation->other].bytes = kept->files[mutation->file].bytes;
		out->files[mutation->other].size = kept->files[mutation->file].size;
		break;
	case MOVE:
		own(file, file->size);
		memmove(file->bytes + mutation->at, kept->files[mutation->file].bytes + mutation->other, mutation->size);
		break;
	case OLD:
		file->bytes = scene->old.files[mutation->other].bytes;
		file->size = scene->old.files[mutation->other].size;
		break;
	case BLANK:
		own(file, file->size);
		memset(file->bytes, 0, file->size);
		break;
	case DOUBLE:
		own(file, file->size + mutation->size);
		memcpy(file->bytes + file->size - mutation->size, file->bytes + file->size - 2 * mutation->size, mutation->size);
		break;
	case SCRAMBLE:
		own(file, file->size);
		scramble(file->bytes + mutation->at, mutation->size, mutation->at + mutation->bit);
		break;
	case RENAME:
	case TRADE:
		move_dirs(kept, mutation, out);
		break;
	default:
		own(file, file->size);
		memset(file->bytes + mutation->at, 0, mutation->size);
	}
}

static inline bool has_bytes(const struct kept *kept, const uint8_t *bytes)
{
	for (uint32_t i = 0; i < kept->count; i++)
		if (kept->files[i].bytes == bytes)
			return true;
	return false;
}

static inline void release(const struct scene *scene, struct kept *changed)
{
	for (uint32_t i = 0; i < changed->count; i++) {
		if (!has_bytes(&scene->kept, changed->files[i].bytes) && !has_bytes(&scene->old, changed->files[i].bytes))
			free(changed->files[i].bytes);
	}
}

static inline void put_on_disk(struct sim_disk *disk, const struct kept *kept)
{
	struct broker broker = {.disk = disk};
	open_io(&broker);
	for (uint32_t i = 0; i < kept->count; i++) {
		const struct kept_file *file = &kept->files[i];
		char dir[96];
		snprintf(dir, sizeof dir, "%s", file->path);
		char *slash = strrchr(dir, '/');
		*slash = 0;
		if (slash != dir) {
			int err = io_dir_make(broker.io, dir);
			cr_assert(err == 0 || err == -EEXIST);
		}
		if (file->is_gone)
			continue;
		int fd = io_file_open(broker.io, file->path, IO_CREATE);
		cr_assert_geq(fd, 0);
		cr_assert_eq(io_file_write(broker.io, fd, file->bytes, file->size, 0), (int64_t)file->size);
		io_close_fd(broker.io, fd);
	}
	io_close(broker.io);
}
