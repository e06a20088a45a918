#include "tests/power/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "kmsg_metadata.h"
#include "log/base/check.h"
#include "log/io/sim.h"
#include "tests/power/calls.h"

#define FOUND_MAX 64
#define NEW_MARKS (UINT64_C(1) << 40)
#define PATIENCE_MS 10000

struct found {
	char name[32];
	struct uuid id;
	uint32_t topic;            /* of the story; UINT32_MAX: none */
};

struct view {
	struct judge *judge;
	struct story_place *place;
	struct client *client;
	uint64_t op;
	struct found found[FOUND_MAX];
	uint32_t count;
	uint32_t number;           /* of the partition that is read */
};

PRINTF_LIKE(3, 4)
static void accuse(struct view *view, enum anomaly_kind kind, const char *format, ...)
{
	char text[400];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	history_report(view->place->history, kind, HISTORY_BROKER, -1, "%s", text);
}

/* ---- topics ------------------------------------------------------------------------------------------------------------------- */

static uint32_t topic_of(const struct story *story, const struct uuid *id)
{
	for (uint32_t i = 0; i < story_topics(story); i++)
		if (uuid_equal(&story_topic(story, i)->id, id))
			return i;
	return UINT32_MAX;
}

static bool look_for_topics(struct view *view)
{
	struct kmsg_metadata_request in;
	kmsg_metadata_request_init(&in);
	in.topics.count = -1;
	in.allow_auto_topic_creation = false;
	const struct kmsg_metadata_response *out = client_call(view->client, "metadata", 12, &in);
	if (!out || out->error_code || out->topics.count > FOUND_MAX) {
		accuse(view, ANOMALY_WRONG_ANSWER, "metadata: no answer");
		return false;
	}
	view->count = 0;
	for (int32_t i = 0; i < out->topics.count; i++) {
		const struct kmsg_metadata_topic_result *result = &out->topics.items[i];
		if (result->is_internal)
			continue;
		struct found *found = &view->found[view->count++];
		snprintf(found->name, sizeof found->name, "%.*s", (int)result->name.size, (const char *)result->name.data);
		found->id = result->topic_id;
		found->topic = topic_of(view->judge->story, &found->id);
		if (result->partitions.count != STORY_PARTITIONS)
			accuse(view, ANOMALY_LOST_WRITE, "topic %s has %d partitions", found->name, result->partitions.count);
	}
	return true;
}

static bool is_found(const struct view *view, uint32_t topic)
{
	for (uint32_t i = 0; i < view->count; i++)
		if (view->found[i].topic == topic)
			return true;
	return false;
}

static void judge_topics(struct view *view)
{
	for (uint32_t i = 0; i < story_topics(view->judge->story); i++) {
		const struct story_topic *topic = story_topic(view->judge->story, i);
		if (topic->made <= view->op && topic->delete_asked > view->op && !is_found(view, i))
			accuse(view, ANOMALY_LOST_WRITE, "topic %s (%u), made at op %lu, is gone", topic->name, i, (unsigned long)topic->made);
		if (topic->deleted <= view->op && is_found(view, i))
			accuse(view, ANOMALY_RESURRECTION, "topic %s (%u), deleted at op %lu, is back", topic->name, i, (unsigned long)topic->deleted);
	}
}

/* ---- records ------------------------------------------------------------------------------------------------------------------ */

static void take_record(void *context, int64_t offset, uint64_t mark, int64_t timestamp_ms)
{
	struct view *view = context;
	view->judge->records++;
	history_read(view->place->history, view->number, offset, mark, timestamp_ms);
}

/* Nobody can have written to a topic that nobody knew of yet. */
static void scan_unknown(struct view *view, const struct found *found, uint32_t partition)
{
	int64_t end = 0;
	int err = call_list_offset(view->client, found->name, partition, -1, &end);
	if (err || end)
		accuse(view, ANOMALY_PHANTOM, "topic %s, of which nobody had heard, ends at offset %ld (error %d)", found->name, (long)end, err);
}

static void scan(struct view *view, const struct found *found, uint32_t partition)
{
	struct history *history = view->place->history;
	int64_t start = 0, end = 0, high_watermark = 0;
	view->number = story_partition(found->topic, partition);
	int err = call_list_offset(view->client, found->name, partition, -2, &start);
	if (!err)
		err = call_list_offset(view->client, found->name, partition, -1, &end);
	history_scan_begin(history, view->number);
	for (int64_t next = start, before = -1; !err && next < end && next != before;) {
		before = next;
		err = call_fetch(view->client, found->name, partition, &next, &high_watermark, take_record, view);
		if (!err && high_watermark < end)
			history_report(history, ANOMALY_POSITION_BACK, view->number, high_watermark, "the high watermark is %ld, and %ld was listed", (long)high_watermark, (long)end);
		if (err == 2) { /* damaged, and the rest is not */
			history_read_damaged(history, view->number, next++);
			err = 0;
		}
	}
	history_scan_end(history, view->number, start, end);
	if (err)
		history_report(history, ANOMALY_WRONG_ANSWER, view->number, start, "offsets %ld to %ld cannot be read: error %d", (long)start, (long)end, err);
	if (start > view->place->trim_asked[found->topic][partition])
		history_report(history, ANOMALY_POSITION_BACK, view->number, start, "the log begins at %ld, and nobody asked for more than %ld", (long)start,
			       (long)view->place->trim_asked[found->topic][partition]);
}

static void scan_all(struct view *view)
{
	for (uint32_t i = 0; i < view->count; i++)
		for (uint32_t partition = 0; partition < STORY_PARTITIONS; partition++) {
			const struct found *found = &view->found[i];
			if (found->topic == UINT32_MAX || story_topic(view->judge->story, found->topic)->made > view->op)
				scan_unknown(view, found, partition);
			else
				scan(view, found, partition);
		}
}

/* ---- commits -------------------------------------------------------------------------------------------------------------------- */

static void judge_commit(struct view *view)
{
	int64_t offset = -1;
	int err = 14;
	if (view->place->committed < 0)
		return;
	/* COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR */
	for (uint64_t until = clock_ms() + PATIENCE_MS; (err == 14 || err == 15 || err == 16) && clock_ms() < until; nap_ms(1))
		err = call_committed(view->client, "orders", &offset);
	if (err)
		accuse(view, ANOMALY_WRONG_ANSWER, "group %s cannot be asked for its offset: error %d", GROUP, err);
	else if (offset < view->place->committed || offset > view->place->commit_asked)
		accuse(view, ANOMALY_LOST_WRITE, "group %s has committed offset %ld; %ld was acknowledged, %ld asked for", GROUP, (long)offset,
		       (long)view->place->committed, (long)view->place->commit_asked);
}

/* ---- all of it ------------------------------------------------------------------------------------------------------------------ */

static void look(struct view *view)
{
	char line[300];
	if (!client_connect(view->client, view->judge->broker->port)) {
		accuse(view, ANOMALY_WRONG_ANSWER, "nobody listens");
		return;
	}
	if (look_for_topics(view)) {
		judge_topics(view);
		scan_all(view);
		judge_commit(view);
	}
	if (!view->judge->damage_is_named &&
	    (broker_said(view->judge->broker, "DAMAGE", line, sizeof line) || broker_said(view->judge->broker, "damaged", line, sizeof line)))
		accuse(view, ANOMALY_FALSE_DAMAGE, "the broker names damage: %s", line);
}

static bool start(struct view *view)
{
	char line[300] = "it said nothing";
	view->judge->starts++;
	if (broker_start(view->judge->broker, view->judge->settings))
		return true;
	broker_said(view->judge->broker, "spate", line, sizeof line);
	accuse(view, ANOMALY_REFUSED_START, "%s", line);
	return false;
}

/* A batch to every partition that somebody knows. */
static void write_more(struct view *view)
{
	for (uint32_t i = 0; i < view->count; i++)
		for (uint32_t partition = 0; partition < STORY_PARTITIONS; partition++) {
			const struct found *found = &view->found[i];
			if (found->topic == UINT32_MAX || story_topic(view->judge->story, found->topic)->made > view->op)
				continue;
			uint64_t mark = NEW_MARKS + (view->judge->lives++ << 8);
			uint32_t size;
			int64_t offset;
			uint8_t *batch = call_make_batch(mark, 1, sim_random(&view->judge->random) % 4 ? 100 : 80000, -1, -1, -1, &size);
			uint64_t send = history_send(view->place->history, story_partition(found->topic, partition), NEW_MARKS, &mark, 1);
			int err = call_produce(view->client, found->name, partition, batch, size) ? call_produced(view->client, &offset) : -1;
			free(batch);
			if (err)
				accuse(view, ANOMALY_WRONG_ANSWER, "a record for %s-%u is refused: error %d", found->name, partition, err);
			else
				history_ack(view->place->history, send, offset);
		}
}

static void end_life(struct view *view)
{
	client_break(view->client);
	if (sim_random(&view->judge->random) % 2) {
		broker_kill(view->judge->broker);
		history_crash(view->place->history);
		return;
	}
	int status = broker_stop(view->judge->broker);
	if (status)
		accuse(view, ANOMALY_WRONG_ANSWER, "a clean stop ends with status %d", status);
}

void judge_running(struct judge *judge, struct story_place *place, uint64_t op)
{
	struct view view = {.judge = judge, .place = place, .op = op, .client = client_create()};
	look(&view);
	client_destroy(view.client);
}

void judge_image(struct judge *judge, struct story_place *place, uint64_t op, bool lives)
{
	struct view view = {.judge = judge, .place = place, .op = op, .client = client_create()};
	history_crash(place->history);
	if (start(&view)) {
		look(&view);
		if (lives) {
			write_more(&view);
			end_life(&view);
			if (start(&view))
				look(&view);
		}
	}
	broker_kill(judge->broker);
	client_destroy(view.client);
}
