/* A catalog on a simulated machine, for tests: opened, changed in short words, crashed and opened again. */
#pragma once

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "log/catalog/catalog.h"
#include "log/io/sim.h"
#include "log/io/small_file.h"

#include "log/io/sim.h"
#include "log/io/small_file.h"

#define DIR_PATH "/data"
#define LOG_PATH DIR_PATH "/catalog.log"

/* A machine: a disk, its io while power is on, a configuration, and the catalog while it is open. */
struct machine {
	struct sim_disk *disk;
	struct io *io;
	struct broker_config *broker;
	struct catalog *catalog;
	struct catalog_report report;
};

static inline struct slice slice_of(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

static inline void power_on(struct machine *machine)
{
	struct io_options options = {.backend = IO_SIM, .disk = machine->disk, .seed = 7};
	cr_assert_eq(io_open(&machine->io, &options), 0);
}

static inline void machine_init(struct machine *machine, uint64_t seed)
{
	*machine = (struct machine){.disk = sim_disk_open(seed)};
	cr_assert_eq(broker_config_create(&machine->broker), 0);
	power_on(machine);
	cr_assert_eq(io_dir_make(machine->io, DIR_PATH), 0);
	cr_assert_eq(io_dir_sync(machine->io, "/"), 0);
}

static inline int machine_open(struct machine *machine)
{
	return catalog_open(&machine->catalog, machine->io, DIR_PATH, machine->broker, &machine->report);
}

static inline void machine_open_well(struct machine *machine)
{
	cr_assert_eq(machine_open(machine), 0, "%s", machine->report.why);
}

static inline void machine_close(struct machine *machine)
{
	catalog_close(machine->catalog);
	machine->catalog = NULL;
}

static inline void machine_crash(struct machine *machine)
{
	machine_close(machine);
	sim_disk_crash(machine->disk);
	io_close(machine->io);
	power_on(machine);
}

static inline void machine_fini(struct machine *machine)
{
	machine_close(machine);
	io_close(machine->io);
	sim_disk_close(machine->disk);
	broker_config_destroy(machine->broker);
}

/* ---- short words for the changes ------------------------------------------------------------------------------- */

static inline int create_one(struct catalog *catalog, const char *name, uint32_t partitions)
{
	int err = -1;
	struct topic_spec spec = {.name = slice_of(name), .partition_count = partitions};
	int result = catalog_create_topics(catalog, &spec, 1, &err);
	return result ? result : err;
}

static inline const struct topic *find(const struct catalog_image *image, const char *name)
{
	return catalog_topic_by_name(image, slice_of(name));
}

static inline struct uuid id_of(struct catalog *catalog, const char *name)
{
	const struct catalog_image *image = catalog_image_acquire(catalog);
	const struct topic *topic = find(image, name);
	struct uuid id = topic ? topic->id : (struct uuid){0};
	catalog_image_release(image);
	return id;
}

static inline int delete_one(struct catalog *catalog, const char *name)
{
	int err = -1;
	struct uuid id = id_of(catalog, name);
	int result = catalog_delete_topics(catalog, &id, 1, &err);
	return result ? result : err;
}

static inline uint32_t partitions_of(struct catalog *catalog, const char *name)
{
	const struct catalog_image *image = catalog_image_acquire(catalog);
	const struct topic *topic = find(image, name);
	uint32_t count = topic ? topic->partition_count : 0;
	catalog_image_release(image);
	return count;
}

static inline uint32_t topic_count(struct catalog *catalog)
{
	const struct catalog_image *image = catalog_image_acquire(catalog);
	uint32_t count = image->topic_count;
	catalog_image_release(image);
	return count;
}

static inline int64_t retention_of(struct catalog *catalog, const char *name)
{
	const struct catalog_image *image = catalog_image_acquire(catalog);
	const struct topic *topic = find(image, name);
	int64_t retention_ms = topic ? topic->config.retention_ms : -2;
	catalog_image_release(image);
	return retention_ms;
}

static inline int set_retention(struct catalog *catalog, const char *name, const char *value)
{
	struct config_override override = {"retention.ms", (char *)value};
	struct uuid id = id_of(catalog, name);
	return catalog_set_overrides(catalog, &id, &override, 1);
}

static inline int set_setting(struct catalog *catalog, uint8_t type, const char *name, const char *key, const char *value)
{
	struct slice text = slice_of(value ? value : "");
	struct setting_change change = {type, slice_of(name), slice_of(key), value ? &text : NULL};
	return catalog_change_settings(catalog, &change, 1);
}

/* The value, or "-" if it is not set. Copied: an image is not held. */
static inline const char *setting_of(struct catalog *catalog, uint8_t type, const char *name, const char *key)
{
	static char value[64];
	const struct catalog_image *image = catalog_image_acquire(catalog);
	const struct setting *setting = catalog_setting(image, type, slice_of(name), slice_of(key));
	snprintf(value, sizeof value, "%s", setting ? (const char *)setting->value.data : "-");
	catalog_image_release(image);
	return value;
}

static inline struct slice read_log(struct machine *machine)
{
	uint8_t *data;
	size_t size;
	cr_assert_eq(small_file_read(machine->io, LOG_PATH, 1 << 20, &data, &size), 0);
	return (struct slice){data, size};
}
