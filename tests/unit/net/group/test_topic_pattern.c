/* Regular expressions over topic names: what they match, what is refused and with which words (RE2/J's, as Kafka 4.3 answers), and that no pattern takes
 * longer than its size times the name's. */
#include "net/group/topic_pattern.h"
#include "net/wire/cursor.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct topic_pattern *compile(const char *text)
{
	struct topic_pattern *pattern;
	char why[100] = "";
	cr_assert_eq(topic_pattern_compile(&pattern, slice_from(text), why, sizeof why), 0, "%s: %s", text, why);
	return pattern;
}

/* A pattern matches the whole name, or not. */
Test(topic_pattern, matches)
{
	static const struct {
		const char *pattern, *yes, *no; /* names, separated by spaces; "" is none */
	} cases[] = {
		{"foo", "foo", "fo fooo xfoo"},
		{"foo.*", "foo foo-bar foo.", "fo xfoo"},
		{".*foo", "foo xfoo", "foox"},
		{"^foo$", "foo", "foo1"},
		{"fo+", "fo fooo", "f"},
		{"fo*?", "f foo", "o"},
		{"fo?o", "fo foo", "fooo"},
		{"a{2}", "aa", "a aaa"},
		{"a{2,}", "aa aaaaa", "a"},
		{"a{1,3}b", "ab aaab", "b aaaab"},
		{"a{,3}", "", "a aaa"}, /* no repetition, but text */
		{"a{0}b", "b", "ab"},
		{"(foo|bar)-[0-9]+", "foo-1 bar-123", "foo- baz-1"},
		{"a|b|c|dd", "a b c dd", "d ab"},
		{"|a", "a", "b"},
		{"(a|b)*", "a abba", "abc"},
		{"((a*)*)*b", "b aab", "a"},
		{"[a-c]x", "ax cx", "dx"},
		{"[^a-c]x", "dx .x", "ax"},
		{"[]a]+", "a", "b"},
		{"[a\\-z]+", "a-z", "b"},
		{"[a-]+", "a-a", "b"},
		{"[[:alpha:]]+", "abcXYZ", "a1"},
		{"[[:^alpha:]]+", "12_", "a1"},
		{"[[:word:].]+", "a_1.b", "a-b"},
		{"\\d+", "123", "12a"},
		{"\\D+", "abc", "a1"},
		{"\\w+", "a_1", "a-1"},
		{"\\W", "- .", "a"},
		{"[\\d_]+", "1_2", "a"},
		{"\\pL+", "abc", "a1"},
		{"\\p{Lu}+", "ABC", "Abc"},
		{"\\PN+", "abc", "a1"},
		{"\\p{^N}+", "abc", "a1"},
		{"\\p{Greek}*a", "a", "ab"},
		{"(?i)FoO", "foo FOO", "fo"},
		{"(?i:f)oo", "Foo foo", "FOO"},
		{"a(?i)b|c", "ab aB C c", "Ab"},
		{"(?i)a(?-i)b", "Ab ab", "AB"},
		{"(?P<name>a)b", "ab", "a"},
		{"(?<name>a)b", "ab", "a"},
		{"(?:ab)+", "ab abab", "a"},
		{"\\Qa.b\\E+", "a.b a.bbb", "axb a.ba.b"},
		{"\\Qa.", "a.", "ab"},
		{"a\\.b", "a.b", "axb"},
		{"\\x61\\x{62}\\143", "abc", "ab"},
		{"\\bfoo\\b.*", "foo foo-x", "foox"},
		{"foo\\B.*", "foox", "foo foo-x"},
		{"\\Afoo\\z", "foo", "foox"},
		{"a\xc3\xa9*b", "ab", "axb"},
		{"(x{3}){3}", "xxxxxxxxx", "xxxxxxxx xxxxxxxxxx"},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct topic_pattern *pattern = compile(cases[i].pattern);
		for (int want = 0; want < 2; want++) {
			char names[256];
			snprintf(names, sizeof names, "%s", want ? cases[i].yes : cases[i].no);
			for (char *name = strtok(names, " "); name; name = strtok(NULL, " "))
				cr_expect_eq(topic_pattern_matches(pattern, slice_from(name)), want, "%s on %s", cases[i].pattern, name);
		}
		topic_pattern_free(pattern);
	}
}

/* What RE2/J refuses is refused, in its words. */
Test(topic_pattern, refuses)
{
	static const struct {
		const char *pattern, *why;
	} cases[] = {
		{"[", "missing closing ]"},
		{"[a", "missing closing ]"},
		{"[]", "missing closing ]"},
		{"(a", "missing closing )"},
		{"a)", "regexp/syntax: internal error"},
		{"*", "missing argument to repetition operator"},
		{"a|*", "missing argument to repetition operator"},
		{"(+)", "missing argument to repetition operator"},
		{"{2}", "missing argument to repetition operator"},
		{"a**", "invalid nested repetition operator"},
		{"a*+", "invalid nested repetition operator"},
		{"a+{2}", "invalid nested repetition operator"},
		{"a{1001}", "invalid repeat count"},
		{"a{3,2}", "invalid repeat count"},
		{"((a{100}){100}){100}", "invalid repeat count"},
		{"\\", "trailing backslash at end of expression"},
		{"\\8", "invalid escape sequence"},
		{"\\1", "invalid escape sequence"},
		{"\\C", "invalid escape sequence"},
		{"\\Z", "invalid escape sequence"},
		{"\\xz", "invalid escape sequence"},
		{"\\x{110000000}", "invalid escape sequence"},
		{"{*", "invalid nested repetition operator"},
		{"[b-a]", "invalid character class range"},
		{"[[:nope:]]", "invalid character class range"},
		{"\\p{Nope}", "invalid character class range"},
		{"(?=a)", "invalid or unsupported Perl syntax"},
		{"(?<=a)", "invalid named capture"},
		{"(?!a)", "invalid or unsupported Perl syntax"},
		{"(?>a)", "invalid or unsupported Perl syntax"},
		{"(?i-)a", "invalid or unsupported Perl syntax"},
		{"(?P<1", "invalid named capture"},
		{"(?P<a-b>c)", "invalid named capture"},
		{"(?P<a>b)(?P<a>c)", "duplicate capture group name"},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct topic_pattern *pattern;
		char why[100] = "";
		cr_expect_eq(topic_pattern_compile(&pattern, slice_from(cases[i].pattern), why, sizeof why), -EINVAL, "%s", cases[i].pattern);
		cr_expect_str_eq(why, cases[i].why, "%s: %s", cases[i].pattern, why);
		topic_pattern_free(pattern);
	}
}

/* A pattern of many groups nests no deeper than RE2 allows, and one of too many steps is refused: neither takes the stack or the memory. */
Test(topic_pattern, bounds)
{
	enum { SIZE = 32767 };
	char *text = malloc(SIZE + 1);
	struct topic_pattern *pattern;
	memset(text, '(', SIZE);
	text[SIZE] = '\0';
	cr_assert_eq(topic_pattern_compile(&pattern, slice_from(text), NULL, 0), -EINVAL);
	for (int i = 0; i + 8 <= SIZE; i += 8)
		memcpy(text + i, "a{1000}b", 8);
	text[SIZE / 8 * 8] = '\0';
	cr_assert_eq(topic_pattern_compile(&pattern, slice_from(text), NULL, 0), -EINVAL);
	memset(text, '|', 20000);
	text[20000] = '\0';
	cr_assert_eq(topic_pattern_compile(&pattern, slice_from(text), NULL, 0), 0);
	cr_assert(topic_pattern_matches(pattern, slice_from("")));
	topic_pattern_free(pattern);
	memset(text, 'a', SIZE);
	cr_assert_eq(topic_pattern_compile(&pattern, slice_from(text), NULL, 0), 0);
	cr_assert_not(topic_pattern_matches(pattern, slice_from("aaa")));
	topic_pattern_free(pattern);
	free(text);
}

/* What makes a backtracking matcher run for ages. */
Test(topic_pattern, takes_no_time, .timeout = 10)
{
	char name[250];
	memset(name, 'a', 249);
	name[249] = '\0';
	static const char *const patterns[] = {"(a+)+b", "(a|aa)+b", "(a*)*b", "(.*a){20}b", "(a?){200}a{200}b"};
	for (size_t i = 0; i < COUNT_OF(patterns); i++) {
		struct topic_pattern *pattern = compile(patterns[i]);
		for (int j = 0; j < 100; j++)
			cr_expect_not(topic_pattern_matches(pattern, slice_from(name)));
		topic_pattern_free(pattern);
	}
}
