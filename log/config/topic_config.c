/* The values a topic runs with: its own over the broker's over the defaults.
 *
 * Some topic keys have several broker keys in different units (log.retention.ms, .minutes, .hours); the finest that is set wins, as in Kafka.
 * Failure modes: none, since every value was checked when it was set. */
#include "log/config/config.h"

#include <stddef.h>
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

/* A value of a topic's, and where it goes. */
struct field {
	const char *name;
	enum { FIELD_INT, FIELD_CODEC, FIELD_TIMESTAMP_TYPE, FIELD_CLEANUP } kind;
	size_t at, size; /* of FIELD_INT */
};

#define INT_FIELD(key, member) {key, FIELD_INT, offsetof(struct topic_config, member), sizeof(((struct topic_config *)0)->member)}

static const struct field fields[] = {
	{"compression.type", FIELD_CODEC, 0, 0},
	INT_FIELD("compression.gzip.level", gzip_level),
	INT_FIELD("compression.lz4.level", lz4_level),
	INT_FIELD("compression.zstd.level", zstd_level),
	INT_FIELD("max.message.bytes", max_message_bytes),
	INT_FIELD("segment.bytes", segment_bytes),
	INT_FIELD("segment.ms", segment_ms),
	INT_FIELD("segment.jitter.ms", segment_jitter_ms),
	INT_FIELD("segment.index.bytes", segment_index_bytes),
	INT_FIELD("index.interval.bytes", index_interval_bytes),
	INT_FIELD("retention.ms", retention_ms),
	INT_FIELD("retention.bytes", retention_bytes),
	INT_FIELD("file.delete.delay.ms", file_delete_delay_ms),
	{"message.timestamp.type", FIELD_TIMESTAMP_TYPE, 0, 0},
	INT_FIELD("message.timestamp.before.max.ms", timestamp_before_max_ms),
	INT_FIELD("message.timestamp.after.max.ms", timestamp_after_max_ms),
	INT_FIELD("min.insync.replicas", min_insync_replicas),
	{"cleanup.policy", FIELD_CLEANUP, 0, 0},
};

static void put_int(struct topic_config *out, const struct field *field, const char *text)
{
	int64_t number;
	CHECKF(config_parse_int(slice_from(text), &number), "%s = %s", field->name, text);
	memcpy((uint8_t *)out + field->at, &number, field->size); /* the lower bytes, as numbers are little-endian here */
}

/* Which of `words` the value is. */
static int word_of(const struct field *field, const char *value, const char *const *words, int count)
{
	struct slice text = config_trim(slice_from(value));
	for (int i = 0; i < count; i++)
		if (strlen(words[i]) == text.size && memcmp(words[i], text.data, text.size) == 0)
			return i;
	CHECKF(false, "%s = %s", field->name, value);
	return 0;
}

static void put_cleanup(struct topic_config *out, const char *text)
{
	struct slice rest = slice_from(text), item;
	out->is_compacted = out->is_deleted = false;
	while (config_next_item(&rest, &item)) {
		out->is_compacted |= item.size == 7 && memcmp(item.data, "compact", 7) == 0;
		out->is_deleted |= item.size == 6 && memcmp(item.data, "delete", 6) == 0;
	}
}

static void put(struct topic_config *out, const struct field *field, const char *text)
{
	/* In the order of the codec numbers of the record format, after "producer", which is -1. */
	static const char *const codecs[] = {"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"};
	static const char *const timestamp_types[] = {"CreateTime", "LogAppendTime"};
	switch (field->kind) {
	case FIELD_INT: put_int(out, field, text); return;
	case FIELD_CODEC: out->codec = (int8_t)(word_of(field, text, codecs, COUNT_OF(codecs)) - 1); return;
	case FIELD_TIMESTAMP_TYPE: out->timestamp_type = (enum timestamp_type)word_of(field, text, timestamp_types, COUNT_OF(timestamp_types)); return;
	case FIELD_CLEANUP: put_cleanup(out, text); return;
	}
	UNREACHABLE();
}

void topic_config_override(struct topic_config *config, const struct config_override *overrides, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		for (size_t f = 0; f < COUNT_OF(fields); f++)
			if (strcmp(fields[f].name, overrides[i].name) == 0)
				put(config, &fields[f], overrides[i].value);
}

void topic_config_resolve(struct topic_config *out, const struct broker_config *broker)
{
	memset(out, 0, sizeof *out); /* whether two are the same is asked of all their bytes */
	for (size_t f = 0; f < COUNT_OF(fields); f++) {
		const struct config_key *key = config_topic_key(slice_from(fields[f].name));
		struct config_value value;
		CHECKF(key, "no topic key %s", fields[f].name);
		topic_config_value(&value, key, broker, NULL, 0);
		put(out, &fields[f], value.text);
	}
}
