/* The table of what is served: one row an API, in order of keys. ApiVersions answers from it, so nothing is advertised that is not here. The
 * ranges are those of Kafka 4.x; they end before the first version that needs a feature this broker does not have yet.
 *
 * Two rows say more than is served, because librdkafka up to 2.11 decides by ranges what else it may do: Produce from 0 (it
 * compresses nothing if 0 is missing, KAFKA-18659), and FindCoordinator 0 (lz4 is off without it; there are no groups yet, and that is what
 * its answer says). */
#include "net/api/handlers.h"

const struct api_row api_rows[] = {
	/* key, name, min, max, served from, pipelined, handler */
	{0, "Produce", 0, 13, 3, true, produce_handle},
	{1, "Fetch", 4, 18, 4, false, fetch_handle},
	{2, "ListOffsets", 1, 11, 1, false, list_offsets_handle},
	{3, "Metadata", 0, 13, 0, false, metadata_handle},
	{10, "FindCoordinator", 0, 0, 0, false, find_coordinator_handle},
	{18, "ApiVersions", 0, 4, 0, false, api_versions_handle},
	{22, "InitProducerId", 0, 5, 0, false, init_producer_id_handle},
	{23, "OffsetForLeaderEpoch", 2, 4, 2, false, offset_for_leader_epoch_handle},
};

const uint32_t api_row_count = COUNT_OF(api_rows);

const struct api_row *api_find(int16_t key)
{
	for (uint32_t i = 0; i < api_row_count; i++)
		if (api_rows[i].key == key)
			return &api_rows[i];
	return NULL;
}
