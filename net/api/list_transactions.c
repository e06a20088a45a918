/* ListTransactions (KIP-664, KIP-994, KIP-1152): there are none. States that there are not either are told
 * back, and a pattern that is none is refused. */
#include "kmsg_list_transactions.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"
#include "net/group/topic_pattern.h"

#include <errno.h>

static bool is_state(struct slice name)
{
	static const char *const states[] = {
		"Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead", "PrepareEpochFence",
	};
	for (size_t i = 0; i < COUNT_OF(states); i++)
		if (slice_equal(name, slice_from(states[i])))
			return true;
	return false;
}

static bool list_unknown_states(struct request *request, const struct kmsg_list_transactions_request *in,
				struct kmsg_list_transactions_response *out)
{
	struct repeats repeats;
	out->unknown_state_filters.items =
		request_alloc_array(request, (size_t)in->state_filters.count, sizeof *out->unknown_state_filters.items);
	if (!out->unknown_state_filters.items ||
	    !find_repeats(request, in->state_filters.items, (uint32_t)in->state_filters.count, &repeats))
		return false;
	for (int32_t i = 0; i < in->state_filters.count; i++)
		if (repeats.is_first[i] && !is_state(in->state_filters.items[i]))
			out->unknown_state_filters.items[out->unknown_state_filters.count++] = in->state_filters.items[i];
	return true;
}

static bool is_pattern(struct slice text)
{
	struct topic_pattern *pattern = NULL;
	int err = text.size ? topic_pattern_compile(&pattern, text, NULL, 0) : 0;
	topic_pattern_free(pattern);
	return err != -EINVAL;
}

enum step list_transactions_handle(struct request *request)
{
	struct kmsg_list_transactions_request in;
	struct kmsg_list_transactions_response out;
	if (kmsg_list_transactions_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_list_transactions_response_init(&out);
	if (!is_pattern(in.transactional_id_pattern))
		out.error_code = KERR_INVALID_REGULAR_EXPRESSION;
	else if (!list_unknown_states(request, &in, &out))
		return request_reject(request, NULL);
	return REQUEST_ANSWER(request, list_transactions, &out);
}
