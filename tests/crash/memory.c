/* The k-th allocation fails, for every k of a long workload and of the recoveries in it, and of what the verifier does with a few directories, whole and damaged
 * (tests/crash/README.md).
 *
 *   memory [--seed=N] [--step=N]   --step=7 takes every seventh k alone */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <xxhash.h>

#include "log/verify/verify.h"
#include "tests/crash/lib/allocations.h"
#include "tests/crash/lib/scene.h"

static const struct explorer *current;

static void tell_context(FILE *out)
{
	fprintf(out, "      in: %s\n", current->story);
}

/* ---- the verifier ------------------------------------------------------------------------------------------------------ */

#define SCENES 4

/* What it told, in its order. */
struct told {
	uint32_t count;
	uint64_t hash;
	char first_of_more[1024]; /* behind as many as there are with memory */
	uint32_t usual;
};

static void hear(void *context, const struct finding *finding)
{
	struct told *told = context;
	char text[1024];
	int size = snprintf(text, sizeof text, "%d %s-%d [%ld, %ld) %s %s", finding->kind, finding->topic ? finding->topic : "", finding->partition, (long)finding->from,
			    (long)finding->to, finding->file, finding->what);
	told->hash = XXH3_64bits_withSeed(text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1, told->hash);
	if (told->count++ == told->usual)
		memcpy(told->first_of_more, text, sizeof text);
}

/* With the k-th allocation failing. */
static int verify(struct sim_disk *disk, uint64_t k, struct told *told, bool *has_struck)
{
	static struct verify_report report;
	struct verify_options options = {.dir = "/", .found = hear, .context = told};
	struct io *io;
	*told = (struct told){.usual = told->usual};
	if (io_open(&io, &(struct io_options){.backend = IO_SIM, .disk = disk, .seed = 5}))
		abort();
	allocations_fail(k, false);
	int err = verify_directory(io, &options, &report);
	*has_struck = allocations_count() >= k;
	allocations_fail(0, false);
	io_close(io);
	return err;
}

static void unlink_files(struct sim_disk *disk, const struct scene_files *files, const char *what)
{
	struct io *io;
	if (io_open(&io, &(struct io_options){.backend = IO_SIM, .disk = disk, .seed = 5}))
		abort();
	for (uint32_t i = 0; i < files->count; i++)
		if (strstr(files->files[i].path, what) && io_unlink(io, files->files[i].path))
			abort();
	io_close(io);
}

static void flip_logs(struct sim_disk *disk, const struct scene_files *files)
{
	for (uint32_t i = 0; i < files->count; i++)
		if (strstr(files->files[i].path, "0.log") && files->files[i].size > 90 && sim_disk_flip_bit(disk, files->files[i].path, files->files[i].size / 2, 3))
			abort();
}

/* It says that it has no memory, or all that it says with it: what is damaged is not whole for that, nor is anything named that is not. */
static uint64_t verify_short_of_memory(struct explorer *explorer, struct sim_disk *disk, const char *story, uint64_t step)
{
	static struct told whole, told;
	uint64_t count = 0;
	bool has_struck = true;
	if (verify(disk, 0, &whole, &has_struck))
		abort();
	told.usual = whole.count;
	for (uint64_t k = 1; has_struck; k += step, count += has_struck) {
		int err = verify(disk, k, &told, &has_struck);
		if (err ? err == -ENOMEM : told.count == whole.count && told.hash == whole.hash)
			continue;
		printf("FAIL  %s: without memory at allocation %lu the verifier ends with %s, and tells %u findings of %u; %s\n", story, (unsigned long)k, err_name(err), told.count,
		       whole.count, told.first_of_more);
		explorer->failures++;
	}
	return count;
}

/* ---- the repair ---------------------------------------------------------------------------------------------------------- */

/* It ends with that, or has done it; and done again with memory it leaves what it leaves when there was memory all the time. */
static uint64_t repair_short_of_memory(struct explorer *explorer, struct sim_disk *damaged, const char *story, uint64_t step)
{
	static struct told whole, told;
	char why[1280] = "";
	uint64_t count = 0;
	bool has_struck = true, ignored;
	struct sim_disk *disk = sim_disk_copy(damaged);
	whole.usual = 0;
	int first = machine_repair(disk, 1, why, sizeof why), then = verify(disk, 0, &whole, &ignored);
	if (first || then) {
		printf("FAIL  %s: the repair ends with %s (%s), the verifier with %s\n", story, err_name(first), why, err_name(then));
		explorer->failures++;
	}
	sim_disk_close(disk);
	told.usual = whole.count;
	for (uint64_t k = 1; has_struck; k += step, count += has_struck) {
		disk = sim_disk_copy(damaged);
		allocations_fail(k, false);
		int err = machine_repair(disk, 1, why, sizeof why);
		has_struck = allocations_count() >= k;
		allocations_fail(0, false);
		int again = machine_repair(disk, 1, why, sizeof why);
		if ((err && err != -ENOMEM) || again || verify(disk, 0, &told, &ignored) || told.count != whole.count) {
			printf("FAIL  %s: without memory at allocation %lu the repair ends with %s, again with %s (%s), and %u findings are left of %u; %s\n", story, (unsigned long)k,
			       err_name(err), err_name(again), why, told.count, whole.count, told.first_of_more);
			explorer->failures++;
		}
		sim_disk_close(disk);
	}
	return count;
}

/* Directories as they were left, without their checkpoints, with rot, and both. */
static uint64_t verify_scenes(struct explorer *explorer, uint64_t seed, uint64_t step)
{
	static struct scene scene;
	static struct model model;
	machine_set_journal_size(MACHINE_JOURNAL_SIZE_REAL); /* one that a repair opens by the configuration */
	struct sim_disk *base = workload_base(&model);
	char story[320];
	uint64_t count = 0;
	for (uint64_t nth = 0; nth < SCENES; nth++) {
		if (!scene_make(&scene, base, &model, seed + nth))
			abort();
		for (int damage = 0; damage < 4; damage++) {
			struct sim_disk *disk = sim_disk_copy(scene.disk);
			if (damage & 1)
				unlink_files(disk, &scene.now, "checkpoint-");
			if (damage & 2)
				flip_logs(disk, &scene.now);
			snprintf(story, sizeof story, "%s%s%s, seed %lu", scene.story, damage & 1 ? "; no checkpoint" : "", damage & 2 ? "; rot" : "", (unsigned long)(seed + nth));
			count += verify_short_of_memory(explorer, disk, story, step);
			if (damage == 3)
				count += repair_short_of_memory(explorer, disk, story, step);
			sim_disk_close(disk);
		}
		scene_free(&scene);
	}
	sim_disk_close(base);
	return count;
}

/* ---- all ------------------------------------------------------------------------------------------------------------------ */

int main(int argc, char **argv)
{
	static const struct option names[] = {{"seed", 1, NULL, 's'}, {"step", 1, NULL, 'k'}, {"first", 1, NULL, 'f'}, {NULL, 0, NULL, 0}};
	static struct explorer explorer;
	static struct model model;
	uint64_t seed = 1, step = 1, first = 0, count = 0;
	char story[128];
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;)
		switch (c) {
		case 's': seed = strtoull(optarg, NULL, 10); break;
		case 'k': step = strtoull(optarg, NULL, 10); break;
		case 'f': first = strtoull(optarg, NULL, 10); break;
		default: return 2;
		}
	machine_init();
	struct sim_disk *base = workload_base(&model);
	explore_init(&explorer, seed);
	explorer.moment_of = explorer.deeper_of = explorer.live_of = 0; /* power cuts are for the other programs */
	current = &explorer;
	machine_on_abort(tell_context);
	double began_s = explore_clock_s();
	for (int is_sticky = 0; is_sticky < 2; is_sticky++)
		for (uint64_t k = first ? first : 1 + seed % step, has_struck = true; has_struck && !explorer.failures; k += step, count += has_struck) {
			struct workload_fault fault = {.k = k, .seed = seed, .is_sticky = is_sticky, .is_allocation = true};
			snprintf(story, sizeof story, "no memory at allocation %lu%s, seed %lu", (unsigned long)k, is_sticky ? " and later" : "", (unsigned long)seed);
			explorer.story = story;
			has_struck = workload_run_faulty(&explorer, &fault, base, &model);
		}
	if (!explorer.failures)
		count += verify_scenes(&explorer, seed, step);
	printf("%s  %lu failed allocations, in %.1f s; %lu wrong; seed %lu\n", explorer.failures ? "FAIL" : "ok  ", (unsigned long)count, explore_clock_s() - began_s,
	       (unsigned long)explorer.failures, (unsigned long)seed);
	explore_fini(&explorer);
	sim_disk_close(base);
	return explorer.failures != 0;
}
