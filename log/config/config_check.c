/* Checks a value that a user wrote against its key: type, bounds, choices, and the few rules that no table holds.
 *
 * The sentences begin as Kafka's do ("Invalid value X for configuration K"), because tools and people know them, and go on with what
 * would be right. Failure mode: ERR_INVALID_CONFIG, nothing else. Space around a value counts for nothing, as in Kafka. */
#include "log/config/config.h"

#include <stdarg.h>
#include <stdio.h>

#include "log/config/config_parse.h"

/* Longer values are refused: none has so much to say, and each is kept for every topic that sets it. */
#define VALUE_SIZE_MAX 16384
/* A sentence shows so much of a value. */
#define SHOWN_SIZE_MAX 100
#define JOURNAL_BYTES_MIN (8 << 20) /* a journal's groups are a sixteenth of it */

struct verdict {
	const struct config_key *key;
	struct slice value; /* trimmed */
	char *why;
	size_t why_size;
};

static PRINTF_LIKE(2, 3) int refuse(const struct verdict *verdict, const char *format, ...)
{
	int shown = (int)(verdict->value.size < SHOWN_SIZE_MAX ? verdict->value.size : SHOWN_SIZE_MAX);
	int used = snprintf(verdict->why, verdict->why_size, "Invalid value %.*s for configuration %s: ",
			    shown, (const char *)verdict->value.data, verdict->key->name);
	if (used < 0 || (size_t)used >= verdict->why_size)
		return ERR_INVALID_CONFIG;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(verdict->why + used, verdict->why_size - (size_t)used, format, arguments);
	va_end(arguments);
	return ERR_INVALID_CONFIG;
}

/* ---- choices ------------------------------------------------------------------------------------------------- */

static bool is_choice(const char *choices, struct slice word)
{
	struct slice rest = {(const uint8_t *)choices, strlen(choices)};
	struct slice choice;
	while (config_next_item(&rest, &choice))
		if (choice.size == word.size && memcmp(choice.data, word.data, word.size) == 0)
			return true;
	return false;
}

static int check_choice(const struct verdict *verdict, struct slice word)
{
	if (!verdict->key->choices || is_choice(verdict->key->choices, word))
		return 0;
	return refuse(verdict, "it must be one of %s", verdict->key->choices);
}

static int check_list(const struct verdict *verdict)
{
	struct slice rest = verdict->value, item;
	while (config_next_item(&rest, &item)) {
		int err = check_choice(verdict, item);
		if (err)
			return err;
	}
	return 0;
}

/* ---- numbers -------------------------------------------------------------------------------------------------- */

static int check_bounds(const struct verdict *verdict, int64_t number)
{
	const struct config_key *key = verdict->key;
	if (number < key->min)
		return refuse(verdict, "it must be at least %lld", (long long)key->min);
	if (number > key->max)
		return refuse(verdict, "it must be no more than %lld", (long long)key->max);
	return check_choice(verdict, verdict->value);
}

static int check_integer(const struct verdict *verdict)
{
	int64_t number;
	if (config_is_whole(verdict->value) && !config_parse_int(verdict->value, &number))
		return refuse(verdict, "it must be from %lld to %lld", (long long)verdict->key->min, (long long)verdict->key->max);
	if (!config_parse_int(verdict->value, &number))
		return refuse(verdict, "it must be a whole number (no unit, no decimal point)");
	return check_bounds(verdict, number);
}

static int check_double(const struct verdict *verdict)
{
	double number;
	if (!config_parse_double(verdict->value, &number))
		return refuse(verdict, "it must be a number");
	bool is_bounded = verdict->key->max < INT64_MAX;
	if (!(number >= (double)verdict->key->min) || (is_bounded && number > (double)verdict->key->max))
		return refuse(verdict, "it must be between %lld and %lld", (long long)verdict->key->min, (long long)verdict->key->max);
	return 0;
}

static int check_bool(const struct verdict *verdict)
{
	bool value;
	if (!config_parse_bool(verdict->value, &value))
		return refuse(verdict, "it must be true or false");
	return 0;
}

/* ---- rules of single keys --------------------------------------------------------------------------------------- */

static int refuse_true(const struct verdict *verdict)
{
	bool value;
	if (config_parse_bool(verdict->value, &value) && value)
		return refuse(verdict, "there is no tiered storage; leave it false");
	return 0;
}

/* Kafka refuses 0 for the broker's retention, which would drop each segment as soon as it is closed. */
static int refuse_zero(const struct verdict *verdict)
{
	int64_t number;
	if (config_parse_int(verdict->value, &number) && number == 0)
		return refuse(verdict, "it must be -1 (no limit) or at least 1");
	return 0;
}

static int check_journal_size(const struct verdict *verdict)
{
	int64_t number;
	if (config_parse_int(verdict->value, &number) && number > 0 && number < JOURNAL_BYTES_MIN)
		return refuse(verdict, "it must be 0 (chosen by the disk's free space) or at least %d", JOURNAL_BYTES_MIN);
	return 0;
}

static int check_directory(const struct verdict *verdict)
{
	if (verdict->value.size == 0)
		return refuse(verdict, "it must name a directory");
	if (memchr(verdict->value.data, ',', verdict->value.size))
		return refuse(verdict, "several directories are not supported: name one, over a RAID or LVM volume if it must span disks");
	return 0;
}

static int check_replication_factor(const struct verdict *verdict)
{
	int64_t number;
	if (config_parse_int(verdict->value, &number) && number != 1)
		return refuse(verdict, "there is one node, which holds one replica: set it to 1");
	return 0;
}

/* "*" or PARTITION:BROKER,... */
static int check_throttled_replicas(const struct verdict *verdict)
{
	struct slice rest = verdict->value, item;
	while (config_next_item(&rest, &item)) {
		const uint8_t *colon = memchr(item.data, ':', item.size);
		bool is_star = item.size == 1 && item.data[0] == '*' && item.size == verdict->value.size;
		if (is_star)
			return 0;
		int64_t number;
		if (!colon || !config_parse_int((struct slice){item.data, (size_t)(colon - item.data)}, &number) ||
		    !config_parse_int((struct slice){colon + 1, (size_t)(item.data + item.size - colon - 1)}, &number))
			return refuse(verdict, "it must be * or a list of PARTITION:BROKER");
	}
	return 0;
}

static int check_share_reset(const struct verdict *verdict)
{
	static const char prefix[] = "by_duration:P";
	size_t size = sizeof prefix - 1;
	if (is_choice("latest,earliest", verdict->value))
		return 0;
	bool is_duration = verdict->value.size > size && memcmp(verdict->value.data, prefix, size) == 0;
	return is_duration ? 0 : refuse(verdict, "it must be latest, earliest, or by_duration:P...");
}

static const struct {
	const char *name;
	int (*check)(const struct verdict *verdict);
} rules[] = {
	{"share.auto.offset.reset", check_share_reset},
	{"spate.journal.bytes", check_journal_size},
	{"remote.storage.enable", refuse_true},
	{"log.retention.ms", refuse_zero},
	{"log.retention.minutes", refuse_zero},
	{"log.retention.hours", refuse_zero},
	{"log.dir", check_directory},
	{"log.dirs", check_directory},
	{"default.replication.factor", check_replication_factor},
	{"leader.replication.throttled.replicas", check_throttled_replicas},
	{"follower.replication.throttled.replicas", check_throttled_replicas},
};

static int check_rules(const struct verdict *verdict)
{
	for (size_t i = 0; i < COUNT_OF(rules); i++)
		if (strcmp(rules[i].name, verdict->key->name) == 0)
			return rules[i].check(verdict);
	return 0;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static int check_type(const struct verdict *verdict)
{
	switch (verdict->key->type) {
	case CONFIG_BOOL: return check_bool(verdict);
	case CONFIG_INT:
	case CONFIG_LONG: return check_integer(verdict);
	case CONFIG_DOUBLE: return check_double(verdict);
	case CONFIG_LIST: return check_list(verdict);
	case CONFIG_ENUM: return check_choice(verdict, verdict->value);
	case CONFIG_STRING: return 0;
	}
	return 0;
}

int config_check(const struct config_key *key, struct slice value, char *why, size_t why_size)
{
	struct verdict verdict = {key, config_trim(value), why, why_size};
	if (value.size > VALUE_SIZE_MAX)
		return refuse(&verdict, "it is longer than %d bytes", VALUE_SIZE_MAX);
	if (value.size && memchr(value.data, '\0', value.size))
		return refuse(&verdict, "it contains a zero byte");
	int err = check_type(&verdict);
	return err ? err : check_rules(&verdict);
}
