/* DescribeClientQuotas (KIP-546): the quotas whose entity a filter matches. The filter is judged as Kafka does, in its order and words. */
#include "kmsg_describe_client_quotas.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"
#include "net/quota/quota_entity.h"

enum { MATCH_EXACT = 0, MATCH_DEFAULT = 1, MATCH_SPECIFIED = 2 };

/* What each part of an entity must be. */
struct filter {
	bool is_strict;                /* other parts there must not be */
	struct {
		bool is_asked, is_any;
		struct slice name;     /* data NULL: the default */
	} parts[quota_part_count];
};

/* ---- the filter ------------------------------------------------------------------------------------------ */

static bool refuse_match(struct request *request, struct refusal *refusal,
			 const struct kmsg_describe_client_quotas_component *component)
{
	switch (component->match_type) {
	case MATCH_EXACT:
		return !component->match.data && refuse(request, refusal, KERR_INVALID_REQUEST,
							"Request specified MATCH_TYPE_EXACT, but set match string to null.");
	case MATCH_DEFAULT:
	case MATCH_SPECIFIED:
		return component->match.data &&
		       refuse(request, refusal, KERR_INVALID_REQUEST, "Request specified MATCH_TYPE_%s, but also specified a match string.",
			      component->match_type == MATCH_DEFAULT ? "DEFAULT" : "SPECIFIED");
	default:
		return refuse(request, refusal, KERR_INVALID_REQUEST, "Unknown match type %d", component->match_type);
	}
}

static bool refuse_component(struct request *request, struct refusal *refusal,
			     const struct kmsg_describe_client_quotas_component *component, struct filter *filter)
{
	struct slice type = component->entity_type;
	enum quota_part part = quota_part_find(type);
	if (type.size == 0)
		return refuse(request, refusal, KERR_INVALID_REQUEST, "Invalid empty entity type.");
	if (part == quota_part_count)
		return refuse(request, refusal, KERR_UNSUPPORTED_VERSION, "Unsupported entity type %.*s", SHOWN(type));
	if (filter->parts[part].is_asked)
		return refuse(request, refusal, KERR_INVALID_REQUEST,
			      "Entity type %.*s cannot appear more than once in the filter.", SHOWN(type));
	filter->parts[part].is_asked = true;
	filter->parts[part].is_any = component->match_type == MATCH_SPECIFIED;
	filter->parts[part].name = component->match;
	return refuse_match(request, refusal, component);
}

static bool refuse_filter(struct request *request, struct refusal *refusal, const struct kmsg_describe_client_quotas_request *in,
			  struct filter *filter)
{
	filter->is_strict = in->strict;
	for (int32_t i = 0; i < in->components.count; i++)
		if (refuse_component(request, refusal, &in->components.items[i], filter))
			return true;
	return filter->parts[QUOTA_IP].is_asked && (filter->parts[QUOTA_USER].is_asked || filter->parts[QUOTA_CLIENT_ID].is_asked) &&
	       refuse(request, refusal, KERR_INVALID_REQUEST,
		      "Invalid entity filter component combination. IP filter component should not be used with user or clientId filter component.");
}

static bool same_name(struct slice a, struct slice b)
{
	return (a.data == NULL) == (b.data == NULL) && slice_equal(a, b);
}

static bool matches(const struct filter *filter, const struct quota_entity *entity)
{
	for (int part = 0; part < quota_part_count; part++) {
		if (!filter->parts[part].is_asked) {
			if (filter->is_strict && entity->has[part])
				return false;
			continue;
		}
		if (!entity->has[part] || (!filter->parts[part].is_any && !same_name(filter->parts[part].name, entity->names[part])))
			return false;
	}
	return true;
}

/* ---- the answer ------------------------------------------------------------------------------------------ */

static bool list_parts(struct request *request, const struct quota_entity *entity, struct kmsg_describe_client_quotas_entry *out)
{
	out->entity.items = request_alloc_array(request, quota_part_count, sizeof *out->entity.items);
	for (int part = 0; out->entity.items && part < quota_part_count; part++)
		if (entity->has[part])
			out->entity.items[out->entity.count++] = (struct kmsg_describe_client_quotas_entity){
				slice_from(quota_part_name((enum quota_part)part)), entity->names[part]};
	return out->entity.items != NULL;
}

static bool list_values(struct request *request, struct setting_range kept, struct kmsg_describe_client_quotas_entry *out)
{
	out->values.items = request_alloc_array(request, kept.count, sizeof *out->values.items);
	for (uint32_t i = 0; out->values.items && i < kept.count; i++)
		out->values.items[out->values.count++] =
			(struct kmsg_describe_client_quotas_value){kept.at[i]->key, quota_value_decode(kept.at[i]->value)};
	return out->values.items != NULL;
}

static struct setting_range range_at(struct setting_range all, uint32_t first)
{
	struct setting_range range = {.at = all.at + first, .count = 1};
	while (first + range.count < all.count && slice_equal(all.at[first]->name, all.at[first + range.count]->name))
		range.count++;
	return range;
}

static bool list_entries(struct request *request, const struct filter *filter, struct kmsg_describe_client_quotas_response *out)
{
	struct setting_range all = catalog_settings(request->shard->image, SETTING_QUOTA), kept;
	out->entries.count = 0;
	out->entries.items = request_alloc_array(request, all.count, sizeof *out->entries.items);
	if (!out->entries.items)
		return false;
	for (uint32_t i = 0; i < all.count; i += kept.count) {
		struct quota_entity entity;
		kept = range_at(all, i);
		if (quota_entity_decode(all.at[i]->name, &entity) || !matches(filter, &entity))
			continue;
		struct kmsg_describe_client_quotas_entry *entry = &out->entries.items[out->entries.count++];
		if (!list_parts(request, &entity, entry) || !list_values(request, kept, entry))
			return false;
	}
	return true;
}

enum step describe_client_quotas_handle(struct request *request)
{
	struct kmsg_describe_client_quotas_request in;
	struct kmsg_describe_client_quotas_response out;
	struct refusal refusal = {.message = SLICE_EMPTY};
	struct filter filter = {0};
	if (kmsg_describe_client_quotas_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_describe_client_quotas_response_init(&out);
	if (refuse_filter(request, &refusal, &in, &filter))
		out.entries.count = -1;
	else if (!list_entries(request, &filter, &out))
		return request_reject(request, NULL);
	out.error_code = (int16_t)refusal.error;
	out.error_message = refusal.message;
	return REQUEST_ANSWER(request, describe_client_quotas, &out);
}
