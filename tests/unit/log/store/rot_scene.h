/* What test_rot.c rots: the files that a load leaves, and what was acknowledged by then. */
#pragma once

#include "tests/unit/log/store/rot_broker.h"

#define FILES_MAX 160
#define PARTITIONS_MAX 16
#define OFFSETS_MAX 600

struct kept_file {
	char path[96];
	uint8_t *bytes;
	size_t size;
	bool is_gone;
};

struct kept {
	uint32_t count;
	struct kept_file files[FILES_MAX];
};

struct scene {
	const char *name;
	struct kept kept, old;
	uint32_t partition_count;
	struct expected partitions[PARTITIONS_MAX];
};

static inline struct expected *expect(struct scene *scene, const char *topic, uint32_t index, uint32_t tag)
{
	scene->partitions[scene->partition_count] = (struct expected){topic, index, tag, 0, 0};
	return &scene->partitions[scene->partition_count++];
}

static inline int keep_files(struct kept *kept, struct io *io, const char *dir);

struct walk {
	struct kept *kept;
	struct io *io;
	const char *dir;
};

static inline int keep_file(void *context, const char *name, bool is_directory)
{
	const struct walk *walk = context;
	char path[96];
	snprintf(path, sizeof path, "%s/%s", walk->dir, name);
	if (is_directory)
		return keep_files(walk->kept, walk->io, path);
	if (strcmp(name, ".lock") == 0)
		return 0;
	cr_assert_lt(walk->kept->count, FILES_MAX);
	struct kept_file *file = &walk->kept->files[walk->kept->count++];
	int fd = io_file_open(walk->io, path, IO_READ_ONLY);
	file->size = (size_t)io_file_size(walk->io, fd);
	file->bytes = malloc(file->size + 1);
	memcpy(file->path, path, sizeof file->path);
	cr_assert_eq(io_file_read(walk->io, fd, file->bytes, file->size, 0), (int64_t)file->size);
	io_close_fd(walk->io, fd);
	return 0;
}

static inline int keep_files(struct kept *kept, struct io *io, const char *dir)
{
	struct walk walk = {kept, io, dir};
	return io_dir_list(io, *dir ? dir : "/", keep_file, &walk);
}

static inline void keep_all(struct kept *kept, struct broker *broker)
{
	open_io(broker);
	cr_assert_eq(keep_files(kept, broker->io, ""), 0);
	io_close(broker->io);
}

/* Three lives: the first is stopped, the second is killed, and the third as `is_clean` says. */
static inline void load(struct scene *scene, bool is_clean)
{
	struct broker broker = {.disk = sim_disk_open(7)};
	cr_assert_eq(open_broker(&broker, false), 0);
	create_topic(&broker, "rolled", 2, "20");
	create_topic(&broker, "plain", 2, NULL);
	create_topic(&broker, "again", 1, NULL);
	struct expected *rolled[] = {expect(scene, "rolled", 0, 1), expect(scene, "rolled", 1, 1)};
	struct expected *plain[] = {expect(scene, "plain", 0, 2), expect(scene, "plain", 1, 2)};
	struct expected old = {"again", 0, 3, 0, 0};
	for (int i = 0; i < 12; i++) {
		append(&broker, rolled[0], 3, 200);
		append(&broker, rolled[1], 2, i % 3 ? 100 : 1800);
		append(&broker, plain[0], 4, 150);
		append(&broker, plain[1], 1, i % 4 ? 60 : 3500);
		append(&broker, &old, 2, 100);
	}
	cr_assert_eq(trim_now(&broker, rolled[0], 16), 0);
	cr_assert_eq(trim_now(&broker, plain[0], 7), 0);
	delete_topic(&broker, "again");
	cr_assert(stop_broker(&broker));
	keep_all(&scene->old, &broker);

	cr_assert_eq(open_broker(&broker, false), 0);
	create_topic(&broker, "again", 1, NULL);
	create_topic(&broker, "empty", 1, NULL);
	struct expected *again = expect(scene, "again", 0, 4);
	expect(scene, "empty", 0, 5);
	create_topic(&broker, "emptied", 1, "20");
	struct expected *emptied = expect(scene, "emptied", 0, 6);
	for (int i = 0; i < 3; i++)
		append(&broker, emptied, 9, 50);
	let_write_behind(&broker);
	cr_assert_eq(trim_now(&broker, emptied, 27), 0);
	for (int i = 0; i < 6; i++) {
		append(&broker, rolled[0], 3, 200);
		append(&broker, rolled[1], 2, 300);
		append(&broker, plain[0], 3, 120);
		append(&broker, plain[1], 2, 2000);
		append(&broker, again, 2, 80);
		if (i == 3)
			let_write_behind(&broker);
	}
	sim_disk_crash(broker.disk);
	close_broker(&broker);

	cr_assert_eq(open_broker(&broker, false), 0);
	for (int i = 0; i < 4; i++) {
		append(&broker, rolled[0], 1, 400);
		append(&broker, rolled[1], 3, 90);
		append(&broker, plain[0], 2, 2600);
		append(&broker, plain[1], 2, 70);
		append(&broker, again, 2, 80);
		if (i == 1)
			let_write_behind(&broker);
	}
	make_compacted(&broker, "rolled");
	if (is_clean) {
		cr_assert(stop_broker(&broker));
	} else {
		sim_disk_crash(broker.disk);
		close_broker(&broker);
	}
	keep_all(&scene->kept, &broker);
	sim_disk_close(broker.disk);
}
