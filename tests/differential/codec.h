/* Messages as JSON, both ways, by the tables that wire-gen makes of the schema (kmsg_fields.h). Owns nothing; one thread.
 *
 * Unlike the generated encoders this one writes what is not allowed as well: null where it may not be, counts that lie, values out of
 * range. A field that is not given has its default, or is empty where null is not allowed. Beside plain JSON:
 *
 *	{hex: "00ff"}       in place of a string, bytes or records: these bytes
 *	{claim: N}          in place of an array or string: its length says N, and nothing follows
 *	{message: consumer_protocol_subscription, version: 1, value: {...}}   in place of bytes: a message, its version before it
 *	{count: 3, ...}     in place of records: batches made on the spot (records.h)
 *	__tags: {"99": "00ff"}   in a struct: unknown tagged fields, in flexible versions
 *	__after: "00ff"     in the message itself: bytes behind its end */
#pragma once

#include "kmsg_fields.h"
#include "tests/differential/bytes_out.h"

#include <jansson.h>

/* False if the JSON does not fit the message: *why then says where, in static storage. A name that the message does not have is such a mistake;
 * one that this version does not have is left out. */
bool codec_encode(struct bytes_out *out, const struct kmsg_description *message, int version, const json_t *value, const char **why);

/* The message as JSON, or NULL and *why: truncated, malformed, or bytes left behind it. Names are the schema's; ids are Kafka's text;
 * bytes are hex; records are a list of batches; tagged fields are left out where they have their default. */
json_t *codec_decode(struct slice bytes, const struct kmsg_description *message, int version, const char **why);

/* Is the field on the wire in this version? */
bool codec_has_field(const struct kmsg_field *field, int version);
