/* A batch that is not what is due ends the walk as damaged; what came before it counts. */
#include "bench/load/batch_walk.h"

#include "log/batch/batch.h"

/* False if the next batch is not wholly there. */
static bool peek_whole(struct slice bytes, const struct batch_walk *walk)
{
	uint32_t size = batch_peek_size(bytes);
	return (size && size <= bytes.size) || !walk->records;
}

static bool is_due(const struct batch_walk *walk, const struct batch *batch)
{
	if (!walk->records)
		return batch->base_offset <= (int64_t)walk->next_offset && batch_last_offset(batch) >= (int64_t)walk->next_offset;
	return batch->base_offset == (int64_t)walk->next_offset;
}

struct batch_walk batch_walk(struct slice batches, uint64_t offset, bool checks_crcs)
{
	struct batch_walk walk = { .next_offset = offset };
	while (batches.size && peek_whole(batches, &walk)) {
		struct batch batch;
		walk.is_damaged = batch_parse_header(batches, &batch) || batch.size_bytes > batches.size ||
				  !is_due(&walk, &batch) || (checks_crcs && batch_check_crc(batches, &batch));
		if (walk.is_damaged)
			break;
		walk.next_offset = (uint64_t)batch_next_offset(&batch);
		walk.records += (uint64_t)batch.records_count;
		walk.bytes += batch.size_bytes;
		batches.data += batch.size_bytes;
		batches.size -= batch.size_bytes;
	}
	return walk;
}
