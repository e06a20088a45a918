/* Every scene: a broker writes, some of it small (through the journal), some large (straight to the segments); the disk fails in one way; what is
 * said and served meanwhile is judged; the disk is well again, the file system mounted anew, and all that was acknowledged must be there.
 *
 * What lies where on the disk is found by looking for the bytes. */
#include "tests/power/faults.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/base/check.h"
#include "log/journal/journal_format.h"
#include "tests/power/calls.h"
#include "tests/power/judge.h"
#include "tests/sim_broker/record.h"

#define LARGE_FILLER 100000
#define SMALL_FILLER 300
#define BATCHES 24
#define STRUCK 3                   /* the offset of the record that is struck: in the first segment of three */
#define LARGE_PARTITION 0
#define SMALL_PARTITION 1
#define BROKEN "durability is broken"

static const char *const settings[] = {"spate.journal.bytes=8388608", "spate.reserve.bytes=1048576", "spate.cache.bytes=4194304", "spate.direct.bytes=16384",
				       "auto.create.topics.enable=false", "offsets.topic.num.partitions=1", NULL};

struct scene {
	struct volume *volume;
	struct disk *disk;
	struct broker broker;
	struct story *story;
	struct client *client;
	uint32_t topic;
	uint64_t large_marks[BATCHES]; /* of the record at that offset of the large partition */
	char why[600];                 /* the first thing that was wrong */
};

PRINTF_LIKE(3, 4)
static bool must(struct scene *scene, bool is_so, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	if (!is_so && !*scene->why)
		vsnprintf(scene->why, sizeof scene->why, format, arguments);
	va_end(arguments);
	return is_so;
}

/* ---- what the scenes do ------------------------------------------------------------------------------------------------------- */

static bool start(struct scene *scene)
{
	char line[300] = "nothing";
	if (broker_start(&scene->broker, settings) && client_connect(scene->client, scene->broker.port))
		return true;
	broker_said(&scene->broker, "spate", line, sizeof line);
	return must(scene, false, "the broker does not start: %.300s", line);
}

static bool mount_again(struct scene *scene)
{
	char why[200];
	client_break(scene->client);
	if ((scene->volume->is_mounted && !volume_drop(scene->volume, why, sizeof why)) || !volume_mount(scene->volume, why, sizeof why))
		return must(scene, false, "the file system cannot be mounted again: %s", why);
	return true;
}

/* One batch of one record; the error, or 0. */
static int write_one(struct scene *scene, uint32_t partition, uint64_t *mark)
{
	uint32_t size, filler = partition == LARGE_PARTITION ? LARGE_FILLER : SMALL_FILLER;
	int64_t offset;
	*mark = story_next_marks(scene->story, 1);
	uint8_t *batch = call_make_batch(*mark, 1, filler, -1, -1, -1, &size);
	if (!client_connect(scene->client, scene->broker.port)) {
		free(batch);
		return -1;
	}
	uint64_t send = story_sent(scene->story, scene->topic, partition, 1, *mark, 1);
	int err = call_produce(scene->client, "orders", partition, batch, size) ? call_produced(scene->client, &offset) : -1;
	if (err == 0)
		story_acked(scene->story, send, offset);
	else
		client_break(scene->client);
	free(batch);
	return err;
}

static bool write_all(struct scene *scene)
{
	struct uuid id;
	uint64_t mark;
	int err = call_create_topic(scene->client, "orders", STORY_PARTITIONS, "604800000", &id);
	if (!must(scene, err == 0, "the topic is not made: error %d", err))
		return false;
	scene->topic = story_made(scene->story, "orders", &id);
	for (uint32_t i = 0; i < BATCHES; i++) {
		err = write_one(scene, LARGE_PARTITION, &scene->large_marks[i]);
		if (!err)
			err = write_one(scene, SMALL_PARTITION, &mark);
		if (!must(scene, err == 0, "a record is refused on a disk that is well: error %d", err))
			return false;
	}
	return true;
}

/* All that was acknowledged is there, and nothing else is wrong; `from`..`to` of the large partition may be damaged. */
static void judge(struct scene *scene, bool is_running, int64_t from, int64_t to)
{
	struct judge one = {.broker = &scene->broker, .story = scene->story, .settings = settings, .random = 1};
	struct story_place place;
	const struct anomaly *anomalies;
	story_begin(&place);
	story_play(scene->story, &place, disk_now(scene->disk));
	history_allow_damage(place.history, story_partition(scene->topic, LARGE_PARTITION), from, to);
	if (is_running) {
		one.damage_is_named = from < to;
		judge_running(&one, &place, disk_now(scene->disk));
	} else {
		judge_image(&one, &place, disk_now(scene->disk), true);
	}
	if (history_anomalies(place.history, &anomalies))
		must(scene, false, "%s", anomalies[0].text);
	story_end(&place);
}

static void fail_disk(struct scene *scene, enum disk_fault_kind kind, uint64_t from, uint64_t to)
{
	disk_set_faults(scene->disk, &(struct disk_fault){kind, from, to}, 1);
}

static void heal_disk(struct scene *scene)
{
	disk_set_faults(scene->disk, NULL, 0);
}

/* Where these bytes are on the disk, behind `behind`; UINT64_MAX: nowhere. */
static uint64_t find(const struct scene *scene, const void *bytes, size_t size, uint64_t behind)
{
	const uint8_t *disk = disk_bytes(scene->disk), *at = memmem(disk + behind, disk_size(scene->disk) - behind, bytes, size);
	return at ? (uint64_t)(at - disk) : UINT64_MAX;
}

/* Every copy of a record of the large partition: one in the journal too, if it went that way. How many; 0: none, and that is said. */
static uint32_t fail_record(struct scene *scene, enum disk_fault_kind kind, uint32_t offset)
{
	struct disk_fault faults[DISK_FAULTS_MAX];
	uint8_t value[RECORD_VALUE_MIN + 100];
	struct slice wanted = record_value(value, scene->large_marks[offset], 100);
	uint32_t count = 0;
	for (uint64_t at = 0; count < DISK_FAULTS_MAX && (at = find(scene, wanted.data, wanted.size, at)) != UINT64_MAX; at += wanted.size)
		faults[count++] = (struct disk_fault){kind, at + 5000, at + 5001};
	disk_set_faults(scene->disk, faults, count);
	must(scene, count > 0, "a record is not to be found on the disk");
	return count;
}

/* ---- a disk that takes no more writes -------------------------------------------------------------------------------------------- */

/* Nothing is acknowledged from here on, the broker says so and lives, and behind a restart all is well. */
static void be_broken(struct scene *scene, enum disk_fault_kind kind, uint64_t from, uint64_t to)
{
	uint64_t mark;
	int status = 0;
	fail_disk(scene, kind, from, to);
	for (uint32_t i = 0; i < 4; i++)
		must(scene, write_one(scene, i % 2 ? LARGE_PARTITION : SMALL_PARTITION, &mark) != 0, "a record is acknowledged, and the disk fails");
	must(scene, disk_faults_struck(scene->disk) > 0, "the fault never struck");
	must(scene, !broker_is_gone(&scene->broker, &status), "the broker ended by itself, with status %d", status);
	must(scene, broker_said(&scene->broker, BROKEN, NULL, 0), "the log does not say that durability is broken");
	heal_disk(scene);
	must(scene, write_one(scene, SMALL_PARTITION, &mark) != 0, "a record is acknowledged after a failed write, without a restart");
	status = broker_stop(&scene->broker);
	must(scene, status > 0 && status < 128, "a stop of a broker whose durability is broken ends with status %d", status);
	if (mount_again(scene))
		judge(scene, false, 0, 0);
}

static void writes_fail(struct scene *scene)
{
	if (write_all(scene))
		be_broken(scene, FAULT_WRITE, 0, disk_size(scene->disk));
}

static void flushes_fail(struct scene *scene)
{
	if (write_all(scene))
		be_broken(scene, FAULT_FLUSH, 0, 0);
}

/* The journal's file alone: the file system is well. */
static void journal_writes_fail(struct scene *scene)
{
	if (!write_all(scene))
		return;
	uint64_t at = find(scene, "SPATEJNL", 8, 0);
	if (must(scene, at != UINT64_MAX, "no journal is to be found"))
		be_broken(scene, FAULT_WRITE, at, at + (8 << 20));
}

/* ---- a disk that does not give back ------------------------------------------------------------------------------------------------ */

static void no_record(void *context, int64_t offset, uint64_t mark, int64_t timestamp_ms)
{
}

static int read_at(struct scene *scene, uint32_t partition, int64_t offset)
{
	int64_t high_watermark, next = offset;
	int err = client_connect(scene->client, scene->broker.port) ? call_fetch(scene->client, "orders", partition, &next, &high_watermark, no_record, NULL) : -1;
	return err ? err : next > offset ? 0 : -2;
}

/* The file system is unmounted as one does it: nothing is lost, not even what nobody synced. */
static bool stop_and_mount_again(struct scene *scene)
{
	char why[200];
	client_break(scene->client);
	int status = broker_stop(&scene->broker);
	if (!must(scene, status == 0, "a clean stop ends with status %d", status))
		return false;
	return volume_umount(scene->volume, why, sizeof why) ? mount_again(scene) : must(scene, false, "%s", why);
}

/* A read error is no damage: these records are not served while it lasts, all others are, and behind it they are again. */
static void reads_of_records_fail(struct scene *scene)
{
	uint64_t mark;
	if (!write_all(scene) || !stop_and_mount_again(scene) || !fail_record(scene, FAULT_READ, STRUCK) || !start(scene))
		return;
	int err = read_at(scene, LARGE_PARTITION, STRUCK);
	must(scene, err > 0, "a fetch of what cannot be read is answered with %d", err);
	must(scene, err != 2, "a read that fails is called damage");
	must(scene, disk_faults_struck(scene->disk) > 0, "the fault never struck");
	err = read_at(scene, LARGE_PARTITION, STRUCK - 1);
	must(scene, err == 0, "what lies before it is not served: %d", err);
	err = read_at(scene, LARGE_PARTITION, STRUCK + 1);
	must(scene, err == 0, "what lies behind it is not served: %d", err);
	must(scene, read_at(scene, SMALL_PARTITION, 0) == 0, "another partition is not served");
	must(scene, write_one(scene, LARGE_PARTITION, &mark) == 0, "records are refused, for a read that failed");
	heal_disk(scene);
	judge(scene, true, 0, 0);
	broker_kill(&scene->broker);
	if (mount_again(scene))
		judge(scene, false, 0, 0);
}

/* Whatever of its own files a start cannot read, it refuses, changes nothing, and starts when it can. */
static void reads_of_start_fail(struct scene *scene)
{
	static const char *const magics[] = {"SPATEJNL", "SPATECAT"};
	if (!write_all(scene))
		return;
	broker_kill(&scene->broker);
	for (uint32_t i = 0; i < COUNT_OF(magics) && mount_again(scene); i++) {
		uint64_t at = find(scene, magics[i], 8, 0);
		if (!must(scene, at != UINT64_MAX, "%s is not to be found", magics[i]))
			return;
		fail_disk(scene, FAULT_READ, at, at + 4096);
		bool has_started = broker_start(&scene->broker, settings);
		must(scene, !has_started, "the broker starts, and cannot read %s", magics[i]);
		must(scene, disk_faults_struck(scene->disk) > 0, "the fault of %s never struck", magics[i]);
		broker_kill(&scene->broker);
		heal_disk(scene);
	}
	if (mount_again(scene))
		judge(scene, false, 0, 0);
}

/* The last group that is whole on the disk: no cycle can have let it go. UINT64_MAX: there is none. */
static uint64_t find_last_group(const struct scene *scene)
{
	const uint8_t *disk = disk_bytes(scene->disk);
	uint64_t last = UINT64_MAX, last_seq = 0;
	for (uint64_t at = 0; at < disk_size(scene->disk); at += JOURNAL_BLOCK_SIZE) {
		struct group_header header;
		uint64_t seed = group_header_seed(disk + at);
		if (!seed || !group_header_decode(&header, seed, disk_size(scene->disk) - at, disk + at) || header.seq < last_seq)
			continue;
		last = at;
		last_seq = header.seq;
	}
	return last;
}

/* A group that is in the journal alone cannot be read: a start refuses, and loses none. */
static void reads_of_groups_fail(struct scene *scene)
{
	if (!write_all(scene))
		return;
	broker_kill(&scene->broker);
	if (!mount_again(scene))
		return;
	uint64_t at = find_last_group(scene);
	if (!must(scene, at != UINT64_MAX, "no group is to be found"))
		return;
	fail_disk(scene, FAULT_READ, at, at + JOURNAL_BLOCK_SIZE);
	bool has_started = broker_start(&scene->broker, settings);
	must(scene, !has_started, "the broker starts, and cannot read a group of the journal");
	must(scene, disk_faults_struck(scene->disk) > 0, "the fault never struck");
	broker_kill(&scene->broker);
	heal_disk(scene);
	if (mount_again(scene))
		judge(scene, false, 0, 0);
}

/* ---- rot ---------------------------------------------------------------------------------------------------------------------------- */

/* Bytes that come back otherwise than they were written are never served; that batch alone is damaged, and `log verify` names it. */
static void records_rot(struct scene *scene)
{
	char command[500], why[300] = "";
	if (!write_all(scene) || !stop_and_mount_again(scene) || !fail_record(scene, FAULT_FLIP, STRUCK) || !start(scene))
		return;
	int err = read_at(scene, LARGE_PARTITION, STRUCK);
	must(scene, err == 2, "a fetch of what has rotted is answered with %d, not CORRUPT_MESSAGE", err);
	judge(scene, true, STRUCK, STRUCK + 1);
	int status = broker_stop(&scene->broker);
	must(scene, status == 0, "a stop beside damage ends with status %d", status);
	snprintf(command, sizeof command, "%s log verify %s 2>&1", scene->broker.binary, scene->broker.data);
	FILE *verify = popen(command, "r");
	bool is_named = false;
	while (verify && fgets(why, sizeof why, verify))
		is_named |= strstr(why, "DAMAGE  orders-0, offsets 3 to 3:") != NULL;
	status = verify ? pclose(verify) : -1;
	must(scene, is_named && WEXITSTATUS(status) == 4, "log verify does not name it (status %d)", WEXITSTATUS(status));
	heal_disk(scene);
}

/* ---- all of them ---------------------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*play)(struct scene *scene);
} scenes[] = {
	{"every write fails: nothing is acknowledged, durability is broken, and a restart has all", writes_fail},
	{"every flush fails: the same", flushes_fail},
	{"writes to the journal alone fail: the same", journal_writes_fail},
	{"a record cannot be read: it is not served, nor called damaged; all else goes on", reads_of_records_fail},
	{"the journal's or the catalog's head cannot be read: a start refuses, and changes nothing", reads_of_start_fail},
	{"a group of the journal cannot be read: a start refuses, and loses nothing", reads_of_groups_fail},
	{"a record rots: that batch alone is damaged, and is named", records_rot},
};

static void play(const struct faults_run *run, struct volume *volume, size_t number, char *out, size_t out_size)
{
	char data[260], why[200];
	struct scene scene = {.volume = volume, .disk = volume->disk, .broker = {.binary = run->binary, .data = data}, .client = client_create()};
	snprintf(data, sizeof data, "%s/data", volume->dir);
	snprintf(scene.broker.log, sizeof scene.broker.log, "%s/log", run->dir);
	scene.story = story_open(volume->disk);
	if (!volume_mount(volume, why, sizeof why))
		must(&scene, false, "%s", why);
	else if (start(&scene))
		scenes[number].play(&scene);
	heal_disk(&scene);
	broker_kill(&scene.broker);
	client_destroy(scene.client);
	story_close(scene.story);
	snprintf(out, out_size, "%s", scene.why);
}

int faults_run(const struct faults_run *run, char *why, size_t why_size)
{
	char disk_dir[200], mount_dir[200], wrong[600];
	int failures = 0;
	snprintf(disk_dir, sizeof disk_dir, "%s/disk", run->dir);
	snprintf(mount_dir, sizeof mount_dir, "%s/mount", run->dir);
	mkdir(disk_dir, 0700);
	mkdir(mount_dir, 0700);
	for (size_t i = 0; i < COUNT_OF(scenes) && failures >= 0; i++) {
		struct volume volume;
		struct disk *disk = disk_open(disk_dir, volume_size_least(run->type), why, why_size);
		if (!disk || !volume_make(&volume, run->type, disk, mount_dir, why, why_size)) {
			failures = -1;
		} else {
			play(run, &volume, i, wrong, sizeof wrong);
			volume_destroy(&volume);
			printf(*wrong ? "FAIL  %s, %s: %s\n" : "ok    %s, %s\n", volume_name(run->type), scenes[i].name, wrong);
			failures += *wrong != 0;
		}
		if (disk)
			disk_close(disk);
		umount2(disk_dir, MNT_DETACH);
	}
	rmdir(disk_dir);
	rmdir(mount_dir);
	return failures;
}
