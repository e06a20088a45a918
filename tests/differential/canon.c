/* Masks are lines "PATTERN HOW", PATTERN matched against message.field.field. See the file itself for what HOW can be. */
#include "tests/differential/canon.h"

#include "tests/differential/script.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MASKS_MAX 512
#define TIME_OF_CASES_MAX 1750000000000 /* the records of the cases are older, what is stamped now is younger */

struct mask {
	char pattern[128], how[64];
};

static struct mask masks[MASKS_MAX];
static int mask_count;

void canon_read_masks(const char *path)
{
	char line[512];
	int number = 0;
	FILE *file = fopen(path, "r");
	if (!file)
		script_die(path, 0, "cannot be read");
	while (fgets(line, sizeof line, file)) {
		number++;
		line[strcspn(line, "#\n")] = 0;
		if (!line[strspn(line, " \t")])
			continue;
		if (mask_count == MASKS_MAX ||
		    sscanf(line, "%127s %63s", masks[mask_count].pattern, masks[mask_count].how) != 2)
			script_die(path, number, "expected: PATTERN HOW");
		mask_count++;
	}
	fclose(file);
}

static const char *mask_of(const char *path)
{
	for (int i = 0; i < mask_count; i++)
		if (fnmatch(masks[i].pattern, path, 0) == 0)
			return masks[i].how;
	return "";
}

void canon_reset(struct canon *canon)
{
	json_decref(canon->numbers);
	canon->numbers = json_object();
}

static const char *number_of(struct canon *canon, const char *text)
{
	json_t *number = json_object_get(canon->numbers, text);
	if (!number) {
		number = json_sprintf("#%zu", json_object_size(canon->numbers) + 1);
		json_object_set_new(canon->numbers, text, number);
	}
	return json_string_value(number);
}

/* ---- strings: the ids inside them, and the names the test itself made up --------------------------- */

/* 8-4-4-4-12 hex digits, as in member ids */
static size_t uuid_at(const char *text)
{
	static const int groups[] = {8, 4, 4, 4, 12};
	const char *at = text;
	for (int i = 0; i < 5; i++) {
		for (int k = 0; k < groups[i]; k++)
			if (!isxdigit((unsigned char)*at++))
				return 0;
		if (i < 4 && *at++ != '-')
			return 0;
	}
	return (size_t)(at - text);
}

/* "d00042-": the prefix of fresh names */
static size_t fresh_at(const char *text)
{
	if (text[0] != 'd')
		return 0;
	for (int i = 1; i <= 6; i++)
		if (!isdigit((unsigned char)text[i]))
			return 0;
	return text[7] == '-' ? 8 : 0;
}

static size_t known_id_at(struct canon *canon, const char *text)
{
	char id[23];
	if (strlen(text) < 22)
		return 0;
	snprintf(id, sizeof id, "%.22s", text);
	return json_object_get(canon->numbers, id) ? 22 : 0;
}

static json_t *canon_string(struct canon *canon, const json_t *string)
{
	const char *text = json_string_value(string);
	char *result = NULL, id[64];
	size_t size = 0;
	FILE *out = open_memstream(&result, &size);
	while (*text) {
		size_t found = uuid_at(text);
		if (!found)
			found = known_id_at(canon, text);
		if (found) {
			snprintf(id, sizeof id, "%.*s", (int)found, text);
			fputs(number_of(canon, id), out);
			text += found;
		} else if (fresh_at(text)) {
			fputc('$', out);
			text += fresh_at(text);
		} else
			fputc(*text++, out);
	}
	fclose(out);
	json_t *json = json_stringn(result, size);
	free(result);
	return json;
}

/* ---- values -------------------------------------------------------------------------------------- */

static json_t *canon_struct(struct canon *canon, const struct kmsg_struct *fields, const json_t *value, const char *path);

static json_t *canon_id(struct canon *canon, const json_t *value)
{
	const char *text = json_string_value(value);
	if (strcmp(text, "AAAAAAAAAAAAAAAAAAAAAA") == 0)
		return json_string("zero");
	return json_string(number_of(canon, text));
}

/* How: any, sign, time, id. A null is a null whatever the mask. */
static json_t *mask_value(struct canon *canon, const json_t *value, const char *how)
{
	if (json_is_null(value))
		return json_null();
	if (strcmp(how, "any") == 0)
		return json_string("*");
	json_int_t number = json_integer_value(value);
	if (strcmp(how, "sign") == 0)
		return number > 0 ? json_string("+") : json_integer(number);
	if (strcmp(how, "time") == 0)
		return number > TIME_OF_CASES_MAX ? json_string("now") : json_integer(number);
	if (strcmp(how, "id") == 0 && json_is_integer(value)) {
		char text[32];
		snprintf(text, sizeof text, "%lld", (long long)number);
		return number >= 0 ? json_string(number_of(canon, text)) : json_integer(number);
	}
	if (strcmp(how, "id") == 0 && json_string_length(value) > 0)
		return json_string(number_of(canon, json_string_value(value)));
	return canon_string(canon, value);
}

static json_t *canon_item(struct canon *canon, const struct kmsg_field *field, const json_t *value, const char *path, const char *how)
{
	if (*how && strncmp(how, "sort", 4) != 0)
		return mask_value(canon, value, how);
	if (field && field->type == KMSG_TYPE_struct && json_is_object(value))
		return canon_struct(canon, field->fields, value, path);
	if (field && field->type == KMSG_TYPE_uuid)
		return canon_id(canon, value);
	return json_is_string(value) ? canon_string(canon, value) : json_deep_copy(value);
}

/* ---- lists without an order ------------------------------------------------------------------------ */

struct keyed {
	char *key;
	json_t *value;
};

static int compare_keyed(const void *a, const void *b) { return strcmp(((const struct keyed *)a)->key, ((const struct keyed *)b)->key); }

/* What an element is sorted by: the fields named behind "sort:", or the whole. */
static char *sort_key(const json_t *item, const char *how)
{
	char fields[64], *key = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&key, &size);
	snprintf(fields, sizeof fields, "%s", how[4] == ':' ? how + 5 : "");
	for (char *rest = fields, *field; (field = strsep(&rest, "+"));) {
		json_t *value = json_object_get(item, field);
		char *text = json_dumps(value ? value : item, JSON_ENCODE_ANY | JSON_SORT_KEYS);
		fputs(text, out);
		free(text);
	}
	fclose(out);
	return key;
}

static json_t *sorted(const json_t *list, const char *how)
{
	size_t count = json_array_size(list), i;
	json_t *item, *result = json_array();
	struct keyed *items = calloc(count + 1, sizeof *items);
	json_array_foreach(list, i, item) {
		items[i] = (struct keyed){sort_key(item, how), item};
	}
	qsort(items, count, sizeof *items, compare_keyed);
	for (i = 0; i < count; i++) {
		json_array_append(result, items[i].value);
		free(items[i].key);
	}
	free(items);
	return result;
}

static json_t *canon_list(struct canon *canon, const struct kmsg_field *field, const json_t *list, const char *path, const char *how)
{
	json_t *ordered = strncmp(how, "sort", 4) == 0 ? sorted(list, how) : json_incref((json_t *)list);
	json_t *result = json_array(), *item;
	size_t i;
	if (strcmp(how, "any") == 0) {
		json_decref(ordered);
		json_decref(result);
		return json_string("*");
	}
	json_array_foreach(ordered, i, item) {
		if (field->type == KMSG_TYPE_records && json_is_object(item)) {
			json_t *batch = json_deep_copy(item), *id = json_object_get(batch, "producer_id");
			if (id)
				json_object_set_new(batch, "producer_id", mask_value(canon, id, "id"));
			json_array_append_new(result, batch);
		} else
			json_array_append_new(result, canon_item(canon, field, item, path, how));
	}
	json_decref(ordered);
	return result;
}

/* "key:FIELD": an object by the field, so that what one side lacks is told by name. */
static json_t *keyed_list(struct canon *canon, const struct kmsg_field *field, const json_t *list, const char *path, const char *how)
{
	json_t *result = json_object(), *item;
	size_t i;
	json_array_foreach(list, i, item) {
		char *key = json_dumps(json_object_get(item, how + 4), JSON_ENCODE_ANY);
		json_object_set_new(result, key, canon_item(canon, field, item, path, ""));
		free(key);
	}
	return result;
}

static const struct kmsg_field *find_field(const struct kmsg_struct *fields, const char *name)
{
	for (int i = 0; i < fields->count; i++)
		if (strcmp(fields->fields[i].name, name) == 0)
			return &fields->fields[i];
	return NULL;
}

static json_t *canon_struct(struct canon *canon, const struct kmsg_struct *fields, const json_t *value, const char *path)
{
	json_t *result = json_object(), *item;
	const char *name;
	char deeper[512];
	json_object_foreach((json_t *)value, name, item) {
		const struct kmsg_field *field = find_field(fields, name);
		snprintf(deeper, sizeof deeper, "%s.%s", path, name);
		const char *how = mask_of(deeper);
		if (strcmp(how, "drop") == 0)
			continue;
		json_t *made = !json_is_array(item)            ? canon_item(canon, field, item, deeper, how)
			       : strncmp(how, "key:", 4) == 0 ? keyed_list(canon, field, item, deeper, how)
							      : canon_list(canon, field, item, deeper, how);
		json_object_set_new(result, name, made);
	}
	return result;
}

json_t *canon_answer(struct canon *canon, const struct kmsg_description *message, const json_t *answer)
{
	if (!json_is_object(answer))
		return json_deep_copy(answer);
	return canon_struct(canon, message->fields, answer, message->name);
}
