/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/copy.h: what a process gives to itself in a collective operation, and what it gives to several.
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

/* What several ranks get: one copy in the segment that those of this node map (am.h), if it is long and there is room; else as it was
 * given. */
struct shared {
    const void *buffer;
    size_t count;
    struct datatype *type;
    bool copied;
};

struct shared shared_begin(const void *buffer, size_t count, struct datatype *type,
                           const struct comm *comm);
/* All of them have it. */
void shared_end(const struct shared *shared);

#endif
