/* The texts of a UUID, its 16 bytes in network order: as Kafka prints it, 22 characters of URL-safe base64 without padding; and 32 hexadecimal
 * digits. Owns nothing; any thread. */
#pragma once

#include "log/base/types.h"

#define UUID_TEXT_SIZE 23 /* with the zero byte */

void uuid_text_format(char out[UUID_TEXT_SIZE], const struct uuid *id);

/* False if the text is not 22 characters of the alphabet, or has bits set beyond the 128. */
MUST_USE bool uuid_text_parse(struct uuid *id, struct slice text);

#define UUID_HEX_SIZE 33 /* with the zero byte */

void uuid_hex_format(char out[UUID_HEX_SIZE], const struct uuid *id);

/* False if the text is not 32 digits, small letters among them. */
MUST_USE bool uuid_hex_parse(struct uuid *id, struct slice text);
