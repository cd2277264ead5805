/* SPDX-License-Identifier: BSD-2-Clause
 *
 * topo/cart.c: Cartesian topologies: ranks in row-major order, the last coordinate fastest (MPI 3.1 section 7.5.1).
 */
#include <stdlib.h>

#include "mpi-shim/core/memory.h"
#include "mpi-shim/topo/topo.h"

/* The number of processes in a grid, which `comm` has to have. No dimension at all is a grid of one process. */
static int grid_size(const struct comm *comm, int ndims, const int *dims, int *size)
{
    long product = 1;

    for (int i = 0; i < ndims; i++) {
        if (dims[i] <= 0)
            return error_note(ERR_DIMS, "dims[%d] is %d", i, dims[i]);
        product *= dims[i];
        if (product > comm->size)
            return error_note(ERR_DIMS, "the grid needs more processes than the communicator's %d",
                              comm->size);
    }
    *size = (int)product;
    return 0;
}

static void coords_of(const struct topology *topology, int rank, int max, int *coords)
{
    for (int i = topology->cart.ndims - 1; i >= 0; i--) {
        if (i < max)
            coords[i] = rank % topology->cart.dims[i];
        rank /= topology->cart.dims[i];
    }
}

/* The rank at `coords`, which may be outside of periodic dimensions. */
static int rank_at(const struct topology *topology, const int *coords)
{
    int rank = 0;

    for (int i = 0; i < topology->cart.ndims; i++) {
        int extent = topology->cart.dims[i], place = coords[i] % extent;

        rank = rank * extent + (place < 0 ? place + extent : place);
    }
    return rank;
}

/* The rank `displacement` away from this process. */
static int rank_beyond(const struct topology *topology, int direction, long displacement)
{
    long extent = topology->cart.dims[direction], here = topology->cart.coords[direction];
    long there = here + displacement, stride = 1;

    if (topology->cart.periods[direction])
        there = (there % extent + extent) % extent;
    if (there < 0 || there >= extent)
        return PROC_NULL;
    for (int i = direction + 1; i < topology->cart.ndims; i++)
        stride *= topology->cart.dims[i];
    return rank_at(topology, topology->cart.coords) + (int)((there - here) * stride);
}

/* Take over the arrays. `comm` is the grid's own. */
static void grid_attach(struct comm *comm, int ndims, int *dims, int *periods)
{
    struct topology *topology = topology_make(TOPOLOGY_CART);

    topology->cart.ndims = ndims;
    topology->cart.dims = dims;
    topology->cart.periods = periods;
    topology->cart.coords = memory_get(((size_t)ndims + 1) * sizeof(int));
    coords_of(topology, comm->rank, ndims, topology->cart.coords);
    topology->in.count = 2 * ndims;
    topology->in.rank = memory_get((2 * (size_t)ndims + 1) * sizeof(int));
    for (int i = 0; i < ndims; i++) {
        topology->in.rank[2 * i] = rank_beyond(topology, i, -1);
        topology->in.rank[2 * i + 1] = rank_beyond(topology, i, 1);
    }
    topology->out = topology->in;
    comm->topology = topology;
}

int cart_create(struct comm *comm, int ndims, const int *dims, const int *periods,
                struct comm **made)
{
    int size = 0, error = grid_size(comm, ndims, dims, &size);
    int *flags;

    if (error)
        return error;
    error = topology_comm(comm, size, made);
    if (error || !*made)
        return error;
    flags = ints_copy(ndims, periods);
    for (int i = 0; i < ndims; i++)
        flags[i] = flags[i] != 0;
    grid_attach(*made, ndims, ints_copy(ndims, dims), flags);
    return 0;
}

int cart_map(const struct comm *comm, int ndims, const int *dims, int *rank)
{
    int size = 0, error = grid_size(comm, ndims, dims, &size);

    if (error)
        return error;
    *rank = comm->rank < size ? comm->rank : UNDEFINED;
    return 0;
}

const struct topology *cart_of(const struct comm *comm)
{
    if (topology_kind(comm) == TOPOLOGY_CART)
        return comm->topology;
    error_note(ERR_TOPOLOGY, "the communicator has no Cartesian topology");
    return NULL;
}

int cart_sub(struct comm *comm, const int *remain, struct comm **made)
{
    const struct topology *grid = cart_of(comm);
    int color = 0, kept = 0, error;
    int *dims, *periods;

    if (!grid)
        return ERR_TOPOLOGY;
    dims = ints_copy(grid->cart.ndims, grid->cart.dims);
    periods = ints_copy(grid->cart.ndims, grid->cart.periods);
    for (int i = 0; i < grid->cart.ndims; i++) {
        if (remain[i]) {
            dims[kept] = dims[i];
            periods[kept++] = periods[i];
        } else {
            color = color * dims[i] + grid->cart.coords[i];
        }
    }
    error = comm_split(comm, color, comm->rank, made);
    if (error) {
        free(dims);
        free(periods);
        return error;
    }
    grid_attach(*made, kept, dims, periods);
    return 0;
}

int cart_rank(const struct comm *comm, const int *coords, int *rank)
{
    const struct topology *grid = cart_of(comm);

    if (!grid)
        return ERR_TOPOLOGY;
    for (int i = 0; i < grid->cart.ndims; i++) {
        if ((coords[i] < 0 || coords[i] >= grid->cart.dims[i]) && !grid->cart.periods[i])
            return error_note(ERR_ARG, "coords[%d] is %d; the dimension has %d and is not periodic",
                              i, coords[i], grid->cart.dims[i]);
    }
    *rank = rank_at(grid, coords);
    return 0;
}

int cart_coords(const struct comm *comm, int rank, int max, int *coords)
{
    const struct topology *grid = cart_of(comm);

    if (!grid)
        return ERR_TOPOLOGY;
    if (rank < 0 || rank >= comm->size)
        return error_note(ERR_RANK, "rank %d is not in a communicator of %d ranks", rank,
                          comm->size);
    coords_of(grid, rank, max, coords);
    return 0;
}

int cart_shift(const struct comm *comm, int direction, int displacement, int *source, int *dest)
{
    const struct topology *grid = cart_of(comm);

    if (!grid)
        return ERR_TOPOLOGY;
    if (direction < 0 || direction >= grid->cart.ndims)
        return error_note(ERR_DIMS, "the direction is %d; the grid has %d dimensions", direction,
                          grid->cart.ndims);
    *source = rank_beyond(grid, direction, -(long)displacement);
    *dest = rank_beyond(grid, direction, displacement);
    return 0;
}
