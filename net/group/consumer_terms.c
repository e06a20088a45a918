/* The configs of a single group (GROUP resources): settings of the catalog under the group's name, in force at once. A timer that runs keeps its time,
 * and has the new one when the member calls next, as in Kafka.
 *
 * A value outside the broker's bounds, which may have been narrowed since it was set, counts as the nearest inside, as in Kafka. */
#include "net/group/consumer.h"

#include <stdlib.h>

#include "net/group/consumer_priv.h"

static int64_t bound(const struct broker_config *config, const struct config_key *key, const char *which, int64_t otherwise)
{
	char name[96];
	return config_group_bound(key, which, name, sizeof name) ? broker_config_int(config, name) : otherwise;
}

/* -1: the group has none. */
static int32_t own_number(const struct consumer *consumer, const char *name)
{
	const struct catalog_image *image = consumer__coordinator(consumer)->image;
	const struct config_key *key = config_group_key(slice_from(name));
	const struct setting *setting = catalog_setting(image, SETTING_GROUP, group__id(consumer->group), slice_from(name));
	char why[128];
	if (!setting || config_check(key, setting->value, why, sizeof why))
		return -1;
	int64_t number = strtoll((const char *)setting->value.data, NULL, 10);
	int64_t min = bound(image->config, key, "min", key->min), max = bound(image->config, key, "max", key->max);
	return (int32_t)(number < min ? min : number > max ? max : number);
}

void consumer__refresh_terms(struct consumer *consumer)
{
	const struct catalog_image *image = consumer__coordinator(consumer)->image;
	if (consumer->own_version == image->settings_version)
		return;
	consumer->own_version = image->settings_version;
	consumer->own = (struct consumer_terms){
		.session_timeout_ms = own_number(consumer, "consumer.session.timeout.ms"),
		.heartbeat_interval_ms = own_number(consumer, "consumer.heartbeat.interval.ms"),
		.assignment_interval_ms = own_number(consumer, "consumer.assignment.interval.ms"),
	};
}
