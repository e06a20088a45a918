/* The features (KIP-584) this broker runs, each at one level for good: what ApiVersions tells and
 * UpdateFeatures judges by.
 *
 * Clients read more into them than their names say: group.version tells that the consumer protocol of
 * KIP-848 is there, and transaction.version that transactions are those of KIP-890. So a feature is told
 * only while the API that it stands for is served. Owner: any thread; constant. */
#pragma once

#include "net/api/api.h"

struct feature {
	const char *name;
	int16_t level;
	int16_t api_key;               /* stands for this API */
};

static const struct feature features[] = {
	{"group.version", 1, 68},      /* ConsumerGroupHeartbeat */
	{"metadata.version", 30, 18},  /* 4.3-IV0, whose API versions are those of the table */
};

static inline bool feature_is_served(const struct feature *feature)
{
	return api_find(feature->api_key) != NULL;
}
