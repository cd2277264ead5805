/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/choose.h: which algorithm an operation takes. Private to coll/.
 *
 * The header comment of each algorithm gives what it costs: alpha is the time of a message, beta that of a byte in
 * it, gamma that of combining a byte, p the number of ranks, n the bytes that the choice goes by.
 */
#ifndef COLL_CHOOSE_H
#define COLL_CHOOSE_H

#include "mpi-shim/core/core.h"

enum coll_operation {
    COLL_ALLGATHER,
    COLL_ALLGATHERV,
    COLL_ALLREDUCE,
    COLL_ALLTOALL,
    COLL_BARRIER,
    COLL_BCAST,
    COLL_GATHER,
    COLL_REDUCE,
    COLL_REDUCE_SCATTER,
    COLL_SCATTER,
    COLL_OPERATIONS,
};

enum coll_algorithm {
    ALGORITHM_BINOMIAL,
    ALGORITHM_BRUCK,
    ALGORITHM_DISSEMINATION,
    ALGORITHM_DOUBLING,
    ALGORITHM_EXCHANGE,
    ALGORITHM_HALVING,
    ALGORITHM_LINEAR,
    ALGORITHM_NODES,
    ALGORITHM_PAIRWISE,
    ALGORITHM_PIPELINED,
    ALGORITHM_RING,
    ALGORITHM_SCATTER_ALLGATHER,
    ALGORITHMS,
};

/* The algorithm of `operation` in `comm` for `bytes`: of the whole vector in bcast and the reductions, of a block in the
 * others (the mean one in allgatherv). Every rank has to ask for the same. Where it is unfit (for an operation that
 * does not commute, say) the caller takes one that always fits. */
enum coll_algorithm coll_choose(enum coll_operation operation, struct comm *comm, size_t bytes);

#endif
