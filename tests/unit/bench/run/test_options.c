/* What the suite is asked for: numbers are whole ones or none, and what is wrong ends it before anything runs. */
#include "bench/run/options.c"

#include <criterion/criterion.h>

static struct options options;

static void parse(char *flag, char *value)
{
	char *arguments[] = { "bench-run", flag, value, NULL };
	optind = 0;
	options_parse(&options, value ? 3 : 2, arguments, "produce");
}

Test(options, usual_ones)
{
	char *none[] = { "bench-run", NULL };
	optind = 0;
	options_parse(&options, 1, none, "produce");
	cr_expect(options.rounds == 3 && options.seconds == 1 && options.stalls_minutes == 30 && !options.only && !options.json);
	cr_expect((options.server_core < 0) == (options.load_core < 0));
	cr_expect(options.server_core < 0 || options.server_core != options.load_core);
}

Test(options, numbers)
{
	parse("--rounds", "32");
	cr_expect_eq(options.rounds, 32);
	parse("--seconds", "0.25");
	cr_expect_eq(options.seconds, 0.25);
	parse("--load-core", "-1");
	cr_expect_eq(options.load_core, -1);
	char peer[] = "kafka:9092:17:flush";
	parse("--peer", peer);
	cr_expect(options.peers_count == 1 && options.peers[0].port == 9092 && options.peers[0].pid == 17 && options.peers[0].flushes);
}

/* Each exits with 2, as the verbs of spate do. */
Test(options, no_rounds, .exit_code = 2) { parse("--rounds", "0"); }
Test(options, too_many_rounds, .exit_code = 2) { parse("--rounds", "33"); }
Test(options, half_a_number, .exit_code = 2) { parse("--rounds", "3x"); }
Test(options, half_a_round, .exit_code = 2) { parse("--rounds", "1.5"); }
Test(options, no_number_of_seconds, .exit_code = 2) { parse("--seconds", "nan"); }
Test(options, no_core, .exit_code = 2) { parse("--server-core", "first"); }
Test(options, no_minutes, .exit_code = 2) { parse("--stalls", ""); }
Test(options, a_peer_without_port, .exit_code = 2) { parse("--peer", (char[]){ "kafka" }); }
Test(options, a_flag_that_is_none, .exit_code = 2) { parse("--frobnicate", NULL); }
Test(options, a_word_too_many, .exit_code = 2) { parse("produce", NULL); }
