/* The catalog over the simulated disk (crashes at every step, damage, full disks) and over a real directory. */
#include "log/catalog/catalog.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log/base/uuid_text.h"
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

static struct slice slice_of(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void power_on(struct machine *machine)
{
	struct io_options options = {.backend = IO_SIM, .disk = machine->disk, .seed = 7};
	cr_assert_eq(io_open(&machine->io, &options), 0);
}

static void machine_init(struct machine *machine, uint64_t seed)
{
	*machine = (struct machine){.disk = sim_disk_open(seed)};
	cr_assert_eq(broker_config_create(&machine->broker), 0);
	power_on(machine);
	cr_assert_eq(io_dir_make(machine->io, DIR_PATH), 0);
	cr_assert_eq(io_dir_sync(machine->io, "/"), 0);
}

static int machine_open(struct machine *machine)
{
	return catalog_open(&machine->catalog, machine->io, DIR_PATH, machine->broker, &machine->report);
}

static void machine_open_well(struct machine *machine)
{
	cr_assert_eq(machine_open(machine), 0, "%s", machine->report.why);
}

static void machine_close(struct machine *machine)
{
	catalog_close(machine->catalog);
	machine->catalog = NULL;
}

static void machine_crash(struct machine *machine)
{
	machine_close(machine);
	sim_disk_crash(machine->disk);
	io_close(machine->io);
	power_on(machine);
}

static void machine_fini(struct machine *machine)
{
	machine_close(machine);
	io_close(machine->io);
	sim_disk_close(machine->disk);
	broker_config_destroy(machine->broker);
}

/* ---- short words for the changes ------------------------------------------------------------------------------- */

static int create_one(struct catalog *catalog, const char *name, uint32_t partitions)
{
	int err = -1;
	struct topic_spec spec = {.name = slice_of(name), .partition_count = partitions};
	int result = catalog_create_topics(catalog, &spec, 1, &err);
	return result ? result : err;
}

static const struct topic *find(const struct catalog_image *image, const char *name)
{
	return catalog_topic_by_name(image, slice_of(name));
}

static struct uuid id_of(struct catalog *catalog, const char *name)
{
	const struct catalog_image *image = catalog_image_acquire(catalog);
	const struct topic *topic = find(image, name);
	struct uuid id = topic ? topic->id : (struct uuid){0};
	catalog_image_release(image);
	return id;
}

static int delete_one(struct catalog *catalog, const char *name)
{
	int err = -1;
	struct uuid id = id_of(catalog, name);
	int result = catalog_delete_topics(catalog, &id, 1, &err);
	return result ? result : err;
}

static uint32_t partitions_of(struct catalog *catalog, const char *name)
{
	const struct catalog_image *image = catalog_image_acquire(catalog);
	const struct topic *topic = find(image, name);
	uint32_t count = topic ? topic->partition_count : 0;
	catalog_image_release(image);
	return count;
}

static uint32_t topic_count(struct catalog *catalog)
{
	const struct catalog_image *image = catalog_image_acquire(catalog);
	uint32_t count = image->topic_count;
	catalog_image_release(image);
	return count;
}

static int64_t retention_of(struct catalog *catalog, const char *name)
{
	const struct catalog_image *image = catalog_image_acquire(catalog);
	const struct topic *topic = find(image, name);
	int64_t retention_ms = topic ? topic->config.retention_ms : -2;
	catalog_image_release(image);
	return retention_ms;
}

static int set_retention(struct catalog *catalog, const char *name, const char *value)
{
	struct config_override override = {"retention.ms", (char *)value};
	struct uuid id = id_of(catalog, name);
	return catalog_set_overrides(catalog, &id, &override, 1);
}

static int set_setting(struct catalog *catalog, uint8_t type, const char *name, const char *key, const char *value)
{
	struct slice text = slice_of(value ? value : "");
	struct setting_change change = {type, slice_of(name), slice_of(key), value ? &text : NULL};
	return catalog_change_settings(catalog, &change, 1);
}

/* The value, or "-" if it is not set. Copied: an image is not held. */
static const char *setting_of(struct catalog *catalog, uint8_t type, const char *name, const char *key)
{
	static char value[64];
	const struct catalog_image *image = catalog_image_acquire(catalog);
	const struct setting *setting = catalog_setting(image, type, slice_of(name), slice_of(key));
	snprintf(value, sizeof value, "%s", setting ? (const char *)setting->value.data : "-");
	catalog_image_release(image);
	return value;
}

static struct slice read_log(struct machine *machine)
{
	uint8_t *data;
	size_t size;
	cr_assert_eq(small_file_read(machine->io, LOG_PATH, 1 << 20, &data, &size), 0);
	return (struct slice){data, size};
}

/* ---- what it remembers --------------------------------------------------------------------------------------------- */

/* All that was answered is there after a restart, with the same ids, and the incarnation has grown. */
Test(catalog, remembers)
{
	struct machine machine;
	machine_init(&machine, 1);
	machine_open_well(&machine);
	cr_assert(machine.report.was_created);
	cr_assert_eq(catalog_incarnation(machine.catalog), 1);
	cr_assert_eq(create_one(machine.catalog, "orders", 3), 0);
	cr_assert_eq(create_one(machine.catalog, "gone", 1), 0);
	cr_assert_eq(create_one(machine.catalog, "__consumer_offsets", 50), 0);
	cr_assert_eq(delete_one(machine.catalog, "gone"), 0);
	struct uuid id = id_of(machine.catalog, "orders"), directory = *catalog_directory_id(machine.catalog);
	cr_assert_eq(catalog_grow_topic(machine.catalog, &id, 5), 0);
	cr_assert_eq(set_retention(machine.catalog, "orders", "1000"), 0);
	int64_t first;
	cr_assert_eq(catalog_reserve_producer_ids(machine.catalog, 1000, &first), 0);
	cr_assert_eq(first, 0);
	char cluster_id[64];
	strcpy(cluster_id, catalog_cluster_id(machine.catalog));
	cr_assert_eq(strlen(cluster_id), 22);

	machine_crash(&machine);
	machine_open_well(&machine);
	cr_assert_not(machine.report.was_created);
	cr_assert_eq(machine.report.torn_bytes, 0);
	cr_assert_eq(catalog_incarnation(machine.catalog), 2);
	cr_assert_str_eq(catalog_cluster_id(machine.catalog), cluster_id);
	cr_assert(uuid_equal(catalog_directory_id(machine.catalog), &directory));
	cr_assert_eq(catalog_node_id(machine.catalog), 1);
	cr_assert_eq(topic_count(machine.catalog), 2);
	cr_assert_eq(partitions_of(machine.catalog, "orders"), 5);
	cr_assert_eq(retention_of(machine.catalog, "orders"), 1000);
	const struct catalog_image *image = catalog_image_acquire(machine.catalog);
	cr_assert(uuid_equal(&find(image, "orders")->id, &id));
	cr_assert_eq(find(image, "orders")->created_incarnation, 1);
	cr_assert_eq(catalog_topic_by_id(image, &id), find(image, "orders"));
	cr_assert(find(image, "__consumer_offsets")->is_internal);
	cr_assert_not(find(image, "orders")->is_internal);
	catalog_image_release(image);
	cr_assert_eq(catalog_reserve_producer_ids(machine.catalog, 1000, &first), 0);
	cr_assert_eq(first, 1000);
	machine_fini(&machine);
}

/* ---- names ------------------------------------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	bool is_good;
} names[] = {
	{"a", true}, {"A-b_c.9", true}, {"...", true}, {".a", true}, {"", false}, {".", false}, {"..", false},
	{"a b", false}, {"a/b", false}, {"\xc3\xa4", false}, {"a\n", false}, {"a:b", false},
};

/* Kafka's rule for topic names, and its bound of 249. */
Test(catalog, topic_names)
{
	char longest[TOPIC_NAME_SIZE_MAX + 2];
	memset(longest, 'x', sizeof longest);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		cr_assert_eq(catalog_check_topic_name(slice_of(names[i].name)), names[i].is_good ? 0 : ERR_INVALID_TOPIC_NAME, "'%s'", names[i].name);
	cr_assert_eq(catalog_check_topic_name((struct slice){(uint8_t *)longest, TOPIC_NAME_SIZE_MAX}), 0);
	cr_assert_eq(catalog_check_topic_name((struct slice){(uint8_t *)longest, TOPIC_NAME_SIZE_MAX + 1}), ERR_INVALID_TOPIC_NAME);
	cr_assert_eq(catalog_check_topic_name((struct slice){(const uint8_t *)"a\0b", 3}), ERR_INVALID_TOPIC_NAME);
}

/* In one batch each topic has its own verdict, and those that are good are made. */
Test(catalog, batch_verdicts)
{
	struct machine machine;
	machine_init(&machine, 2);
	machine_open_well(&machine);
	cr_assert_eq(create_one(machine.catalog, "there.is", 1), 0);
	struct config_override bad_value = {"retention.ms", "soon"}, bad_name = {"nothing", "1"};
	const struct {
		struct topic_spec spec;
		int err;
	} cases[] = {
		{{slice_of("new"), 2, 0, NULL}, 0},
		{{slice_of("new"), 2, 0, NULL}, ERR_TOPIC_EXISTS},
		{{slice_of("there.is"), 2, 0, NULL}, ERR_TOPIC_EXISTS},
		{{slice_of("there_is"), 2, 0, NULL}, ERR_INVALID_TOPIC_NAME},
		{{slice_of("no/name"), 2, 0, NULL}, ERR_INVALID_TOPIC_NAME},
		{{slice_of("none"), 0, 0, NULL}, ERR_INVALID_PARTITIONS},
		{{slice_of("many"), TOPIC_PARTITIONS_MAX + 1, 0, NULL}, ERR_INVALID_PARTITIONS},
		{{slice_of("value"), 1, 1, &bad_value}, ERR_INVALID_CONFIG},
		{{slice_of("key"), 1, 1, &bad_name}, ERR_INVALID_CONFIG},
		{{slice_of("also.new"), 1, 0, NULL}, 0},
		{{slice_of("also_new"), 1, 0, NULL}, ERR_INVALID_TOPIC_NAME},
	};
	struct topic_spec specs[COUNT_OF(cases)];
	int errs[COUNT_OF(cases)];
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		specs[i] = cases[i].spec;
	cr_assert_eq(catalog_create_topics(machine.catalog, specs, COUNT_OF(cases), errs), 0);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		cr_assert_eq(errs[i], cases[i].err, "%zu: %s", i, err_name(errs[i]));
	cr_assert_eq(topic_count(machine.catalog), 3);
	cr_assert_str_eq(catalog_topic_colliding(machine.catalog, slice_of("also_new"))->name, "also.new");
	cr_assert_null(catalog_topic_colliding(machine.catalog, slice_of("also.new")));

	struct uuid ids[] = {id_of(machine.catalog, "new"), {{0}}, id_of(machine.catalog, "new")};
	cr_assert_eq(catalog_delete_topics(machine.catalog, ids, 3, errs), 0);
	cr_assert_eq(errs[0], 0);
	cr_assert_eq(errs[1], ERR_UNKNOWN_TOPIC);
	cr_assert_eq(errs[2], ERR_UNKNOWN_TOPIC);
	/* A name is free again once its topic is gone, for one that would have collided too. */
	cr_assert_eq(delete_one(machine.catalog, "there.is"), 0);
	cr_assert_eq(create_one(machine.catalog, "there_is", 1), 0);
	machine_fini(&machine);
}

/* Partitions only grow, and not past the bounds of a topic or of all together. */
Test(catalog, partition_bounds)
{
	struct machine machine;
	machine_init(&machine, 3);
	machine_open_well(&machine);
	cr_assert_eq(create_one(machine.catalog, "t", 2), 0);
	struct uuid id = id_of(machine.catalog, "t"), none = {{1}};
	cr_assert_eq(catalog_grow_topic(machine.catalog, &id, 2), ERR_INVALID_PARTITIONS);
	cr_assert_eq(catalog_grow_topic(machine.catalog, &id, 1), ERR_INVALID_PARTITIONS);
	cr_assert_eq(catalog_grow_topic(machine.catalog, &id, TOPIC_PARTITIONS_MAX + 1), ERR_INVALID_PARTITIONS);
	cr_assert_eq(catalog_grow_topic(machine.catalog, &none, 3), ERR_UNKNOWN_TOPIC);
	for (int i = 0; i < CATALOG_PARTITIONS_MAX / TOPIC_PARTITIONS_MAX - 1; i++) {
		char name[16];
		snprintf(name, sizeof name, "big%d", i);
		cr_assert_eq(create_one(machine.catalog, name, TOPIC_PARTITIONS_MAX), 0);
	}
	cr_assert_eq(create_one(machine.catalog, "last", TOPIC_PARTITIONS_MAX - 1), ERR_INVALID_PARTITIONS);
	cr_assert_eq(create_one(machine.catalog, "last", TOPIC_PARTITIONS_MAX - 2), 0);
	cr_assert_eq(catalog_grow_topic(machine.catalog, &id, 3), ERR_INVALID_PARTITIONS);
	cr_assert_eq(delete_one(machine.catalog, "last"), 0);
	cr_assert_eq(catalog_grow_topic(machine.catalog, &id, TOPIC_PARTITIONS_MAX), 0);
	machine_fini(&machine);
}

/* Overrides are a set: sorted, the last of a name wins, and setting them replaces all. */
Test(catalog, overrides)
{
	struct machine machine;
	machine_init(&machine, 4);
	machine_open_well(&machine);
	struct config_override overrides[] = {{"segment.bytes", "2000000"}, {"cleanup.policy", "compact"}, {"segment.bytes", "3000000"}};
	struct topic_spec spec = {slice_of("t"), 1, 3, overrides};
	int err;
	cr_assert_eq(catalog_create_topics(machine.catalog, &spec, 1, &err), 0);
	for (int restart = 0; restart < 2; restart++) {
		const struct catalog_image *image = catalog_image_acquire(machine.catalog);
		const struct topic *topic = find(image, "t");
		cr_assert_eq(topic->override_count, 2);
		cr_assert_str_eq(topic->overrides[0].name, "cleanup.policy");
		cr_assert_str_eq(topic->overrides[1].value, "3000000");
		cr_assert_eq(topic->config.segment_bytes, 3000000);
		cr_assert(topic->config.is_compacted && !topic->config.is_deleted);
		catalog_image_release(image);
		machine_crash(&machine);
		machine_open_well(&machine);
	}
	struct uuid id = id_of(machine.catalog, "t");
	cr_assert_eq(catalog_set_overrides(machine.catalog, &id, NULL, 0), 0);
	const struct catalog_image *image = catalog_image_acquire(machine.catalog);
	cr_assert_eq(find(image, "t")->override_count, 0);
	cr_assert_eq(find(image, "t")->config.segment_bytes, 1 << 30);
	catalog_image_release(image);
	machine_fini(&machine);
}

/* ---- settings ------------------------------------------------------------------------------------------------------------ */

/* Settings are set, replaced and unset, several in one change; they come in order, by type and by name; all of them survive a restart. */
Test(catalog, settings)
{
	struct machine machine;
	machine_init(&machine, 20);
	machine_open_well(&machine);
	struct slice empty = {0}, one = slice_of("1"), two = slice_of("2"), binary = {(const uint8_t *)"a\0b", 3};
	const struct setting_change changes[] = {
		{SETTING_GROUP, slice_of("g"), slice_of("b"), &one},
		{SETTING_GROUP, slice_of("g"), slice_of("a"), &two},
		{SETTING_GROUP, slice_of("f"), slice_of("z"), &one},
		{SETTING_GROUP, slice_of("ga"), slice_of("a"), &one},
		{SETTING_BROKER, empty, slice_of("k"), &empty},
		{SETTING_USER, slice_of("u"), slice_of("k"), &one},
		{SETTING_GROUP, slice_of("g"), slice_of("b"), &binary},
		{SETTING_USER, slice_of("u"), slice_of("k"), NULL},
		{SETTING_USER, slice_of("nobody"), slice_of("k"), NULL},
	};
	uint64_t version = catalog_version(machine.catalog);
	cr_assert_eq(catalog_change_settings(machine.catalog, changes, COUNT_OF(changes)), 0);
	cr_assert_eq(create_one(machine.catalog, "t", 1), 0);
	for (int restart = 0; restart < 2; restart++) {
		const struct catalog_image *image = catalog_image_acquire(machine.catalog);
		if (restart == 0)
			cr_assert_eq(image->settings_version, version + 1);
		struct setting_range groups = catalog_settings(image, SETTING_GROUP);
		cr_assert_eq(groups.count, 4);
		cr_assert_str_eq((const char *)groups.at[0]->name.data, "f");
		cr_assert_str_eq((const char *)groups.at[3]->name.data, "ga");
		struct setting_range of_g = catalog_settings_of(image, SETTING_GROUP, slice_of("g"));
		cr_assert_eq(of_g.count, 2);
		cr_assert_str_eq((const char *)of_g.at[0]->key.data, "a");
		cr_assert_str_eq((const char *)of_g.at[0]->value.data, "2");
		cr_assert(of_g.at[1]->value.size == 3 && memcmp(of_g.at[1]->value.data, "a\0b", 4) == 0);
		cr_assert_eq(catalog_setting(image, SETTING_BROKER, empty, slice_of("k"))->value.size, 0);
		cr_assert_null(catalog_setting(image, SETTING_BROKER, slice_of("1"), slice_of("k")));
		cr_assert_eq(catalog_settings(image, SETTING_USER).count, 0);
		catalog_image_release(image);
		machine_crash(&machine);
		machine_open_well(&machine);
	}
	machine_fini(&machine);
}

/* What is in force already is not written again: not a setting, not a topic's configs. */
Test(catalog, no_change_writes_nothing)
{
	struct machine machine;
	machine_init(&machine, 24);
	machine_open_well(&machine);
	cr_assert_eq(create_one(machine.catalog, "t", 1), 0);
	cr_assert_eq(set_retention(machine.catalog, "t", "5"), 0);
	cr_assert_eq(set_setting(machine.catalog, SETTING_GROUP, "g", "k", "v"), 0);
	struct slice before = read_log(&machine);
	uint64_t version = catalog_version(machine.catalog);
	cr_assert_eq(set_retention(machine.catalog, "t", "5"), 0);
	cr_assert_eq(set_setting(machine.catalog, SETTING_GROUP, "g", "k", "v"), 0);
	cr_assert_eq(set_setting(machine.catalog, SETTING_GROUP, "g", "other", NULL), 0);
	struct slice after = read_log(&machine);
	cr_assert_eq(after.size, before.size);
	cr_assert_eq(catalog_version(machine.catalog), version);
	cr_assert_eq(set_setting(machine.catalog, SETTING_GROUP, "g", "k", "w"), 0);
	cr_assert_eq(set_setting(machine.catalog, SETTING_GROUP, "g", "k", NULL), 0);
	cr_assert_str_eq(setting_of(machine.catalog, SETTING_GROUP, "g", "k"), "-");
	free((void *)before.data);
	free((void *)after.data);
	machine_fini(&machine);
}

/* A change of several is one: a bad one among them, a full disk or too many settings leave all as they were. */
Test(catalog, settings_all_or_none)
{
	struct machine machine;
	machine_init(&machine, 21);
	machine_open_well(&machine);
	cr_assert_eq(set_setting(machine.catalog, SETTING_GROUP, "g", "k", "before"), 0);
	char *long_text = calloc(1, SETTING_VALUE_SIZE_MAX + 1);
	struct slice value = slice_of("after"), too_long = {(uint8_t *)long_text, SETTING_VALUE_SIZE_MAX + 1};
	const struct setting_change bad[] = {
		{0, slice_of("g"), slice_of("k"), &value},
		{SETTING_GROUP, slice_of("g"), slice_of("k"), &too_long},
		{SETTING_GROUP, slice_of("g"), too_long, &value},
		{SETTING_GROUP, too_long, slice_of("k"), NULL},
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct setting_change changes[] = {{SETTING_GROUP, slice_of("g"), slice_of("k"), &value}, bad[i]};
		cr_assert_eq(catalog_change_settings(machine.catalog, changes, 2), ERR_INVALID_SETTING, "%zu", i);
		cr_assert_str_eq(setting_of(machine.catalog, SETTING_GROUP, "g", "k"), "before");
	}
	sim_disk_fail(machine.disk, 1, ENOSPC);
	cr_assert_eq(set_setting(machine.catalog, SETTING_GROUP, "g", "k", "after"), -ENOSPC);
	cr_assert_str_eq(setting_of(machine.catalog, SETTING_GROUP, "g", "k"), "before");

	struct setting_change *many = calloc(SETTINGS_MAX, sizeof *many);
	char (*entities)[16] = calloc(SETTINGS_MAX, sizeof *entities);
	for (int i = 0; i < SETTINGS_MAX; i++) {
		snprintf(entities[i], sizeof entities[i], "%06d", i);
		many[i] = (struct setting_change){SETTING_QUOTA, slice_of(entities[i]), slice_of("k"), &value};
	}
	cr_assert_eq(catalog_change_settings(machine.catalog, many, SETTINGS_MAX), ERR_TOO_MANY_SETTINGS);
	cr_assert_eq(catalog_change_settings(machine.catalog, many, SETTINGS_MAX - 1), 0);
	cr_assert_eq(set_setting(machine.catalog, SETTING_GROUP, "g", "l", "more"), ERR_TOO_MANY_SETTINGS);
	cr_assert_eq(set_setting(machine.catalog, SETTING_GROUP, "g", "k", "replaced"), 0);
	machine_crash(&machine);
	machine_open_well(&machine);
	cr_assert_str_eq(setting_of(machine.catalog, SETTING_GROUP, "g", "k"), "replaced");
	cr_assert_str_eq(setting_of(machine.catalog, SETTING_QUOTA, "000123", "k"), "after");
	free(many);
	free(entities);
	free(long_text);
	machine_fini(&machine);
}

/* A held image keeps its settings; a file that is written anew has them all. */
Test(catalog, settings_in_images_and_rewrites)
{
	struct machine machine;
	char value[16];
	machine_init(&machine, 22);
	machine_open_well(&machine);
	cr_assert_eq(set_setting(machine.catalog, SETTING_CLUSTER, "c", "k", "old"), 0);
	const struct catalog_image *held = catalog_image_acquire(machine.catalog);
	for (int i = 0; i < 3000; i++) {
		snprintf(value, sizeof value, "%d", i);
		cr_assert_eq(set_setting(machine.catalog, SETTING_CLUSTER, "c", "k", value), 0);
	}
	cr_assert_eq(set_setting(machine.catalog, 200, "of a later version", "k", "kept"), 0);
	machine_crash(&machine);
	cr_assert_str_eq((const char *)catalog_setting(held, SETTING_CLUSTER, slice_of("c"), slice_of("k"))->value.data, "old");
	catalog_image_release(held);
	for (int restart = 0; restart < 2; restart++) {
		machine_open_well(&machine);
		cr_assert_eq(machine.report.was_compacted, restart == 0);
		cr_assert_str_eq(setting_of(machine.catalog, SETTING_CLUSTER, "c", "k"), "2999");
		cr_assert_str_eq(setting_of(machine.catalog, 200, "of a later version", "k"), "kept");
		machine_crash(&machine);
	}
	machine_fini(&machine);
}

/* The broker's configs: those of this node before those of all before those at start; topics without a value of their own follow, also
 * after a restart, and one that could not be made durable was never there. */
Test(catalog, broker_settings)
{
	struct machine machine;
	machine_init(&machine, 23);
	char why[128];
	cr_assert_eq(broker_config_set(machine.broker, "log.retention.hours", "1", why, sizeof why), 0);
	machine_open_well(&machine);
	cr_assert_eq(create_one(machine.catalog, "follows", 1), 0);
	cr_assert_eq(create_one(machine.catalog, "own", 1), 0);
	cr_assert_eq(set_retention(machine.catalog, "own", "5"), 0);
	cr_assert_eq(retention_of(machine.catalog, "follows"), 3600000);
	static const struct {
		const char *node, *value;
		int64_t retention_ms;
	} steps[] = {
		{"", "7000", 7000}, {"1", "8000", 8000}, {"", "9000", 8000}, {"2", "1", 8000}, {"1", NULL, 9000}, {"1", "not a number", 9000},
		{"1", "6000", 6000}, {"1", NULL, 9000}, {"", NULL, 3600000}, {"", "4000", 4000},
	};
	const struct catalog_image *held = catalog_image_acquire(machine.catalog);
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		cr_assert_eq(set_setting(machine.catalog, SETTING_BROKER, steps[i].node, "log.retention.ms", steps[i].value), 0);
		for (int restart = 0; restart < 2; restart++) {
			cr_assert_eq(retention_of(machine.catalog, "follows"), steps[i].retention_ms, "step %zu", i);
			cr_assert_eq(retention_of(machine.catalog, "own"), 5);
			if (restart == 0)
				machine_crash(&machine);
			if (restart == 0)
				machine_open_well(&machine);
		}
	}
	cr_assert_eq(find(held, "follows")->config.retention_ms, 3600000);
	cr_assert_not(broker_config_is_set(held->config, "log.retention.ms"));
	catalog_image_release(held);
	const struct catalog_image *image = catalog_image_acquire(machine.catalog);
	cr_assert_eq(broker_config_source(image->config, "log.retention.ms"), CONFIG_SOURCE_DYNAMIC_DEFAULT);
	cr_assert_eq(broker_config_source(image->config, "log.retention.hours"), CONFIG_SOURCE_BROKER);
	cr_assert_str_eq(broker_config_value_from(image->config, "log.retention.hours", CONFIG_SOURCE_DEFAULT), "168");
	catalog_image_release(image);
	cr_assert_eq(set_setting(machine.catalog, SETTING_BROKER, "", "unknown.to.us", "x"), 0);
	sim_disk_fail(machine.disk, 1, ENOSPC);
	cr_assert_eq(set_setting(machine.catalog, SETTING_BROKER, "1", "log.retention.ms", "1"), -ENOSPC);
	cr_assert_eq(retention_of(machine.catalog, "follows"), 4000);
	/* Topics that were resolved anew are still found by name, by stem, and go. */
	cr_assert_eq(create_one(machine.catalog, "follows", 1), ERR_TOPIC_EXISTS);
	cr_assert_eq(delete_one(machine.catalog, "follows"), 0);
	cr_assert_eq(create_one(machine.catalog, "late", 1), 0);
	cr_assert_eq(retention_of(machine.catalog, "late"), 4000);
	machine_fini(&machine);
}

/* ---- images -------------------------------------------------------------------------------------------------------------- */

/* A held image shows what it showed, after any change and after the catalog has closed. */
Test(catalog, images_live_while_held)
{
	struct machine machine;
	machine_init(&machine, 5);
	machine_open_well(&machine);
	uint64_t version = catalog_version(machine.catalog);
	cr_assert_eq(create_one(machine.catalog, "t", 1), 0);
	cr_assert_gt(catalog_version(machine.catalog), version);
	const struct catalog_image *before = catalog_image_acquire(machine.catalog);
	struct uuid id = id_of(machine.catalog, "t");
	cr_assert_eq(catalog_grow_topic(machine.catalog, &id, 4), 0);
	const struct catalog_image *between = catalog_image_acquire(machine.catalog);
	cr_assert_eq(delete_one(machine.catalog, "t"), 0);
	cr_assert_eq(create_one(machine.catalog, "u", 1), 0);
	machine_close(&machine);
	cr_assert_eq(find(before, "t")->partition_count, 1);
	cr_assert_eq(find(between, "t")->partition_count, 4);
	cr_assert_null(find(between, "u"));
	catalog_image_release(before);
	cr_assert_eq(catalog_topic_by_id(between, &id)->partition_count, 4);
	catalog_image_release(between);
	machine_fini(&machine);
}

struct reader {
	struct catalog *catalog;
	bool is_over; /* atomic */
	uint64_t looks; /* atomic */
};

static void *read_images(void *context)
{
	struct reader *reader = context;
	while (!__atomic_load_n(&reader->is_over, __ATOMIC_ACQUIRE)) {
		const struct catalog_image *image = catalog_image_acquire(reader->catalog);
		for (uint32_t i = 0; i < image->topic_count; i++)
			if (catalog_topic_by_id(image, &image->topics[i]->id) != image->topics[i])
				abort();
		catalog_image_release(image);
		__atomic_fetch_add(&reader->looks, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static bool has_not_looked(struct reader *reader)
{
	return __atomic_load_n(&reader->looks, __ATOMIC_ACQUIRE) < 100;
}

/* Two threads look while a third changes: every image is whole. */
Test(catalog, images_are_for_any_thread, .timeout = 60)
{
	struct machine machine;
	machine_init(&machine, 6);
	machine_open_well(&machine);
	struct reader readers[2];
	pthread_t threads[2];
	for (int i = 0; i < 2; i++) {
		readers[i] = (struct reader){.catalog = machine.catalog};
		cr_assert_eq(pthread_create(&threads[i], NULL, read_images, &readers[i]), 0);
	}
	for (int i = 0; i < 2000 || has_not_looked(&readers[0]) || has_not_looked(&readers[1]); i++) {
		char name[16];
		snprintf(name, sizeof name, "t%d", i % 40);
		if (create_one(machine.catalog, name, 1))
			cr_assert_eq(delete_one(machine.catalog, name), 0);
	}
	for (int i = 0; i < 2; i++) {
		__atomic_store_n(&readers[i].is_over, true, __ATOMIC_RELEASE);
		pthread_join(threads[i], NULL);
	}
	machine_fini(&machine);
}

/* Ten thousand topics, made one by one in an order that is not that of their names, take seconds at most, and all come back. */
Test(catalog, many_topics, .timeout = 60)
{
	struct machine machine;
	char name[32];
	machine_init(&machine, 7);
	machine_open_well(&machine);
	for (uint32_t i = 0; i < 10000; i++) {
		snprintf(name, sizeof name, "topic-%u", i * 7919 % 10007);
		cr_assert_eq(create_one(machine.catalog, name, 1), 0);
	}
	machine_crash(&machine);
	machine_open_well(&machine);
	cr_assert_eq(topic_count(machine.catalog), 10000);
	for (uint32_t i = 0; i < 10000; i++) {
		snprintf(name, sizeof name, "topic-%u", i * 7919 % 10007);
		cr_assert_eq(partitions_of(machine.catalog, name), 1);
	}
	machine_fini(&machine);
}

/* ---- crashes ------------------------------------------------------------------------------------------------------------- */

/* What was answered with success so far. */
struct answered {
	uint64_t incarnation;
	int steps;
	int64_t producer_ids; /* handed out below this */
};

/* A history of every kind of change. Stops at the first failure; `answered` says how far it came. */
static void run_history(struct machine *machine, struct answered *answered)
{
	if (machine_open(machine))
		return;
	struct catalog *catalog = machine->catalog;
	cr_assert_gt(catalog_incarnation(catalog), answered->incarnation, "an incarnation came twice");
	answered->incarnation = catalog_incarnation(catalog);
	int64_t first;
	for (;;) {
		int err;
		switch (answered->steps) {
		case 0: err = create_one(catalog, "a", 1); break;
		case 1: err = create_one(catalog, "b.c", 2); break;
		case 2: err = set_retention(catalog, "a", "77"); break;
		case 3: {
			struct uuid id = id_of(catalog, "b.c");
			err = catalog_grow_topic(catalog, &id, 6);
			break;
		}
		case 4: err = delete_one(catalog, "a"); break;
		case 5:
			err = catalog_reserve_producer_ids(catalog, 10, &first);
			if (!err) {
				cr_assert_geq(first, answered->producer_ids, "a producer id came twice");
				answered->producer_ids = first + 10;
			}
			break;
		case 6: err = create_one(catalog, "a", 9); break;
		case 7: err = set_setting(catalog, SETTING_USER, "u", "k", "first"); break;
		case 8: {
			struct slice value = slice_of("second");
			struct setting_change changes[] = {{SETTING_USER, slice_of("u"), slice_of("k"), NULL}, {SETTING_GROUP, slice_of("g"), slice_of("k"), &value}};
			err = catalog_change_settings(catalog, changes, 2);
			break;
		}
		default: return;
		}
		/* What a crash kept without its having been answered is as good. */
		if (err && err != ERR_TOPIC_EXISTS && err != ERR_UNKNOWN_TOPIC && err != ERR_INVALID_PARTITIONS)
			return;
		answered->steps++;
	}
}

/* Every answered step is to be seen; the one after it may be. */
static void check_history(struct machine *machine, const struct answered *answered)
{
	struct catalog *catalog = machine->catalog;
	int steps = answered->steps;
	uint32_t a = partitions_of(catalog, "a"), b = partitions_of(catalog, "b.c");
	cr_assert_gt(catalog_incarnation(catalog), answered->incarnation);
	if (steps >= 1 && steps <= 3)
		cr_assert_eq(a, 1, "after %d steps", steps);
	if (steps == 3)
		cr_assert_eq(retention_of(catalog, "a"), 77);
	if (steps >= 2)
		cr_assert(b == 2 || b == 6, "after %d steps", steps);
	if (steps >= 4)
		cr_assert_eq(b, 6);
	if (steps == 5)
		cr_assert_eq(a, 0);
	if (steps == 6)
		cr_assert(a == 0 || a == 9);
	if (steps >= 7)
		cr_assert_eq(a, 9);
	bool has_first = strcmp(setting_of(catalog, SETTING_USER, "u", "k"), "first") == 0;
	bool has_second = strcmp(setting_of(catalog, SETTING_GROUP, "g", "k"), "second") == 0;
	cr_assert_not(has_first && has_second, "half a change");
	if (steps >= 8)
		cr_assert(has_first || has_second);
	if (steps >= 9)
		cr_assert(has_second);
	int64_t first;
	cr_assert_eq(catalog_reserve_producer_ids(catalog, 10, &first), 0);
	cr_assert_geq(first, answered->producer_ids);
}

/* The power fails at the first, second, third ... I/O of the history, and once more while recovering; what was answered is there. */
Test(catalog, crash_at_every_step, .timeout = 120)
{
	bool is_complete = false;
	for (uint64_t k = 1; !is_complete; k++) {
		for (uint64_t seed = 1; seed <= 40; seed++) {
			struct machine machine;
			struct answered answered = {0};
			machine_init(&machine, seed * 1000 + k);
			sim_disk_cut_power(machine.disk, k);
			run_history(&machine, &answered);
			is_complete = answered.steps == 9;
			machine_crash(&machine);
			/* Recovery is cut short too, at a place that varies. */
			sim_disk_cut_power(machine.disk, 1 + seed % 12);
			if (machine_open(&machine) == 0) {
				cr_assert_gt(catalog_incarnation(machine.catalog), answered.incarnation);
				answered.incarnation = catalog_incarnation(machine.catalog);
			}
			machine_crash(&machine);
			machine_open_well(&machine);
			check_history(&machine, &answered);
			machine_fini(&machine);
		}
	}
}

/* ---- damage --------------------------------------------------------------------------------------------------------------- */

/* A flipped byte anywhere but in the last record refuses to open, says where, and leaves the file as it is. */
Test(catalog, damage_is_refused)
{
	struct machine machine;
	machine_init(&machine, 8);
	machine_open_well(&machine);
	struct slice first = read_log(&machine);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(create_one(machine.catalog, (char[]){(char)('a' + i), 0}, 1), 0);
	machine_close(&machine);
	struct slice whole = read_log(&machine);
	size_t record_size = (whole.size - first.size) / 5;
	for (size_t at = 0; at < whole.size - record_size; at++) {
		cr_assert_eq(sim_disk_corrupt(machine.disk, LOG_PATH, at, 1), 0);
		int err = machine_open(&machine);
		cr_assert_eq(err, at < 24 ? ERR_FORMAT : ERR_CORRUPT_LOG, "byte %zu: %s", at, err_name(err));
		cr_assert_not_null(strstr(machine.report.why, LOG_PATH), "%s", machine.report.why);
		cr_assert_eq(sim_disk_corrupt(machine.disk, LOG_PATH, at, 1), 0);
	}
	struct slice after = read_log(&machine);
	cr_assert(after.size == whole.size && memcmp(after.data, whole.data, whole.size) == 0);
	machine_open_well(&machine);
	cr_assert_eq(topic_count(machine.catalog), 5);
	free((void *)first.data);
	free((void *)whole.data);
	free((void *)after.data);
	machine_fini(&machine);
}

/* However much of the last record is missing, it alone is cut, and the next opening finds nothing torn. */
Test(catalog, torn_tail_is_cut)
{
	struct machine machine;
	machine_init(&machine, 9);
	machine_open_well(&machine);
	cr_assert_eq(create_one(machine.catalog, "stays", 1), 0);
	machine_close(&machine);
	struct slice before = read_log(&machine);
	machine_open_well(&machine);
	machine_close(&machine);
	struct slice after = read_log(&machine);
	for (size_t size = before.size; size < after.size; size++) {
		int fd = io_file_open(machine.io, LOG_PATH, 0);
		cr_assert_eq(io_file_truncate(machine.io, fd, 0), 0);
		cr_assert_eq(io_file_write(machine.io, fd, after.data, size, 0), (int64_t)size);
		io_close_fd(machine.io, fd);
		machine_open_well(&machine);
		cr_assert_eq(machine.report.torn_bytes, size - before.size);
		cr_assert_eq(partitions_of(machine.catalog, "stays"), 1);
		cr_assert_eq(topic_count(machine.catalog), 1);
		machine_close(&machine);
		machine_open_well(&machine);
		cr_assert_eq(machine.report.torn_bytes, 0);
		machine_close(&machine);
	}
	free((void *)before.data);
	free((void *)after.data);
	machine_fini(&machine);
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

/* A file of random bytes, or a good one with random bytes in it, opens or is refused; it never crashes. */
Test(catalog, random_files, .timeout = 60)
{
	struct machine machine;
	uint64_t random = 1;
	machine_init(&machine, 10);
	machine_open_well(&machine);
	for (int i = 0; i < 8; i++)
		cr_assert_eq(create_one(machine.catalog, (char[]){(char)('a' + i), 0}, 1 + (uint32_t)i), 0);
	cr_assert_eq(set_retention(machine.catalog, "c", "5"), 0);
	cr_assert_eq(set_setting(machine.catalog, SETTING_GROUP, "g", "k", "v"), 0);
	machine_close(&machine);
	struct slice good = read_log(&machine);
	uint8_t *bad = malloc(good.size);
	for (int round = 0; round < 3000; round++) {
		memcpy(bad, good.data, good.size);
		for (uint64_t edits = next_random(&random) % 8; edits; edits--)
			bad[next_random(&random) % good.size] = (uint8_t)next_random(&random);
		int fd = io_file_open(machine.io, LOG_PATH, 0);
		cr_assert_eq(io_file_truncate(machine.io, fd, 0), 0);
		size_t size = next_random(&random) % (good.size + 1);
		cr_assert_eq(io_file_write(machine.io, fd, bad, size, 0), (int64_t)size);
		io_close_fd(machine.io, fd);
		int err = machine_open(&machine);
		cr_assert(err == 0 || err == ERR_CORRUPT_LOG || err == ERR_FORMAT, "%s", err_name(err));
		cr_assert(err == 0 || machine.report.why[0]);
		if (err == 0)
			machine_close(&machine);
	}
	free(bad);
	free((void *)good.data);
	machine_fini(&machine);
}

/* ---- full disks and failing ones ---------------------------------------------------------------------------------------------- */

/* A write that fails changes nothing and leaves the catalog working. */
Test(catalog, full_disk_is_survived)
{
	struct machine machine;
	machine_init(&machine, 11);
	machine_open_well(&machine);
	uint64_t version = catalog_version(machine.catalog);
	sim_disk_fail(machine.disk, 1, ENOSPC);
	cr_assert_eq(create_one(machine.catalog, "t", 1), -ENOSPC);
	cr_assert_eq(catalog_version(machine.catalog), version);
	cr_assert_eq(partitions_of(machine.catalog, "t"), 0);
	cr_assert_eq(create_one(machine.catalog, "t", 2), 0);
	struct uuid id = id_of(machine.catalog, "t");
	sim_disk_fail(machine.disk, 1, ENOSPC);
	cr_assert_eq(catalog_grow_topic(machine.catalog, &id, 3), -ENOSPC);
	sim_disk_fail(machine.disk, 1, ENOSPC);
	cr_assert_eq(delete_one(machine.catalog, "t"), -ENOSPC);
	cr_assert_eq(partitions_of(machine.catalog, "t"), 2);
	machine_crash(&machine);
	machine_open_well(&machine);
	cr_assert_eq(partitions_of(machine.catalog, "t"), 2);
	machine_fini(&machine);
}

/* A sync that fails is final: no later change is answered, reading goes on. */
Test(catalog, failed_sync_is_final)
{
	struct machine machine;
	machine_init(&machine, 12);
	machine_open_well(&machine);
	cr_assert_eq(create_one(machine.catalog, "t", 1), 0);
	sim_disk_fail(machine.disk, 2, EIO);
	cr_assert_eq(create_one(machine.catalog, "u", 1), -EIO);
	cr_assert_eq(create_one(machine.catalog, "v", 1), ERR_FAILED);
	cr_assert_eq(delete_one(machine.catalog, "t"), ERR_FAILED);
	int64_t first;
	cr_assert_eq(catalog_reserve_producer_ids(machine.catalog, 1, &first), ERR_FAILED);
	cr_assert_eq(partitions_of(machine.catalog, "t"), 1);
	machine_crash(&machine);
	machine_open_well(&machine);
	cr_assert_eq(partitions_of(machine.catalog, "t"), 1);
	cr_assert_eq(create_one(machine.catalog, "v", 1), 0);
	machine_fini(&machine);
}

struct sizes {
	uint64_t of_log, used;
};

static void note_size(void *context, const char *path, uint64_t size_bytes)
{
	struct sizes *sizes = context;
	sizes->used += (size_bytes + 4095) / 4096 * 4096;
	if (strstr(path, "catalog.log"))
		sizes->of_log = size_bytes;
}

static struct sizes sizes_of(struct machine *machine)
{
	struct sizes sizes = {0};
	sim_disk_list(machine->disk, note_size, &sizes);
	return sizes;
}

/* A write of which a part found room is cut off again: the file ends where it did. */
Test(catalog, part_of_a_write_is_undone)
{
	struct machine machine;
	char name[200];
	machine_init(&machine, 31);
	machine_open_well(&machine);
	memset(name, 'n', sizeof name);
	name[sizeof name - 1] = 0;
	struct sizes before = sizes_of(&machine);
	for (int i = 0; before.of_log % 4096 < 3900; i++, before = sizes_of(&machine)) {
		name[1] = (char)('a' + i / 26);
		name[2] = (char)('a' + i % 26);
		cr_assert_eq(create_one(machine.catalog, name, 1), 0);
	}
	sim_disk_set_capacity(machine.disk, before.used);
	name[0] = 'm';
	cr_assert_eq(create_one(machine.catalog, name, 1), -ENOSPC);
	cr_assert_eq(sizes_of(&machine).of_log, before.of_log);
	machine_fini(&machine);
}

/* A torn tail is gone from the file with the opening that found it. */
Test(catalog, torn_tail_is_cut_for_good)
{
	struct machine machine;
	machine_init(&machine, 32);
	machine_open_well(&machine);
	cr_assert_eq(create_one(machine.catalog, "t", 1), 0);
	machine_close(&machine);
	int fd = io_file_open(machine.io, LOG_PATH, 0);
	int64_t size = io_file_size(machine.io, fd);
	cr_assert_eq(io_file_truncate(machine.io, fd, (uint64_t)size + 300), 0);
	io_close_fd(machine.io, fd);
	machine_open_well(&machine);
	cr_assert_eq(machine.report.torn_bytes, 300);
	machine_close(&machine);
	machine_open_well(&machine);
	cr_assert_eq(machine.report.torn_bytes, 0);
	machine_fini(&machine);
}

/* A record whose sync failed is seen by the next opening, but the disk may not have it and a later sync will not bring it there: before anything is
 * written behind it, it is written again. Else a crash leaves a hole. */
Test(catalog, what_a_failed_sync_lost_is_written_again)
{
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct machine machine;
		char name[200];
		machine_init(&machine, seed);
		machine_open_well(&machine);
		memset(name, 'u', sizeof name);
		name[sizeof name - 1] = 0;
		name[0] = 't'; /* so that the next record begins in a sector which no later one writes to */
		cr_assert_eq(create_one(machine.catalog, name, 1), 0);
		name[0] = 'u';
		sim_disk_fail(machine.disk, 2, EIO);
		cr_assert_eq(create_one(machine.catalog, name, 1), -EIO);
		machine_close(&machine);
		/* An opening that fails likewise, and one that does not. */
		if (seed % 2) {
			sim_disk_fail_kinds(machine.disk, SIM_SYNC, 1, EIO, false);
			cr_assert_eq(machine_open(&machine), -EIO);
			machine.catalog = NULL;
		}
		machine_open_well(&machine);
		cr_assert_eq(partitions_of(machine.catalog, name), 1);
		for (int i = 0; i < 4; i++) {
			name[0] = (char)('a' + i);
			cr_assert_eq(create_one(machine.catalog, name, 1), 0);
		}
		machine_crash(&machine);
		machine_open_well(&machine);
		name[0] = 'u';
		cr_assert_eq(partitions_of(machine.catalog, name), 1);
		machine_fini(&machine);
	}
}

/* ---- rewriting ------------------------------------------------------------------------------------------------------------------ */

/* A file that is mostly superseded is written anew at opening, with the same content, and goes on from there. */
Test(catalog, superseded_records_are_dropped)
{
	struct machine machine;
	char value[16];
	machine_init(&machine, 13);
	machine_open_well(&machine);
	cr_assert_eq(create_one(machine.catalog, "t", 3), 0);
	for (int i = 0; i < 2000; i++) {
		snprintf(value, sizeof value, "%d", i);
		cr_assert_eq(set_retention(machine.catalog, "t", value), 0);
	}
	int64_t first;
	cr_assert_eq(catalog_reserve_producer_ids(machine.catalog, 50, &first), 0);
	struct uuid id = id_of(machine.catalog, "t");
	for (int restart = 2; restart < 5; restart++) {
		machine_crash(&machine);
		machine_open_well(&machine);
		cr_assert_eq(machine.report.was_compacted, restart == 2);
		cr_assert_eq(catalog_incarnation(machine.catalog), (uint64_t)restart);
		cr_assert_eq(retention_of(machine.catalog, "t"), 1999);
		struct uuid id_now = id_of(machine.catalog, "t");
		cr_assert(uuid_equal(&id, &id_now));
		struct slice file = read_log(&machine);
		cr_assert_lt(file.size, 1000);
		free((void *)file.data);
	}
	cr_assert_eq(catalog_reserve_producer_ids(machine.catalog, 50, &first), 0);
	cr_assert_eq(first, 50);
	cr_assert_eq(create_one(machine.catalog, "u", 1), 0);
	machine_crash(&machine);
	machine_open_well(&machine);
	cr_assert_eq(topic_count(machine.catalog), 2);
	machine_fini(&machine);
}

/* ---- whose directory it is --------------------------------------------------------------------------------------------------------- */

static void set_broker(struct machine *machine, const char *name, const char *value)
{
	char why[256];
	cr_assert_eq(broker_config_set(machine->broker, name, value, why, sizeof why), 0, "%s", why);
}

/* The node's number is kept; asking for another is refused, asking for the same is not. */
Test(catalog, node_id)
{
	struct machine machine;
	machine_init(&machine, 14);
	set_broker(&machine, "node.id", "5");
	machine_open_well(&machine);
	cr_assert_eq(catalog_node_id(machine.catalog), 5);
	machine_crash(&machine);
	machine_open_well(&machine);
	machine_crash(&machine);
	set_broker(&machine, "node.id", "6");
	cr_assert_eq(machine_open(&machine), ERR_INVALID_CONFIG);
	cr_assert_not_null(strstr(machine.report.why, "belongs to node 5"), "%s", machine.report.why);
	machine_fini(&machine);
}

/* meta.properties is as Kafka writes it; it is made again if it is missing, and must not be another directory's. */
Test(catalog, meta_properties)
{
	static const char path[] = DIR_PATH "/meta.properties";
	struct machine machine;
	machine_init(&machine, 15);
	machine_open_well(&machine);
	char expected[512], directory_id[UUID_TEXT_SIZE];
	uuid_text_format(directory_id, catalog_directory_id(machine.catalog));
	snprintf(expected, sizeof expected, "#\nnode.id=1\ndirectory.id=%s\nversion=1\ncluster.id=%s\n", directory_id, catalog_cluster_id(machine.catalog));
	machine_close(&machine);
	uint8_t *data;
	size_t size;
	cr_assert_eq(small_file_read(machine.io, path, 4096, &data, &size), 0);
	cr_assert_str_eq((char *)data, expected);
	free(data);

	cr_assert_eq(io_unlink(machine.io, path), 0);
	machine_open_well(&machine);
	machine_close(&machine);
	cr_assert_eq(small_file_read(machine.io, path, 4096, &data, &size), 0);
	cr_assert_str_eq((char *)data, expected);
	free(data);

	static const char other[] = "version=1\nnode.id=1\ncluster.id=x\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAg\n";
	cr_assert_eq(small_file_replace(machine.io, path, other, sizeof other - 1), 0);
	cr_assert_eq(machine_open(&machine), ERR_FORMAT);
	cr_assert_not_null(strstr(machine.report.why, "different directories"), "%s", machine.report.why);
	cr_assert_eq(io_unlink(machine.io, LOG_PATH), 0);
	cr_assert_eq(machine_open(&machine), ERR_FORMAT);
	cr_assert_not_null(strstr(machine.report.why, "Apache Kafka"), "%s", machine.report.why);
	machine_fini(&machine);
}

/* A reader changes nothing, and finds nothing where nothing is. */
Test(catalog, read_only)
{
	struct machine machine;
	machine_init(&machine, 16);
	cr_assert_eq(catalog_open_read_only(&machine.catalog, machine.io, DIR_PATH, machine.broker, &machine.report), -ENOENT);
	machine_open_well(&machine);
	cr_assert_eq(create_one(machine.catalog, "t", 3), 0);
	machine_close(&machine);
	struct slice before = read_log(&machine);
	cr_assert_eq(catalog_open_read_only(&machine.catalog, machine.io, DIR_PATH, machine.broker, &machine.report), 0);
	cr_assert_eq(catalog_incarnation(machine.catalog), 1);
	cr_assert_eq(partitions_of(machine.catalog, "t"), 3);
	machine_close(&machine);
	struct slice after = read_log(&machine);
	cr_assert(after.size == before.size && memcmp(after.data, before.data, before.size) == 0);
	free((void *)before.data);
	free((void *)after.data);
	machine_fini(&machine);
}

/* The same over a real file system. */
Test(catalog, real_directory)
{
	char dir[] = "/tmp/spate-test-catalog-XXXXXX", path[128];
	cr_assert_not_null(mkdtemp(dir));
	struct machine machine = {0};
	struct io_options options = {.backend = IO_SYSCALLS};
	cr_assert_eq(broker_config_create(&machine.broker), 0);
	cr_assert_eq(io_open(&machine.io, &options), 0);
	for (uint64_t round = 1; round <= 3; round++) {
		cr_assert_eq(catalog_open(&machine.catalog, machine.io, dir, machine.broker, &machine.report), 0, "%s", machine.report.why);
		cr_assert_eq(catalog_incarnation(machine.catalog), round);
		cr_assert_eq(topic_count(machine.catalog), round - 1);
		cr_assert_eq(create_one(machine.catalog, (char[]){(char)('a' + round), 0}, 1), 0);
		machine_close(&machine);
	}
	static const char *const files[] = {"catalog.log", "meta.properties", ""};
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, files[i]);
		cr_assert_eq(i < 2 ? unlink(path) : rmdir(path), 0, "%s", path);
	}
	io_close(machine.io);
	broker_config_destroy(machine.broker);
}
