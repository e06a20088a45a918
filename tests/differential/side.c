/* Requests out, answers in, for one broker. What goes wrong on the wire is an outcome, a string in place of an answer. */
#include "tests/differential/side.h"

#include "kmsg_apis.h"
#include "log/base/check.h"
#include "net/wire/header.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY_API_VERSIONS 18
#define KEY_PRODUCE 0

static struct connection *find_connection(struct side *side, const char *name)
{
	for (int i = 0; i < side->connection_count; i++)
		if (strcmp(side->connections[i].name, name) == 0)
			return &side->connections[i];
	CHECKF(side->connection_count < CONNECTIONS_MAX, "too many connections");
	struct connection *made = &side->connections[side->connection_count++];
	*made = (struct connection){.link.fd = -1};
	snprintf(made->name, sizeof made->name, "%s", name);
	return made;
}

static struct connection *open_connection(struct side *side, const char *name)
{
	struct connection *connection = find_connection(side, name);
	if (connection->link.fd < 0)
		link_open(&connection->link, side->host, side->port);
	return connection;
}

void side_disconnect(struct side *side, const char *name)
{
	struct connection *connection = find_connection(side, name);
	link_close(&connection->link);
	connection->is_waiting = false;
}

void side_reset(struct side *side)
{
	for (int i = 0; i < side->connection_count; i++)
		if (strcmp(side->connections[i].name, "main") != 0 || side->connections[i].is_waiting) {
			link_close(&side->connections[i].link);
			bytes_out_free(&side->connections[i].link.frame);
			side->connections[i].is_waiting = false;
		}
	if (side->connection_count > 1 && strcmp(side->connections[0].name, "main") == 0)
		side->connection_count = 1;
	json_decref(side->variables);
	json_decref(side->last);
	side->variables = json_object();
	side->last = NULL;
}

bool side_serves(const struct side *side, int key, int version)
{
	return key >= 0 && key < 256 && version >= side->ranges[key][0] && version <= side->ranges[key][1];
}

/* ---- variables ----------------------------------------------------------------------------------- */

/* "a-${g}-b" */
static json_t *fill_in_text(const struct side *side, const char *text, const char **missing)
{
	char *filled = NULL, name[128];
	size_t size = 0;
	FILE *out = open_memstream(&filled, &size);
	while (*text) {
		const char *end = strncmp(text, "${", 2) == 0 ? strchr(text, '}') : NULL;
		if (!end) {
			fputc(*text++, out);
			continue;
		}
		snprintf(name, sizeof name, "%.*s", (int)(end - text - 2), text + 2);
		const char *value = json_string_value(json_object_get(side->variables, name));
		if (!value)
			*missing = text;
		fputs(value ? value : "", out);
		text = end + 1;
	}
	fclose(out);
	json_t *json = json_stringn(filled, size);
	free(filled);
	return json;
}

static json_t *fill_in_string(const struct side *side, const json_t *string, const char **missing)
{
	const char *text = json_string_value(string);
	if (json_string_length(string) != strlen(text))
		return json_deep_copy(string);
	if (text[0] != '$' || text[1] == '{')
		return fill_in_text(side, text, missing);
	json_t *value = json_object_get(side->variables, text + 1);
	if (!value)
		*missing = text;
	return value ? json_deep_copy(value) : json_null();
}

json_t *side_fill_in(const struct side *side, const json_t *request, const char **missing)
{
	if (json_is_string(request))
		return fill_in_string(side, request, missing);
	if (json_is_array(request)) {
		json_t *list = json_array(), *item;
		size_t i;
		json_array_foreach(request, i, item)
			json_array_append_new(list, side_fill_in(side, item, missing));
		return list;
	}
	if (json_is_object(request)) {
		json_t *object = json_object(), *value;
		const char *key;
		json_object_foreach((json_t *)request, key, value)
			json_object_set_new(object, key, side_fill_in(side, value, missing));
		return object;
	}
	return json_deep_copy(request);
}

/* ---- requests and answers ------------------------------------------------------------------------ */

static int32_t next_correlation_id(void)
{
	static int32_t last;
	return ++last;
}

static void put_header(struct bytes_out *frame, int key, int version, int32_t correlation_id)
{
	static const char client[] = "differential";
	struct request_header header = {.api_key = (int16_t)key, .api_version = (int16_t)version, .correlation_id = correlation_id,
					.client_id = slice_from(client), .api = kmsg_api_find((int16_t)key)};
	uint8_t bytes[64];
	struct writer writer = writer_into(bytes, sizeof bytes);
	request_header_encode(&writer, &header);
	CHECK(writer.error == 0);
	bytes_out_put(frame, bytes, writer.position);
}

/* A request that has no answer is followed by one that has: which of them comes first, or the end, is what happened. */
static void send_probe(struct connection *connection)
{
	struct bytes_out frame = {0};
	connection->probe_id = next_correlation_id();
	put_header(&frame, KEY_API_VERSIONS, 0, connection->probe_id);
	link_send(&connection->link, bytes_out_slice(&frame));
	bytes_out_free(&frame);
}

static int body_version(const struct kmsg_description *message, int version)
{
	return version < message->min ? message->min : version > message->max ? message->max : version;
}

bool side_send(struct side *side, const char *name, const char *api, int version, const json_t *request, int cut, const char **why)
{
	char message_name[96];
	snprintf(message_name, sizeof message_name, "%s_request", api);
	const struct kmsg_description *message = kmsg_description_find(message_name);
	snprintf(message_name, sizeof message_name, "%s_response", api);
	struct connection *connection = open_connection(side, name);
	connection->response = kmsg_description_find(message_name);
	if (!message || !connection->response) {
		*why = "the schema has no such API";
		return false;
	}
	struct bytes_out frame = {0}, body = {0};
	bool encoded = codec_encode(&body, message, body_version(message, version), request, why);
	if (encoded) {
		connection->version = version;
		connection->correlation_id = next_correlation_id();
		connection->probe_id = 0;
		connection->is_waiting = true;
		put_header(&frame, message->key, version, connection->correlation_id);
		bytes_out_put(&frame, body.data, cut < 0 ? body.size : body.size * (size_t)cut / 1000);
		link_send(&connection->link, bytes_out_slice(&frame));
		json_t *acks = json_object_get(request, "acks");
		if (message->key == KEY_PRODUCE && acks && json_integer_value(acks) == 0)
			send_probe(connection);
	}
	bytes_out_free(&frame);
	bytes_out_free(&body);
	return encoded;
}

static json_t *malformed(const char *why) { return json_sprintf("malformed: %s", why); }

static json_t *read_answer(struct connection *connection)
{
	const char *why = "";
	struct slice frame = bytes_out_slice(&connection->link.frame);
	int key = connection->response->key, version = connection->version;
	if (key == KEY_API_VERSIONS && (version > connection->response->max || version < 0))
		version = 0; /* KIP-511: an unknown version is answered in the first */
	if (connection->probe_id && frame.size >= 4 && (int32_t)load_be32(frame.data) == connection->probe_id)
		return json_string("no answer");
	struct reader reader = reader_over(frame);
	int32_t correlation_id;
	if (response_header_decode(&reader, (int16_t)key, version, &correlation_id) != 0)
		return malformed("header");
	if (correlation_id != connection->correlation_id)
		return malformed("the answer to another request");
	json_t *answer = codec_decode((struct slice){reader.at, reader_left(&reader)}, connection->response, version, &why);
	return answer ? answer : malformed(why);
}

json_t *side_receive(struct side *side, const char *name, int timeout_ms)
{
	struct connection *connection = find_connection(side, name);
	enum received got = link_receive(&connection->link, timeout_ms);
	connection->is_waiting = false;
	json_t *answer = got == RECEIVED ? read_answer(connection) : json_string(got == RECEIVED_CLOSE ? "closed" : "silent");
	/* After anything but an answer (or with a probe still to be answered) the connection is of no more use. */
	if (got != RECEIVED || !json_is_object(answer) || connection->probe_id)
		link_close(&connection->link);
	json_decref(side->last);
	side->last = json_incref(answer);
	return answer;
}

static void note_ranges(struct side *side, const json_t *answer)
{
	size_t i;
	json_t *row;
	for (i = 0; i < 256; i++)
		side->ranges[i][0] = 1, side->ranges[i][1] = 0;
	json_array_foreach(json_object_get(answer, "api_keys"), i, row) {
		json_int_t key = json_integer_value(json_object_get(row, "api_key"));
		if (key < 0 || key >= 256)
			continue;
		side->ranges[key][0] = (int)json_integer_value(json_object_get(row, "min_version"));
		side->ranges[key][1] = (int)json_integer_value(json_object_get(row, "max_version"));
	}
}

bool side_open(struct side *side, const char *name, const char *address)
{
	const char *why, *colon = strrchr(address, ':');
	*side = (struct side){.name = name, .variables = json_object()};
	snprintf(side->host, sizeof side->host, "%.*s", colon ? (int)(colon - address) : 0, address);
	snprintf(side->port, sizeof side->port, "%s", colon ? colon + 1 : address);
	json_t *request = json_pack("{ssss}", "client_software_name", "differential", "client_software_version", "1");
	json_t *answer = side_send(side, "main", "api_versions", 3, request, -1, &why) ? side_receive(side, "main", 10000) : NULL;
	note_ranges(side, answer);
	bool is_open = json_is_object(answer);
	json_decref(request);
	json_decref(answer);
	return is_open;
}
