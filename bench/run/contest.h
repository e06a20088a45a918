/* A contest: servers that do the same work in turns, round by round, and what came of it. Ratios are taken
 * within a round, where both sides ran next to each other, and their median is told: a slow minute of a
 * shared machine then hits both sides.
 * Owns the runs and histograms of its contestants; one thread. */
#pragma once

#include "bench/report/report.h"
#include "bench/run/options.h"

#define CONTESTANTS_MAX 16

enum work_kind {
	WORK_PRODUCE,
	WORK_FETCH, /* of what was produced just before, round and round */
	WORK_COLD,  /* each partition once, after a restart, from the disk */
	WORK_MIXED, /* produce and read at once */
	WORK_TOOL,  /* what a command of another's does, which prints MB/s, p50 and p99 (us) */
};

/* What a contestant is asked to do. 0 in a field is the load generator's usual value. */
struct work {
	enum work_kind kind;
	uint32_t connections, in_flight, batch_bytes, record_bytes, partitions, fetch_bytes;
	uint32_t readers;
	bool reads_backlog;  /* mixed: the readers read another topic from its start */
	uint32_t preload_mb; /* what is produced before the clock starts (fetch, cold, backlog) */
	bool is_warmed_up;   /* a broker's memory was all touched before, by produces to another topic (contest_warm_up) */
	const char *command; /* WORK_TOOL */
	double rate;         /* requests a second; 0: closed loop */
	const struct load_setting *settings; /* of the topic of a broker */
	uint32_t settings_count;
	bool is_killed;      /* when it is over: a clean stop of 10,000 partitions takes longer than the run */
	double seconds, warmup_s; /* 0: as the options say */
};

struct contestant {
	char name[40];
	uint32_t twin; /* the contestant that is the other Spate with the same work (--beside); 0: none */
	struct server_spec server;
	struct work work;
	uint32_t count; /* of runs */
	struct run runs[ROUNDS_MAX];
	struct histogram latency, end_to_end; /* of all rounds */
	uint32_t seconds_count;
	struct load_second seconds[LOAD_SECONDS_MAX];
};

struct contest {
	const struct options *options;
	const char *name;
	char workload[64];
	uint32_t rounds, count;
	uint32_t asked_count; /* without twins, which stand behind; known once it has run */
	struct contestant *contestants;
};

/* A column of runs held against another, or against nothing. */
struct criterion {
	const char *id, *about, *unit;
	size_t metric; /* offset of a field of struct run */
	uint32_t value, limit;
	enum goal_sense sense;
	double goal;
	/* NULL: the same metric of the contestant `limit`. Otherwise what the limit of a round is. */
	double (*limit_of)(const struct contest *contest, uint32_t round);
	const char *limit_name; /* NULL: the contestant's name */
	double scale;           /* of both sides, to the unit; 0: 1 */
};

/* `rounds` 0: as the options say. 0 or -ENOMEM. */
int contest_open(struct contest *contest, const struct options *options, const char *name, uint32_t rounds) MUST_USE;
void contest_close(struct contest *contest);

/* A server of each kind; all return the contestant's number. `name` NULL: the program's. */
uint32_t contest_add_limit(struct contest *contest, const char *program, const struct work *work);
uint32_t contest_add_spate(struct contest *contest, const char *name, const struct work *work);
/* The peers of the options, each with this work, and their tools. */
void contest_add_peers(struct contest *contest, const struct work *work);
void contest_add_tools(struct contest *contest);

/* Produces to a topic of its own, as fast as it goes, more than a broker's cache keeps. At a low rate a broker touches its memory for the first time while it is
 * measured, and where a host has taken that memory back this costs 2.5 ms a MiB: a property of the machine in the first seconds of a process. 0, or negative with
 * `failure` set (LOAD_FAILURE_BYTES). */
int contest_warm_up(uint16_t port, char *failure) MUST_USE;

/* True if every run succeeded. A round in which one failed is left out whole, and told on stderr. */
bool contest_run(struct contest *contest);

/* The medians of all contestants go to the report. */
void contest_report(const struct contest *contest, struct report *report);
/* A row, and one more of the same figure beside the other Spate's where there is one. */
void contest_judge(const struct contest *contest, const struct criterion *criterion, struct report *report);

/* The course of its runs, second by second, as lines of a chart: p99 and maximum. */
void contest_draw_seconds(const struct contestant *contestant, const char *chart, struct report *report);

/* The median of a column. */
double contest_median(const struct contest *contest, uint32_t contestant, size_t metric);

/* What a program prints: the first `capacity` numbers. Returns how many there were. */
uint32_t contest_ask_program(const char *command, double *numbers, uint32_t capacity);

/* After this no run is begun any more; contests end with the rounds they have. Safe in a signal handler. */
void contest_interrupt(int signal);
bool contest_is_interrupted(void);

/* Tells what is under way on a terminal; NULL takes it away. */
void progress_show(const char *format, ...) PRINTF_LIKE(1, 2);
void progress_clear(void);
