/* Frames: int32 size, header, body. */
#include "bench/load/frame.h"

#include "kmsg_header.h"

void frame_begin(struct writer *writer, int16_t api_key, int16_t version, bool is_flexible)
{
	struct kmsg_request_header header = { .request_api_key = api_key, .request_api_version = version,
					      .client_id = slice_from("spate-bench") };
	writer_uint32(writer, 0);
	kmsg_request_header_encode(writer, is_flexible ? 2 : 1, &header);
}

int frame_end(struct writer *writer)
{
	if (!writer->error && writer->data)
		store_be32(writer->data, (uint32_t)(writer->position + writer->external_size - 4));
	return writer->error;
}

struct reader frame_body(struct slice frame, bool is_flexible)
{
	struct reader reader = reader_over(frame);
	struct kmsg_response_header header;
	/* Its error is the reader's, and is looked at after the body. */
	if (kmsg_response_header_decode(&reader, NULL, is_flexible ? 1 : 0, &header))
		return reader;
	return reader;
}
