/* Plans from seeds. Each seed draws which kinds of steps it uses at all, so that rare mixtures come up that one fixed mixture would never show. */
#include "tests/sim_broker/plan.h"

#include "tests/shrink/draw.h"

#define NS_PER_MS 1000000ull
#define ROLL_BACK_EVERY 16

const char *step_name(enum step_kind kind)
{
	static const char *const names[] = {
#define X(name, text) text,
		STEP_KINDS(X)
#undef X
	};
	return names[kind];
}

static void make_knobs(struct knobs *knobs, uint64_t *random)
{
	*knobs = (struct knobs){
		.shards = PICK(random, 1, 1, 2, 3),
		.topics = 1 + (uint32_t)draw(random, 3),
		.producers = 1 + (uint32_t)draw(random, PRODUCERS_MAX),
		.consumers = 1 + (uint32_t)draw(random, 5),
		.fetchers = draw(random, 2) ? 0 : 1 + (uint32_t)draw(random, FETCHERS_MAX),
		.committers = (uint32_t)draw(random, COMMITTERS_MAX + 1),
		.members = draw(random, 3) ? 0 : 1 + (uint32_t)draw(random, MEMBERS_MAX),
		.consumer_members = draw(random, 3) ? 0 : 1 + (uint32_t)draw(random, MEMBERS_MAX),
		.journal_bytes = PICK(random, 1 << 20, 1 << 20, 1 << 20, 2 << 20, 4 << 20),
		.cache_bytes = PICK(random, 4 << 20, 16 << 20),
		.direct_bytes = PICK(random, 65536, 65536, 8192),
		.segment_bytes = PICK(random, 1 << 20, 1 << 24),
		.rebalance_delay_ms = PICK(random, 100, 100, 3000),
		.retention_check_ms = PICK(random, 500, 3000, 300000),
		.offsets_partitions = PICK(random, 1, 2, 3),
		.may_rot = draw(random, 8) == 0,
		.is_tireless = draw(random, 20) == 0,
	};
}

/* How often a step of the kind is drawn, and in how many of a hundred seeds at all. */
struct weight {
	enum step_kind kind;
	uint32_t weight, used_percent;
};

static const struct weight weights[] = {
	{STEP_CRASH, 3, 60},	 {STEP_KILL, 3, 60},	 {STEP_STOP, 3, 60},	   {STEP_CUT, 6, 70},	    {STEP_CUT_START, 3, 40}, {STEP_RESET, 2, 50},
	{STEP_RESET_ONE, 3, 60}, {STEP_HALF_CLOSE, 2, 40}, {STEP_DEAF, 2, 40},	   {STEP_NETWORK, 3, 50},   {STEP_PACE, 2, 30},	     {STEP_FAIL, 3, 30},
	{STEP_FAIL_START, 2, 20}, {STEP_FULL, 3, 30},	 {STEP_FULL_RESTART, 2, 15}, {STEP_CLOCK, 2, 30},   {STEP_REREAD, 2, 50},     {STEP_MAKE, 6, 60},
	{STEP_DELETE, 4, 60},	 {STEP_GROW, 2, 40},	 {STEP_TRIM, 4, 50},	   {STEP_CONFIGURE, 4, 40}, {STEP_ROT, 4, 80},
	{STEP_ASTRAY, 3, 40},	 {STEP_SHORT, 3, 30},	 {STEP_ROLL_BACK, 4, 100},
};
#define WEIGHTS (sizeof weights / sizeof *weights)

/* Mostly short; of a group with members sometimes long enough for a session to end. */
static uint64_t draw_wait_ns(const struct knobs *knobs, uint64_t *random)
{
	if ((knobs->members || knobs->consumer_members) && draw(random, 5) == 0)
		return draw(random, 15000 * NS_PER_MS);
	return draw(random, (draw(random, 4) ? 200 : 2000) * NS_PER_MS);
}

static struct step draw_step(const struct plan *plan, const uint32_t *drawn, uint32_t total, uint64_t *random)
{
	enum step_kind kind = (enum step_kind)draw_weighted(random, drawn, total);
	return (struct step){.kind = kind, .wait_ns = draw_wait_ns(&plan->knobs, random), .a = sim_random(random), .b = sim_random(random),
			     .c = sim_random(random)};
}

static bool do_all_rot, do_all_roll_back, do_all_exchange;

void plan_let_all_rot(void)
{
	do_all_rot = true;
}

void plan_let_all_roll_back(void)
{
	do_all_roll_back = true;
}

void plan_let_all_exchange(void)
{
	do_all_exchange = true;
}

static bool is_possible(const struct knobs *knobs, enum step_kind kind)
{
	if (kind == STEP_ROT || kind == STEP_ASTRAY)
		return knobs->may_rot;
	return kind != STEP_ROLL_BACK || knobs->may_roll_back || knobs->may_exchange;
}

void plan_make(struct plan *plan, uint64_t seed)
{
	uint64_t random = seed * 0x9e3779b97f4a7c15ull + 55;
	uint32_t drawn[step_kind_count] = {0}, total = 0;
	plan->seed = seed;
	make_knobs(&plan->knobs, &random);
	plan->knobs.may_rot |= do_all_rot;
	uint64_t apart = seed; /* so that this changes no other seed's plan */
	plan->knobs.may_roll_back = do_all_roll_back || sim_random(&apart) % ROLL_BACK_EVERY == 0;
	plan->knobs.may_exchange = do_all_exchange;
	for (size_t i = 0; i < WEIGHTS; i++) {
		bool is_used = draw(&random, 100) < weights[i].used_percent && is_possible(&plan->knobs, weights[i].kind);
		uint32_t weight = weights[i].weight * (uint32_t)PICK(&random, 1, 1, 2, 4);
		total += drawn[weights[i].kind] = is_used ? weight : 0;
	}
	plan->step_count = total ? 1 + (uint32_t)draw(&random, PICK(&random, 8, 16, STEPS_MAX)) : 0;
	for (uint32_t i = 0; i < plan->step_count; i++)
		plan->steps[i] = draw_step(plan, drawn, total, &random);
}

bool plan_simplify(struct plan *plan, uint32_t n)
{
	struct knobs *knobs = &plan->knobs;
	switch (n) {
	case 0: knobs->consumer_members = 0; return true;
	case 1: knobs->members = 0; return true;
	case 2: knobs->committers = 0; return true;
	case 3: knobs->consumers = 1; return true;
	case 4: knobs->producers = 1; return true;
	case 5: knobs->shards = 1; return true;
	case 6: knobs->retention_check_ms = 300000; return true;
	case 7: knobs->direct_bytes = 65536; return true;
	case 8: knobs->segment_bytes = 1 << 24; return true;
	case 9: knobs->cache_bytes = 16 << 20; return true;
	case 10: knobs->offsets_partitions = 1; return true;
	case 11: knobs->members = knobs->members > 1; return true;
	case 12: knobs->topics = 1; return true;
	case 13: knobs->consumer_members = knobs->consumer_members > 1 ? 2 : knobs->consumer_members; return true;
	case 14: knobs->fetchers = 0; return true;
	case 15: knobs->is_tireless = false; return true;
	default: return false;
	}
}
