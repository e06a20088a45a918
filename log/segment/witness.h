/* What lies beside a `.log` and knows something of it: the append times and the seal. For who has no checkpoint to ask: a scan, and `spate log verify`.
 *
 *   - An `.appendtime` says whose it is (topic id, partition, base offset) and what the segment's first batch is (its CRC), and each of its steps ends where a batch does, one that was filed (and synced) by then.
 *     It is never synced itself, so it may say less than there was, and never more.
 *   - A seal says what the headers of all batches are together. It is never synced either, and may be of an earlier life of the name: it is asked only if
 *     it ends where the next segment begins.
 *   - The journal has what was acknowledged. Where its part of a log begins, a file has the same batch, or none.
 *
 * So none of this can say that a sound log is damaged, whatever a crash has left; and what it contradicts is another segment's file.
 *
 * Owner: the thread that walks the segment. Reads only. */
#pragma once

#include "log/batch/batch.h"
#include "log/segment/append_time_file.h"
#include "log/segment/seal.h"
#include "log/segment/segment.h"

struct segment_witness {
	struct append_time_file *times; /* NULL: there are none that say anything of this segment */
	uint32_t next;                  /* step */
	int64_t step_end;               /* where it ends; -1: there is none */
	struct uuid topic_id;           /* of whom the append times are, if `is_anothers` */
	bool is_anothers;               /* the append times are another partition's */
	bool is_among_anothers;         /* so are those of another segment in this directory, and nobody else knows this one; the caller sets it */
	uint32_t told_crc;              /* it begins with this batch, the caller was told; 0: not known */
	uint32_t first_crc;             /* the append times tell of a segment that begins with it; 0: not known */
	bool is_contradicted;           /* the batches are not those that were filed here: the first is another, or a step ends in the middle of one */
	bool fails_seal;                /* though each is whole, together they are not what was sealed; and nothing tells which are another's */
	bool is_identified;             /* the first batch is the one that the append times tell of */
	int64_t journal_from;           /* the journal goes on from this offset, and the batch there has this CRC; 0: that is not known. The caller sets both */
	uint32_t journal_crc;
	bool is_journals;               /* of the batch just met: the segment's own file has another there than the journal, which was never counted on */
	struct mark_check told;         /* against what the caller was told of the batches; what it finds is another's */
	int64_t end_offset;             /* so far at least the segment went; its base: nothing tells */
	bool has_seal;
	struct seal seal;
	struct seal_hash *hash;
};

/* Reads what is beside <dir>/<base offset>.log. `next_base`: where the next segment begins; -1: there is none. An error is a shortage, of memory or
 * descriptors: what cannot be read otherwise tells nothing. */
MUST_USE int segment_witness_open(struct segment_witness *witness, struct io *io, const char *dir, const struct append_time_owner *owner, int64_t next_base);
/* What somebody else knows: the CRC of its first batch (0: not known), and what the headers before a position come to, and before those on the way (NULL: not
 * known). Before the first batch; of several the one that knows less first. */
void segment_witness_tell(struct segment_witness *witness, uint32_t first_crc, const struct mark_steps *steps, const struct mark *told);
/* The next whole batch of the file: where it is, BATCH_HEADER_SIZE bytes, and what they say. */
void segment_witness_batch(struct segment_witness *witness, uint64_t position, const uint8_t *header, const struct batch *batch);
/* Behind the last one; `end_offset`: behind it. A file that broke off before, or that something was missing in, is not held against the seal. */
void segment_witness_end(struct segment_witness *witness, int64_t end_offset, bool is_unbroken);
/* By all that was said: the file is another segment's. One without append times of its own, among another partition's, came with them. */
bool segment_witness_is_against(const struct segment_witness *witness);
void segment_witness_close(struct segment_witness *witness);
