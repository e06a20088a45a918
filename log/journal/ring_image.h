/* What was read of a journal's ring, in memory: recovery asks for the same bytes many times (the catalog's mark, the walk, the search behind its end, the
 * replay), in two openings of the file, and the disk is asked once. The bytes of a group are checked once, too. What is searched because groups
 * can be there is kept as well; of the rest of a lap, where they can be anywhere, only where none was found to begin.
 *
 * Owner: the journal's thread; between two openings, whoever carries it. It reads the file and never writes; a ring that is too large, or no memory, is no
 * error: the reader of log/journal/journal_recover.c has a window of its own for that. */
#pragma once

#include <sys/uio.h>

#include "log/io/io.h"
#include "log/journal/journal_format.h"

#define RING_FETCHES_MAX 4

/* A piece that is on its way. */
struct ring_fetch {
	struct io_op op;
	struct iovec piece;
	uint64_t position;
	bool is_in_flight;
};

/* Of one state of one file. */
struct ring_image {
	uint64_t ring_size, file_size;
	uint64_t fingerprint;     /* of the superblocks */
	uint64_t base_place;      /* of bytes[0]: [base, base + ring_size) is the lap that recovery looks at */
	uint8_t *mapped;          /* `bytes` are in there, from a multiple of RING_GIFT_ALIGN on */
	size_t mapped_size;
	uint8_t *bytes;           /* ring_size of them; what is not loaded takes no memory */
	size_t loaded;
	size_t passed;            /* nobody will ask for what is before this, but for what can as well be read again */
	size_t given;             /* what was before this is somebody else's memory now */
	size_t read_size;         /* of the next read */
	bool is_large;            /* more than a clean start needs */
	size_t due;               /* so much will be asked for, if more than a clean start needs is: from then on the disk is kept at work on it */
	size_t asked;             /* [loaded, asked) is on its way, in `fetches`, oldest first */
	struct ring_fetch fetches[RING_FETCHES_MAX];
	uint32_t fetch_first, fetch_count;
	struct io *io;            /* whose they are */
	uint64_t blank_from, blank_to; /* no block in [from, to) is a sound header that belongs there; to 0: not known of any */
	struct group_verdict *verdicts; /* in the order of their places */
	uint32_t verdict_count, verdict_capacity;
};

/* What the check of a group's body and repeats came to. */
struct group_verdict {
	uint64_t place;
	enum group_state state;
	bool are_repeats_whole;
};

/* NULL: there is no memory for it, or the ring is too large to be kept. */
struct ring_image *ring_image_create(uint64_t base_place, uint64_t ring_size, uint64_t file_size, uint64_t fingerprint);
void ring_image_free(struct ring_image *image);
/* Up to `place` it will be asked for: groups can be there. */
void ring_image_expect(struct ring_image *image, uint64_t place);
/* Waits for what is on its way: before the descriptor closes, or another loop takes the image. */
void ring_image_settle(struct ring_image *image);

/* Is it of this lap of the file that has these superblocks? */
bool ring_image_fits(const struct ring_image *image, uint64_t base_place, uint64_t ring_size, uint64_t file_size, uint64_t fingerprint);

/* Makes [place, place + size) visible, until the image goes. 1; 0: it lies outside the lap, or so far behind what
 * is there, or how far it was said that groups reach, that all between would be read for it alone; -errno. `fd`: O_DIRECT where that can be had. What was cut off the
 * file reads as zeros. */
MUST_USE int ring_image_view(struct ring_image *image, struct io *io, int fd, uint64_t place, size_t size, const uint8_t **out);

/* The replay has passed what is before `place`. 0: it begins anew. */
void ring_image_pass(struct ring_image *image, uint64_t place);
/* Memory of what was passed takes the place of what is at `to`, mapped and the caller's; both are multiples of RING_GIFT_ALIGN. It is no part of the image any more: what
 * was in it is read from the file, if somebody asks. False: there is not as much. */
#define RING_GIFT_ALIGN (2u << 20)
bool ring_image_give(struct ring_image *image, void *to, size_t size);

/* Is that loaded already? */
bool ring_image_has(const struct ring_image *image, uint64_t place, size_t size);

/* In this block there is no sound header that says it belongs there. Noted as long as it follows the ones noted before. */
void ring_image_note_blank(struct ring_image *image, uint64_t place);
/* `place`, or where such blocks end that begin there. */
uint64_t ring_image_pass_blank(const struct ring_image *image, uint64_t place);

/* NULL: the group there was not checked yet. */
const struct group_verdict *ring_image_verdict(const struct ring_image *image, uint64_t place);
/* Notes it if it lies behind all that are known; of others there are few. */
void ring_image_note(struct ring_image *image, const struct group_verdict *verdict);
