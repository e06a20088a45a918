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

static bool has_no_order(const char *how) { return strncmp(how, "sort", 4) == 0 || strncmp(how, "fold", 4) == 0; }

static json_t *canon_item(struct canon *canon, const struct kmsg_field *field, const json_t *value, const char *path, const char *how)
{
	if (*how && !has_no_order(how))
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

/* A value as elements are sorted by it. An id that has been seen is its number: ids themselves have another order on each side. */
static void put_key(FILE *out, const struct canon *canon, const json_t *value)
{
	const char *text = json_string_value(value);
	json_t *number = text ? json_object_get(canon->numbers, text) : NULL;
	char *dumped = json_dumps(number ? number : value, JSON_ENCODE_ANY | JSON_SORT_KEYS);
	fputs(dumped, out);
	free(dumped);
}

/* The fields named behind "sort:" or "fold:", as far as this version has them; the whole element if it has none. */
static char *sort_key(const struct canon *canon, const json_t *item, const char *how)
{
	char fields[64], *key = NULL;
	size_t size = 0;
	bool has_any = false;
	FILE *out = open_memstream(&key, &size);
	snprintf(fields, sizeof fields, "%s", how[4] == ':' ? how + 5 : "");
	for (char *rest = fields, *field; (field = strsep(&rest, "+"));) {
		json_t *value = json_object_get(item, field);
		if (value)
			put_key(out, canon, value);
		has_any |= value != NULL;
	}
	if (!has_any)
		put_key(out, canon, item);
	fclose(out);
	return key;
}

/* One element of two that have the same key: the lists of the second behind those of the first. */
static void fold_into(json_t *first, const json_t *second)
{
	const char *name;
	json_t *value, *list;
	json_object_foreach(first, name, value)
		if (json_is_array(value) && (list = json_object_get(second, name)))
			json_array_extend(value, list);
}

static json_t *sorted(const struct canon *canon, const json_t *list, const char *how)
{
	size_t count = json_array_size(list), i;
	bool folds = strncmp(how, "fold", 4) == 0;
	json_t *item, *result = json_array();
	struct keyed *items = calloc(count + 1, sizeof *items);
	json_array_foreach(list, i, item) {
		items[i] = (struct keyed){sort_key(canon, item, how), item};
	}
	qsort(items, count, sizeof *items, compare_keyed);
	for (i = 0; i < count; i++)
		if (folds && i > 0 && strcmp(items[i].key, items[i - 1].key) == 0)
			fold_into(json_array_get(result, json_array_size(result) - 1), items[i].value);
		else
			json_array_append_new(result, json_deep_copy(items[i].value));
	for (i = 0; i < count; i++)
		free(items[i].key);
	free(items);
	return result;
}

static json_t *canon_list(struct canon *canon, const struct kmsg_field *field, const json_t *list, const char *path, const char *how)
{
	json_t *ordered = has_no_order(how) ? sorted(canon, list, how) : json_incref((json_t *)list);
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

void canon_know(struct canon *canon, const json_t *id)
{
	if (json_is_string(id))
		number_of(canon, json_string_value(id));
}

json_t *canon_answer(struct canon *canon, const struct kmsg_description *message, const json_t *answer)
{
	if (!json_is_object(answer))
		return json_deep_copy(answer);
	return canon_struct(canon, message->fields, answer, message->name);
}
