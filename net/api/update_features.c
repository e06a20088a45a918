/* UpdateFeatures (KIP-584): the levels are what this broker is, and do not change. An update to the level
 * that is there succeeds; all others are refused, in Kafka's words as far as it would refuse them too. One
 * refusal refuses the whole request. */
#include "kmsg_update_features.h"
#include "net/api/feature.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"

enum { UPGRADE = 1, SAFE_DOWNGRADE = 2, UNSAFE_DOWNGRADE = 3 };

#define FAILED "The update failed for all features since the following feature had an error: Invalid update version %d for feature %.*s. "

static const struct feature *find_feature(struct slice name)
{
	for (size_t i = 0; i < COUNT_OF(features); i++)
		if (feature_is_served(&features[i]) && slice_equal(name, slice_from(features[i].name)))
			return &features[i];
	return NULL;
}

static bool refuse_update(struct request *request, struct refusal *refusal, const struct kmsg_update_features_update *update)
{
	const struct feature *feature = find_feature(update->feature);
	int16_t level = update->max_version_level;
	const char *why = NULL;
	if (update->upgrade_type < UPGRADE || update->upgrade_type > UNSAFE_DOWNGRADE)
		why = "The controller does not support the given upgrade type.";
	else if (level < 0)
		why = "A feature version cannot be less than 0.";
	else if (feature && level < feature->level && update->upgrade_type == UPGRADE)
		why = "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.";
	if (why)
		return refuse(request, refusal, KERR_INVALID_UPDATE_VERSION, FAILED "%s", level, SHOWN(update->feature), why);
	if (!feature && level == 0)
		return refuse(request, refusal, KERR_INVALID_UPDATE_VERSION, FAILED "Feature %.*s not found.", level, SHOWN(update->feature),
			      SHOWN(update->feature));
	int32_t self = request->shard->facts->node_id;
	if (!feature)
		return refuse(request, refusal, KERR_INVALID_UPDATE_VERSION, FAILED "Local controller %d does not support this feature.",
			      level, SHOWN(update->feature), (int)self);
	return level != feature->level &&
	       refuse(request, refusal, KERR_INVALID_UPDATE_VERSION, FAILED "Local controller %d only supports versions %d-%d", level,
		      SHOWN(update->feature), (int)self, feature->level, feature->level);
}

static bool list_results(struct request *request, const struct kmsg_update_features_request *in,
			 struct kmsg_update_features_response *out)
{
	out->results.count = in->feature_updates.count;
	out->results.items = request_alloc_array(request, (size_t)in->feature_updates.count, sizeof *out->results.items);
	for (int32_t i = 0; out->results.items && i < out->results.count; i++)
		out->results.items[i] = (struct kmsg_update_features_result){
			.feature = in->feature_updates.items[i].feature, .error_message = slice_from("NONE")};
	return out->results.items != NULL;
}

enum step update_features_handle(struct request *request)
{
	struct kmsg_update_features_request in;
	struct kmsg_update_features_response out;
	struct refusal refusal = {0};
	if (kmsg_update_features_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_update_features_response_init(&out);
	for (int32_t i = 0; !refusal.error && i < in.feature_updates.count; i++)
		refuse_update(request, &refusal, &in.feature_updates.items[i]);
	out.error_code = (int16_t)refusal.error;
	out.error_message = refusal.message;
	if (!refusal.error && !list_results(request, &in, &out))
		return request_reject(request, NULL);
	return REQUEST_ANSWER(request, update_features, &out);
}
