#include "tests/shrink/look_into.h"

#include "tests/shrink/quiet.h"

static void tell(const struct look *look)
{
	struct shrink_outcome outcome;
	printf("\nTHE STORY ");
	look->describe(look->plan);
	shrink_try(look->subject, look->plan, &outcome, stdout);
	printf("%s\n", outcome.has_failed ? outcome.verdict : "nothing is wrong");
}

static void make_short(const struct look *look, const struct shrink_outcome *outcome)
{
	const uint32_t *count = (const uint32_t *)((const uint8_t *)look->plan + look->subject->count_at);
	uint32_t before = *count, tries = shrink(look->subject, look->plan, outcome->kind, look->seconds_max);
	printf("%s\nshrunk from %u to %u steps in %u tries\n", outcome->verdict, before, *count, tries);
}

void look_into(const struct look *look)
{
	struct shrink_outcome outcome;
	printf("FAIL  SEED=%lu: %s\n", (unsigned long)look->seed, look->why);
	go_quiet(look->is_loud);
	shrink_try(look->subject, look->plan, &outcome, NULL);
	if (outcome.has_failed)
		make_short(look, &outcome);
	else
		printf("It does not fail when it is run once: a run is not a function of its seed.\n");
	tell(look);
	printf("\nFAIL  SEED=%lu: %s\nTo repeat it: ", (unsigned long)look->seed, look->why);
	const char *flags = look->flags ? look->flags : "";
	if (!*flags)
		printf("%s%lu, or ", look->repeat, (unsigned long)look->seed);
	printf("%s%s --seed %lu --story [--loud] for all of its steps.\n", look->program, flags, (unsigned long)look->seed);
}

void look_tell(const struct look *look)
{
	go_quiet(look->is_loud);
	tell(look);
}
