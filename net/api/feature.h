/* The features (KIP-584) of this broker: which levels it knows, which is in force. What ApiVersions tells and
 * UpdateFeatures changes.
 *
 * Clients read more into them than their names say: group.version tells that the consumer protocol of
 * KIP-848 is there, and transaction.version that transactions are those of KIP-890. So a feature is told
 * only while the API that it stands for is served; the others of Kafka 4.3 are known by name alone, so that an upgrade to
 * all the levels of that release need not fail for them. A level is a setting of the cluster; it is kept only if it is
 * another than the feature's own. Owner: any thread; the table is constant, an image is held by the caller. */
#pragma once

#include "net/api/api.h"

struct feature {
	const char *name;
	int16_t level_min, level_max;
	int16_t level;                 /* unless something else was asked for */
	int16_t api_key;               /* stands for this API */
};

#define FEATURE_COUNT 7
extern const struct feature features[FEATURE_COUNT];
extern const struct feature *const feature_eligible_leader_replicas_version;
extern const struct feature *const feature_group_version;
extern const struct feature *const feature_kraft_version;
extern const struct feature *const feature_metadata_version;

static inline bool feature_is_served(const struct feature *feature)
{
	return api_find(feature->api_key) != NULL;
}

/* NULL: there is none of this name that is served. */
const struct feature *feature_find(struct slice name);
/* The same, served or not. */
const struct feature *feature_known(struct slice name);
/* The level in force, of one that is served. */
int16_t feature_level(const struct catalog_image *image, const struct feature *feature);
/* The change of the catalog that puts it in force. `text` holds its value while it is made. */
struct feature_text {
	char bytes[8];
	struct slice view;
};
struct setting_change feature_change(const struct feature *feature, int16_t level, struct feature_text *text);
