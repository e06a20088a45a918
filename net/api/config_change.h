/* Changes of configs: how CreateTopics, AlterConfigs and IncrementalAlterConfigs judge and merge what a
 * client wants, and the one control operation behind the two alter APIs.
 *
 * What is not of topics is in net/api/config_settings.h. Owner: the request; see net/api/refusal.h. */
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

/* Longer lists are not edited: the work grows with the square of their items. */
#define CONFIG_EDIT_SIZE_MAX 16384

/* `base` with the changes made, in order, each value checked; the names are topic keys. True: refused, and
 * why. */
MUST_USE bool config_merge(struct request *request, struct refusal *refusal, const struct broker_config *config, const struct config_overrides *base,
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
/* "a, b" of what comes so far, cut where it gets long. */
struct slice config_add_name(struct request *request, struct slice names, struct slice name);
/* An operation that there is not, or one on lists for a key that is none. */
bool config_refuse_operation(struct request *request, struct refusal *refusal, const struct config_change *change, bool is_list);
/* What is no resource. */
bool refuse_resource_type(struct request *request, struct refusal *refusal, int8_t type);
