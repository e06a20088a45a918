/* A growing run of bytes: what the codec writes requests into. Owned by whoever made it; one thread; memory that cannot be had ends
 * the program, as everywhere in this test. */
#pragma once

#include "log/base/bytes.h"

struct bytes_out {
	uint8_t *data;
	size_t size, capacity;
};

void bytes_out_free(struct bytes_out *out);
void bytes_out_put(struct bytes_out *out, const void *bytes, size_t size);
/* `size` bytes for the caller to fill. */
uint8_t *bytes_out_room(struct bytes_out *out, size_t size);

/* Big-endian, `size` 1, 2, 4 or 8. */
void bytes_out_number(struct bytes_out *out, int64_t value, unsigned size);
void bytes_out_varint(struct bytes_out *out, uint64_t value);
/* "00ff"; false if it is not hex. */
bool bytes_out_hex(struct bytes_out *out, const char *hex);

static inline struct slice bytes_out_slice(const struct bytes_out *out) { return (struct slice){out->data, out->size}; }
