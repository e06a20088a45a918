/* Happy path: pieces, a turn, a pause as long as that turn says, the next pieces; the timer is gone when there were none. Failure modes: run's alone. */
#include "log/io/piecework.h"

#define SLOW_NS (4000ull * 1000)
#define PAUSE_SHARE 4
#define PAUSE_NS (1000ull * 1000)
#define PAUSE_MAX_NS (1000ull * 1000 * 1000)
#define LATER_NS (10ull * 1000 * 1000)
#define RETRY_NS (1000ull * 1000 * 1000)

static void set_timer(struct piecework *work, io_timer_fn *run, uint64_t pause_ns)
{
	work->timer.run = run;
	io_timer_set(work->io, &work->timer, io_now_ns(work->io) + pause_ns);
}

static void next_pieces(struct io_timer *timer);

/* The turn behind the pieces: the clock is that of a turn's begin, so it says now how long the last one was. */
static void pause_for(struct io_timer *timer)
{
	struct piecework *work = CONTAINER_OF(timer, struct piecework, timer);
	uint64_t took_ns = io_now_ns(work->io) - work->began_ns, pause_ns = took_ns * PAUSE_SHARE;
	work->is_slow = took_ns > SLOW_NS;
	set_timer(work, next_pieces, pause_ns < PAUSE_NS ? PAUSE_NS : pause_ns > PAUSE_MAX_NS ? PAUSE_MAX_NS : pause_ns);
}

static void next_pieces(struct io_timer *timer)
{
	struct piecework *work = CONTAINER_OF(timer, struct piecework, timer);
	work->began_ns = io_now_ns(work->io);
	int done = work->run(work, work->is_slow ? 1 : work->at_once);
	if (done < 0)
		set_timer(work, next_pieces, RETRY_NS);
	else if (done == PIECEWORK_LATER)
		set_timer(work, next_pieces, LATER_NS);
	else if (done > 0)
		set_timer(work, pause_for, 1); /* not in this turn */
}

void piecework_begin(struct piecework *work, struct io *io, uint32_t at_once, piecework_fn *run)
{
	work->io = io;
	work->at_once = at_once;
	work->run = run;
	if (!work->timer.heap_index)
		set_timer(work, next_pieces, PAUSE_NS);
}

void piecework_begin_now(struct piecework *work, struct io *io, uint32_t at_once, piecework_fn *run)
{
	bool is_under_way = work->timer.heap_index;
	piecework_begin(work, io, at_once, run);
	if (is_under_way)
		return;
	io_timer_cancel(io, &work->timer);
	next_pieces(&work->timer);
}

void piecework_stop(struct piecework *work)
{
	if (work->io)
		io_timer_cancel(work->io, &work->timer);
}
