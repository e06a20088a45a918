/* libFuzzer: small things that are kept and read back: SCRAM credentials and the entities of quotas (settings of the catalog), and checkpoints of a shard.
 * The first byte picks one. What decodes must encode to what decodes the same; a checkpoint is walked to its end, inside its bounds. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/catalog/catalog.h"
#include "log/store/store_priv.h"
#include "log/verify/checkpoint_view.h"
#include "net/auth/scram.h"
#include "net/quota/quota_entity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_credential(enum scram_mechanism mechanism, struct slice bytes)
{
	struct scram_credential credential, again;
	if (scram_decode(mechanism, bytes, &credential))
		return;
	uint8_t *out = malloc(SCRAM_OVERHEAD_BYTES + credential.salt.size);
	size_t size = scram_encode(&credential, out);
	CHECK(scram_decode(mechanism, (struct slice){out, size}, &again) == 0);
	CHECK(again.iterations == credential.iterations && slice_equal(again.salt, credential.salt));
	CHECK(memcmp(again.stored_key, credential.stored_key, scram_key_size(mechanism)) == 0);
	free(out);
}

static void read_entity(struct slice bytes)
{
	static uint8_t out[QUOTA_ENTITY_SIZE_MAX];
	struct quota_entity entity, again;
	double value = quota_value_decode(bytes);
	CHECK(value >= 0 || value < 0 || value != value);
	if (quota_entity_decode(bytes, &entity))
		return;
	size_t size = quota_entity_encode(&entity, out, sizeof out);
	CHECK(size > 0 && quota_entity_decode((struct slice){out, size}, &again) == 0);
	for (int part = 0; part < quota_part_count; part++)
		CHECK(again.has[part] == entity.has[part] && again.names[part].size == entity.names[part].size);
}

static void walk_checkpoint(struct slice bytes)
{
	struct checkpoint_header header;
	struct checkpoint_partition partition;
	struct checkpoint_segment segment;
	struct epoch_entry epoch;
	struct catalog_mark mark;
	struct slice rest;
	int64_t from, to;
	uint64_t journal_seed;
	int marked = store__checkpoint_mark(bytes, &mark, &journal_seed);
	CHECK(marked <= 0);
	if (checkpoint_open(&header, &rest, bytes))
		return;
	for (uint32_t i = 0; i < header.partition_count && checkpoint_next(&header, &partition, &rest); i++) {
		for (uint32_t k = 0; k < partition.segment_count; k++)
			checkpoint_segment_at(&partition, k, &segment);
		for (uint32_t k = 0; k < partition.epoch_count; k++)
			checkpoint_epoch_at(&partition, k, &epoch);
		for (uint32_t k = 0; k < partition.damage_count; k++)
			checkpoint_damage_at(&partition, k, &from, &to);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	uint8_t *bytes = malloc(size); /* a copy of its own, so that a read behind it is seen */
	struct slice input = {bytes, size - 1};
	memcpy(bytes, data + 1, size - 1);
	switch (data[0] % 4) {
	case 0:
		read_credential(SCRAM_SHA_256, input);
		break;
	case 1:
		read_credential(SCRAM_SHA_512, input);
		break;
	case 2:
		read_entity(input);
		break;
	default:
		if (input.size >= 8)
			store_le64(bytes + input.size - 8, XXH3_64bits(bytes, input.size - 8));
		walk_checkpoint(input);
	}
	free(bytes);
	return 0;
}
