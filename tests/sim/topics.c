/* Topics of a run: made, grown, configured, deleted and made again, and what a start must find of that. A change that failed may have happened
 * or not; the next start says. */
#include <stdio.h>

#include "log/base/check.h"
#include "tests/sim/run_priv.h"

static struct slice name_of(const struct topic_slot *slot)
{
	return (struct slice){(const uint8_t *)slot->name, strlen(slot->name)};
}

/* Partitions that came into being since they were last counted. */
static void number_partitions(struct run *run, struct topic_slot *slot, uint32_t count)
{
	CHECK(count <= PARTITIONS_MAX);
	for (; slot->number_count < count; slot->number_count++) {
		char name[32];
		snprintf(name, sizeof name, "%s-%u", slot->name, slot->number_count);
		slot->numbers[slot->number_count] = history_add_partition(run->history, name);
	}
}

static void come_to_life(struct run *run, struct topic_slot *slot, const struct topic *topic)
{
	slot->state = TOPIC_LIVE;
	slot->id = topic->id;
	slot->partition_count = topic->partition_count;
	slot->number_count = 0;
	number_partitions(run, slot, topic->partition_count);
	if (slot->was_there)
		met(run, POINT_RECREATED);
}

static void pass_away(struct run *run, struct topic_slot *slot)
{
	appends__close_producers_of(run, (uint32_t)(slot - run->topics));
	slot->state = TOPIC_NONE;
	slot->was_there = true;
}

static uint32_t make_overrides(const struct knobs *knobs, bool is_plain, struct config_override out[8], char values[8][24])
{
	uint32_t count = 0;
#define ADD(key, format, value)                                                 \
	do {                                                                    \
		snprintf(values[count], sizeof values[count], format, value);   \
		out[count] = (struct config_override){key, values[count]};      \
		count++;                                                        \
	} while (0)
	if (is_plain)
		return 0;
	ADD("index.interval.bytes", "%u", knobs->index_interval_bytes);
	ADD("segment.index.bytes", "%u", knobs->index_size_bytes);
	ADD("segment.ms", "%u", knobs->segment_ms);
	ADD("retention.bytes", "%ld", (long)knobs->retention_bytes);
	ADD("retention.ms", "%ld", (long)knobs->retention_ms);
	ADD("segment.bytes", "%u", 1u << 20);
	if (knobs->is_append_time)
		ADD("message.timestamp.type", "%s", "LogAppendTime");
#undef ADD
	return count;
}

void topics__create(struct run *run, const struct step *step)
{
	struct topic_slot *slot = &run->topics[step->a % TOPICS];
	struct config_override overrides[8];
	char values[8][24];
	if (slot->state != TOPIC_NONE)
		return;
	struct topic_spec spec = {name_of(slot), 1 + (uint32_t)(step->b % 3), 0, overrides};
	spec.override_count = make_overrides(&run->plan->knobs, step->c % 8 == 0, overrides, values);
	int one = 0, err = catalog_create_topics(run->catalog, &spec, 1, &one);
	run__tell(run, (uint64_t)err, "create topic %s with %u partitions: %s", slot->name, spec.partition_count, err ? err_name(err) : "done");
	if (err) {
		slot->state = TOPIC_MAYBE_MADE;
		if (machine__is_cut(run))
			met(run, POINT_CREATE_CUT);
		return;
	}
	machine__take_image(run);
	const struct topic *topic = catalog_topic_by_name(run->image, spec.name);
	if (one || !topic)
		history_report(run->history, ANOMALY_WRONG_ANSWER, HISTORY_BROKER, -1, "topic %s was made: %s, and is not there", slot->name, err_name(one));
	else
		come_to_life(run, slot, topic);
}

static bool has_appends(const struct run *run, uint32_t topic)
{
	for (uint32_t i = 0; i < FLIGHTS; i++)
		if (run->flights[i].is_used && run->flights[i].topic == topic)
			return true;
	return false;
}

void topics__delete(struct run *run, const struct step *step)
{
	struct topic_slot *slot = &run->topics[step->a % TOPICS];
	if (slot->state != TOPIC_LIVE)
		return;
	if (has_appends(run, (uint32_t)(slot - run->topics)))
		met(run, POINT_DELETE_IN_FLIGHT);
	int one = 0, err = catalog_delete_topics(run->catalog, &slot->id, 1, &one);
	run__tell(run, (uint64_t)err, "delete topic %s: %s", slot->name, err ? err_name(err) : "done");
	if (err) {
		slot->state = TOPIC_MAYBE_GONE;
		if (machine__is_cut(run))
			met(run, POINT_DELETE_CUT);
		return;
	}
	pass_away(run, slot);
	machine__take_image(run);
}

void topics__grow(struct run *run, const struct step *step)
{
	struct topic_slot *slot = &run->topics[step->a % TOPICS];
	if (slot->state != TOPIC_LIVE || slot->partition_count >= PARTITIONS_MAX)
		return;
	int err = catalog_grow_topic(run->catalog, &slot->id, slot->partition_count + 1);
	run__tell(run, (uint64_t)err, "grow topic %s to %u partitions: %s", slot->name, slot->partition_count + 1, err ? err_name(err) : "done");
	if (err)
		return;
	met(run, POINT_GROWN);
	slot->partition_count++;
	number_partitions(run, slot, slot->partition_count);
	machine__take_image(run);
}

/* So long a value that a few of them make the catalog worth writing anew. */
static char *long_value(void)
{
	static char value[15000];
	for (size_t i = 0; i + 4 < sizeof value; i += 4)
		memcpy(value + i, "0:1,", 4);
	value[sizeof value - 5] = 0; /* the last comma */
	return value;
}

void topics__configure(struct run *run, const struct step *step)
{
	struct topic_slot *slot = &run->topics[step->a % TOPICS];
	struct config_override overrides[8];
	char values[8][24];
	if (slot->state != TOPIC_LIVE)
		return;
	struct knobs knobs = run->plan->knobs;
	knobs.segment_ms = 1 + (uint32_t)(step->b % 3000);
	knobs.index_interval_bytes = (uint32_t)(step->c % 2000);
	uint32_t count = make_overrides(&knobs, step->d % 8 == 0, overrides, values);
	if (step->d % 3 == 0)
		overrides[count++] = (struct config_override){"leader.replication.throttled.replicas", long_value()};
	int err = catalog_set_overrides(run->catalog, &slot->id, overrides, count);
	run__tell(run, (uint64_t)err, "configure topic %s anew: %s", slot->name, err ? err_name(err) : "done");
	if (err)
		return;
	met(run, POINT_CONFIGURED);
	machine__take_image(run);
}

void topics__reserve(struct run *run)
{
	int64_t first;
	int err = catalog_reserve_producer_ids(run->catalog, 1, &first);
	run__tell(run, (uint64_t)err, "reserve a producer id: %s", err ? err_name(err) : "done");
	if (err)
		return;
	if (first < run->certain_producer_id)
		history_report(run->history, ANOMALY_WRONG_ANSWER, HISTORY_BROKER, -1, "producer id %ld is handed out, and ids below %ld were before", (long)first,
			       (long)run->certain_producer_id);
	run->certain_producer_id = first + 1;
}

/* Rot in the catalog's last record looks like one that a crash tore, if nothing was acknowledged behind it (log/README.md, "Files that are lost"). */
static bool is_catalog_damaged(const struct run *run)
{
	const struct sim_damage *damages;
	uint32_t count = sim_disk_damages(run->disk, &damages);
	for (uint32_t i = 0; i < count; i++)
		if (strncmp(damages[i].path, "/catalog.log", 12) == 0)
			return true;
	return false;
}

static void settle_topic(struct run *run, struct topic_slot *slot)
{
	const struct topic *topic = catalog_topic_by_name(run->image, name_of(slot));
	bool is_same = topic && uuid_equal(&topic->id, &slot->id) && slot->number_count > 0;
	switch (slot->state) {
	case TOPIC_NONE:
		if (topic)
			history_report(run->history, ANOMALY_RESURRECTION, HISTORY_BROKER, -1, "topic %s is there, and was deleted or never made", slot->name);
		return;
	case TOPIC_MAYBE_MADE:
		slot->state = TOPIC_NONE;
		if (topic)
			come_to_life(run, slot, topic);
		return;
	case TOPIC_MAYBE_GONE:
		slot->state = TOPIC_LIVE;
		if (!topic) {
			pass_away(run, slot);
			return;
		}
		break;
	case TOPIC_LIVE:
		break;
	}
	if (!is_same || topic->partition_count < slot->partition_count || topic->partition_count > slot->partition_count + 1) {
		history_report(run->history, ANOMALY_LOST_WRITE, HISTORY_BROKER, -1, "topic %s with %u partitions was acknowledged; after the start it has %u%s", slot->name,
			       slot->partition_count, topic ? topic->partition_count : 0, is_same ? "" : " or another id");
		return;
	}
	slot->partition_count = topic->partition_count;
	number_partitions(run, slot, topic->partition_count);
}

void topics__settle(struct run *run)
{
	if (is_catalog_damaged(run)) {
		run__tell(run, 97, "the catalog was damaged, and is taken for one with a torn end: the run ends");
		run->result->has_failed = true;
		return;
	}
	for (uint32_t i = 0; i < TOPICS; i++)
		settle_topic(run, &run->topics[i]);
}

bool topics__is_offline(struct run *run, uint32_t topic, uint32_t index)
{
	bool is_offline = partition_is_offline(topics__partition(run, topic, index));
	if (is_offline)
		met(run, POINT_OFFLINE);
	return is_offline;
}

bool topics__pick(struct run *run, uint64_t random, uint32_t *topic, uint32_t *index)
{
	uint32_t all[TOPICS * PARTITIONS_MAX][2], count = 0;
	for (uint32_t t = 0; t < TOPICS; t++)
		for (uint32_t p = 0; run->topics[t].state == TOPIC_LIVE && p < run->topics[t].partition_count; p++) {
			if (topics__is_offline(run, t, p))
				continue;
			all[count][0] = t;
			all[count++][1] = p;
		}
	if (!count)
		return false;
	*topic = all[random % count][0];
	*index = all[random % count][1];
	return true;
}

struct partition *topics__partition(struct run *run, uint32_t topic, uint32_t index)
{
	struct partition *partition = store_partition(run->store, &run->topics[topic].id, index);
	CHECKF(partition, "a living partition cannot be had");
	return partition;
}
