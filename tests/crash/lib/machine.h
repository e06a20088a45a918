/* A store on a simulated disk, without a test framework: opened, run, looked at, stopped, closed. One thread. It judges nothing. */
#pragma once

#include <stdio.h>

#include "log/catalog/catalog.h"
#include "log/io/sim.h"
#include "log/partition/partition.h"
#include "log/store/store.h"

/* A group is a sixteenth of it. */
#define MACHINE_JOURNAL_SIZE (192u << 10)
/* The least that an operator may have as well: `spate log repair` knows no smaller ones. */
#define MACHINE_JOURNAL_SIZE_REAL (1u << 20)

struct machine {
	struct sim_disk *disk;
	struct io *io;
	struct catalog *catalog;
	const struct catalog_image *image;
	struct store *store;
	struct store_options options;
	struct catalog_report found;
	struct store_report report;
	bool is_broken; /* the loop itself failed */
};

/* Once, before all else: what the log says on stderr is kept aside. */
void machine_init(void);
/* Of journals that are made from now on; MACHINE_JOURNAL_SIZE at first. */
void machine_set_journal_size(uint64_t size_bytes);
/* The last thing that the log said. */
const char *machine_last_words(void);

/* A pause of the log, a CHECK: prints what was going on. */
typedef void machine_context_fn(FILE *out);
void machine_on_abort(machine_context_fn *context);

/* Opens catalog and store on the disk as it is. 0, or what failed; close it in either case. */
int machine_open(struct machine *machine, struct sim_disk *disk, uint64_t seed);
/* The same; what is lost is given up if that is accepted (spate.accept.loss). */
int machine_open_accepting(struct machine *machine, struct sim_disk *disk, uint64_t seed, bool is_loss_accepted);
/* What it said when opening failed; "" if nothing. */
const char *machine_why(const struct machine *machine);
/* `spate log repair` on the disk as it is, with losses accepted. 0, or what failed and why. */
int machine_repair(struct sim_disk *disk, uint64_t seed, char *why, size_t why_size);
/* What is in flight is dropped: a kill. The disk stays as it is. */
void machine_close(struct machine *machine);

/* One turn of the loop. */
void machine_turn(struct machine *machine);
/* For so long on the simulated clock. */
void machine_idle(struct machine *machine, uint64_t duration_ns);
/* A clean stop, then closed. False: it never came to an end, or the store failed on the way. */
bool machine_stop(struct machine *machine);

/* The catalog's newest image becomes the store's. */
void machine_take_image(struct machine *machine);
struct partition *machine_partition(struct machine *machine, const struct uuid *topic, uint32_t index);
