/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/barrier_dissemination.c: in round k everyone tells the one 2^k further and hears from the one 2^k before;
 * after ceil(log2 n) rounds everyone has heard of everyone (Hensgen, Finkel, Manber 1988).
 *
 * Cost: ceil(log2 p) alpha.
 */
#include "mpi-shim/coll/algorithms.h"

int barrier_dissemination(struct comm *comm)
{
    int size = comm->size;

    for (int distance = 1; distance < size; distance <<= 1) {
        int to = comm->rank + distance, from = comm->rank - distance;
        int error = coll_sendrecv(NULL, 0, &datatype_bytes, to < size ? to : to - size, NULL, 0,
                                  &datatype_bytes, from < 0 ? from + size : from, TAG_BARRIER,
                                  comm);

        if (error)
            return error;
    }
    return 0;
}
