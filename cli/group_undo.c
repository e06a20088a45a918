/* "spate-rewind 1 MILLISECONDS had METADATA" or "spate-rewind 1 MILLISECONDS none": text, so that who meets it in another tool sees what it is. */
#include "cli/group_undo.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NOTE_PREFIX "spate-rewind 1 "

bool group_undo_name(char out[GROUP_NAME_SIZE_MAX], const char *group)
{
	int size = snprintf(out, GROUP_NAME_SIZE_MAX, "%s" GROUP_UNDO_SUFFIX, group);
	return size > 0 && size < GROUP_NAME_SIZE_MAX;
}

struct slice group_undo_subject(const char *keeper)
{
	size_t size = strlen(keeper), suffix = strlen(GROUP_UNDO_SUFFIX);
	if (size <= suffix || strcmp(keeper + size - suffix, GROUP_UNDO_SUFFIX) != 0)
		return (struct slice){NULL, 0};
	return (struct slice){(const uint8_t *)keeper, size - suffix};
}

char *group_undo_note_format(const struct group_undo_note *note, size_t *size)
{
	char *text = malloc(sizeof NOTE_PREFIX + 32 + note->metadata.size);
	if (!text)
		return NULL;
	*size = (size_t)sprintf(text, NOTE_PREFIX "%" PRId64 " %s", note->rewound_ms, note->had_commit ? "had " : "none");
	if (note->had_commit && note->metadata.size) {
		memcpy(text + *size, note->metadata.data, note->metadata.size);
		*size += note->metadata.size;
	}
	return text;
}

static bool take(struct slice *rest, const char *word)
{
	size_t size = strlen(word);
	if (rest->size < size || memcmp(rest->data, word, size) != 0)
		return false;
	*rest = (struct slice){rest->data + size, rest->size - size};
	return true;
}

static bool take_number(struct slice *rest, int64_t *out)
{
	size_t taken = 0;
	*out = 0;
	while (taken < rest->size && rest->data[taken] >= '0' && rest->data[taken] <= '9') {
		if (__builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, rest->data[taken] - '0', out))
			return false;
		taken++;
	}
	*rest = (struct slice){rest->data + taken, rest->size - taken};
	return taken > 0;
}

bool group_undo_note_parse(struct group_undo_note *out, struct slice text)
{
	struct slice rest = text;
	*out = (struct group_undo_note){0};
	if (!text.data || !take(&rest, NOTE_PREFIX) || !take_number(&rest, &out->rewound_ms) || !take(&rest, " "))
		return false;
	if (take(&rest, "none"))
		return rest.size == 0;
	out->had_commit = take(&rest, "had ");
	out->metadata = rest;
	return out->had_commit;
}
