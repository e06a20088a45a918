/* Configuration by Kafka's names: one table of keys with type, default, bounds and a sentence, for the broker and for topics.
 * The table is what `spate config explain`, DescribeConfigs, the config file and --set are answered from, so that a key
 * exists everywhere or nowhere. What is changed while the broker runs (topics' values, and the broker's dynamic ones) lives in the catalog, whose
 * images each have a broker_config of their own: one that others may see does not change.
 * Any thread may read the tables. Parsing never aborts: what a user wrote is refused with a sentence. */
#pragma once

#include "log/base/err.h"

enum config_type { CONFIG_BOOL, CONFIG_INT, CONFIG_LONG, CONFIG_DOUBLE, CONFIG_STRING, CONFIG_LIST, CONFIG_ENUM };

/* The values match DescribeConfigs' ConfigType and ConfigSource where Kafka has them (see net/api). */
struct config_key {
	const char *name;          /* "retention.ms", "log.retention.ms" */
	size_t name_size;
	enum config_type type;
	const char *default_value; /* as Kafka prints it; NULL = no value */
	int64_t min, max;          /* for INT and LONG */
	const char *choices;       /* ENUM and LIST, and INT where not all between min and max will do: "delete,compact"; else NULL */
	const char *broker_name;   /* topic keys: the broker key that sets its default (of several, the one that comes first), or NULL */
	bool is_topic;             /* a topic key, else a broker key */
	bool is_ours;              /* not Kafka's: named spate.* */
	bool is_dynamic;           /* a broker key that may be changed while the broker runs, as in Kafka */
	bool is_of_one_broker;     /* ... for each broker by itself, not for all at once */
	bool is_inert;             /* accepted and stored for tools, without effect on one node */
	const char *doc;           /* one or two sentences of our own */
};

const struct config_key *config_topic_keys(uint32_t *count);
const struct config_key *config_broker_keys(uint32_t *count);
/* What a group, and a subscription to client metrics, can be given of their own. */
const struct config_key *config_group_keys(uint32_t *count);
const struct config_key *config_client_metrics_keys(uint32_t *count);
const struct config_key *config_group_key(struct slice name);
const struct config_key *config_client_metrics_key(struct slice name);
/* The broker key that bounds a group's key, `which` being "min" or "max", as text in `out`; NULL if there is none. */
const char *config_group_bound(const struct config_key *key, const char *which, char *out, size_t size);
/* A broker key of Kafka's that is read at start, and has no row in the tables: it means nothing here. */
bool config_is_foreign(struct slice name);
/* NULL if there is none. `name` need not end in a zero byte. */
const struct config_key *config_topic_key(struct slice name);
const struct config_key *config_broker_key(struct slice name);
/* The known name closest to a wrong one, or NULL if none is near. */
const char *config_nearest(const char *name, bool is_topic);
/* Why a key of Kafka's is not in the tables ("TLS is not supported yet"), or NULL if that is not known. */
const char *config_absent_feature(const char *name);
/* 0, or ERR_INVALID_CONFIG with a sentence in `why`. */
MUST_USE int config_check(const struct config_key *key, struct slice value, char *why, size_t why_size);

/* ---- the values a topic runs with --------------------------------------------------------------------------- */

enum timestamp_type { TIMESTAMP_CREATE = 0, TIMESTAMP_APPEND = 1 };

struct topic_config {
	bool is_compacted, is_deleted;        /* cleanup.policy */
	int8_t codec;                         /* compression.type: -1 producer, 0 uncompressed, 1 gzip, 2 snappy, 3 lz4, 4 zstd */
	int8_t gzip_level, lz4_level;
	int32_t zstd_level;                   /* down to -131072 */
	int32_t max_message_bytes;
	int32_t segment_bytes;
	int64_t segment_ms;
	int64_t segment_jitter_ms;
	int32_t segment_index_bytes;
	int32_t index_interval_bytes;
	int64_t retention_ms, retention_bytes; /* -1 = no limit */
	int64_t file_delete_delay_ms;
	enum timestamp_type timestamp_type;
	int64_t timestamp_before_max_ms, timestamp_after_max_ms;
	int32_t min_insync_replicas;
};

/* ---- the values a broker runs with --------------------------------------------------------------------------- */

/* Where a value comes from, as DescribeConfigs tells it: Kafka's ConfigSource. Of a broker's value the smaller number wins. */
enum config_source {
	CONFIG_SOURCE_TOPIC = 1,
	CONFIG_SOURCE_DYNAMIC_BROKER = 2,   /* given to this broker while it ran */
	CONFIG_SOURCE_DYNAMIC_DEFAULT = 3,  /* given to all brokers while they ran */
	CONFIG_SOURCE_BROKER = 4,           /* given at start: the file, --set */
	CONFIG_SOURCE_DEFAULT = 5,
	CONFIG_SOURCE_LOGGER = 6,
	CONFIG_SOURCE_CLIENT_METRICS = 7,
	CONFIG_SOURCE_GROUP = 8,
};

/* A set of broker keys with the values a user gave; the rest are defaults. */
struct broker_config;

MUST_USE int broker_config_create(struct broker_config **out);
void broker_config_destroy(struct broker_config *config);
/* Sets one key: ERR_INVALID_CONFIG with a sentence (what, why, how to fix, "did you mean") in `why`. */
MUST_USE int broker_config_set(struct broker_config *config, const char *name, const char *value, char *why, size_t why_size);
/* A copy of what was given at start, to which what was given since is set anew. -ENOMEM. */
MUST_USE int broker_config_copy_static(struct broker_config **out, const struct broker_config *config);
/* The same for a value of another source, DYNAMIC_BROKER or DYNAMIC_DEFAULT. */
MUST_USE int broker_config_set_dynamic(struct broker_config *config, enum config_source source, const char *name, const char *value, char *why, size_t why_size);
/* Reads a flat `key = value` file (# comments). What it refuses comes in `why` as a sentence a line, each with the file and the line, as many as
 * fit; what is good is set all the same. */
MUST_USE int broker_config_load(struct broker_config *config, const char *path, char *why, size_t why_size);
/* The value in force; NULL for a key without value. Kafka's older names stand in: node.id is broker.id's value if only that is set, log.dirs log.dir's.
 * CHECKs that the key exists; the typed ones also that it has a value. */
const char *broker_config_value(const struct broker_config *config, const char *name);
bool broker_config_is_set(const struct broker_config *config, const char *name); /* by the user, not by default */
enum config_source broker_config_source(const struct broker_config *config, const char *name); /* of the value in force */
/* What one source gives it, in force or not; NULL if nothing. The default is a source as well. */
const char *broker_config_value_from(const struct broker_config *config, const char *name, enum config_source source);
int64_t broker_config_int(const struct broker_config *config, const char *name);
bool broker_config_bool(const struct broker_config *config, const char *name);
double broker_config_double(const struct broker_config *config, const char *name);

/* Resolves a topic's values: overrides (name, value) over the broker's over the defaults. The overrides were checked. */
struct config_override {
	const char *name;  /* points at the key table's name */
	char *value;       /* owned by whoever owns the override */
};

struct config_value {
	const char *text;              /* NULL: no value. Points at the override, the broker's value, the table, or `scaled` */
	enum config_source source;
	const char *broker_name;       /* of a value that the broker was given: its key; else NULL */
	char scaled[24];               /* a value given in another unit (hours), in the key's own */
};
void topic_config_value(struct config_value *out, const struct config_key *key, const struct broker_config *broker,
			const struct config_override *overrides, uint32_t count);
/* The broker keys that a broker key shares its meaning with, in the order in which they are asked (log.retention.ms, .minutes, .hours): the i-th, or NULL. */
const char *config_broker_synonym(const char *name, uint32_t i);
/* What a topic without values of its own runs with; and what one with these does: `config` is what the former has. Every value was checked when it was set. */
void topic_config_resolve(struct topic_config *out, const struct broker_config *broker);
void topic_config_override(struct topic_config *config, const struct config_override *overrides, uint32_t count);
