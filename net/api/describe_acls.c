/* DescribeAcls: there is no authorizer, and so nothing to describe: SECURITY_DISABLED. See net/api/acl.h. */
#include "kmsg_describe_acls.h"
#include "net/api/acl.h"
#include "net/api/handlers.h"

enum step describe_acls_handle(struct request *request)
{
	struct kmsg_describe_acls_request in;
	struct kmsg_describe_acls_response out;
	if (kmsg_describe_acls_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	if (acl_is_unknown(in.resource_type_filter, in.pattern_type_filter, in.operation, in.permission_type))
		return request_reject(request, ACL_UNKNOWN);
	kmsg_describe_acls_response_init(&out);
	out.error_code = KERR_SECURITY_DISABLED;
	out.error_message = slice_from("No Authorizer is configured on the broker");
	return REQUEST_ANSWER(request, describe_acls, &out);
}
