/* DescribeTransactions (KIP-664): there are no transactions, so no id is found. */
#include "kmsg_describe_transactions.h"
#include "net/api/handlers.h"

enum step describe_transactions_handle(struct request *request)
{
	struct kmsg_describe_transactions_request in;
	struct kmsg_describe_transactions_response out;
	if (kmsg_describe_transactions_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_describe_transactions_response_init(&out);
	out.transaction_states.count = in.transactional_ids.count;
	out.transaction_states.items =
		request_alloc_array(request, (size_t)in.transactional_ids.count, sizeof *out.transaction_states.items);
	if (!out.transaction_states.items)
		return request_reject(request, NULL);
	for (int32_t i = 0; i < in.transactional_ids.count; i++) {
		struct kmsg_describe_transactions_state *state = &out.transaction_states.items[i];
		kmsg_describe_transactions_state_init(state);
		state->transactional_id = in.transactional_ids.items[i];
		state->error_code = state->transactional_id.size ? KERR_TRANSACTIONAL_ID_NOT_FOUND : KERR_INVALID_REQUEST;
	}
	return REQUEST_ANSWER(request, describe_transactions, &out);
}
