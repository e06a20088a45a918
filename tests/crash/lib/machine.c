/* Small sizes throughout: a recovery costs as much as it touches, and there are millions of them. Of the journal a sixteenth is a group, and that has
 * room for the largest batch here: one that has none waits while the disk is full. */
#include "tests/crash/lib/machine.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "log/repair/repair.h"
#include "tests/sim_broker/heap.h"

#define TURNS_MAX 200000

static struct broker_config *config;
static uint64_t journal_size_bytes_now = MACHINE_JOURNAL_SIZE;
static char words[4096];
static machine_context_fn *context_of_abort;

/* ---- words -------------------------------------------------------------------------------------------------------- */

static ssize_t keep_words(void *cookie, const char *text, size_t size)
{
	size_t kept = size < sizeof words - 1 ? size : sizeof words - 1;
	memcpy(words, text + (size - kept), kept);
	words[kept] = 0;
	return (ssize_t)size;
}

void machine_set_journal_size(uint64_t size_bytes)
{
	journal_size_bytes_now = size_bytes;
}

const char *machine_last_words(void)
{
	fflush(stderr);
	return words;
}

static void aborted(int number)
{
	signal(number, SIG_DFL);
	printf("FAIL  the log ended the program (signal %d): %s\n", number, machine_last_words());
	if (context_of_abort)
		context_of_abort(stdout);
	fflush(stdout);
	raise(number);
}

void machine_on_abort(machine_context_fn *context)
{
	context_of_abort = context;
}

void machine_init(void)
{
	heap_enter(HEAP_RUN); /* what comes and goes with each recovery comes from a list of its size, and never from the kernel */
	if (!getenv("CRASH_STDERR")) {
		stderr = fopencookie(NULL, "w", (cookie_io_functions_t){.write = keep_words});
		setvbuf(stderr, NULL, _IOLBF, 4096);
	}
	signal(SIGABRT, aborted);
	signal(SIGSEGV, aborted);
	if (broker_config_create(&config))
		abort();
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static int open_store(struct machine *machine)
{
	struct catalog_knowledge known = {.is_loss_accepted = machine->options.is_loss_accepted};
	struct ring_image *image;
	int err = store_read_catalog_mark_keeping(machine->io, "/", 1, &known.mark, &image);
	if (!err)
		err = catalog_open_knowing(&machine->catalog, machine->io, "/", config, &known, &machine->found);
	if (err) {
		store_free_journal_image(image);
		return err;
	}
	machine->image = catalog_image_acquire(machine->catalog);
	machine->options.incarnation = catalog_incarnation(machine->catalog);
	machine->options.journal_incarnation = catalog_journal_incarnation(machine->catalog);
	machine->options.directory_id = catalog_directory_id(machine->catalog);
	machine->options.is_catalog_new = machine->found.was_created;
	struct store_options options = machine->options;
	options.journal_image = image;
	err = store_open(&machine->store, machine->io, &options, machine->image, &machine->report);
	if (!err && machine->report.offline_partitions) /* what a start that could not read a partition says of it is of an earlier time: the next one is asked */
		return -EIO;
	return err || !store_has_started(machine->store) ? err : catalog_note_journals(machine->catalog);
}

int machine_open(struct machine *machine, struct sim_disk *disk, uint64_t seed)
{
	return machine_open_accepting(machine, disk, seed, false);
}

int machine_open_accepting(struct machine *machine, struct sim_disk *disk, uint64_t seed, bool is_loss_accepted)
{
	*machine = (struct machine){.disk = disk};
	machine->options = (struct store_options){
		.dir = "/",
		.shard_count = 1,
		.journal_size_bytes = journal_size_bytes_now,
		.cache_size_bytes = 1 << 20,
		.direct_size_bytes_min = 2500,
		.producers_max = 100,
		.producer_expiration_ms = 86400000,
		.is_loss_accepted = is_loss_accepted,
	};
	struct io_options options = {.backend = IO_SIM, .disk = disk, .seed = seed};
	int err = io_open(&machine->io, &options);
	return err ? err : open_store(machine);
}

const char *machine_why(const struct machine *machine)
{
	return *machine->found.why ? machine->found.why : machine->report.why;
}

int machine_repair(struct sim_disk *disk, uint64_t seed, char *why, size_t why_size)
{
	struct io *io;
	struct io_options options = {.backend = IO_SIM, .disk = disk, .seed = seed};
	struct repair_options repair = {.dir = "/", .config = config, .is_loss_accepted = true};
	static struct repair_report report;
	int err = io_open(&io, &options);
	if (err)
		return err;
	err = repair_directory(io, &repair, &report);
	snprintf(why, why_size, "%s", report.why);
	io_close(io);
	return err;
}

void machine_close(struct machine *machine)
{
	struct store *store = machine->store;
	machine->store = NULL; /* who looks in while it closes finds none */
	if (store)
		store_close(store);
	if (machine->image)
		catalog_image_release(machine->image);
	if (machine->catalog)
		catalog_close(machine->catalog);
	io_close(machine->io);
	*machine = (struct machine){.disk = machine->disk};
}

void machine_turn(struct machine *machine)
{
	store_turn(machine->store);
	if (io_turn(machine->io, true) < 0)
		machine->is_broken = true;
	store_turn(machine->store);
}

static void nothing(struct io_timer *timer)
{
}

void machine_idle(struct machine *machine, uint64_t duration_ns)
{
	uint64_t until_ns = io_now_ns(machine->io) + duration_ns;
	struct io_timer timer = {.run = nothing};
	io_timer_set(machine->io, &timer, until_ns);
	while (!machine->is_broken && io_now_ns(machine->io) < until_ns)
		machine_turn(machine);
	io_timer_cancel(machine->io, &timer);
}

bool machine_stop(struct machine *machine)
{
	store_stop(machine->store);
	for (int turns = 0; !store_is_stopped(machine->store) && turns < TURNS_MAX && !machine->is_broken; turns++) {
		store_turn(machine->store);
		if (!store_is_stopped(machine->store) && io_turn(machine->io, true) < 0)
			machine->is_broken = true;
	}
	bool is_clean = store_is_stopped(machine->store) && !store_has_failed(machine->store);
	machine_close(machine);
	return is_clean;
}

void machine_take_image(struct machine *machine)
{
	const struct catalog_image *image = catalog_image_acquire(machine->catalog);
	store_set_image(machine->store, image);
	catalog_image_release(machine->image);
	machine->image = image;
}

struct partition *machine_partition(struct machine *machine, const struct uuid *topic, uint32_t index)
{
	return store_partition(machine->store, topic, index);
}
