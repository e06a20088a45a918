/* FindCoordinator, version 0 only: there are no groups yet, so there never is a coordinator. It is here because librdkafka up
 * to 2.11 takes the presence of version 0 as the sign that a broker understands lz4. */
#include "kmsg_find_coordinator.h"
#include "net/api/handlers.h"

enum step find_coordinator_handle(struct request *request)
{
	struct kmsg_find_coordinator_request in;
	struct kmsg_find_coordinator_response out;
	if (kmsg_find_coordinator_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_find_coordinator_response_init(&out);
	out.error_code = KERR_COORDINATOR_NOT_AVAILABLE;
	out.node_id = out.port = -1;
	struct writer writer = request_answer_begin(request, kmsg_find_coordinator_response_size(&out, request->version));
	kmsg_find_coordinator_response_encode(&writer, request->version, &out);
	return request_answer_end(request, &writer);
}
