/* The few calls that the load and the judge both make. Each is one request and its answer; a Kafka error comes back positive, -1: there was no answer. */
#pragma once

#include "log/base/types.h"
#include "tests/power/client.h"

#define GROUP "billing"

/* *id once the answer is 0. */
int call_create_topic(struct client *client, const char *name, uint32_t partitions, const char *segment_ms, struct uuid *id);
int call_delete_topic(struct client *client, const char *name);
/* The id of a topic that is there; 3: it is not. */
int call_topic_id(struct client *client, const char *name, struct uuid *id);
int call_producer_id(struct client *client, int64_t *id, int16_t *epoch);
int call_trim(struct client *client, const char *topic, uint32_t partition, int64_t offset, int64_t *log_start);
int call_commit(struct client *client, const char *topic, int64_t offset);
/* -1: nothing was committed. */
int call_committed(struct client *client, const char *topic, int64_t *offset);
/* `timestamp`: -2 the log start, -1 the high watermark. */
int call_list_offset(struct client *client, const char *topic, uint32_t partition, int64_t timestamp, int64_t *offset);

typedef void call_record_fn(void *context, int64_t offset, uint64_t mark, int64_t timestamp_ms);
/* One fetch, waiting a little: tells every record from *next on (mark 0: nobody writes such), and moves it. A batch that fails its check is CORRUPT_MESSAGE (2) as well. */
int call_fetch(struct client *client, const char *topic, uint32_t partition, int64_t *next, int64_t *high_watermark, call_record_fn *tell, void *context);

/* A batch of `count` records with marks from `first_mark` on, each with `filler` bytes behind its mark: allocated. producer_id -1: none. */
uint8_t *call_make_batch(uint64_t first_mark, uint32_t count, uint32_t filler, int64_t producer_id, int16_t epoch, int32_t sequence, uint32_t *size_bytes);
/* Sent, not answered; the answer: call_produced. */
MUST_USE bool call_produce(struct client *client, const char *topic, uint32_t partition, const uint8_t *batch, uint32_t size_bytes);
int call_produced(struct client *client, int64_t *base_offset);
