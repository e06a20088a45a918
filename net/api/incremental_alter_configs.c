/* IncrementalAlterConfigs (KIP-339): sets and deletes single configs of a topic, and edits those that are
 * lists. Judged and made in net/api/config_change.c. */
#include "kmsg_incremental_alter_configs.h"
#include "net/api/config_change.h"
#include "net/api/handlers.h"

struct incremental_alter_configs {
	struct kmsg_incremental_alter_configs_request in;
	struct config_alteration alteration;
};

static enum step answer(struct request *request)
{
	const struct config_alteration *alteration = request->state;
	struct kmsg_incremental_alter_configs_response out;
	kmsg_incremental_alter_configs_response_init(&out);
	out.responses.count = (int32_t)alteration->count;
	out.responses.items = request_alloc_array(request, alteration->count, sizeof *out.responses.items);
	if (!out.responses.items)
		return request_reject(request, NULL);
	for (uint32_t i = 0; i < alteration->count; i++) {
		const struct config_target *target = &alteration->targets[i];
		out.responses.items[i] = (struct kmsg_incremental_alter_configs_result){
			.error_code = (int16_t)target->refusal.error, .error_message = target->refusal.message,
			.resource_type = target->type, .resource_name = target->name};
	}
	size_t size = kmsg_incremental_alter_configs_response_size(&out, request->version);
	struct writer writer = request_answer_begin(request, size);
	kmsg_incremental_alter_configs_response_encode(&writer, request->version, &out);
	return request_answer_end(request, &writer);
}

static bool take_target(struct request *request, struct config_target *target,
			const struct kmsg_incremental_alter_configs_resource *resource)
{
	*target = (struct config_target){
		.type = resource->resource_type, .name = resource->resource_name, .count = (uint32_t)resource->configs.count};
	target->changes = request_alloc_array(request, target->count, sizeof *target->changes);
	for (uint32_t i = 0; target->changes && i < target->count; i++) {
		const struct kmsg_incremental_alter_configs_config *in = &resource->configs.items[i];
		target->changes[i] = (struct config_change){
			.operation = in->config_operation, .name = in->name, .value = in->value};
	}
	return target->changes != NULL;
}

enum step incremental_alter_configs_handle(struct request *request)
{
	struct incremental_alter_configs *state = request_alloc_array(request, 1, sizeof *state);
	if (!state ||
	    kmsg_incremental_alter_configs_request_decode(&request->body, &request->arena, request->version, &state->in))
		return request_reject(request, NULL);
	struct config_alteration *alteration = &state->alteration;
	alteration->is_replacing = false;
	alteration->is_dry_run = state->in.validate_only;
	alteration->count = (uint32_t)state->in.resources.count;
	alteration->targets = request_alloc_array(request, alteration->count, sizeof *alteration->targets);
	if (!alteration->targets)
		return request_reject(request, NULL);
	for (uint32_t i = 0; i < alteration->count; i++)
		if (!take_target(request, &alteration->targets[i], &state->in.resources.items[i]))
			return request_reject(request, NULL);
	return config_alter(request, alteration, answer);
}
