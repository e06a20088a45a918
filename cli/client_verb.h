/* The course of each verb that asks a broker: read the flags, check what can be checked alone, connect, do it, disconnect. A verb is its table of flags
 * and two functions; what its flags say is its context. Owner: the main thread. */
#pragma once

#include "cli/command.h"
#include "cli/kafka_client.h"

struct client_verb {
	const struct flag_table *table;
	const struct kafka_flags *kafka;
	rd_kafka_type_t type;
	/* Before a broker is asked; may be NULL. Both return an exit status, after a complaint if it is not STATUS_OK. */
	int (*check)(void *context, const struct arguments *arguments);
	int (*run)(struct kafka_client *client, void *context, const struct arguments *arguments);
	void *context;
	const struct kafka_wishes *wishes; /* may be NULL */
};

int client_verb_run(const struct client_verb *verb, int argc, char **argv);
