/* Puts quotes around bare words, then jansson reads it. */
#include "tests/differential/relaxed.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_word(char c) { return isalnum((unsigned char)c) || (c && strchr("_$.-", c)); }

static bool is_plain(const char *word, size_t size)
{
	static const char *const plain[] = {"true", "false", "null"};
	for (int i = 0; i < 3; i++)
		if (strlen(plain[i]) == size && strncmp(plain[i], word, size) == 0)
			return true;
	return isdigit((unsigned char)word[0]) || (word[0] == '-' && size > 1 && isdigit((unsigned char)word[1]));
}

static const char *copy_string(FILE *out, const char *at)
{
	fputc(*at++, out);
	while (*at && *at != '"') {
		if (*at == '\\' && at[1])
			fputc(*at++, out);
		fputc(*at++, out);
	}
	if (*at)
		fputc(*at++, out);
	return at;
}

static const char *copy_word(FILE *out, const char *at)
{
	size_t size = 0;
	while (is_word(at[size]))
		size++;
	bool is_key = at[size + strspn(at + size, " \t\n")] == ':';
	const char *quote = is_key || !is_plain(at, size) ? "\"" : "";
	fprintf(out, "%s%.*s%s", quote, (int)size, at, quote);
	return at + size;
}

json_t *relaxed_parse(const char *text, const char **why)
{
	static char reason[400];
	char *strict = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&strict, &size);
	for (const char *at = text; *at;)
		if (*at == '"')
			at = copy_string(out, at);
		else if (is_word(*at))
			at = copy_word(out, at);
		else
			fputc(*at++, out);
	fclose(out);
	json_error_t error;
	json_t *json = json_loads(strict, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (!json) {
		snprintf(reason, sizeof reason, "%s in '%.160s'", error.text, strict);
		*why = reason;
	}
	free(strict);
	return json;
}
