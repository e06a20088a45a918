/* A shard's thread asks for short slices of its processor: 0.1 ms instead of some 3.
 *
 * What ends a durable write is a worker of the kernel that is woken on the processor the disk interrupts, and a sync runs on a worker of the ring. Where that
 * processor is the busy shard's, they are run once its slice is over, and whoever waits for durability waits for that. Shares of the processor stay as they
 * are, whoever else wants some: who has short slices is only asked sooner.
 *
 * Linux 6.12 and later know of it. Earlier ones, and who forbids the call, go on as before: nothing depends on it but time. Owner: the thread itself. Threads
 * that it makes, the ring's workers among them, begin with the same. A policy other than the usual one was somebody's choice, and stays. */
#pragma once

#define SHORT_SLICE_NS 100000ull

void short_slice_ask(void);
