/* Headers: the API key and version that open a request say in which version its header is. Truncated input is
 * the reader's error; an unknown key ends the decoding early, for the rest could be anything. */
#include "net/wire/header.h"

#include "kmsg_apis.h"
#include "kmsg_api_versions.h"
#include "kmsg_header.h"

static bool is_flexible(const struct kmsg_api *api, int version)
{
	return version >= api->flexible;
}

static int request_header_version(const struct kmsg_api *api, int version)
{
	return is_flexible(api, version) ? 2 : 1;
}

static int response_header_version(const struct kmsg_api *api, int version)
{
	return is_flexible(api, version) && api->key != KMSG_API_VERSIONS_KEY ? 1 : 0;
}

int request_header_decode(struct reader *reader, struct request_header *header)
{
	struct reader ahead = *reader;
	*header = (struct request_header){.api_key = reader_int16(&ahead),
					  .api_version = reader_int16(&ahead),
					  .correlation_id = reader_int32(&ahead)};
	if (ahead.error) {
		reader_fail(reader, ahead.error, ahead.reason);
		return reader->error;
	}
	header->api = kmsg_api_find(header->api_key);
	if (!header->api)
		return -EOPNOTSUPP;
	struct kmsg_request_header message;
	int err = kmsg_request_header_decode(reader, NULL, request_header_version(header->api, header->api_version),
					     &message);
	header->client_id = message.client_id;
	return err;
}

void request_header_encode(struct writer *writer, const struct request_header *header)
{
	const struct kmsg_api *api = kmsg_api_find(header->api_key);
	if (!api) {
		writer_fail(writer, -EINVAL);
		return;
	}
	struct kmsg_request_header message = {.request_api_key = header->api_key,
					      .request_api_version = header->api_version,
					      .correlation_id = header->correlation_id,
					      .client_id = header->client_id};
	kmsg_request_header_encode(writer, request_header_version(api, header->api_version), &message);
}

void response_header_encode(struct writer *writer, int16_t api_key, int version, int32_t correlation_id)
{
	const struct kmsg_api *api = kmsg_api_find(api_key);
	if (!api) {
		writer_fail(writer, -EINVAL);
		return;
	}
	struct kmsg_response_header message = {.correlation_id = correlation_id};
	kmsg_response_header_encode(writer, response_header_version(api, version), &message);
}

int response_header_decode(struct reader *reader, int16_t api_key, int version, int32_t *correlation_id)
{
	const struct kmsg_api *api = kmsg_api_find(api_key);
	if (!api)
		return -EOPNOTSUPP;
	struct kmsg_response_header message;
	int err = kmsg_response_header_decode(reader, NULL, response_header_version(api, version), &message);
	*correlation_id = message.correlation_id;
	return err;
}
