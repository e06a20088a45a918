/* CreateAcls: nobody would look at a rule, so none is taken: SECURITY_DISABLED for each. See net/api/acl.h. */
#include "kmsg_create_acls.h"
#include "net/api/acl.h"
#include "net/api/handlers.h"

enum step create_acls_handle(struct request *request)
{
	struct kmsg_create_acls_request in;
	struct kmsg_create_acls_response out;
	if (kmsg_create_acls_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_create_acls_response_init(&out);
	out.results.count = in.creations.count;
	out.results.items = request_alloc_array(request, (size_t)in.creations.count, sizeof *out.results.items);
	if (!out.results.items)
		return request_reject(request, NULL);
	for (int32_t i = 0; i < in.creations.count; i++) {
		const struct kmsg_create_acls_creation *acl = &in.creations.items[i];
		if (acl_is_unknown(acl->resource_type, acl->resource_pattern_type, acl->operation, acl->permission_type))
			return request_reject(request, ACL_UNKNOWN);
		out.results.items[i] = (struct kmsg_create_acls_result){
			.error_code = KERR_SECURITY_DISABLED, .error_message = slice_from("No Authorizer is configured.")};
	}
	return REQUEST_ANSWER(request, create_acls, &out);
}
