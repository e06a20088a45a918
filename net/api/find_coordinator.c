/* FindCoordinator, version 0 only, and only to say no: there are no groups yet. It is served because librdkafka up to 2.11 takes its
 * version 0 as the sign that a broker understands lz4, and silently sends uncompressed batches without it.
 *
 * The answer is COORDINATOR_NOT_AVAILABLE. librdkafka asks for a coordinator whenever a group.id is set, and its consumer cannot be made
 * without one: a program that assigns its partitions never needs the answer, and this error alone is not handed to it as a failure of its
 * consumer. What that costs is that a program that does subscribe waits, and is told nothing: so the broker's log says it, once. */
#include <stdatomic.h>

#include "kmsg_find_coordinator.h"
#include "net/api/handlers.h"
#include "net/log_line.h"

static void tell_once(void)
{
	static atomic_flag is_told = ATOMIC_FLAG_INIT;
	if (!atomic_flag_test_and_set_explicit(&is_told, memory_order_relaxed))
		log_line(LOG_WARN, "a client asks for the coordinator of a consumer group, and there are no groups yet: one that subscribes will "
				   "wait; one that assigns its partitions is served");
}

enum step find_coordinator_handle(struct request *request)
{
	struct kmsg_find_coordinator_request in;
	struct kmsg_find_coordinator_response out;
	if (kmsg_find_coordinator_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	tell_once();
	kmsg_find_coordinator_response_init(&out);
	out.error_code = KERR_COORDINATOR_NOT_AVAILABLE;
	out.node_id = out.port = -1;
	struct writer writer = request_answer_begin(request, kmsg_find_coordinator_response_size(&out, request->version));
	kmsg_find_coordinator_response_encode(&writer, request->version, &out);
	return request_answer_end(request, &writer);
}
