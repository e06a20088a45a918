/* Cuts the bytes of a connection into frames: a size of four bytes, then as many bytes. What arrives is copied into the frame, or
 * received straight into it once the size is known. A large frame gets its memory when its start (FRAME_START_SIZE) has come: what is
 * only announced takes none.
 *
 * Embedded in its connection; owner: the shard. Holds no memory between frames. It never believes a size: a negative one, one above the
 * limit and one that the pool could never serve are refused before anything is allocated. */
#pragma once

#include "net/conn/frame_pool.h"

struct frame_reader {
	uint8_t prefix[4];
	uint8_t prefix_size;
	bool is_start;             /* `frame` holds the start of a large one */
	uint32_t filled;
	struct frame *frame;       /* NULL: between frames */
};

enum frame_result {
	FRAME_MORE,                /* all bytes are taken in, and the frame is not whole yet */
	FRAME_WHOLE,               /* take it: frame_reader_take */
	FRAME_NO_MEMORY,           /* the size is known, the pool has nothing now: try again later with the bytes left */
	FRAME_BAD,                 /* negative or too large */
};

/* Takes in bytes up to the end of one frame; *used says how many. */
MUST_USE enum frame_result frame_reader_feed(struct frame_reader *reader, struct frame_pool *pool, uint32_t size_max,
					     const uint8_t *data, size_t size, size_t *used);

/* The whole frame; the caller's now. */
struct frame *frame_reader_take(struct frame_reader *reader);

/* The size that the last prefix said; may be negative. */
int32_t frame_reader_size(const struct frame_reader *reader);

/* Does it need memory to go on? Then it is fed, or waits. */
bool frame_reader_needs_memory(const struct frame_reader *reader);
/* After FRAME_NO_MEMORY: waits for what it needs. */
void frame_reader_wait(const struct frame_reader *reader, struct frame_pool *pool, struct frame_wait *wait);

/* Inside a frame: where its next bytes belong, for a receive that copies nothing. False between frames, and while it needs memory. */
bool frame_reader_room(struct frame_reader *reader, uint8_t **at, size_t *size);
/* So many bytes have been received there; true when the frame is whole. */
bool frame_reader_received(struct frame_reader *reader, size_t size);

/* Gives back a frame that will not be completed. */
void frame_reader_drop(struct frame_reader *reader, struct frame_pool *pool);
