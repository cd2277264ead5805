/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/barrier_dissemination.c: in round k everyone tells the one 2^k further and hears from the one 2^k before;
 * after ceil(log2 n) rounds everyone has heard of everyone (Hensgen, Finkel, Manber 1988).
 *
 * Cost: ceil(log2 p) alpha.
 */
#include "mpi-shim/coll/algorithms.h"

int barrier_dissemination(const struct ranks *among, struct comm *comm)
{
    int size = among->size;

    for (int distance = 1; distance < size; distance <<= 1) {
        int to = among->self + distance, from = among->self - distance;
        int error = coll_sendrecv(
            NULL, 0, &datatype_bytes, rank_at(among, to < size ? to : to - size), NULL, 0,
            &datatype_bytes, rank_at(among, from < 0 ? from + size : from), TAG_BARRIER, comm);

        if (error)
            return error;
    }
    return 0;
}
