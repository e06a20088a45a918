/* Changes of configs: how CreateTopics, AlterConfigs and IncrementalAlterConfigs judge and merge what a
 * client wants, and the one control operation behind the two alter APIs.
 *
 * Topics' configs can be changed; the broker's are read at start, and a change of them is refused with the
 * words Kafka has for keys that are not dynamic. Owner: the request; see net/api/refusal.h. */
#pragma once

#include "net/api/refusal.h"

/* The numbers are those of IncrementalAlterConfigs. */
enum config_operation { CONFIG_SET = 0, CONFIG_DELETE = 1, CONFIG_APPEND = 2, CONFIG_SUBTRACT = 3 };

/* ConfigResource.Type */
enum resource_type {
	RESOURCE_TOPIC = 2, RESOURCE_BROKER = 4, RESOURCE_BROKER_LOGGER = 8, RESOURCE_CLIENT_METRICS = 16, RESOURCE_GROUP = 32,
};

struct config_change {
	int8_t operation;
	struct slice name;
	struct slice value;   /* data NULL: none */
};

struct config_overrides {
	struct config_override *items;
	uint32_t count;
};

/* `base` with the changes made, in order, each value checked; the names are topic keys. True: refused, and
 * why. */
MUST_USE bool config_merge(struct request *request, struct refusal *refusal, const struct config_overrides *base,
			   const struct config_change *changes, uint32_t count, struct config_overrides *out);

/* One resource of an alter request. */
struct config_target {
	int8_t type;
	struct slice name;
	struct config_change *changes;
	uint32_t count;
	struct refusal refusal;        /* the outcome */
};

struct config_alteration {
	struct control_op op;
	struct request *request;
	step_fn *next;
	struct config_target *targets;
	uint32_t count, done_count;
	struct repeats repeats;
	bool is_replacing;             /* what is not named falls back to its default (AlterConfigs) */
	bool is_dry_run;
};

/* Judges and makes all changes, each resource for itself; `next` runs with the outcomes in the targets, and with the alteration as the
 * request's state. */
enum step config_alter(struct request *request, struct config_alteration *alteration, step_fn *next);

/* Is `name` this broker? `id_word` is "Broker" or "Node"; `expected` says what would have been right. */
bool refuse_broker_name(struct request *request, struct refusal *refusal, struct slice name,
			const char *id_word, const char *expected);
/* Resources whose configs are not kept here. */
bool refuse_resource_type(struct request *request, struct refusal *refusal, int8_t type);
