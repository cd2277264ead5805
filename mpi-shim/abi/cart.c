/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/cart.c: Cartesian topologies (MPI 3.1 section 7.5).
 */
#include "mpi-shim/topo/topo.h"

#include "check.h"

_Static_assert(TOPOLOGY_CART == MPI_CART && TOPOLOGY_GRAPH == MPI_GRAPH &&
                   TOPOLOGY_DIST_GRAPH == MPI_DIST_GRAPH,
               "the core's kinds of topology are the ABI's");

int PMPI_Topo_test(MPI_Comm comm, int *status)
{
    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, status);
    *status = topology_kind(comm);
    return MPI_SUCCESS;
}
EXPORT(MPI_Topo_test);

int PMPI_Dims_create(int nodes, int ndims, int dims[])
{
    require_initialized(CALL);
    if (ndims < 0)
        return FAIL(MPI_ERR_DIMS, "%d dimensions", ndims);
    if (ndims > 0)
        CHECK_NOT_NULL(dims);
    FINISH(dims_create(nodes, ndims, dims));
}
EXPORT(MPI_Dims_create);

#define CHECK_DIMENSIONS(comm, ndims, dims, periods)                                               \
    do {                                                                                           \
        CHECK_INTRA(comm);                                                                         \
        if (ndims < 0)                                                                             \
            return FAIL_COMM(comm, MPI_ERR_DIMS, "%d dimensions", ndims);                          \
        if (ndims > 0) {                                                                           \
            CHECK_NOT_NULL_COMM(comm, dims);                                                       \
            CHECK_NOT_NULL_COMM(comm, periods);                                                    \
        }                                                                                          \
    } while (0)

int PMPI_Cart_create(MPI_Comm comm, int ndims, const int dims[], const int periods[], int reorder,
                     MPI_Comm *out)
{
    struct comm *new = NULL;
    int error;

    CHECK_DIMENSIONS(comm, ndims, dims, periods);
    CHECK_NOT_NULL_COMM(comm, out);
    call_enter(comm, CALL_CART_CREATE, 0, 0);
    error = call_leave(comm, cart_create(comm, ndims, dims, periods, &new));
    return comm_made(comm, CALL, error, out, new);
}
EXPORT(MPI_Cart_create);

int PMPI_Cart_map(MPI_Comm comm, int ndims, const int dims[], const int periods[], int *rank)
{
    CHECK_DIMENSIONS(comm, ndims, dims, periods);
    CHECK_NOT_NULL_COMM(comm, rank);
    FINISH_COMM(comm, cart_map(comm, ndims, dims, rank));
}
EXPORT(MPI_Cart_map);

int PMPI_Cart_sub(MPI_Comm comm, const int remain[], MPI_Comm *out)
{
    const struct topology *grid;
    struct comm *new = NULL;
    int error;

    CHECK_COMM(comm);
    grid = cart_of(comm);
    if (!grid)
        return raise_comm(comm, CALL, MPI_ERR_TOPOLOGY);
    if (grid->cart.ndims > 0)
        CHECK_NOT_NULL_COMM(comm, remain);
    CHECK_NOT_NULL_COMM(comm, out);
    call_enter(comm, CALL_CART_SUB, 0, 0);
    error = call_leave(comm, cart_sub(comm, remain, &new));
    return comm_made(comm, CALL, error, out, new);
}
EXPORT(MPI_Cart_sub);

int PMPI_Cartdim_get(MPI_Comm comm, int *ndims)
{
    const struct topology *grid;

    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, ndims);
    grid = cart_of(comm);
    if (!grid)
        return raise_comm(comm, CALL, MPI_ERR_TOPOLOGY);
    *ndims = grid->cart.ndims;
    return MPI_SUCCESS;
}
EXPORT(MPI_Cartdim_get);

/* Of arrays that are too short, as much is filled in as fits: Open MPI does so. */
int PMPI_Cart_get(MPI_Comm comm, int max, int dims[], int periods[], int coords[])
{
    const struct topology *grid;

    CHECK_COMM(comm);
    grid = cart_of(comm);
    if (!grid)
        return raise_comm(comm, CALL, MPI_ERR_TOPOLOGY);
    if (max < 0)
        return FAIL_COMM(comm, MPI_ERR_ARG, "maxdims is %d", max);
    if (max > 0 && grid->cart.ndims > 0) {
        CHECK_NOT_NULL_COMM(comm, dims);
        CHECK_NOT_NULL_COMM(comm, periods);
        CHECK_NOT_NULL_COMM(comm, coords);
    }
    for (int i = 0; i < max && i < grid->cart.ndims; i++) {
        dims[i] = grid->cart.dims[i];
        periods[i] = grid->cart.periods[i];
        coords[i] = grid->cart.coords[i];
    }
    return MPI_SUCCESS;
}
EXPORT(MPI_Cart_get);

int PMPI_Cart_rank(MPI_Comm comm, const int coords[], int *rank)
{
    const struct topology *grid;

    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, rank);
    grid = cart_of(comm);
    if (!grid)
        return raise_comm(comm, CALL, MPI_ERR_TOPOLOGY);
    if (grid->cart.ndims > 0)
        CHECK_NOT_NULL_COMM(comm, coords);
    FINISH_COMM(comm, cart_rank(comm, coords, rank));
}
EXPORT(MPI_Cart_rank);

int PMPI_Cart_coords(MPI_Comm comm, int rank, int max, int coords[])
{
    CHECK_COMM(comm);
    if (max < 0)
        return FAIL_COMM(comm, MPI_ERR_ARG, "maxdims is %d", max);
    if (max > 0)
        CHECK_NOT_NULL_COMM(comm, coords);
    FINISH_COMM(comm, cart_coords(comm, rank, max, coords));
}
EXPORT(MPI_Cart_coords);

int PMPI_Cart_shift(MPI_Comm comm, int direction, int displacement, int *source, int *dest)
{
    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, source);
    CHECK_NOT_NULL_COMM(comm, dest);
    FINISH_COMM(comm, cart_shift(comm, direction, displacement, source, dest));
}
EXPORT(MPI_Cart_shift);
