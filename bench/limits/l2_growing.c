/* L2 over a file that grows, as a log does that keeps what it is given: its room is reserved ahead, and its blocks are written for the first time.
 * What lies between this and L2 is the disk's price for fresh blocks, which no log can save that does not overwrite its own past.
 *
 * l2_growing [PORT [DIRECTORY [GROUP_SLOTS [FLIGHTS]]]]   the file is unlinked at once */
#define FILE_IS_FRESH true
#include "bench/limits/l2_durable.c"
