/* A small blocking client of the wire protocol, for what librdkafka 2.0 cannot ask: topic ids and sizes on disk; and for
 * completion, which is to be quick. Also tells, before librdkafka
 * is asked anything, whether a broker is there at all. Owner: the main thread. Bounded: answers above 64 MiB are refused, and every wait
 * ends after some seconds. */
#pragma once

#include "log/base/types.h"

struct wire_client;

/* Connects to the first of a comma list of HOST:PORT that answers. 0; -EINVAL for an address that is none; -errno if nobody
 * answers. A sentence in `why` either way. */
MUST_USE int wire_client_open(struct wire_client **out, const char *brokers, char *why, size_t why_size);
/* The same, with no more patience than so many milliseconds for each step. */
MUST_USE int wire_client_open_within(struct wire_client **out, const char *brokers, int patience_ms, char *why, size_t why_size);
void wire_client_close(struct wire_client *client);
/* Asks whether it is a Kafka broker at all that answers. 0, or -errno with a sentence in `why`, which names what else it may be. */
MUST_USE int wire_client_greet(struct wire_client *client, const char *brokers, char *why, size_t why_size);
/* The broker is spoken to otherwise (TLS, SASL), which this client cannot: each question from now on fails at once. */
void wire_client_mute(struct wire_client *client);

struct wire_topic {
	struct uuid id;
	uint32_t partition_count;
	int64_t *sizes_bytes; /* by partition; -1 = not told by this broker. malloc'ed */
};

/* -ENOENT: no such topic; -EOPNOTSUPP and others: the broker does not tell. */
MUST_USE int wire_client_topic(struct wire_client *client, const char *name, struct wire_topic *out);

/* When records were appended, by the broker's clock: a question that Spate alone answers. */
struct wire_append_time {
	int32_t partition;
	int64_t of;                    /* the first record at or behind this offset */
	/* out */
	bool is_told;                  /* else the broker does not know the question, or cannot answer it, or there is no such record */
	int64_t offset;                /* that record's */
	int64_t low_ms, high_ms;       /* appended between the two, -1: not known; equal: exactly then */
	int64_t now_ms;                /* what the broker's clock says now */
};
/* Of partitions of one topic. -errno: the broker does not tell. */
MUST_USE int wire_client_append_times(struct wire_client *client, const char *topic, struct wire_append_time *times, uint32_t count);

/* The broker's data directory and the volume that it is on; the path lives until the next question. -EOPNOTSUPP and others: the broker does not tell. */
struct wire_disk {
	const char *path;
	int64_t total_bytes, usable_bytes;
};
MUST_USE int wire_client_disk(struct wire_client *client, struct wire_disk *out);

/* Which offsets are damaged and not served, of all partitions: a question that Spate alone answers. `topic` lives as long as the call. -errno: the broker
 * does not tell. */
typedef void wire_damage_fn(void *context, struct slice topic, int32_t partition, int64_t from, int64_t to);
MUST_USE int wire_client_damages(struct wire_client *client, wire_damage_fn *damage, void *context);

/* Each topic, and each group that this broker coordinates; the name lives as long as the call. -errno: the broker does not tell. */
typedef void wire_name_fn(void *context, struct slice name);
MUST_USE int wire_client_topic_names(struct wire_client *client, wire_name_fn *name, void *context);
MUST_USE int wire_client_group_names(struct wire_client *client, wire_name_fn *name, void *context);

/* A group of KIP-848, as its coordinator describes it; all of it lives until the next question. */
struct wire_group_partition {
	struct slice topic;
	int32_t partition;
};
struct wire_group_member {
	struct slice id, client_id, host, instance_id; /* instance_id.data NULL: it is not static */
	struct wire_group_partition *partitions;
	uint32_t partition_count;
};
struct wire_group {
	struct slice state, assignor;
	struct wire_group_member *members;
	uint32_t member_count;
};
/* -ENOENT: there is no such group of this protocol; others: the broker does not tell. */
MUST_USE int wire_client_group(struct wire_client *client, const char *name, struct wire_group *out);

/* Whose configs. The numbers are the protocol's. */
enum wire_resource_type { WIRE_RESOURCE_BROKER = 4, WIRE_RESOURCE_GROUP = 32 };
struct wire_resource {
	enum wire_resource_type type;
	const char *name;              /* a broker's id, "" for all brokers; a group */
};
struct wire_config {
	struct slice name, value;      /* value.data NULL: none */
	int source;                    /* as DescribeConfigs has it */
	bool is_read_only, is_sensitive;
};
/* All of a resource; they live until the next question. -EINVAL: refused, with the broker's sentence in `why`; -errno. */
MUST_USE int wire_client_configs(struct wire_client *client, const struct wire_resource *resource, struct wire_config **configs, uint32_t *count, char *why,
				 size_t why_size);
struct wire_config_change {
	struct slice name, value;      /* value.data NULL: unset */
};
/* All or none; `is_rehearsal`: the broker checks them alone. */
MUST_USE int wire_client_alter_configs(struct wire_client *client, const struct wire_resource *resource, const struct wire_config_change *changes,
				       uint32_t count, bool is_rehearsal, char *why, size_t why_size);
