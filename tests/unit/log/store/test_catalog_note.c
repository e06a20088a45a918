/* What a changer of the catalog waits for: that the journal notes how far it has come, durably, or cannot. */
#include <errno.h>

#include "log/store/store_priv.h"
#include "tests/unit/log/verify/rot.h"

struct note {
	struct store_catalog_note note;
	bool is_done;
};

static void note_done(struct store_catalog_note *note)
{
	CONTAINER_OF(note, struct note, note)->is_done = true;
}

static void note_begin(struct world *world, struct note *note)
{
	*note = (struct note){.note.done = note_done};
	store_note_catalog(world->store, &note->note);
	store_turn(world->store);
}

static void note_wait(struct world *world, struct note *note)
{
	for (int turns = 0; !note->is_done && turns < 1000; turns++)
		world_turn(world);
}

static void change_catalog(struct world *world)
{
	int64_t first;
	cr_assert_eq(catalog_reserve_producer_ids(world->catalog, 1, &first), 0);
}

static struct catalog_mark mark_on(struct sim_disk *disk)
{
	struct world world = {.disk = disk};
	struct io *io = rot_open(&world);
	struct catalog_mark mark;
	cr_assert_eq(store_read_catalog_mark(io, "/", 1, &mark), 0);
	io_close(io);
	return mark;
}

static void begin(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
}

/* Told when it would survive a power cut, not before; and what is noted already is told of at once. */
Test(catalog_note, is_told_when_it_is_durable)
{
	struct world world;
	struct note note, again;
	begin(&world, 1);
	note_begin(&world, &note);
	cr_assert_not(note.is_done, "a group is under way");
	note_wait(&world, &note);
	cr_assert(note.is_done);
	struct sim_disk *left = world_lose_all(world.disk);
	struct catalog_mark mark = mark_on(left);
	sim_disk_close(left);
	cr_assert_eq(mark.sequence, catalog_sequence(world.image));
	cr_assert_eq(mark.incarnation, world.options.incarnation);
	uint64_t used = journal_used_bytes(world.store->journal);
	note_begin(&world, &again);
	cr_assert(again.is_done);
	cr_assert_eq(journal_used_bytes(world.store->journal), used);
	world_fini(&world);
}

/* Of a change that comes while a group is under way the next one tells. */
Test(catalog_note, of_what_comes_meanwhile_the_next_group_tells)
{
	struct world world;
	struct note first, second;
	begin(&world, 2);
	note_begin(&world, &first);
	change_catalog(&world);
	note_begin(&world, &second);
	note_wait(&world, &first);
	cr_assert_not(second.is_done);
	note_wait(&world, &second);
	cr_assert(second.is_done);
	struct sim_disk *left = world_lose_all(world.disk);
	cr_assert_eq(mark_on(left).sequence, catalog_sequence(world.image));
	sim_disk_close(left);
	world_fini(&world);
}

/* Nobody waits for a journal that takes nothing more: under way or not, behind a failure, behind the seal. */
Test(catalog_note, a_journal_that_takes_nothing_is_not_waited_for)
{
	struct world world;
	struct note under_way, waiting, behind;
	begin(&world, 3);
	sim_disk_fail_kinds(world.disk, SIM_WRITE | SIM_SYNC, 1, EIO, true);
	note_begin(&world, &under_way);
	note_begin(&world, &waiting);
	note_wait(&world, &under_way);
	cr_assert(store_has_failed(world.store) && under_way.is_done);
	store_turn(world.store);
	cr_assert(waiting.is_done);
	note_begin(&world, &behind);
	cr_assert(behind.is_done);
	sim_disk_fail(world.disk, 0, EIO);
	world_crash(&world);

	world_open(&world);
	store_stop(world.store);
	while (!store_is_stopped(world.store))
		world_turn(&world);
	change_catalog(&world);
	note_begin(&world, &behind);
	cr_assert(behind.is_done);
	world_fini(&world);
}

/* Nothing more fits the open group, even when the superblocks let it reach further. */
static void fill_group(struct world *world)
{
	struct journal_entry entry = {.kind = ENTRY_CATALOG};
	for (uint32_t count = 1; count > 0; world_rest(world, 1000000000))
		for (count = 0; journal_add(world->store->journal, &entry, NULL, 0);)
			count++;
}

/* Nor for room that may never come, on a full disk; elsewhere it is, as it comes with the next group. */
Test(catalog_note, room_is_waited_for_as_long_as_it_comes)
{
	struct world world;
	struct note note;
	begin(&world, 4);
	note_begin(&world, &note);
	note_wait(&world, &note);
	change_catalog(&world);
	fill_group(&world);
	note_begin(&world, &note);
	world_turn(&world);
	cr_assert_not(note.is_done);
	journal_commit(world.store->journal);
	note_wait(&world, &note);
	cr_assert(note.is_done);
	change_catalog(&world);
	fill_group(&world);
	store__set_full(world.store, true);
	note_begin(&world, &note);
	cr_assert(note.is_done);
	world_fini(&world);
}

/* Clients' batches leave it room in the journal. */
Test(catalog_note, passes_the_span)
{
	struct world world;
	struct note note;
	begin(&world, 4);
	change_catalog(&world);
	journal_set_span(world.store->journal, 0);
	note_begin(&world, &note);
	note_wait(&world, &note);
	cr_assert(note.is_done);
	world_fini(&world);
}

/* A store that is held, as the catalog does not know yet that all journals have started, takes nothing; let go, it does. */
Test(catalog_note, a_held_store_takes_nothing)
{
	struct world world;
	struct append append;
	struct trim_op trim = {.done = NULL, .offset = 1};
	begin(&world, 5);
	world_append(&world, the_partition(&world), 0, 2, 100);
	store_hold(world.store, true);
	cr_expect_eq(world_append_begin(the_partition(&world), &append, 2, 1, 100), -ENOSPC);
	cr_expect_eq(partition_trim(the_partition(&world), &trim), -ENOSPC);
	cr_expect(!store_takes_internal(world.store) && store_is_full(world.store));
	store_hold(world.store, false);
	world_append(&world, the_partition(&world), 2, 1, 100);
	world_fini(&world);
}
