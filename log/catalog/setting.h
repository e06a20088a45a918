/* Settings: the small durable state of a cluster that is not topics (configs of brokers and groups, quotas, credentials, ...).
 *
 * A setting is (type, name, key) -> value, all three texts opaque here: the catalog keeps them durably and in order, and who needs them gives
 * them their meaning. Immutable once published in an image (log/catalog/catalog.h says how to look them up and change them). Any thread. */
#pragma once

#include "log/base/err.h"

/* Of whom a setting is. The numbers are on disk. */
enum setting_type {
	SETTING_BROKER = 1,         /* name: a node id, or nothing for the default of all; key: a config's name */
	SETTING_CLUSTER = 2,        /* name: what it is about ("feature"); key: its name */
	SETTING_GROUP = 3,          /* name: a group id; key: a config's name */
	SETTING_CLIENT_METRICS = 4, /* name: a subscription; key: a config's name */
	SETTING_QUOTA = 5,          /* name: the entity, as its owner writes it; key: a quota's name */
	SETTING_USER = 6,           /* name: a user; key: a mechanism */
	setting_type_max = 255
};

/* Larger texts are refused, and so is a change that leaves more settings, or more bytes of texts, than that. */
#define SETTING_NAME_SIZE_MAX 65535
#define SETTING_KEY_SIZE_MAX 1024
#define SETTING_VALUE_SIZE_MAX 65535
#define SETTINGS_MAX 100000
#define SETTINGS_SIZE_MAX ((uint64_t)64 << 20)

struct setting {
	uint8_t type;
	struct slice name, key, value; /* behind each is a zero byte */
	uint32_t references;           /* the catalog's own; atomic */
};

struct setting_change {
	uint8_t type;
	struct slice name, key;        /* both may be empty */
	const struct slice *value;     /* NULL: it is unset; one that is not there may be unset too */
};

/* Some settings that follow each other in the order of type, name, key. */
struct setting_range {
	const struct setting *const *at;
	uint32_t count;
};
