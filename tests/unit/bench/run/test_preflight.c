/* What is told before the first run. The room is a program and no library, so the file is compiled in here. */
#include "bench/run/preflight.c"

#include <criterion/criterion.h>
#include <sys/stat.h>

static char directory[64] = "build/test-preflight-XXXXXX", program[128], json[128];
static struct options options;

static void make_programs(void)
{
	cr_assert(mkdtemp(directory));
	snprintf(program, sizeof program, "%s/l2_durable", directory);
	snprintf(json, sizeof json, "%s/after.json", directory);
	FILE *file = fopen(program, "w");
	cr_assert(file && fchmod(fileno(file), 0700) == 0);
	fclose(file);
	options = (struct options){ .spate = program, .limits = directory, .directory = directory, .json = json, .page = "-", .seconds = 0.01, .server_core = -1,
				    .load_core = -1 };
}

static void remove_programs(void)
{
	unlink(program);
	unlink(json);
	cr_expect_eq(rmdir(directory), 0, "something was left in %s", directory);
}

TestSuite(preflight, .init = make_programs, .fini = remove_programs);

Test(preflight, all_is_well)
{
	cr_expect(preflight(&options, 1));
	cr_expect_neq(access(json, F_OK), 0);
}

/* A result that is there stays until there is another. */
Test(preflight, an_earlier_result_stays)
{
	FILE *file = fopen(json, "w");
	struct stat status;
	fputs("{}", file);
	fclose(file);
	cr_expect(preflight(&options, 1));
	cr_expect(stat(json, &status) == 0 && status.st_size == 2);
}

Test(preflight, results_that_cannot_be_written)
{
	options.json = "build/no/such/directory/after.json";
	cr_expect_not(preflight(&options, 1));
	options.json = NULL;
	options.page = directory;
	cr_expect_not(preflight(&options, 1));
}

Test(preflight, programs_that_are_not_there)
{
	options.limits = "build/no/such/directory";
	cr_expect_not(preflight(&options, 1));
	options.limits = directory;
	options.spate = json;
	cr_expect_not(preflight(&options, 1));
}

Test(preflight, no_place_for_data)
{
	options.directory = "build/no/such/directory";
	cr_expect_not(preflight(&options, 1));
}

Test(preflight, no_such_core)
{
	cpu_set_t before, after;
	sched_getaffinity(0, sizeof before, &before);
	options.load_core = CPU_SETSIZE - 1;
	cr_expect_not(preflight(&options, 1));
	sched_getaffinity(0, sizeof after, &after);
	cr_expect(CPU_EQUAL(&before, &after));
}
