/* A broker on a simulated machine, driven a turn at a time by the test, and connections to it that speak in whole messages of the generated codec. */
#pragma once

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "kmsg_create_topics.h"
#include "kmsg_produce.h"
#include "kmsg_table.h"
#include "log/base/bytes.h"
#include "log/batch/batch_builder.h"
#include "log/io/sim.h"
#include "log/io/sim_net.h"
#include "net/server.h"
#include "net/wire/header.h"

#define MS_AS_NS 1000000ull

struct machine {
	struct sim_disk *disk;
	struct sim_net *net;
	struct broker_config *config;
	struct server *server;
	struct server_report report;
	char why[512];
	uint64_t starts;           /* each draws other random numbers */
};

static inline void machine_set(struct machine *machine, const char *key, const char *value)
{
	cr_assert_eq(broker_config_set(machine->config, key, value, machine->why, sizeof machine->why), 0, "%s", machine->why);
}

static inline void make_machine(struct machine *machine, uint64_t seed)
{
	*machine = (struct machine){.disk = sim_disk_open(seed)};
	machine->net = sim_net_open(machine->disk, seed);
	cr_assert_eq(broker_config_create(&machine->config), 0);
	machine_set(machine, "spate.journal.bytes", "8388608");
}

static inline int machine_start(struct machine *machine, const char *dir)
{
	struct server_options options = {.dir = dir, .listen_host = "127.0.0.1", .backend = IO_SIM, .config = machine->config, .disk = machine->disk, .net = machine->net,
					 .seed = ++machine->starts};
	return server_open(&machine->server, &options, &machine->report, machine->why, sizeof machine->why);
}

static inline void machine_crash(struct machine *machine)
{
	sim_disk_crash(machine->disk);
	server_abandon(machine->server);
	sim_net_lose_broker(machine->net);
}

static inline void free_machine(struct machine *machine)
{
	sim_net_close(machine->net);
	sim_disk_close(machine->disk);
	broker_config_destroy(machine->config);
}

/* One turn, which ends at `until_ns` at the latest. */
static inline void machine_turn(struct machine *machine, uint64_t until_ns)
{
	sim_net_set_alarm(machine->net, until_ns);
	cr_assert_eq(server_turn(machine->server), 1);
}

static inline void machine_wait(struct machine *machine, uint64_t for_ns)
{
	for (uint64_t until_ns = sim_net_now_ns(machine->net) + for_ns; sim_net_now_ns(machine->net) < until_ns;)
		machine_turn(machine, until_ns);
}

/* ---- a client ------------------------------------------------------------------------------------------------------------ */

struct sim_client {
	struct machine *machine;
	struct sim_link *link;
	struct arena arena;
	uint8_t *frame;
	size_t got;                /* of the next answer */
};

static inline void sim_client_open(struct sim_client *client, struct machine *machine)
{
	*client = (struct sim_client){.machine = machine, .link = sim_link_open(machine->net, machine->report.listen_port), .frame = malloc(8 << 20)};
	cr_assert(client->link && client->frame);
	arena_init(&client->arena, NULL, 0, 64 << 20);
}

static inline void sim_client_close(struct sim_client *client)
{
	sim_link_reset(client->link);
	arena_fini(&client->arena);
	free(client->frame);
}

static inline const struct kmsg_message *sim_message(const char *name, const char *kind)
{
	char full[64];
	snprintf(full, sizeof full, "%s_%s", name, kind);
	const struct kmsg_message *message = kmsg_message_find(full);
	cr_assert_not_null(message, "%s", full);
	return message;
}

/* All of it has left when this returns; the broker has had turns for that alone. */
static inline void sim_send(struct sim_client *client, const char *name, int version, const void *in)
{
	const struct kmsg_message *message = sim_message(name, "request");
	struct request_header header = {
		.api_key = (int16_t)message->key, .api_version = (int16_t)version, .correlation_id = 1, .client_id = slice_from("test")};
	struct writer counter = writer_counting();
	request_header_encode(&counter, &header);
	message->encode(&counter, version, in);
	size_t size = 4 + counter.position, sent = 0;
	uint8_t *bytes = malloc(size);
	struct writer writer = writer_into(bytes, size);
	writer_int32(&writer, (int32_t)(size - 4));
	request_header_encode(&writer, &header);
	message->encode(&writer, version, in);
	cr_assert_eq(writer.error, 0);
	for (int turns = 0; sent < size && turns < 100000; turns++) {
		sent += sim_link_send(client->link, bytes + sent, size - sent);
		if (sent < size)
			machine_turn(client->machine, sim_net_now_ns(client->machine->net) + MS_AS_NS);
	}
	cr_assert_eq(sent, size);
	free(bytes);
}

/* The next answer, if it comes within so long. */
static inline bool sim_receive(struct sim_client *client, const char *name, int version, void *out, uint64_t within_ns)
{
	const struct kmsg_message *message = sim_message(name, "response");
	uint64_t until_ns = sim_net_now_ns(client->machine->net) + within_ns;
	for (;;) {
		size_t wanted = client->got < 4 ? 4 : 4 + load_be32(client->frame);
		int64_t size = client->got < wanted ? sim_link_receive(client->link, client->frame + client->got, wanted - client->got) : 0;
		client->got += size > 0 ? (size_t)size : 0;
		if (client->got >= 4 && client->got == 4 + load_be32(client->frame))
			break;
		if (size < 0 || (size == 0 && sim_net_now_ns(client->machine->net) >= until_ns))
			return false;
		if (size == 0)
			machine_turn(client->machine, until_ns);
	}
	struct reader reader = reader_over((struct slice){client->frame + 4, client->got - 4});
	int32_t correlation_id;
	cr_assert_eq(response_header_decode(&reader, (int16_t)message->key, version, &correlation_id), 0);
	arena_reset(&client->arena);
	cr_assert_eq(message->decode(&reader, &client->arena, version, out), 0, "%s", reader.reason);
	client->got = 0;
	return true;
}

static inline void sim_call(struct sim_client *client, const char *name, int version, const void *in, void *out)
{
	sim_send(client, name, version, in);
	cr_assert(sim_receive(client, name, version, out, 30000 * MS_AS_NS), "%s: no answer", name);
}

/* ---- requests that many tests make ---------------------------------------------------------------------------------------- */

/* Of one partition. */
static inline void sim_create_topic(struct sim_client *client, const char *name)
{
	struct kmsg_create_topics_request in;
	struct kmsg_create_topics_response out;
	struct kmsg_create_topics_topic topic;
	kmsg_create_topics_request_init(&in);
	kmsg_create_topics_topic_init(&topic);
	topic.name = slice_from(name);
	topic.num_partitions = 1;
	topic.replication_factor = 1;
	in.topics.items = &topic;
	in.topics.count = 1;
	sim_call(client, "create_topics", 7, &in, &out);
	cr_assert_eq(out.topics.items[0].error_code, 0);
}

/* One record of so many bytes to partition 0, with acks=all, version 9. */
static inline void sim_send_produce(struct sim_client *client, const char *name, size_t value_size)
{
	struct batch_builder builder;
	uint8_t *value = calloc(1, value_size), *batch = malloc(value_size + 200);
	struct record record = {.timestamp_ms = 1700000000000, .value = {value, value_size}};
	struct kmsg_produce_partition partition = {0};
	struct kmsg_produce_topic topic;
	struct kmsg_produce_request in;
	uint32_t size;
	cr_assert_eq(batch_builder_open(&builder, NULL, &BATCH_BUILDER_PLAIN, batch, value_size + 200), 0);
	cr_assert_eq(batch_builder_append(&builder, &record), 0);
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	partition.records.whole = (struct slice){batch, size};
	kmsg_produce_request_init(&in);
	kmsg_produce_topic_init(&topic);
	topic.name = slice_from(name);
	topic.partition_data.items = &partition;
	topic.partition_data.count = 1;
	in.acks = -1;
	in.timeout_ms = 30000;
	in.topic_data.items = &topic;
	in.topic_data.count = 1;
	sim_send(client, "produce", 9, &in);
	free(value);
	free(batch);
}
