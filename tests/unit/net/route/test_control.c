/* net/route/control.h with the shards' doings replaced by what is defined here: who gets which image, and when. */
#include "net/route/control.h"

#include "log/store/store.h"
#include "net/api/api.h"
#include "net/route/group_host.h"
#include "net/route/quota_task.h"
#include "net/route/task.h"
#include "tests/unit/log/catalog/machine.h"

#define SHARDS 3

struct change {
	struct control_op op;
	const char *topic;
	bool is_deletion;
	bool has_run, is_home;
};

static struct machine machine;
static struct shard shards[SHARDS], *peers[SHARDS];
static struct message *posted[SHARDS], **posted_end[SHARDS];

void shard_post(struct shard *from, struct shard *to, struct message *message)
{
	(void)from;
	message->next = NULL;
	*posted_end[to->index] = message;
	posted_end[to->index] = &message->next;
}

void store_set_image(struct store *store, const struct catalog_image *image)
{
	(void)store;
	(void)image;
}

static struct store_catalog_note *notes[8];
static uint32_t note_count;

void store_note_catalog(struct store *store, struct store_catalog_note *note)
{
	(void)store;
	notes[note_count++] = note;
}

static bool has_started[SHARDS], takes_nothing[SHARDS];

/* Of the shard whose number it is. */
static uint32_t index_of(const struct store *store)
{
	return (uint32_t)(uintptr_t)store - 1;
}

bool store_has_started(const struct store *store)
{
	return has_started[index_of(store)];
}

void store_hold(struct store *store, bool is_held)
{
	takes_nothing[index_of(store)] = is_held;
}

void store_set_producer_expiration(struct store *store, int64_t expiration_ms)
{
	(void)store;
	(void)expiration_ms;
}

void group_host_set_image(struct group_host *host)
{
	(void)host;
}

void quota_take_image(struct shard *shard)
{
	(void)shard;
}

void request_returned(struct request *request)
{
	(void)request;
}

static void run(struct control_op *op, struct catalog *catalog)
{
	struct change *change = CONTAINER_OF(op, struct change, op);
	cr_assert_eq(change->is_deletion ? delete_one(catalog, change->topic) : create_one(catalog, change->topic, 1), 0);
	change->has_run = true;
}

static void submit(struct change *change)
{
	change->op.run = run;
	change->op.origin = 0;
	change->op.message.kind = MESSAGE_CONTROL;
	shard_post(&shards[0], &shards[0], &change->op.message);
}

static void turn(uint32_t shard)
{
	struct message *message = posted[shard];
	posted[shard] = NULL;
	posted_end[shard] = &posted[shard];
	while (message) {
		struct message *next = message->next;
		if (message->kind == MESSAGE_CONTROL_RETURN)
			CONTAINER_OF(message, struct change, op.message)->is_home = true;
		else
			control_receive(&shards[shard], message);
		message = next;
	}
}

static void start(void)
{
	machine_init(&machine, 1);
	machine_open_well(&machine);
	for (uint32_t i = 0; i < SHARDS; i++) {
		posted_end[i] = &posted[i];
		peers[i] = &shards[i];
		shards[i] = (struct shard){.index = i, .shard_count = SHARDS, .peers = peers, .catalog = machine.catalog, .store = (struct store *)(uintptr_t)(i + 1), .image = catalog_image_acquire(machine.catalog)};
	}
}

/* The journal has noted what there is. */
static void note_all(void)
{
	uint32_t count = note_count;
	note_count = 0;
	for (uint32_t i = 0; i < count; i++)
		notes[i]->done(notes[i]);
}

static void end(void)
{
	note_all();
	for (uint32_t i = 0; i < SHARDS; i++)
		catalog_image_release(shards[i].image);
	machine_fini(&machine);
}

static bool knows(uint32_t shard, const char *topic)
{
	return find(shards[shard].image, topic) != NULL;
}

/* A shard in a long turn has not heard of a deletion: no shard hears meanwhile of the topic that takes the name, and would make its directory under the other's hands. */
Test(control, one_change_after_the_other)
{
	struct change made = {.topic = "t"}, deleted = {.topic = "t", .is_deletion = true}, again = {.topic = "t"}, last = {.topic = "u"};
	start();
	submit(&made);
	for (int i = 0; i < 2 * SHARDS; i++)
		turn((uint32_t)i % SHARDS);
	cr_assert(knows(0, "t") && knows(1, "t") && knows(2, "t"));
	submit(&deleted);
	submit(&again);
	submit(&last);
	for (int i = 0; i < 5; i++) {
		turn(0);
		turn(1);
	}
	cr_expect(deleted.has_run && !again.has_run && !last.has_run);
	cr_expect(!knows(0, "t") && !knows(1, "t") && knows(2, "t"));
	turn(2);
	cr_expect(!knows(2, "t"));
	for (int i = 0; i < 2; i++) {
		turn(0);
		turn(1);
	}
	cr_expect(again.has_run && !last.has_run && knows(1, "t"));
	for (int i = 0; i < 4 * SHARDS; i++)
		turn((uint32_t)i % SHARDS);
	cr_expect(last.has_run);
	for (uint32_t i = 0; i < SHARDS; i++)
		cr_expect(knows(i, "t") && knows(i, "u"));
	end();
}

/* Nobody is told of a change before the journal has noted it, and none waits for the note of the one before. */
Test(control, an_answer_waits_for_the_journals_note)
{
	struct change made = {.topic = "t"}, next = {.topic = "u"};
	start();
	submit(&made);
	submit(&next);
	for (int i = 0; i < 4 * SHARDS; i++)
		turn((uint32_t)i % SHARDS);
	cr_expect(made.has_run && next.has_run && knows(2, "u"));
	cr_expect(!made.is_home && !next.is_home);
	note_all();
	turn(0);
	cr_expect(made.is_home && next.is_home);
	end();
}

/* The note may come first: then it is the shards that are waited for. */
Test(control, an_answer_waits_for_all_shards)
{
	struct change made = {.topic = "t"};
	start();
	submit(&made);
	turn(0);
	note_all();
	turn(1);
	turn(0);
	cr_expect(!made.is_home);
	turn(2);
	turn(0);
	turn(0);
	cr_expect(made.is_home);
	end();
}

/* A start that found no room for one shard's journal: nobody takes anything before all have started, and the catalog says so. */
Test(control, a_late_start_is_noted_before_anybody_takes_anything)
{
	start();
	cr_assert_eq(create_one(machine.catalog, "t", 1), 0);
	for (uint32_t i = 0; i < SHARDS; i++)
		control_hold(&shards[i]);
	has_started[0] = has_started[2] = true;
	for (uint32_t i = 0; i < 3 * SHARDS; i++) {
		control_tell_start(&shards[i % SHARDS]);
		turn(i % SHARDS);
	}
	for (uint32_t i = 0; i < SHARDS; i++)
		cr_expect(takes_nothing[i]);
	cr_expect_lt(catalog_journal_incarnation(machine.catalog), catalog_incarnation(machine.catalog));
	has_started[1] = true;
	control_tell_start(&shards[1]);
	turn(0);
	cr_expect_eq(catalog_journal_incarnation(machine.catalog), catalog_incarnation(machine.catalog));
	for (uint32_t i = 0; i < SHARDS; i++) {
		turn(i);
		cr_expect_not(takes_nothing[i]);
	}
	end();
}
