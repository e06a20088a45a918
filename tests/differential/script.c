/* Reads case files line by line; the JSON of a step goes on over lines until its braces close. */
#include "tests/differential/script.h"

#include "log/base/check.h"
#include "tests/differential/relaxed.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
	const char *path;
	FILE *file;
	int line;
	char *text;              /* the step under way, all its lines */
	size_t capacity;
	struct sequence *open;   /* where steps go */
};

void script_die(const char *file, int line, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	fprintf(stderr, "%s:%d: ", file, line);
	vfprintf(stderr, format, list);
	fprintf(stderr, "\n");
	exit(2);
}

static void *grow(void *array, int count, size_t size)
{
	array = realloc(array, (size_t)(count + 1) * size);
	CHECK(array);
	memset((char *)array + (size_t)count * size, 0, size);
	return array;
}

static int depth_of(const char *text)
{
	int depth = 0;
	bool quoted = false;
	for (; *text; text++) {
		if (*text == '"')
			quoted = !quoted;
		else if (!quoted)
			depth += *text == '{' || *text == '[' ? 1 : *text == '}' || *text == ']' ? -1 : 0;
	}
	return depth;
}

/* One step or heading into p->text, without comment lines; false at the end of the file. */
static bool read_statement(struct parser *p)
{
	char line[8192];
	p->text[0] = 0;
	while (fgets(line, sizeof line, p->file)) {
		p->line++;
		char *at = line + strspn(line, " \t");
		at[strcspn(at, "\n")] = 0;
		if (*at == '#' || (!*at && !p->text[0]))
			continue;
		if (strlen(p->text) + strlen(at) + 2 > p->capacity)
			script_die(p->path, p->line, "too long a step");
		strcat(strcat(p->text, *p->text ? " " : ""), at);
		if (depth_of(p->text) <= 0)
			return true;
	}
	return p->text[0] != 0;
}

/* The next word of *rest, cut off; "" if none is left. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " ");
	char *end = word + strcspn(word, " ");
	*rest = *end ? end + 1 : end;
	*end = 0;
	return word;
}

static void copy_name(struct parser *p, char *target, size_t room, const char *source)
{
	if (!*source || strlen(source) >= room)
		script_die(p->path, p->line, "a name is missing or too long: '%s'", source);
	strcpy(target, source);
}

static json_t *parse_json(struct parser *p, const char *text)
{
	const char *why = "";
	json_t *value = relaxed_parse(*text ? text : "{}", &why);
	if (!value)
		script_die(p->path, p->line, "%s", why);
	return value;
}

/* "partitions=3 retention.ms=1000": an object of texts */
static json_t *parse_settings(char *rest)
{
	json_t *settings = json_object();
	for (char *word = next_word(&rest); *word; word = next_word(&rest)) {
		char *value = strchr(word, '=');
		if (value) {
			*value++ = 0;
			json_object_set_new(settings, word, json_string(value));
		}
	}
	return settings;
}

static void parse_request(struct parser *p, struct step *step, char *word, char *rest)
{
	static const struct { const char *word; enum step_kind kind; enum mutation mutation; } modes[] = {
		{"send", STEP_SEND, MUTATE_NOT}, {"eventually", STEP_EVENTUALLY, MUTATE_NOT},
		{"mutate", STEP_REQUEST, MUTATE_EACH}, {"shared", STEP_REQUEST, MUTATE_SHARED},
	};
	step->kind = STEP_REQUEST;
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
		if (strcmp(word, modes[i].word) == 0) {
			step->kind = modes[i].kind;
			step->mutation = modes[i].mutation;
			word = next_word(&rest);
			break;
		}
	char *version = strchr(word, '@');
	if (version) {
		*version++ = 0;
		copy_name(p, step->version, sizeof step->version, version);
	}
	copy_name(p, step->name, sizeof step->name, word);
	step->value = parse_json(p, rest);
}

static void parse_step(struct parser *p, char *rest)
{
	if (!p->open)
		script_die(p->path, p->line, "a step outside of a case or sequence");
	p->open->steps = grow(p->open->steps, p->open->count, sizeof *p->open->steps);
	struct step *step = &p->open->steps[p->open->count++];
	step->file = p->path;
	step->line = p->line;
	strcpy(step->connection, "main");
	char *word = next_word(&rest);
	if (*word && word[strlen(word) - 1] == ':') {
		word[strlen(word) - 1] = 0;
		copy_name(p, step->connection, sizeof step->connection, word);
		word = next_word(&rest);
	}
	if (strcmp(word, "topic") == 0) {
		step->kind = STEP_TOPIC;
		copy_name(p, step->name, sizeof step->name, next_word(&rest));
		step->value = parse_settings(rest);
	} else if (strcmp(word, "fresh") == 0) {
		step->kind = STEP_FRESH;
		copy_name(p, step->name, sizeof step->name, next_word(&rest));
	} else if (strcmp(word, "set") == 0) {
		step->kind = STEP_SET;
		copy_name(p, step->name, sizeof step->name, next_word(&rest));
		step->value = parse_json(p, rest);
	} else if (strcmp(word, "save") == 0) {
		step->kind = STEP_SAVE;
		copy_name(p, step->name, sizeof step->name, next_word(&rest));
		copy_name(p, step->path, sizeof step->path, next_word(&rest));
	} else if (strcmp(word, "do") == 0) {
		step->kind = STEP_DO;
		copy_name(p, step->name, sizeof step->name, next_word(&rest));
	} else if (strcmp(word, "each") == 0) {
		step->kind = STEP_EACH;
		copy_name(p, step->name, sizeof step->name, next_word(&rest));
		copy_name(p, step->path, sizeof step->path, next_word(&rest));
		step->value = parse_json(p, rest);
	} else if (strcmp(word, "sleep") == 0) {
		step->kind = STEP_SLEEP;
		step->milliseconds = atoll(next_word(&rest));
	} else if (strcmp(word, "await") == 0)
		step->kind = STEP_AWAIT;
	else if (strcmp(word, "close") == 0)
		step->kind = STEP_CLOSE;
	else
		parse_request(p, step, word, rest);
}

/* "3-13", "4", or nothing for all */
static void parse_versions(struct test_case *c, const char *text)
{
	c->first = 0;
	c->last = INT_MAX;
	if (*text && sscanf(text, "%d-%d", &c->first, &c->last) == 1)
		c->last = strchr(text, '+') ? INT_MAX : c->first;
}

/* case NAME API [VERSIONS] | sentence */
static void parse_case(struct parser *p, struct script *script, char *rest)
{
	script->cases = grow(script->cases, script->case_count, sizeof *script->cases);
	struct test_case *c = &script->cases[script->case_count++];
	c->file = p->path;
	c->line = p->line;
	char *about = strchr(rest, '|');
	if (!about)
		script_die(p->path, p->line, "a case ends with | and a sentence");
	*about++ = 0;
	snprintf(c->about, sizeof c->about, "%s", about + strspn(about, " "));
	copy_name(p, c->sequence.name, sizeof c->sequence.name, next_word(&rest));
	copy_name(p, c->api, sizeof c->api, next_word(&rest));
	parse_versions(c, next_word(&rest));
	p->open = &c->sequence;
}

static void parse_sequence(struct parser *p, struct script *script, char *rest)
{
	script->sequences = grow(script->sequences, script->sequence_count, sizeof *script->sequences);
	p->open = &script->sequences[script->sequence_count++];
	copy_name(p, p->open->name, sizeof p->open->name, next_word(&rest));
}

void script_read(struct script *script, const char *path)
{
	struct parser p = {.path = path, .file = fopen(path, "r"), .capacity = 1 << 16};
	p.text = malloc(p.capacity);
	if (!p.file || !p.text)
		script_die(path, 0, "cannot be read");
	while (read_statement(&p)) {
		if (strncmp(p.text, "case ", 5) == 0)
			parse_case(&p, script, p.text + 5);
		else if (strncmp(p.text, "sequence ", 9) == 0)
			parse_sequence(&p, script, p.text + 9);
		else
			parse_step(&p, p.text);
	}
	free(p.text);
	fclose(p.file);
}

const struct sequence *script_find(const struct script *script, const char *name)
{
	for (int i = 0; i < script->sequence_count; i++)
		if (strcmp(script->sequences[i].name, name) == 0)
			return &script->sequences[i];
	return NULL;
}
