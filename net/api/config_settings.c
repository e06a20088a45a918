/* Happy path: is the resource one; can each key be changed so; is each value good; do they fit together; then one list of settings that are set and
 * unset, which the catalog makes durable. A key that is unset and was not set is no mistake, whatever its name, as in Kafka.
 *
 * Failure modes: the resource's refusal, the first in Kafka's order; nothing of it is changed then. */
#include "net/api/config_settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/api/config_lists.h"
#include "net/api/feature.h"
#include "net/group/topic_pattern.h"

/* One resource on its way. */
struct judgement {
	struct request *request;
	struct refusal *refusal;
	const struct config_target *target;
	const struct catalog_image *image;
	enum setting_type type;
	struct slice name;             /* the setting's */
	bool is_replacing;
	struct slice *values;          /* of target->changes, as they will be; data NULL: unset */
};

static bool refuse_memory(const struct judgement *judgement)
{
	return refuse(judgement->request, judgement->refusal, KERR_UNKNOWN_SERVER_ERROR, "the request takes more memory than one may");
}

static struct slice own_value(const struct judgement *judgement, struct slice key)
{
	const struct setting *setting = judgement->is_replacing ? NULL : catalog_setting(judgement->image, judgement->type, judgement->name, key);
	return setting ? setting->value : (struct slice){0};
}

/* What the resource will have for this key when the change is made; data NULL: nothing of its own. */
static struct slice coming_value(const struct judgement *judgement, struct slice key)
{
	for (uint32_t i = 0; i < judgement->target->count; i++)
		if (slice_equal(judgement->target->changes[i].name, key))
			return judgement->values[i];
	return own_value(judgement, key);
}

/* More would be looked at one by one against all that is there. */
#define CHANGES_MAX 1000

static bool is_edit(const struct config_change *change)
{
	return change->operation == CONFIG_APPEND || change->operation == CONFIG_SUBTRACT;
}

/* ---- making the change ------------------------------------------------------------------------------------------------- */

static bool is_named(const struct config_target *target, struct slice key)
{
	for (uint32_t i = 0; i < target->count; i++)
		if (slice_equal(target->changes[i].name, key))
			return true;
	return false;
}

/* Replacing: what is there and not named goes. */
static uint32_t add_unset(const struct judgement *judgement, struct setting_range range, struct setting_change *changes)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < range.count; i++)
		if (!is_named(judgement->target, range.at[i]->key))
			changes[count++] = (struct setting_change){(uint8_t)judgement->type, judgement->name, range.at[i]->key, NULL};
	return count;
}

static void make(const struct judgement *judgement, struct catalog *catalog)
{
	const struct config_target *target = judgement->target;
	struct setting_range range = {0};
	if (judgement->is_replacing)
		range = catalog_settings_of(judgement->image, (uint8_t)judgement->type, judgement->name);
	struct setting_change *changes = request_alloc_array(judgement->request, (size_t)range.count + target->count, sizeof *changes);
	if (!changes) {
		refuse_memory(judgement);
		return;
	}
	uint32_t count = add_unset(judgement, range, changes);
	for (uint32_t i = 0; i < target->count; i++)
		changes[count++] = (struct setting_change){(uint8_t)judgement->type, judgement->name, target->changes[i].name,
			judgement->values[i].data ? &judgement->values[i] : NULL};
	refuse_err(judgement->request, judgement->refusal, catalog_change_settings(catalog, changes, count));
}

/* What differs between the kinds. Each says true when it has refused. */
struct kind {
	enum setting_type type;
	bool (*refuse_target)(const struct judgement *judgement);
	/* *value is the client's, and comes out as what will be stored. Not called for a key that is unset. */
	bool (*refuse_value)(const struct judgement *judgement, const struct config_change *change, struct slice *value);
	bool (*refuse_whole)(const struct judgement *judgement);
};

static bool refuse_all(struct judgement *judgement, const struct kind *kind)
{
	const struct config_target *target = judgement->target;
	if (target->count > CHANGES_MAX)
		return refuse(judgement->request, judgement->refusal, KERR_POLICY_VIOLATION, "More than %d configs of one resource", CHANGES_MAX);
	judgement->values = request_alloc_array(judgement->request, target->count, sizeof *judgement->values);
	if (!judgement->values)
		return refuse_memory(judgement);
	if (kind->refuse_target(judgement))
		return true;
	for (uint32_t i = 0; i < target->count; i++) {
		const struct config_change *change = &target->changes[i];
		judgement->values[i] = change->value;
		if (change->operation == CONFIG_DELETE)
			judgement->values[i] = (struct slice){0};
		else if (kind->refuse_value(judgement, change, &judgement->values[i]))
			return true;
	}
	return kind->refuse_whole && kind->refuse_whole(judgement);
}

static void alter(struct config_alteration *alteration, struct config_target *target, struct catalog *catalog, const struct kind *kind)
{
	const struct catalog_image *image = catalog_image_acquire(catalog);
	struct judgement judgement = {
		.request = alteration->request, .refusal = &target->refusal, .target = target, .image = image,
		.type = kind->type, .name = target->name, .is_replacing = alteration->is_replacing};
	if (!refuse_all(&judgement, kind) && !alteration->is_dry_run)
		make(&judgement, catalog);
	catalog_image_release(image);
}

/* ---- the broker ---------------------------------------------------------------------------------------------------------- */

bool refuse_broker_name(struct request *request, struct refusal *refusal, struct slice name, const char *id_word, const char *expected)
{
	int32_t self = request->shard->facts->node_id;
	char text[16], *end;
	bool is_short = name.size < sizeof text;
	snprintf(text, sizeof text, "%.*s", SHOWN(name));
	errno = 0;
	long id = strtol(text, &end, 10);
	bool is_number = is_short && strlen(text) == name.size && name.size && !*end && name.data[0] > ' ' && errno == 0 && id >= INT32_MIN && id <= INT32_MAX;
	if (!is_number)
		return refuse(request, refusal, KERR_INVALID_REQUEST, "%s id must be an integer, but it is: %.*s", id_word, SHOWN(name));
	if (id != self)
		return refuse(request, refusal, KERR_INVALID_REQUEST, "Unexpected broker id, expected %d%s, but received %.*s", (int)self, expected,
			      SHOWN(name));
	return false;
}

/* "+1" and "01" are this broker as well. */
static struct slice broker_name(struct request *request, struct slice name)
{
	return name.size ? text_format(request, "%d", (int)request->shard->facts->node_id) : name;
}

static const char *absent_feature(struct request *request, struct slice name)
{
	const char *text = text_copy(request, name);
	return text ? config_absent_feature(text) : NULL;
}

/* Keys that are in no table are kept as they are: tools and plugins of Kafka's have their own. */
static bool is_static(const struct judgement *judgement, struct slice name)
{
	const struct config_key *key = config_broker_key(name);
	return key ? !key->is_dynamic : config_is_foreign(name) || absent_feature(judgement->request, name);
}

static bool refuse_broker_operations(const struct judgement *judgement)
{
	for (uint32_t i = 0; i < judgement->target->count; i++) {
		const struct config_change *change = &judgement->target->changes[i];
		const struct config_key *key = config_broker_key(change->name);
		if (change->operation < CONFIG_SET || change->operation > CONFIG_SUBTRACT)
			return config_refuse_operation(judgement->request, judgement->refusal, change, false);
		if (!is_edit(change) || (key && key->type == CONFIG_LIST))
			continue;
		if (!key && !config_is_foreign(change->name))
			return refuse(judgement->request, judgement->refusal, KERR_INVALID_CONFIG, "Unknown config name: %.*s", SHOWN(change->name));
		return refuse(judgement->request, judgement->refusal, KERR_INVALID_CONFIG, "Config value %s is not allowed for config key: %.*s",
			      change->operation == CONFIG_APPEND ? "append" : "subtract", SHOWN(change->name));
	}
	return false;
}

/* "a, b" of what comes so far. */
struct slice config_add_name(struct request *request, struct slice names, struct slice name)
{
	if (!names.data)
		return text_format(request, "%.*s", SHOWN(name));
	return names.size > SHOWN_SIZE_MAX ? names : text_format(request, "%.*s, %.*s", SHOWN(names), SHOWN(name));
}

static bool refuse_static_keys(const struct judgement *judgement)
{
	struct slice names = {0};
	const char *absent = NULL;
	for (uint32_t i = 0; i < judgement->target->count; i++) {
		const struct config_change *change = &judgement->target->changes[i];
		if (change->operation == CONFIG_DELETE || !is_static(judgement, change->name))
			continue;
		names = config_add_name(judgement->request, names, change->name);
		if (!absent && !config_broker_key(change->name) && !config_is_foreign(change->name))
			absent = absent_feature(judgement->request, change->name);
	}
	return names.data && refuse(judgement->request, judgement->refusal, KERR_INVALID_REQUEST, "Cannot update these configs dynamically: [%.*s]%s%s",
				    SHOWN(names), absent ? "; " : "", absent ? absent : "");
}

/* What all brokers cannot have in common, by Kafka's rule: what is of one, and what is of one listener but for a few limits. */
static bool is_of_one_broker(struct slice name)
{
	static const char listener[] = "listener.name.", *const of_all[] = {".max.connections", ".max.connection.creation.rate", ".num.network.threads"};
	const struct config_key *key = config_broker_key(name);
	if (key)
		return key->is_of_one_broker;
	if (name.size < sizeof listener || memcmp(name.data, listener, sizeof listener - 1) != 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(of_all); i++) {
		size_t size = strlen(of_all[i]);
		if (name.size > size && memcmp(name.data + name.size - size, of_all[i], size) == 0)
			return false;
	}
	return true;
}

static bool refuse_keys_of_one_broker(const struct judgement *judgement)
{
	struct slice names = {0};
	for (uint32_t i = 0; i < judgement->target->count; i++)
		if (judgement->target->changes[i].operation != CONFIG_DELETE && is_of_one_broker(judgement->target->changes[i].name))
			names = config_add_name(judgement->request, names, judgement->target->changes[i].name);
	return names.data && refuse(judgement->request, judgement->refusal, KERR_INVALID_REQUEST,
				    "Cannot update these configs at default cluster level, broker id must be specified: [%.*s]", SHOWN(names));
}

/* Where only what all brokers agree on counts, one broker has no min.insync.replicas of its own (KIP-966; in Kafka's words). */
static bool refuse_min_insync_replicas(const struct judgement *judgement)
{
	struct slice key = slice_from("min.insync.replicas");
	bool is_default = judgement->name.size == 0, is_there = false, is_removed = false;
	if (feature_level(judgement->image, feature_eligible_leader_replicas_version) < 1)
		return false;
	for (uint32_t i = 0; i < judgement->target->count; i++)
		if (slice_equal(judgement->target->changes[i].name, key)) {
			is_there = true;
			is_removed |= judgement->target->changes[i].operation == CONFIG_DELETE;
		}
	is_removed |= judgement->is_replacing && !is_there;
	if (is_default && is_removed)
		return refuse(judgement->request, judgement->refusal, KERR_INVALID_CONFIG, "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.");
	return !is_default && is_there &&
	       refuse(judgement->request, judgement->refusal, KERR_INVALID_CONFIG, "Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
}

static bool refuse_broker(const struct judgement *judgement)
{
	if (judgement->target->name.size && refuse_broker_name(judgement->request, judgement->refusal, judgement->target->name, "Node", ""))
		return true;
	return refuse_broker_operations(judgement) || refuse_static_keys(judgement) ||
	       (judgement->target->name.size == 0 && refuse_keys_of_one_broker(judgement)) || refuse_min_insync_replicas(judgement);
}

static bool refuse_broker_value(const struct judgement *judgement, const struct config_change *change, struct slice *value)
{
	const struct config_key *key = config_broker_key(change->name);
	char why[512];
	if (!key)
		return false;
	if (config_check(key, change->value, why, sizeof why) && change->operation != CONFIG_SUBTRACT)
		return refuse(judgement->request, judgement->refusal, KERR_INVALID_REQUEST, "%s", why);
	if (!is_edit(change))
		return false;
	if (change->value.size > CONFIG_EDIT_SIZE_MAX)
		return refuse(judgement->request, judgement->refusal, KERR_INVALID_REQUEST, "The list is too long.");
	/* As in Kafka: of what this resource has, or else of the built-in default, not of what all brokers have. */
	struct slice own = own_value(judgement, change->name);
	char *edited = config_list_edit(judgement->request, own.data ? own : slice_from(key->default_value), change->value,
				 change->operation == CONFIG_APPEND);
	if (!edited)
		return refuse_memory(judgement);
	*value = slice_from(edited);
	return config_check(key, *value, why, sizeof why) && refuse(judgement->request, judgement->refusal, KERR_INVALID_REQUEST, "%s", why);
}

void config_alter_broker(struct config_alteration *alteration, struct config_target *target, struct catalog *catalog)
{
	static const struct kind kind = {SETTING_BROKER, refuse_broker, refuse_broker_value, NULL};
	/* The settings are of the number, whatever way it was written. */
	struct slice written = target->name;
	if (written.size && refuse_broker_name(alteration->request, &target->refusal, written, "Node", ""))
		return;
	target->name = broker_name(alteration->request, written);
	alter(alteration, target, catalog, &kind);
	target->name = written;
}

/* ---- groups ---------------------------------------------------------------------------------------------------------------- */

static bool refuse_edits(const struct judgement *judgement)
{
	for (uint32_t i = 0; i < judgement->target->count; i++)
		if (config_refuse_operation(judgement->request, judgement->refusal, &judgement->target->changes[i], false))
			return true;
	return false;
}

static bool refuse_group(const struct judgement *judgement)
{
	if (refuse_edits(judgement))
		return true;
	return judgement->name.size == 0 && refuse(judgement->request, judgement->refusal, KERR_INVALID_REQUEST, "Default group resources are not allowed.");
}

/* Of a value that passed config_check. */
static int64_t number_of(struct slice value)
{
	char text[48];
	size_t size = value.size < sizeof text - 1 ? value.size : sizeof text - 1;
	memcpy(text, value.data, size);
	text[size] = '\0';
	return strtoll(text, NULL, 10);
}

static bool refuse_bounds(const struct judgement *judgement, const struct config_key *key, struct slice value)
{
	const struct broker_config *config = judgement->image->config;
	char name[96];
	int64_t number = number_of(value);
	if (config_group_bound(key, "min", name, sizeof name) && number < broker_config_int(config, name))
		return refuse(judgement->request, judgement->refusal, KERR_INVALID_CONFIG, "%s must be greater than or equal to %s", key->name, name);
	if (config_group_bound(key, "max", name, sizeof name) && number > broker_config_int(config, name))
		return refuse(judgement->request, judgement->refusal, KERR_INVALID_CONFIG, "%s must be less than or equal to %s", key->name, name);
	return false;
}

static bool refuse_group_value(const struct judgement *judgement, const struct config_change *change, struct slice *value)
{
	const struct config_key *key = config_group_key(change->name);
	char why[512];
	if (!key)
		return refuse(judgement->request, judgement->refusal, KERR_INVALID_CONFIG, "Unknown group config name: %.*s", SHOWN(change->name));
	if (config_check(key, *value, why, sizeof why))
		return refuse(judgement->request, judgement->refusal, KERR_INVALID_CONFIG, "%s", why);
	return refuse_bounds(judgement, key, *value);
}

static int64_t coming_number(const struct judgement *judgement, const char *name)
{
	const struct config_key *key = config_group_key(slice_from(name));
	struct slice value = coming_value(judgement, slice_from(name));
	return value.data ? number_of(value) : broker_config_int(judgement->image->config, key->broker_name);
}

static bool refuse_heartbeats(const struct judgement *judgement)
{
	static const char *const kinds[] = {"consumer", "share", "streams"};
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		char session[64], heartbeat[64];
		snprintf(session, sizeof session, "%s.session.timeout.ms", kinds[i]);
		snprintf(heartbeat, sizeof heartbeat, "%s.heartbeat.interval.ms", kinds[i]);
		if (coming_number(judgement, session) <= coming_number(judgement, heartbeat))
			return refuse(judgement->request, judgement->refusal, KERR_INVALID_CONFIG, "%s must be greater than %s", session, heartbeat);
	}
	return false;
}

void config_alter_group(struct config_alteration *alteration, struct config_target *target, struct catalog *catalog)
{
	static const struct kind kind = {SETTING_GROUP, refuse_group, refuse_group_value, refuse_heartbeats};
	alter(alteration, target, catalog, &kind);
}

/* ---- client metrics ---------------------------------------------------------------------------------------------------------- */

static bool refuse_subscription(const struct judgement *judgement)
{
	if (refuse_edits(judgement))
		return true;
	return judgement->name.size == 0 && refuse(judgement->request, judgement->refusal, KERR_INVALID_REQUEST, "Subscription name can't be empty");
}

/* Kafka has another code and another sentence where it is the bounds. */
static bool refuse_interval(const struct judgement *judgement, const struct config_key *key, struct slice value)
{
	struct config_key any = *key;
	char why[128];
	any.min = INT32_MIN;
	any.max = INT32_MAX;
	long long interval_ms = config_check(&any, value, why, sizeof why) ? key->min : number_of(value);
	return (interval_ms < key->min || interval_ms > key->max) &&
	       refuse(judgement->request, judgement->refusal, KERR_INVALID_REQUEST,
		      "Invalid value %lld for interval.ms, interval must be between %lld and %lld (1 hour)", interval_ms, (long long)key->min, (long long)key->max);
}

/* NAME=PATTERN, the name being what a client is known by. */
static bool is_selector(struct slice item)
{
	static const char *const names[] = {"client_instance_id", "client_id", "client_software_name", "client_software_version", "client_source_address",
		"client_source_port"};
	const uint8_t *equals = item.size ? memchr(item.data, '=', item.size) : NULL;
	if (!equals)
		return false;
	struct slice name = {item.data, (size_t)(equals - item.data)};
	struct slice pattern = {equals + 1, item.size - name.size - 1};
	struct topic_pattern *compiled;
	bool is_known = false;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		is_known |= slice_equal(name, slice_from(names[i]));
	if (!is_known || pattern.size == 0 || memchr(pattern.data, '=', pattern.size) || topic_pattern_compile(&compiled, pattern, NULL, 0))
		return false;
	topic_pattern_free(compiled);
	return true;
}

static bool refuse_selectors(const struct judgement *judgement, struct slice value)
{
	struct slice item;
	for (struct slice rest = config_list(value); config_item(&rest, &item);)
		if (!is_selector(item))
			return refuse(judgement->request, judgement->refusal, KERR_INVALID_CONFIG, "Illegal client matching pattern: %.*s", SHOWN(item));
	return false;
}

static bool refuse_subscription_value(const struct judgement *judgement, const struct config_change *change, struct slice *value)
{
	const struct config_key *key = config_client_metrics_key(change->name);
	char why[512];
	if (!key)
		return refuse(judgement->request, judgement->refusal, KERR_INVALID_REQUEST, "Unknown client metrics configuration: %.*s", SHOWN(change->name));
	if (key->type == CONFIG_INT && refuse_interval(judgement, key, *value))
		return true;
	if (config_check(key, *value, why, sizeof why))
		return refuse(judgement->request, judgement->refusal, KERR_INVALID_CONFIG, "%s", why);
	if (key->type == CONFIG_INT)
		return false;
	if (config_list_has(config_list(*value), SLICE_EMPTY))
		return refuse(judgement->request, judgement->refusal, KERR_INVALID_CONFIG, "Configuration '%s' values must not be empty.", key->name);
	if (strcmp(key->name, "match") == 0 && refuse_selectors(judgement, *value))
		return true;
	char *list = config_list_edit(judgement->request, SLICE_EMPTY, config_list(*value), true);
	if (!list)
		return refuse_memory(judgement);
	*value = slice_from(list);
	return false;
}

void config_alter_client_metrics(struct config_alteration *alteration, struct config_target *target, struct catalog *catalog)
{
	static const struct kind kind = {SETTING_CLIENT_METRICS, refuse_subscription, refuse_subscription_value, NULL};
	alter(alteration, target, catalog, &kind);
}
