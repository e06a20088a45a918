/* DescribeCluster (KIP-700, KIP-919): the one broker there is, which is its own controller. An endpoint for
 * controllers alone does not exist, and asking this one for them is an error, as at a Kafka broker. */
#include "kmsg_describe_cluster.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"

enum { ENDPOINT_BROKER = 1, ENDPOINT_CONTROLLER = 2 };

static bool refuse_endpoint(struct request *request, struct refusal *refusal, int8_t type)
{
	if (type == ENDPOINT_BROKER)
		return false;
	if (type == ENDPOINT_CONTROLLER)
		return refuse(request, refusal, KERR_MISMATCHED_ENDPOINT_TYPE,
			      "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER");
	return refuse(request, refusal, KERR_UNSUPPORTED_ENDPOINT_TYPE, "Unsupported endpoint type %d", type);
}

static void fill(struct request *request, const struct kmsg_describe_cluster_request *in,
		 struct kmsg_describe_cluster_response *out,
		 struct kmsg_describe_cluster_broker *self)
{
	const struct broker_facts *facts = request->shard->facts;
	*self = (struct kmsg_describe_cluster_broker){
		.broker_id = facts->node_id, .host = slice_from(facts->advertised_host),
		.port = facts->advertised_port,
		.rack = slice_from(broker_config_value(facts->config, "broker.rack"))};
	out->cluster_id = slice_from(facts->cluster_id);
	out->controller_id = facts->node_id;
	out->brokers.items = self;
	out->brokers.count = 1;
	if (in->include_cluster_authorized_operations)
		out->cluster_authorized_operations = CLUSTER_OPERATIONS_ALL;
}

enum step describe_cluster_handle(struct request *request)
{
	struct kmsg_describe_cluster_request in;
	struct kmsg_describe_cluster_response out;
	struct kmsg_describe_cluster_broker self;
	struct refusal refusal = {0};
	if (kmsg_describe_cluster_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_describe_cluster_response_init(&out);
	if (!refuse_endpoint(request, &refusal, in.endpoint_type))
		fill(request, &in, &out, &self);
	out.error_code = (int16_t)refusal.error;
	out.error_message = refusal.message;
	size_t size = kmsg_describe_cluster_response_size(&out, request->version);
	struct writer writer = request_answer_begin(request, size);
	kmsg_describe_cluster_response_encode(&writer, request->version, &out);
	return request_answer_end(request, &writer);
}
