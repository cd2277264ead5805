/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/link/wire.h: links through frames.
 */
#ifndef CARAVAN_WIRE_H
#define CARAVAN_WIRE_H

#include "am/job.h"
#include "am/link/link.h"

/* All links of an endpoint to other nodes, over job->port. NULL: no memory. */
struct am_transport *wire_open(struct am *am, const struct am_job *job);

#endif
