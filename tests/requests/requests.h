/* The requests about one topic, or one partition of it, that the simulated clients and those of the power cuts both make: each fills a request of the
 * generated codec with what both ask for alike, and the caller adds what is its own before it sends it. Nothing is sent here, and nothing answered.
 * Owner: whoever holds the struct; it stays where it is, for the request points into the rest of it. Texts are the caller's. */
#pragma once

#include "kmsg_create_topics.h"
#include "kmsg_delete_records.h"
#include "kmsg_list_offsets.h"
#include "kmsg_metadata.h"
#include "kmsg_offset_commit.h"
#include "kmsg_offset_fetch.h"
#include "kmsg_produce.h"
#include "kmsg_table.h"
#include "net/wire/header.h"

struct create_topics_ask {
	struct kmsg_create_topics_request in;
	struct kmsg_create_topics_topic topic;
};
/* With one replica, and no configuration. */
void ask_create_topic(struct create_topics_ask *ask, const char *name, int32_t partitions);

struct metadata_ask {
	struct kmsg_metadata_request in;
	struct kmsg_metadata_topic topic;
};
/* By its name, and not to create it. */
void ask_metadata(struct metadata_ask *ask, const char *name);

struct delete_records_ask {
	struct kmsg_delete_records_request in;
	struct kmsg_delete_records_topic topic;
	struct kmsg_delete_records_partition partition;
};
void ask_delete_records(struct delete_records_ask *ask, const char *name, uint32_t partition, int64_t offset, int32_t timeout_ms);

struct offset_commit_ask {
	struct kmsg_offset_commit_request in;
	struct kmsg_offset_commit_topic topic;
	struct kmsg_offset_commit_partition partition;
};
/* Of nobody's: no member, no generation. */
void ask_offset_commit(struct offset_commit_ask *ask, const char *group, const char *name, uint32_t partition, int64_t offset);

struct offset_fetch_ask {
	struct kmsg_offset_fetch_request in;
	struct kmsg_offset_fetch_group group;
	struct kmsg_offset_fetch_group_topic topic;
	int32_t partition;
};
void ask_offset_fetch(struct offset_fetch_ask *ask, const char *group, const char *name, uint32_t partition);

struct list_offsets_ask {
	struct kmsg_list_offsets_request in;
	struct kmsg_list_offsets_topic topic;
	struct kmsg_list_offsets_partition partition;
};
void ask_list_offsets(struct list_offsets_ask *ask, const char *name, uint32_t partition, int64_t timestamp);

struct produce_ask {
	struct kmsg_produce_request in;
	struct kmsg_produce_topic topic;
	struct kmsg_produce_partition partition;
};
/* With acks=all. */
void ask_produce(struct produce_ask *ask, const char *name, uint32_t partition, struct slice batch);

/* ---- from a request to a frame -------------------------------------------------------------------------------------------------- */

/* `api` is the name in the codec, `kind` "request" or "response": "produce", "request". */
const struct kmsg_message *request_message(const char *api, const char *kind);

/* The whole frame's size, and the frame: its size, the header, the body. */
size_t request_frame_size(const struct request_header *header, const struct kmsg_message *message, const void *body);
void request_frame_write(const struct request_header *header, const struct kmsg_message *message, const void *body, uint8_t *out, size_t size);
