/* Reads config values. The C library's parsers do the work on a bounded copy, since a slice has no zero byte behind it; what they would
 * accept and Kafka would not (hexadecimal, "inf", trailing text) is refused first. */
#include "log/config/config_parse.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

/* Longer than any number that fits. */
#define NUMBER_SIZE_MAX 40

static bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct slice config_trim(struct slice text)
{
	while (text.size && is_space(text.data[0]))
		text = (struct slice){text.data + 1, text.size - 1};
	while (text.size && is_space(text.data[text.size - 1]))
		text.size--;
	return text;
}

/* Copies a number of characters from `alphabet` alone, with a zero byte behind it. */
static bool copy_number(char out[NUMBER_SIZE_MAX], struct slice text, const char *alphabet)
{
	text = config_trim(text);
	if (text.size == 0 || text.size >= NUMBER_SIZE_MAX)
		return false;
	memcpy(out, text.data, text.size);
	out[text.size] = '\0';
	return strspn(out, alphabet) == text.size;
}

bool config_parse_int(struct slice text, int64_t *out)
{
	char number[NUMBER_SIZE_MAX], *end;
	if (!copy_number(number, text, "+-0123456789"))
		return false;
	errno = 0;
	long long value = strtoll(number, &end, 10);
	if (errno || *end || end == number)
		return false;
	*out = value;
	return true;
}

bool config_is_whole(struct slice text)
{
	text = config_trim(text);
	size_t sign = text.size && (text.data[0] == '-' || text.data[0] == '+');
	for (size_t i = sign; i < text.size; i++)
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
	return text.size > sign;
}

bool config_parse_double(struct slice text, double *out)
{
	char number[NUMBER_SIZE_MAX], *end;
	if (!copy_number(number, text, "+-.0123456789eE"))
		return false;
	errno = 0;
	double value = strtod(number, &end);
	if (errno || *end || end == number)
		return false;
	*out = value;
	return true;
}

static bool is_word(struct slice text, const char *word)
{
	return text.size == strlen(word) && strncasecmp((const char *)text.data, word, text.size) == 0;
}

bool config_parse_bool(struct slice text, bool *out)
{
	text = config_trim(text);
	*out = is_word(text, "true");
	return *out || is_word(text, "false");
}

bool config_next_item(struct slice *rest, struct slice *item)
{
	if (rest->size == 0)
		return false;
	const uint8_t *comma = memchr(rest->data, ',', rest->size);
	size_t size = comma ? (size_t)(comma - rest->data) : rest->size;
	*item = config_trim((struct slice){rest->data, size});
	size_t taken = comma ? size + 1 : size;
	*rest = (struct slice){rest->data + taken, rest->size - taken};
	return true;
}
