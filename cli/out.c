/* Output for people and for programs. Text fields are printed at once; a table waits for its end, when the widths are known; JSON waits for
 * out_close. Failure modes: no memory ends the process, as nothing could be said. */
#include "cli/out.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/progress.h"
#include "log/base/check.h"

struct out {
	bool is_json;
	json_t *document;
};

struct out_table {
	struct out *out;
	const char *name;
	const char *const *columns;
	uint32_t column_count;
	char **cells;
	size_t count, capacity;
	json_t *rows, *row;
};

static void *must(void *pointer)
{
	CHECKF(pointer, "out of memory");
	return pointer;
}

struct out *out_open(bool is_json)
{
	progress_end();
	struct out *out = must(calloc(1, sizeof *out));
	out->is_json = is_json;
	if (is_json)
		out->document = must(json_object());
	return out;
}

void out_close(struct out *out)
{
	if (out->is_json) {
		json_dumpf(out->document, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
		putchar('\n');
		json_decref(out->document);
	}
	free(out);
}

/* ---- fields ---------------------------------------------------------------------------------------------------- */

/* Text that is not UTF-8 is shown with replacements: names and configs are, but a broker may send anything. */
static json_t *json_text(const char *value)
{
	if (!value)
		return must(json_null());
	json_t *text = json_string(value);
	return must(text ? text : json_string("?"));
}

static bool is_control(char byte)
{
	return (unsigned char)byte < ' ' || byte == 0x7f;
}

void out_make_printable(char *text)
{
	for (char *at = text; *at; at++)
		if (is_control(*at))
			*at = '?';
}

static char *printable(const char *text)
{
	char *copy = must(strdup(text));
	out_make_printable(copy);
	return copy;
}

void out_print_word(const char *word)
{
	bool is_plain = *word, has_odd = false;
	for (const char *at = word; *at; at++) {
		is_plain = is_plain && (isalnum((unsigned char)*at) || strchr("._-:@/+", *at));
		has_odd |= is_control(*at) || strchr("'\\", *at);
	}
	fputs(is_plain ? "" : has_odd ? "$'" : "'", stdout);
	for (const char *at = word; *at; at++)
		printf(has_odd && (is_control(*at) || strchr("'\\", *at)) ? "\\x%02x" : "%c", (unsigned char)*at);
	fputs(is_plain ? "" : "'", stdout);
}

static void print_label(const char *label)
{
	printf("%s:%*s", label, strlen(label) < 18 ? (int)(18 - strlen(label)) : 1, "");
}

void out_text(struct out *out, const char *name, const char *label, const char *value)
{
	if (out->is_json) {
		json_object_set_new(out->document, name, json_text(value));
		return;
	}
	print_label(label);
	char *shown = printable(value ? value : "-");
	puts(shown);
	free(shown);
}

void out_int(struct out *out, const char *name, const char *label, int64_t value)
{
	if (out->is_json) {
		json_object_set_new(out->document, name, must(json_integer(value)));
		return;
	}
	print_label(label);
	printf("%" PRId64 "\n", value);
}

void out_bool(struct out *out, const char *name, const char *label, bool value)
{
	if (out->is_json)
		json_object_set_new(out->document, name, json_boolean(value));
	else
		out_text(out, name, label, value ? "yes" : "no");
}

void out_seconds(struct out *out, const char *name, const char *label, bool is_known, int64_t value_ms)
{
	char text[32];
	if (!is_known)
		out_text(out, name, label, NULL);
	else if (out->is_json)
		json_object_set_new(out->document, name, must(json_real((double)value_ms / 1000)));
	else
		out_text(out, name, label, out_duration(value_ms, text));
}

/* ---- tables ----------------------------------------------------------------------------------------------------- */

struct out_table *out_table_begin(struct out *out, const char *name, const char *const *columns, uint32_t column_count)
{
	struct out_table *table = must(calloc(1, sizeof *table));
	*table = (struct out_table){.out = out, .name = name, .columns = columns, .column_count = column_count};
	if (out->is_json)
		table->rows = must(json_array());
	return table;
}

static void add_json(struct out_table *table, json_t *value)
{
	uint32_t column = (uint32_t)(table->count++ % table->column_count);
	if (column == 0) {
		table->row = must(json_object());
		json_array_append_new(table->rows, table->row);
	}
	char name[64];
	snprintf(name, sizeof name, "%.*s", (int)strcspn(table->columns[column], "="), table->columns[column]);
	json_object_set_new(table->row, name, value);
}

static void add_text(struct out_table *table, const char *text)
{
	if (table->count == table->capacity) {
		table->capacity = table->capacity ? 2 * table->capacity : 64;
		table->cells = must(realloc(table->cells, table->capacity * sizeof *table->cells));
	}
	table->cells[table->count++] = printable(text);
}

static void add_cell_for_people(struct out_table *table, const struct out_cell *cell)
{
	char text[32];
	switch (cell->kind) {
	case CELL_NONE: add_text(table, "-"); break;
	case CELL_TEXT: add_text(table, cell->text); break;
	case CELL_BOOL: add_text(table, cell->number ? "yes" : "no"); break;
	case CELL_SECONDS: add_text(table, out_duration(cell->number, text)); break;
	case CELL_INT:
		snprintf(text, sizeof text, "%" PRId64, cell->number);
		add_text(table, text);
	}
}

static void add_cell_for_programs(struct out_table *table, const struct out_cell *cell)
{
	switch (cell->kind) {
	case CELL_NONE: add_json(table, must(json_null())); break;
	case CELL_TEXT: add_json(table, json_text(cell->text)); break;
	case CELL_BOOL: add_json(table, json_boolean(cell->number)); break;
	case CELL_SECONDS: add_json(table, must(json_real((double)cell->number / 1000))); break;
	case CELL_INT: add_json(table, must(json_integer(cell->number))); break;
	}
}

void out_row(struct out_table *table, const struct out_cell *cells, uint32_t count)
{
	CHECK(count == table->column_count);
	for (uint32_t i = 0; i < count; i++) {
		if (table->out->is_json)
			add_cell_for_programs(table, &cells[i]);
		else
			add_cell_for_people(table, &cells[i]);
	}
}

static const char *heading_of(const struct out_table *table, uint32_t column, bool *is_right)
{
	const char *heading = strchr(table->columns[column], '=') + 1;
	*is_right = *heading == '>';
	return heading + *is_right;
}

static int width_of(const struct out_table *table, uint32_t column)
{
	bool is_right;
	size_t width = strlen(heading_of(table, column, &is_right));
	for (size_t i = column; i < table->count; i += table->column_count)
		if (strlen(table->cells[i]) > width)
			width = strlen(table->cells[i]);
	return (int)width;
}

static void print_cell(const char *text, int width, bool is_right, bool is_last)
{
	if (is_right)
		printf("%*s%s", width, text, is_last ? "\n" : "  ");
	else if (is_last)
		printf("%s\n", text);
	else
		printf("%-*s  ", width, text);
}

static void print_rows(const struct out_table *table)
{
	int *widths = must(calloc(table->column_count, sizeof *widths));
	for (uint32_t column = 0; column < table->column_count; column++)
		widths[column] = width_of(table, column);
	for (uint32_t column = 0; column < table->column_count; column++) {
		bool is_right;
		const char *heading = heading_of(table, column, &is_right);
		print_cell(heading, widths[column], is_right, column + 1 == table->column_count);
	}
	for (size_t i = 0; i < table->count; i++) {
		uint32_t column = (uint32_t)(i % table->column_count);
		bool is_right;
		heading_of(table, column, &is_right);
		print_cell(table->cells[i], widths[column], is_right, column + 1 == table->column_count);
	}
	free(widths);
}

static void free_cells(struct out_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
}

void out_table_end(struct out_table *table, const char *title, const char *empty)
{
	if (table->out->is_json) {
		json_object_set_new(table->out->document, table->name, table->rows);
	} else {
		if (title)
			printf("\n%s\n", title);
		if (table->count)
			print_rows(table);
		else if (empty)
			puts(empty);
		free_cells(table);
	}
	free(table);
}

/* Two units at most: who reads "4d 02h" does not ask for the seconds. */
const char *out_duration(int64_t duration_ms, char text[32])
{
	long long seconds = duration_ms / 1000, minutes = seconds / 60, hours = minutes / 60;
	if (duration_ms < 1000)
		snprintf(text, 32, "%lld ms", (long long)duration_ms);
	else if (seconds < 60)
		snprintf(text, 32, "%.1f s", (double)(duration_ms / 100) / 10);
	else if (minutes < 60)
		snprintf(text, 32, "%lldm %02llds", minutes, seconds % 60);
	else if (hours < 24)
		snprintf(text, 32, "%lldh %02lldm", hours, minutes % 60);
	else
		snprintf(text, 32, "%lldd %02lldh", hours / 24, hours % 24);
	return text;
}

const char *out_bytes(uint64_t bytes, char text[32])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double value = (double)bytes;
	size_t unit = 0;
	while (value >= 1024 && unit + 1 < COUNT_OF(units)) {
		value /= 1024;
		unit++;
	}
	snprintf(text, 32, unit && value < 100 ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return text;
}
