/* Configs over the wire: librdkafka 2.0 can only replace all of a resource, and knows no groups. Failure modes as in cli/wire_ask.c, and what the broker
 * refuses: -EINVAL with its sentence. */
#include <errno.h>
#include <stdio.h>

#include "cli/wire_client_priv.h"
#include "kmsg_describe_configs.h"
#include "kmsg_incremental_alter_configs.h"
#include "net/wire/kerr.h"

#define DESCRIBE_VERSION 4
#define ALTER_VERSION 1

static int refuse(int16_t error, struct slice message, char *why, size_t why_size)
{
	if (message.size)
		snprintf(why, why_size, "%.*s", (int)message.size, (const char *)message.data);
	else
		snprintf(why, why_size, "%s", kerr_name((enum kerr)error));
	return -EINVAL;
}

static int tell(int err, char *why, size_t why_size)
{
	if (err && err != -EINVAL)
		snprintf(why, why_size, "the broker does not answer this: it may be older than Kafka 2.3, or speak TLS or SASL");
	return err;
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static void encode_describe(struct writer *writer, const void *message)
{
	kmsg_describe_configs_request_encode(writer, DESCRIBE_VERSION, message);
}

static int ask_configs(struct wire_client *client, const struct wire_resource *resource, struct kmsg_describe_configs_response *response)
{
	struct kmsg_describe_configs_request request;
	struct kmsg_describe_configs_resource asked;
	struct reader reader;
	kmsg_describe_configs_request_init(&request);
	kmsg_describe_configs_resource_init(&asked);
	asked.resource_type = (int8_t)resource->type;
	asked.resource_name = slice_from(resource->name);
	asked.configuration_keys.count = -1;
	request.resources.items = &asked;
	request.resources.count = 1;
	int err = wire_client_call(client, KMSG_DESCRIBE_CONFIGS_KEY, DESCRIBE_VERSION, encode_describe, &request, &reader);
	err = err ? err : kmsg_describe_configs_response_decode(&reader, &client->arena, DESCRIBE_VERSION, response);
	return !err && response->results.count != 1 ? -EPROTO : err;
}

int wire_client_configs(struct wire_client *client, const struct wire_resource *resource, struct wire_config **configs, uint32_t *count, char *why,
			size_t why_size)
{
	struct kmsg_describe_configs_response response;
	arena_reset(&client->arena);
	int err = ask_configs(client, resource, &response);
	if (err)
		return tell(err, why, why_size);
	const struct kmsg_describe_configs_result *result = &response.results.items[0];
	if (result->error_code)
		return refuse(result->error_code, result->error_message, why, why_size);
	*count = result->configs.count < 0 ? 0 : (uint32_t)result->configs.count;
	*configs = arena_alloc(&client->arena, (*count ? *count : 1) * sizeof **configs);
	if (!*configs)
		return tell(-ENOMEM, why, why_size);
	for (uint32_t i = 0; i < *count; i++) {
		const struct kmsg_describe_configs_config *config = &result->configs.items[i];
		(*configs)[i] = (struct wire_config){config->name, config->value, config->config_source, config->read_only, config->is_sensitive};
	}
	return 0;
}

/* ---- changing ---------------------------------------------------------------------------------------------------------- */

static void encode_alter(struct writer *writer, const void *message)
{
	kmsg_incremental_alter_configs_request_encode(writer, ALTER_VERSION, message);
}

static struct kmsg_incremental_alter_configs_config *copy_changes(struct wire_client *client, const struct wire_config_change *changes, uint32_t count)
{
	struct kmsg_incremental_alter_configs_config *configs = arena_alloc(&client->arena, (count ? count : 1) * sizeof *configs);
	for (uint32_t i = 0; configs && i < count; i++) {
		kmsg_incremental_alter_configs_config_init(&configs[i]);
		configs[i].name = changes[i].name;
		configs[i].value = changes[i].value;
		configs[i].config_operation = changes[i].value.data ? 0 : 1;
	}
	return configs;
}

int wire_client_alter_configs(struct wire_client *client, const struct wire_resource *resource, const struct wire_config_change *changes, uint32_t count,
			      bool is_rehearsal, char *why, size_t why_size)
{
	struct kmsg_incremental_alter_configs_request request;
	struct kmsg_incremental_alter_configs_resource altered;
	struct kmsg_incremental_alter_configs_response response;
	struct reader reader;
	arena_reset(&client->arena);
	kmsg_incremental_alter_configs_request_init(&request);
	kmsg_incremental_alter_configs_resource_init(&altered);
	altered.resource_type = (int8_t)resource->type;
	altered.resource_name = slice_from(resource->name);
	altered.configs.items = copy_changes(client, changes, count);
	altered.configs.count = (int32_t)count;
	request.resources.items = &altered;
	request.resources.count = 1;
	request.validate_only = is_rehearsal;
	int err = altered.configs.items ? 0 : -ENOMEM;
	err = err ? err : wire_client_call(client, KMSG_INCREMENTAL_ALTER_CONFIGS_KEY, ALTER_VERSION, encode_alter, &request, &reader);
	err = err ? err : kmsg_incremental_alter_configs_response_decode(&reader, &client->arena, ALTER_VERSION, &response);
	if (err || response.responses.count != 1)
		return tell(err ? err : -EPROTO, why, why_size);
	const struct kmsg_incremental_alter_configs_result *result = &response.responses.items[0];
	return result->error_code ? refuse(result->error_code, result->error_message, why, why_size) : 0;
}
