/* DescribeUserScramCredentials (KIP-554): which mechanisms users have credentials for, and with how many iterations; never the keys. Asked
 * for no user in particular it tells of all; a user that has none, and one named twice, is refused in Kafka's words. */
#include "kmsg_describe_user_scram_credentials.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"
#include "net/auth/scram.h"

/* A user has few: one a mechanism. */
static bool describe(struct request *request, struct setting_range kept, struct kmsg_describe_user_scram_credentials_result *out)
{
	static const enum scram_mechanism mechanisms[] = {SCRAM_SHA_256, SCRAM_SHA_512};
	out->credential_infos.items = request_alloc_array(request, kept.count, sizeof *out->credential_infos.items);
	for (uint32_t i = 0; out->credential_infos.items && i < kept.count; i++)
		for (size_t m = 0; m < COUNT_OF(mechanisms); m++) {
			struct scram_credential credential;
			if (!slice_equal(kept.at[i]->key, slice_from(scram_mechanism_name(mechanisms[m]))) ||
			    scram_decode(mechanisms[m], kept.at[i]->value, &credential))
				continue;
			out->credential_infos.items[out->credential_infos.count++] =
				(struct kmsg_describe_user_scram_credentials_credential){(int8_t)mechanisms[m], credential.iterations};
		}
	return out->credential_infos.items != NULL;
}

static bool describe_named(struct request *request, struct slice name, bool is_repeated,
			   struct kmsg_describe_user_scram_credentials_result *out)
{
	struct setting_range kept = catalog_settings_of(request->shard->image, SETTING_USER, name);
	struct refusal refusal = {.message = SLICE_EMPTY};
	if (is_repeated)
		refuse(request, &refusal, KERR_DUPLICATE_RESOURCE,
		       "Cannot describe SCRAM credentials for the same user twice in a single request: %.*s", SHOWN(name));
	else if (kept.count == 0)
		refuse(request, &refusal, KERR_RESOURCE_NOT_FOUND,
		       "Attempt to describe a user credential that does not exist: %.*s", SHOWN(name));
	*out = (struct kmsg_describe_user_scram_credentials_result){
		.user = name, .error_code = (int16_t)refusal.error, .error_message = refusal.message};
	return refusal.error || describe(request, kept, out);
}

static bool describe_those(struct request *request, const struct kmsg_describe_user_scram_credentials_request *in,
			   struct kmsg_describe_user_scram_credentials_response *out)
{
	uint32_t count = (uint32_t)in->users.count;
	struct slice *names = request_alloc_array(request, count, sizeof *names);
	struct repeats repeats;
	out->results.items = request_alloc_array(request, count, sizeof *out->results.items);
	for (uint32_t i = 0; names && i < count; i++)
		names[i] = in->users.items[i].name;
	if (!names || !out->results.items || !find_repeats(request, names, count, &repeats))
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (repeats.is_first[i] &&
		    !describe_named(request, names[i], repeats.is_repeated[i], &out->results.items[out->results.count++]))
			return false;
	return true;
}

/* They are in the order of the names. */
static bool describe_all(struct request *request, struct kmsg_describe_user_scram_credentials_response *out)
{
	struct setting_range all = catalog_settings(request->shard->image, SETTING_USER);
	out->results.items = request_alloc_array(request, all.count, sizeof *out->results.items);
	if (!out->results.items)
		return false;
	for (uint32_t i = 0; i < all.count; i++)
		if ((i == 0 || !slice_equal(all.at[i]->name, all.at[i - 1]->name)) &&
		    !describe_named(request, all.at[i]->name, false, &out->results.items[out->results.count++]))
			return false;
	return true;
}

enum step describe_user_scram_credentials_handle(struct request *request)
{
	struct kmsg_describe_user_scram_credentials_request in;
	struct kmsg_describe_user_scram_credentials_response out;
	if (kmsg_describe_user_scram_credentials_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_describe_user_scram_credentials_response_init(&out);
	out.error_message = SLICE_EMPTY;
	/* None in particular: null, or an empty list. */
	if (in.users.count > 0 ? !describe_those(request, &in, &out) : !describe_all(request, &out))
		return request_reject(request, NULL);
	return REQUEST_ANSWER(request, describe_user_scram_credentials, &out);
}
