/* AlterClientQuotas (KIP-546): quotas set and removed, each entity for itself, judged in Kafka's order and words; all that are well are one durable
 * change. Every shard has them when the answer leaves: they hold from its next request on (net/route/quota_task).
 *
 * An entity that is named again, in one request, is refused: its first entry stands, as in Kafka. A quota named twice for one entity refuses
 * that entity. Addresses are numeric: the broker asks no name server. */
#include "kmsg_alter_client_quotas.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"
#include "net/quota/quota_rules.h"

/* One entity of the request. */
struct alteration {
	const struct kmsg_alter_client_quotas_entry *in;
	struct kmsg_alter_client_quotas_entity *parts; /* as the answer names them: of a kind that comes twice, the last */
	int32_t part_count;
	struct quota_entity entity;
	struct slice name;             /* of the settings; empty if its parts are not well */
	bool has_parts, is_repeated;
	struct refusal refusal;
};

struct alter_quotas {
	struct control_op op;
	struct request *request;
	struct kmsg_alter_client_quotas_request in;
	struct alteration *alterations;
	uint32_t count;
	struct setting_change *changes;
	uint32_t change_count, change_max;
};

/* ---- entities -------------------------------------------------------------------------------------------- */

/* More kinds of parts are not looked at: one of them is unknown, which refuses the entity. */
#define PARTS_MAX 16

/* In the order in which Kafka names them. */
static void sort_parts(struct alteration *alteration)
{
	struct kmsg_alter_client_quotas_entity *parts = alteration->parts;
	for (int32_t i = 1; i < alteration->part_count; i++)
		for (int32_t at = i; at > 0 && quota_part_find(parts[at].entity_type) < quota_part_find(parts[at - 1].entity_type); at--) {
			struct kmsg_alter_client_quotas_entity earlier = parts[at];
			parts[at] = parts[at - 1];
			parts[at - 1] = earlier;
		}
}

/* Like a map that is put into: the last of a kind counts. */
static bool take_parts(struct request *request, struct alteration *alteration)
{
	const struct kmsg_alter_client_quotas_entry *in = alteration->in;
	alteration->parts = request_alloc_array(request, PARTS_MAX, sizeof *alteration->parts);
	if (!alteration->parts)
		return false;
	for (int32_t i = 0; i < in->entity.count; i++) {
		int32_t at = 0;
		while (at < alteration->part_count && !slice_equal(alteration->parts[at].entity_type, in->entity.items[i].entity_type))
			at++;
		if (at == PARTS_MAX)
			continue;
		alteration->parts[at] = in->entity.items[i];
		alteration->part_count += at == alteration->part_count;
	}
	sort_parts(alteration);
	return true;
}

static bool refuse_parts(struct request *request, struct alteration *alteration)
{
	struct refusal *refusal = &alteration->refusal;
	struct quota_entity *entity = &alteration->entity;
	if (alteration->part_count == 0)
		return refuse(request, refusal, KERR_INVALID_REQUEST, "Invalid empty client quota entity");
	for (int32_t i = 0; i < alteration->part_count; i++) {
		struct slice type = alteration->parts[i].entity_type, name = alteration->parts[i].entity_name;
		enum quota_part part = quota_part_find(type);
		if (part == quota_part_count)
			return refuse(request, refusal, KERR_INVALID_REQUEST, "Unhandled client quota entity type: %.*s", SHOWN(type));
		if (name.data && name.size == 0)
			return refuse(request, refusal, KERR_INVALID_REQUEST, "Empty %.*s not supported", SHOWN(type));
		entity->has[part] = true;
		entity->names[part] = name;
	}
	alteration->has_parts = true;
	return false;
}

static bool refuse_combination(struct request *request, struct alteration *alteration)
{
	const struct quota_entity *entity = &alteration->entity;
	struct slice address = entity->names[QUOTA_IP];
	uint8_t parsed[QUOTA_ADDRESS_SIZE];
	if (!entity->has[QUOTA_IP])
		return false;
	if (entity->has[QUOTA_USER] || entity->has[QUOTA_CLIENT_ID])
		return refuse(request, &alteration->refusal, KERR_INVALID_REQUEST,
			      "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId");
	return address.data && !quota_address_parse(address, parsed) &&
	       refuse(request, &alteration->refusal, KERR_INVALID_REQUEST, "%.*s is not a valid IP or resolvable host.", SHOWN(address));
}

/* ---- quotas ---------------------------------------------------------------------------------------------- */

static const struct quota_key *find_key(struct slice name, bool is_of_ip)
{
	for (size_t i = 0; i < quota_kind_count; i++)
		if (quota_keys[i].is_of_ip == is_of_ip && slice_equal(name, slice_from(quota_keys[i].name)))
			return &quota_keys[i];
	return NULL;
}

static bool refuse_op(struct request *request, struct alteration *alteration, const struct kmsg_alter_client_quotas_op *op)
{
	const struct quota_key *key = find_key(op->key, alteration->entity.has[QUOTA_IP]);
	struct refusal *refusal = &alteration->refusal;
	if (op->remove)
		return false;
	if (!key)
		return refuse(request, refusal, KERR_INVALID_REQUEST, "Invalid configuration key %.*s", SHOWN(op->key));
	if (!(op->value > 0))
		return refuse(request, refusal, KERR_INVALID_REQUEST, "Quota %s must be greater than 0", key->name);
	if (op->value > key->max)
		return refuse(request, refusal, KERR_INVALID_REQUEST, "Proposed value for %s is too large for %s %s.", key->name,
			      key->type[0] == 'I' ? "an" : "a", key->type);
	return key->is_whole && op->value < 0x1p53 && op->value - (double)(int64_t)op->value > 1e-6 && /* larger ones are whole */
	       refuse(request, refusal, KERR_INVALID_REQUEST, "%s cannot be a fractional value.", key->name);
}

/* Nothing of such an entity is done. Kafka's sentence calls the entity a duplicate. */
static bool refuse_repeated_keys(struct request *request, struct alteration *alteration, bool *has_memory)
{
	uint32_t count = (uint32_t)alteration->in->ops.count;
	struct slice *keys = request_alloc_array(request, count, sizeof *keys);
	struct repeats repeats;
	for (uint32_t i = 0; keys && i < count; i++)
		keys[i] = alteration->in->ops.items[i].key;
	*has_memory = keys && find_repeats(request, keys, count, &repeats);
	for (uint32_t i = 0; *has_memory && i < count; i++)
		if (repeats.is_repeated[i])
			return refuse(request, &alteration->refusal, KERR_INVALID_REQUEST, "Ignoring duplicate entity ");
	return false;
}

/* "ClientQuotaEntity(entries={user=a})" behind the sentence. */
static void name_duplicate(struct request *request, struct alteration *alteration)
{
	struct slice text = text_format(request, "Ignoring duplicate entity ClientQuotaEntity(entries={"); /* as Java prints it */
	for (int32_t i = 0; i < alteration->part_count; i++) {
		const struct kmsg_alter_client_quotas_entity *part = &alteration->parts[i];
		struct slice name = part->entity_name.data ? part->entity_name : slice_from("null");
		text = text_format(request, "%.*s%s%.*s=%.*s", SHOWN(text), i > 0 ? ", " : "", SHOWN(part->entity_type), SHOWN(name));
	}
	alteration->refusal = (struct refusal){KERR_INVALID_REQUEST, text_format(request, "%.*s})", SHOWN(text))};
}

static bool judge(struct request *request, struct alteration *alteration)
{
	bool has_memory = true;
	if (refuse_repeated_keys(request, alteration, &has_memory)) {
		name_duplicate(request, alteration);
		return true;
	}
	if (!has_memory)
		return false;
	bool is_refused = refuse_parts(request, alteration) || refuse_combination(request, alteration);
	for (int32_t i = 0; !is_refused && i < alteration->in->ops.count; i++)
		is_refused = refuse_op(request, alteration, &alteration->in->ops.items[i]);
	return true;
}

/* ---- the change ------------------------------------------------------------------------------------------ */

static bool add_changes(struct request *request, struct alter_quotas *state, struct alteration *alteration)
{
	for (int32_t i = 0; i < alteration->in->ops.count; i++) {
		const struct kmsg_alter_client_quotas_op *op = &alteration->in->ops.items[i];
		struct setting_change *change = &state->changes[state->change_count++];
		*change = (struct setting_change){.type = SETTING_QUOTA, .name = alteration->name, .key = op->key};
		if (op->remove) {
			state->change_count -= !find_key(op->key, alteration->entity.has[QUOTA_IP]); /* there cannot be one */
			continue;
		}
		struct slice *value = request_alloc(request, sizeof *value);
		uint8_t *bytes = request_alloc(request, QUOTA_VALUE_SIZE);
		if (!value || !bytes)
			return false;
		quota_value_encode(op->value, bytes);
		*value = (struct slice){bytes, QUOTA_VALUE_SIZE};
		change->value = value;
	}
	return true;
}

static void run(struct control_op *op, struct catalog *catalog)
{
	struct alter_quotas *state = CONTAINER_OF(op, struct alter_quotas, op);
	int err = catalog_change_settings(catalog, state->changes, state->change_count);
	for (uint32_t i = 0; err && i < state->count; i++)
		if (!state->alterations[i].refusal.error)
			refuse_err(state->request, &state->alterations[i].refusal, err);
}

/* ---- the request ----------------------------------------------------------------------------------------- */

static bool name_alteration(struct request *request, struct alteration *alteration)
{
	size_t capacity = 0;
	for (int part = 0; part < quota_part_count; part++)
		capacity += 4 + alteration->entity.names[part].size;
	uint8_t *bytes = request_alloc(request, capacity);
	if (!bytes)
		return false;
	alteration->name = (struct slice){bytes, quota_entity_encode(&alteration->entity, bytes, capacity)};
	if (!alteration->refusal.error && (alteration->name.size == 0 || alteration->name.size > QUOTA_ENTITY_SIZE_MAX))
		refuse(request, &alteration->refusal, KERR_INVALID_REQUEST, "The entity's names are too long");
	return true;
}

static bool take_all(struct request *request, struct alter_quotas *state)
{
	state->count = (uint32_t)state->in.entries.count;
	state->alterations = request_alloc_array(request, state->count, sizeof *state->alterations);
	for (uint32_t i = 0; state->alterations && i < state->count; i++) {
		struct alteration *alteration = &state->alterations[i];
		alteration->in = &state->in.entries.items[i];
		state->change_max += (uint32_t)alteration->in->ops.count;
		if (!take_parts(request, alteration) || !judge(request, alteration) ||
		    (alteration->has_parts && !name_alteration(request, alteration)))
			return false;
	}
	state->changes = request_alloc_array(request, state->change_max, sizeof *state->changes);
	return state->alterations && state->changes;
}

/* Of entities that are well and come again the first is done, and says that it came again. */
static bool find_duplicates(struct request *request, struct alter_quotas *state)
{
	struct slice *names = request_alloc_array(request, state->count, sizeof *names);
	struct repeats repeats;
	uint32_t kept = 0;
	for (uint32_t i = 0; names && i < state->count; i++)
		names[i] = state->alterations[i].name;
	if (!names || !find_repeats(request, names, state->count, &repeats))
		return false;
	for (uint32_t i = 0; i < state->count; i++) {
		bool is_named = names[i].size > 0;
		if (is_named && !repeats.is_first[i])
			continue;
		state->alterations[kept] = state->alterations[i];
		state->alterations[kept++].is_repeated = is_named && repeats.is_repeated[i];
	}
	state->count = kept;
	return true;
}

static enum step answer(struct request *request)
{
	struct alter_quotas *state = request->state;
	struct kmsg_alter_client_quotas_response out;
	kmsg_alter_client_quotas_response_init(&out);
	out.entries.items = request_alloc_array(request, state->count, sizeof *out.entries.items);
	if (!out.entries.items)
		return request_reject(request, NULL);
	for (uint32_t i = 0; i < state->count; i++) {
		struct alteration *alteration = &state->alterations[i];
		if (alteration->is_repeated)
			name_duplicate(request, alteration);
		struct kmsg_alter_client_quotas_entry_result *result = &out.entries.items[out.entries.count++];
		*result = (struct kmsg_alter_client_quotas_entry_result){
			.error_code = (int16_t)alteration->refusal.error, .error_message = alteration->refusal.message};
		result->entity.items = alteration->parts;
		result->entity.count = alteration->part_count;
	}
	return REQUEST_ANSWER(request, alter_client_quotas, &out);
}

enum step alter_client_quotas_handle(struct request *request)
{
	struct alter_quotas *state = request_alloc_array(request, 1, sizeof *state);
	if (!state || kmsg_alter_client_quotas_request_decode(&request->body, &request->arena, request->version, &state->in))
		return request_reject(request, NULL);
	request->state = state;
	state->request = request;
	if (!take_all(request, state) || !find_duplicates(request, state))
		return request_reject(request, NULL);
	for (uint32_t i = 0; i < state->count; i++)
		if (!state->alterations[i].refusal.error && !add_changes(request, state, &state->alterations[i]))
			return request_reject(request, NULL);
	if (state->in.validate_only || state->change_count == 0)
		return answer(request);
	state->op = (struct control_op){.run = run};
	control_submit(request, &state->op);
	return request_join(request, answer);
}
