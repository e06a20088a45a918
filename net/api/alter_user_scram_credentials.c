/* AlterUserScramCredentials (KIP-554): this broker authenticates nobody, so it keeps no credentials and
 * refuses to take any: a user who sets a password must not believe that it is asked for. What Kafka refuses is
 * refused in its words; there is nothing to remove.
 *
 * Each user has one result, that of the first change that names it: every change is refused, so the first
 * refusal is the answer. */
#include "kmsg_alter_user_scram_credentials.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"

enum { SCRAM_SHA_256 = 1, SCRAM_SHA_512 = 2, ITERATIONS_MIN = 4096, ITERATIONS_MAX = 16384 };

static bool refuse_user(struct request *request, struct refusal *refusal, struct slice name, int8_t mechanism)
{
	if (name.size == 0)
		return refuse(request, refusal, KERR_UNACCEPTABLE_CREDENTIAL, "Username must not be empty");
	if (mechanism != SCRAM_SHA_256 && mechanism != SCRAM_SHA_512)
		return refuse(request, refusal, KERR_UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism");
	return false;
}

static void judge_deletion(struct request *request, struct refusal *refusal,
			   const struct kmsg_alter_user_scram_credentials_deletion *in)
{
	if (!refuse_user(request, refusal, in->name, in->mechanism))
		refuse(request, refusal, KERR_RESOURCE_NOT_FOUND, "Attempt to delete a user credential that does not exist");
}

static void judge_upsertion(struct request *request, struct refusal *refusal,
			    const struct kmsg_alter_user_scram_credentials_upsertion *in)
{
	if (refuse_user(request, refusal, in->name, in->mechanism))
		return;
	if (in->iterations < ITERATIONS_MIN)
		refuse(request, refusal, KERR_UNACCEPTABLE_CREDENTIAL, "Too few iterations");
	else if (in->iterations > ITERATIONS_MAX)
		refuse(request, refusal, KERR_UNACCEPTABLE_CREDENTIAL, "Too many iterations");
	else
		refuse(request, refusal, KERR_UNSUPPORTED_SASL_MECHANISM,
		       "This broker authenticates nobody, so it keeps no credentials.");
}

static bool judge_all(struct request *request, const struct kmsg_alter_user_scram_credentials_request *in,
		      struct kmsg_alter_user_scram_credentials_response *out)
{
	uint32_t deletions = (uint32_t)in->deletions.count, count = deletions + (uint32_t)in->upsertions.count;
	struct slice *names = request_alloc_array(request, count, sizeof *names);
	struct repeats repeats;
	out->results.items = request_alloc_array(request, count, sizeof *out->results.items);
	for (uint32_t i = 0; names && i < count; i++)
		names[i] = i < deletions ? in->deletions.items[i].name : in->upsertions.items[i - deletions].name;
	if (!names || !out->results.items || !find_repeats(request, names, count, &repeats))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		struct refusal refusal = {0};
		if (!repeats.is_first[i])
			continue;
		if (i < deletions)
			judge_deletion(request, &refusal, &in->deletions.items[i]);
		else
			judge_upsertion(request, &refusal, &in->upsertions.items[i - deletions]);
		out->results.items[out->results.count++] =
			(struct kmsg_alter_user_scram_credentials_result){names[i], (int16_t)refusal.error, refusal.message};
	}
	return true;
}

enum step alter_user_scram_credentials_handle(struct request *request)
{
	struct kmsg_alter_user_scram_credentials_request in;
	struct kmsg_alter_user_scram_credentials_response out;
	if (kmsg_alter_user_scram_credentials_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_alter_user_scram_credentials_response_init(&out);
	if (!judge_all(request, &in, &out))
		return request_reject(request, NULL);
	return REQUEST_ANSWER(request, alter_user_scram_credentials, &out);
}
