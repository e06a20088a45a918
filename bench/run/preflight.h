/* What can be known to go wrong before the first run is said before it, in one line: a suite takes minutes. */
#pragma once

#include "bench/run/options.h"

/* Tries that results can be written, data be made on a disk that takes O_DIRECT, the programs be run, and the cores be had; `longest_runs` is how many times
 * --seconds the longest run takes, from which the room it needs is judged (too little is said, and no reason to stop). False, and a line on stderr, if a run
 * cannot succeed. Leaves no file behind. */
bool preflight(const struct options *options, double longest_runs) MUST_USE;
