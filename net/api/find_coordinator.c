/* FindCoordinator, version 0 only, and only to say no: there are no groups yet. It is served because librdkafka up to 2.11 takes its
 * version 0 as the sign that a broker understands lz4, and silently sends uncompressed batches without it.
 *
 * The answer is UNSUPPORTED_VERSION, which clients do not try again: a program that subscribes with a group fails within a second, and says
 * why. COORDINATOR_NOT_AVAILABLE would keep it waiting in silence, for a coordinator that will not come. Version 0 knows groups alone,
 * so a client that wants transactions refuses by itself. */
#include "kmsg_find_coordinator.h"
#include "net/api/handlers.h"

enum step find_coordinator_handle(struct request *request)
{
	struct kmsg_find_coordinator_request in;
	struct kmsg_find_coordinator_response out;
	if (kmsg_find_coordinator_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_find_coordinator_response_init(&out);
	out.error_code = KERR_UNSUPPORTED_VERSION;
	out.node_id = out.port = -1;
	struct writer writer = request_answer_begin(request, kmsg_find_coordinator_response_size(&out, request->version));
	kmsg_find_coordinator_response_encode(&writer, request->version, &out);
	return request_answer_end(request, &writer);
}
