/* ListPartitionReassignments (KIP-455): with one broker no partition is ever on its way. Topics that do not
 * exist are no error, as in Kafka. */
#include "kmsg_list_partition_reassignments.h"
#include "net/api/handlers.h"

enum step list_partition_reassignments_handle(struct request *request)
{
	struct kmsg_list_partition_reassignments_request in;
	struct kmsg_list_partition_reassignments_response out;
	if (kmsg_list_partition_reassignments_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_list_partition_reassignments_response_init(&out);
	return REQUEST_ANSWER(request, list_partition_reassignments, &out);
}
