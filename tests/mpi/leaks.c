/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What tests/mpi/leaks.py looks at: without an argument everything is freed, with "leave", things are left behind on
 * rank 1; with "barrier", a collective call is the last one.
 */
#include "mpi_test.h"

static void operation(void *in, void *inout, int *count, MPI_Datatype *type)
{
}

static void handle_error(MPI_Comm *comm, int *code, ...)
{
}

static void everything(MPI_Comm *comm, MPI_Group *group, MPI_Datatype *type, MPI_Op *op,
                       MPI_Errhandler *handler, MPI_Info *info)
{
    MPI_Comm_dup(MPI_COMM_WORLD, comm);
    MPI_Comm_set_name(*comm, "the ocean");
    MPI_Comm_group(*comm, group);
    MPI_Comm_group(*comm, group);
    MPI_Type_vector(2, 1, 3, MPI_INT, type);
    MPI_Op_create(operation, 1, op);
    MPI_Comm_get_errhandler(*comm, handler);
    MPI_Errhandler_free(handler);
    MPI_Comm_create_errhandler(handle_error, handler);
    MPI_Comm_set_errhandler(*comm, *handler);
    MPI_Info_create(info);
}

int main(int argc, char **argv)
{
    int value = 7, leaves = argc > 1;
    MPI_Request request, init, late;
    MPI_Errhandler handler;
    MPI_Datatype type;
    MPI_Group group;
    MPI_Comm comm;
    MPI_Info info;
    MPI_Op op;

    test_start(&argc, &argv);
    if (leaves && strcmp(argv[1], "barrier") == 0) {
        MPI_Barrier(MPI_COMM_WORLD);
        return MPI_Finalize();
    }
    everything(&comm, &group, &type, &op, &handler, &info);
    MPI_Recv_init(&value, 1, MPI_INT, 0, 3, comm, &init);
    MPI_Isend(&value, 1, MPI_INT, 1 - world_rank, 5, comm, &request);
    if (leaves && world_rank == 1) {
        MPI_Irecv(&value, 1, MPI_INT, MPI_ANY_SOURCE, 9, MPI_COMM_WORLD, &late);
    } else {
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        MPI_Recv(&value, 1, MPI_INT, 1 - world_rank, 5, comm, MPI_STATUS_IGNORE);
        MPI_Request_free(&init);
        MPI_Group_free(&(MPI_Group){group});
        MPI_Group_free(&group);
        MPI_Type_free(&type);
        MPI_Op_free(&op);
        MPI_Errhandler_free(&handler);
        MPI_Info_free(&info);
        MPI_Comm_free(&comm);
    }
    return test_end();
}
