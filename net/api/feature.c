/* The levels of features: a table, and what the catalog has about them. A kept level that this program does not
 * know (an older one reads a newer one's catalog) counts as the feature's own. */
#include "net/api/feature.h"

#include <stdio.h>
#include <stdlib.h>

/* Those of Kafka 4.3. It tells metadata.version from 7 on, and refuses to go below the level it is at, as we do. Its kraft.version
 * is 0 where the voters are written in the configuration, which they are as good as here. */
const struct feature features[FEATURE_COUNT] = {
	{"eligible.leader.replicas.version", 0, 1, 1, 75}, /* DescribeTopicPartitions: of one replica nothing ever follows */
	{"group.version", 0, 1, 1, 68},      /* ConsumerGroupHeartbeat */
	{"kraft.version", 0, 1, 0, 55},      /* DescribeQuorum */
	{"metadata.version", 7, 30, 30, 18}, /* 4.3-IV0, whose API versions are those of the table */
	{"share.version", 0, 1, 1, 76},      /* ShareGroupHeartbeat */
	{"streams.version", 0, 1, 1, 88},    /* StreamsGroupHeartbeat */
	{"transaction.version", 0, 2, 2, 24}, /* AddPartitionsToTxn */
};

const struct feature *const feature_eligible_leader_replicas_version = &features[0];
const struct feature *const feature_group_version = &features[1];
const struct feature *const feature_kraft_version = &features[2];
const struct feature *const feature_metadata_version = &features[3];

#define SETTING_NAME "feature"

const struct feature *feature_known(struct slice name)
{
	for (size_t i = 0; i < FEATURE_COUNT; i++)
		if (slice_equal(name, slice_from(features[i].name)))
			return &features[i];
	return NULL;
}

const struct feature *feature_find(struct slice name)
{
	const struct feature *feature = feature_known(name);
	return feature && feature_is_served(feature) ? feature : NULL;
}

int16_t feature_level(const struct catalog_image *image, const struct feature *feature)
{
	const struct setting *kept = catalog_setting(image, SETTING_CLUSTER, slice_from(SETTING_NAME), slice_from(feature->name));
	if (!kept)
		return feature->level;
	long level = strtol((const char *)kept->value.data, NULL, 10);
	return level < feature->level_min || level > feature->level_max ? feature->level : (int16_t)level;
}

struct setting_change feature_change(const struct feature *feature, int16_t level, struct feature_text *text)
{
	snprintf(text->bytes, sizeof text->bytes, "%d", level);
	text->view = slice_from(text->bytes);
	return (struct setting_change){
		.type = SETTING_CLUSTER,
		.name = slice_from(SETTING_NAME),
		.key = slice_from(feature->name),
		.value = level == feature->level ? NULL : &text->view,
	};
}
