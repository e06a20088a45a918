/* What `repair` does is what it said with is_dry_run: the same steps, once each. */
#include <criterion/criterion.h>

#include "tests/unit/log/repair/steps.h"

/* One damaged range each: it is fenced, and not told of again as one that is fenced already; the next call tells that. */
Test(same_steps, of_a_damaged_range, .timeout = 60)
{
	static const char *const cases[] = {"a flipped bit", "a missing file", "a file cut short", "an empty file", "a file under another name"};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct world world;
		struct steps dry, real, again;
		struct repair_report report;
		char log[128];
		make_stopped(&world, 30 + i);
		log_path(&world, 2, log);
		struct place place = rot_batch(&world, log, 2);
		switch (i) {
		case 0: rot_flip(&world, log, place.end - 1, 1); break;
		case 1: rot_unlink(&world, log); break;
		case 2: rot_cut(&world, log, place.position); break;
		case 3: rot_cut(&world, log, 0); break;
		default: rot_rename(&world, log, "/t-0/00000000000000000207.log"); break;
		}
		repair(&world, true, &dry, &report);
		cr_assert(dry.count >= 1 && report.steps[REPAIR_FENCE] == 1, "%s: %u steps", cases[i], dry.count);
		repair(&world, false, &real, &report);
		cr_assert_eq(memcmp(&dry, &real, sizeof dry), 0, "%s: %u steps, and %u were said", cases[i], real.count, dry.count);
		repair(&world, false, &again, &report);
		cr_assert_eq(again.count, report.steps[REPAIR_NOTHING], "%s", cases[i]);
		cr_assert_geq(again.count, 1, "%s", cases[i]);
		end_world(&world);
	}
}
