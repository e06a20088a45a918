/* What the files of `spate topic` share. Owner: the main thread. */
#pragma once

#include "cli/admin.h"
#include "cli/client_verb.h"

int topic_describe_run(int argc, char **argv);
int topic_alter_run(int argc, char **argv);
int topic_trim_run(int argc, char **argv);

/* KEY=VALUE as a user wrote it; the value points into it. */
struct topic_setting {
	char key[256];
	const char *value;
};
/* Checks key and value before a broker is asked; `flag` is what the complaint calls it. An exit status. */
MUST_USE int topic_setting_parse(struct topic_setting *out, const char *flag, const char *text);
/* The same of a key alone. */
MUST_USE int topic_key_check(const char *name);

/* Makes a topic with the broker's defaults and says nothing, unless it goes wrong. */
MUST_USE int topic_create_with_defaults(struct kafka_client *client, const char *name);

/* Asks for a topic's configs: `call` holds the answer, and is to be ended whatever is returned. NULL after a complaint. */
MUST_USE const rd_kafka_ConfigResource_t *topic_configs_ask(struct admin_call *call, struct kafka_client *client, const char *name);

int topic_create_run(int argc, char **argv);
/* STATUS_USAGE, after a complaint, for what cannot be a topic's name. */
MUST_USE int topic_name_check(const char *name);
