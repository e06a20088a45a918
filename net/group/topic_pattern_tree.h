/* The tree that a pattern's text is read into (net/group/topic_pattern.c makes steps of it). Its nodes are the arena's. Private to the pattern. */
#pragma once

#include "log/base/arena.h"
#include "log/base/err.h"

/* Characters 0 to 127. */
struct char_set {
	uint64_t bits[2];
};

static inline bool char_set_has(const struct char_set *set, unsigned c)
{
	return c < 128 && (set->bits[c / 64] >> (c % 64) & 1);
}

static inline bool char_is_alnum(unsigned c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

enum pattern_node_kind { NODE_SET, NODE_BEGIN, NODE_END, NODE_WORD, NODE_NOT_WORD, NODE_CONCAT, NODE_ALTERNATE, NODE_REPEAT };

#define REPEAT_NONE (-1) /* a maximum: {n,} */

struct pattern_node {
	enum pattern_node_kind kind;
	struct char_set set;
	struct pattern_node *first, *last; /* the parts; NODE_REPEAT has one */
	struct pattern_node *next;         /* the part behind this one */
	int min, max;
};

/* -EINVAL: *error says what is wrong with the text, in RE2/J's words; else that is left alone. */
MUST_USE int topic_pattern_parse(const struct pattern_node **tree, struct arena *arena, struct slice text, const char **error);
