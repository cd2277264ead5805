/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/job.h: one run of mpirun.
 */
#ifndef CARAVAN_JOB_RUN_H
#define CARAVAN_JOB_RUN_H

#include "launch/options.h"

/* Run what the options say, to its end. Returns mpirun's exit status: that of the first rank that failed, 128 + N for
 * one that signal N killed, 128 + N when signal N ended mpirun, 110 for --timeout, 1 for what mpirun itself cannot do. */
int job_run(const struct options *options);

#endif
