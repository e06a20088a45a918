/* A partition of __consumer_offsets, read from its start to its end into a coordinator. One read a turn, so
 * that others have theirs; a small one while nobody waits for it.
 *
 * Happy path: whole batches come from the log's memory or from the disk; they are laid side by side, because a
 * batch may lie across two pieces; each record is replayed. Batches may be compressed: the directory may have
 * been Kafka's. Control batches hold nothing of ours, and batches of a transaction that is not known to have
 * committed are left out: an offset that was never committed would lose records for its consumer, one that is
 * missing only repeats some.
 *
 * Failures: damage, an I/O error or no memory end the load, and its calls are told COORDINATOR_NOT_AVAILABLE; a
 * log line says what and where. To go on with what is readable would take groups back to older offsets, or to
 * none, without a word; whoever accepts that says so (spate.accept.loss): then damaged batches alone are passed
 * over, by name, and a snapshot of the rest is written, so that the next start has nothing to accept. A record that is of no known form is left out, with a log line. */
#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/batch/record_iter.h"
#include "net/api/api.h"
#include "net/route/group_host_priv.h"

/* One turn's work: some milliseconds. */
#define READ_SIZE_MAX (1u << 20)
/* The same while nobody waits: a fraction of one. */
#define AHEAD_SIZE_MAX (64u << 10)

struct load {
	struct hosted *hosted;
	struct read_op read;
	bool is_reading;
	bool has_passed_damage;
	bool is_abandoned;             /* nobody wants it any more: it goes when its read is back */
	int64_t next_offset, end_offset;
	uint64_t log_bytes;
	uint32_t unknown_records;
	uint8_t *bytes;                /* the batches of one read */
	size_t capacity;
	struct batch_workspace *workspace;
};

static void free_load(struct load *load)
{
	batch_workspace_close(load->workspace);
	free(load->bytes);
	free(load);
}

static void trouble(struct hosted *hosted, int err, int64_t offset)
{
	struct group_host *host = hosted->host;
	if (!hosted__has_new_trouble(&hosted->load_trouble, err))
		return;
	log_line_limited(&host->troubles, io_now_ns(host->shard->io), LOG_ERROR,
			 "the groups of " GROUP_TOPIC " partition %u cannot be loaded: %s, at offset %lld; their calls are refused%s",
			 hosted->partition, err_text(err), (long long)offset,
			 err == ERR_CORRUPT_LOG ? ". To go on with what is left of them, start once with --set spate.accept.loss=true" : "");
}

/* ---- replay ------------------------------------------------------------------------------------------------------------ */

static int replay_record(struct load *load, const struct record *record)
{
	int err = coordinator_replay(load->hosted->coordinator, record->key, record->value);
	if (err != ERR_FORMAT)
		return err;
	load->unknown_records++;
	return 0;
}

static int replay_batch(struct load *load, struct slice bytes, int64_t start_offset)
{
	struct record_iter iter;
	struct record record;
	int err = record_iter_open(&iter, load->workspace, bytes);
	if (err)
		return err;
	int more;
	while ((more = record_iter_next(&iter, &record)) > 0 && !err)
		if (record.offset >= start_offset)
			err = replay_record(load, &record);
	record_iter_close(&iter);
	return err ? err : more;
}

static bool is_ours(const struct batch *batch)
{
	return !batch_is_control(batch) && !batch_is_transactional(batch);
}

static int open_workspace(struct load *load, const struct batch *batch)
{
	if (batch_codec(batch) == CODEC_NONE || load->workspace)
		return 0;
	return batch_workspace_open(&load->workspace, COMPRESS_WINDOW_SIZE);
}

static int replay_all(struct load *load, struct slice bytes)
{
	while (bytes.size > 0) {
		struct batch batch;
		int err = batch_parse_header(bytes, &batch);
		if (!err && batch.size_bytes > bytes.size)
			err = ERR_CORRUPT_LOG;
		if (!err && is_ours(&batch))
			err = open_workspace(load, &batch);
		if (!err && is_ours(&batch))
			err = replay_batch(load, (struct slice){bytes.data, batch.size_bytes}, load->read.log_start_offset);
		if (err)
			return err;
		load->next_offset = batch_next_offset(&batch);
		load->log_bytes += batch.size_bytes;
		bytes.data += batch.size_bytes;
		bytes.size -= batch.size_bytes;
	}
	return 0;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------- */

static int reserve(struct load *load, size_t size)
{
	if (size <= load->capacity)
		return 0;
	uint8_t *grown = realloc(load->bytes, size);
	if (!grown)
		return -ENOMEM;
	load->bytes = grown;
	load->capacity = size;
	return 0;
}

static int take_pieces(struct load *load)
{
	const struct read_op *read = &load->read;
	int err = read->err ? read->err : reserve(load, read->size_bytes);
	if (err)
		return err;
	size_t size = 0;
	for (uint32_t i = 0; i < read->piece_count; i++) {
		memcpy(load->bytes + size, read->pieces[i].data, read->pieces[i].size);
		size += read->pieces[i].size;
	}
	return replay_all(load, (struct slice){load->bytes, size});
}

static void end_load(struct load *load)
{
	struct hosted *hosted = load->hosted;
	struct group_host *host = hosted->host;
	hosted->snapshot.log_bytes = load->has_passed_damage ? INT64_MAX : load->log_bytes; /* so that a snapshot is worth it */
	if (load->unknown_records > 0)
		log_line_limited(&host->troubles, io_now_ns(host->shard->io), LOG_WARN,
				 "%u records of " GROUP_TOPIC " partition %u are of no form known here, and left out",
				 load->unknown_records, hosted->partition);
	hosted__end_trouble(hosted, &hosted->load_trouble, "are loaded again");
	hosted__loaded(hosted, KERR_NONE);
}

/* Behind the damaged range that begins here, if its loss is accepted, or was: what was left as room beside a lost journal or group is longer than any other. */
static bool pass_over_damage(struct load *load)
{
	struct hosted *hosted = load->hosted;
	struct group_host *host = hosted->host;
	struct partition *partition = hosted__partition(hosted);
	int64_t from = load->next_offset, to = partition ? partition_damage_end(partition, from) : from;
	if (!partition || (to - from < STORE_ROOM_OFFSETS && !broker_config_bool(host->shard->image->config, "spate.accept.loss")))
		return false;
	log_line(LOG_ERROR, "the groups of " GROUP_TOPIC " partition %u: offsets [%lld, %lld) are damaged and passed over, as %s: groups may go back to older "
		 "offsets, or to none", hosted->partition, (long long)from, (long long)to,
		 to - from < STORE_ROOM_OFFSETS ? "spate.accept.loss is true" : "their loss was accepted");
	load->next_offset = to;
	load->has_passed_damage = true;
	return true;
}

/* A read is complete. */
static void take_read(struct load *load)
{
	struct hosted *hosted = load->hosted;
	int64_t offset = load->next_offset;
	int err = take_pieces(load);
	partition_read_release(&load->read);
	if (err == ERR_CORRUPT_LOG && pass_over_damage(load)) {
		hosted__mark_due(hosted);
	} else if (err) {
		trouble(hosted, err, load->next_offset);
		hosted__loaded(hosted, KERR_COORDINATOR_NOT_AVAILABLE);
	} else if (load->next_offset == offset || load->next_offset >= load->end_offset) {
		end_load(load);
	} else {
		hosted__mark_due(hosted);
	}
}

static void read_done(struct read_op *read)
{
	struct load *load = CONTAINER_OF(read, struct load, read);
	struct hosted *hosted = load->hosted;
	load->is_reading = false;
	if (load->is_abandoned) {
		partition_read_release(read);
		free_load(load);
	} else {
		take_read(load);
	}
	hosted__returned(hosted);
}

void group_load__step(struct hosted *hosted)
{
	struct load *load = hosted->load;
	struct partition *partition = hosted__partition(hosted);
	if (load->is_reading)
		return;
	if (!partition) {
		hosted__loaded(hosted, KERR_NOT_COORDINATOR);
		return;
	}
	if (load->next_offset >= load->end_offset) {
		end_load(load);
		return;
	}
	load->read.offset = load->next_offset;
	load->read.size_bytes_max = list_is_empty(&hosted->waiting) ? AHEAD_SIZE_MAX : READ_SIZE_MAX;
	load->read.is_first = true;
	load->read.done = read_done;
	if (partition_read(partition, &load->read) == READ_PENDING) {
		load->is_reading = true;
		hosted->in_flight++;
	} else {
		take_read(load);
	}
}

/* ---- beginning and ending -------------------------------------------------------------------------------------------------- */

int group_load__begin(struct hosted *hosted)
{
	struct group_host *host = hosted->host;
	struct partition *partition = hosted__partition(hosted);
	uint64_t seed;
	if (!partition)
		return ERR_UNKNOWN_TOPIC;
	if (partition_is_offline(partition))
		return ERR_OFFLINE;
	struct load *load = calloc(1, sizeof *load);
	if (!load)
		return -ENOMEM;
	io_random(host->shard->io, &seed, sizeof seed);
	int err = coordinator_open(&hosted->coordinator, &host->config, host->shard->image, seed);
	if (err) {
		free(load);
		return err;
	}
	load->hosted = hosted;
	load->next_offset = partition_log_start_offset(partition);
	load->end_offset = partition_high_watermark(partition);
	hosted->load = load;
	hosted__mark_due(hosted);
	return 0;
}

void group_load__end(struct hosted *hosted)
{
	struct load *load = hosted->load;
	hosted->load = NULL;
	if (!load)
		return;
	if (load->is_reading)
		load->is_abandoned = true;
	else
		free_load(load);
}
