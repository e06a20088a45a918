/* From a classic group to a consumer group and back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/group/classic.h"
#include "net/group/consumer_priv.h"

int consumer__become(struct group *group, bool was_there)
{
	struct consumer *consumer = consumer_create(group);
	if (!consumer)
		return -ENOMEM;
	if (was_there)
		classic_emit_tombstone(group->classic);
	classic_destroy(group->classic);
	group->classic = NULL;
	group->consumer = consumer;
	return 0;
}

enum kerr consumer__upgrade(struct group *group, char *why, size_t why_size)
{
	snprintf(why, why_size, "Group %s is not a consumer group.", group->id);
	return KERR_GROUP_ID_NOT_FOUND;
}

bool consumer__downgrade_without(struct consumer *consumer, struct consumer_member **leaving, uint32_t count)
{
	return false;
}

struct classic_side *consumer__make_classic(int32_t session_timeout_ms, const struct classic_side_protocol *protocols, uint32_t count)
{
	size_t size = sizeof(struct classic_side) + count * sizeof *protocols;
	for (uint32_t i = 0; i < count; i++)
		size += protocols[i].name.size + protocols[i].metadata.size;
	struct classic_side *classic = calloc(1, size);
	if (!classic)
		return NULL;
	uint8_t *bytes = (uint8_t *)&classic->protocols[count];
	*classic = (struct classic_side){.session_timeout_ms = session_timeout_ms, .protocol_count = count, .size = size};
	for (uint32_t i = 0; i < count; i++) {
		classic->protocols[i].name = (struct slice){bytes, protocols[i].name.size};
		memcpy(bytes, protocols[i].name.data, protocols[i].name.size);
		bytes += protocols[i].name.size;
		classic->protocols[i].metadata = (struct slice){bytes, protocols[i].metadata.size};
		memcpy(bytes, protocols[i].metadata.data, protocols[i].metadata.size);
		bytes += protocols[i].metadata.size;
	}
	return classic;
}
