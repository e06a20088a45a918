/* Plays cases against both sides, step by step, and hands the differences on. One thread; each wait is bounded. */
#pragma once

#include "tests/differential/canon.h"
#include "tests/differential/findings.h"
#include "tests/differential/mutate.h"
#include "tests/differential/script.h"
#include "tests/differential/side.h"

struct player {
	const struct script *script;
	struct side *sides;      /* Kafka, Spate */
	struct canon canons[2];
	bool shows;              /* print each request and answer */
	bool mutates;
	bool is_prepared;        /* before_all has been played */
	int played;              /* cases */
	int vanished;            /* differences that did not occur again */
	int counts[256];         /* cases by API key */
	/* the play under way */
	const struct test_case *test_case;
	int version, number;
	const struct mutant *mutant;
	struct finding *found;
	int found_count;
	bool has_parted;         /* an outcome differed as expected: the rest of the play is not compared */
};

/* The case in one version, with all its mutants if it has any. */
void player_play(struct player *player, const struct test_case *test_case, int version);
