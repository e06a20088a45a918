/* DescribeUserScramCredentials (KIP-554): nobody has any. Asked for all users the answer is empty; asked for
 * some, each is said not to exist, and a user named twice to be named twice, in the words of Kafka. */
#include "kmsg_describe_user_scram_credentials.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"

static void judge(struct request *request, struct slice name, bool is_repeated,
		  struct kmsg_describe_user_scram_credentials_result *out)
{
	struct refusal refusal;
	if (is_repeated)
		refuse(request, &refusal, KERR_DUPLICATE_RESOURCE,
		       "Cannot describe SCRAM credentials for the same user twice in a single request: %.*s", SHOWN(name));
	else
		refuse(request, &refusal, KERR_RESOURCE_NOT_FOUND,
		       "Attempt to describe a user credential that does not exist: %.*s", SHOWN(name));
	*out = (struct kmsg_describe_user_scram_credentials_result){
		.user = name, .error_code = (int16_t)refusal.error, .error_message = refusal.message};
}

static bool judge_all(struct request *request, const struct kmsg_describe_user_scram_credentials_request *in,
		      struct kmsg_describe_user_scram_credentials_response *out)
{
	size_t count = in->users.count > 0 ? (size_t)in->users.count : 0;
	struct slice *names = request_alloc_array(request, count, sizeof *names);
	struct repeats repeats;
	out->results.items = request_alloc_array(request, count, sizeof *out->results.items);
	for (size_t i = 0; names && i < count; i++)
		names[i] = in->users.items[i].name;
	if (!names || !out->results.items || !find_repeats(request, names, (uint32_t)count, &repeats))
		return false;
	for (size_t i = 0; i < count; i++)
		if (repeats.is_first[i])
			judge(request, names[i], repeats.is_repeated[i], &out->results.items[out->results.count++]);
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
	if (!judge_all(request, &in, &out))
		return request_reject(request, NULL);
	return REQUEST_ANSWER(request, describe_user_scram_credentials, &out);
}
