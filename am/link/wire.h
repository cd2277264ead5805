/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/link/wire.h: links through frames.
 */
#ifndef CARAVAN_WIRE_H
#define CARAVAN_WIRE_H

#include "am/job.h"
#include "am/link/link.h"

/* All links of an endpoint to other nodes, over job->port. `job`, its tables and its port stay the caller's and outlive the
 * wire, which is alone in using the port. NULL: no memory.
 *
 * Where the clock is the real one, a wire has a helper thread that retransmits and acknowledges while the program computes
 * elsewhere (wire_helper.c); callers need not know. */
struct am_transport *wire_open(struct am *am, const struct am_job *job);

#endif
