/* Files of a data directory that are lost: opening refuses, changes nothing, and goes on when the loss is accepted. */
#include "tests/unit/log/store/world.h"

#define RECORDS 5

static void unlink_file(struct world *world, const char *path)
{
	struct io_options options = {.backend = IO_SIM, .disk = world->disk, .seed = 1};
	struct io *io;
	cr_assert_eq(io_open(&io, &options), 0);
	cr_assert_eq(io_unlink(io, path), 0);
	cr_assert_eq(io_dir_sync(io, "/"), 0);
	io_close(io);
}

static void expect_refused(struct world *world, const char *what)
{
	for (int tries = 0; tries < 3; tries++) {
		cr_assert_eq(world_try_open(world), ERR_CORRUPT_LOG);
		cr_assert_not_null(strstr(world->report.why, what), "%s", world->report.why);
		cr_assert_not_null(strstr(world->report.why, "spate.accept.loss=true"), "%s", world->report.why);
		world_close(world);
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
	expect_refused(&world, "journal-0 is missing");
	world.options.is_loss_accepted = true;
	world_open(&world);
	cr_assert(world.report.is_journal_lost);
	cr_assert_not(world.report.was_clean);
	world.options.is_loss_accepted = false;
	int64_t end = is_clean ? 4 * RECORDS : 0;
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), end);
	world_append(&world, world_partition(&world, "t", 0), (uint64_t)end, RECORDS, 100);
	world_crash(&world);
	world_open(&world);
	cr_assert_not(world.report.is_journal_lost);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), end + RECORDS);
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
