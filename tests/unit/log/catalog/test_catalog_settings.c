/* The settings in the catalog: set, unset, all or none, kept over crashes and rewrites. */
#include "tests/unit/log/catalog/machine.h"

#include <errno.h>

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
