/* ListConfigResources (KIP-1142; KIP-1000 before version 1): what has configs: this broker, its logger, the topics, and
 * the groups and subscriptions to client metrics that were given some. */
#include "kmsg_list_config_resources.h"
#include "net/api/config_change.h"
#include "net/api/handlers.h"

/* The numbers of the kinds are single bits. */
#define RESOURCES_ALL (RESOURCE_TOPIC | RESOURCE_BROKER | RESOURCE_BROKER_LOGGER | RESOURCE_CLIENT_METRICS | RESOURCE_GROUP)

/* -1: one of them is not a kind. */
static int kinds_asked(const struct kmsg_list_config_resources_request *in)
{
	int kinds = in->resource_types.count ? 0 : RESOURCES_ALL;
	for (int32_t i = 0; i < in->resource_types.count; i++) {
		int kind = in->resource_types.items[i];
		if (kind <= 0 || (kind & (kind - 1)) || !(kind & RESOURCES_ALL))
			return -1;
		kinds |= kind;
	}
	return kinds;
}

static void add(struct kmsg_list_config_resources_response *out, int8_t kind, struct slice name)
{
	out->config_resources.items[out->config_resources.count++] =
		(struct kmsg_list_config_resources_resource){.resource_name = name, .resource_type = kind};
}

/* The settings come in the order of their names. */
static void add_names(struct kmsg_list_config_resources_response *out, int8_t kind, struct setting_range settings)
{
	for (uint32_t i = 0; i < settings.count; i++)
		if (i == 0 || !slice_equal(settings.at[i]->name, settings.at[i - 1]->name))
			add(out, kind, settings.at[i]->name);
}

static bool list(struct request *request, int kinds, struct kmsg_list_config_resources_response *out)
{
	const struct catalog_image *image = request->shard->image;
	struct slice self = text_format(request, "%d", (int)request->shard->facts->node_id);
	struct setting_range groups = catalog_settings(image, SETTING_GROUP), metrics = catalog_settings(image, SETTING_CLIENT_METRICS);
	size_t count_max = (size_t)image->topic_count + groups.count + metrics.count + 2;
	out->config_resources.items = request_alloc_array(request, count_max, sizeof *out->config_resources.items);
	if (!out->config_resources.items || !self.data)
		return false;
	if (kinds & RESOURCE_BROKER_LOGGER)
		add(out, RESOURCE_BROKER_LOGGER, self);
	if (kinds & RESOURCE_BROKER)
		add(out, RESOURCE_BROKER, self);
	for (uint32_t t = 0; (kinds & RESOURCE_TOPIC) && t < image->topic_count; t++)
		add(out, RESOURCE_TOPIC, slice_from(image->topics[t]->name));
	if (kinds & RESOURCE_GROUP)
		add_names(out, RESOURCE_GROUP, groups);
	if (kinds & RESOURCE_CLIENT_METRICS)
		add_names(out, RESOURCE_CLIENT_METRICS, metrics);
	return true;
}

enum step list_config_resources_handle(struct request *request)
{
	struct kmsg_list_config_resources_request in;
	struct kmsg_list_config_resources_response out;
	if (kmsg_list_config_resources_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_list_config_resources_response_init(&out);
	int kinds = request->version == 0 ? RESOURCE_CLIENT_METRICS : kinds_asked(&in);
	if (kinds < 0)
		out.error_code = KERR_UNSUPPORTED_VERSION;
	else if (!list(request, kinds, &out))
		return request_reject(request, NULL);
	return REQUEST_ANSWER(request, list_config_resources, &out);
}
