/* The catalog: what it remembers, its rules, images, rewriting, and whose directory it is. */
#include "tests/unit/log/catalog/machine.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "log/base/uuid_text.h"

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

static bool has_meta(struct machine *machine)
{
	int fd = io_file_open(machine->io, DIR_PATH "/meta.properties", IO_READ_ONLY);
	if (fd >= 0)
		io_close_fd(machine->io, fd);
	return fd >= 0;
}

/* A broker's first replies do not wait for it: it is made when he says so, or with the end. A crash before that leaves none, and the next opening makes it. */
Test(catalog, meta_properties_put_off)
{
	struct catalog_knowledge known = {.may_put_off_meta = true};
	struct machine machine;
	machine_init(&machine, 16);
	cr_assert_eq(catalog_open_knowing(&machine.catalog, machine.io, DIR_PATH, machine.broker, &known, &machine.report), 0);
	cr_expect_not(has_meta(&machine));
	catalog_write_meta(machine.catalog);
	cr_expect(has_meta(&machine));
	cr_assert_eq(io_unlink(machine.io, DIR_PATH "/meta.properties"), 0);
	catalog_write_meta(machine.catalog);
	cr_expect_not(has_meta(&machine), "once");
	machine_close(&machine);
	cr_assert_eq(catalog_open_knowing(&machine.catalog, machine.io, DIR_PATH, machine.broker, &known, &machine.report), 0);
	machine_close(&machine);
	cr_expect(has_meta(&machine), "with the end at the latest");
	machine_fini(&machine);
}

static int publish(void *context)
{
	struct machine *machine = context;
	return catalog_publish(machine->catalog);
}

/* A new catalog whose name was put off is there with the first change, and a crash before that leaves nothing; neither is a meta.properties without it. */
Test(catalog, file_put_off)
{
	struct catalog_knowledge known = {.may_put_off_meta = true, .may_put_off_file = true};
	struct machine machine;
	machine_init(&machine, 17);
	cr_assert_eq(catalog_open_knowing(&machine.catalog, machine.io, DIR_PATH, machine.broker, &known, &machine.report), 0);
	cr_assert(catalog_is_put_off(machine.catalog));
	catalog_write_meta(machine.catalog);
	cr_expect_not(has_meta(&machine));
	machine_crash(&machine);
	cr_assert_eq(catalog_open_knowing(&machine.catalog, machine.io, DIR_PATH, machine.broker, &known, &machine.report), 0, "%s", machine.report.why);
	cr_assert(machine.report.was_created);
	catalog_before_changes(machine.catalog, publish, &machine);
	cr_assert_eq(create_one(machine.catalog, "t", 1), 0);
	cr_assert_not(catalog_is_put_off(machine.catalog));
	machine_crash(&machine);
	cr_assert_eq(catalog_open_knowing(&machine.catalog, machine.io, DIR_PATH, machine.broker, &known, &machine.report), 0, "%s", machine.report.why);
	cr_assert_not(machine.report.was_created);
	cr_assert_not(catalog_is_put_off(machine.catalog));
	cr_assert_eq(topic_count(machine.catalog), 1);
	machine_fini(&machine);
}

/* Its name could not be made durable: a second try may be told that all is well, as a sync tells of an error once. Nothing is answered any more; but a full disk is
 * another matter. */
Test(catalog, a_failed_publishing_is_final)
{
	static const int errors[] = {EIO, ENOSPC};
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		struct catalog_knowledge known = {.may_put_off_file = true};
		struct machine machine;
		machine_init(&machine, 45);
		cr_assert_eq(catalog_open_knowing(&machine.catalog, machine.io, DIR_PATH, machine.broker, &known, &machine.report), 0);
		sim_disk_fail_kinds(machine.disk, SIM_NAMES | SIM_DIR_SYNC | SIM_SYNC, 1, errors[i], false);
		cr_expect_eq(catalog_publish(machine.catalog), -errors[i]);
		cr_expect_eq(catalog_publish(machine.catalog), i ? 0 : ERR_FAILED);
		cr_expect_eq(create_one(machine.catalog, "t", 1), i ? 0 : ERR_FAILED);
		cr_expect_eq(catalog_is_put_off(machine.catalog), !i);
		machine_fini(&machine);
	}
}

/* Beside a journal that knows of a catalog there is no time to lose: a crash would leave it without one. */
Test(catalog, file_not_put_off_beside_a_journal)
{
	struct catalog_knowledge known = {.may_put_off_file = true, .mark = {1, 0}, .is_loss_accepted = true};
	struct machine machine;
	machine_init(&machine, 18);
	cr_assert_eq(catalog_open_knowing(&machine.catalog, machine.io, DIR_PATH, machine.broker, &known, &machine.report), 0);
	cr_assert_not(catalog_is_put_off(machine.catalog));
	machine_fini(&machine);
}

/* A reader changes nothing, and finds nothing where nothing is. */
/* What the catalog's head says of shards, or 0. */
static uint32_t shards_told(struct machine *machine)
{
	uint32_t count = 99;
	cr_assert_eq(catalog_shards_of(machine->io, DIR_PATH, &count), 0);
	return count;
}

static void open_with_shards(struct machine *machine, uint32_t count)
{
	struct catalog_knowledge known = {.shard_count = count};
	cr_assert_eq(catalog_open_knowing(&machine->catalog, machine->io, DIR_PATH, machine->broker, &known, &machine->report), 0, "%s", machine->report.why);
}

/* A directory says how many shards it was made with from its first moment on, and nobody changes that; one of an earlier build says it from the opening
 * behind the one that its journals have noted. What was in it stays. */
Test(catalog, shards)
{
	struct machine machine;
	machine_init(&machine, 1);
	cr_assert_eq(shards_told(&machine), 0, "there is no catalog");
	open_with_shards(&machine, 4);
	cr_assert_eq(shards_told(&machine), 4);
	machine_close(&machine);
	open_with_shards(&machine, 7);
	cr_assert_eq(catalog_note_journals(machine.catalog), 0);
	cr_assert_eq(create_one(machine.catalog, "t", 1), 0);
	cr_assert_eq(shards_told(&machine), 4);
	machine_close(&machine);
	cr_assert_eq(io_unlink(machine.io, LOG_PATH), 0);
	cr_assert_eq(io_unlink(machine.io, DIR_PATH "/meta.properties"), 0);

	open_with_shards(&machine, 0);
	cr_assert_eq(create_one(machine.catalog, "t", 1), 0);
	machine_close(&machine);
	open_with_shards(&machine, 3);
	cr_assert_eq(shards_told(&machine), 0, "its journals are not known to be all there yet");
	cr_assert_eq(catalog_note_journals(machine.catalog), 0);
	cr_assert_eq(shards_told(&machine), 0, "a file is written anew by an opening alone");
	cr_assert_eq(create_one(machine.catalog, "behind", 1), 0);
	machine_crash(&machine);
	open_with_shards(&machine, 2);
	cr_assert_eq(shards_told(&machine), 3, "what was noted when all was there counts");
	cr_assert_eq(catalog_check_shards(machine.catalog, &machine.report), ERR_CORRUPT_LOG);
	cr_assert(strstr(machine.report.why, "made with 3 shards, and has files for 2"), "%s", machine.report.why);
	cr_assert_eq(partitions_of(machine.catalog, "t"), 1);
	cr_assert_eq(partitions_of(machine.catalog, "behind"), 1);
	machine_close(&machine);
	uint8_t junk[64];
	memset(junk, 0x5a, sizeof junk);
	cr_assert_eq(small_file_replace(machine.io, LOG_PATH, junk, sizeof junk), 0);
	cr_assert_eq(shards_told(&machine), 0, "damaged: the opening says so");
	machine_fini(&machine);
}

/* What has forgotten changes may have forgotten that producer ids were given out: none of an earlier opening is given out again, after a power cut neither. */
Test(catalog, producer_ids_behind_an_accepted_loss)
{
	struct machine machine;
	machine_init(&machine, 1);
	int64_t first, again;
	open_with_shards(&machine, 0);
	size_t size;
	uint8_t *early;
	cr_assert_eq(small_file_read(machine.io, LOG_PATH, 1 << 20, &early, &size), 0);
	cr_assert_eq(catalog_reserve_producer_ids(machine.catalog, 1000, &first), 0);
	cr_assert_eq(catalog_reserve_producer_ids(machine.catalog, 1000, &first), 0);
	for (int loss = 0; loss < 2; loss++) {
		struct catalog_knowledge known = {.mark = {catalog_incarnation(machine.catalog), 1000}, .is_loss_accepted = true};
		machine_close(&machine);
		cr_assert_eq(small_file_replace(machine.io, LOG_PATH, early, size), 0);
		cr_assert_eq(catalog_open_knowing(&machine.catalog, machine.io, DIR_PATH, machine.broker, &known, &machine.report), 0, "%s", machine.report.why);
		machine_crash(&machine);
		open_with_shards(&machine, 0);
		cr_assert_eq(catalog_reserve_producer_ids(machine.catalog, 1000, &again), 0);
		cr_assert_geq(again, first + 1000, "loss %d", loss);
		first = again;
	}
	free(early);
	machine_fini(&machine);
}

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
