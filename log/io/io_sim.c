#include <errno.h>
#include "log/io/io_impl.h"
#include "log/io/sim.h"
int io_sim__open(struct io **out, const struct io_options *options) { return -ENOSYS; }
struct sim_disk *sim_disk_open(uint64_t seed) { return NULL; }
void sim_disk_close(struct sim_disk *disk) { }
