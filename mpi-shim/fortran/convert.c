/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/fortran/convert.c: strings and arrays of handles.
 */
#include <stdlib.h>

#include "mpi-shim/fortran/fortran.h"

char *fortran_string_in(const char *string, size_t length)
{
    char *text;

    while (length > 0 && string[length - 1] == ' ')
        length--;
    text = malloc(length + 1);
    if (text) {
        memcpy(text, string, length);
        text[length] = '\0';
    }
    return text;
}

/* Keys and values of an Info lose their leading blanks too (MPI 3.1 chapter 9). */
char *fortran_word_in(const char *string, size_t length)
{
    while (length > 0 && *string == ' ') {
        string++;
        length--;
    }
    return fortran_string_in(string, length);
}

void fortran_string_out(char *string, size_t length, const char *text)
{
    size_t known = strnlen(text, length);

    memcpy(string, text, known);
    memset(string + known, ' ', length - known);
}

/* At least one, so that NULL means that there is no memory; a negative count is for the C function to refuse. */
static size_t room(int count)
{
    return count > 0 ? (size_t)count : 1;
}

MPI_Datatype *fortran_types(const MPI_Fint *types, int count)
{
    MPI_Datatype *made = malloc(room(count) * sizeof(MPI_Datatype));

    for (int i = 0; made && i < count; i++)
        made[i] = PMPI_Type_f2c(types[i]);
    return made;
}

MPI_Request *fortran_requests(const MPI_Fint *requests, int count)
{
    MPI_Request *made = malloc(room(count) * sizeof(MPI_Request));

    for (int i = 0; made && i < count; i++)
        made[i] = PMPI_Request_f2c(requests[i]);
    return made;
}

int fortran_no_memory(void)
{
    PMPI_Comm_call_errhandler(MPI_COMM_WORLD, MPI_ERR_NO_MEM);
    return MPI_ERR_NO_MEM;
}

/* ---- how many types there are, where no argument says so -------------------------------------------- */

int fortran_peers(MPI_Comm comm, const void *buffer)
{
    int inter = 0, count = 0;

    if (buffer == &mpi_fortran_in_place_ || comm == MPI_COMM_NULL ||
        PMPI_Comm_test_inter(comm, &inter) != MPI_SUCCESS)
        return 0;
    if (inter)
        PMPI_Comm_remote_size(comm, &count);
    else
        PMPI_Comm_size(comm, &count);
    return count;
}

static void neighbors(MPI_Comm comm, int *sources, int *destinations)
{
    int kind = MPI_UNDEFINED, rank = 0, weighted;

    *sources = *destinations = 0;
    if (comm == MPI_COMM_NULL || PMPI_Topo_test(comm, &kind) != MPI_SUCCESS)
        return;
    if (kind == MPI_CART) {
        PMPI_Cartdim_get(comm, sources);
        *destinations = *sources *= 2;
    } else if (kind == MPI_GRAPH) {
        PMPI_Comm_rank(comm, &rank);
        PMPI_Graph_neighbors_count(comm, rank, sources);
        *destinations = *sources;
    } else if (kind == MPI_DIST_GRAPH) {
        PMPI_Dist_graph_neighbors_count(comm, sources, destinations, &weighted);
    }
}

int fortran_sources(MPI_Comm comm)
{
    int sources, destinations;

    neighbors(comm, &sources, &destinations);
    return sources;
}

int fortran_destinations(MPI_Comm comm)
{
    int sources, destinations;

    neighbors(comm, &sources, &destinations);
    return destinations;
}
