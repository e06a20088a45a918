/* Kafka's six levels over the four of net/log_line.h: FATAL shows errors as well, TRACE what DEBUG does. Failure modes: the resource's refusal, and
 * then nothing is changed. */
#include "net/api/config_loggers.h"

#include "net/log_line.h"

static const struct {
	const char *name;
	enum log_level level;
} levels[] = {{"DEBUG", LOG_DEBUG}, {"ERROR", LOG_ERROR}, {"FATAL", LOG_ERROR}, {"INFO", LOG_INFO}, {"TRACE", LOG_DEBUG}, {"WARN", LOG_WARN}};
#define LEVEL_AT_START 3

static unsigned root_level = LEVEL_AT_START; /* atomic; an index of the table */

const char *config_root_level(void)
{
	return levels[__atomic_load_n(&root_level, __ATOMIC_RELAXED)].name;
}

/* COUNT_OF(levels): there is no such level. */
static unsigned find_level(struct slice name)
{
	unsigned at = 0;
	while (at < COUNT_OF(levels) && !slice_equal(name, slice_from(levels[at].name)))
		at++;
	return at;
}

static bool refuse_change(struct request *request, struct refusal *refusal, const struct config_change *change)
{
	bool is_root = slice_equal(change->name, slice_from(ROOT_LOGGER));
	switch (change->operation) {
	case CONFIG_SET:
		if (!is_root)
			break;
		return find_level(change->value) == COUNT_OF(levels) &&
		       refuse(request, refusal, KERR_INVALID_CONFIG, "Cannot set the log level of " ROOT_LOGGER " to %.*s as it is not a supported log level. "
				      "Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN", SHOWN(change->value));
	case CONFIG_DELETE:
		if (!is_root)
			break;
		return refuse(request, refusal, KERR_INVALID_REQUEST, "Removing the log level of the " ROOT_LOGGER " logger is not allowed");
	case CONFIG_APPEND:
	case CONFIG_SUBTRACT:
		return refuse(request, refusal, KERR_INVALID_REQUEST, "%s operation is not allowed for the BROKER_LOGGER resource",
			      change->operation == CONFIG_APPEND ? "APPEND" : "SUBTRACT");
	default:
		return config_refuse_operation(request, refusal, change, false);
	}
	return refuse(request, refusal, KERR_INVALID_CONFIG, "Logger %.*s does not exist!", SHOWN(change->name));
}

static void set_root(struct slice name)
{
	unsigned level = find_level(name);
	__atomic_store_n(&root_level, level, __ATOMIC_RELAXED);
	log_line_set_level(levels[level].level);
}

void config_alter_loggers(struct config_alteration *alteration, struct config_target *target)
{
	if (refuse_broker_name(alteration->request, &target->refusal, target->name, "Node", ""))
		return;
	for (uint32_t i = 0; i < target->count; i++)
		if (refuse_change(alteration->request, &target->refusal, &target->changes[i]))
			return;
	for (uint32_t i = 0; !alteration->is_dry_run && i < target->count; i++)
		set_root(target->changes[i].value);
}
