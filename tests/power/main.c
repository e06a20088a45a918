/* Power cuts of a real broker on a real file system: see README.md here.
 *
 *   power SPATE ext4|xfs [--seed=N] [--time=S] [--images=N] [--flushes=N] [--samples=N]
 *   power SPATE ext4|xfs faults
 *   power SPATE kills [--seed=N] [--kills=N]       on a plain directory of $TMPDIR, without a disk of ours
 *
 * Rounds until the time is over (0: one, and up to three until an image had a record in it; none at all is a failure): a load on a fresh file system, every write and flush of its disk kept; then images of it, each mounted and judged. The last
 * line is "power ext4: ...", the status 0 if nothing was wrong, 77 if there is no FUSE, loop device or mkfs here. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/base/check.h"
#include "log/io/sim.h"
#include "tests/power/client.h"
#include "tests/power/cuts.h"
#include "tests/power/faults.h"
#include "tests/power/load.h"

#define SKIPPED 77

#define ROUNDS_MAX 3 /* without a time: until an image had a record in it */

struct run {
	const char *binary;
	enum volume_type type;
	uint64_t seed, time_s, images, flushes, samples, kills;
	char dir[150];
	/* Counted over all rounds. */
	uint64_t rounds, ops, acks, boundaries, boundaries_all, between, nested, unmountable, starts, records, wrong;
};

/* Little of everything, so that all of it is used up soon; the rest is drawn. */
static void draw_settings(uint64_t *random, const char **out)
{
	static const char *const direct[] = {"spate.direct.bytes=0", "spate.direct.bytes=16384", "spate.direct.bytes=1000000"};
	static const char *const io[] = {"spate.io=io_uring", "spate.io=syscalls"};
	uint32_t count = 0;
	out[count++] = "spate.journal.bytes=8388608";
	out[count++] = "spate.reserve.bytes=1048576";
	out[count++] = "spate.spare.bytes=4194304";
	out[count++] = "spate.cache.bytes=8388608";
	out[count++] = "offsets.topic.num.partitions=2";
	out[count++] = "auto.create.topics.enable=false";
	out[count++] = direct[sim_random(random) % COUNT_OF(direct)];
	out[count++] = io[sim_random(random) % 4 == 0];
	out[count++] = sim_random(random) % 3 ? "spate.shards=1" : "spate.shards=2";
	out[count] = NULL;
}

/* In two of three rounds the disk fails before the end: every write, those to a quarter of it, or every flush. */
static struct disk_fault draw_fault(uint64_t *random, uint64_t size)
{
	uint64_t from = sim_random(random) % 4 * (size / 4);
	switch (sim_random(random) % 9) {
	case 0: return (struct disk_fault){FAULT_WRITE, 0, size};
	case 1 ... 2: return (struct disk_fault){FAULT_WRITE, from, from + size / 4};
	case 3 ... 5: return (struct disk_fault){FAULT_FLUSH, 0, size};
	default: return (struct disk_fault){FAULT_NONE, 0, 0};
	}
}

static void say_settings(const struct run *run, uint64_t seed, const char *const *settings, const struct disk_fault *fault)
{
	static const char *const faults[] = {[FAULT_NONE] = "", [FAULT_WRITE] = "; then writes fail", [FAULT_FLUSH] = "; then flushes fail"};
	printf("# %s, seed %lu:", volume_name(run->type), (unsigned long)seed);
	for (; *settings; settings++)
		printf(" %s", *settings);
	printf("%s\n", faults[fault->kind]);
}

static uint8_t *copy_of(struct disk *disk)
{
	uint8_t *copy = mmap(NULL, disk_size(disk), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(copy != MAP_FAILED);
	for (uint64_t at = 0; at < disk_size(disk); at += 4096)
		if (memcmp(copy + at, disk_bytes(disk) + at, 4096) != 0)
			memcpy(copy + at, disk_bytes(disk) + at, 4096);
	return copy;
}

static int failed(const char *why)
{
	printf("FAIL  %s\n", why);
	return 1;
}

/* What the load leaves on the disk's list, then cut after cut. */
static int play(struct run *run, struct volume *volume, uint64_t seed, uint64_t until_ms)
{
	const char *settings[16];
	char why[300], data[260];
	uint64_t random = seed;
	struct broker broker = {.binary = run->binary, .data = data};
	struct disk *disk = volume->disk;
	snprintf(data, sizeof data, "%s/data", volume->dir);
	snprintf(broker.log, sizeof broker.log, "%s/log", run->dir);
	draw_settings(&random, settings);
	struct disk_fault fault = draw_fault(&random, disk_size(disk));
	say_settings(run, seed, settings, &fault);
	struct story *story = story_open(disk);
	struct judge judge = {.broker = &broker, .story = story, .settings = settings, .random = seed};
	uint8_t *base = copy_of(disk);
	struct cuts cuts = {.volume = volume, .judge = &judge, .base = base, .first = disk_now(disk), .images_max = run->images, .samples = (uint32_t)run->samples,
			    .until_ms = until_ms, .random = seed};
	struct load_options load = {.seed = seed, .flushes = run->flushes, .time_ms = 60000, .settings = settings, .fault = fault};
	int status = 0;
	if (!volume_mount(volume, why, sizeof why) || !broker_start(&broker, settings))
		status = failed("the first mount or start");
	else if (!load_run(&broker, story, disk, &load, why, sizeof why) || !volume_umount(volume, why, sizeof why))
		status = failed(why);
	broker_kill(&broker);
	cuts.last = disk_now(disk);
	if (!status)
		cuts_run(&cuts);
	run->rounds++;
	run->ops += cuts.last - cuts.first;
	run->acks += story_acks(story);
	run->boundaries += cuts.boundaries;
	run->boundaries_all += cuts.boundaries_all;
	run->between += cuts.between;
	run->nested += cuts.nested;
	run->starts += judge.starts;
	run->records += judge.records;
	run->unmountable += cuts.unmountable;
	run->wrong += cuts.wrong + (status != 0);
	munmap(base, disk_size(disk));
	story_close(story);
	return status;
}

static int round_of(struct run *run, uint64_t seed, uint64_t until_ms)
{
	char why[300], disk_dir[200], mount_dir[200];
	struct volume volume;
	snprintf(disk_dir, sizeof disk_dir, "%s/disk", run->dir);
	snprintf(mount_dir, sizeof mount_dir, "%s/mount", run->dir);
	mkdir(disk_dir, 0700);
	mkdir(mount_dir, 0700);
	struct disk *disk = disk_open(disk_dir, volume_size_least(run->type), why, sizeof why);
	if (!disk) {
		printf("skip  power %s: %s\n", volume_name(run->type), why);
		return SKIPPED;
	}
	int status = SKIPPED;
	if (!volume_make(&volume, run->type, disk, mount_dir, why, sizeof why)) {
		printf("skip  power %s: %s\n", volume_name(run->type), why);
	} else {
		status = play(run, &volume, seed, until_ms);
		volume_destroy(&volume);
	}
	disk_close(disk);
	umount2(disk_dir, MNT_DETACH);
	rmdir(disk_dir);
	rmdir(mount_dir);
	return status;
}

static bool take_option(struct run *run, const char *word)
{
	static const char *const names[] = {"--seed=", "--time=", "--images=", "--flushes=", "--samples=", "--kills="};
	uint64_t *const values[] = {&run->seed, &run->time_s, &run->images, &run->flushes, &run->samples, &run->kills};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strncmp(word, names[i], strlen(names[i])) == 0) {
			*values[i] = strtoull(word + strlen(names[i]), NULL, 10);
			return true;
		}
	return false;
}

static void say_result(const struct run *run)
{
	printf("power %s: %lu images (%lu of %lu flush boundaries, %lu between, %lu cut again in recovery, %lu that the file system itself refused), %lu starts, %lu records read; %lu rounds, %lu disk ops, %lu acks; "
	       "%lu wrong\n",
	       volume_name(run->type), (unsigned long)(run->boundaries + run->between + run->nested), (unsigned long)run->boundaries, (unsigned long)run->boundaries_all,
	       (unsigned long)run->between, (unsigned long)run->nested, (unsigned long)run->unmountable, (unsigned long)run->starts, (unsigned long)run->records, (unsigned long)run->rounds,
	       (unsigned long)run->ops, (unsigned long)run->acks, (unsigned long)run->wrong);
}

static int play_faults(const struct run *run)
{
	char why[300];
	struct faults_run faults = {.binary = run->binary, .dir = run->dir, .type = run->type};
	int failures = faults_run(&faults, why, sizeof why);
	if (failures < 0)
		printf("skip  power %s: %s\n", volume_name(run->type), why);
	return failures < 0 ? SKIPPED : failures > 0;
}

/* ---- kill -9 ------------------------------------------------------------------------------------------------------------------ */

#define KILLS_A_ROUND 25

static void remove_dir(const char *dir)
{
	char command[300];
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	CHECK(system(command) == 0);
}

/* One life of a directory; what is left of it is judged. */
static bool play_kills(struct run *run, uint64_t seed, uint64_t kills, struct load_options *load)
{
	const char *settings[16];
	const struct anomaly *anomalies;
	char why[300] = "", data[260];
	uint64_t random = seed;
	struct broker broker = {.binary = run->binary, .data = data};
	struct story_place place;
	snprintf(data, sizeof data, "%s/data", run->dir);
	snprintf(broker.log, sizeof broker.log, "%s/log", run->dir);
	draw_settings(&random, settings);
	struct story *story = story_open(NULL);
	struct judge judge = {.broker = &broker, .story = story, .settings = settings, .random = seed};
	*load = (struct load_options){.seed = seed, .settings = settings, .kills = kills};
	bool is_well = broker_start(&broker, settings) && load_run(&broker, story, NULL, load, why, sizeof why);
	broker_kill(&broker);
	story_begin(&place);
	if (is_well) {
		story_play(story, &place, 0);
		judge_image(&judge, &place, 0, true);
	} else {
		printf("FAIL  kills, seed %lu: %s\n", (unsigned long)seed, why);
	}
	for (uint32_t i = 0; i < history_anomalies(place.history, &anomalies) && i < 5; i++) {
		is_well = false;
		printf("FAIL  kills, seed %lu: %s\n", (unsigned long)seed, anomalies[i].text);
	}
	run->acks += story_acks(story);
	run->records += judge.records;
	story_end(&place);
	story_close(story);
	if (is_well || !getenv("KEEP"))
		remove_dir(data);
	return is_well;
}

static int play_all_kills(struct run *run)
{
	struct load_options load;
	uint64_t killed = 0, stopped = 0, slowest_ms = 0;
	run->type = VOLUME_EXT4;
	while (killed < run->kills && !run->wrong) {
		uint64_t left = run->kills - killed;
		run->wrong += !play_kills(run, run->seed++, left < KILLS_A_ROUND ? left : KILLS_A_ROUND, &load);
		killed += load.done.kills;
		stopped += load.done.stops;
		slowest_ms = load.done.slowest_start_ms > slowest_ms ? load.done.slowest_start_ms : slowest_ms;
		run->rounds++;
	}
	printf("kills: %lu kills and %lu stops in %lu directories, %lu acks, %lu records read back; the slowest start took %lu ms; %lu wrong\n", (unsigned long)killed,
	       (unsigned long)stopped, (unsigned long)run->rounds, (unsigned long)run->acks, (unsigned long)run->records, (unsigned long)slowest_ms,
	       (unsigned long)run->wrong);
	return run->wrong != 0;
}

/* ---- the command line ----------------------------------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
	struct run run = {.seed = 1, .flushes = 250, .samples = 1, .kills = 50};
	char why[300], file[200];
	bool has_kills = argc >= 3 && strcmp(argv[2], "kills") == 0;
	if (argc < 3 || (!has_kills && strcmp(argv[2], "ext4") != 0 && strcmp(argv[2], "xfs") != 0)) {
		fprintf(stderr, "usage: power SPATE ext4|xfs [--seed=N] [--time=S] [--images=N] [--flushes=N] [--samples=N]\n       power SPATE ext4|xfs faults\n"
				"       power SPATE kills [--seed=N] [--kills=N]\n");
		return 2;
	}
	bool has_faults = argc == 4 && strcmp(argv[3], "faults") == 0;
	for (int i = 3; i < argc && !has_faults; i++)
		if (!take_option(&run, argv[i])) {
			fprintf(stderr, "power: what is %s?\n", argv[i]);
			return 2;
		}
	run.binary = argv[1];
	run.type = strcmp(argv[2], "xfs") == 0 ? VOLUME_XFS : VOLUME_EXT4;
	setlinebuf(stdout);
	if (!has_kills && !volume_prepare(why, sizeof why)) {
		printf("skip  power %s: %s\n", argv[2], why);
		return SKIPPED;
	}
	snprintf(run.dir, sizeof run.dir, "%s/spate-power.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	CHECK(mkdtemp(run.dir));
	uint64_t until_ms = run.time_s ? clock_ms() + run.time_s * 1000 : 0;
	int status;
	if (has_kills)
		status = play_all_kills(&run);
	else if (has_faults)
		status = play_faults(&run);
	else do
		status = round_of(&run, run.seed++, until_ms);
	while (status == 0 && !run.wrong && (until_ms ? clock_ms() < until_ms : run.records == 0 && run.rounds < ROUNDS_MAX));
	snprintf(file, sizeof file, "%s/log", run.dir);
	unlink(file);
	rmdir(run.dir);
	if (status == SKIPPED || has_faults || has_kills)
		return status;
	say_result(&run);
	if (!status && run.records == 0)
		printf("FAIL  power %s: no image had a record to lose: nothing was shown; give it more time, or another seed\n", volume_name(run.type));
	return run.wrong || status || run.records == 0 ? 1 : 0;
}
