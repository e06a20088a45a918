/* Failures: without memory nobody is held back. */
#include "net/route/quota_draw.h"

#include "net/api/api.h"

void quota_draw_init(struct quota_draw *draw, struct request *request, int strict_since)
{
	const struct broker_config *config = request->shard->facts->config;
	struct quota_rule rule;
	*draw = (struct quota_draw){.request = request, .is_strict = request->version >= strict_since};
	if (!quota_is_set(request->shard, 1u << QUOTA_MUTATION) ||
	    !quota_rule_of_client(request->shard->image, QUOTA_MUTATION, request->client_id, &rule))
		return;
	draw->limit = rule.limit;
	draw->window = (struct quota_window){
		.samples = (uint32_t)broker_config_int(config, "controller.quota.window.num"),
		.sample_ms = (uint32_t)broker_config_int(config, "controller.quota.window.size.seconds") * 1000,
	};
	draw->meter = quota_meter_name(request, QUOTA_MUTATION, rule.is_of_client);
}

bool quota_draw_take(struct quota_draw *draw, double partitions)
{
	struct shard *control = draw->request->shard->peers[0];
	struct quota_meters *meters = draw->meter.data ? quota_meters_of(control) : NULL;
	bool is_refused = false;
	if (!meters)
		return true;
	draw->throttle_ms = (uint32_t)quota_meters_draw(meters, draw->meter, partitions, draw->limit, &draw->window,
							io_now_ns(control->io) / 1000000, draw->is_strict ? &is_refused : NULL);
	return !is_refused;
}

int32_t quota_draw_settle(struct quota_draw *draw)
{
	if (draw->throttle_ms > 0)
		draw->request->hold_back(draw->request, draw->throttle_ms);
	return (int32_t)draw->throttle_ms;
}
