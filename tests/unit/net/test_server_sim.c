/* The broker on a simulated machine, a turn at a time. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "kmsg_create_topics.h"
#include "kmsg_produce.h"
#include "log/base/bytes.h"
#include "log/batch/batch_builder.h"
#include "log/io/sim.h"
#include "log/io/sim_net.h"
#include "net/server.h"
#include "net/wire/header.h"

struct machine {
	struct sim_disk *disk;
	struct sim_net *net;
	struct broker_config *config;
	struct server *server;
	struct server_report report;
	char why[512];
	uint64_t starts;           /* each draws other random numbers */
};

static void make_machine(struct machine *machine, uint64_t seed)
{
	*machine = (struct machine){.disk = sim_disk_open(seed)};
	machine->net = sim_net_open(machine->disk, seed);
	cr_assert_eq(broker_config_create(&machine->config), 0);
	cr_assert_eq(broker_config_set(machine->config, "spate.journal.bytes", "8388608", machine->why, sizeof machine->why), 0);
}

static int start(struct machine *machine, const char *dir)
{
	struct server_options options = {.dir = dir, .listen_host = "127.0.0.1", .backend = IO_SIM, .config = machine->config, .disk = machine->disk, .net = machine->net,
					 .seed = ++machine->starts};
	return server_open(&machine->server, &options, &machine->report, machine->why, sizeof machine->why);
}

static void crash(struct machine *machine)
{
	sim_disk_crash(machine->disk);
	server_abandon(machine->server);
	sim_net_lose_broker(machine->net);
}

static void free_machine(struct machine *machine)
{
	sim_net_close(machine->net);
	sim_disk_close(machine->disk);
	broker_config_destroy(machine->config);
}

/* A power cut right after the first start takes nothing away that was durable: not even the directories on the way to the data. (Found by the simulator of
 * the whole broker: they were made, and their names never synced, so that all of it could be gone.) */
Test(server_sim, a_new_data_directory_survives_a_power_cut)
{
	for (uint64_t seed = 1; seed < 20; seed++) {
		struct machine machine;
		make_machine(&machine, seed);
		cr_assert_eq(start(&machine, "/var/lib/spate"), 0, "%s", machine.why);
		char cluster_id[64];
		snprintf(cluster_id, sizeof cluster_id, "%s", machine.report.cluster_id);
		crash(&machine);
		cr_assert_eq(start(&machine, "/var/lib/spate"), 0, "%s", machine.why);
		cr_assert_str_eq(machine.report.cluster_id, cluster_id, "seed %d", (int)seed);
		crash(&machine);
		free_machine(&machine);
	}
}

/* A clean stop, driven by hand, ends; the next start finds it clean. */
Test(server_sim, a_clean_stop_by_hand)
{
	struct machine machine;
	int result = 1;
	make_machine(&machine, 1);
	cr_assert_eq(start(&machine, "/data"), 0, "%s", machine.why);
	for (int turns = 0; turns < 10; turns++)
		cr_assert_eq(server_turn(machine.server), 1);
	server_stop(machine.server);
	for (int turns = 0; result > 0 && turns < 10000; turns++)
		result = server_turn(machine.server);
	cr_assert_eq(result, 0);
	server_close(machine.server);
	cr_assert_eq(start(&machine, "/data"), 0, "%s", machine.why);
	cr_assert(machine.report.stores[0].was_clean);
	crash(&machine);
	free_machine(&machine);
}

/* ---- a client ------------------------------------------------------------------------------------------------------------ */

/* Sends a request, and turns the broker for so long. */
static void call(struct machine *machine, struct sim_link *link, int16_t key, int16_t version, const uint8_t *body, size_t size, uint64_t for_ns)
{
	static uint8_t frame[8192];
	struct request_header header = {.api_key = key, .api_version = version, .correlation_id = 1, .client_id = slice_from("test")};
	struct writer writer = writer_into(frame + 4, sizeof frame - 4);
	request_header_encode(&writer, &header);
	cr_assert_eq(writer.error, 0);
	cr_assert(4 + writer.position + size <= sizeof frame);
	memcpy(frame + 4 + writer.position, body, size);
	store_be32(frame, (uint32_t)(writer.position + size));
	cr_assert_eq(sim_link_send(link, frame, 4 + writer.position + size), 4 + writer.position + size);
	for (uint64_t until = sim_net_now_ns(machine->net) + for_ns; sim_net_now_ns(machine->net) < until;) {
		sim_net_set_alarm(machine->net, until);
		cr_assert_eq(server_turn(machine->server), 1);
	}
}

static void make_topic(struct machine *machine, struct sim_link *link)
{
	uint8_t body[512];
	struct writer writer = writer_into(body, sizeof body);
	struct kmsg_create_topics_request in;
	struct kmsg_create_topics_topic topic;
	kmsg_create_topics_request_init(&in);
	kmsg_create_topics_topic_init(&topic);
	topic.name = slice_from("t");
	topic.num_partitions = 1;
	topic.replication_factor = 1;
	in.topics.items = &topic;
	in.topics.count = 1;
	kmsg_create_topics_request_encode(&writer, 7, &in);
	call(machine, link, 19, 7, body, writer.position, 1000000000);
}

static void produce(struct machine *machine, struct sim_link *link)
{
	uint8_t batch[512], body[1024];
	struct batch_builder builder;
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	struct record record = {.timestamp_ms = 1700000000000, .value = slice_from("value")};
	struct kmsg_produce_partition partition = {0};
	uint32_t size;
	cr_assert_eq(batch_builder_open(&builder, NULL, &options, batch, sizeof batch), 0);
	cr_assert_eq(batch_builder_append(&builder, &record), 0);
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	partition.records.whole = (struct slice){batch, size};
	struct writer writer = writer_into(body, sizeof body);
	struct kmsg_produce_request in;
	struct kmsg_produce_topic topic;
	kmsg_produce_request_init(&in);
	kmsg_produce_topic_init(&topic);
	topic.name = slice_from("t");
	topic.partition_data.items = &partition;
	topic.partition_data.count = 1;
	in.acks = -1;
	in.timeout_ms = 30000;
	in.topic_data.items = &topic;
	in.topic_data.count = 1;
	kmsg_produce_request_encode(&writer, 9, &in);
	call(machine, link, 0, 9, body, writer.position, 1000000000);
}

/* A stop ends, though a request waits for a log that does not move: here for a disk that takes an hour for each write, in the field for one that is full. (Found
 * by the simulator of the whole broker, seed 21423: the connection of a produce that waited for room was waited for, for ever.) */
Test(server_sim, a_stop_does_not_wait_for_what_waits_for_ever)
{
	struct machine machine;
	int result = 1;
	make_machine(&machine, 3);
	cr_assert_eq(start(&machine, "/data"), 0, "%s", machine.why);
	struct sim_link *link = sim_link_open(machine.net, machine.report.listen_port);
	cr_assert(link);
	make_topic(&machine, link);
	sim_disk_set_pace(machine.disk, &(struct sim_pace){.latency_percent = 100, .stall_per_mille = 1000, .stall_ns = 3600000000000000});
	produce(&machine, link);
	uint64_t began_ns = sim_net_now_ns(machine.net);
	server_stop(machine.server);
	while (result > 0 && sim_net_now_ns(machine.net) < began_ns + 200000000000)
		result = server_turn(machine.server);
	cr_assert_eq(result, ERR_FAILED, "%d after %ld s", result, (long)((sim_net_now_ns(machine.net) - began_ns) / 1000000000));
	crash(&machine);
	sim_link_reset(link);
	free_machine(&machine);
}
