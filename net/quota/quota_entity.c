/* See the header. A byte string that is not what quota_entity_encode writes is refused, not guessed at. */
#include "net/quota/quota_entity.h"

#include <math.h>
#include <string.h>

#include "log/base/bytes.h"

#define PART_HEAD_SIZE 4

static const char *const part_names[quota_part_count] = {"client-id", "user", "ip"};

/* request_percentage: of the time of one thread. */
const struct quota_key quota_keys[quota_kind_count] = {
	[QUOTA_PRODUCE] = {"producer_byte_rate", false, 0x1p63, "LONG", true},
	[QUOTA_FETCH] = {"consumer_byte_rate", false, 0x1p63, "LONG", true},
	[QUOTA_REQUEST] = {"request_percentage", false, INFINITY, "DOUBLE", false},
	[QUOTA_MUTATION] = {"controller_mutation_rate", false, INFINITY, "DOUBLE", false},
	[QUOTA_CONNECTION] = {"connection_creation_rate", true, INT32_MAX, "INT", true},
};

const char *quota_part_name(enum quota_part part)
{
	return part_names[part];
}

enum quota_part quota_part_find(struct slice name)
{
	int part = 0;
	while (part < quota_part_count && !slice_equal(name, slice_from(part_names[part])))
		part++;
	return (enum quota_part)part;
}

size_t quota_entity_encode(const struct quota_entity *entity, uint8_t *out, size_t capacity)
{
	size_t size = 0;
	for (int part = 0; part < quota_part_count; part++) {
		struct slice name = entity->names[part];
		size_t name_size = name.data ? name.size : 0;
		if (!entity->has[part])
			continue;
		if (name_size > UINT16_MAX || size + PART_HEAD_SIZE + name_size > capacity)
			return 0;
		out[size] = (uint8_t)part;
		out[size + 1] = name.data == NULL;
		store_be16(out + size + 2, (uint16_t)name_size);
		if (name_size > 0)
			memcpy(out + size + PART_HEAD_SIZE, name.data, name_size);
		size += PART_HEAD_SIZE + name_size;
	}
	return size;
}

int quota_entity_decode(struct slice bytes, struct quota_entity *out)
{
	const uint8_t *at = bytes.data, *end = at + bytes.size;
	*out = (struct quota_entity){0};
	for (int least = 0; at < end;) {
		if (end - at < PART_HEAD_SIZE || at[0] < least || at[0] >= quota_part_count || at[1] > 1)
			return ERR_FORMAT;
		size_t size = load_be16(at + 2);
		if (size > (size_t)(end - at - PART_HEAD_SIZE) || (at[1] && size > 0))
			return ERR_FORMAT;
		out->has[at[0]] = true;
		out->names[at[0]] = at[1] ? (struct slice){0} : (struct slice){at + PART_HEAD_SIZE, size};
		least = at[0] + 1;
		at += PART_HEAD_SIZE + size;
	}
	return bytes.size > 0 ? 0 : ERR_FORMAT;
}

void quota_value_encode(double value, uint8_t *out)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	store_be64(out, bits);
}

double quota_value_decode(struct slice bytes)
{
	if (bytes.size != QUOTA_VALUE_SIZE)
		return 0;
	uint64_t bits = load_be64(bytes.data);
	double value;
	memcpy(&value, &bits, sizeof value);
	return value > 0 ? value : 0;
}
