/* Files of a data directory that are lost: opening refuses, changes nothing, and goes on when the loss is accepted. */
#include "tests/unit/log/verify/rot.h"

#include <xxhash.h>

#include "log/base/bytes.h"
#include "log/catalog/catalog_file.h"
#include "log/journal/journal_priv.h"

#define RECORDS 5
#define ROOM (1ll << 33) /* what a lost journal of 8 MiB can have held: test_put_back.c */

static void unlink_file(struct world *world, const char *path)
{
	rot_unlink(world, path);
	struct io *io = rot_open(world);
	cr_assert_eq(io_dir_sync(io, "/"), 0);
	io_close(io);
}

/* The store or the catalog refuses, again and again, and the verifier names the file. */
static void expect_refused(struct world *world, const char *file, const char *what)
{
	for (int tries = 0; tries < 3; tries++) {
		cr_assert_eq(world_try_open(world), ERR_CORRUPT_LOG);
		const char *why = *world->found.why ? world->found.why : world->report.why;
		cr_assert_not_null(strstr(why, what), "%s", why);
		cr_assert_not_null(strstr(why, "spate.accept.loss=true"), "%s", why);
		world_close(world);
		struct verdict verdict;
		rot_verify(world, &verdict);
		uint32_t damages = 0;
		for (uint32_t i = 0; i < verdict.count; i++)
			damages += verdict.found[i].kind == FINDING_DAMAGE && strcmp(verdict.found[i].file, file) == 0;
		cr_assert_eq(damages, 1, "%s is not named", file);
	}
}

/* Without its journal a store with topics does not open, after a clean stop or a cut; once that is accepted, it goes on, then and later. */
static void lose_journal(bool is_clean, bool has_checkpoint)
{
	struct world world;
	world_init(&world, 5);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	for (int i = 0; i < 4; i++)
		world_append(&world, world_partition(&world, "t", 0), (uint64_t)i * RECORDS, RECORDS, 100);
	if (is_clean)
		world_stop(&world);
	else
		world_crash(&world);
	unlink_file(&world, "//journal-0");
	if (is_clean && !has_checkpoint)
		unlink_file(&world, "//checkpoint-0");
	expect_refused(&world, "journal-0", "journal-0 is missing");
	world.options.is_loss_accepted = true;
	world_open(&world);
	cr_assert(world.report.is_journal_lost);
	cr_assert_not(world.report.was_clean);
	world.options.is_loss_accepted = false;
	/* Without a checkpoint nothing says that the stop was clean. */
	int64_t kept = is_clean ? 4 * RECORDS : 0, end = is_clean && has_checkpoint ? kept : kept + ROOM, from = kept == end ? 0 : end;
	struct partition *partition = world_partition(&world, "t", 0);
	cr_assert_eq(partition_high_watermark(partition), end);
	cr_assert_eq(partition_log_start_offset(partition), kept ? 0 : end);
	world_append(&world, partition, (uint64_t)end, RECORDS, 100);
	world_crash(&world);
	world_open(&world);
	cr_assert_not(world.report.is_journal_lost);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), from, 50000), end + RECORDS);
	world_fini(&world);
}

Test(store_loss, journal_after_a_clean_stop) { lose_journal(true, true); }
Test(store_loss, journal_and_checkpoint) { lose_journal(true, false); }
Test(store_loss, journal_after_a_cut) { lose_journal(false, true); }

/* A first start that ended between the catalog and the journal is none: there was no topic yet. */
Test(store_loss, a_first_start_that_crashed)
{
	struct world world;
	world_init(&world, 5);
	world_open(&world);
	world_crash(&world);
	unlink_file(&world, "//journal-0");
	world_open(&world);
	cr_assert_not(world.report.is_journal_lost);
	cr_assert(world.report.was_clean);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_fini(&world);
}

/* Looks at each I/O of a start: has the journal a name, and does a superblock of it know an opening? */
struct look {
	struct sim_disk *disk;
	uint32_t named, unopened;
};

static void look_at_journal(void *context)
{
	struct look *look = context;
	bool has_opening = false;
	for (uint64_t slot = 0; slot < JOURNAL_SUPERBLOCKS; slot++) {
		uint8_t block[JOURNAL_BLOCK_SIZE];
		struct superblock superblock;
		if (sim_disk_peek(look->disk, "//journal-0", block, sizeof block, slot * JOURNAL_BLOCK_SIZE) < (int64_t)sizeof block)
			return;
		has_opening |= superblock_decode(&superblock, block) == SUPERBLOCK_VALID && superblock.opening_count > 0;
	}
	look->named++;
	look->unopened += !has_opening;
}

/* The first one gets its name when it knows its opening, which saves the syncs of one that does not. */
Test(store_loss, a_first_journal_knows_its_opening)
{
	struct world world;
	world_init(&world, 6);
	struct look look = {.disk = world.disk};
	sim_disk_on_io(world.disk, look_at_journal, &look);
	world_open(&world);
	sim_disk_on_io(world.disk, NULL, NULL);
	cr_assert_gt(look.named, 0);
	cr_assert_eq(look.unopened, 0);
	world_fini(&world);
}

/* ---- the catalog's end ------------------------------------------------------------------------------------------------- */

/* Where the record begins that is the `back`-th from the end; 1 is the last. */
static size_t record_from_end(struct world *world, int back)
{
	size_t size, at = CATALOG_HEADER_SIZE, starts[64];
	int count = 0;
	struct catalog_frame frame;
	uint8_t *data = rot_read(world, "//catalog.log", &size);
	while (catalog_next((struct slice){data, size}, at, (uint64_t)count + 1, &frame) == CATALOG_NEXT_RECORD) {
		starts[count++] = at;
		at = frame.end;
	}
	free(data);
	cr_assert_geq(count, back);
	return starts[count - back];
}

enum end { FLIPPED, CUT_WITHIN, CUT_BEFORE, GONE };

static void lose_end(struct world *world, enum end end, int records)
{
	size_t position = record_from_end(world, records);
	switch (end) {
	case FLIPPED: rot_flip(world, "//catalog.log", position + CATALOG_FRAME_SIZE + 6, 4); break;
	case CUT_WITHIN: rot_cut(world, "//catalog.log", position + 30); break;
	case CUT_BEFORE: rot_cut(world, "//catalog.log", position); break;
	case GONE: unlink_file(world, "//catalog.log"); unlink_file(world, "//meta.properties"); break;
	}
}

/* Two topics with acknowledged records, and a third that is created last. */
static void make_topics(struct world *world, uint64_t seed, int lives)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "a", 1, NULL, 0);
	world_append(world, world_partition(world, "a", 0), 0, RECORDS, 100);
	for (int i = 0; i < lives; i++) {
		world_crash(world);
		world_open(world);
	}
	world_create_topic(world, "b", 1, NULL, 0);
	world_append(world, world_partition(world, "b", 0), 0, RECORDS, 100);
}

/* The end of catalog.log is lost: refused, whatever it looks like; accepted, what it does not name is gone, and all later starts are as any. */
Test(store_loss, the_end_of_the_catalog, .timeout = 120)
{
	for (int is_clean = 0; is_clean < 2; is_clean++) {
		for (int lives = 0; lives < 3; lives++) {
			for (int records = 1; records <= 2; records++) {
				for (enum end end = FLIPPED; end <= GONE; end++) {
					struct world world;
					if (end == FLIPPED && records > 1)
						continue; /* damage before the end: another refusal */
					make_topics(&world, 7, lives);
					if (is_clean)
						world_stop(&world);
					else
						world_crash(&world);
					lose_end(&world, end, records);
					if (end != GONE)
						expect_refused(&world, "catalog.log", "has lost acknowledged changes");
					world.options.is_loss_accepted = true;
					world_open(&world);
					world.options.is_loss_accepted = false;
					cr_assert(world.found.is_lost);
					cr_assert_null(catalog_topic_by_name(world.image, (struct slice){(const uint8_t *)"b", 1}));
					for (int life = 0; life < 3; life++) {
						if (life == 1)
							world_create_topic(&world, "b", 1, NULL, 0);
						if (life > 0)
							world_append(&world, world_partition(&world, "b", 0), (uint64_t)(life - 1) * RECORDS,
								     RECORDS, 100);
						if (life == 2)
							world_stop(&world);
						else
							world_crash(&world);
						world_open(&world);
						cr_assert_not(world.found.is_lost);
					}
					world_fini(&world);
				}
			}
		}
	}
}

/* A torn tail that nothing contradicts was never answered: cut off, and named as no damage. */
Test(store_loss, a_torn_tail_of_the_catalog)
{
	for (int is_clean = 0; is_clean < 2; is_clean++) {
		struct world world;
		struct verdict verdict;
		size_t size;
		make_topics(&world, 8, 1);
		if (is_clean)
			world_stop(&world);
		else
			world_crash(&world);
		uint8_t *data = rot_read(&world, "//catalog.log", &size);
		data = realloc(data, size + 30);
		memset(data + size, 1, 30); /* a head of a record that says more than there is */
		rot_write(&world, "//catalog.log", data, size + 30);
		free(data);
		rot_verify(&world, &verdict);
		cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE], 0);
		cr_assert_geq(verdict.count, 1);
		cr_assert_not_null(strstr(verdict.found[0].what, "never answered"), "%s", verdict.found[0].what);
		world_open(&world);
		cr_assert_eq(world.found.torn_bytes, 30);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "b", 0), 0, 50000), RECORDS);
		world_fini(&world);
	}
}

/* Producer ids that were handed out count as well, though no image shows them. */
Test(store_loss, producer_ids)
{
	struct world world;
	int64_t first;
	make_topics(&world, 9, 0);
	cr_assert_eq(catalog_reserve_producer_ids(world.catalog, 1000, &first), 0);
	world_append(&world, world_partition(&world, "b", 0), RECORDS, RECORDS, 100);
	world_crash(&world);
	lose_end(&world, CUT_BEFORE, 1);
	expect_refused(&world, "catalog.log", "has lost acknowledged changes");
	world.options.is_loss_accepted = true;
	for (int64_t loss = 0, last = 999; loss < 2; loss++, last = first) { /* the same file of before once more: what went on behind the first loss is not given out again */
		size_t size;
		uint8_t *before = rot_read(&world, "//catalog.log", &size);
		world_open(&world);
		cr_assert_eq(catalog_reserve_producer_ids(world.catalog, 1000, &first), 0);
		cr_expect_gt(first, last, "loss %ld: %ld", (long)loss, (long)first);
		world_append(&world, world_partition(&world, "b", 0), (2 + (uint64_t)loss) * RECORDS, RECORDS, 100);
		world_stop(&world);
		rot_write(&world, "//catalog.log", before, size);
		free(before);
	}
	world_open(&world);
	world_fini(&world);
}

/* What a log remembers of a producer was given out, whatever the catalog says: in this life, and behind it by the reservation that it makes. */
Test(store_loss, producer_ids_that_logs_know)
{
	struct world world;
	int64_t first;
	world_init(&world, 12);
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	cr_assert_eq(store_producer_id_max(world.store), -1);
	cr_assert_eq(world_produce(&world, world_partition(&world, "t", 1), 0), 0); /* it has the id 7 */
	world_crash(&world);
	world_open(&world);
	cr_assert_eq(store_producer_id_max(world.store), 7);
	catalog_pass_producer_ids(world.catalog, store_producer_id_max(world.store));
	cr_assert_eq(catalog_reserve_producer_ids(world.catalog, 1000, &first), 0);
	cr_assert_gt(first, 7);
	catalog_pass_producer_ids(world.catalog, 8);
	catalog_pass_producer_ids(world.catalog, INT64_MAX); /* a client made it up */
	int64_t next;
	cr_assert_eq(catalog_reserve_producer_ids(world.catalog, 1000, &next), 0);
	cr_assert_eq(next, first + 1000);
	world_fini(&world);
}

/* A catalog that is written anew at opening counts its records from 1: no loss. */
Test(store_loss, a_catalog_that_was_compacted)
{
	struct world world;
	struct config_override override = {"retention.ms", "1"};
	make_topics(&world, 10, 0);
	const struct topic *topic = catalog_topic_by_name(world.image, (struct slice){(const uint8_t *)"a", 1});
	for (int i = 0; i < 1000; i++) {
		char value[16];
		snprintf(value, sizeof value, "%d", 1000000 + i);
		override.value = value;
		cr_assert_eq(catalog_set_overrides(world.catalog, &topic->id, &override, 1), 0);
	}
	world_append(&world, world_partition(&world, "b", 0), RECORDS, RECORDS, 100);
	bool was_compacted = false;
	for (int life = 2; life < 6; life++) {
		if (life % 2)
			world_crash(&world);
		else
			world_stop(&world);
		world_open(&world);
		was_compacted |= world.found.was_compacted;
		world_append(&world, world_partition(&world, "b", 0), (uint64_t)life * RECORDS, RECORDS, 100);
	}
	cr_assert(was_compacted);
	world_fini(&world);
}

static size_t drop_bytes(uint8_t *data, size_t size, size_t at, size_t count)
{
	memmove(data + at, data + at + count, size - at - count);
	return size - count;
}

/* A directory of a version before: its checkpoint says nothing of the catalog, and is taken. */
Test(store_loss, a_checkpoint_of_version_1)
{
	struct world world;
	struct verdict verdict;
	size_t size;
	make_topics(&world, 11, 1);
	world_stop(&world);
	uint8_t *data = rot_read(&world, "//checkpoint-0", &size);
	cr_assert_eq(load_le32(data + 8), 7);
	store_le32(data + 8, 1);
	size = drop_bytes(data, size, 28, 76 - 28);
	for (size_t at = 28; at + 8 < size;) {
		uint32_t segments = load_le32(data + at + 28), rest = 12 * load_le32(data + at + 32) + load_le32(data + at + 40);
		uint32_t steps = 0;
		at += 44;
		for (uint32_t i = 0; i < segments; i++, at += 76) {
			steps += load_le32(data + at + 24) >> 8;
			size = drop_bytes(data, size, at + 76, 28);
		}
		size = drop_bytes(data, size, at, steps * 24);
		at += rest;
	}
	store_le64(data + size - 8, XXH3_64bits(data, size - 8));
	rot_write(&world, "//checkpoint-0", data, size);
	free(data);
	rot_verify(&world, &verdict);
	cr_assert_eq(verdict.count, 0);
	world_open(&world);
	cr_assert(world.report.was_clean);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "a", 0), 0, 50000), RECORDS);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "b", 0), 0, 50000), RECORDS);
	world_fini(&world);
}
