/* What clients are told while the disk fails or takes its time: never of a success that a power cut would take back. A broker on a simulated machine. */
#include "tests/unit/net/sim_groups.h"

#include <errno.h>
#include <unistd.h>

#include "kmsg_fetch.h"
#include "kmsg_init_producer_id.h"
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

static void begin_group(struct world *world, uint64_t seed)
{
	begin(world, seed, "16777216");
	sim_find_coordinator(&world->client);
	sim_send_commit(&world->client, 5);
	cr_assert_eq(sim_receive_commit(&world->client, 30000 * MS_AS_NS), 0);
}

/* A commit that could not be written is refused, and whoever asks afterwards is told what is written. */
Test(failing_disk, a_commit_that_fails_is_refused_and_forgotten)
{
	struct world world;
	begin_group(&world, 3);
	fail_writes(&world);
	sim_send_commit(&world.client, 6);
	cr_expect_eq(sim_receive_commit(&world.client, 60000 * MS_AS_NS), KERR_COORDINATOR_NOT_AVAILABLE);
	sim_send_fetch_offset(&world.other);
	int64_t offset = sim_receive_offset(&world.other, 60000 * MS_AS_NS);
	cr_expect_eq(offset, 5, "%ld", (long)offset);
	end(&world);
}

/* While a commit is on its way to the disk nobody is told of it, neither who committed nor who asks. */
Test(failing_disk, a_commit_is_not_seen_before_it_is_durable)
{
	struct world world;
	begin_group(&world, 4);
	set_slow(&world, 3000);
	sim_send_commit(&world.client, 6);
	machine_wait(&world.machine, 20 * MS_AS_NS);
	sim_send_fetch_offset(&world.other);
	cr_expect_eq(sim_receive_offset(&world.other, 100 * MS_AS_NS), -1);
	cr_expect_eq(sim_receive_commit(&world.client, 0), -1);
	set_slow(&world, 0);
	cr_expect_eq(sim_receive_offset(&world.other, 60000 * MS_AS_NS), 6);
	cr_expect_eq(sim_receive_commit(&world.client, 60000 * MS_AS_NS), 0);
	end(&world);
}

/* A disk that takes nothing: a commit is answered after offsets.commit.timeout.ms, as is who asks for what is committed, and who comes later at once. When
 * the disk goes on, so does the group, with what it was last told. */
Test(failing_disk, a_commit_does_not_wait_for_ever)
{
	struct world world;
	begin_group(&world, 4);
	set_slow(&world, 20000);
	sim_send_commit(&world.client, 6);
	machine_wait(&world.machine, 20 * MS_AS_NS);
	sim_send_fetch_offset(&world.other);
	cr_expect_eq(sim_receive_commit(&world.client, 4900 * MS_AS_NS), -1);
	cr_expect_eq(sim_receive_commit(&world.client, 200 * MS_AS_NS), KERR_COORDINATOR_NOT_AVAILABLE);
	cr_expect_eq(sim_receive_offset(&world.other, 200 * MS_AS_NS), -1000 - KERR_COORDINATOR_NOT_AVAILABLE);
	sim_send_commit(&world.client, 7);
	cr_expect_eq(sim_receive_commit(&world.client, 200 * MS_AS_NS), KERR_COORDINATOR_NOT_AVAILABLE);
	sim_send_fetch_offset(&world.other);
	cr_expect_eq(sim_receive_offset(&world.other, 200 * MS_AS_NS), -1000 - KERR_COORDINATOR_NOT_AVAILABLE);
	set_slow(&world, 0);
	machine_wait(&world.machine, 30000 * MS_AS_NS);
	sim_send_fetch_offset(&world.other);
	cr_expect_eq(sim_receive_offset(&world.other, 60000 * MS_AS_NS), 6, "7 was refused before anything was done");
	sim_send_commit(&world.client, 8);
	cr_expect_eq(sim_receive_commit(&world.client, 60000 * MS_AS_NS), 0);
	end(&world);
}

/* So many lines of the broker's log have the words, among those that came since stderr went to the file. */
static int count_lines(FILE *log, const char *words)
{
	char line[4096];
	int count = 0;
	rewind(log);
	while (fgets(line, sizeof line, log))
		count += strstr(line, words) != NULL;
	return count;
}

/* Each commit to a broken log is refused; why is said once, and not with each. (On a dead disk it was ten lines a second, for ever.) */
Test(failing_disk, what_a_group_cannot_write_is_said_once)
{
	struct world world;
	begin_group(&world, 7);
	FILE *log = tmpfile();
	int kept = dup(STDERR_FILENO);
	cr_assert(log && dup2(fileno(log), STDERR_FILENO) == STDERR_FILENO);
	fail_writes(&world);
	int refused = 0;
	for (int i = 0; i < 6; i++) {
		sim_send_commit(&world.client, 6 + i);
		refused += sim_receive_commit(&world.client, 60000 * MS_AS_NS) == KERR_COORDINATOR_NOT_AVAILABLE;
		machine_wait(&world.machine, 20000 * MS_AS_NS);
	}
	dup2(kept, STDERR_FILENO);
	cr_expect_eq(refused, 6);
	int lines = count_lines(log, "the log refuses what the groups of __consumer_offsets partition 0 have to write");
	cr_expect_eq(lines, 1, "%d", lines);
	fclose(log);
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
