/* The broker on a simulated machine, a turn at a time. */
#include "kmsg_delete_topics.h"
#include "kmsg_init_producer_id.h"
#include "tests/unit/net/sim_fixture.h"

/* A power cut soon after the first start takes nothing away that was durable: not even the directories on the way to the data. (Found by the simulator of
 * the whole broker: they were made, and their names never synced, so that all of it could be gone.) */
Test(server_sim, a_new_data_directory_survives_a_power_cut)
{
	for (uint64_t seed = 1; seed < 20; seed++) {
		struct machine machine;
		make_machine(&machine, seed);
		cr_assert_eq(machine_start(&machine, "/var/lib/spate"), 0, "%s", machine.why);
		char cluster_id[64];
		snprintf(cluster_id, sizeof cluster_id, "%s", machine.report.cluster_id);
		machine_wait(&machine, 40 * MS_AS_NS); /* the first replies do not wait for it */
		machine_crash(&machine);
		cr_assert_eq(machine_start(&machine, "/var/lib/spate"), 0, "%s", machine.why);
		cr_assert_str_eq(machine.report.cluster_id, cluster_id, "seed %d", (int)seed);
		machine_crash(&machine);
		free_machine(&machine);
	}
}

/* Was it acknowledged? An error or no answer is as good as none. */
static bool try_to_create_topic(struct machine *machine)
{
	struct sim_client client;
	struct kmsg_create_topics_request in;
	struct kmsg_create_topics_response out;
	struct kmsg_create_topics_topic topic;
	kmsg_create_topics_request_init(&in);
	kmsg_create_topics_topic_init(&topic);
	topic.name = slice_from("t");
	topic.num_partitions = topic.replication_factor = 1;
	in.topics.items = &topic;
	in.topics.count = 1;
	sim_client_open(&client, machine);
	sim_send(&client, "create_topics", 7, &in);
	bool is_answered = sim_receive(&client, "create_topics", 7, &out, 1000 * MS_AS_NS);
	bool is_created = is_answered && out.topics.items[0].error_code == 0;
	sim_client_close(&client);
	return is_created;
}

/* The files of a new directory get their names behind its first replies, and before its first change. Wherever the power fails on this way, the next start
 * understands what is there, has what was acknowledged, and takes changes. */
static bool cut_first_start(uint64_t seed, uint64_t k, uint64_t wait_ms)
{
	struct machine machine;
	make_machine(&machine, seed);
	sim_disk_cut_power(machine.disk, k);
	bool is_up = machine_start(&machine, "/data") == 0;
	if (is_up && wait_ms)
		machine_wait(&machine, wait_ms * MS_AS_NS);
	bool is_created = is_up && try_to_create_topic(&machine);
	sim_disk_cut_power(machine.disk, 0);
	sim_disk_crash(machine.disk);
	if (is_up)
		server_abandon(machine.server);
	sim_net_lose_broker(machine.net);
	cr_assert_eq(machine_start(&machine, "/data"), 0, "seed %d, I/O %d: %s", (int)seed, (int)k, machine.why);
	cr_assert(!is_created || machine.report.topic_count == 1, "seed %d, I/O %d: a topic is lost", (int)seed, (int)k);
	cr_assert(machine.report.topic_count == 1 || try_to_create_topic(&machine), "seed %d, I/O %d: no change is taken", (int)seed, (int)k);
	machine_crash(&machine);
	free_machine(&machine);
	return is_created;
}

Test(server_sim, a_power_cut_at_every_step_of_a_first_start)
{
	for (uint64_t seed = 1; seed < 8; seed++)
		for (uint64_t wait_ms = 0; wait_ms < 80; wait_ms += 40)
			for (uint64_t k = 1; !cut_first_start(seed, k, wait_ms); k++)
				cr_assert_lt(k, 200);
}

#define STEPS_TO_BE_DURABLE 9 /* the directory's name; catalog and journal: bytes, a sync, a name and its sync */

/* Where they cannot be made durable, no change is taken and none acknowledged, and the stop says so. */
Test(server_sim, a_new_directory_that_cannot_be_made_durable)
{
	for (uint64_t k = 1; k < 30; k++) {
		struct machine machine;
		int result = 1;
		make_machine(&machine, k);
		cr_assert_eq(machine_start(&machine, "/data"), 0, "%s", machine.why);
		sim_disk_fail(machine.disk, k, EIO);
		machine_wait(&machine, 40 * MS_AS_NS);
		bool is_created = try_to_create_topic(&machine);
		uint64_t began_ns = sim_net_now_ns(machine.net);
		server_stop(machine.server);
		while (result > 0)
			result = server_turn(machine.server);
		cr_assert_lt(sim_net_now_ns(machine.net), began_ns + 20000 * MS_AS_NS, "I/O %d: the stop waits for what never started", (int)k);
		if (k <= STEPS_TO_BE_DURABLE)
			cr_assert(!is_created && result == ERR_FAILED, "I/O %d", (int)k);
		server_close(machine.server);
		cr_assert_eq(machine_start(&machine, "/data"), 0, "I/O %d: %s", (int)k, machine.why);
		cr_assert(!is_created || machine.report.topic_count == 1, "I/O %d: a topic is lost", (int)k);
		machine_crash(&machine);
		free_machine(&machine);
	}
}

/* A clean stop, driven by hand, ends; the next start finds it clean. */
Test(server_sim, a_clean_stop_by_hand)
{
	struct machine machine;
	int result = 1;
	make_machine(&machine, 1);
	cr_assert_eq(machine_start(&machine, "/data"), 0, "%s", machine.why);
	for (int turns = 0; turns < 10; turns++)
		cr_assert_eq(server_turn(machine.server), 1);
	server_stop(machine.server);
	for (int turns = 0; result > 0 && turns < 10000; turns++)
		result = server_turn(machine.server);
	cr_assert_eq(result, 0);
	server_close(machine.server);
	cr_assert_eq(machine_start(&machine, "/data"), 0, "%s", machine.why);
	cr_assert(machine.report.stores[0].was_clean);
	machine_crash(&machine);
	free_machine(&machine);
}

static void start_with_topic(struct machine *machine, struct sim_client *client)
{
	cr_assert_eq(machine_start(machine, "/data"), 0, "%s", machine->why);
	sim_client_open(client, machine);
	sim_create_topic(client, "t");
}

/* Its error: of a full disk until there is room again. */
static int produce(struct sim_client *client, const char *topic, size_t value_size)
{
	struct kmsg_produce_response out;
	sim_send_produce(client, topic, value_size);
	cr_assert(sim_receive(client, "produce", 9, &out, 30000 * MS_AS_NS));
	return out.responses.items[0].partition_responses.items[0].error_code;
}

/* A stop ends, though a request waits for a log that does not move: here for a disk that takes an hour for each write, in the field for one that is full. (Found
 * by the simulator of the whole broker, seed 21423: the connection of a produce that waited for room was waited for, for ever.) */
Test(server_sim, a_stop_does_not_wait_for_what_waits_for_ever)
{
	struct machine machine;
	int result = 1;
	make_machine(&machine, 3);
	struct sim_client client;
	start_with_topic(&machine, &client);
	sim_disk_set_pace(machine.disk, &(struct sim_pace){.latency_percent = 100, .stall_per_mille = 1000, .stall_ns = 3600000000000000});
	sim_send_produce(&client, "t", 5);
	machine_wait(&machine, 1000 * MS_AS_NS);
	uint64_t began_ns = sim_net_now_ns(machine.net);
	server_stop(machine.server);
	while (result > 0 && sim_net_now_ns(machine.net) < began_ns + 200000000000)
		result = server_turn(machine.server);
	cr_assert_eq(result, ERR_FAILED, "%d after %ld s", result, (long)((sim_net_now_ns(machine.net) - began_ns) / 1000000000));
	machine_crash(&machine);
	sim_client_close(&client);
	free_machine(&machine);
}

struct early {
	struct sim_net *net;
	struct sim_link *link;
	uint16_t port;
	uint32_t ios;
};

static void connect_once(void *context)
{
	struct early *early = context;
	if (++early->ios > 20 && !early->link)
		early->link = sim_link_open(early->net, early->port);
}

/* Who connects while the log is recovered waits, and is answered by the broker that has recovered. */
Test(server_sim, who_connects_while_the_log_is_recovered_is_served)
{
	struct machine machine;
	struct sim_client client;
	make_machine(&machine, 4);
	start_with_topic(&machine, &client);
	machine_crash(&machine);
	struct early early = {.net = machine.net, .port = machine.report.listen_port};
	sim_disk_on_io(machine.disk, connect_once, &early);
	cr_assert_eq(machine_start(&machine, "/data"), 0, "%s", machine.why);
	sim_disk_on_io(machine.disk, NULL, NULL);
	cr_assert(early.link, "nobody listened in %d I/Os", (int)early.ios);
	sim_link_reset(client.link);
	client.link = early.link;
	cr_expect_eq(produce(&client, "t", 5), 0);
	machine_crash(&machine);
	sim_client_close(&client);
	free_machine(&machine);
}

static void delete_topic(struct sim_client *client, const char *name)
{
	struct kmsg_delete_topics_request in;
	struct kmsg_delete_topics_response out;
	struct kmsg_delete_topics_topic topic;
	kmsg_delete_topics_request_init(&in);
	kmsg_delete_topics_topic_init(&topic);
	topic.name = slice_from(name);
	in.topics.items = &topic;
	in.topics.count = 1;
	sim_call(client, "delete_topics", 6, &in, &out);
	cr_assert_eq(out.responses.items[0].error_code, 0);
}

static void init_producer_id(struct sim_client *client)
{
	struct kmsg_init_producer_id_request in;
	struct kmsg_init_producer_id_response out;
	kmsg_init_producer_id_request_init(&in);
	in.producer_id = in.producer_epoch = -1;
	sim_call(client, "init_producer_id", 4, &in, &out);
	cr_assert_eq(out.error_code, 0);
}

static struct io *open_disk(struct machine *machine)
{
	struct io *io;
	struct io_options options = {.backend = IO_SIM, .disk = machine->disk, .seed = 1};
	cr_assert_eq(io_open(&io, &options), 0);
	return io;
}

/* One bit of the file's last byte that is not zero. */
static void flip_last_byte(struct machine *machine, const char *path)
{
	struct io *io = open_disk(machine);
	int fd = io_file_open(io, path, 0);
	cr_assert_geq(fd, 0);
	uint8_t byte = 0;
	int64_t position = io_file_size(io, fd);
	while (byte == 0 && position-- > 0)
		cr_assert_eq(io_file_read(io, fd, &byte, 1, (uint64_t)position), 1);
	byte ^= 1;
	cr_assert_eq(io_file_write(io, fd, &byte, 1, (uint64_t)position), 1);
	cr_assert_eq(io_file_sync(io, fd), 0);
	io_close_fd(io, fd);
	io_close(io);
}

/* A change that was answered is told of by the journal as well: rot in its record, the catalog's last, is no torn tail, though nothing was appended since. (Found by the
 * simulator of the whole broker, --rot 4300 and 6084: the topic was gone, and no start said so.) */
Test(server_sim, rot_in_the_last_change_is_no_torn_tail)
{
	for (int change = 0; change < 3; change++) {
		struct machine machine;
		struct sim_client client;
		make_machine(&machine, 11);
		start_with_topic(&machine, &client);
		if (change == 1)
			delete_topic(&client, "t");
		else if (change == 2)
			init_producer_id(&client);
		machine_crash(&machine);
		sim_client_close(&client);
		flip_last_byte(&machine, "/data/catalog.log");
		cr_assert_eq(machine_start(&machine, "/data"), ERR_CORRUPT_LOG, "change %d", change);
		cr_assert_not_null(strstr(machine.why, "lost acknowledged changes"), "%s", machine.why);
		machine_set(&machine, "spate.accept.loss", "true");
		cr_assert_eq(machine_start(&machine, "/data"), 0, "%s", machine.why);
		machine_crash(&machine);
		free_machine(&machine);
	}
}

static uint8_t *copy_file(struct machine *machine, const char *path, int64_t *size)
{
	struct io *io = open_disk(machine);
	int fd = io_file_open(io, path, IO_READ_ONLY);
	*size = io_file_size(io, fd);
	uint8_t *bytes = malloc((size_t)*size);
	cr_assert_eq(io_file_read(io, fd, bytes, (size_t)*size, 0), *size);
	io_close_fd(io, fd);
	io_close(io);
	return bytes;
}

static void put_back(struct machine *machine, const char *path, uint8_t *bytes, int64_t size)
{
	struct io *io = open_disk(machine);
	int fd = io_file_open(io, path, 0);
	cr_assert_eq(io_file_write(io, fd, bytes, (size_t)size, 0), size);
	cr_assert_eq(io_file_sync(io, fd), 0);
	io_close_fd(io, fd);
	io_close(io);
	free(bytes);
}

/* A record is filed, the next in the journal, and of a large one's piece, that nobody vouches for, a part was torn: a start has to file before it may write its journal. */
static void leave_what_must_be_filed(struct machine *machine)
{
	struct sim_client client;
	start_with_topic(machine, &client);
	cr_assert_eq(produce(&client, "t", 100), 0);
	machine_wait(machine, 10000 * MS_AS_NS);
	cr_assert_eq(produce(&client, "t", 100), 0);
	cr_assert_eq(produce(&client, "t", 100000), 0);
	machine_crash(machine);
	sim_client_close(&client);
	cr_assert_eq(sim_disk_flip_bit(machine->disk, "/data/t-0/00000000000000000000.log", 50000, 1), 0);
}

/* A start that a full disk kept from its journal has the catalog note, like any other, that all journals have noted it, before it takes a record: a copy of the journal from
 * before is known for what it is. */
Test(server_sim, a_late_start_is_noted_as_well)
{
	struct machine machine;
	struct sim_client client;
	int64_t size;
	int err = -1;
	make_machine(&machine, 21);
	leave_what_must_be_filed(&machine);
	uint8_t *journal = copy_file(&machine, "/data/journal-0", &size);
	sim_disk_set_capacity(machine.disk, 1);
	cr_assert_eq(machine_start(&machine, "/data"), 0, "%s", machine.why);
	sim_client_open(&client, &machine);
	cr_assert_neq(produce(&client, "t", 100), 0, "it did not start late");
	sim_disk_set_capacity(machine.disk, 0);
	for (int tries = 0; err && tries < 100; tries++) {
		machine_wait(&machine, 100 * MS_AS_NS);
		err = produce(&client, "t", 100);
	}
	cr_assert_eq(err, 0);
	machine_crash(&machine);
	sim_client_close(&client);
	put_back(&machine, "/data/journal-0", journal, size);
	cr_assert_eq(machine_start(&machine, "/data"), ERR_CORRUPT_LOG, "the old journal is believed");
	cr_assert_not_null(strstr(machine.why, "is of an earlier time"), "%s", machine.why);
	free_machine(&machine);
}
