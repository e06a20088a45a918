/* Plans from seeds. Each seed draws which kinds of steps it uses at all and how often (some worlds never crash cleanly, some never see a
 * full disk, some do little but roll), so that rare mixtures come up that one fixed mixture would never show. */
#include "tests/sim/plan.h"

#include "tests/shrink/draw.h"

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
		.direct_size_bytes_min = (uint32_t)PICK(random, 1, 2000, 10000, 65536, 1 << 30),
		.cache_size_bytes = (uint32_t)PICK(random, 512 << 10, 1 << 20, 4 << 20),
		.index_interval_bytes = (uint32_t)PICK(random, 0, 1, 500, 4096),
		.index_size_bytes = (uint32_t)PICK(random, 16, 40, 1000, 10 << 20),
		.segment_ms = (uint32_t)PICK(random, 1, 20, 5000, 604800000),
		.retention_bytes = (int64_t)PICK(random, (uint64_t)-1, (uint64_t)-1, 3000, 40000),
		.retention_ms = (int64_t)PICK(random, (uint64_t)-1, (uint64_t)-1, 3000, 20000),
		.retention_check_ms = (uint32_t)PICK(random, 0, 50, 1000, 6000),
		.latency_percent = (uint32_t)PICK(random, 100, 100, 10, 1000),
		.stall_per_mille = (uint32_t)PICK(random, 0, 0, 10, 100),
		.short_per_mille = (uint32_t)PICK(random, 0, 0, 100, 500),
		.peeks = (uint32_t)PICK(random, 0, 2, 6),
		.is_append_time = draw(random, 8) == 0,
		.has_illegal_faults = draw(random, 8) == 0,
	};
}

struct weight {
	enum step_kind kind;
	uint32_t weight;       /* when the kind is used at all */
	uint32_t used_percent; /* of the seeds */
};

static const struct weight weights[] = {
	{STEP_APPEND, 30, 90}, {STEP_APPEND_LARGE, 12, 50}, {STEP_PRODUCE, 25, 70}, {STEP_RETRY, 10, 100}, {STEP_TURN, 40, 100},
	{STEP_WAIT, 5, 60},    {STEP_READ, 10, 70},	    {STEP_LOOKUP, 4, 50},   {STEP_TRIM, 4, 50},	    {STEP_SCAN, 2, 50},
	{STEP_CREATE, 2, 80},  {STEP_DELETE, 1, 30},	    {STEP_GROW, 1, 40},	    {STEP_CONFIGURE, 3, 40}, {STEP_RESERVE, 8, 20},
	{STEP_CUT, 6, 80},     {STEP_CRASH, 3, 60},	    {STEP_KILL, 2, 40},	    {STEP_STOP, 2, 50},	    {STEP_CUT_STOP, 2, 50},
	{STEP_CUT_RECOVERY, 4, 60}, {STEP_FAIL, 3, 30},	    {STEP_HEAL, 2, 100},    {STEP_FULL, 2, 15},	    {STEP_ROOM, 2, 100},
	{STEP_CLOCK, 1, 30},    {STEP_BURST, 6, 20},	    {STEP_FAIL_RECOVERY, 1, 20},
};
#define WEIGHTS (sizeof weights / sizeof *weights)

static const struct weight illegal[] = {{STEP_ROT, 2, 80}, {STEP_MISDIRECT, 1, 40}, {STEP_LOSE, 1, 40}};

static uint32_t draw_weight(const struct weight *weight, uint64_t *random)
{
	bool is_used = draw(random, 100) < weight->used_percent;
	uint32_t drawn = weight->weight * (uint32_t)PICK(random, 1, 1, 2, 4);
	return is_used ? drawn : 0;
}

void plan_make(struct plan *plan, uint64_t seed)
{
	uint64_t random = seed * 0x9e3779b97f4a7c15ull + 77;
	plan->seed = seed;
	make_knobs(&plan->knobs, &random);
	uint32_t drawn[step_kind_count] = {0}, total = 0;
	for (size_t i = 0; i < WEIGHTS; i++)
		total += drawn[weights[i].kind] = draw_weight(&weights[i], &random);
	for (size_t i = 0; i < 3; i++) {
		uint32_t weight = draw_weight(&illegal[i], &random);
		if (plan->knobs.has_illegal_faults)
			total += drawn[illegal[i].kind] = weight;
	}
	plan->step_count = 40 + (uint32_t)draw(&random, PICK(&random, 60, 200, 600));
	for (uint32_t i = 0; i < plan->step_count; i++) {
		plan->steps[i].kind = (enum step_kind)draw_weighted(&random, drawn, total);
		plan->steps[i].a = sim_random(&random);
		plan->steps[i].b = sim_random(&random);
		plan->steps[i].c = sim_random(&random);
		plan->steps[i].d = sim_random(&random);
	}
}

bool plan_simplify(struct plan *plan, uint32_t n)
{
	struct knobs *knobs = &plan->knobs;
	switch (n) {
	case 0: knobs->peeks = 0; return true;
	case 1: knobs->short_per_mille = 0; return true;
	case 2: knobs->stall_per_mille = 0; return true;
	case 3: knobs->latency_percent = 100; return true;
	case 4: knobs->retention_bytes = -1; return true;
	case 5: knobs->retention_ms = -1; return true;
	case 6: knobs->retention_check_ms = 0; return true;
	case 7: knobs->segment_ms = 604800000; return true;
	case 8: knobs->index_size_bytes = 10 << 20; return true;
	case 9: knobs->is_append_time = false; return true;
	default: return false;
	}
}
