/* The course of a run: a broker on an empty disk, a topic, clients; then some phases of random length, each ended by something that befalls the machine or
 * the network; then calm, in which everything must come to its end: every batch answered, every consumer at the high watermark, every commit found. */
#include "tests/sim_broker/run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "kmsg_create_topics.h"
#include "log/base/check.h"
#include "tests/sim_broker/peer.h"

#define PHASES_MAX 8
#define CALM_NS_MAX (300ull * 1000 * 1000 * 1000)
#define TURNS_MAX 3000000
#define CLIENT_PACE_NS 5000000

const char *moment_text(enum moment moment)
{
	static const char *const texts[] = {
#define X(name, text) text,
		MOMENTS(X)
#undef X
	};
	return texts[moment];
}

/* ---- the world --------------------------------------------------------------------------------------------------------- */

uint64_t world_draw(struct world *world, uint64_t below)
{
	uint64_t number = sim_random(&world->random);
	return below ? number % below : 0;
}

uint64_t world_now_ns(const struct world *world)
{
	return sim_net_now_ns(world->net);
}

void world_tell(struct world *world, uint64_t number, const char *format, ...)
{
	world->trace = (world->trace ^ number ^ world_now_ns(world)) * 0x100000001b3;
	if (!world->story)
		return;
	va_list arguments;
	va_start(arguments, format);
	fprintf(world->story, "%12.6f s  ", (double)world_now_ns(world) / 1e9);
	vfprintf(world->story, format, arguments);
	fputc('\n', world->story);
	va_end(arguments);
}

void world_accuse(struct world *world, uint32_t partition, int64_t offset, const char *format, ...)
{
	char text[300];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	world_tell(world, 666, "%s", text);
	history_report(world->history, ANOMALY_WRONG_ANSWER, partition, offset, "%s", text);
}

bool world_is_over(const struct world *world)
{
	const struct anomaly *anomalies;
	return history_anomalies(world->history, &anomalies) > 0;
}

static void set(struct broker_config *config, const char *key, uint64_t value)
{
	char text[32], why[256];
	snprintf(text, sizeof text, "%lu", (unsigned long)value);
	CHECKF(broker_config_set(config, key, text, why, sizeof why) == 0, "%s: %s", key, why);
}

static void configure(struct world *world)
{
	CHECK(broker_config_create(&world->config) == 0);
	set(world->config, "spate.journal.bytes", 8 << 20);
	set(world->config, "spate.cache.bytes", world_draw(world, 2) ? 4 << 20 : 16 << 20);
	set(world->config, "spate.direct.bytes", world_draw(world, 3) ? 65536 : 8192);
	set(world->config, "log.segment.bytes", world_draw(world, 2) ? 1 << 20 : 1 << 24);
	set(world->config, "message.max.bytes", 500000);
	set(world->config, "offsets.topic.num.partitions", 2);
	set(world->config, "group.initial.rebalance.delay.ms", world_draw(world, 3) ? 100 : 3000);
}

static void make_world(struct world *world, uint64_t seed, FILE *story)
{
	*world = (struct world){.seed = seed, .random = seed, .story = story, .port = 9092};
	world->disk = sim_disk_open(seed);
	world->net = sim_net_open(world->disk, seed);
	world->history = history_open();
	configure(world);
	for (uint32_t i = 0; i < PARTITIONS; i++) {
		world->commits[i] = (struct commits){-1, -1};
		char name[16];
		snprintf(name, sizeof name, TOPIC "-%u", i);
		world->numbers[i] = history_add_partition(world->history, name);
	}
}

static void make_clients(struct world *world)
{
	world->producer_count = 1 + (uint32_t)world_draw(world, PRODUCERS_MAX);
	world->consumer_count = 1 + (uint32_t)world_draw(world, CONSUMERS_MAX);
	world->committer_count = (uint32_t)world_draw(world, COMMITTERS_MAX + 1);
	world->member_count = world_draw(world, 2) ? 1 + (uint32_t)world_draw(world, MEMBERS_MAX) : 0;
	for (uint32_t i = 0; i < world->member_count; i++)
		world->members[i] = member_open(world, i);
	for (uint32_t i = 0; i < world->producer_count; i++)
		world->producers[i] = producer_open(world, i);
	for (uint32_t i = 0; i < world->consumer_count; i++)
		world->consumers[i] = consumer_open(world, i);
	for (uint32_t i = 0; i < world->committer_count; i++)
		world->committers[i] = committer_open(world, i);
}

/* ---- one turn of everybody ------------------------------------------------------------------------------------------------ */

static void turn(struct world *world)
{
	sim_net_set_alarm(world->net, world_now_ns(world) + 1 + world_draw(world, CLIENT_PACE_NS));
	broker_turn(world);
	for (uint32_t i = 0; i < world->producer_count; i++)
		producer_step(world->producers[i]);
	for (uint32_t i = 0; i < world->consumer_count; i++)
		consumer_step(world->consumers[i]);
	for (uint32_t i = 0; i < world->committer_count; i++)
		committer_step(world->committers[i]);
	for (uint32_t i = 0; i < world->member_count; i++)
		member_step(world->members[i]);
}

static void pass(struct world *world, uint64_t ns)
{
	uint64_t until = world_now_ns(world) + ns;
	for (int turns = 0; world_now_ns(world) < until && !world_is_over(world); turns++) {
		if (turns == TURNS_MAX) {
			world_accuse(world, HISTORY_BROKER, -1, "the broker turns and turns while no time passes");
			return;
		}
		turn(world);
	}
}

/* ---- the topic -------------------------------------------------------------------------------------------------------------- */

static void topic_made(void *context, uint64_t tag, const void *answer)
{
	struct world *world = context;
	const struct kmsg_create_topics_response *out = answer;
	int16_t error = out && out->topics.count == 1 ? out->topics.items[0].error_code : -1;
	if (error == 0 || error == 36) /* TOPIC_ALREADY_EXISTS: the answer was lost */
		world->has_topic = true;
}

static void make_topic(struct world *world)
{
	struct kmsg_create_topics_request in;
	struct kmsg_create_topics_topic topic;
	struct peer *admin = peer_create(world, world);
	kmsg_create_topics_request_init(&in);
	kmsg_create_topics_topic_init(&topic);
	topic.name = slice_from(TOPIC);
	topic.num_partitions = PARTITIONS;
	topic.replication_factor = 1;
	in.topics.items = &topic;
	in.topics.count = 1;
	for (int turns = 0; !world->has_topic && turns < 10000 && !world_is_over(world); turns++) {
		if (!peer_waiting(admin))
			(void)!peer_call(admin, "create_topics", 7, &in, 0, topic_made);
		broker_turn(world);
		peer_step(admin);
	}
	if (!world->has_topic)
		world_accuse(world, HISTORY_BROKER, -1, "the topic cannot be made");
	peer_break(admin);
}

/* ---- what befalls it -------------------------------------------------------------------------------------------------------- */

static void reset_all(struct world *world)
{
	meet(world, MOMENT_RESETS);
	world_tell(world, 4, "all connections are reset");
	for (uint32_t i = 0; i < world->producer_count; i++)
		producer_reset(world->producers[i]);
	for (uint32_t i = 0; i < world->consumer_count; i++)
		consumer_reset(world->consumers[i]);
	for (uint32_t i = 0; i < world->committer_count; i++)
		committer_reset(world->committers[i]);
	for (uint32_t i = 0; i < world->member_count; i++)
		member_reset(world->members[i]);
}

static void change_network(struct world *world)
{
	bool is_slow = world_draw(world, 2);
	world_tell(world, is_slow, "the network is %s", is_slow ? "slow" : "quick");
	struct sim_net_pace pace = {.latency_ns_max = is_slow ? 20000000 : 200000, .window_bytes = is_slow ? 3000 + (uint32_t)world_draw(world, 60000) : 256u << 10,
				    .piece_bytes_max = is_slow ? 1 + (uint32_t)world_draw(world, 3000) : 16384, .stall_per_mille = is_slow ? 5 : 0, .stall_ns = 500000000};
	if (is_slow)
		meet(world, MOMENT_SLOW_NETWORK);
	sim_net_set_pace(world->net, &pace);
}

/* Durability is broken for good by most of these: the broker is started again, as its operator would. */
static void fail_disk(struct world *world)
{
	meet(world, MOMENT_FAILED_IO);
	world_tell(world, 5, "an I/O will fail");
	sim_disk_fail(world->disk, 1 + world_draw(world, 100), EIO);
	pass(world, world_draw(world, 300000000));
	sim_disk_fail(world->disk, 0, EIO);
	if (!world_is_over(world))
		broker_kill(world);
}

static void fill_disk(struct world *world)
{
	meet(world, MOMENT_FULL_DISK);
	world_tell(world, 6, "the disk is full");
	sim_disk_set_capacity(world->disk, 1);
	pass(world, world_draw(world, 3000000000));
	world_tell(world, 7, "there is room again");
	sim_disk_set_capacity(world->disk, 0);
}

static void befall(struct world *world)
{
	switch (world_draw(world, 10)) {
	case 0: broker_crash(world); break;
	case 1: broker_kill(world); break;
	case 2: broker_stop(world); break;
	case 3:
	case 4: broker_order_cut(world, 1 + world_draw(world, 400)); break;
	case 5: reset_all(world); break;
	case 6: change_network(world); break;
	case 7: fail_disk(world); break;
	case 8: fill_disk(world); break;
	case 9: consumer_begin_again(world->consumers[world_draw(world, world->consumer_count)]); break;
	}
}

/* ---- the end ------------------------------------------------------------------------------------------------------------------- */

/* All members are to be in one generation, and every partition owned. */
static bool is_group_settled(const struct world *world, char *out, size_t size)
{
	uint32_t owned = 0;
	int32_t first = 0;
	for (uint32_t i = 0; i < world->member_count; i++) {
		int32_t generation;
		bool is_stable = member_is_stable(world->members[i], &generation, &owned);
		first = i ? first : generation;
		if (is_stable && generation == first)
			continue;
		member_describe(world->members[i], out, size);
		return false;
	}
	if (world->member_count && owned != PARTITIONS)
		snprintf(out, size, "the members of generation %d own %u partitions of %u", first, owned, PARTITIONS);
	return !world->member_count || owned == PARTITIONS;
}

/* Who is not done yet, in a few words; false if nobody. */
static bool find_unfinished(const struct world *world, char *out, size_t size)
{
	for (uint32_t i = 0; i < world->producer_count; i++)
		if (!producer_is_done(world->producers[i])) {
			producer_describe(world->producers[i], out, size);
			return true;
		}
	for (uint32_t i = 0; i < world->consumer_count; i++)
		if (!consumer_is_done(world->consumers[i])) {
			consumer_describe(world->consumers[i], out, size);
			return true;
		}
	for (uint32_t i = 0; i < world->committer_count; i++)
		if (!committer_is_done(world->committers[i])) {
			committer_describe(world->committers[i], out, size);
			return true;
		}
	return !is_group_settled(world, out, size);
}

static void come_to_rest(struct world *world, const char *what)
{
	char text[200];
	uint64_t until = world_now_ns(world) + CALM_NS_MAX;
	while (find_unfinished(world, text, sizeof text) && world_now_ns(world) < until && !world_is_over(world))
		pass(world, 10000000);
	if (!world_is_over(world) && find_unfinished(world, text, sizeof text))
		world_accuse(world, HISTORY_BROKER, -1, "%s, %llu s later: %s", what, CALM_NS_MAX / 1000000000, text);
}

static void calm_down(struct world *world)
{
	broker_order_cut(world, 0);
	world->is_calm = true;
	sim_net_set_pace(world->net, &(struct sim_net_pace){.latency_ns_max = 200000, .window_bytes = 256u << 10, .piece_bytes_max = 16384});
	world_tell(world, 8, "calm");
	for (uint32_t i = 0; i < world->producer_count; i++)
		producer_finish(world->producers[i]);
	for (uint32_t i = 0; i < world->committer_count; i++)
		committer_finish(world->committers[i]);
	come_to_rest(world, "in the calm");
	for (uint32_t i = 0; i < world->consumer_count; i++)
		consumer_begin_again(world->consumers[i]);
	come_to_rest(world, "reading it all again");
}

static void judge(struct world *world, struct verdict *verdict)
{
	const struct anomaly *anomalies;
	uint32_t count = history_anomalies(world->history, &anomalies);
	*verdict = (struct verdict){.has_failed = count > 0, .trace = world->trace, .virtual_ns = world_now_ns(world), .starts = world->life};
	for (uint32_t i = 0; i < PARTITIONS; i++)
		verdict->acked += (uint64_t)(history_certain_end(world->history, world->numbers[i]) > 0 ? history_certain_end(world->history, world->numbers[i]) : 0);
	memcpy(verdict->moments, world->moments, sizeof verdict->moments);
	if (count)
		snprintf(verdict->text, sizeof verdict->text, "%s: %s", anomaly_name(anomalies[0].kind), anomalies[0].text);
}

/* Mostly short; of a group with members sometimes long enough for a session to end. */
static uint64_t phase_ns(struct world *world)
{
	if (world->member_count && world_draw(world, 3) == 0)
		return world_draw(world, 15000000000);
	return world_draw(world, world_draw(world, 4) ? 200000000 : 3000000000);
}

void run_seed(uint64_t seed, struct verdict *verdict, FILE *story)
{
	struct world world;
	make_world(&world, seed, story);
	broker_begin(&world);
	if (!world_is_over(&world))
		make_topic(&world);
	if (!world_is_over(&world))
		make_clients(&world);
	for (uint64_t phases = 1 + world_draw(&world, PHASES_MAX); phases && !world_is_over(&world); phases--) {
		pass(&world, phase_ns(&world));
		if (!world_is_over(&world))
			befall(&world);
	}
	if (!world_is_over(&world))
		calm_down(&world);
	judge(&world, verdict);
}
