/* The topic's configs are Kafka's, from the same broker keys. Two requests may find it missing at once: the
 * second is told that it exists, which is what it wanted. */
#include "net/api/group_topic.h"

#include "net/route/group_host.h"

static struct config_override override_of(const char *name, const char *value)
{
	/* The value is copied, not written to. */
	return (struct config_override){.name = config_topic_key(slice_from(name))->name, .value = (char *)value};
}

static void create(struct control_op *op, struct catalog *catalog)
{
	struct group_topic_op *make = CONTAINER_OF(op, struct group_topic_op, op);
	const struct config_override overrides[] = {
		override_of("cleanup.policy", "compact"),
		override_of("compression.type", "producer"),
		override_of("segment.bytes", broker_config_value(make->config, "offsets.topic.segment.bytes")),
	};
	struct topic_spec spec = {
		.name = slice_from(GROUP_TOPIC),
		.partition_count = (uint32_t)broker_config_int(make->config, "offsets.topic.num.partitions"),
		.override_count = COUNT_OF(overrides), .overrides = overrides};
	int topic_err = 0;
	make->err = catalog_create_topics(catalog, &spec, 1, &topic_err);
	if (!make->err && topic_err != ERR_TOPIC_EXISTS)
		make->err = topic_err;
}

void group_topic_make(struct request *request, struct group_topic_op *make)
{
	*make = (struct group_topic_op){.op.run = create, .config = request->shard->facts->config};
	if (group_partition_count(request->shard) == 0)
		control_submit(request, &make->op);
}
