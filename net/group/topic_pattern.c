/* Regular expressions over topic names: text to a tree (topic_pattern_tree.c), the tree to a list of steps, and all the steps that can be reached at each
 * character (Thompson's construction, as in Pike's and RE2's machines).
 *
 * Failure modes: a pattern that RE2/J would refuse, with its words; one that needs too many steps; memory. */
#include "net/group/topic_pattern.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/group/topic_pattern_tree.h"

#define TREE_BYTES_MAX ((size_t)16 << 20)
#define STEPS_FIRST 64

/* ---- the steps ----------------------------------------------------------------------------------------------------------------------------------------- */

enum step_kind { STEP_SET, STEP_SPLIT, STEP_JUMP, STEP_BEGIN, STEP_END, STEP_WORD, STEP_NOT_WORD, STEP_MATCH };

struct step {
	enum step_kind kind;
	uint32_t to, other;            /* SPLIT: both; JUMP: to. All others go on to the next */
	struct char_set set;
};

struct topic_pattern {
	struct step *steps;
	uint32_t count, capacity;
	bool is_too_large;
	/* Of a match: steps that wait for the next character, now and next; the steps seen at this character; and a stack. */
	uint32_t *now, *next, *stack, *seen;
	uint32_t seen_mark;
};

static uint32_t add_step(struct topic_pattern *pattern, enum step_kind kind)
{
	if (pattern->count == pattern->capacity) {
		uint32_t capacity = pattern->capacity * 2;
		struct step *steps = capacity <= TOPIC_PATTERN_STEPS_MAX ? realloc(pattern->steps, capacity * sizeof *steps) : NULL;
		if (!steps) { /* the pattern is given up; what is written until then goes where the last step was */
			pattern->is_too_large = true;
			return pattern->count - 1;
		}
		pattern->steps = steps;
		pattern->capacity = capacity;
	}
	pattern->steps[pattern->count] = (struct step){.kind = kind};
	return pattern->count++;
}

static void add_node(struct topic_pattern *pattern, const struct pattern_node *node);

/* x*: split to x or beyond, x, back to the split. */
static void add_star(struct topic_pattern *pattern, const struct pattern_node *node)
{
	uint32_t split = add_step(pattern, STEP_SPLIT);
	add_node(pattern, node);
	uint32_t back = add_step(pattern, STEP_JUMP);
	if (pattern->is_too_large)
		return;
	pattern->steps[back].to = split;
	pattern->steps[split].to = split + 1;
	pattern->steps[split].other = pattern->count;
}

static void add_optional(struct topic_pattern *pattern, const struct pattern_node *node)
{
	uint32_t split = add_step(pattern, STEP_SPLIT);
	add_node(pattern, node);
	if (pattern->is_too_large)
		return;
	pattern->steps[split].to = split + 1;
	pattern->steps[split].other = pattern->count;
}

static void add_repeat(struct topic_pattern *pattern, const struct pattern_node *node)
{
	for (int i = 0; i < node->min && !pattern->is_too_large; i++)
		add_node(pattern, node->first);
	if (node->max == REPEAT_NONE)
		add_star(pattern, node->first);
	for (int i = node->min; i < node->max && !pattern->is_too_large; i++)
		add_optional(pattern, node->first);
}

/* Each but the last: split to it or to those behind it, it, jump to the end. The jumps are chained by `to` until the end is known. */
static void add_alternate(struct topic_pattern *pattern, const struct pattern_node *node)
{
	uint32_t jumps = UINT32_MAX;
	for (const struct pattern_node *part = node->first; part; part = part->next) {
		uint32_t split = part->next ? add_step(pattern, STEP_SPLIT) : 0;
		add_node(pattern, part);
		if (!part->next || pattern->is_too_large)
			break;
		uint32_t jump = add_step(pattern, STEP_JUMP);
		if (pattern->is_too_large)
			break;
		pattern->steps[jump].to = jumps;
		jumps = jump;
		pattern->steps[split].to = split + 1;
		pattern->steps[split].other = pattern->count;
	}
	while (jumps != UINT32_MAX) {
		uint32_t next = pattern->steps[jumps].to;
		pattern->steps[jumps].to = pattern->count;
		jumps = next;
	}
}

static void add_node(struct topic_pattern *pattern, const struct pattern_node *node)
{
	static const enum step_kind plain[] = {
		[NODE_SET] = STEP_SET, [NODE_BEGIN] = STEP_BEGIN, [NODE_END] = STEP_END, [NODE_WORD] = STEP_WORD, [NODE_NOT_WORD] = STEP_NOT_WORD,
	};
	uint32_t step;
	switch (node->kind) {
	case NODE_CONCAT:
		for (const struct pattern_node *part = node->first; part && !pattern->is_too_large; part = part->next)
			add_node(pattern, part);
		break;
	case NODE_ALTERNATE:
		add_alternate(pattern, node);
		break;
	case NODE_REPEAT:
		add_repeat(pattern, node);
		break;
	default:
		step = add_step(pattern, plain[node->kind]);
		pattern->steps[step].set = node->set;
	}
}

static bool make_room(struct topic_pattern *pattern)
{
	uint32_t *room = calloc((size_t)5 * (pattern->count + 1), sizeof *room);
	if (!room)
		return false;
	pattern->seen = room;
	pattern->now = room + (pattern->count + 1);
	pattern->next = room + 2 * (size_t)(pattern->count + 1);
	pattern->stack = room + 3 * (size_t)(pattern->count + 1); /* each step is followed once, and leaves one more on it at most */
	return true;
}

static int write_steps(struct topic_pattern **out, const struct pattern_node *tree)
{
	struct topic_pattern *pattern = calloc(1, sizeof *pattern);
	if (!pattern || !(pattern->steps = malloc(STEPS_FIRST * sizeof *pattern->steps))) {
		free(pattern);
		return -ENOMEM;
	}
	pattern->capacity = STEPS_FIRST;
	add_node(pattern, tree);
	add_step(pattern, STEP_MATCH);
	int err = pattern->is_too_large ? -EINVAL : make_room(pattern) ? 0 : -ENOMEM;
	if (err < 0) {
		topic_pattern_free(pattern);
		return err;
	}
	*out = pattern;
	return 0;
}

int topic_pattern_compile(struct topic_pattern **out, struct slice text, char *why, size_t why_size)
{
	struct arena arena;
	const struct pattern_node *tree;
	const char *error = "expression is too large";
	*out = NULL;
	arena_init(&arena, NULL, 0, TREE_BYTES_MAX);
	int err = topic_pattern_parse(&tree, &arena, text, &error);
	if (!err)
		err = write_steps(out, tree);
	arena_fini(&arena);
	if (err == -EINVAL && why)
		snprintf(why, why_size, "%s", error);
	return err;
}

void topic_pattern_free(struct topic_pattern *pattern)
{
	if (!pattern)
		return;
	free(pattern->steps);
	free(pattern->seen);
	free(pattern);
}

/* ---- matching --------------------------------------------------------------------------------------------------------------------------------------------- */

static bool is_word_char(struct slice name, size_t at)
{
	return at < name.size && (char_is_alnum(name.data[at]) || name.data[at] == '_');
}

static bool is_word_boundary(struct slice name, size_t at)
{
	return (at > 0 && is_word_char(name, at - 1)) != is_word_char(name, at);
}

/* Does a step that takes no character let through at this place? */
static bool passes(const struct step *step, struct slice name, size_t at)
{
	switch (step->kind) {
	case STEP_BEGIN:
		return at == 0;
	case STEP_END:
		return at == name.size;
	case STEP_WORD:
		return is_word_boundary(name, at);
	case STEP_NOT_WORD:
		return !is_word_boundary(name, at);
	default:
		return true;
	}
}

/* Follows all that takes no character from one step on; steps that wait for a character are added to `waiting`. True: the end was reached. */
static bool follow(struct topic_pattern *pattern, uint32_t first, struct slice name, size_t at, uint32_t *waiting, uint32_t *count)
{
	uint32_t depth = 0;
	bool is_match = false;
	pattern->stack[depth++] = first;
	while (depth > 0) {
		uint32_t number = pattern->stack[--depth];
		const struct step *step = &pattern->steps[number];
		if (pattern->seen[number] == pattern->seen_mark || !passes(step, name, at))
			continue;
		pattern->seen[number] = pattern->seen_mark;
		if (step->kind == STEP_SET)
			waiting[(*count)++] = number;
		else if (step->kind == STEP_MATCH)
			is_match = true;
		else if (step->kind == STEP_JUMP)
			pattern->stack[depth++] = step->to;
		else if (step->kind == STEP_SPLIT) {
			pattern->stack[depth++] = step->other;
			pattern->stack[depth++] = step->to;
		} else
			pattern->stack[depth++] = number + 1;
	}
	return is_match;
}

/* Marks of an earlier name must not look like ours. */
static void begin_character(struct topic_pattern *pattern)
{
	if (++pattern->seen_mark == 0) {
		memset(pattern->seen, 0, pattern->count * sizeof *pattern->seen);
		pattern->seen_mark = 1;
	}
}

bool topic_pattern_matches(struct topic_pattern *pattern, struct slice name)
{
	uint32_t now_count = 0;
	begin_character(pattern);
	bool is_match = follow(pattern, 0, name, 0, pattern->now, &now_count);
	for (size_t at = 0; at < name.size; at++) {
		uint32_t next_count = 0;
		is_match = false;
		begin_character(pattern);
		for (uint32_t i = 0; i < now_count; i++)
			if (char_set_has(&pattern->steps[pattern->now[i]].set, name.data[at]))
				is_match |= follow(pattern, pattern->now[i] + 1, name, at + 1, pattern->next, &next_count);
		uint32_t *swap = pattern->now;
		pattern->now = pattern->next;
		pattern->next = swap;
		now_count = next_count;
	}
	return is_match;
}
