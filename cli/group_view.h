/* Groups as their coordinators describe them, whichever protocol their members speak: the classic one through librdkafka; the one of KIP-848, which
 * librdkafka 2.0 cannot ask about, over the wire client. Owner: the main thread. */
#pragma once

#include "cli/kafka_client.h"
#include "log/base/arena.h"

struct group_partition {
	const char *topic;
	int32_t partition;
};

struct group_member {
	const char *id, *client_id, *host;
	const char *instance_id;             /* NULL: it is not static */
	const struct group_partition *partitions;
	uint32_t partition_count;
};

struct group_view {
	const char *name;
	const char *state;                   /* as Kafka spells it: "Stable" */
	const char *protocol;                /* "classic" or "consumer" */
	const char *assignor;                /* NULL: none */
	const char *coordinator;             /* "1 (127.0.0.1:9092)", or NULL */
	bool is_there;                       /* false: no coordinator knows it; offsets may be there all the same */
	struct group_member *members;
	uint32_t member_count;
};

/* In the order of the names that were asked for. */
struct group_views {
	struct group_view *items;
	size_t count;
	struct arena arena;
};

/* An exit status, after a complaint if it is not STATUS_OK. To be freed whatever is returned. */
MUST_USE int group_views_ask(struct group_views *out, struct kafka_client *client, const char **names, size_t count);
void group_views_free(struct group_views *views);
