/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/completion.h: what request.c and completion.c share. Private to the core.
 */
#ifndef CORE_COMPLETION_H
#define CORE_COMPLETION_H

#include "mpi-shim/core/core.h"

/* Tell the program of a request that is complete: give its status, and free it or make it inactive. Returns the
 * operation's error. The caller holds core_lock. */
int request_finish(struct request **handle, struct status *status);

static inline bool request_valid(const struct request *request)
{
    return likely(request && request->magic == REQUEST_MAGIC);
}

#endif
