/* A list of events under one lock. The op number is taken under the lock too, so they are in order: an answer is noted when it has been received, a request before it is
 * sent, so neither is ever believed for an image that it is too late for. */
#include "tests/power/story.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/check.h"

enum kind { MADE, SENT, AGAIN, ACKED, READ, TRIM_ASKED, TRIMMED, COMMIT_ASKED, COMMITTED, CRASHED };

struct event {
	uint64_t op;
	enum kind kind;
	uint32_t topic, partition, count;
	uint64_t send, mark, sender;
	int64_t offset;
};

struct story {
	const struct disk *disk;
	pthread_mutex_t lock;
	struct event *events;
	uint64_t count, room, sends, next_mark, acks;
	struct story_topic topics[STORY_TOPICS_MAX];
	uint32_t topic_count;
};

struct story *story_open(const struct disk *disk)
{
	struct story *story = calloc(1, sizeof *story);
	CHECK(story);
	story->disk = disk;
	story->next_mark = 1;
	pthread_mutex_init(&story->lock, NULL);
	return story;
}

void story_close(struct story *story)
{
	free(story->events);
	free(story);
}

/* Without a disk everything happens at once. */
static uint64_t now(const struct story *story)
{
	return story->disk ? disk_now(story->disk) : 0;
}

/* ---- telling --------------------------------------------------------------------------------------------------------------- */

/* Under the lock. */
static struct event *add(struct story *story, enum kind kind)
{
	if (story->count == story->room) {
		story->room = story->room ? story->room * 2 : 1024;
		story->events = realloc(story->events, story->room * sizeof *story->events);
		CHECK(story->events);
	}
	struct event *event = &story->events[story->count++];
	*event = (struct event){.op = now(story), .kind = kind};
	return event;
}

static void tell(struct story *story, struct event what)
{
	pthread_mutex_lock(&story->lock);
	struct event *event = add(story, what.kind);
	what.op = event->op;
	*event = what;
	pthread_mutex_unlock(&story->lock);
}

uint32_t story_made(struct story *story, const char *name, const struct uuid *id)
{
	pthread_mutex_lock(&story->lock);
	CHECK(story->topic_count < STORY_TOPICS_MAX);
	uint32_t topic = story->topic_count++;
	struct event *event = add(story, MADE);
	event->topic = topic;
	story->topics[topic] = (struct story_topic){.id = *id, .made = event->op, .delete_asked = STORY_NEVER, .deleted = STORY_NEVER};
	snprintf(story->topics[topic].name, sizeof story->topics[topic].name, "%s", name);
	pthread_mutex_unlock(&story->lock);
	return topic;
}

void story_delete_asked(struct story *story, uint32_t topic)
{
	pthread_mutex_lock(&story->lock);
	story->topics[topic].delete_asked = now(story);
	pthread_mutex_unlock(&story->lock);
}

void story_deleted(struct story *story, uint32_t topic)
{
	pthread_mutex_lock(&story->lock);
	story->topics[topic].deleted = now(story);
	pthread_mutex_unlock(&story->lock);
}

uint64_t story_sent(struct story *story, uint32_t topic, uint32_t partition, uint64_t sender, uint64_t first_mark, uint32_t count)
{
	pthread_mutex_lock(&story->lock);
	struct event *event = add(story, SENT);
	event->topic = topic;
	event->partition = partition;
	event->sender = sender;
	event->mark = first_mark;
	event->count = count;
	uint64_t send = event->send = story->sends++;
	pthread_mutex_unlock(&story->lock);
	return send;
}

void story_acked(struct story *story, uint64_t send, int64_t base_offset)
{
	tell(story, (struct event){.kind = ACKED, .send = send, .offset = base_offset});
	pthread_mutex_lock(&story->lock);
	story->acks++;
	pthread_mutex_unlock(&story->lock);
}

void story_sent_again(struct story *story, uint64_t send)
{
	tell(story, (struct event){.kind = AGAIN, .send = send});
}

void story_read(struct story *story, uint32_t topic, uint32_t partition, int64_t offset, uint64_t mark)
{
	tell(story, (struct event){.kind = READ, .topic = topic, .partition = partition, .offset = offset, .mark = mark});
}

void story_trim_asked(struct story *story, uint32_t topic, uint32_t partition, int64_t offset)
{
	tell(story, (struct event){.kind = TRIM_ASKED, .topic = topic, .partition = partition, .offset = offset});
}

void story_trimmed(struct story *story, uint32_t topic, uint32_t partition, int64_t log_start)
{
	tell(story, (struct event){.kind = TRIMMED, .topic = topic, .partition = partition, .offset = log_start});
}

void story_commit_asked(struct story *story, int64_t offset)
{
	tell(story, (struct event){.kind = COMMIT_ASKED, .offset = offset});
}

void story_committed(struct story *story, int64_t offset)
{
	tell(story, (struct event){.kind = COMMITTED, .offset = offset});
}

void story_crashed(struct story *story)
{
	tell(story, (struct event){.kind = CRASHED});
}

uint64_t story_next_marks(struct story *story, uint32_t count)
{
	pthread_mutex_lock(&story->lock);
	uint64_t first = story->next_mark;
	story->next_mark += count;
	pthread_mutex_unlock(&story->lock);
	return first;
}

uint32_t story_topics(const struct story *story) { return story->topic_count; }
const struct story_topic *story_topic(const struct story *story, uint32_t topic) { return &story->topics[topic]; }
uint64_t story_acks(const struct story *story) { return story->acks; }

/* ---- playing ---------------------------------------------------------------------------------------------------------------- */

void story_begin(struct story_place *place)
{
	*place = (struct story_place){.history = history_open(), .committed = -1, .commit_asked = -1};
}

void story_copy(struct story_place *to, const struct story_place *from)
{
	*to = *from;
	to->history = history_copy(from->history);
}

void story_end(struct story_place *place)
{
	history_close(place->history);
	place->history = NULL;
}

static void play_sent(struct history *history, const struct event *event)
{
	uint64_t marks[64];
	CHECK(event->count <= COUNT_OF(marks));
	for (uint32_t i = 0; i < event->count; i++)
		marks[i] = event->mark + i;
	CHECK(history_send(history, story_partition(event->topic, event->partition), event->sender, marks, event->count) == event->send);
}

static void play(const struct story *story, struct story_place *place, const struct event *event)
{
	struct history *history = place->history;
	char name[64];
	switch (event->kind) {
	case MADE:
		for (uint32_t i = 0; i < STORY_PARTITIONS; i++) {
			snprintf(name, sizeof name, "%s.%u-%u", story->topics[event->topic].name, event->topic, i);
			CHECK(history_add_partition(history, name) == story_partition(event->topic, i));
		}
		break;
	case SENT: play_sent(history, event); break;
	case AGAIN: history_retry(history, event->send); break;
	case ACKED: history_ack(history, event->send, event->offset); break;
	case READ: history_read(history, story_partition(event->topic, event->partition), event->offset, event->mark, (int64_t)event->mark); break;
	case TRIM_ASKED:
		if (event->offset > place->trim_asked[event->topic][event->partition])
			place->trim_asked[event->topic][event->partition] = event->offset;
		break;
	case TRIMMED: history_trimmed(history, story_partition(event->topic, event->partition), event->offset); break;
	case COMMIT_ASKED: place->commit_asked = event->offset; break;
	case COMMITTED: place->committed = event->offset; break;
	case CRASHED: history_crash(history); break;
	}
}

void story_play(const struct story *story, struct story_place *place, uint64_t op)
{
	for (; place->event < story->count && story->events[place->event].op <= op; place->event++)
		play(story, place, &story->events[place->event]);
}
