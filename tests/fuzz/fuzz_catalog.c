/* libFuzzer: catalog.log of any bytes. The input is a list of records, a byte for the kind, one for what is wrong with it, two for its size, and the
 * body; frames, sequences and checksums are made right unless the second byte bends them, so that the fuzzer gets past them. A catalog that opens must take
 * a change and open again with it; one that does not must say why; and salvaging it leaves a catalog that opens (unless it tells of as many openings as can be counted). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/catalog/catalog_file.h"
#include "log/catalog/catalog_salvage.h"
#include "log/io/sim.h"
#include "log/io/small_file.h"
#include "net/wire/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct broker_config *the_config(void)
{
	static struct broker_config *config;
	if (!config)
		CHECK(broker_config_create(&config) == 0);
	return config;
}

static void put_identity(struct catalog_bytes *file, uint64_t sequence)
{
	static const uint8_t id[16] = {1, 2, 3};
	catalog_begin(file, CATALOG_IDENTITY, sequence);
	catalog_put(file, id, sizeof id);
	catalog_put_u32(file, 1);
	catalog_put_text(file, (struct slice){(const uint8_t *)"AAAAAAAAAAAAAAAAAAAAAQ", 22});
	catalog_end(file);
}

static void make_file(struct catalog_bytes *file, const uint8_t *data, size_t size)
{
	uint64_t sequence = 1;
	catalog_put_header(file);
	if (size && data[0] & 1)
		put_identity(file, sequence++);
	for (size_t at = 1; at + 4 <= size;) {
		size_t body = load_le16(data + at + 2) % 512, left = size - at - 4, start = file->size;
		body = body < left ? body : left;
		catalog_begin(file, data[at] % (catalog_kind_count + 1), sequence + (data[at + 1] & 1));
		catalog_put(file, data + at + 4, body);
		catalog_end(file);
		if (data[at + 1] & 2)
			file->data[start + data[at + 1] % (CATALOG_FRAME_SIZE + body)] ^= 0x10;
		sequence++;
		at += 4 + body;
	}
	CHECK(!file->has_failed);
}

static int open_catalog(struct io *io, struct catalog **catalog, struct catalog_report *report)
{
	return catalog_open(catalog, io, "/d", the_config(), report);
}

/* An opened catalog takes a change, and the next opening finds it. */
static void check_life(struct io *io, struct catalog *catalog)
{
	static const char *const name = "fuzz";
	struct slice value = {(const uint8_t *)"v", 1};
	struct setting_change change = {.type = SETTING_GROUP, .name = {(const uint8_t *)name, 4}, .key = {(const uint8_t *)"k", 1}, .value = &value};
	uint64_t incarnation = catalog_incarnation(catalog);
	bool was_changed = catalog_change_settings(catalog, &change, 1) == 0;
	catalog_close(catalog);
	struct catalog_report report;
	int err = open_catalog(io, &catalog, &report);
	if (err == -EOVERFLOW)
		return;
	CHECKF(err == 0, "the second opening: %s", report.why);
	CHECK(catalog_incarnation(catalog) > incarnation);
	const struct catalog_image *image = catalog_image_acquire(catalog);
	const struct setting *setting = catalog_setting(image, SETTING_GROUP, change.name, change.key);
	CHECK(!was_changed || (setting && slice_equal(setting->value, value)));
	catalog_image_release(image);
	catalog_close(catalog);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sim_disk *disk = sim_disk_open(1);
	struct io *io;
	struct io_options options = {.backend = IO_SIM, .disk = disk, .seed = 1};
	struct catalog_bytes file = {0};
	struct catalog *catalog;
	struct catalog_report report = {0};
	CHECK(io_open(&io, &options) == 0 && io_dir_make(io, "/d") == 0);
	make_file(&file, data, size);
	CHECK(small_file_replace(io, "/d/catalog.log", file.data, file.size) == 0);
	free(file.data);
	int err = open_catalog(io, &catalog, &report);
	if (err == 0) {
		check_life(io, catalog);
	} else {
		static const struct catalog_mark known;
		struct salvage_report salvaged;
		CHECKF(report.why[0], "refused without a word: %s", err_name(err));
		err = catalog_salvage(io, "/d", the_config(), &known, NULL, 0, NULL, 0, false, &salvaged);
		CHECKF(err == 0, "salvage: %s", err_name(err));
		err = open_catalog(io, &catalog, &report);
		CHECKF(err == 0 || err == -EOVERFLOW, "after salvage: %s", report.why);
		if (!err)
			check_life(io, catalog);
	}
	io_close(io);
	sim_disk_close(disk);
	return 0;
}
