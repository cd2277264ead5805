/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/barrier_linear.c: everyone tells rank 0, which then tells everyone. Fewest messages in all, which counts where ranks
 * share cores.
 *
 * Cost: 2 (p - 1) messages, of which two follow one another.
 */
#include "mpi-shim/coll/algorithms.h"

int barrier_linear(struct comm *comm)
{
    int error = 0;

    if (comm->rank != 0) {
        error = coll_send(NULL, 0, &datatype_bytes, 0, TAG_BARRIER, comm);
        return error ? error : coll_recv(NULL, 0, &datatype_bytes, 0, TAG_BARRIER, comm);
    }
    for (int i = 1; i < comm->size && !error; i++)
        error = coll_recv(NULL, 0, &datatype_bytes, i, TAG_BARRIER, comm);
    for (int i = 1; i < comm->size && !error; i++)
        error = coll_send(NULL, 0, &datatype_bytes, i, TAG_BARRIER, comm);
    return error;
}
