/* DescribeClientQuotas (KIP-546): there are none. The filter is judged as Kafka does, in its order and
 * words. */
#include "kmsg_describe_client_quotas.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"

enum { MATCH_EXACT = 0, MATCH_DEFAULT = 1, MATCH_SPECIFIED = 2 };
enum { ABOUT_USER = 1, ABOUT_CLIENT_ID = 2, ABOUT_IP = 4 };

static int kind_of(struct slice entity_type)
{
	return slice_equal(entity_type, slice_from("user")) ? ABOUT_USER :
	       slice_equal(entity_type, slice_from("client-id")) ? ABOUT_CLIENT_ID :
	       slice_equal(entity_type, slice_from("ip")) ? ABOUT_IP : 0;
}

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
			     const struct kmsg_describe_client_quotas_component *component, int *seen)
{
	struct slice type = component->entity_type;
	int kind = kind_of(type);
	if (type.size == 0)
		return refuse(request, refusal, KERR_INVALID_REQUEST, "Invalid empty entity type.");
	if (*seen & kind)
		return refuse(request, refusal, KERR_INVALID_REQUEST,
			      "Entity type %.*s cannot appear more than once in the filter.", SHOWN(type));
	if (!kind)
		return refuse(request, refusal, KERR_UNSUPPORTED_VERSION, "Unsupported entity type %.*s", SHOWN(type));
	*seen |= kind;
	return refuse_match(request, refusal, component);
}

static bool refuse_filter(struct request *request, struct refusal *refusal, const struct kmsg_describe_client_quotas_request *in)
{
	int seen = 0;
	for (int32_t i = 0; i < in->components.count; i++)
		if (refuse_component(request, refusal, &in->components.items[i], &seen))
			return true;
	return (seen & ABOUT_IP) && seen != ABOUT_IP &&
	       refuse(request, refusal, KERR_INVALID_REQUEST,
		      "Invalid entity filter component combination. IP filter component should not be used with user or clientId filter component.");
}

enum step describe_client_quotas_handle(struct request *request)
{
	struct kmsg_describe_client_quotas_request in;
	struct kmsg_describe_client_quotas_response out;
	struct refusal refusal = {.message = SLICE_EMPTY};
	if (kmsg_describe_client_quotas_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_describe_client_quotas_response_init(&out);
	out.entries.count = refuse_filter(request, &refusal, &in) ? -1 : 0;
	out.error_code = (int16_t)refusal.error;
	out.error_message = refusal.message;
	return REQUEST_ANSWER(request, describe_client_quotas, &out);
}
