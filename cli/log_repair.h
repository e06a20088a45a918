/* `spate log repair`: see log/repair/repair.h. Owner: the main thread. */
#pragma once

#include "log/base/types.h"

int log_repair_run(int argc, char **argv);
