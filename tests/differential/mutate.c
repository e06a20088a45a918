/* Walks a request by its description. Each field of each struct is changed in the first element of the list that holds it, so one mutant
 * differs from the good request in one place. */
#include "tests/differential/mutate.h"

#include "log/base/check.h"
#include "tests/differential/codec.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mutator {
	struct mutants *mutants;
	const json_t *request;
	int version, flexible;
	const char *path[16];    /* the fields from the message down to the struct at hand */
	int depth;
};

static struct mutant *add_mutant(struct mutator *m, json_t *request)
{
	struct mutants *all = m->mutants;
	all->items = realloc(all->items, (size_t)(all->count + 1) * sizeof *all->items);
	CHECK(all->items);
	all->items[all->count] = (struct mutant){.request = request, .cut = -1};
	return &all->items[all->count++];
}

static void name_mutant(const struct mutator *m, struct mutant *mutant, const char *field, const char *change)
{
	FILE *out = fmemopen(mutant->label, sizeof mutant->label - 1, "w");
	for (int i = 0; i < m->depth; i++)
		fprintf(out, "%s.", m->path[i]);
	fprintf(out, "%s%s", field, change);
	fclose(out);
}

/* The struct of `request` at the mutator's path; NULL if a list on the way is empty. */
static json_t *struct_at(const struct mutator *m, json_t *request)
{
	for (int i = 0; i < m->depth && request; i++) {
		request = json_object_get(request, m->path[i]);
		if (json_is_array(request))
			request = json_array_get(request, 0);
	}
	return request;
}

/* One mutant: the field has `value` (taken). */
static void set_field(struct mutator *m, const char *field, json_t *value, const char *change)
{
	json_t *copy = json_deep_copy(m->request), *place = struct_at(m, copy);
	if (!json_is_object(place)) {
		json_decref(copy);
		json_decref(value);
		return;
	}
	json_object_set_new(place, field, value);
	name_mutant(m, add_mutant(m, copy), field, change);
}

static void set_numbers(struct mutator *m, const struct kmsg_field *field)
{
	static const struct { enum kmsg_type type; json_int_t values[8]; int count; } edges[] = {
		{KMSG_TYPE_bool, {0, 1}, 2},
		{KMSG_TYPE_int8, {-128, -1, 0, 1, 2, 127}, 6},
		{KMSG_TYPE_int16, {-32768, -1, 0, 1, 2, 32767}, 6},
		{KMSG_TYPE_uint16, {0, 1, 65535}, 3},
		{KMSG_TYPE_int32, {INT32_MIN, -2, -1, 0, 1, 7, INT32_MAX}, 7},
		{KMSG_TYPE_uint32, {0, 1, UINT32_MAX}, 3},
		{KMSG_TYPE_int64, {INT64_MIN, -2, -1, 0, 1, 1000, INT64_MAX}, 7},
	};
	for (size_t i = 0; i < COUNT_OF(edges); i++)
		for (int k = 0; edges[i].type == field->type && k < edges[i].count; k++) {
			char change[40];
			snprintf(change, sizeof change, "=%lld", (long long)edges[i].values[k]);
			set_field(m, field->name, json_integer(edges[i].values[k]), change);
		}
}

/* So long once ${case} is filled in: a name of this case alone. */
static json_t *long_text(size_t size)
{
	static const char variable[] = "${case}";
	size_t own = size - strlen("d000000-case");
	char *text = malloc(strlen(variable) + own + 1);
	memcpy(text, variable, sizeof variable);
	memset(text + strlen(variable), 'x', own);
	json_t *json = json_stringn(text, strlen(variable) + own);
	free(text);
	return json;
}

static void set_texts(struct mutator *m, const struct kmsg_field *field)
{
	set_field(m, field->name, json_null(), "=null");
	set_field(m, field->name, json_string(""), "=empty");
	set_field(m, field->name, json_string("${case}-unknown"), "=unknown");
	set_field(m, field->name, json_string("a b/c"), "=bad characters");
	set_field(m, field->name, json_string("."), "=dot");
	set_field(m, field->name, long_text(249), "=249 long");
	set_field(m, field->name, long_text(250), "=250 long");
	set_field(m, field->name, long_text(20000), "=20000 long");
	set_field(m, field->name, json_pack("{ss}", "hex", "c328ff"), "=not UTF-8");
	set_field(m, field->name, json_pack("{si}", "claim", 30000), "=length beyond the end");
	set_field(m, field->name, json_pack("{si}", "claim", -2), "=length -2");
}

static void set_bytes(struct mutator *m, const struct kmsg_field *field)
{
	set_field(m, field->name, json_null(), "=null");
	set_field(m, field->name, json_string(""), "=empty");
	set_field(m, field->name, json_string("x"), "=one byte");
	set_field(m, field->name, json_pack("{ss}", "hex", "00000000000000000000000000000000"), "=zeros");
	set_field(m, field->name, json_pack("{si}", "claim", INT32_MAX), "=length beyond the end");
}

static void set_ids(struct mutator *m, const struct kmsg_field *field)
{
	set_field(m, field->name, json_string("AAAAAAAAAAAAAAAAAAAAAA"), "=zero");
	set_field(m, field->name, json_string("AAAAAAAAAAAAAAAAAAAAAQ"), "=one");
	set_field(m, field->name, json_string("z0000000000000000000AA"), "=unknown");
}

/* Lists: null, empty, the first element twice, a length that lies. */
static void set_lists(struct mutator *m, const struct kmsg_field *field)
{
	json_t *place = struct_at(m, (json_t *)m->request);
	json_t *first = json_array_get(json_object_get(place, field->name), 0);
	set_field(m, field->name, json_null(), "=null");
	set_field(m, field->name, json_array(), "=empty");
	set_field(m, field->name, json_pack("{si}", "claim", INT32_MAX), "=count beyond the end");
	set_field(m, field->name, json_pack("{si}", "claim", -2), "=count -2");
	if (first)
		set_field(m, field->name, json_pack("[OO]", first, first), " twice");
}

static void visit_struct(struct mutator *m, const struct kmsg_struct *fields);

/* Simple elements of a list: each edge value as the only one. */
static void set_elements(struct mutator *m, const struct kmsg_field *field)
{
	static const json_int_t edges[] = {-1, 0, 7, INT32_MAX};
	for (size_t i = 0; i < COUNT_OF(edges) && field->type != KMSG_TYPE_string && field->type != KMSG_TYPE_uuid &&
			   field->type != KMSG_TYPE_struct; i++) {
		char change[40];
		snprintf(change, sizeof change, "=[%lld]", (long long)edges[i]);
		set_field(m, field->name, json_pack("[I]", edges[i]), change);
	}
	if (field->type == KMSG_TYPE_string) {
		set_field(m, field->name, json_pack("[s]", ""), "=[empty]");
		set_field(m, field->name, json_pack("[n]"), "=[null]");
		set_field(m, field->name, json_pack("[s]", "${case}-unknown"), "=[unknown]");
		set_field(m, field->name, json_pack("[s]", "a b/c"), "=[bad characters]");
	}
	if (field->type == KMSG_TYPE_uuid) {
		set_field(m, field->name, json_pack("[s]", "AAAAAAAAAAAAAAAAAAAAAA"), "=[zero]");
		set_field(m, field->name, json_pack("[s]", "AAAAAAAAAAAAAAAAAAAAAQ"), "=[one]");
	}
}

/* Fields the case names in __skip keep their value: such as times for which the answer would be waited for. */
static bool is_skipped(const struct mutator *m, const char *name)
{
	size_t i;
	json_t *skipped;
	json_array_foreach(json_object_get(m->request, "__skip"), i, skipped)
		if (strcmp(json_string_value(skipped), name) == 0)
			return true;
	return false;
}

static void visit_field(struct mutator *m, const struct kmsg_field *field)
{
	if (is_skipped(m, field->name))
		return;
	if (field->is_array) {
		set_lists(m, field);
		set_elements(m, field);
	} else if (field->type == KMSG_TYPE_string || field->type == KMSG_TYPE_string16)
		set_texts(m, field);
	else if (field->type == KMSG_TYPE_bytes || field->type == KMSG_TYPE_records)
		set_bytes(m, field);
	else if (field->type == KMSG_TYPE_uuid)
		set_ids(m, field);
	else if (field->type != KMSG_TYPE_struct)
		set_numbers(m, field);
	else if (field->nullable.first <= field->nullable.last)
		set_field(m, field->name, json_null(), "=null");
	if (field->type == KMSG_TYPE_struct && m->depth < 15) {
		m->path[m->depth++] = field->name;
		if (json_is_object(struct_at(m, (json_t *)m->request)))
			visit_struct(m, field->fields);
		m->depth--;
	}
}

static void visit_struct(struct mutator *m, const struct kmsg_struct *fields)
{
	for (int i = 0; i < fields->count; i++)
		if (codec_has_field(&fields->fields[i], m->version))
			visit_field(m, &fields->fields[i]);
	if (m->version >= m->flexible)
		set_field(m, "__tags", json_pack("{ssss}", "99", "00ff", "1000", ""), " unknown");
}

/* The body cut off at several places, bytes behind it, and as it is. */
static void spoil_body(struct mutator *m)
{
	static const int cuts[] = {0, 200, 400, 600, 800, 950, 999};
	for (size_t i = 0; i < COUNT_OF(cuts); i++) {
		struct mutant *mutant = add_mutant(m, json_deep_copy(m->request));
		snprintf(mutant->label, sizeof mutant->label, "cut at %d/1000", cuts[i]);
		mutant->cut = cuts[i];
	}
	set_field(m, "__after", json_string("00"), "=one byte");
	strcpy(add_mutant(m, json_deep_copy(m->request))->label, "as it is");
}

struct mutants mutate(const struct kmsg_description *message, int version, const json_t *request)
{
	struct mutants mutants = {0};
	struct mutator m = {.mutants = &mutants, .request = request, .version = version, .flexible = message->flexible};
	visit_struct(&m, message->fields);
	spoil_body(&m);
	return mutants;
}

void mutants_free(struct mutants *mutants)
{
	for (int i = 0; i < mutants->count; i++)
		json_decref(mutants->items[i].request);
	free(mutants->items);
}
