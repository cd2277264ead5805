/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/copy.h: what a process gives to itself in a collective operation.
 */
#ifndef COLL_COPY_H
#define COLL_COPY_H

#include "mpi-shim/core/core.h"

/* Copy what one type describes to where another does, as far as it fits. 0, or the error of a message of another length than
 * its receiver expects. */
int block_copy(const void *from, size_t from_count, const struct datatype *from_type, void *to,
               size_t to_count, const struct datatype *to_type);

/* Put this process's own block in its place, without a message. A block that does not fit is the error of a message that does
 * not: it is sent, and fails as one. */
int own_block(const void *send, size_t send_count, struct datatype *send_type, void *recv,
              size_t recv_count, struct datatype *recv_type, int tag, struct comm *comm);

#endif
