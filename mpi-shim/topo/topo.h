/* SPDX-License-Identifier: BSD-2-Clause
 *
 * topo/topo.h: process topologies (MPI 3.1 chapter 7): who is whose neighbour.
 *
 * A topology belongs to an intra-communicator, is made with it and does not change; a duplicate shares it. Ranks are
 * never reordered: Caravan does not know which of its processes are near each other beyond the node.
 *
 * Functions return 0 or an error class with its explanation. One that asks about a kind of topology returns ERR_TOPOLOGY
 * where the communicator has another one or none; ranks are checked here.
 */
#ifndef TOPO_TOPO_H
#define TOPO_TOPO_H

#include "mpi-shim/core/core.h"

/* The values of the Open MPI ABI; UNDEFINED where there is none. */
enum topology_kind { TOPOLOGY_CART = 1, TOPOLOGY_GRAPH = 2, TOPOLOGY_DIST_GRAPH = 3 };

/* The neighbours of a process, in their order. */
struct neighbours {
    int count;
    int *rank;
    int *weight; /* NULL where they have none */
};

struct topology {
    enum topology_kind kind;
    int references; /* under core_lock */
    union {
        struct {
            int ndims;
            int *dims;
            int *periods; /* 0 or 1 */
            int *coords;  /* of this process */
        } cart;
        struct {
            int nodes;
            int *index; /* of edges: those of rank i are [index[i - 1], index[i]) */
            int *edges;
        } graph;
    };
    /* What neighbourhood collectives receive from and send to (MPI 3.1 section 7.6). Those of a Cartesian topology may be
     * PROC_NULL. `out` is `in` itself but for a distributed graph. */
    struct neighbours in, out;
};

/* ---- any topology (topology.c) ------------------------------------------------------------------ */

/* UNDEFINED without one. */
int topology_kind(const struct comm *comm);

/* The neighbours of this process, with PROC_NULL among them, in the order of MPI 3.1 section 7.6. The arrays live as long
 * as the communicator. ERR_TOPOLOGY without a topology, or where a graph has an edge that leads out of it. */
int topology_neighbours(const struct comm *comm, int *sources, const int **source,
                        int *destinations, const int **destination);

/* With one reference, which communicators share. */
struct topology *topology_make(enum topology_kind kind);
struct topology *topology_retain(struct topology *topology); /* [lock] */
void topology_release(struct topology *topology); /* may be NULL; the caller holds core_lock */

/* A copy of `count` ints, to be freed; not NULL. */
int *ints_copy(int count, const int *from);

/* The first `size` processes of `comm` get a communicator, the others NULL. */
int topology_comm(struct comm *comm, int size, struct comm **made);

/* ---- Cartesian (cart.c) ------------------------------------------------------------------------- */

/* Collective. *made is NULL in a process that is not in the grid. */
int cart_create(struct comm *comm, int ndims, const int *dims, const int *periods,
                struct comm **made);
/* The same without a communicator: the rank that this process would have, or UNDEFINED. */
int cart_map(const struct comm *comm, int ndims, const int *dims, int *rank);
/* Collective: the grid falls into those of the dimensions that remain. */
int cart_sub(struct comm *comm, const int *remain, struct comm **made);

/* NULL, and the explanation of an ERR_TOPOLOGY, where `comm` has another topology or none; so do graph_of and
 * dist_graph_of. */
const struct topology *cart_of(const struct comm *comm);
int cart_rank(const struct comm *comm, const int *coords, int *rank);
/* At most `max` coordinates. */
int cart_coords(const struct comm *comm, int rank, int max, int *coords);
int cart_shift(const struct comm *comm, int direction, int displacement, int *source, int *dest);

/* Fill in the zeros of `dims` (dims.c). */
int dims_create(int nodes, int ndims, int *dims);

/* ---- graphs (graph.c) --------------------------------------------------------------------------- */

int graph_create(struct comm *comm, int nodes, const int *index, const int *edges,
                 struct comm **made);
int graph_map(const struct comm *comm, int nodes, const int *index, const int *edges, int *rank);

const struct topology *graph_of(const struct comm *comm);
/* In place: *edges lies in the topology. */
int graph_neighbours(const struct comm *comm, int rank, int *count, const int **edges);

/* ---- distributed graphs (dist_graph.c) ---------------------------------------------------------- */

/* Collective. Weights are NULL for MPI_UNWEIGHTED. */
int dist_graph_create_adjacent(struct comm *comm, int sources, const int *source,
                               const int *source_weight, int destinations, const int *destination,
                               const int *destination_weight, struct comm **made);
/* Each process tells any edges: degrees[i] that begin at nodes[i]. */
int dist_graph_create(struct comm *comm, int n, const int *nodes, const int *degrees,
                      const int *targets, const int *weights, struct comm **made);

const struct topology *dist_graph_of(const struct comm *comm);

#endif
