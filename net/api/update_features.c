/* UpdateFeatures (KIP-584): all updates of a request or none, judged in Kafka's words against the levels in force, and
 * kept in the catalog. group.version goes down to 0, where consumer groups (KIP-848) are refused, and up again;
 * metadata.version stays where it is, as Kafka refuses to take it lower once there is metadata; kraft.version goes up alone.
 *
 * `kafka-features upgrade --release-version 4.3` names the levels of all features of that release in one request. It may: those that stand
 * for what is not served (share groups, ...) are passed over, with a line in the log, and go on being told by nothing. Who asks for one of them by
 * itself is refused. */
#include "kmsg_update_features.h"
#include "net/api/feature.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"
#include "net/log_line.h"

enum { UPGRADE = 1, SAFE_DOWNGRADE = 2, UNSAFE_DOWNGRADE = 3 };

struct update_features {
	struct control_op op;
	struct request *request;
	struct kmsg_update_features_request in;
	struct refusal refusal;
};

#define FAILED "The update failed for all features since the following feature had an error: "
#define INVALID FAILED "Invalid update version %d for feature %.*s. "

/* ---- judging ------------------------------------------------------------------------------------------- */

static bool refuse_unknown(struct request *request, struct refusal *refusal, const struct kmsg_update_features_update *update)
{
	int16_t level = update->max_version_level;
	if (level == 0)
		return refuse(request, refusal, KERR_INVALID_UPDATE_VERSION, INVALID "Feature %.*s not found.", level, SHOWN(update->feature),
			      SHOWN(update->feature));
	return refuse(request, refusal, KERR_INVALID_UPDATE_VERSION, INVALID "Local controller %d does not support this feature.", level,
		      SHOWN(update->feature), (int)request->shard->facts->node_id);
}

/* The update is one of a whole release, and of what is not served: there is nothing to do. */
static bool is_passed_over(const struct kmsg_update_features_request *in, const struct kmsg_update_features_update *update)
{
	const struct feature *feature = feature_known(update->feature);
	int16_t level = update->max_version_level;
	if (!feature || feature_is_served(feature) || level < feature->level_min || level > feature->level_max)
		return false;
	for (int32_t i = 0; i < in->feature_updates.count; i++)
		if (feature_known(in->feature_updates.items[i].feature) == feature_metadata_version)
			return true;
	return level == 0;
}

/* The level would go down, or up. */
static bool refuse_direction(struct request *request, struct refusal *refusal, const struct kmsg_update_features_update *update,
			     const struct feature *feature, int16_t current)
{
	int16_t level = update->max_version_level;
	const char *why = NULL;
	if (level < current && update->upgrade_type == UPGRADE)
		why = "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.";
	else if (level > current && update->upgrade_type != UPGRADE)
		why = "Can't downgrade to a newer version.";
	if (why)
		return refuse(request, refusal, KERR_INVALID_UPDATE_VERSION, INVALID "%s", level, SHOWN(update->feature), why);
	if (feature == feature_kraft_version && level < current)
		return refuse(request, refusal, KERR_INVALID_UPDATE_VERSION, INVALID "Can't downgrade the version of this feature.", level,
			      SHOWN(update->feature));
	if (feature != feature_metadata_version || level >= current)
		return false;
	why = update->upgrade_type == UNSAFE_DOWNGRADE ?
		"Unsafe metadata downgrade is not supported in this version." :
		"Refusing to perform the requested downgrade because it might delete metadata information.";
	return refuse(request, refusal, KERR_INVALID_UPDATE_VERSION, FAILED "Unsupported metadata.version downgrade from %d to %d. %s", current,
		      level, why);
}

static bool refuse_update(struct update_features *state, const struct kmsg_update_features_update *update, const struct catalog_image *image)
{
	struct request *request = state->request;
	struct refusal *refusal = &state->refusal;
	const struct feature *feature = feature_find(update->feature);
	int16_t level = update->max_version_level;
	const char *why = NULL;
	if (update->upgrade_type < UPGRADE || update->upgrade_type > UNSAFE_DOWNGRADE)
		why = "The controller does not support the given upgrade type.";
	else if (level < 0)
		why = "A feature version cannot be less than 0.";
	if (why)
		return refuse(request, refusal, KERR_INVALID_UPDATE_VERSION, INVALID "%s", level, SHOWN(update->feature), why);
	if (!feature)
		return !is_passed_over(&state->in, update) && refuse_unknown(request, refusal, update);
	if (level < feature->level_min || level > feature->level_max)
		return refuse(request, refusal, KERR_INVALID_UPDATE_VERSION, INVALID "Local controller %d only supports versions %d-%d", level,
			      SHOWN(update->feature), (int)request->shard->facts->node_id, feature->level_min, feature->level_max);
	return refuse_direction(request, refusal, update, feature, feature_level(image, feature));
}

static void judge(struct update_features *state, const struct catalog_image *image)
{
	for (int32_t i = 0; !state->refusal.error && i < state->in.feature_updates.count; i++)
		refuse_update(state, &state->in.feature_updates.items[i], image);
}

/* ---- on the control shard -------------------------------------------------------------------------------- */

/* What follows from all updates: of a feature that is named twice, the last. */
static void change(struct update_features *state, struct catalog *catalog)
{
	struct setting_change changes[FEATURE_COUNT];
	struct feature_text texts[FEATURE_COUNT];
	uint32_t count = 0;
	for (size_t f = 0; f < FEATURE_COUNT; f++)
		for (int32_t i = state->in.feature_updates.count - 1; i >= 0; i--) {
			const struct kmsg_update_features_update *update = &state->in.feature_updates.items[i];
			if (feature_find(update->feature) != &features[f])
				continue;
			changes[count] = feature_change(&features[f], update->max_version_level, &texts[count]);
			count++;
			break;
		}
	if (count > 0)
		refuse_err(state->request, &state->refusal, catalog_change_settings(catalog, changes, count));
}

static void tell_passed_over(const struct kmsg_update_features_request *in)
{
	for (int32_t i = 0; i < in->feature_updates.count; i++) {
		const struct feature *feature = feature_known(in->feature_updates.items[i].feature);
		int level = in->feature_updates.items[i].max_version_level;
		if (feature && !feature_is_served(feature) && level > 0)
			log_line(LOG_WARN, "the upgrade asked for %s=%d, which this broker does not have: its level stays 0", feature->name, level);
	}
}

static void run(struct control_op *op, struct catalog *catalog)
{
	struct update_features *state = CONTAINER_OF(op, struct update_features, op);
	const struct catalog_image *image = catalog_image_acquire(catalog);
	judge(state, image);
	catalog_image_release(image);
	if (state->refusal.error || state->in.validate_only)
		return;
	change(state, catalog);
	tell_passed_over(&state->in);
}

/* ---- the request ----------------------------------------------------------------------------------------- */

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

static enum step answer(struct request *request)
{
	const struct update_features *state = request->state;
	struct kmsg_update_features_response out;
	kmsg_update_features_response_init(&out);
	out.error_code = (int16_t)state->refusal.error;
	out.error_message = state->refusal.message;
	if (!state->refusal.error && !list_results(request, &state->in, &out))
		return request_reject(request, NULL);
	return REQUEST_ANSWER(request, update_features, &out);
}

enum step update_features_handle(struct request *request)
{
	struct update_features *state = request_alloc_array(request, 1, sizeof *state);
	if (!state || kmsg_update_features_request_decode(&request->body, &request->arena, request->version, &state->in))
		return request_reject(request, NULL);
	request->state = state;
	state->request = request;
	state->op = (struct control_op){.run = run};
	control_submit(request, &state->op);
	return request_join(request, answer);
}
