/* The text of a pattern, read: groups, repetitions, escapes and [sets], each a node of a tree in the caller's arena.
 *
 * Groups are not captured, and greed does not matter, since a name matches as a whole or not. Names have no newline, so the flags m and s change nothing;
 * U is about greed. What is left is the flag i, which is applied to each set of characters as it is read.
 *
 * Failure modes: a pattern that RE2/J would refuse, with its words; one that nests too deeply; memory. */
#include "net/group/topic_pattern_tree.h"

#include <errno.h>

#include "net/wire/cursor.h"

#define REPEAT_MAX 1000                /* RE2's */
#define DEPTH_MAX 1000                 /* RE2's */

struct group_name {
	struct group_name *next;
	struct slice text;
};

struct parser {
	const uint8_t *at, *end;
	struct arena *arena;           /* of the tree */
	const char *error;             /* the first */
	int err;
	bool ignores_case;
	int depth;
	struct group_name *names;
};

/* ---- sets -------------------------------------------------------------------------------------------------------------------------------- */

static void set_add(struct char_set *set, unsigned c)
{
	if (c < 128)
		set->bits[c / 64] |= (uint64_t)1 << (c % 64);
}

static void set_add_range(struct char_set *set, unsigned low, unsigned high)
{
	for (unsigned c = low; c <= high && c < 128; c++)
		set_add(set, c);
}

static void set_add_set(struct char_set *set, const struct char_set *other, bool is_negated)
{
	for (int i = 0; i < 2; i++)
		set->bits[i] |= is_negated ? ~other->bits[i] : other->bits[i];
}

/* Both cases of every letter. */
static void set_fold(struct char_set *set)
{
	for (unsigned c = 'a'; c <= 'z'; c++)
		if (char_set_has(set, c) || char_set_has(set, c - 'a' + 'A')) {
			set_add(set, c);
			set_add(set, c - 'a' + 'A');
		}
}

/* "09AZ": the ranges of a class, in pairs. */
static struct char_set set_of(const char *ranges, size_t size)
{
	struct char_set set = {{0}};
	for (size_t i = 0; i + 1 < size; i += 2)
		set_add_range(&set, (uint8_t)ranges[i], (uint8_t)ranges[i + 1]);
	return set;
}

struct named_class {
	const char *name, *ranges;
	size_t size;
};
#define CLASS(name, ranges) {name, ranges, sizeof ranges - 1}

static const struct named_class perl_classes[] = {
	CLASS("d", "09"),
	CLASS("s", "\t\n\f\r  "),
	CLASS("w", "09AZ__az"),
};

static const struct named_class posix_classes[] = {
	CLASS("alnum", "09AZaz"),
	CLASS("alpha", "AZaz"),
	CLASS("ascii", "\0\177"),
	CLASS("blank", "\t\t  "),
	CLASS("cntrl", "\0\037\177\177"),
	CLASS("digit", "09"),
	CLASS("graph", "!~"),
	CLASS("lower", "az"),
	CLASS("print", " ~"),
	CLASS("punct", "!/:@[`{~"),
	CLASS("space", "\t\r  "),
	CLASS("upper", "AZ"),
	CLASS("word", "09AZ__az"),
	CLASS("xdigit", "09AFaf"),
};

/* The ASCII part of Unicode's categories, and of the scripts that have one. */
static const struct named_class unicode_classes[] = {
	CLASS("Any", "\0\177"),
	CLASS("C", "\0\037\177\177"), CLASS("Cc", "\0\037\177\177"),
	CLASS("L", "AZaz"), CLASS("Lu", "AZ"), CLASS("Ll", "az"), CLASS("Latin", "AZaz"),
	CLASS("N", "09"), CLASS("Nd", "09"),
	CLASS("P", "!#%*,/:;?@[]__{{}}"), CLASS("Pc", "__"), CLASS("Pd", "--"), CLASS("Ps", "(([[{{"), CLASS("Pe", "))]]}}"),
	CLASS("Po", "!#%'**,,./:;?@\\\\"),
	CLASS("S", "$$++<>^^``||~~"), CLASS("Sc", "$$"), CLASS("Sk", "^^``"), CLASS("Sm", "++<>||~~"),
	CLASS("Z", "  "), CLASS("Zs", "  "),
	CLASS("Common", "\0@[`{\177"),
};

/* Categories and scripts without an ASCII character: they match nothing, negated everything. */
static const char *const unicode_others[] = {
	"Cf", "Co", "Cs", "Lm", "Lo", "Lt", "M", "Mc", "Me", "Mn", "Nl", "No", "Pf", "Pi", "So", "Zl", "Zp",
	"Arabic", "Armenian", "Bengali", "Bopomofo", "Cherokee", "Coptic", "Cyrillic", "Devanagari", "Ethiopic", "Georgian", "Greek", "Gujarati",
	"Gurmukhi", "Han", "Hangul", "Hebrew", "Hiragana", "Inherited", "Kannada", "Katakana", "Khmer", "Lao", "Malayalam", "Mongolian", "Myanmar",
	"Oriya", "Sinhala", "Tamil", "Telugu", "Thai", "Tibetan",
};

static const struct named_class *find_class(const struct named_class *classes, size_t count, struct slice name)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(classes[i].name) == name.size && memcmp(classes[i].name, name.data, name.size) == 0)
			return &classes[i];
	return NULL;
}

/* ---- reading -------------------------------------------------------------------------------------------------------------------------------- */

static void fail(struct parser *parser, const char *error)
{
	if (!parser->err) {
		parser->err = -EINVAL;
		parser->error = error;
	}
	parser->at = parser->end;
}

static bool has_more(const struct parser *parser) { return parser->at < parser->end; }

static bool looks_at(const struct parser *parser, const char *text)
{
	size_t size = strlen(text);
	return size <= (size_t)(parser->end - parser->at) && memcmp(parser->at, text, size) == 0;
}

static bool skip(struct parser *parser, const char *text)
{
	if (!looks_at(parser, text))
		return false;
	parser->at += strlen(text);
	return true;
}

/* One character; what is not ASCII comes as one that is in no set. */
static unsigned next_char(struct parser *parser)
{
	unsigned c = *parser->at++;
	if (c < 128)
		return c;
	while (has_more(parser) && (*parser->at & 0xc0) == 0x80)
		parser->at++;
	return 128;
}

static struct pattern_node *make_node(struct parser *parser, enum pattern_node_kind kind)
{
	struct pattern_node *node = arena_alloc(parser->arena, sizeof *node);
	if (!node) {
		fail(parser, "expression is too large");
		return NULL;
	}
	*node = (struct pattern_node){.kind = kind};
	return node;
}

static void add_part(struct pattern_node *node, struct pattern_node *part)
{
	if (!node || !part)
		return;
	if (node->last)
		node->last->next = part;
	else
		node->first = part;
	node->last = part;
}

static struct pattern_node *make_set(struct parser *parser, struct char_set set)
{
	struct pattern_node *node = make_node(parser, NODE_SET);
	if (node)
		node->set = set;
	return node;
}

static struct pattern_node *make_literal(struct parser *parser, unsigned c)
{
	struct char_set set = {{0}};
	set_add(&set, c);
	if (parser->ignores_case)
		set_fold(&set);
	return make_set(parser, set);
}

/* ---- escapes ----------------------------------------------------------------------------------------------------------------------------------- */

static bool is_octal(int c) { return c >= '0' && c <= '7'; }

static int hex_value(unsigned c)
{
	if (c >= '0' && c <= '9')
		return (int)c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (int)c - 'a' + 10 : -1;
}

static unsigned parse_hex(struct parser *parser)
{
	unsigned value = 0;
	int count = 0;
	bool is_braced = skip(parser, "{");
	while (has_more(parser) && (is_braced || count < 2)) {
		unsigned c = *parser->at++;
		if (is_braced && c == '}' && count > 0)
			return value;
		if (hex_value(c) < 0 || value > 0x10ffff / 16)
			break;
		value = value * 16 + (unsigned)hex_value(c);
		count++;
	}
	if (is_braced || count < 2)
		fail(parser, "invalid escape sequence");
	return value;
}

static unsigned parse_octal(struct parser *parser, unsigned value)
{
	for (int i = 1; i < 3 && has_more(parser) && is_octal(*parser->at); i++)
		value = value * 8 + *parser->at++ - '0';
	return value;
}

/* One character behind a backslash, which has been read. */
static unsigned parse_escape(struct parser *parser)
{
	if (!has_more(parser)) {
		fail(parser, "trailing backslash at end of expression");
		return 0;
	}
	unsigned c = next_char(parser);
	if (c == '0' || (c >= '1' && c <= '7' && has_more(parser) && is_octal(*parser->at)))
		return parse_octal(parser, c - '0');
	if (!char_is_alnum(c))
		return c;
	switch (c) {
	case 'x':
		return parse_hex(parser);
	case 'a':
		return '\a';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'v':
		return '\v';
	default:
		fail(parser, "invalid escape sequence");
		return 0;
	}
}

/* \d and its like. */
static bool parse_perl_class(struct parser *parser, struct char_set *set)
{
	if (parser->end - parser->at < 2 || parser->at[0] != '\\')
		return false;
	uint8_t lower = parser->at[1] | 0x20;
	const struct named_class *class = find_class(perl_classes, COUNT_OF(perl_classes), (struct slice){&lower, 1});
	if (!class || !char_is_alnum(parser->at[1]))
		return false;
	struct char_set members = set_of(class->ranges, class->size);
	set_add_set(set, &members, parser->at[1] != lower);
	parser->at += 2;
	return true;
}

/* The name of \pN or \p{Name}; `^` before it negates. */
static struct slice parse_unicode_name(struct parser *parser, bool *is_negated)
{
	struct slice name = {parser->at, 1};
	if (!skip(parser, "{")) {
		next_char(parser);
		return name;
	}
	const uint8_t *end = memchr(parser->at, '}', (size_t)(parser->end - parser->at));
	if (!end) {
		fail(parser, "invalid character class range");
		return (struct slice){0};
	}
	name = (struct slice){parser->at, (size_t)(end - parser->at)};
	if (name.size > 0 && name.data[0] == '^') {
		*is_negated = !*is_negated;
		name.data++, name.size--;
	}
	parser->at = end + 1;
	return name;
}

static bool parse_unicode_class(struct parser *parser, struct char_set *set)
{
	if (!looks_at(parser, "\\p") && !looks_at(parser, "\\P"))
		return false;
	bool is_negated = parser->at[1] == 'P', is_known = false;
	parser->at += 2;
	if (!has_more(parser)) {
		fail(parser, "invalid character class range");
		return true;
	}
	struct slice name = parse_unicode_name(parser, &is_negated);
	const struct named_class *class = find_class(unicode_classes, COUNT_OF(unicode_classes), name);
	struct char_set members = class ? set_of(class->ranges, class->size) : (struct char_set){{0}};
	for (size_t i = 0; !class && !is_known && i < COUNT_OF(unicode_others); i++)
		is_known = strlen(unicode_others[i]) == name.size && memcmp(unicode_others[i], name.data, name.size) == 0;
	if (!class && !is_known)
		fail(parser, "invalid character class range");
	if (parser->ignores_case)
		set_fold(&members);
	set_add_set(set, &members, is_negated);
	return true;
}

/* ---- [sets] --------------------------------------------------------------------------------------------------------------------------------------- */

/* [:alpha:] inside of a set. False: it is none, and '[' stands for itself. */
static bool parse_posix_class(struct parser *parser, struct char_set *set)
{
	if (!looks_at(parser, "[:"))
		return false;
	const uint8_t *at = parser->at + 2, *end = at;
	while (end + 1 < parser->end && !(end[0] == ':' && end[1] == ']'))
		end++;
	if (end + 1 >= parser->end)
		return false;
	bool is_negated = at < end && *at == '^';
	at += is_negated;
	const struct named_class *class = find_class(posix_classes, COUNT_OF(posix_classes), (struct slice){at, (size_t)(end - at)});
	if (!class) {
		fail(parser, "invalid character class range");
		return true;
	}
	struct char_set members = set_of(class->ranges, class->size);
	if (parser->ignores_case)
		set_fold(&members);
	set_add_set(set, &members, is_negated);
	parser->at = end + 2;
	return true;
}

static unsigned parse_set_char(struct parser *parser)
{
	if (!has_more(parser)) {
		fail(parser, "missing closing ]");
		return 0;
	}
	return skip(parser, "\\") ? parse_escape(parser) : next_char(parser);
}

static void parse_set_range(struct parser *parser, struct char_set *set)
{
	unsigned low = parse_set_char(parser), high = low;
	if (parser->end - parser->at >= 2 && parser->at[0] == '-' && parser->at[1] != ']') {
		parser->at++;
		high = parse_set_char(parser);
		if (high < low)
			fail(parser, "invalid character class range");
	}
	struct char_set range = {{0}};
	set_add_range(&range, low, high);
	if (parser->ignores_case)
		set_fold(&range);
	set_add_set(set, &range, false);
}

static struct pattern_node *parse_set(struct parser *parser)
{
	struct char_set set = {{0}}, all = {{0}};
	parser->at++;
	bool is_negated = skip(parser, "^");
	for (bool is_first = true; !has_more(parser) || *parser->at != ']' || is_first; is_first = false) {
		if (!has_more(parser)) {
			fail(parser, "missing closing ]");
			return NULL;
		}
		if (!parse_posix_class(parser, &set) && !parse_unicode_class(parser, &set) && !parse_perl_class(parser, &set))
			parse_set_range(parser, &set);
		if (parser->err)
			return NULL;
	}
	parser->at++;
	set_add_set(&all, &set, is_negated);
	return make_set(parser, all);
}

/* ---- groups and flags ------------------------------------------------------------------------------------------------------------------------------- */

static struct pattern_node *parse_alternation(struct parser *parser);

static bool is_known_name(const struct parser *parser, struct slice name)
{
	for (const struct group_name *known = parser->names; known; known = known->next)
		if (slice_equal(known->text, name))
			return true;
	return false;
}

/* "(?P<name>" or "(?<name>". */
static void parse_name(struct parser *parser)
{
	const uint8_t *end = memchr(parser->at, '>', (size_t)(parser->end - parser->at));
	struct slice name = {parser->at, end ? (size_t)(end - parser->at) : 0};
	bool is_valid = name.size > 0;
	for (size_t i = 0; i < name.size; i++)
		is_valid = is_valid && (char_is_alnum(name.data[i]) || name.data[i] == '_');
	struct group_name *known = arena_alloc(parser->arena, sizeof *known);
	if (!is_valid || !known) {
		fail(parser, "invalid named capture");
		return;
	}
	if (is_known_name(parser, name)) {
		fail(parser, "duplicate capture group name");
		return;
	}
	*known = (struct group_name){.next = parser->names, .text = name};
	parser->names = known;
	parser->at = end + 1;
}

/* Behind "(?": true if a group begins (":"), false if flags are set for what follows (")"). */
static bool parse_flags(struct parser *parser)
{
	bool is_off = false, has_flag = false, ignores_case = parser->ignores_case;
	while (has_more(parser)) {
		uint8_t c = *parser->at++;
		if (c == ':' || c == ')') {
			if (is_off && !has_flag)
				break;
			parser->ignores_case = ignores_case;
			return c == ':';
		}
		if (c == '-' && !is_off) {
			is_off = true;
			has_flag = false;
			continue;
		}
		if (c != 'i' && c != 'm' && c != 's' && c != 'U')
			break;
		if (c == 'i')
			ignores_case = !is_off;
		has_flag = true;
	}
	fail(parser, "invalid or unsupported Perl syntax");
	return false;
}

/* NULL without an error: only flags. */
static struct pattern_node *parse_group(struct parser *parser)
{
	bool ignored_case = parser->ignores_case;
	parser->at++;
	if (looks_at(parser, "?P<") || looks_at(parser, "?<")) {
		parser->at += looks_at(parser, "?P<") ? 3 : 2;
		parse_name(parser);
	} else if (skip(parser, "?") && !parse_flags(parser)) {
		return NULL;
	}
	if (++parser->depth > DEPTH_MAX)
		fail(parser, "expression nests too deeply");
	struct pattern_node *node = parse_alternation(parser);
	parser->depth--;
	if (!parser->err && !skip(parser, ")"))
		fail(parser, "missing closing )");
	parser->ignores_case = ignored_case;
	return node;
}

/* ---- one piece, and how often ------------------------------------------------------------------------------------------------------------------------- */

/* -1: no number; a larger one than RE2 allows is one above its limit. */
static int parse_number(struct parser *parser)
{
	const uint8_t *begin = parser->at;
	int value = 0;
	while (has_more(parser) && *parser->at >= '0' && *parser->at <= '9') {
		value = value * 10 + *parser->at++ - '0';
		if (value > REPEAT_MAX)
			value = REPEAT_MAX + 1;
	}
	return parser->at == begin || (parser->at - begin > 1 && *begin == '0') ? -1 : value;
}

/* {n}, {n,} or {n,m}; anything else is no repetition, but text. */
static bool parse_counts(struct parser *parser, int *min, int *max)
{
	const uint8_t *begin = parser->at;
	parser->at++;
	*min = *max = parse_number(parser);
	bool is_valid = *min >= 0;
	if (is_valid && skip(parser, ",")) {
		*max = looks_at(parser, "}") ? REPEAT_NONE : parse_number(parser);
		is_valid = looks_at(parser, "}") && (*max >= 0 || parser->at[-1] == ',');
	}
	if (!is_valid || !skip(parser, "}")) {
		parser->at = begin;
		return false;
	}
	if (*min > REPEAT_MAX || *max > REPEAT_MAX || (*max >= 0 && *min > *max))
		fail(parser, "invalid repeat count");
	return true;
}

static bool parse_repeat(struct parser *parser, int *min, int *max)
{
	if (!has_more(parser))
		return false;
	uint8_t c = *parser->at;
	if (c == '{')
		return parse_counts(parser, min, max);
	if (c != '*' && c != '+' && c != '?')
		return false;
	parser->at++;
	*min = c == '+';
	*max = c == '?' ? 1 : REPEAT_NONE;
	return true;
}

/* Nested counts multiply; RE2 refuses more than 1000 in all. */
static bool is_repeat_valid(const struct pattern_node *node, int left)
{
	if (node->kind == NODE_REPEAT) {
		int times = node->max >= 0 ? node->max : node->min;
		if (times > left)
			return false;
		if (times > 1)
			left /= times;
	}
	for (const struct pattern_node *part = node->first; part; part = part->next)
		if (!is_repeat_valid(part, left))
			return false;
	return true;
}

static struct pattern_node *repeat(struct parser *parser, struct pattern_node *piece, int min, int max)
{
	struct pattern_node *node = piece ? make_node(parser, NODE_REPEAT) : NULL;
	if (!node)
		return NULL;
	add_part(node, piece);
	node->min = min;
	node->max = max;
	if ((min >= 2 || max >= 2) && !is_repeat_valid(node, REPEAT_MAX))
		fail(parser, "invalid repeat count");
	return node;
}

/* \Q...\E: a repetition behind it is of its last character; the others go into the sequence here. NULL: it is empty. */
static struct pattern_node *parse_quoted(struct parser *parser, struct pattern_node *sequence)
{
	struct pattern_node *last = NULL;
	while (has_more(parser) && !looks_at(parser, "\\E")) {
		add_part(sequence, last);
		last = make_literal(parser, next_char(parser));
	}
	skip(parser, "\\E");
	return last;
}

static struct pattern_node *parse_backslash(struct parser *parser, struct pattern_node *sequence)
{
	struct char_set set = {{0}};
	if (skip(parser, "\\A"))
		return make_node(parser, NODE_BEGIN);
	if (skip(parser, "\\z"))
		return make_node(parser, NODE_END);
	if (skip(parser, "\\b"))
		return make_node(parser, NODE_WORD);
	if (skip(parser, "\\B"))
		return make_node(parser, NODE_NOT_WORD);
	if (skip(parser, "\\Q"))
		return parse_quoted(parser, sequence);
	if (parse_unicode_class(parser, &set) || parse_perl_class(parser, &set))
		return make_set(parser, set);
	parser->at++;
	return make_literal(parser, parse_escape(parser));
}

static struct pattern_node *parse_any(struct parser *parser)
{
	parser->at++;
	return make_set(parser, (struct char_set){{UINT64_MAX, UINT64_MAX}});
}

/* NULL without an error: there was no piece, only flags or nothing quoted. */
static struct pattern_node *parse_piece(struct parser *parser, struct pattern_node *sequence)
{
	switch (*parser->at) {
	case '(':
		return parse_group(parser);
	case '[':
		return parse_set(parser);
	case '.':
		return parse_any(parser);
	case '\\':
		return parse_backslash(parser, sequence);
	case '^':
		parser->at++;
		return make_node(parser, NODE_BEGIN);
	case '$':
		parser->at++;
		return make_node(parser, NODE_END);
	default:
		return make_literal(parser, next_char(parser));
	}
}

/* The repetition behind a piece. Two of them in a row mean something else in Perl, and are refused; so is one behind a '{' that stands for itself, since
 * RE2/J takes that for a repetition here. */
static struct pattern_node *parse_repeats(struct parser *parser, struct pattern_node *piece, bool is_brace)
{
	int min, max;
	if (!parse_repeat(parser, &min, &max))
		return piece;
	skip(parser, "?");
	piece = repeat(parser, piece, min, max);
	if (!parser->err && (is_brace || parse_repeat(parser, &min, &max)))
		fail(parser, "invalid nested repetition operator");
	return piece;
}

/* Behind flags, or nothing quoted, a repetition is of what was before them. */
static void repeat_last(struct parser *parser, struct pattern_node *sequence)
{
	int min, max;
	struct pattern_node *last = sequence->last;
	if (!parse_repeat(parser, &min, &max) || parser->err)
		return;
	struct pattern_node *piece = last ? make_node(parser, last->kind) : NULL;
	if (!piece) {
		fail(parser, "missing argument to repetition operator");
		return;
	}
	skip(parser, "?");
	*piece = *last;
	struct pattern_node *repeated = repeat(parser, piece, min, max);
	if (repeated)
		*last = *repeated;
	if (!parser->err && parse_repeat(parser, &min, &max))
		fail(parser, "invalid nested repetition operator");
}

static struct pattern_node *parse_sequence(struct parser *parser)
{
	struct pattern_node *node = make_node(parser, NODE_CONCAT);
	int min, max;
	if (parse_repeat(parser, &min, &max) && !parser->err)
		fail(parser, "missing argument to repetition operator");
	while (!parser->err && has_more(parser) && *parser->at != '|' && *parser->at != ')') {
		bool is_brace = *parser->at == '{';
		struct pattern_node *piece = parse_piece(parser, node);
		if (parser->err)
			return NULL;
		if (piece)
			add_part(node, parse_repeats(parser, piece, is_brace));
		else
			repeat_last(parser, node);
	}
	return node;
}

static struct pattern_node *parse_alternation(struct parser *parser)
{
	struct pattern_node *node = make_node(parser, NODE_ALTERNATE);
	do
		add_part(node, parse_sequence(parser));
	while (!parser->err && skip(parser, "|"));
	return node;
}

int topic_pattern_parse(const struct pattern_node **tree, struct arena *arena, struct slice text, const char **error)
{
	struct parser parser = {.at = text.data, .end = text.data + text.size, .arena = arena};
	*tree = parse_alternation(&parser);
	if (!parser.err && has_more(&parser))
		fail(&parser, "regexp/syntax: internal error"); /* RE2/J's words for a ) too many */
	if (parser.err)
		*error = parser.error;
	return parser.err;
}
