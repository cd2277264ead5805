/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/copy.h: what a process gives to itself in a collective operation, and what it gives to several.
 */
#ifndef COLL_COPY_H
#define COLL_COPY_H

#include "mpi-shim/coll/blocks.h"

/* Copy what one type describes to where another does, as far as it fits. 0, or the error of a message of another length than
 * its receiver expects. */
int block_copy(const void *from, size_t from_count, const struct datatype *from_type, void *to,
               size_t to_count, const struct datatype *to_type);

/* Put this process's own block in its place, without a message. A block that does not fit is the error of a message that does
 * not: it is sent, and fails as one. */
int own_block(const struct block *from, const struct block *to, int tag, struct comm *comm);

/* Where there are two processes: exchange a block for the other one's, and put the own one in its place. */
int exchange_with_other(const struct block *out, const struct block *in, const struct block *from,
                        const struct block *to, int tag, struct comm *comm);

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
