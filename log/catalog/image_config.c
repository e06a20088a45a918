/* Lays settings over a configuration. Failure modes: no memory, before anything is changed. */
#include "log/catalog/image_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the configuration ---------------------------------------------------------------------------------------------- */

static int lay_over(struct broker_config *config, enum config_source source, struct setting_range settings)
{
	int err = 0;
	for (uint32_t i = 0; i < settings.count && err != -ENOMEM; i++) {
		const struct setting *setting = settings.at[i];
		const struct config_key *key = config_broker_key(setting->key);
		char why[256];
		err = key ? broker_config_set_dynamic(config, source, key->name, (const char *)setting->value.data, why, sizeof why) : 0;
		if (err && err != -ENOMEM)
			fprintf(stderr, "spate: warning: a stored broker config is not used: %s\n", why);
	}
	return err == -ENOMEM ? err : 0;
}

/* All brokers have min.insync.replicas from the start, as in a Kafka whose eligible.leader.replicas.version is 1 when it is formatted: tools and suites
 * look for it there. The value is that of the start. */
static int imply_settings(struct broker_config *config)
{
	static const char key[] = "min.insync.replicas";
	char why[256];
	return broker_config_set_dynamic(config, CONFIG_SOURCE_DYNAMIC_DEFAULT, key, broker_config_value(config, key), why, sizeof why);
}

static int build(struct broker_config **out, const struct broker_config *given, const struct setting_set *settings, int32_t node_id)
{
	char name[16];
	int size = snprintf(name, sizeof name, "%d", node_id);
	struct slice all = {0}, self = {(const uint8_t *)name, (size_t)size};
	int err = broker_config_copy_static(out, given);
	if (err)
		return err;
	err = imply_settings(*out);
	err = err ? err : lay_over(*out, CONFIG_SOURCE_DYNAMIC_DEFAULT, setting_set_find(settings, SETTING_BROKER, &all));
	err = err ? err : lay_over(*out, CONFIG_SOURCE_DYNAMIC_BROKER, setting_set_find(settings, SETTING_BROKER, &self));
	if (err)
		broker_config_destroy(*out);
	return err;
}

int image_config_create(struct image_config **out, const struct broker_config *given, const struct setting_set *settings, int32_t node_id)
{
	struct image_config *config = malloc(sizeof *config);
	if (!config)
		return -ENOMEM;
	config->references = 1;
	int err = build(&config->config, given, settings, node_id);
	if (err) {
		free(config);
		return err;
	}
	*out = config;
	return 0;
}

struct image_config *image_config_retain(struct image_config *config)
{
	if (config)
		__atomic_add_fetch(&config->references, 1, __ATOMIC_RELAXED);
	return config;
}

void image_config_release(struct image_config *config)
{
	if (!config || __atomic_sub_fetch(&config->references, 1, __ATOMIC_ACQ_REL))
		return;
	broker_config_destroy(config->config);
	free(config);
}

/* ---- the topics -------------------------------------------------------------------------------------------------------- */

static struct topic *resolve_topic(const struct topic *topic, const struct topic_defaults *defaults)
{
	return catalog_topic_create(&topic->id, slice_from(topic->name), topic->partition_count,
			    topic->created_incarnation, topic->overrides, topic->override_count, defaults);
}

static void free_topics(struct topic **topics, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		catalog_topic_destroy(topics[i]);
	free(topics);
}

int image_draft_resolve(struct image_draft *draft, const struct topic_defaults *defaults)
{
	uint32_t count = draft->image->topic_count;
	struct topic **topics = malloc((count ? count : 1) * sizeof *topics);
	if (!topics)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		topics[i] = resolve_topic(draft->image->topics[i], defaults);
		if (!topics[i]) {
			free_topics(topics, i);
			return -ENOMEM;
		}
	}
	for (uint32_t i = 0; i < count; i++)
		image_draft_replace(draft, draft->image->topics[i], topics[i]);
	free(topics);
	return 0;
}

void image_draft_discard_resolved(struct image_draft *draft)
{
	for (uint32_t i = 0; i < draft->image->topic_count; i++)
		catalog_topic_destroy(draft->image->topics[i]);
	image_draft_discard(draft);
}
