/* AlterUserScramCredentials (KIP-554): users' credentials, kept in the catalog as net/auth/scram makes them. Judged in Kafka's order and words.
 *
 * Each user has one result. A user may be named once: of several changes the first is judged, and if there is nothing against it, that there
 * are several is. All that are well are one durable change. (Nobody is asked for credentials yet: there is no SASL.) */
#include "kmsg_alter_user_scram_credentials.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"
#include "net/auth/scram.h"

/* A user and what shall become of it. */
struct change {
	struct slice name;
	int8_t mechanism;
	bool is_repeated;
	const struct kmsg_alter_user_scram_credentials_upsertion *upsertion; /* NULL: a deletion */
	struct slice value;
	struct refusal refusal;
};

struct alter_credentials {
	struct control_op op;
	struct request *request;
	struct kmsg_alter_user_scram_credentials_request in;
	struct change *changes;
	uint32_t count;
	struct setting_change *settings;
};

/* ---- judging ------------------------------------------------------------------------------------------- */

static bool refuse_user(struct request *request, struct change *change)
{
	if (change->name.size == 0)
		return refuse(request, &change->refusal, KERR_UNACCEPTABLE_CREDENTIAL, "Username must not be empty");
	if (!scram_is_mechanism(change->mechanism))
		return refuse(request, &change->refusal, KERR_UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism");
	return false;
}

static bool refuse_upsertion(struct request *request, struct change *change)
{
	int32_t iterations = change->upsertion->iterations;
	if (iterations < SCRAM_ITERATIONS_MIN)
		return refuse(request, &change->refusal, KERR_UNACCEPTABLE_CREDENTIAL, "Too few iterations");
	if (iterations > SCRAM_ITERATIONS_MAX)
		return refuse(request, &change->refusal, KERR_UNACCEPTABLE_CREDENTIAL, "Too many iterations");
	return false;
}

static struct slice setting_key(const struct change *change)
{
	return slice_from(scram_mechanism_name((enum scram_mechanism)change->mechanism));
}

static bool refuse_deletion(struct request *request, struct change *change, const struct catalog_image *image)
{
	return !catalog_setting(image, SETTING_USER, change->name, setting_key(change)) &&
	       refuse(request, &change->refusal, KERR_RESOURCE_NOT_FOUND, "Attempt to delete a user credential that does not exist");
}

static bool refuse_repetition(struct request *request, struct change *change)
{
	return change->is_repeated &&
	       refuse(request, &change->refusal, KERR_DUPLICATE_RESOURCE, "A user credential cannot be altered twice in the same request");
}

/* Kafka fails where there is nothing to hash; a salt longer than any is of no use to anybody. */
static bool refuse_secrets(struct request *request, struct change *change)
{
	const struct kmsg_alter_user_scram_credentials_upsertion *in = change->upsertion;
	if (in->salted_password.size == 0)
		change->refusal = (struct refusal){.error = KERR_UNKNOWN_SERVER_ERROR};
	else if (in->salt.size > SETTING_VALUE_SIZE_MAX - SCRAM_OVERHEAD_BYTES)
		refuse(request, &change->refusal, KERR_UNACCEPTABLE_CREDENTIAL, "The salt is too long");
	return change->refusal.error;
}

static void judge(struct request *request, struct change *change, const struct catalog_image *image)
{
	if (refuse_user(request, change))
		return;
	if (change->upsertion ? refuse_upsertion(request, change) : refuse_deletion(request, change, image))
		return;
	if (!refuse_repetition(request, change) && change->upsertion)
		refuse_secrets(request, change);
}

/* ---- on the control shard -------------------------------------------------------------------------------- */

static void make_value(struct request *request, struct change *change)
{
	const struct kmsg_alter_user_scram_credentials_upsertion *in = change->upsertion;
	struct scram_credential credential = {
		.mechanism = (enum scram_mechanism)change->mechanism, .iterations = in->iterations, .salt = in->salt};
	uint8_t *bytes = request_alloc(request, SCRAM_OVERHEAD_BYTES + in->salt.size);
	if (!bytes) {
		refuse(request, &change->refusal, KERR_UNKNOWN_SERVER_ERROR, "there is no memory for the credential");
		return;
	}
	scram_derive(&credential, in->salted_password);
	change->value = (struct slice){bytes, scram_encode(&credential, bytes)};
}

static uint32_t collect(struct alter_credentials *state)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < state->count; i++) {
		struct change *change = &state->changes[i];
		if (!change->refusal.error && change->upsertion)
			make_value(state->request, change);
		if (change->refusal.error)
			continue;
		state->settings[count++] = (struct setting_change){
			.type = SETTING_USER, .name = change->name, .key = setting_key(change), .value = change->upsertion ? &change->value : NULL};
	}
	return count;
}

/* All or none: what the catalog says is said of each. */
static void run(struct control_op *op, struct catalog *catalog)
{
	struct alter_credentials *state = CONTAINER_OF(op, struct alter_credentials, op);
	const struct catalog_image *image = catalog_image_acquire(catalog);
	for (uint32_t i = 0; i < state->count; i++)
		judge(state->request, &state->changes[i], image);
	catalog_image_release(image);
	uint32_t count = collect(state);
	int err = count > 0 ? catalog_change_settings(catalog, state->settings, count) : 0;
	for (uint32_t i = 0; err && i < state->count; i++)
		if (!state->changes[i].refusal.error)
			refuse_err(state->request, &state->changes[i].refusal, err);
}

/* ---- the request ----------------------------------------------------------------------------------------- */

static struct change change_at(const struct kmsg_alter_user_scram_credentials_request *in, uint32_t i)
{
	uint32_t deletions = (uint32_t)in->deletions.count;
	if (i < deletions)
		return (struct change){.name = in->deletions.items[i].name, .mechanism = in->deletions.items[i].mechanism};
	const struct kmsg_alter_user_scram_credentials_upsertion *upsertion = &in->upsertions.items[i - deletions];
	return (struct change){.name = upsertion->name, .mechanism = upsertion->mechanism, .upsertion = upsertion};
}

/* One change for each user. */
static bool lay_out(struct request *request, struct alter_credentials *state)
{
	uint32_t count = (uint32_t)state->in.deletions.count + (uint32_t)state->in.upsertions.count;
	struct slice *names = request_alloc_array(request, count, sizeof *names);
	struct repeats repeats;
	state->changes = request_alloc_array(request, count, sizeof *state->changes);
	state->settings = request_alloc_array(request, count, sizeof *state->settings);
	for (uint32_t i = 0; names && i < count; i++)
		names[i] = change_at(&state->in, i).name;
	if (!names || !state->changes || !state->settings || !find_repeats(request, names, count, &repeats))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (!repeats.is_first[i])
			continue;
		state->changes[state->count] = change_at(&state->in, i);
		state->changes[state->count++].is_repeated = repeats.is_repeated[i];
	}
	return true;
}

static enum step answer(struct request *request)
{
	const struct alter_credentials *state = request->state;
	struct kmsg_alter_user_scram_credentials_response out;
	kmsg_alter_user_scram_credentials_response_init(&out);
	out.results.items = request_alloc_array(request, state->count, sizeof *out.results.items);
	if (!out.results.items)
		return request_reject(request, NULL);
	for (; (uint32_t)out.results.count < state->count; out.results.count++) {
		const struct change *change = &state->changes[out.results.count];
		out.results.items[out.results.count] = (struct kmsg_alter_user_scram_credentials_result){
			change->name, (int16_t)change->refusal.error, change->refusal.message};
	}
	return REQUEST_ANSWER(request, alter_user_scram_credentials, &out);
}

enum step alter_user_scram_credentials_handle(struct request *request)
{
	struct alter_credentials *state = request_alloc_array(request, 1, sizeof *state);
	if (!state || kmsg_alter_user_scram_credentials_request_decode(&request->body, &request->arena, request->version, &state->in))
		return request_reject(request, NULL);
	request->state = state;
	state->request = request;
	if (!lay_out(request, state))
		return request_reject(request, NULL);
	state->op = (struct control_op){.run = run};
	control_submit(request, &state->op);
	return request_join(request, answer);
}
