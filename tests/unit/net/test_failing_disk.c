/* What clients are told while the disk fails or takes its time: never of a success that a power cut would take back. A broker on a simulated machine. */
#include "tests/unit/net/sim_fixture.h"

#include <errno.h>

#include "kmsg_fetch.h"
#include "kmsg_find_coordinator.h"
#include "kmsg_init_producer_id.h"
#include "kmsg_offset_commit.h"
#include "kmsg_offset_fetch.h"
#include "net/wire/kerr.h"

struct world {
	struct machine machine;
	struct sim_client client, other;
};

static void begin(struct world *world, uint64_t seed, const char *cache_size)
{
	make_machine(&world->machine, seed);
	machine_set(&world->machine, "offsets.topic.num.partitions", "1");
	machine_set(&world->machine, "spate.cache.bytes", cache_size);
	cr_assert_eq(machine_start(&world->machine, "/data"), 0, "%s", world->machine.why);
	sim_client_open(&world->client, &world->machine);
	sim_client_open(&world->other, &world->machine);
	sim_create_topic(&world->client, "t");
}

static void end(struct world *world)
{
	machine_crash(&world->machine);
	sim_client_close(&world->client);
	sim_client_close(&world->other);
	free_machine(&world->machine);
}

static void fail_writes(struct world *world)
{
	sim_disk_fail_kinds(world->machine.disk, SIM_WRITE | SIM_SYNC, 1, EIO, true);
}

/* I/Os begun from now on take so long longer; 0: no longer. */
static void set_slow(struct world *world, uint32_t stall_ms)
{
	struct sim_pace pace = {.latency_percent = 100, .stall_per_mille = stall_ms ? 1000 : 0, .stall_ns = stall_ms * MS_AS_NS};
	sim_disk_set_pace(world->machine.disk, &pace);
}

/* A batch whose group could not be written is refused. */
Test(failing_disk, an_append_that_fails_is_refused)
{
	struct world world;
	struct kmsg_produce_response out;
	begin(&world, 1, "16777216");
	fail_writes(&world);
	sim_send_produce(&world.client, "t", 100);
	cr_assert(sim_receive(&world.client, "produce", 9, &out, 60000 * MS_AS_NS));
	cr_expect_eq(out.responses.items[0].partition_responses.items[0].error_code, KERR_KAFKA_STORAGE_ERROR, "%s",
		     kerr_name(out.responses.items[0].partition_responses.items[0].error_code));
	end(&world);
}

/* An id whose block could not be reserved durably would be given out again after the next start. */
Test(failing_disk, a_producer_id_that_is_not_durable_is_not_given_out)
{
	struct world world;
	struct kmsg_init_producer_id_request in;
	struct kmsg_init_producer_id_response out;
	begin(&world, 2, "16777216");
	fail_writes(&world);
	kmsg_init_producer_id_request_init(&in);
	in.producer_id = -1;
	in.producer_epoch = -1;
	sim_call(&world.client, "init_producer_id", 4, &in, &out);
	cr_expect_eq(out.error_code, KERR_KAFKA_STORAGE_ERROR, "%s", kerr_name(out.error_code));
	cr_expect_eq(out.producer_id, -1);
	end(&world);
}

/* ---- groups ------------------------------------------------------------------------------------------------------------- */

static void find_coordinator(struct sim_client *client)
{
	struct kmsg_find_coordinator_request in;
	struct kmsg_find_coordinator_response out;
	kmsg_find_coordinator_request_init(&in);
	in.key = slice_from("g");
	sim_call(client, "find_coordinator", 2, &in, &out);
	cr_assert_eq(out.error_code, 0);
}

static void send_commit(struct sim_client *client, int64_t offset)
{
	struct kmsg_offset_commit_partition partition;
	struct kmsg_offset_commit_topic topic;
	struct kmsg_offset_commit_request in;
	kmsg_offset_commit_partition_init(&partition);
	kmsg_offset_commit_topic_init(&topic);
	kmsg_offset_commit_request_init(&in);
	partition.committed_offset = offset;
	topic.name = slice_from("t");
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	in.group_id = slice_from("g");
	in.generation_id_or_member_epoch = -1;
	in.topics.items = &topic;
	in.topics.count = 1;
	sim_send(client, "offset_commit", 8, &in);
}

/* The error of the answer to a commit; -1: none comes within so long. */
static int receive_commit(struct sim_client *client, uint64_t within_ns)
{
	struct kmsg_offset_commit_response out;
	return sim_receive(client, "offset_commit", 8, &out, within_ns) ? out.topics.items[0].partitions.items[0].error_code : -1;
}

static void send_fetch_offset(struct sim_client *client)
{
	struct kmsg_offset_fetch_group group;
	struct kmsg_offset_fetch_request in;
	kmsg_offset_fetch_group_init(&group);
	kmsg_offset_fetch_request_init(&in);
	group.group_id = slice_from("g");
	in.groups.items = &group;
	in.groups.count = 1;
	sim_send(client, "offset_fetch", 8, &in);
}

/* What is committed; -1: no answer; -1000 - code: an error. */
static int64_t receive_offset(struct sim_client *client, uint64_t within_ns)
{
	struct kmsg_offset_fetch_response out;
	if (!sim_receive(client, "offset_fetch", 8, &out, within_ns))
		return -1;
	if (out.groups.items[0].error_code)
		return -1000 - out.groups.items[0].error_code;
	return out.groups.items[0].topics.items[0].partitions.items[0].committed_offset;
}

static void begin_group(struct world *world, uint64_t seed)
{
	begin(world, seed, "16777216");
	find_coordinator(&world->client);
	send_commit(&world->client, 5);
	cr_assert_eq(receive_commit(&world->client, 30000 * MS_AS_NS), 0);
}

/* A commit that could not be written is refused, and whoever asks afterwards is told what is written. */
Test(failing_disk, a_commit_that_fails_is_refused_and_forgotten)
{
	struct world world;
	begin_group(&world, 3);
	fail_writes(&world);
	send_commit(&world.client, 6);
	cr_expect_eq(receive_commit(&world.client, 60000 * MS_AS_NS), KERR_COORDINATOR_NOT_AVAILABLE);
	send_fetch_offset(&world.other);
	int64_t offset = receive_offset(&world.other, 60000 * MS_AS_NS);
	cr_expect_eq(offset, 5, "%ld", (long)offset);
	end(&world);
}

/* While a commit is on its way to the disk nobody is told of it, neither who committed nor who asks. */
Test(failing_disk, a_commit_is_not_seen_before_it_is_durable)
{
	struct world world;
	begin_group(&world, 4);
	set_slow(&world, 3000);
	send_commit(&world.client, 6);
	machine_wait(&world.machine, 20 * MS_AS_NS);
	send_fetch_offset(&world.other);
	cr_expect_eq(receive_offset(&world.other, 100 * MS_AS_NS), -1);
	cr_expect_eq(receive_commit(&world.client, 0), -1);
	set_slow(&world, 0);
	cr_expect_eq(receive_offset(&world.other, 60000 * MS_AS_NS), 6);
	cr_expect_eq(receive_commit(&world.client, 60000 * MS_AS_NS), 0);
	end(&world);
}

/* A disk that takes nothing: a commit is answered after offsets.commit.timeout.ms, as is who asks for what is committed, and who comes later at once. When
 * the disk goes on, so does the group, with what it was last told. */
Test(failing_disk, a_commit_does_not_wait_for_ever)
{
	struct world world;
	begin_group(&world, 4);
	set_slow(&world, 20000);
	send_commit(&world.client, 6);
	machine_wait(&world.machine, 20 * MS_AS_NS);
	send_fetch_offset(&world.other);
	cr_expect_eq(receive_commit(&world.client, 4900 * MS_AS_NS), -1);
	cr_expect_eq(receive_commit(&world.client, 200 * MS_AS_NS), KERR_COORDINATOR_NOT_AVAILABLE);
	cr_expect_eq(receive_offset(&world.other, 200 * MS_AS_NS), -1000 - KERR_COORDINATOR_NOT_AVAILABLE);
	send_commit(&world.client, 7);
	cr_expect_eq(receive_commit(&world.client, 200 * MS_AS_NS), KERR_COORDINATOR_NOT_AVAILABLE);
	send_fetch_offset(&world.other);
	cr_expect_eq(receive_offset(&world.other, 200 * MS_AS_NS), -1000 - KERR_COORDINATOR_NOT_AVAILABLE);
	set_slow(&world, 0);
	machine_wait(&world.machine, 30000 * MS_AS_NS);
	send_fetch_offset(&world.other);
	cr_expect_eq(receive_offset(&world.other, 60000 * MS_AS_NS), 6, "7 was refused before anything was done");
	send_commit(&world.client, 8);
	cr_expect_eq(receive_commit(&world.client, 60000 * MS_AS_NS), 0);
	end(&world);
}

/* ---- memory -------------------------------------------------------------------------------------------------------------- */

#define LARGE 900000
#define LARGE_COUNT 12

/* Batches that wait for memory keep their order: a small one that would find room does not overtake the large one before it, which may be its producer's. */
Test(failing_disk, a_small_batch_does_not_overtake_one_that_waits_for_memory)
{
	struct world world;
	struct sim_client clients[LARGE_COUNT];
	struct kmsg_produce_response out;
	begin(&world, 5, "4194304");
	set_slow(&world, 20000);
	for (int i = 0; i < LARGE_COUNT; i++) {
		sim_client_open(&clients[i], &world.machine);
		sim_send_produce(&clients[i], "t", LARGE);
		machine_wait(&world.machine, MS_AS_NS);
	}
	sim_send_produce(&world.client, "t", 10);
	machine_wait(&world.machine, MS_AS_NS);
	set_slow(&world, 0);
	for (int i = 0; i <= LARGE_COUNT; i++) {
		cr_assert(sim_receive(i < LARGE_COUNT ? &clients[i] : &world.client, "produce", 9, &out, 600000 * MS_AS_NS), "%d", i);
		cr_expect_eq(out.responses.items[0].partition_responses.items[0].base_offset, i, "%d: %ld", i,
			     (long)out.responses.items[0].partition_responses.items[0].base_offset);
	}
	for (int i = 0; i < LARGE_COUNT; i++)
		sim_client_close(&clients[i]);
	end(&world);
}

/* Appends wait for memory, and then the disk dies: nothing gives them any, so they are refused; and a stop ends. */
Test(failing_disk, who_waits_for_memory_is_told_that_durability_broke)
{
	struct world world;
	struct sim_client clients[LARGE_COUNT];
	struct kmsg_produce_response out;
	begin(&world, 6, "4194304");
	set_slow(&world, 3000);
	for (int i = 0; i < LARGE_COUNT; i++) {
		sim_client_open(&clients[i], &world.machine);
		sim_send_produce(&clients[i], "t", LARGE);
		machine_wait(&world.machine, MS_AS_NS);
	}
	fail_writes(&world);
	int refused = 0;
	for (int i = 0; i < LARGE_COUNT; i++) {
		cr_assert(sim_receive(&clients[i], "produce", 9, &out, 60000 * MS_AS_NS), "%d", i);
		refused += out.responses.items[0].partition_responses.items[0].error_code == KERR_KAFKA_STORAGE_ERROR;
		sim_client_close(&clients[i]);
	}
	cr_expect_gt(refused, LARGE_COUNT / 2, "%d", refused);
	end(&world);
}
