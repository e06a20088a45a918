/* The memory of a run, and in it that of one life of the broker: each is given back as a whole, so that what a killed broker leaves costs nothing, and a
 * process may run one seed behind another in memory that the kernel has zeroed once. The program has its own malloc for it (see the .c); under a sanitizer,
 * which has one of its own, nothing of this is there. One thread. */
#pragma once

#include <stdbool.h>

enum heap { HEAP_SYSTEM, HEAP_RUN, HEAP_BROKER, heap_count };

/* Memory is taken from this one from now on; the answer is the one before. It may be given back whichever is entered. */
enum heap heap_enter(enum heap heap);
/* All that was taken from it is gone. Not of HEAP_SYSTEM. */
void heap_reset(enum heap heap);
/* False: what a run takes stays until its process ends. */
bool heap_has_resets(void);
