/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/algorithms.h: the algorithms between which an operation chooses. Private to coll/.
 */
#ifndef COLL_ALGORITHMS_H
#define COLL_ALGORITHMS_H

#include "mpi-shim/coll/coll.h"

/* In place in `buffer`. */
int allreduce_doubling(void *buffer, size_t count, struct datatype *type, struct op *op,
                       struct comm *comm);
int allreduce_halving(void *buffer, size_t count, struct datatype *type, struct op *op,
                      struct comm *comm);

/* `recv` has this process's block in its place. Blocks begin at `displacements` (in extents), or one behind
 * the other where that is NULL. */
int allgather_ring(void *recv, const int *counts, const int *displacements, size_t count,
                   struct datatype *type, struct comm *comm);
int allgather_bruck(void *recv, size_t count, struct datatype *type, struct comm *comm);

#endif
