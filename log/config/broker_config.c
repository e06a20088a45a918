/* The broker's configuration: for each source an array of values beside the table of keys, NULL where nothing was set.
 *
 * Happy path: create, load a file, set what the command line says over it, read. A value is checked when it is set, so that
 * reading cannot fail. Failure modes: an unknown key (the nearest name, or the reason it is not here, is told), a value that
 * its key refuses, a file that cannot be read. */
#include "log/config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/base/edit_distance.h"
#include "log/config/config_open.h"
#include "log/config/config_parse.h"

/* The sources that are kept, first the one that wins. */
#define SOURCE_FIRST CONFIG_SOURCE_DYNAMIC_BROKER
#define SOURCE_COUNT (CONFIG_SOURCE_BROKER - SOURCE_FIRST + 1)

struct broker_config {
	uint32_t count;    /* of keys */
	char *values[];    /* SOURCE_COUNT times as many */
};

static char **value_at(const struct broker_config *config, const struct config_key *key, enum config_source source)
{
	uint32_t count;
	const struct config_key *keys = config_broker_keys(&count);
	return (char **)&config->values[(uint32_t)(source - SOURCE_FIRST) * count + (uint32_t)(key - keys)];
}

int broker_config_create(struct broker_config **out)
{
	uint32_t count;
	config_broker_keys(&count);
	*out = calloc(1, sizeof **out + SOURCE_COUNT * count * sizeof(char *));
	if (!*out)
		return -ENOMEM;
	(*out)->count = count;
	return 0;
}

void broker_config_destroy(struct broker_config *config)
{
	if (!config)
		return;
	for (uint32_t i = 0; i < SOURCE_COUNT * config->count; i++)
		free(config->values[i]);
	free(config);
}

int broker_config_copy_static(struct broker_config **out, const struct broker_config *config)
{
	uint32_t count;
	const struct config_key *keys = config_broker_keys(&count);
	int err = broker_config_create(out);
	for (uint32_t i = 0; !err && i < count; i++) {
		const char *value = *value_at(config, &keys[i], CONFIG_SOURCE_BROKER);
		char **copy = value_at(*out, &keys[i], CONFIG_SOURCE_BROKER);
		if (value && !(*copy = strdup(value)))
			err = -ENOMEM;
	}
	if (err && *out)
		broker_config_destroy(*out);
	return err;
}

/* ---- setting -------------------------------------------------------------------------------------------------- */

/* The topic key that `name` is, or is a slip of: people write a topic's key into the broker's file, and mean the default of all topics. */
static const struct config_key *topic_key_meant(const char *name)
{
	const char *nearest = config_nearest(name, true);
	const struct config_key *key = config_topic_key(slice_from(name));
	return key || !nearest ? key : config_topic_key(slice_from(nearest));
}

static int refuse_name(const char *name, char *why, size_t why_size)
{
	const char *absent = config_absent_feature(name);
	const char *nearest = config_nearest(name, false);
	const struct config_key *topic_key = topic_key_meant(name);
	bool is_topic_key = topic_key && strcmp(topic_key->name, name) == 0;
	if (absent)
		snprintf(why, why_size, "%s: %s; remove it", name, absent);
	else if (is_topic_key && topic_key->broker_name)
		snprintf(why, why_size, "%s is a key of topics; did you mean %s, the default of all topics?", name, topic_key->broker_name);
	else if (is_topic_key)
		snprintf(why, why_size, "%s is a key of topics; set it with the topic", name);
	else if (topic_key && topic_key->broker_name && (!nearest || edit_distance(name, topic_key->name) < edit_distance(name, nearest)))
		snprintf(why, why_size, "unknown key %s; did you mean %s, the default of all topics for %s?", name, topic_key->broker_name, topic_key->name);
	else if (nearest)
		snprintf(why, why_size, "unknown key %s; did you mean %s?", name, nearest);
	else
		snprintf(why, why_size, "unknown key %s; 'spate config explain' lists all", name);
	return ERR_INVALID_CONFIG;
}

static int set(struct broker_config *config, enum config_source source, const char *name, const char *value, char *why, size_t why_size)
{
	const struct config_key *key = config_broker_key(slice_from(name));
	if (!key)
		return refuse_name(name, why, why_size);
	int err = config_check(key, slice_from(value), why, why_size);
	if (err)
		return err;

	struct slice trimmed = config_trim(slice_from(value));
	char *copy = strndup((const char *)trimmed.data, trimmed.size);
	if (!copy) {
		snprintf(why, why_size, "out of memory");
		return -ENOMEM;
	}
	char **place = value_at(config, key, source);
	free(*place);
	*place = copy;
	return 0;
}

int broker_config_set(struct broker_config *config, const char *name, const char *value, char *why, size_t why_size)
{
	return set(config, CONFIG_SOURCE_BROKER, name, value, why, why_size);
}

int broker_config_set_dynamic(struct broker_config *config, enum config_source source, const char *name, const char *value, char *why, size_t why_size)
{
	CHECK(source == CONFIG_SOURCE_DYNAMIC_BROKER || source == CONFIG_SOURCE_DYNAMIC_DEFAULT);
	return set(config, source, name, value, why, why_size);
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

/* Which line has set each key so far; 0: none. */
struct lines_seen {
	unsigned *of_key, now;
};

/* A key is in a file once, or with one value: what a second line would silently undo was meant by somebody. */
static int refuse_second(const struct broker_config *config, const struct lines_seen *seen, const char *name, const char *value, char *why, size_t why_size)
{
	const struct config_key *key = config_broker_key(slice_from(name));
	if (!key)
		return 0;
	uint32_t count;
	unsigned *line = &seen->of_key[key - config_broker_keys(&count)], before = *line;
	const char *old = *value_at(config, key, CONFIG_SOURCE_BROKER);
	struct slice trimmed = config_trim(slice_from(value));
	*line = seen->now;
	if (!before || !old || (strlen(old) == trimmed.size && memcmp(old, trimmed.data, trimmed.size) == 0))
		return 0;
	snprintf(why, why_size, "%s is set to '%.*s' here and to '%.100s' in line %u; remove one of the two", name,
		 (int)(trimmed.size < 100 ? trimmed.size : 100), (const char *)trimmed.data, old, before);
	return ERR_INVALID_CONFIG;
}

/* One line of the file: NAME = VALUE, or nothing. Cuts the line in place. */
static int set_from_line(struct broker_config *config, struct lines_seen *seen, char *line, size_t size, char *why, size_t why_size)
{
	struct slice text = config_trim(slice_from(line));
	if (memchr(line, '\0', size)) {
		snprintf(why, why_size, "there is a zero byte in the line; is this a text file (in UTF-8 or ASCII)?");
		return ERR_INVALID_CONFIG;
	}
	if (text.size == 0 || text.data[0] == '#' || text.data[0] == '!')
		return 0;
	char *equals = strchr(line, '=');
	if (!equals) {
		snprintf(why, why_size, "'%.*s' is not of the form key = value", (int)(text.size < 60 ? text.size : 60), (const char *)text.data);
		return ERR_INVALID_CONFIG;
	}
	*equals = '\0';
	struct slice name = config_trim(slice_from(line));
	((char *)name.data)[name.size] = '\0';
	int err = refuse_second(config, seen, (const char *)name.data, equals + 1, why, why_size);
	return err ? err : broker_config_set(config, (const char *)name.data, equals + 1, why, why_size);
}

/* Sentences of so many mistakes, and a last one for the others. */
#define MISTAKES_SHOWN 20

struct mistakes {
	const char *path;
	char *why;
	size_t why_size, used;
	unsigned count;
};

static void add_mistake(struct mistakes *mistakes, unsigned line, const char *reason)
{
	size_t room = mistakes->why_size - mistakes->used;
	if (mistakes->count++ >= MISTAKES_SHOWN)
		return;
	int size = snprintf(mistakes->why + mistakes->used, room, "%s%s:%u: %s", mistakes->used ? "\n" : "", mistakes->path, line, reason);
	mistakes->used += size > 0 && (size_t)size < room ? (size_t)size : room - 1;
}

static int load_lines(struct broker_config *config, FILE *file, struct mistakes *mistakes)
{
	char *line = NULL;
	size_t line_size = 0;
	ssize_t size;
	int err = 0;
	uint32_t key_count;
	config_broker_keys(&key_count);
	struct lines_seen seen = {.of_key = calloc(key_count, sizeof *seen.of_key), .now = 1};
	if (!seen.of_key)
		return -ENOMEM;
	for (; err != -ENOMEM && (size = getline(&line, &line_size, file)) >= 0; seen.now++) {
		char reason[512];
		int one = set_from_line(config, &seen, line, (size_t)size, reason, sizeof reason);
		if (one)
			add_mistake(mistakes, seen.now, reason);
		err = one ? one : err;
	}
	if (!err && ferror(file)) {
		err = -EIO;
		snprintf(mistakes->why, mistakes->why_size, "%s: %s", mistakes->path, strerror(errno));
	}
	if (mistakes->count > MISTAKES_SHOWN)
		snprintf(mistakes->why + mistakes->used, mistakes->why_size - mistakes->used, "\n%s: and %u more", mistakes->path,
			 mistakes->count - MISTAKES_SHOWN);
	free(seen.of_key);
	free(line);
	return err;
}

int broker_config_load(struct broker_config *config, const char *path, char *why, size_t why_size)
{
	FILE *file;
	int err = config_open(path, &file, why, why_size);
	if (err)
		return err;
	struct mistakes mistakes = {.path = path, .why = why, .why_size = why_size};
	err = load_lines(config, file, &mistakes);
	fclose(file);
	return err;
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

static const struct config_key *key_of(const char *name)
{
	const struct config_key *key = config_broker_key(slice_from(name));
	CHECKF(key, "no broker key %s", name);
	return key;
}

static const char *value_set(const struct broker_config *config, const char *name, const struct config_key **key_out)
{
	const struct config_key *key = key_of(name);
	if (key_out)
		*key_out = key;
	for (enum config_source source = SOURCE_FIRST; source <= CONFIG_SOURCE_BROKER; source++)
		if (*value_at(config, key, source))
			return *value_at(config, key, source);
	return NULL;
}

const char *broker_config_value_from(const struct broker_config *config, const char *name, enum config_source source)
{
	const struct config_key *key = key_of(name);
	CHECK(source >= SOURCE_FIRST && source <= CONFIG_SOURCE_DEFAULT);
	return source == CONFIG_SOURCE_DEFAULT ? key->default_value : *value_at(config, key, source);
}

enum config_source broker_config_source(const struct broker_config *config, const char *name)
{
	const struct config_key *key = key_of(name);
	enum config_source source = SOURCE_FIRST;
	while (source < CONFIG_SOURCE_DEFAULT && !*value_at(config, key, source))
		source++;
	return source;
}

bool broker_config_is_set(const struct broker_config *config, const char *name)
{
	return value_set(config, name, NULL) != NULL;
}

/* The older name whose value stands in for a key that is not set. */
static const struct {
	const char *name, *older;
} stand_ins[] = {
	{"node.id", "broker.id"},
	{"log.dirs", "log.dir"},
};

static const char *stand_in(const struct broker_config *config, const char *name)
{
	for (size_t i = 0; i < COUNT_OF(stand_ins); i++)
		if (strcmp(name, stand_ins[i].name) == 0)
			return value_set(config, stand_ins[i].older, NULL);
	return NULL;
}

const char *broker_config_value(const struct broker_config *config, const char *name)
{
	const struct config_key *key;
	const char *value = value_set(config, name, &key);
	if (!value)
		value = stand_in(config, name);
	if (value)
		return value;
	return strcmp(name, "log.dirs") == 0 ? broker_config_value(config, "log.dir") : key->default_value;
}

int64_t broker_config_int(const struct broker_config *config, const char *name)
{
	const char *value = broker_config_value(config, name);
	int64_t number;
	CHECKF(value && config_parse_int(slice_from(value), &number), "%s = %s", name, value ? value : "nothing");
	return number;
}

bool broker_config_bool(const struct broker_config *config, const char *name)
{
	const char *value = broker_config_value(config, name);
	bool is_true;
	CHECKF(value && config_parse_bool(slice_from(value), &is_true), "%s = %s", name, value ? value : "nothing");
	return is_true;
}

double broker_config_double(const struct broker_config *config, const char *name)
{
	const char *value = broker_config_value(config, name);
	double number;
	CHECKF(value && config_parse_double(slice_from(value), &number), "%s = %s", name, value ? value : "nothing");
	return number;
}
