/* The values a topic runs with: its own over the broker's over the defaults.
 *
 * Some topic keys have several broker keys in different units (log.retention.ms, .minutes, .hours); the finest that is set wins, as in Kafka.
 * Failure modes: none, since every value was checked when it was set. */
#include "log/config/config.h"

#include <stdio.h>

#include "log/base/check.h"
#include "log/config/config_parse.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS INT64_C(3600000)

/* Broker keys that set a topic key's default beside its `broker_name`, in the order they are asked. */
static const struct {
	const char *topic_name, *broker_name;
	int64_t unit;
} coarser[] = {
	{"retention.ms", "log.retention.minutes", MINUTE_MS},
	{"retention.ms", "log.retention.hours", HOUR_MS},
	{"segment.ms", "log.roll.hours", HOUR_MS},
	{"segment.jitter.ms", "log.roll.jitter.hours", HOUR_MS},
	{"flush.ms", "log.flush.scheduler.interval.ms", 1},
};

const char *config_broker_synonym(const char *name, uint32_t i)
{
	static const char *const families[][3] = {
		{"log.retention.ms", "log.retention.minutes", "log.retention.hours"},
		{"log.roll.ms", "log.roll.hours"},
		{"log.roll.jitter.ms", "log.roll.jitter.hours"},
		{"log.flush.interval.ms", "log.flush.scheduler.interval.ms"},
	};
	for (size_t f = 0; f < COUNT_OF(families); f++)
		for (size_t of = 0; of < COUNT_OF(families[f]); of++)
			if (families[f][of] && strcmp(families[f][of], name) == 0)
				return of + i < COUNT_OF(families[f]) ? families[f][of + i] : NULL;
	return i == 0 ? name : NULL;
}

static bool take_override(struct config_value *out, const struct config_key *key, const struct config_override *overrides, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(overrides[i].name, key->name) != 0)
			continue;
		out->text = overrides[i].value;
		out->source = CONFIG_SOURCE_TOPIC;
		return true;
	}
	return false;
}

static bool take_broker(struct config_value *out, const char *broker_name, const struct broker_config *broker)
{
	if (!broker_config_is_set(broker, broker_name))
		return false;
	out->text = broker_config_value(broker, broker_name);
	out->source = broker_config_source(broker, broker_name);
	out->broker_name = broker_name;
	return true;
}

/* In the key's unit. Negative means no limit, whatever the unit. */
static void scale(struct config_value *out, int64_t unit)
{
	int64_t number;
	CHECK(config_parse_int(slice_from(out->text), &number));
	snprintf(out->scaled, sizeof out->scaled, "%lld", (long long)(number < 0 ? -1 : number * unit));
	out->text = out->scaled;
}

static bool take_coarser(struct config_value *out, const struct config_key *key, const struct broker_config *broker)
{
	for (size_t i = 0; i < COUNT_OF(coarser); i++) {
		if (strcmp(coarser[i].topic_name, key->name) != 0 || !take_broker(out, coarser[i].broker_name, broker))
			continue;
		if (coarser[i].unit != 1)
			scale(out, coarser[i].unit);
		return true;
	}
	return false;
}

void topic_config_value(struct config_value *out, const struct config_key *key, const struct broker_config *broker,
			const struct config_override *overrides, uint32_t count)
{
	*out = (struct config_value){.text = key->default_value, .source = CONFIG_SOURCE_DEFAULT};
	if (take_override(out, key, overrides, count))
		return;
	if (key->broker_name && take_broker(out, key->broker_name, broker))
		return;
	take_coarser(out, key, broker);
}

/* ---- resolution --------------------------------------------------------------------------------------------------- */

struct lookup {
	const struct broker_config *broker;
	const struct config_override *overrides;
	uint32_t count;
};

static void look_up(struct config_value *out, const struct lookup *in, const char *name)
{
	const struct config_key *key = config_topic_key(slice_from(name));
	CHECKF(key, "no topic key %s", name);
	topic_config_value(out, key, in->broker, in->overrides, in->count);
}

static int64_t int_of(const struct lookup *in, const char *name)
{
	struct config_value value;
	int64_t number;
	look_up(&value, in, name);
	CHECKF(config_parse_int(slice_from(value.text), &number), "%s = %s", name, value.text);
	return number;
}

/* Which of `words` the value is. */
static int word_of(const struct lookup *in, const char *name, const char *const *words, int count)
{
	struct config_value value;
	look_up(&value, in, name);
	struct slice text = config_trim(slice_from(value.text));
	for (int i = 0; i < count; i++)
		if (strlen(words[i]) == text.size && memcmp(words[i], text.data, text.size) == 0)
			return i;
	CHECKF(false, "%s = %s", name, value.text);
	return 0;
}

static void resolve_cleanup(struct topic_config *out, const struct lookup *in)
{
	struct config_value value;
	look_up(&value, in, "cleanup.policy");
	struct slice rest = slice_from(value.text), item;
	while (config_next_item(&rest, &item)) {
		out->is_compacted |= item.size == 7 && memcmp(item.data, "compact", 7) == 0;
		out->is_deleted |= item.size == 6 && memcmp(item.data, "delete", 6) == 0;
	}
}

void topic_config_resolve(struct topic_config *out, const struct broker_config *broker,
			  const struct config_override *overrides, uint32_t count)
{
	/* In the order of the codec numbers of the record format, after "producer", which is -1. */
	static const char *const codecs[] = {"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"};
	static const char *const timestamp_types[] = {"CreateTime", "LogAppendTime"};
	struct lookup in = {broker, overrides, count};
	*out = (struct topic_config){
		.codec = (int8_t)(word_of(&in, "compression.type", codecs, COUNT_OF(codecs)) - 1),
		.gzip_level = (int8_t)int_of(&in, "compression.gzip.level"),
		.lz4_level = (int8_t)int_of(&in, "compression.lz4.level"),
		.zstd_level = (int32_t)int_of(&in, "compression.zstd.level"),
		.max_message_bytes = (int32_t)int_of(&in, "max.message.bytes"),
		.segment_bytes = (int32_t)int_of(&in, "segment.bytes"),
		.segment_ms = int_of(&in, "segment.ms"),
		.segment_jitter_ms = int_of(&in, "segment.jitter.ms"),
		.segment_index_bytes = (int32_t)int_of(&in, "segment.index.bytes"),
		.index_interval_bytes = (int32_t)int_of(&in, "index.interval.bytes"),
		.retention_ms = int_of(&in, "retention.ms"),
		.retention_bytes = int_of(&in, "retention.bytes"),
		.file_delete_delay_ms = int_of(&in, "file.delete.delay.ms"),
		.timestamp_type = (enum timestamp_type)word_of(&in, "message.timestamp.type", timestamp_types, 2),
		.timestamp_before_max_ms = int_of(&in, "message.timestamp.before.max.ms"),
		.timestamp_after_max_ms = int_of(&in, "message.timestamp.after.max.ms"),
		.min_insync_replicas = (int32_t)int_of(&in, "min.insync.replicas"),
	};
	resolve_cleanup(out, &in);
}
