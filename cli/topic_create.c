/* `spate topic create`. What can be seen to be wrong here (a name, a config key, a value) is refused before the broker is asked. Failure modes: what the
 * broker refuses, each topic for itself. */
#include "cli/topic.h"

#include <stdio.h>

#include "cli/deeds.h"
#include "log/catalog/catalog.h"

struct create_flags {
	struct kafka_flags kafka;
	int64_t partitions, replication_factor;
	struct flag_list configs;
	bool is_json, may_exist;
};

static int check_creation(void *context, const struct arguments *names)
{
	struct create_flags *flags = context;
	struct topic_setting setting;
	int status = STATUS_OK;
	for (uint32_t i = 0; !status && i < names->count; i++)
		status = topic_name_check(names->items[i]);
	for (uint32_t i = 0; !status && i < flags->configs.count; i++)
		status = topic_setting_parse(&setting, "--config", flags->configs.items[i]);
	return status;
}

static rd_kafka_NewTopic_t *make_new_topic(const struct create_flags *flags, const char *name)
{
	char why[256];
	rd_kafka_NewTopic_t *topic = kafka()->rd_kafka_NewTopic_new(name, (int)flags->partitions, (int)flags->replication_factor, why, sizeof why);
	if (!topic) {
		complain("topic '%s': %s", name, why);
		return NULL;
	}
	for (uint32_t i = 0; i < flags->configs.count; i++) {
		struct topic_setting setting;
		if (topic_setting_parse(&setting, "--config", flags->configs.items[i]) == STATUS_OK)
			kafka()->rd_kafka_NewTopic_set_config(topic, setting.key, setting.value);
	}
	return topic;
}

static int send_creation(struct kafka_client *client, rd_kafka_NewTopic_t **topics, size_t count, const struct admin_deed *deed, struct deeds *deeds)
{
	struct admin_call call;
	admin_begin(&call, client, false);
	kafka()->rd_kafka_CreateTopics(client->handle, topics, count, call.options, call.queue);
	int status = admin_wait(&call);
	if (!status) {
		size_t result_count;
		const rd_kafka_topic_result_t **results =
			kafka()->rd_kafka_CreateTopics_result_topics(kafka()->rd_kafka_event_CreateTopics_result(call.event), &result_count);
		status = admin_report_topics(results, result_count, deed, deeds);
	}
	admin_end(&call);
	return status;
}

static int create_topics(struct kafka_client *client, void *context, const struct arguments *names)
{
	const struct create_flags *flags = context;
	const struct admin_deed deed = {
		.done = "created",
		.tolerated = flags->may_exist ? RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS : 0,
		.tolerated_result = "exists",
		.said = "exists already:",
	};
	rd_kafka_NewTopic_t *topics[COUNT_OF(names->items)];
	uint32_t count = 0;
	struct deeds deeds;
	while (count < names->count && (topics[count] = make_new_topic(flags, names->items[count])))
		count++;
	deeds_open(&deeds, flags->is_json, "topics");
	int status = count == names->count ? send_creation(client, topics, count, &deed, &deeds) : STATUS_USAGE;
	int told = deeds_close(&deeds);
	while (count)
		kafka()->rd_kafka_NewTopic_destroy(topics[--count]);
	return status ? status : told;
}

int topic_create_with_defaults(struct kafka_client *client, const char *name)
{
	struct create_flags flags = {.partitions = -1, .replication_factor = -1};
	int status = topic_name_check(name);
	rd_kafka_NewTopic_t *topic = status ? NULL : make_new_topic(&flags, name);
	if (!topic)
		return status ? status : STATUS_USAGE;
	status = send_creation(client, &topic, 1, NULL, NULL);
	kafka()->rd_kafka_NewTopic_destroy(topic);
	return status;
}

int topic_create_run(int argc, char **argv)
{
	struct create_flags flags = {.partitions = -1, .replication_factor = -1};
	kafka_flags_init(&flags.kafka);
	const struct flag list[] = {
		INT_FLAG("partitions", 'p', &flags.partitions, "N", 1, TOPIC_PARTITIONS_MAX, "how many (the broker's num.partitions)"),
		LIST_FLAG("config", 'c', &flags.configs, "CONFIG=VALUE", "a config of the topic; may be given often"),
		INT_FLAG("replication-factor", 'r', &flags.replication_factor, "N", 1, 32767, "copies of each (the broker's default; 1 here)"),
		BOOL_FLAG("if-not-exists", 0, &flags.may_exist, "one that is there already is as good (it is left as it is)"),
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table table = {
		.command = "spate topic create",
		.arguments = "TOPIC...",
		.about = "Creates topics. 'spate config explain' lists the configs a topic can have.",
		.examples = "  spate topic create orders --partitions 3\n  spate topic create audit -c retention.ms=-1 -c compression.type=zstd\n"
			    "  spate topic create orders --if-not-exists\n",
		.flags = list,
		.flag_count = COUNT_OF(list),
		.argument_min = 1,
		.argument_max = ARGUMENTS_MAX,
	};
	const struct client_verb verb = {.table = &table, .kafka = &flags.kafka, .type = RD_KAFKA_PRODUCER, .check = check_creation, .run = create_topics, .context = &flags};
	return client_verb_run(&verb, argc, argv);
}
