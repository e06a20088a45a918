/* The course of a run: a broker on an empty disk, a topic, clients; then the steps of the plan, each behind a time that passes; then calm, in which everything must
 * come to its end: every order carried out, every batch answered, every partition read to its high watermark, every commit found, every group settled. */
#include "tests/sim_broker/run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/io/sim_disk.h"
#include "tests/sim/map_cache.h"
#include "tests/sim_broker/admin.h"
#include "tests/sim_broker/befall.h"
#include "tests/sim_broker/heap.h"
#include "tests/sim_broker/peer.h"

#define CALM_NS_MAX (300ull * 1000 * 1000 * 1000)
#define TURNS_MAX 3000000
#define CLIENT_PACE_NS 5000000
#define LULL_PACE_NS 20000000
#define LULL_AFTER_NS (300ull * 1000 * 1000)
#define WALL_MS_AT_START 1700000000000ll
#define SESSION_MS "8000"

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

uint64_t world_stream(const struct world *world, const char *whose, uint32_t number)
{
	uint64_t hash = world->plan->seed * 0x9e3779b97f4a7c15ull + number;
	for (; *whose; whose++)
		hash = (hash ^ (uint8_t)*whose) * 0x100000001b3;
	return hash;
}

uint64_t world_draw_pause_ns(const struct world *world, uint64_t *random, uint64_t pause_ns_max)
{
	return draw(random, pause_ns_max) * (world->is_lull ? LULL_PAUSES : 1);
}

int64_t world_wall_ms(const struct world *world)
{
	return WALL_MS_AT_START + (int64_t)(world_now_ns(world) / 1000000) + world->wall_offset_ms;
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

static void report(struct world *world, uint32_t partition, int64_t offset, const char *format, const char *text)
{
	world_tell(world, 666, "%s", text);
	if (!world->accusation[0])
		snprintf(world->accusation, sizeof world->accusation, "%s", format);
	history_report(world->history, ANOMALY_WRONG_ANSWER, partition, offset, "%s", text);
}

void world_accuse(struct world *world, uint32_t partition, int64_t offset, const char *format, ...)
{
	char text[300];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	for (uint32_t shard = 0; shard < SHARDS_MAX; shard++)
		world->is_spent |= world->vouching[shard].is_excused;
	if (!world->is_spent) {
		report(world, partition, offset, format, text);
		return;
	}
	meet(world, MOMENT_ENDED_IN_DOUBT);
	world_tell(world, 95, "a last group may be lost, the run ends: %s", text);
}

void world_condemn(struct world *world, const char *format, ...)
{
	char text[1000];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	report(world, HISTORY_BROKER, -1, format, text);
}

bool world_is_over(const struct world *world)
{
	const struct anomaly *anomalies;
	return world->is_spent || history_anomalies(world->history, &anomalies) > 0;
}

static void set_text(struct broker_config *config, const char *key, const char *value)
{
	char why[256];
	CHECKF(broker_config_set(config, key, value, why, sizeof why) == 0, "%s: %s", key, why);
}

static void set(struct broker_config *config, const char *key, uint64_t value)
{
	char text[32];
	snprintf(text, sizeof text, "%lu", (unsigned long)value);
	set_text(config, key, text);
}

static void configure(struct world *world)
{
	const struct knobs *knobs = &world->plan->knobs;
	CHECK(broker_config_create(&world->config) == 0);
	set(world->config, "spate.reserve.bytes", 4 << 20);
	set(world->config, "spate.spare.bytes", world->plan->seed % 4 ? 32 << 20 : 0);
	set(world->config, "spate.cache.bytes", knobs->cache_bytes * (uint64_t)knobs->shards);
	set(world->config, "spate.direct.bytes", knobs->direct_bytes);
	set(world->config, "log.segment.bytes", knobs->segment_bytes);
	set(world->config, "log.retention.check.interval.ms", knobs->retention_check_ms);
	if (knobs->members + knobs->consumer_members == 0) /* a group that everybody has left is let go then, and begins again with its first generation */
		set(world->config, "offsets.retention.check.interval.ms", knobs->retention_check_ms);
	set(world->config, "log.message.timestamp.after.max.ms", INT64_MAX); /* the clock leaps, and producers stamp by it */
	set(world->config, "message.max.bytes", 500000);
	set(world->config, "offsets.topic.num.partitions", knobs->offsets_partitions);
	set(world->config, "group.initial.rebalance.delay.ms", knobs->rebalance_delay_ms);
	set_text(world->config, "group.consumer.min.session.timeout.ms", SESSION_MS);
	set_text(world->config, "group.consumer.session.timeout.ms", SESSION_MS);
	set_text(world->config, "group.consumer.min.heartbeat.interval.ms", "1000");
	set_text(world->config, "group.consumer.heartbeat.interval.ms", "1000");
}

static void make_world(struct world *world, const struct plan *plan, FILE *story)
{
	static const char *const names[TOPICS_MAX] = {FIRST_TOPIC, "u", "v"};
	*world = (struct world){.plan = plan, .random = plan->seed, .story = story, .port = 9092};
	world->disk = sim_disk_open(plan->seed);
	world->net = sim_net_open(world->disk, plan->seed);
	world->clock_ns = sim_disk__clock_ns(world->disk);
	world->history = history_open();
	configure(world);
	for (uint32_t i = 0; i < TOPICS_MAX; i++)
		world->topics[i].name = names[i];
	for (uint32_t i = 0; i < GROUP_PARTITIONS; i++)
		world->commits[i] = world->consumer_commits[i] = (struct commits){-1, -1};
	if (plan->knobs.shards > 1)
		meet(world, MOMENT_MANY_SHARDS);
}

static void make_clients(struct world *world)
{
	const struct knobs *knobs = &world->plan->knobs;
	for (uint32_t i = 0; i < knobs->members; i++)
		world->members[world->member_count++] = member_open(world, i);
	for (uint32_t i = 0; i < knobs->consumer_members; i++)
		world->consumer_members[world->consumer_member_count++] = consumer_member_open(world, i);
	for (uint32_t i = 0; i < knobs->producers; i++)
		world->producers[world->producer_count++] = producer_open(world, i);
	for (uint32_t i = 0; i < knobs->consumers; i++)
		world->consumers[world->consumer_count++] = consumer_open(world, i, i % 2 ? i % TOPICS_MAX : 0, 0);
	for (uint32_t i = 0; i < knobs->fetchers; i++)
		world->fetchers[world->fetcher_count++] = fetcher_open(world, i);
	for (uint32_t i = 0; i < knobs->committers; i++)
		world->committers[world->committer_count++] = committer_open(world, i);
}

/* ---- one turn of everybody ------------------------------------------------------------------------------------------------ */

static void turn(struct world *world)
{
	sim_net_set_alarm(world->net, world_now_ns(world) + 1 + draw(&world->random, world->is_lull ? LULL_PACE_NS : CLIENT_PACE_NS));
	broker_turn(world);
	if (world_is_over(world))
		return;
	admin_step(world->admin);
	for (uint32_t i = 0; i < world->producer_count; i++)
		producer_step(world->producers[i]);
	for (uint32_t i = 0; i < world->consumer_count; i++)
		consumer_step(world->consumers[i]);
	for (uint32_t i = 0; i < world->fetcher_count; i++)
		fetcher_step(world->fetchers[i]);
	for (uint32_t i = 0; i < world->committer_count; i++)
		committer_step(world->committers[i]);
	for (uint32_t i = 0; i < world->member_count; i++)
		member_step(world->members[i]);
	for (uint32_t i = 0; i < world->consumer_member_count; i++)
		consumer_member_step(world->consumer_members[i]);
}

void world_pass(struct world *world, uint64_t ns)
{
	uint64_t until = world_now_ns(world) + ns;
	for (int turns = 0; world_now_ns(world) < until && !world_is_over(world); turns++) {
		if (turns == TURNS_MAX) {
			world_condemn(world, "the broker turns and turns while no time passes");
			return;
		}
		befall_end_what_is_over(world);
		turn(world);
	}
}

/* A wait of a plan. A long one is there for what takes long (a session ends, a member is silent, a stall): seven times in eight its clients are in no hurry behind
 * its beginning, as five sixths of all virtual time are such waits, and each second of them was as dear as one in which something happens. */
static void wait_for_step(struct world *world, uint64_t ns)
{
	uint64_t hurry_ns = ns < LULL_AFTER_NS || draw(&world->random, 8) == 0 ? ns : LULL_AFTER_NS;
	world_pass(world, hurry_ns);
	world->is_lull = true;
	world_pass(world, ns - hurry_ns);
	world->is_lull = false;
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
	if (world->member_count && owned != GROUP_PARTITIONS)
		snprintf(out, size, "the members of generation %d own %u partitions of %u", first, owned, GROUP_PARTITIONS);
	return !world->member_count || owned == GROUP_PARTITIONS;
}

static uint32_t count_partitions(const struct world *world)
{
	uint32_t count = 0;
	for (uint32_t t = 0; t < TOPICS_MAX; t++)
		count += world->topics[t].state == TOPIC_LIVE ? world->topics[t].partition_count : 0;
	return count;
}

static bool is_consumer_group_settled(const struct world *world, char *out, size_t size)
{
	uint32_t owned = 0, wanted = count_partitions(world);
	int32_t first = 0;
	for (uint32_t i = 0; i < world->consumer_member_count; i++) {
		int32_t epoch;
		bool is_stable = consumer_member_is_stable(world->consumer_members[i], &epoch, &owned);
		first = i ? first : epoch;
		if (is_stable && epoch == first)
			continue;
		consumer_member_describe(world->consumer_members[i], out, size);
		return false;
	}
	if (world->consumer_member_count && owned != wanted)
		snprintf(out, size, "the consumer members of epoch %d own %u partitions of %u", first, owned, wanted);
	return !world->consumer_member_count || owned == wanted;
}

/* Who is not done yet, in a few words; false if nobody. */
static bool find_unfinished(const struct world *world, char *out, size_t size)
{
	if (!admin_is_done(world->admin)) {
		admin_describe(world->admin, out, size);
		return true;
	}
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
	for (uint32_t i = 0; i < world->fetcher_count; i++)
		if (!fetcher_is_done(world->fetchers[i])) {
			fetcher_describe(world->fetchers[i], out, size);
			return true;
		}
	if (world->are_groups_struck)
		return false; /* they may be refused for good */
	for (uint32_t i = 0; i < world->committer_count; i++)
		if (!committer_is_done(world->committers[i])) {
			committer_describe(world->committers[i], out, size);
			return true;
		}
	return !is_group_settled(world, out, size) || !is_consumer_group_settled(world, out, size);
}

static void come_to_rest(struct world *world, const char *what)
{
	char text[200];
	uint64_t until = world_now_ns(world) + CALM_NS_MAX;
	while (find_unfinished(world, text, sizeof text) && world_now_ns(world) < until && !world_is_over(world))
		world_pass(world, 10000000);
	if (!world_is_over(world) && find_unfinished(world, text, sizeof text))
		world_accuse(world, HISTORY_BROKER, -1, "%s, %llu s later: %s", what, CALM_NS_MAX / 1000000000, text);
}

/* A reader for each partition there is. */
static void make_readers(struct world *world)
{
	world->consumer_count = 0;
	for (uint32_t t = 0; t < TOPICS_MAX; t++)
		for (uint32_t p = 0; world->topics[t].state == TOPIC_LIVE && p < world->topics[t].partition_count; p++) {
			uint32_t number = world->consumer_count++;
			CHECK(number < CONSUMERS_MAX);
			world->consumers[number] = consumer_open(world, 100 + number, t, p);
		}
}

static void dismiss_consumers(struct world *world)
{
	for (uint32_t i = 0; i < world->consumer_count; i++)
		consumer_reset(world->consumers[i]);
}

static void read_it_all(struct world *world, const char *what)
{
	dismiss_consumers(world);
	make_readers(world);
	for (uint32_t t = 0; t < TOPICS_MAX; t++)
		admin_order(world->admin, ORDER_CHECK_CONFIGS, t, 0, 0);
	come_to_rest(world, what);
}

static void calm_down(struct world *world)
{
	world->is_calm = true;
	world->calm_ns = world_now_ns(world);
	befall_nothing_more(world);
	world_tell(world, 8, "calm");
	for (uint32_t i = 0; i < world->producer_count; i++)
		producer_finish(world->producers[i]);
	for (uint32_t i = 0; i < world->committer_count; i++)
		committer_finish(world->committers[i]);
	come_to_rest(world, "in the calm");
	if (!world_is_over(world))
		read_it_all(world, "reading it all again");
	if (world_is_over(world) || draw(&world->random, 3))
		return;
	if (draw(&world->random, 2))
		broker_crash(world);
	else
		broker_stop(world);
	if (!world_is_over(world))
		read_it_all(world, "reading it all after one more start");
}

static uint64_t count_certain(const struct world *world)
{
	uint64_t count = 0;
	for (uint32_t t = 0; t < TOPICS_MAX; t++)
		for (uint32_t p = 0; p < world->topics[t].partition_count; p++)
			count += (uint64_t)history_certain_end(world->history, world->topics[t].parts[p].number);
	return count;
}

static void judge(struct world *world, struct verdict *verdict)
{
	const struct anomaly *anomalies;
	uint32_t count = history_anomalies(world->history, &anomalies);
	*verdict = (struct verdict){.has_failed = count > 0, .trace = world->trace, .virtual_ns = world_now_ns(world), .starts = world->life,
				    .acked = count_certain(world)};
	memcpy(verdict->moments, world->moments, sizeof verdict->moments);
	if (!count)
		return;
	bool is_accusation = anomalies[0].kind == ANOMALY_WRONG_ANSWER;
	snprintf(verdict->kind, sizeof verdict->kind, "%s", is_accusation ? world->accusation : anomaly_name(anomalies[0].kind));
	snprintf(verdict->text, sizeof verdict->text, "%s", anomalies[0].text);
}

/* The first topics are made before anything befalls them. */
static void make_topics(struct world *world)
{
	world->admin = admin_open(world);
	for (uint32_t i = 0; i < world->plan->knobs.topics; i++)
		admin_order(world->admin, ORDER_MAKE, i, world->plan->seed >> i, 0);
	for (int turns = 0; !admin_is_done(world->admin) && turns < 10000 && !world_is_over(world); turns++)
		turn(world);
	if (!admin_is_done(world->admin))
		world_accuse(world, HISTORY_BROKER, -1, "the first topics cannot be made");
}

static void run(const struct plan *plan, struct verdict *verdict, FILE *story)
{
	struct world world;
	make_world(&world, plan, story);
	broker_begin(&world);
	if (!world_is_over(&world))
		make_topics(&world);
	if (!world_is_over(&world))
		make_clients(&world);
	for (uint32_t i = 0; i < plan->step_count && !world_is_over(&world); i++) {
		wait_for_step(&world, plan->steps[i].wait_ns);
		if (!world_is_over(&world))
			befall(&world, &plan->steps[i]);
	}
	if (!world_is_over(&world))
		calm_down(&world);
	judge(&world, verdict);
}

void run_plan(const struct plan *plan, struct verdict *verdict, FILE *story)
{
	enum heap before = heap_enter(HEAP_RUN);
	run(plan, verdict, story);
	heap_enter(before);
	heap_reset(HEAP_RUN);
	heap_reset(HEAP_BROKER);
	map_cache_take_all();
}
