/* What is done to a store: operations, one after the other or begun all at once, with the model kept up. */
#pragma once

#include "tests/crash/lib/explore.h"

enum op {
	OP_APPEND,      /* a small batch, through the journal */
	OP_DIRECT,      /* a large one, straight to its segment */
	OP_TWO,         /* two batches in one group */
	OP_ROLL,        /* a batch that begins a segment */
	OP_TRIM,        /* DeleteRecords */
	OP_CREATE,      /* a topic, and a record in it */
	OP_DELETE,      /* of a topic */
	OP_GROW,        /* by a partition, and a record in it */
	OP_CONFIG,
	OP_RETAIN,      /* retention drops whole segments */
	OP_CHECKPOINT,  /* idle until all is filed and the journal trimmed */
	OP_RESTART,     /* a clean stop and a start */
	OP_KILL,        /* the process goes, the disk and its cache stay; and a start */
	OP_IDEMPOTENT,  /* a batch of a producer with sequences */
	OP_IDEMPOTENT_LARGE,
	OP_RETRY,       /* the last of those again */
	OP_SETTINGS,    /* two of them, in one change */
	op_count
};

extern const char *const op_names[op_count];

#define WORKLOAD_OPS_MAX 16

struct workload {
	enum op ops[WORKLOAD_OPS_MAX];
	uint32_t count;
	bool is_pipelined;  /* the next operation does not wait for the one before */
	bool is_whole;      /* explore all of it, not only its last operation and what follows */
};

/* A disk with a topic t of one partition with a few records in a file, a topic u, and a clean stop behind it. */
struct sim_disk *workload_base(struct model *model);
/* Runs it on a copy of the base. What goes wrong is the explorer's to tell. */
void workload_run(struct explorer *explorer, const struct workload *workload, struct sim_disk *base, const struct model *base_model);
/* How a workload is left, and who looks on. */
struct workload_end {
	bool is_stopped;                         /* cleanly; else it is killed */
	uint64_t idle_ms;                        /* before that */
	void (*before)(void *context, struct sim_disk *disk, const struct model *model); /* each operation and the end: with all before it answered */
	void *context;
	bool is_catalog_told;                    /* comes back: the journal was told of the catalog's last change before the end */
};

/* Runs it on a copy of the base, and gives that disk. The model becomes what must be there. NULL, and it is told why: something was wrong on the way. */
struct sim_disk *workload_leave(const struct workload *workload, struct workload_end *end, struct sim_disk *base, struct model *model);
/* An I/O that fails: the k-th of some kinds (sim.h), once or from then on. */
struct workload_fault {
	uint64_t k, seed;
	uint32_t kinds;
	int error_number;
	bool is_sticky, is_short, is_at_once;  /* is_short: every transfer comes in parts */
	bool is_allocation;                    /* not an I/O, but an allocation; is_sticky and k are meant of those */
};

/* A long workload with every operation (the first seed's in one order, others in theirs), and the fault; then power cuts, a kill and a start.
 * False: the fault came too late to strike. */
bool workload_run_faulty(struct explorer *explorer, const struct workload_fault *fault, struct sim_disk *base, const struct model *base_model);
/* A short life of an opened store, to a clean stop: a record, some idleness. Closes the machine. */
bool workload_live_on(struct machine *machine, struct model *model, char *why, size_t why_size);
void workload_name(const struct workload *workload, char *out, size_t size);
