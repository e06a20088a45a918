/* Questions to the model. Nothing here prints. */
#include "net/wire/gen/gen.h"

#include <string.h>

bool range_is_empty(struct range a) { return a.first > a.last; }

struct range range_intersect(struct range a, struct range b)
{
	return (struct range){a.first > b.first ? a.first : b.first, a.last < b.last ? a.last : b.last};
}

struct range range_span(struct range a, struct range b)
{
	if (range_is_empty(a))
		return b;
	return (struct range){a.first < b.first ? a.first : b.first, a.last > b.last ? a.last : b.last};
}

bool range_covers(struct range a, struct range b) { return a.first <= b.first && a.last >= b.last; }

struct range field_live_range(const struct shape *shape, const struct field *field)
{
	return range_intersect(field->versions, shape->versions);
}

bool field_may_be_null(const struct field *field) { return !range_is_empty(field->nullable); }

bool field_default_is_null(const struct field *field)
{
	if (field->default_value[0])
		return strcmp(field->default_value, "null") == 0;
	return field_may_be_null(field);
}

bool field_is_pointer(const struct field *field)
{
	return field->kind == KIND_STRUCT && !field->is_array && field_may_be_null(field);
}

bool field_takes_many_lines(const struct field *field) { return field->is_array || field_is_pointer(field); }

bool shape_has_tags(const struct shape *shape)
{
	return !range_is_empty(range_intersect(shape->flexible, shape->versions));
}

static void visit_shape(struct shape *shape, FILE *out, void (*emit)(FILE *, struct shape *))
{
	if (shape->is_emitted)
		return;
	shape->is_emitted = true;
	for (int i = 0; i < shape->field_count; i++)
		if (shape->fields[i]->shape)
			visit_shape(shape->fields[i]->shape, out, emit);
	emit(out, shape);
}

void shape_for_each(struct schema *schema, FILE *out, void (*emit)(FILE *, struct shape *))
{
	for (int i = 0; i < schema->shape_count; i++)
		schema->shapes[i]->is_emitted = false;
	for (int i = 0; i < schema->shape_count; i++)
		if (schema->shapes[i]->is_message)
			visit_shape(schema->shapes[i], out, emit);
}
