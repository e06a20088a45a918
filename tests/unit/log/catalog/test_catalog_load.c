/* Reading catalog.log into memory: files that are not as long as they say, or longer than can be kept. On the kernel's own files, as the simulated disk has none such. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/catalog/catalog_load.h"

static struct io *open_io(void)
{
	struct io *io;
	struct io_options options = {.backend = IO_SYSCALLS};
	cr_assert_eq(io_open(&io, &options), 0);
	return io;
}

/* A new file with these bytes at its beginning, and of that size; a byte that says something at `byte_at`, if that is not 0. */
static void make_file(char path[64], const char *bytes, off_t size, off_t byte_at)
{
	strcpy(path, "/tmp/spate-catalog-XXXXXX");
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
	cr_assert_eq(ftruncate(fd, size), 0);
	if (byte_at)
		cr_assert_eq(pwrite(fd, "x", 1, byte_at), 1);
	close(fd);
}

/* It ends before its size says: as one that becomes shorter under its reader. Files of the kernel are such. */
Test(catalog_load, shorter_than_it_says, .timeout = 10)
{
	static const char path[] = "/sys/devices/system/cpu/online";
	if (access(path, R_OK))
		cr_skip_test("no such file here");
	struct io *io = open_io();
	struct catalog_loaded loaded;
	cr_assert_eq(catalog_load(io, path, &loaded), 0);
	cr_expect(loaded.size > 0 && loaded.size < 1000 && loaded.file_size == loaded.size, "%zu, %lu", loaded.size, (unsigned long)loaded.file_size);
	cr_expect_not(loaded.is_too_large);
	free(loaded.data);
	io_close(io);
}

/* Zeros at the end are what a torn record may end with: so many are kept behind what says something, and the rest only counted. */
Test(catalog_load, zeros_at_its_end)
{
	static const struct {
		off_t size, byte_at;
	} cases[] = {{3, 0}, {4, 0}, {5000, 0}, {CATALOG_ZEROS_KEPT, 0}, {CATALOG_ZEROS_KEPT + 3, 0}, {4 * CATALOG_ZEROS_KEPT, 0},
		     {CATALOG_ZEROS_KEPT + 100, CATALOG_ZEROS_KEPT - 1}, {3 * CATALOG_ZEROS_KEPT, CATALOG_ZEROS_KEPT - 1}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct io *io = open_io();
		struct catalog_loaded loaded;
		char path[64];
		size_t size = (size_t)cases[i].size, least = (size_t)cases[i].byte_at + CATALOG_ZEROS_KEPT;
		make_file(path, "abc", cases[i].size, cases[i].byte_at);
		cr_assert_eq(catalog_load(io, path, &loaded), 0);
		least = size < least ? size : least;
		cr_expect(loaded.size >= least && loaded.size <= size && loaded.file_size == size, "case %zu: %zu", i, loaded.size);
		cr_expect_eq(memcmp(loaded.data, "abc", 3), 0);
		for (size_t at = 3; at < loaded.size; at++)
			cr_assert_eq(loaded.data[at], cases[i].byte_at == (off_t)at ? 'x' : 0);
		cr_expect_not(loaded.is_too_large);
		free(loaded.data);
		unlink(path);
		io_close(io);
	}
}

/* Something is said behind what can be kept: that is told, and not read. */
Test(catalog_load, too_large)
{
	struct io *io = open_io();
	struct catalog_loaded loaded;
	char path[64];
	make_file(path, "abc", (off_t)CATALOG_FILE_SIZE_MAX + 8192, (off_t)CATALOG_FILE_SIZE_MAX + 5000);
	cr_assert_eq(catalog_load(io, path, &loaded), 0);
	cr_expect(loaded.is_too_large);
	cr_expect_leq(loaded.size, CATALOG_FILE_SIZE_MAX);
	free(loaded.data);
	unlink(path);
	io_close(io);
}
