/* AlterClientQuotas (KIP-546): nobody is held back here, so a quota is refused rather than kept and ignored.
 * To remove one succeeds: it is not there afterwards. What Kafka refuses is refused in its words. */
#include "kmsg_alter_client_quotas.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"

#include <math.h>

struct quota_key {
	const char *name;
	bool is_of_ip, is_whole;
};

static const struct quota_key quota_keys[] = {
	{"producer_byte_rate", false, true},	   {"consumer_byte_rate", false, true},
	{"request_percentage", false, false},	   {"controller_mutation_rate", false, false},
	{"connection_creation_rate", true, true},
};

static const struct quota_key *find_key(struct slice name, bool is_of_ip)
{
	for (size_t i = 0; i < COUNT_OF(quota_keys); i++)
		if (quota_keys[i].is_of_ip == is_of_ip && slice_equal(name, slice_from(quota_keys[i].name)))
			return &quota_keys[i];
	return NULL;
}

static bool refuse_entity(struct request *request, struct refusal *refusal,
			  const struct kmsg_alter_client_quotas_entry *entry, bool *is_of_ip)
{
	bool is_of_client = false;
	if (entry->entity.count == 0)
		return refuse(request, refusal, KERR_INVALID_REQUEST, "Invalid empty client quota entity");
	for (int32_t i = 0; i < entry->entity.count; i++) {
		struct slice type = entry->entity.items[i].entity_type, name = entry->entity.items[i].entity_name;
		bool is_ip = slice_equal(type, slice_from("ip"));
		if (!is_ip && !slice_equal(type, slice_from("user")) && !slice_equal(type, slice_from("client-id")))
			return refuse(request, refusal, KERR_INVALID_REQUEST, "Unhandled client quota entity type: %.*s", SHOWN(type));
		if (name.data && name.size == 0)
			return refuse(request, refusal, KERR_INVALID_REQUEST, "Empty %.*s not supported", SHOWN(type));
		*is_of_ip |= is_ip;
		is_of_client |= !is_ip;
	}
	return *is_of_ip && is_of_client &&
	       refuse(request, refusal, KERR_INVALID_REQUEST,
		      "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId");
}

static bool refuse_op(struct request *request, struct refusal *refusal, const struct kmsg_alter_client_quotas_op *op, bool is_of_ip)
{
	const struct quota_key *key = find_key(op->key, is_of_ip);
	if (op->remove)
		return false;
	if (!key)
		return refuse(request, refusal, KERR_INVALID_REQUEST, "Invalid configuration key %.*s", SHOWN(op->key));
	if (!(op->value > 0))
		return refuse(request, refusal, KERR_INVALID_REQUEST, "Quota %s must be greater than 0", key->name);
	if (key->is_whole && op->value != floor(op->value))
		return refuse(request, refusal, KERR_INVALID_REQUEST, "%s cannot be a fractional value.", key->name);
	return refuse(request, refusal, KERR_UNSUPPORTED_VERSION, "This broker holds no client back, so it keeps no quotas.");
}

static struct refusal judge(struct request *request, const struct kmsg_alter_client_quotas_entry *entry)
{
	struct refusal refusal = {0};
	bool is_of_ip = false, is_refused = refuse_entity(request, &refusal, entry, &is_of_ip);
	for (int32_t i = 0; !is_refused && i < entry->ops.count; i++)
		is_refused = refuse_op(request, &refusal, &entry->ops.items[i], is_of_ip);
	return refusal;
}

enum step alter_client_quotas_handle(struct request *request)
{
	struct kmsg_alter_client_quotas_request in;
	struct kmsg_alter_client_quotas_response out;
	if (kmsg_alter_client_quotas_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_alter_client_quotas_response_init(&out);
	out.entries.items = request_alloc_array(request, (size_t)in.entries.count, sizeof *out.entries.items);
	if (!out.entries.items)
		return request_reject(request, NULL);
	for (; out.entries.count < in.entries.count; out.entries.count++) {
		const struct kmsg_alter_client_quotas_entry *entry = &in.entries.items[out.entries.count];
		struct refusal refusal = judge(request, entry);
		struct kmsg_alter_client_quotas_entry_result *result = &out.entries.items[out.entries.count];
		*result = (struct kmsg_alter_client_quotas_entry_result){.error_code = (int16_t)refusal.error, .error_message = refusal.message};
		result->entity.items = entry->entity.items;
		result->entity.count = entry->entity.count;
	}
	return REQUEST_ANSWER(request, alter_client_quotas, &out);
}
