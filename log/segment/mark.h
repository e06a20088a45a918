/* A place in a segment (struct mark), and a few of them that are kept on the way, with what the headers of all batches before each come to: so a file which is
 * another's in part, or a shorter copy that went its own way, is told from this one's, and from where on. Each stretch between two of them is judged alone.
 *
 * At most MARK_STEPS_MAX for a segment, evenly apart: where there is no room for one more every second goes. None below MARK_STEP_MIN bytes. The checkpoint has
 * them (log/store/checkpoint.c), as what lies beside a file goes with it.
 *
 * Owner: whoever owns the segment. Never touches the disk; without memory there are fewer of them. */
#pragma once

#include "log/batch/batch.h"

/* The byte behind some batch, the offset behind its last record. */
struct mark {
	uint64_t position;
	int64_t offset;
	uint64_t headers; /* checksum of the headers of all batches before it, each seeded with that of those before; 0: not known */
	uint32_t last_size_bytes, last_crc; /* of the batch that ends here; a size of 0: not known */
};

/* Moves it behind the batch that begins there. */
void mark_pass(struct mark *mark, const uint8_t *header, const struct batch *batch);

/* ---- steps ---------------------------------------------------------------------------------------------------------------- */

#define MARK_STEPS_MAX 16u
#define MARK_STEP_MIN 4096u
#define MARK_STEP_SIZE 24u /* in a file */

struct mark_step {
	uint64_t position, headers;
	uint32_t last_size_bytes, last_crc; /* of the batch that ends there */
};

struct mark_steps {
	uint32_t count, capacity;
	uint64_t distance; /* the next one is at least so far behind the last */
	struct mark_step steps[];
};

/* The mark is one of the segment's, behind all that were noted before: takes it if it is far enough from the last. NULL is none. */
void mark_steps_note(struct mark_steps **steps, const struct mark *mark);
/* Up to there it takes none. */
uint64_t mark_steps_due(const struct mark_steps *steps);
/* Forgets those behind `position`. */
void mark_steps_cut(struct mark_steps *steps, uint64_t position);
/* How many lie before `position`. */
uint32_t mark_steps_before(const struct mark_steps *steps, uint64_t position);
/* The first `count` as bytes; returns where they end. */
uint8_t *mark_steps_encode(const struct mark_steps *steps, uint32_t count, uint8_t *out);
/* `count` of them, as they were encoded, that lie before `end`; from one that cannot be on there are none. NULL: there are none, or no memory. */
struct mark_steps *mark_steps_decode(const uint8_t *bytes, uint32_t count, uint64_t end);

/* ---- a file's batches held against them --------------------------------------------------------------------------------- */

struct mark_range {
	int64_t from, to;
	uint64_t position_from, position_to;
};

struct mark_check {
	struct mark_step steps[MARK_STEPS_MAX + 2];
	uint32_t count, next;       /* `next`: the one that comes next */
	struct mark passed;         /* behind the last batch; its headers are 0 where nothing is known of what lies before it */
	struct mark begin;          /* of the stretch */
	bool is_suspect;            /* the last stretch that could be judged is another's */
	struct mark_range bad[MARK_STEPS_MAX + 2]; /* another's, in order */
	uint32_t bad_count;
};

/* `filed`: the last mark that is known; at 0: nothing is. `steps` may be NULL. */
void mark_check_begin(struct mark_check *check, int64_t base_offset, const struct mark_steps *steps, const struct mark *filed);
/* A mark behind those, from elsewhere. One that is not behind them says nothing new. */
void mark_check_add(struct mark_check *check, const struct mark *filed);
/* The next whole batch of the file, and where it is. */
void mark_check_batch(struct mark_check *check, uint64_t position, const uint8_t *header, const struct batch *batch);
/* Behind the last one: what is left of a file that was another's before. */
void mark_check_end(struct mark_check *check);
