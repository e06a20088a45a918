/* DeleteAcls: there are no rules, and no authorizer that could have any: SECURITY_DISABLED for each filter.
 * See net/api/acl.h. */
#include "kmsg_delete_acls.h"
#include "net/api/acl.h"
#include "net/api/handlers.h"

enum step delete_acls_handle(struct request *request)
{
	struct kmsg_delete_acls_request in;
	struct kmsg_delete_acls_response out;
	if (kmsg_delete_acls_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_delete_acls_response_init(&out);
	out.filter_results.count = in.filters.count;
	out.filter_results.items = request_alloc_array(request, (size_t)in.filters.count, sizeof *out.filter_results.items);
	if (!out.filter_results.items)
		return request_reject(request, NULL);
	for (int32_t i = 0; i < in.filters.count; i++) {
		const struct kmsg_delete_acls_filter *filter = &in.filters.items[i];
		if (acl_is_unknown(filter->resource_type_filter, filter->pattern_type_filter, filter->operation, filter->permission_type))
			return request_reject(request, ACL_UNKNOWN);
		out.filter_results.items[i] = (struct kmsg_delete_acls_result){
			.error_code = KERR_SECURITY_DISABLED, .error_message = slice_from("No Authorizer is configured.")};
	}
	return REQUEST_ANSWER(request, delete_acls, &out);
}
