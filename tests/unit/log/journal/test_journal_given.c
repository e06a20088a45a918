/* What a replay has passed is somebody else's memory: the replay goes on as if it were not, and what needs those groups afterwards reads them again. And of the
 * groups at the end that nobody vouches for one hears before. */
#include "tests/unit/log/journal/rig.h"

#include <sys/mman.h>

#include "log/io/sim.h"

#define SIZE ((uint64_t)64 << 20)
#define GROUP (2u << 20)
#define VALUE_SIZE (1500u << 10)
#define VALUES 12
#define GIFTS_MAX 16u

static void open_on(struct rig *rig, struct sim_disk *disk, uint64_t incarnation)
{
	struct io_options options = {.backend = IO_SIM, .seed = incarnation, .disk = disk};
	*rig = (struct rig){.next_value = 0};
	cr_assert_eq(io_open(&rig->io, &options), 0);
	rig->options = rig_options(rig, "/journal", SIZE, GROUP, 1);
	rig->options.incarnation = incarnation;
	cr_assert_eq(journal_open(&rig->journal, rig->io, &rig->options, &rig->report), 0, "row %c", rig->report.decision);
}

static void end(struct rig *rig)
{
	journal_close(rig->journal);
	io_close(rig->io);
}

static void add(struct rig *rig, size_t size)
{
	cr_assert(rig_add(rig, size));
	journal_commit(rig->journal);
	rig_settle(rig);
}

static void live(struct sim_disk *disk)
{
	static struct rig rig;
	open_on(&rig, disk, 1);
	cr_assert_eq(journal_start(rig.journal), 0);
	for (int i = 0; i < VALUES; i++)
		add(&rig, VALUE_SIZE);
	end(&rig);
}

struct taker {
	struct replayed replayed;
	struct journal *journal;
	uint8_t *memory;
	uint32_t gifts;
};

/* As greedy as can be, and whoever has it writes there. */
static int replay_and_take(void *context, uint64_t seq, bool is_vouched, const struct journal_entry *entry, struct slice payload)
{
	struct taker *taker = context;
	while (taker->gifts < GIFTS_MAX && journal_give_memory(taker->journal, taker->memory + (size_t)taker->gifts * RING_GIFT_ALIGN, RING_GIFT_ALIGN))
		memset(taker->memory + (size_t)taker->gifts++ * RING_GIFT_ALIGN, 0xaa, RING_GIFT_ALIGN);
	return note_replayed(&taker->replayed, seq, is_vouched, entry, payload);
}

static uint8_t *map_gifts(uint8_t **mapped)
{
	*mapped = mmap(NULL, (GIFTS_MAX + 1) * (size_t)RING_GIFT_ALIGN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(*mapped, MAP_FAILED);
	return *mapped + (RING_GIFT_ALIGN - (uintptr_t)*mapped % RING_GIFT_ALIGN) % RING_GIFT_ALIGN;
}

Test(journal_given, a_replay_gives_what_it_has_passed)
{
	static struct rig rig;
	static struct taker taker;
	uint8_t *mapped;
	struct sim_disk *disk = sim_disk_open(1);
	live(disk);
	open_on(&rig, disk, 2);
	cr_assert_eq(rig_replay(&rig).entries, VALUES, "one that only looks gives nothing");
	taker = (struct taker){.journal = rig.journal, .memory = map_gifts(&mapped)};
	cr_assert_eq(journal_replay(rig.journal, replay_and_take, &taker), 0);
	cr_assert_not(taker.replayed.is_broken);
	cr_assert_eq(taker.replayed.entries, VALUES);
	cr_assert_geq(taker.gifts, 6, "%u", taker.gifts);
	struct found_group group; /* again from the file, and judged again */
	cr_assert_eq(ring_read_group(&rig.journal->reader, rig.journal->recovery.superblock.trim_place, &group), 1);
	cr_assert_eq(group.state, GROUP_WHOLE);
	cr_assert_eq(rig_replay(&rig).entries, VALUES);
	rig.next_value = VALUES;
	cr_assert_eq(journal_start(rig.journal), 0);
	for (uint32_t i = 0; i < taker.gifts; i++)
		cr_assert(taker.memory[(size_t)i * RING_GIFT_ALIGN] == 0xaa && taker.memory[(size_t)(i + 1) * RING_GIFT_ALIGN - 1] == 0xaa);
	add(&rig, 100);
	end(&rig);
	open_on(&rig, disk, 3);
	cr_assert_eq(rig_replay(&rig).entries, VALUES + 1);
	end(&rig);
	munmap(mapped, (GIFTS_MAX + 1) * (size_t)RING_GIFT_ALIGN);
	sim_disk_close(disk);
}

/* What was given, and has rotted since, is read again, and not believed for what it was before. */
Test(journal_given, what_is_read_again_is_judged_again)
{
	static struct rig rig;
	static struct taker taker;
	uint8_t *mapped;
	struct found_group group;
	struct sim_disk *disk = sim_disk_open(1);
	live(disk);
	open_on(&rig, disk, 2);
	taker = (struct taker){.journal = rig.journal, .memory = map_gifts(&mapped)};
	cr_assert_eq(journal_replay(rig.journal, replay_and_take, &taker), 0);
	cr_assert_eq(sim_disk_corrupt(disk, "/journal", JOURNAL_RING_POSITION + VALUE_SIZE / 2, 1), 0);
	cr_assert_eq(ring_read_group(&rig.journal->reader, rig.journal->recovery.superblock.trim_place, &group), 1);
	cr_assert_neq(group.state, GROUP_WHOLE);
	end(&rig);
	munmap(mapped, (GIFTS_MAX + 1) * (size_t)RING_GIFT_ALIGN);
	sim_disk_close(disk);
}

Test(journal_given, what_nobody_vouches_for_is_shown)
{
	static struct rig rig;
	struct replayed shown = {0};
	struct sim_disk *disk = sim_disk_open(1);
	live(disk);
	open_on(&rig, disk, 2);
	cr_assert_eq(journal_show_unvouched(rig.journal, note_replayed, &shown), 0);
	cr_assert_not(shown.is_broken);
	cr_assert_eq(shown.entries, 1);
	cr_assert_eq(shown.unvouched, 1);
	cr_assert_eq(shown.first_value, VALUES - 1);
	cr_assert_eq(rig_replay(&rig).entries, VALUES, "and comes once more");
	end(&rig);
	struct sim_disk *empty = sim_disk_open(2);
	open_on(&rig, empty, 1);
	cr_assert_eq(journal_show_unvouched(rig.journal, note_replayed, &shown), 0);
	cr_assert_eq(shown.entries, 1);
	end(&rig);
	sim_disk_close(empty);
	sim_disk_close(disk);
}
