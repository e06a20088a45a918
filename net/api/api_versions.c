/* ApiVersions (KIP-35, KIP-511): the table, for a client that has just connected.
 *
 * A version nobody knows is answered all the same, in the layout of version 0: UNSUPPORTED_VERSION and the range of this one
 * API, from which the client learns what to ask. From version 3 on the client names itself, and the names must be well formed. */
#include "kmsg_api_versions.h"
#include "net/api/feature.h"
#include "net/api/handlers.h"

static bool is_alphanumeric(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])? */
static bool is_software_name(struct slice name)
{
	if (name.size == 0 || !is_alphanumeric(name.data[0]) || !is_alphanumeric(name.data[name.size - 1]))
		return false;
	for (size_t i = 0; i < name.size; i++)
		if (!is_alphanumeric(name.data[i]) && name.data[i] != '-' && name.data[i] != '.')
			return false;
	return true;
}

static enum step answer(struct request *request, int version, const struct kmsg_api_versions_response *out)
{
	struct writer writer = request_answer_begin(request, kmsg_api_versions_response_size(out, version));
	kmsg_api_versions_response_encode(&writer, version, out);
	return request_answer_end(request, &writer);
}

static enum step answer_unknown_version(struct request *request)
{
	struct kmsg_api_versions_range own = {.api_key = request->api->key, .min_version = request->api->min, .max_version = request->api->max};
	struct kmsg_api_versions_response out;
	kmsg_api_versions_response_init(&out);
	out.error_code = KERR_UNSUPPORTED_VERSION;
	out.api_keys.items = &own;
	out.api_keys.count = 1;
	return answer(request, 0, &out);
}

static bool list_apis(struct request *request, struct kmsg_api_versions_response *out)
{
	out->api_keys.items = request_alloc_array(request, api_row_count, sizeof *out->api_keys.items);
	if (!out->api_keys.items)
		return false;
	out->api_keys.count = (int32_t)api_row_count;
	for (uint32_t i = 0; i < api_row_count; i++)
		out->api_keys.items[i] = (struct kmsg_api_versions_range){
			.api_key = api_rows[i].key, .min_version = api_rows[i].min, .max_version = api_rows[i].max};
	return true;
}

/* A feature at level 0 is not in force. */
static bool list_features(struct request *request, struct kmsg_api_versions_response *out)
{
	const struct catalog_image *image = request->shard->image;
	out->supported_features.items = request_alloc_array(request, FEATURE_COUNT, sizeof *out->supported_features.items);
	out->finalized_features.items = request_alloc_array(request, FEATURE_COUNT, sizeof *out->finalized_features.items);
	if (!out->supported_features.items || !out->finalized_features.items)
		return false;
	for (size_t i = 0; i < FEATURE_COUNT; i++) {
		const struct feature *feature = &features[i];
		struct slice name = slice_from(feature->name);
		int16_t level = feature_level(image, feature);
		if (!feature_is_served(feature))
			continue;
		out->supported_features.items[out->supported_features.count++] =
			(struct kmsg_api_versions_supported){name, feature->level_min, feature->level_max};
		if (level > 0)
			out->finalized_features.items[out->finalized_features.count++] = (struct kmsg_api_versions_finalized){name, level, level};
	}
	/* Clients take what has a later epoch than what they know. */
	out->finalized_features_epoch = (int64_t)catalog_sequence(image);
	return true;
}

enum step api_versions_handle(struct request *request)
{
	struct kmsg_api_versions_request in;
	struct kmsg_api_versions_response out;
	if (request->version < request->api->min || request->version > request->api->max)
		return answer_unknown_version(request);
	if (kmsg_api_versions_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_api_versions_response_init(&out);
	if (request->version >= 3 &&
	    (!is_software_name(in.client_software_name) || !is_software_name(in.client_software_version)))
		out.error_code = KERR_INVALID_REQUEST;
	else if (!list_apis(request, &out) || !list_features(request, &out))
		return request_reject(request, NULL);
	return answer(request, request->version, &out);
}
