/* What is salvaged must open: found by fuzz_catalog, which gave it catalogs with nothing in them. */
#include "log/catalog/catalog_salvage.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/catalog/catalog_file.h"
#include "log/io/sim.h"
#include "log/io/small_file.h"

static const struct broker_config *config;

static struct io *open_io(struct sim_disk *disk)
{
	struct io *io;
	struct io_options options = {.backend = IO_SIM, .disk = disk, .seed = 1};
	cr_assert_eq(io_open(&io, &options), 0);
	cr_assert_eq(io_dir_make(io, "/d"), 0);
	return io;
}

static void assert_opens(struct io *io, const char *when)
{
	struct catalog *catalog;
	struct catalog_report report;
	cr_assert_eq(catalog_open(&catalog, io, "/d", config, &report), 0, "%s: %s", when, report.why);
	cr_assert_gt(catalog_incarnation(catalog), 0);
	catalog_close(catalog);
}

/* A catalog that tells of no opening, and no checkpoint that does: there was one all the same. */
Test(catalog_salvage, of_nothing)
{
	static const struct catalog_mark known;
	static const char *const names[] = {"no file", "a header alone", "a file of zeros"};
	struct broker_config *made;
	cr_assert_eq(broker_config_create(&made), 0);
	config = made;
	for (int i = 0; i < 3; i++) {
		struct sim_disk *disk = sim_disk_open(1);
		struct io *io = open_io(disk);
		struct catalog_bytes file = {0};
		struct salvage_report report;
		uint8_t zeros[100] = {0};
		catalog_put_header(&file);
		if (i == 1)
			cr_assert_eq(small_file_replace(io, "/d/catalog.log", file.data, file.size), 0);
		if (i == 2)
			cr_assert_eq(small_file_replace(io, "/d/catalog.log", zeros, sizeof zeros), 0);
		free(file.data);
		cr_assert_eq(catalog_salvage(io, "/d", config, &known, NULL, 0, NULL, 0, false, &report), 0, "%s", names[i]);
		assert_opens(io, names[i]);
		assert_opens(io, names[i]);
		io_close(io);
		sim_disk_close(disk);
	}
	broker_config_destroy(made);
}

/* The record that says whose directory this is is lost, and meta.properties has rotted, to something that is no id or that is one: in the second case alone it is believed, and what
 * is made opens beside it. */
Test(catalog_salvage, beside_a_rotten_meta_properties)
{
	static const struct catalog_mark known;
	static const struct {
		const char *cluster_id;
		bool is_new;
	} rows[] = {{"Gf6CSGNyQ4SljG8EvUaTtA", false}, {"Gf6C\x13GNyQ4SljG8EvUaTtA", true}, {"Gf6CSGNyQ4SljG8EvUaTtA\x0b", true}, {"Gf6CSGNyQ4Slj\x7fG8EvUaTtA", true}, {"", true}};
	struct broker_config *made;
	cr_assert_eq(broker_config_create(&made), 0);
	config = made;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sim_disk *disk = sim_disk_open(1);
		struct io *io = open_io(disk);
		struct salvage_report report;
		char text[200];
		int size = snprintf(text, sizeof text, "#\nnode.id=1\ndirectory.id=yizIEqMCR8GsLXLXkumRbA\nversion=1\ncluster.id=%s\n", rows[i].cluster_id);
		cr_assert_eq(small_file_replace(io, "/d/meta.properties", text, (size_t)size), 0);
		cr_assert_eq(catalog_salvage(io, "/d", config, &known, NULL, 0, NULL, 0, false, &report), 0);
		cr_expect_eq(report.is_identity_new, rows[i].is_new, "row %zu", i);
		if (rows[i].is_new)
			cr_assert_eq(io_unlink(io, "/d/meta.properties"), 0);
		assert_opens(io, rows[i].cluster_id);
		io_close(io);
		sim_disk_close(disk);
	}
	broker_config_destroy(made);
}

static void put_identity(struct catalog_bytes *file, uint64_t sequence, uint8_t id, uint32_t node_id, const char *cluster_id)
{
	uint8_t directory_id[16] = {id};
	catalog_begin(file, CATALOG_IDENTITY, sequence);
	catalog_put(file, directory_id, sizeof directory_id);
	catalog_put_u32(file, node_id);
	catalog_put_text(file, (struct slice){(const uint8_t *)cluster_id, 22});
	catalog_end(file);
}

static void put_opened(struct catalog_bytes *file, uint64_t sequence, uint64_t incarnation)
{
	catalog_begin(file, CATALOG_OPENED, sequence);
	catalog_put_u64(file, incarnation);
	catalog_end(file);
}

/* A record that cannot be says nothing: not that there were more openings than leader epochs can count, and not even half of whose directory it is; nor
 * that it is of a cluster whose id is no text. */
Test(catalog_salvage, of_records_that_cannot_be)
{
	static const struct catalog_mark known;
	struct broker_config *made;
	cr_assert_eq(broker_config_create(&made), 0);
	config = made;
	struct sim_disk *disk = sim_disk_open(1);
	struct io *io = open_io(disk);
	struct catalog_bytes file = {0};
	struct salvage_report salvaged;
	struct catalog *catalog;
	struct catalog_report report;
	catalog_put_header(&file);
	put_identity(&file, 1, 7, 1, "AAAAAAAAAAAAAAAAAAAAAQ");
	put_opened(&file, 2, UINT64_MAX);
	put_identity(&file, 3, 8, UINT32_MAX, "AAAAAAAAAAAAAAAAAAAAAQ");
	put_identity(&file, 4, 9, 1, "\0AAAAAAAAAAAAAAAAAAAAA");
	put_identity(&file, 5, 9, 1, "AAAAAAAA\nAAAAAAAAAAAAA");
	cr_assert_eq(small_file_replace(io, "/d/catalog.log", file.data, file.size), 0);
	free(file.data);
	cr_assert_neq(catalog_open(&catalog, io, "/d", config, &report), 0);
	cr_assert_eq(catalog_salvage(io, "/d", config, &known, NULL, 0, NULL, 0, false, &salvaged), 0);
	cr_assert_eq(catalog_open(&catalog, io, "/d", config, &report), 0, "%s", report.why);
	cr_assert_eq(catalog_directory_id(catalog)->bytes[0], 7);
	cr_assert_eq(catalog_node_id(catalog), 1);
	catalog_close(catalog);
	assert_opens(io, "once more");
	io_close(io);
	sim_disk_close(disk);
	broker_config_destroy(made);
}

/* The record of an opening is lost, and the one that says that all journals have noted it is not: that one tells of it as well, and stays, or a journal of before
 * would pass. But no more openings than there can be. */
Test(catalog_salvage, of_an_opening_that_only_the_journals_note_tells_of)
{
	static const struct catalog_mark known;
	static const struct {
		uint64_t told, incarnation, journals;
	} cases[] = {{9, 10, 9}, {5, 7, 5}, {UINT64_MAX, 7, 0}};
	struct broker_config *made;
	cr_assert_eq(broker_config_create(&made), 0);
	config = made;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct sim_disk *disk = sim_disk_open(1);
		struct io *io = open_io(disk);
		struct catalog_bytes file = {0};
		struct salvage_report salvaged;
		struct catalog *catalog;
		struct catalog_report report;
		catalog_put_header(&file);
		put_identity(&file, 1, 7, 1, "AAAAAAAAAAAAAAAAAAAAAQ");
		put_opened(&file, 2, 6);
		catalog_begin(&file, CATALOG_JOURNALS, 4); /* 3 was the opening's */
		catalog_put_u64(&file, cases[i].told);
		catalog_end(&file);
		cr_assert_eq(small_file_replace(io, "/d/catalog.log", file.data, file.size), 0);
		free(file.data);
		cr_assert_eq(catalog_salvage(io, "/d", config, &known, NULL, 0, NULL, 0, false, &salvaged), 0);
		cr_assert_eq(catalog_open(&catalog, io, "/d", config, &report), 0, "case %zu: %s", i, report.why);
		cr_assert_eq(catalog_incarnation(catalog), cases[i].incarnation, "case %zu: %lu", i, (unsigned long)catalog_incarnation(catalog));
		cr_assert_eq(catalog_journal_incarnation(catalog), cases[i].journals, "case %zu", i);
		catalog_close(catalog);
		io_close(io);
		sim_disk_close(disk);
	}
	broker_config_destroy(made);
}

/* What is written anew counts its records from 1, and is no earlier than what journal and checkpoint know of the file that was damaged: its opening said at
 * once that topics are gone, which it had just saved. */
Test(catalog_salvage, is_not_behind_what_is_known)
{
	static const struct catalog_mark marks[] = {{5, 1000}, {5, 2}, {4, 1000}, {6, 1000}, {6, 0}};
	struct broker_config *made;
	cr_assert_eq(broker_config_create(&made), 0);
	config = made;
	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		struct catalog_knowledge known = {.mark = marks[i]};
		struct sim_disk *disk = sim_disk_open(1);
		struct io *io = open_io(disk);
		struct catalog_bytes file = {0};
		struct salvage_report salvaged;
		struct catalog *catalog;
		struct catalog_report report;
		catalog_put_header(&file);
		put_identity(&file, 1, 7, 1, "AAAAAAAAAAAAAAAAAAAAAQ");
		put_opened(&file, 2, 5);
		cr_assert_eq(small_file_replace(io, "/d/catalog.log", file.data, file.size), 0);
		free(file.data);
		cr_assert_eq(catalog_salvage(io, "/d", config, &known.mark, NULL, 0, NULL, 0, false, &salvaged), 0);
		cr_assert_eq(catalog_open_knowing(&catalog, io, "/d", config, &known, &report), 0, "mark %zu: %s", i, report.why);
		cr_assert_gt(catalog_incarnation(catalog), marks[i].incarnation);
		int64_t first;
		cr_assert_eq(catalog_reserve_producer_ids(catalog, 1, &first), 0);
		cr_assert_gt(first, (int64_t)(marks[i].incarnation << 32), "another salvage may have given out ids before");
		catalog_close(catalog);
		io_close(io);
		sim_disk_close(disk);
	}
	broker_config_destroy(made);
}

static void put_topic(struct catalog_bytes *file, uint64_t sequence, const char *name, uint8_t id)
{
	uint8_t bytes[16] = {id};
	catalog_begin(file, CATALOG_CREATED, sequence);
	catalog_put_u32(file, 1);
	catalog_put(file, bytes, sizeof bytes);
	catalog_put_text(file, (struct slice){(const uint8_t *)name, strlen(name)});
	catalog_put_u32(file, 1);
	catalog_put_u64(file, 5);
	catalog_put_u32(file, 0);
	catalog_end(file);
}

/* A catalog of before a topic was deleted and made again: it knew the dead one alone, was believed, and the directories of the living one were deleted with the next
 * record that was filed. Of two topics with one name the one lives that is told of last; if that does not say, the one that has directories. */
Test(catalog_salvage, of_two_topics_with_one_name)
{
	enum { OLD = 1, NEW = 2 };
	static const struct catalog_mark known = {7, 9};
	static const struct {
		const char *what;
		bool has_old_directory, is_old_told, is_new_told;
		struct catalog_mark old, new;
		uint8_t living;
	} cases[] = {
		{"directories of the new one, nothing of the old one", false, false, false, {0}, {0}, NEW},
		{"the new one told of", false, false, true, {0}, {7, 3}, NEW},
		{"the old one told of alone: its records lie in the journal", false, true, false, {7, 3}, {0}, OLD},
		{"both, the new one later", false, true, true, {6, 9}, {7, 3}, NEW},
		{"both, the old one later", false, true, true, {7, 4}, {7, 3}, OLD},
		{"both at once", false, true, true, {7, 3}, {7, 3}, NEW},
		{"both have directories, and nothing tells", true, false, false, {0}, {0}, OLD},
		{"both have directories, the new one is told of", true, false, true, {0}, {7, 3}, NEW},
		{"both have directories, the old one is told of", true, true, false, {7, 3}, {0}, OLD},
		{"both have both, the new one later", true, true, true, {6, 9}, {6, 10}, NEW},
	};
	struct broker_config *made;
	cr_assert_eq(broker_config_create(&made), 0);
	config = made;
	for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
		bool is_new_first = i % 2;
		const char *what = cases[i / 2].what;
		struct sim_disk *disk = sim_disk_open(1);
		struct io *io = open_io(disk);
		struct catalog_bytes file = {0};
		struct salvage_report salvaged;
		struct catalog *catalog;
		struct catalog_report report;
		struct slice name = {(const uint8_t *)"t", 1};
		struct salvage_told told = {.id = {{OLD}}, .mark = cases[i / 2].old};
		struct salvage_topic old = {.name = name, .id = {{OLD}}, .partition_count = 1, .is_told = cases[i / 2].is_old_told, .told = cases[i / 2].old};
		struct salvage_topic new = {.name = name, .id = {{NEW}}, .partition_count = 2, .is_told = cases[i / 2].is_new_told, .told = cases[i / 2].new};
		struct salvage_topic topics[2] = {new, new};
		if (cases[i / 2].has_old_directory)
			topics[is_new_first] = old;
		uint32_t count = cases[i / 2].has_old_directory ? 2 : 1, told_count = !cases[i / 2].has_old_directory && cases[i / 2].is_old_told;
		const struct salvage_topic *kept = &topics[cases[i / 2].has_old_directory ? !is_new_first : 0];
		catalog_put_header(&file);
		put_identity(&file, 1, 7, 1, "AAAAAAAAAAAAAAAAAAAAAQ");
		put_opened(&file, 2, 5);
		put_topic(&file, 3, "t", OLD);
		cr_assert_eq(small_file_replace(io, "/d/catalog.log", file.data, file.size), 0);
		free(file.data);
		/* Twice, as the repair does it: what is decided without writing is what is written. */
		for (int pass = 0; pass < 2; pass++) {
			cr_assert_eq(catalog_salvage(io, "/d", config, &known, topics, count, &told, told_count, pass == 0, &salvaged), 0, "%s", what);
			cr_expect_eq(kept->fate, cases[i / 2].living == NEW ? SALVAGE_MADE : SALVAGE_OLDER, "%s: %d", what, kept->fate);
			cr_expect_eq(kept->has_replaced, cases[i / 2].living == NEW, "%s", what);
			cr_expect_eq(salvaged.topics_unnamed, 0u, "%s", what);
			cr_expect_eq(salvaged.topics_unheard, 0u, "%s", what);
			if (count == 2)
				cr_expect_eq(topics[is_new_first].fate, cases[i / 2].living == NEW ? SALVAGE_OLDER : SALVAGE_KNOWN, "%s", what);
		}
		cr_assert_eq(catalog_open(&catalog, io, "/d", config, &report), 0, "%s: %s", what, report.why);
		const struct catalog_image *image = catalog_image_acquire(catalog);
		const struct topic *topic = catalog_topic_by_name(image, name);
		cr_assert_not_null(topic, "%s", what);
		cr_expect_eq(topic->id.bytes[0], cases[i / 2].living, "%s", what);
		cr_expect_eq(topic->partition_count, cases[i / 2].living == NEW ? 2u : 1u, "%s", what);
		catalog_image_release(image);
		catalog_close(catalog);
		io_close(io);
		sim_disk_close(disk);
	}
	broker_config_destroy(made);
}

/* A record names it and nothing else does: it may have been deleted since. What a deletion has left says so for certain, and its name is free then. */
Test(catalog_salvage, a_topic_that_nothing_else_tells_of)
{
	struct broker_config *made;
	cr_assert_eq(broker_config_create(&made), 0);
	config = made;
	for (int is_gone = 0; is_gone < 2; is_gone++) {
		struct sim_disk *disk = sim_disk_open(1);
		struct io *io = open_io(disk);
		struct catalog_bytes file = {0};
		struct salvage_report salvaged;
		struct catalog_mark known = {0};
		struct slice name = {(const uint8_t *)"t", 1};
		struct salvage_topic topics[] = {{.name = name, .id = {{2}}, .partition_count = 1}, {.is_gone = true, .id = {{1}}}};
		catalog_put_header(&file);
		put_identity(&file, 1, 7, 1, "AAAAAAAAAAAAAAAAAAAAAQ");
		put_opened(&file, 2, 5);
		put_topic(&file, 3, "t", 1);
		put_topic(&file, 4, "u", 9);
		cr_assert_eq(small_file_replace(io, "/d/catalog.log", file.data, file.size), 0);
		free(file.data);
		cr_assert_eq(catalog_salvage(io, "/d", config, &known, topics, is_gone ? 2 : 0, NULL, 0, true, &salvaged), 0);
		cr_expect_eq(salvaged.topics_unheard, is_gone ? 1u : 2u);
		cr_expect_str_eq(salvaged.unheard, is_gone ? "u" : "t, u");
		cr_expect(!is_gone || (topics[0].fate == SALVAGE_MADE && !topics[0].has_replaced));
		io_close(io);
		sim_disk_close(disk);
	}
	broker_config_destroy(made);
}
