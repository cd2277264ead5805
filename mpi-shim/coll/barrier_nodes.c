/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/barrier_nodes.c: the ranks of each node tell their leader through shared memory; the leaders disseminate; each tells its
 * node. One message of a node is on the wire in each round, and not one of each rank.
 *
 * Cost: 2 alpha within the node, and ceil(log2 N) alpha between N nodes.
 */
#include "mpi-shim/coll/algorithms.h"

int barrier_nodes(struct comm *comm)
{
    const struct nodes *nodes = nodes_of(comm);
    const struct ranks *members = &nodes->members;
    int leader = members->rank[0], error = 0;

    if (comm->rank != leader) {
        error = coll_send(NULL, 0, &datatype_bytes, leader, TAG_BARRIER, comm);
        return error ? error : coll_recv(NULL, 0, &datatype_bytes, leader, TAG_BARRIER, comm);
    }
    for (int i = 1; i < members->size && !error; i++)
        error = coll_recv(NULL, 0, &datatype_bytes, members->rank[i], TAG_BARRIER, comm);
    if (!error)
        error = barrier_dissemination(&nodes->leaders, comm);
    for (int i = 1; i < members->size && !error; i++)
        error = coll_send(NULL, 0, &datatype_bytes, members->rank[i], TAG_BARRIER, comm);
    return error;
}
