/* wire-gen, run as the build runs it: each mistake in a schema is told with its file and line, and the kinds of field
 * no message of ours has yet are turned into C that compiles. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct mistake {
	int line;           /* The line that is blamed; 0: the schema is good. */
	const char *schema;
};

static const struct mistake mistakes[] = {
	{0, "api x 1 0-2 flexible 1+\nrequest\n  a int32 | A.\n"},
	{1, "api y 1 0-2 flexible 1+\n"},
	{1, "api x 1 0+ flexible 1+\n"},
	{1, "api x 1 2-0 flexible 1+\n"},
	{1, "request\n"},
	{1, "  a int32 | A.\n"},
	{1, "banana\n"},
	{3, "api x 1 0-2 flexible 1+\nrequest\n  a int32\n"},
	{3, "api x 1 0-2 flexible 1+\nrequest\n  a | A.\n"},
	{3, "api x 1 0-2 flexible 1+\nrequest\n  camelCase int32 | A.\n"},
	{3, "api x 1 0-2 flexible 1+\nrequest\n  a nothing | A.\n"},
	{3, "api x 1 0-2 flexible 1+\nrequest\n  a int32 banana | A.\n"},
	{3, "api x 1 0-2 flexible 1+\nrequest\n  a int32 7+ | In no version of the message.\n"},
	{3, "api x 1 0-2 flexible 1+\nrequest\n  a int32 @0 | Tagged before the message is flexible.\n"},
	{3, "api x 1 0-2 flexible 1+\nrequest\n  a int32 =banana | A.\n"},
	{3, "api x 1 0-2 flexible 1+\nrequest\n  a int32 =null | A.\n"},
	{3, "api x 1 0-2 flexible 1+\nrequest\n  a string =7 | A.\n"},
	{4, "api x 1 0-2 flexible 1+\nrequest\n  a int32 | A.\n    b int32 | Below what is no struct.\n"},
	{5, "api x 1 0-2 flexible 1+\nrequest\n  a []t | A.\n    b int32 | B.\nrequest\n"},
	{6, "api x 1 0-2 flexible 1+\nrequest\n  a []t | A.\n    b int32 | B.\n  c []t | C.\n    d int32 | Defined twice.\n"},
};

/* Runs a command line; returns its exit status and its output's beginning. */
static int run(const char *command, char *output, size_t size)
{
	FILE *pipe = popen(command, "r");
	cr_assert(pipe);
	size_t n = fread(output, 1, size - 1, pipe);
	output[n] = 0;
	return pclose(pipe);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	cr_assert(file);
	fputs(text, file);
	fclose(file);
}

static void make_directory(char *path, size_t size)
{
	snprintf(path, size, "/tmp/spate-test-gen-XXXXXX");
	cr_assert(mkdtemp(path));
}

static void remove_directory(const char *path)
{
	char command[128], output[16];
	snprintf(command, sizeof command, "rm -r %s", path);
	cr_assert_eq(run(command, output, sizeof output), 0);
}

/* A good schema passes; each bad one is refused with FILE:LINE of the mistake. */
Test(gen, mistakes_are_told_with_their_line)
{
	char directory[64], path[80], command[256], output[512], expected[96];
	make_directory(directory, sizeof directory);
	snprintf(path, sizeof path, "%s/x.msg", directory);
	snprintf(command, sizeof command, "build/wire-gen %s %s 2>&1", directory, path);
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		write_file(path, mistakes[i].schema);
		int status = run(command, output, sizeof output);
		cr_expect_eq(status != 0, mistakes[i].line != 0, "row %zu: %s", i, output);
		snprintf(expected, sizeof expected, "%s:%d: ", path, mistakes[i].line);
		cr_expect(mistakes[i].line == 0 || strstr(output, expected) == output, "row %zu: %s", i, output);
	}
	remove_directory(directory);
}

static const char every_kind[] =
	"api x 1 0-5 flexible 3+ | Every kind of field.\n"
	"struct point\n"
	"  x  int32  | X.\n"
	"  names  []string  1+ ?2+  | Names.\n"
	"request\n"
	"  a  float64  =3  | A.\n"
	"  b  uint16  1-3  | B.\n"
	"  c  uint32  | C.\n"
	"  d  bytes  ?2+  =empty  | D.\n"
	"  e  []bytes  | E.\n"
	"  f  []uuid  ?  | F.\n"
	"  g  point  ?  | G.\n"
	"  h  point  | H.\n"
	"  i  []point  3+  @2  ?4+  | I.\n"
	"  j  string  3+  @1  =empty  | J.\n"
	"  k  bool  4+  @0  =true  | K.\n"
	"  l  point  3+  @3  | L.\n"
	"  m  uuid  3+  @4  | M.\n"
	"  n  bytes  3+  @5  ?3+  | N.\n"
	"  o  records  3+  @6  ?3+  | O.\n"
	"  p  []string  3+  @7  ?3+  | P.\n"
	"response\n";

/* What our messages do not use yet compiles without a warning as well. */
Test(gen, every_kind_of_field_compiles)
{
	char directory[64], path[80], command[512], output[4096];
	make_directory(directory, sizeof directory);
	snprintf(path, sizeof path, "%s/x.msg", directory);
	write_file(path, every_kind);
	snprintf(command, sizeof command,
		 "{ build/wire-gen %s %s && for c in %s/*.c; do cc -std=gnu17 -D_GNU_SOURCE -I. -I%s -Wall -Wextra -Wshadow "
		 "-Wmissing-prototypes -Wno-unused-parameter -Werror -fsyntax-only $c || exit 1; done; } 2>&1",
		 directory, path, directory, directory);
	int status = run(command, output, sizeof output);
	cr_expect_eq(status, 0, "%s", output);
	remove_directory(directory);
}
