/* The catalog is lost, and topics whose records are in the journal alone: no directory tells their names. They come back as recovered-<topic id>. */
#include <criterion/criterion.h>

#include "log/base/uuid_text.h"
#include "log/partition/partition_priv.h"
#include "log/store/store_priv.h"
#include "tests/unit/log/repair/steps.h"

#define CATALOG "/catalog.log"

static struct uuid id_of(struct world *world, const char *name)
{
	const struct topic *topic = catalog_topic_by_name(world->image, slice_from(name));
	cr_assert_not_null(topic, "%s", name);
	return topic->id;
}

static void recovered_name(const struct uuid *id, char out[64])
{
	char text[UUID_TEXT_SIZE];
	uuid_text_format(text, id);
	snprintf(out, 64, "recovered-%s", text);
}

/* Steps of one kind; *name of the last of them. */
static uint32_t count_steps(const struct steps *steps, enum repair_action action, const char **name)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < steps->count; i++)
		if (steps->actions[i] == action) {
			count++;
			*name = steps->topics[i];
		}
	return count;
}

/* Said in a dry run and done then, without anything left: these topics are made, and no others. */
static void expect_recovered(struct world *world, const char *const *names, uint32_t count)
{
	struct steps dry, real;
	struct repair_report report;
	const char *name = NULL;
	repair_as(world, &(struct repair_options){.is_dry_run = true, .is_loss_accepted = true}, &dry, &report);
	repair_as(world, &(struct repair_options){.is_loss_accepted = true}, &real, &report);
	cr_assert_eq(report.refused, 0);
	cr_assert_eq(report.damages_left + report.derived_left, 0);
	cr_assert_eq(count_steps(&dry, REPAIR_RECOVER, &name), count, "a dry run says it");
	cr_assert_eq(count_steps(&real, REPAIR_RECOVER, &name), count);
	cr_assert_eq(report.steps[REPAIR_RECOVER], count);
	for (uint32_t i = 0; i < count; i++) {
		bool is_said = false;
		for (uint32_t k = 0; k < real.count; k++)
			is_said |= real.actions[k] == REPAIR_RECOVER && !strcmp(real.topics[k], names[i]);
		cr_assert(is_said, "%s", names[i]);
	}
	world_open(world);
}

static const struct topic *find(struct world *world, const char *name)
{
	return catalog_topic_by_name(world->image, slice_from(name));
}

/* Filed, which a checkpoint says; the journal has it all the same, as it is not let go yet. */
static void file_now(struct world *world, struct partition *partition)
{
	for (int turns = 0; !segment_is_filed(partition->active) && turns < 100000; turns++)
		world_turn(world);
	cr_assert(segment_is_filed(partition->active));
	cr_assert_eq(store__write_checkpoint(world->store), 0);
}

/* Killed, or without power, before any of it was filed; in the first life, and behind one that left a checkpoint of nothing. */
Test(lost_catalog, topics_of_the_journal_alone, .timeout = 60)
{
	for (int way = 0; way < 4; way++) {
		struct world world;
		char a[64], b[64];
		world_init(&world, 100 + (uint64_t)way);
		world_open(&world);
		if (way >= 2) {
			world_stop(&world);
			world_open(&world);
		}
		world_create_topic(&world, "a", 3, NULL, 0);
		world_create_topic(&world, "b", 1, NULL, 0);
		world_create_topic(&world, "empty", 1, NULL, 0);
		struct uuid a_id = id_of(&world, "a"), b_id = id_of(&world, "b");
		recovered_name(&a_id, a);
		recovered_name(&b_id, b);
		for (uint64_t i = 0; i < 5; i++)
			world_append(&world, world_partition(&world, "a", 1), 10 * i, 10, 100);
		world_append(&world, world_partition(&world, "a", 0), 0, 3, 100);
		world_append(&world, world_partition(&world, "b", 0), 0, 7, 100);
		if (way % 2)
			world_crash(&world);
		else
			world_kill(&world);
		rot_unlink(&world, CATALOG);
		expect_recovered(&world, (const char *const[]){a, b}, 2);
		cr_assert_eq(world.image->topic_count, 2);
		cr_assert_eq(find(&world, a)->partition_count, 2, "as many as held a record");
		cr_assert(uuid_equal(&find(&world, a)->id, &a_id));
		cr_assert_eq(world_check_all(&world, world_partition(&world, a, 0), 0, 1 << 20), 3);
		cr_assert_eq(world_check_all(&world, world_partition(&world, a, 1), 0, 1 << 20), 50);
		cr_assert_eq(world_check_all(&world, world_partition(&world, b, 0), 0, 1 << 20), 7);
		world_append(&world, world_partition(&world, b, 0), 7, 1, 100);
		world_stop(&world);
		struct verdict verdict;
		rot_verify(&world, &verdict);
		expect_clean(&verdict, "afterwards");
		end_world(&world);
	}
}

/* Lost once more, it is found by its directory, under the name that it has now. */
Test(lost_catalog, twice, .timeout = 60)
{
	struct world world;
	char name[64];
	world_init(&world, 110);
	world_open(&world);
	world_create_topic(&world, "a", 1, NULL, 0);
	struct uuid id = id_of(&world, "a");
	recovered_name(&id, name);
	world_append(&world, world_partition(&world, "a", 0), 0, 7, 100);
	world_kill(&world);
	rot_unlink(&world, CATALOG);
	expect_recovered(&world, (const char *const[]){name}, 1);
	world_append(&world, world_partition(&world, name, 0), 7, 7, 100);
	world_kill(&world);
	rot_unlink(&world, CATALOG);
	expect_recovered(&world, NULL, 0);
	cr_assert_eq(world.image->topic_count, 1);
	cr_assert_eq(world_check_all(&world, world_partition(&world, name, 0), 0, 1 << 20), 14);
	world_stop(&world);
	end_world(&world);
}

/* The journal keeps groups for long: what a deleted topic had there is no record that anybody misses. */
Test(lost_catalog, a_topic_that_was_deleted, .timeout = 60)
{
	struct world world;
	char name[64];
	world_init(&world, 120);
	world_open(&world);
	world_create_topic(&world, "gone", 1, NULL, 0);
	world_append(&world, world_partition(&world, "gone", 0), 0, 7, 100);
	world_delete_topic(&world, "gone");
	world_create_topic(&world, "stays", 1, NULL, 0);
	world_append(&world, world_partition(&world, "stays", 0), 0, 7, 100);
	file_now(&world, world_partition(&world, "stays", 0));
	world_create_topic(&world, "new", 1, NULL, 0);
	struct uuid id = id_of(&world, "new");
	recovered_name(&id, name);
	world_append(&world, world_partition(&world, "new", 0), 0, 7, 100);
	world_kill(&world);
	rot_unlink(&world, CATALOG);
	expect_recovered(&world, (const char *const[]){name}, 1);
	cr_assert_eq(world.image->topic_count, 2);
	cr_assert_not_null(find(&world, "stays"));
	cr_assert_eq(world_check_all(&world, world_partition(&world, "stays", 0), 0, 1 << 20), 7);
	cr_assert_eq(world_check_all(&world, world_partition(&world, name, 0), 0, 1 << 20), 7);
	world_stop(&world);
	end_world(&world);
}

/* What is filed is in no directory any more, and so in none that was lost with the catalog: the journal has nothing of it but what nobody needs. */
Test(lost_catalog, what_was_filed_elsewhere, .timeout = 60)
{
	struct world world;
	world_init(&world, 125);
	world_open(&world);
	world_create_topic(&world, "a", 1, NULL, 0);
	world_append(&world, world_partition(&world, "a", 0), 0, 7, 100);
	file_now(&world, world_partition(&world, "a", 0));
	world_kill(&world);
	rot_rename(&world, "/a-0", "/elsewhere");
	rot_unlink(&world, CATALOG);
	expect_recovered(&world, NULL, 0);
	cr_assert_eq(world.image->topic_count, 0);
	world_stop(&world);
	end_world(&world);
}

/* A record that is left tells the name, and that it had fewer partitions once; or that it was deleted. */
Test(lost_catalog, a_record_that_is_left, .timeout = 60)
{
	struct world world;
	size_t size, grown;
	world_init(&world, 130);
	world_open(&world);
	world_create_topic(&world, "a", 1, NULL, 0);
	world_create_topic(&world, "gone", 1, NULL, 0);
	world_append(&world, world_partition(&world, "gone", 0), 0, 7, 100);
	world_delete_topic(&world, "gone");
	free(rot_read(&world, CATALOG, &size));
	struct uuid id = id_of(&world, "a");
	cr_assert_eq(catalog_grow_topic(world.catalog, &id, 3), 0);
	world_take_image(&world);
	world_append(&world, world_partition(&world, "a", 2), 0, 7, 100);
	world_kill(&world);
	free(rot_read(&world, CATALOG, &grown));
	cr_assert_gt(grown, size);
	rot_cut(&world, CATALOG, size);
	expect_recovered(&world, NULL, 0);
	cr_assert_eq(world.image->topic_count, 1);
	cr_assert_eq(find(&world, "a")->partition_count, 3);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "a", 2), 0, 1 << 20), 7);
	world_stop(&world);
	end_world(&world);
}

/* Without a checkpoint all that the journal has may be missed by somebody; but a directory that a deletion has left says that this topic was deleted. */
Test(lost_catalog, a_leftover_tells_of_a_deletion, .timeout = 60)
{
	for (int is_left = 0; is_left < 2; is_left++) {
		struct world world;
		char name[64], path[128] = "/gone-0.";
		world_init(&world, 140);
		world_open(&world);
		world_create_topic(&world, "gone", 1, NULL, 0);
		struct uuid id = id_of(&world, "gone");
		recovered_name(&id, name);
		world_append(&world, world_partition(&world, "gone", 0), 0, 7, 100);
		world_delete_topic(&world, "gone");
		world_kill(&world);
		rot_unlink(&world, CATALOG);
		for (int i = 0; i < 16; i++)
			snprintf(path + strlen(path), 3, "%02x", id.bytes[i]);
		snprintf(path + strlen(path), sizeof path - strlen(path), "-delete");
		struct io *io = rot_open(&world);
		if (is_left)
			cr_assert_eq(io_dir_make(io, path), 0);
		io_close(io);
		snprintf(path + strlen(path), sizeof path - strlen(path), "/partition.metadata");
		if (is_left)
			rot_write(&world, path, "", 0);
		expect_recovered(&world, (const char *const[]){name}, !is_left);
		cr_assert_eq(world.image->topic_count, (uint32_t)!is_left);
		world_stop(&world);
		end_world(&world);
	}
}

/* What a group that is lost to rot had is known from the group behind it: its offsets are refused by name, and not given out again. */
Test(lost_catalog, a_group_that_is_lost_as_well, .timeout = 60)
{
	struct world world;
	char a[64], b[64];
	world_init(&world, 150);
	world_open(&world);
	world_create_topic(&world, "a", 1, NULL, 0);
	world_create_topic(&world, "b", 1, NULL, 0);
	struct uuid a_id = id_of(&world, "a"), b_id = id_of(&world, "b");
	recovered_name(&a_id, a);
	recovered_name(&b_id, b);
	world_append(&world, world_partition(&world, "b", 0), 0, 1, 100);
	world_append(&world, world_partition(&world, "a", 0), 0, 7, 100);
	world_append(&world, world_partition(&world, "b", 0), 1, 1, 100);
	world_kill(&world);
	rot_unlink(&world, CATALOG);
	size_t size;
	uint8_t *journal = rot_read(&world, "/journal-0", &size), *found = NULL;
	for (size_t at = 8192; at < size && !found; at += 4096)
		if (load_le32(journal + at + 12) && !memcmp(journal + at, "SPJG", 4) && memmem(journal + at + 128, 200, a_id.bytes, 16))
			found = journal + at;
	cr_assert_not_null(found);
	size_t position = (size_t)(found - journal);
	free(journal);
	rot_flip(&world, "/journal-0", position + 30, 1);
	struct steps steps;
	struct repair_report report;
	repair_as(&world, &(struct repair_options){.is_loss_accepted = true}, &steps, &report);
	cr_assert_eq(report.steps[REPAIR_RECOVER], 2);
	world_open(&world);
	world_expect_damaged(&world, world_partition(&world, a, 0), 0, 7, 7);
	cr_assert_eq(world_check_all(&world, world_partition(&world, b, 0), 0, 1 << 20), 2);
	world_stop(&world);
	end_world(&world);
}

static bool all_are_internal(struct slice batches)
{
	return batches.size > 1000;
}

static uint32_t count_seven(struct io *io, const char *dir, uint32_t shard_count, const struct uuid *id, uint32_t known, uint32_t usual)
{
	(void)io, (void)dir, (void)shard_count, (void)id, (void)usual;
	cr_assert_leq(known, 7);
	return 7;
}

/* The one whose records are all of groups is __consumer_offsets; of two nobody knows, and both are kept under a name that is made up; so is one whose name another has. */
Test(lost_catalog, the_topic_of_groups, .timeout = 60)
{
	for (int way = 0; way < 3; way++) {
		struct world world;
		char a[64], b[64];
		world_init(&world, 160 + (uint64_t)way);
		world_open(&world);
		if (way == 2) {
			world_create_topic(&world, "__consumer_offsets", 2, NULL, 0);
			world_append(&world, world_partition(&world, "__consumer_offsets", 0), 0, 7, 1000);
			world_rest(&world, 20000000000); /* nothing is unfiled, and a checkpoint says so */
		}
		world_create_topic(&world, "a", 2, NULL, 0);
		world_create_topic(&world, "b", 1, NULL, 0);
		struct uuid a_id = id_of(&world, "a"), b_id = id_of(&world, "b");
		recovered_name(&a_id, a);
		recovered_name(&b_id, b);
		world_append(&world, world_partition(&world, "a", 1), 0, 7, 1000);
		world_append(&world, world_partition(&world, "b", 0), 0, 7, way == 1 ? 1000 : 10);
		world_kill(&world);
		rot_unlink(&world, CATALOG);
		struct steps steps;
		struct repair_report report;
		repair_as(&world, &(struct repair_options){.is_loss_accepted = true, .is_internal = all_are_internal, .count_internal = count_seven}, &steps, &report);
		cr_assert_eq(report.steps[REPAIR_RECOVER], 2);
		world_open(&world);
		const char *internal = way == 0 ? "__consumer_offsets" : a;
		cr_assert_eq(find(&world, internal)->partition_count, way == 0 ? 7u : 2u, "way %d", way);
		cr_assert(uuid_equal(&find(&world, internal)->id, &a_id), "way %d", way);
		cr_assert_eq(world_check_all(&world, world_partition(&world, internal, 1), 0, 1 << 20), 7);
		cr_assert_eq(world_check_all(&world, world_partition(&world, b, 0), 0, 1 << 20), 7);
		if (way == 2)
			cr_assert_eq(find(&world, "__consumer_offsets")->partition_count, 7);
		world_stop(&world);
		end_world(&world);
	}
}

/* Three records of a topic, filed; the other directory has one topic more. */
static void begin_filed(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "ours", 1, NULL, 0);
	if (seed > 100)
		world_create_topic(world, "alien", 1, NULL, 0);
	world_append(world, world_partition(world, "ours", 0), 0, 3, 100);
	file_now(world, world_partition(world, "ours", 0));
}

/* Of catalog.log and meta.properties one is another directory's: the journals know which. */
static void take_over(uint64_t seed, const char *file, bool is_catalogs)
{
	struct world world, other;
	struct verdict verdict;
	struct steps steps;
	struct repair_report report;
	begin_filed(&other, seed + 100);
	world_stop(&other);
	begin_filed(&world, seed);
	world_kill(&world);
	rot_put_back(&world, file, rot_keep(&other, file));
	rot_verify(&world, &verdict);
	cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE], 1);
	cr_expect_str_eq(verdict.found[0].file, is_catalogs ? "catalog.log" : "meta.properties");
	repair_as(&world, &(struct repair_options){.is_loss_accepted = true}, &steps, &report);
	cr_assert_eq(report.refused + report.damages_left + report.derived_left, 0);
	world_open(&world);
	cr_expect_null(find(&world, "alien"));
	cr_expect_eq(world_check_all(&world, world_partition(&world, "ours", 0), 0, 1 << 20), 3);
	world_fini(&world);
	world_open(&other);
	world_fini(&other);
}

Test(lost_catalog, to_another_directory, .timeout = 60)
{
	take_over(1, "/catalog.log", true);
	take_over(2, "/meta.properties", false);
}

/* Rot in the text of cluster.id alone does not make catalog.log another's. */
Test(lost_catalog, to_a_rotten_cluster_id, .timeout = 60)
{
	struct world world;
	struct verdict verdict;
	size_t size;
	begin_filed(&world, 3);
	world_stop(&world);
	uint8_t *text = rot_read(&world, "/meta.properties", &size);
	text[size] = 0;
	char *id = strstr((char *)text, "cluster.id=") + strlen("cluster.id=");
	id[3] = id[3] == 'x' ? 'y' : 'x';
	rot_write(&world, "/meta.properties", text, size);
	free(text);
	rot_verify(&world, &verdict);
	cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE], 1);
	cr_expect_str_eq(verdict.found[0].file, "meta.properties");
	rot_unlink(&world, "/meta.properties");
	world_open(&world);
	world_fini(&world);
}

/* ---- and no directory says whose it is ------------------------------------------------------------------------------------------ */

/* What is there to tell it. */
enum left { ALL_IS_LEFT, NO_APPEND_TIMES, NO_CHECKPOINT, JOURNAL_ALONE, left_count };

static void lose_metadata(struct world *world, const char *dir, enum left left, int base)
{
	char path[128];
	snprintf(path, sizeof path, "%s/partition.metadata", dir);
	rot_write(world, path, left % 2 ? "" : "version: 0\ntopic_id: !!", left % 2 ? 0 : 23);
	snprintf(path, sizeof path, "%s/%020d.appendtime", dir, base);
	if (left == NO_APPEND_TIMES || left == JOURNAL_ALONE)
		rot_write(world, path, "", 0);
}

/* Two topics of filed records. */
static void begin_two(struct world *world, uint64_t seed, struct uuid ids[2])
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "a", 2, NULL, 0);
	world_create_topic(world, "b", 1, NULL, 0);
	ids[0] = id_of(world, "a");
	ids[1] = id_of(world, "b");
	world_append(world, world_partition(world, "a", 0), 0, 3, 100);
	world_append(world, world_partition(world, "a", 1), 0, 5, 101);
	world_append(world, world_partition(world, "b", 0), 0, 7, 102);
	world_stop(world);
}

static int64_t count_records(struct world *world, const char *topic, uint32_t index)
{
	return partition_high_watermark(world_partition(world, topic, index));
}

Test(lost_catalog, directories_that_do_not_say_whose_they_are, .timeout = 60)
{
	for (int left = 0; left < left_count; left++) {
		struct world world;
		struct uuid ids[2];
		begin_two(&world, 300 + (uint64_t)left, ids);
		lose_metadata(&world, "/a-0", (enum left)left, 0);
		lose_metadata(&world, "/a-1", (enum left)left, 0);
		lose_metadata(&world, "/b-0", (enum left)left, 0);
		rot_unlink(&world, CATALOG);
		if (left >= NO_CHECKPOINT)
			rot_unlink(&world, "/checkpoint-0");
		expect_recovered(&world, (const char *const[]){"a", "b"}, 2);
		cr_assert_eq(world.image->topic_count, 2, "way %d", left);
		cr_assert(uuid_equal(&find(&world, "a")->id, &ids[0]) && uuid_equal(&find(&world, "b")->id, &ids[1]), "way %d", left);
		cr_expect_eq(count_records(&world, "a", 0), 3, "way %d", left);
		cr_expect_eq(count_records(&world, "a", 1), 5, "way %d", left);
		cr_expect_eq(count_records(&world, "b", 0), 7, "way %d", left);
		cr_expect_eq(world_check_all(&world, world_partition(&world, "a", 0), 0, 1 << 20), 3);
		world_stop(&world);
		struct verdict verdict;
		rot_verify(&world, &verdict);
		expect_clean(&verdict, "afterwards");
		end_world(&world);
	}
}

/* What the files of one contradict is not believed of it; but another that says whose it is speaks for those of its name. */
Test(lost_catalog, a_directory_whose_files_contradict_each_other, .timeout = 60)
{
	struct world world;
	struct uuid ids[2];
	begin_two(&world, 310, ids);
	rot_put_back(&world, "/a-0/00000000000000000000.appendtime", rot_keep(&world, "/b-0/00000000000000000000.appendtime"));
	lose_metadata(&world, "/a-0", ALL_IS_LEFT, 0);
	rot_unlink(&world, CATALOG);
	struct steps steps;
	struct repair_report report;
	repair_as(&world, &(struct repair_options){.is_loss_accepted = true}, &steps, &report);
	cr_expect_eq(report.steps[REPAIR_RECOVER], 0);
	world_open(&world);
	cr_assert_eq(world.image->topic_count, 2);
	cr_assert(uuid_equal(&find(&world, "a")->id, &ids[0]) && uuid_equal(&find(&world, "b")->id, &ids[1]));
	cr_expect_eq(count_records(&world, "a", 0), 3);
	cr_expect_eq(count_records(&world, "a", 1), 5);
	cr_expect_eq(count_records(&world, "b", 0), 7);
	world_stop(&world);
	end_world(&world);
}

/* Its first batch is damaged, so that nobody knows it by that: the append times do. */
Test(lost_catalog, a_directory_whose_first_batch_is_damaged, .timeout = 60)
{
	struct world world;
	struct uuid ids[2];
	begin_two(&world, 320, ids);
	rot_flip(&world, "/b-0/00000000000000000000.log", 18, 1);
	lose_metadata(&world, "/b-0", ALL_IS_LEFT, 0);
	rot_unlink(&world, CATALOG);
	struct steps steps;
	struct repair_report report;
	repair_as(&world, &(struct repair_options){.is_loss_accepted = true}, &steps, &report);
	cr_expect_eq(report.steps[REPAIR_RECOVER], 1);
	world_open(&world);
	cr_assert(uuid_equal(&find(&world, "b")->id, &ids[1]));
	world_expect_damaged(&world, world_partition(&world, "b", 0), 0, 7, 7);
	world_stop(&world);
	end_world(&world);
}

/* The record of a deletion is lost, and what it has left of the directories is not: the topic stays deleted, and so does what the journal has of it. */
Test(lost_catalog, a_deletion_whose_record_is_lost, .timeout = 60)
{
	for (int is_left = 0; is_left < 2; is_left++) {
		struct world world;
		size_t size;
		char path[128] = "/gone-0.";
		world_init(&world, 330);
		world_open(&world);
		world_create_topic(&world, "stays", 1, NULL, 0);
		world_append(&world, world_partition(&world, "stays", 0), 0, 7, 100);
		world_create_topic(&world, "gone", 1, NULL, 0);
		struct uuid id = id_of(&world, "gone");
		free(rot_read(&world, CATALOG, &size));
		world_append(&world, world_partition(&world, "gone", 0), 0, 7, 100);
		world_delete_topic(&world, "gone");
		world_stop(&world);
		rot_cut(&world, CATALOG, size);
		for (int i = 0; i < 16; i++)
			snprintf(path + strlen(path), 3, "%02x", id.bytes[i]);
		snprintf(path + strlen(path), sizeof path - strlen(path), "-delete");
		struct io *io = rot_open(&world);
		if (is_left)
			cr_assert_eq(io_dir_make(io, path), 0);
		io_close(io);
		snprintf(path + strlen(path), sizeof path - strlen(path), "/partition.metadata");
		if (is_left)
			rot_write(&world, path, "", 0);
		struct steps steps;
		struct repair_report report;
		repair_as(&world, &(struct repair_options){.is_loss_accepted = true}, &steps, &report);
		cr_assert_eq(report.refused, 0);
		cr_expect_eq(report.steps[REPAIR_RECOVER], 0);
		world_open(&world);
		cr_expect_eq(find(&world, "gone") == NULL, is_left);
		cr_expect_eq(count_records(&world, "stays", 0), 7);
		world_stop(&world);
		end_world(&world);
	}
}
