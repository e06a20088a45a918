/* The broker's configuration in force: what it was given at start, and over it what the settings of type SETTING_BROKER say. Images share it
 * until such a setting changes; then the topics that have the broker's values for their own are resolved anew.
 *
 * Owner: the catalog's thread builds it; any thread may read and release it: it is counted. Private to log/catalog. */
#pragma once

#include "log/catalog/catalog_image.h"

struct image_config {
	uint32_t references; /* atomic */
	struct broker_config *config;
};

/* -ENOMEM. Settings of keys that are not in the tables are left out, and so, with a line on stderr, are values that their keys refuse (an earlier version
 * took them). */
MUST_USE int image_config_create(struct image_config **out, const struct broker_config *given, const struct setting_set *settings, int32_t node_id);
struct image_config *image_config_retain(struct image_config *config);
void image_config_release(struct image_config *config);

/* Every topic of the draft with new defaults, as new objects: the old ones are retired. -ENOMEM: the draft is as before. */
MUST_USE int image_draft_resolve(struct image_draft *draft, const struct topic_defaults *defaults);
/* As image_draft_discard, for a draft that was resolved: its topics go as well. */
void image_draft_discard_resolved(struct image_draft *draft);
