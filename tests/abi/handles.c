/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: a predefined handle is the same address in the program and in the library, whether the program owns a copy of
 * the object (copy relocations: programs not compiled with -fPIC) or not, and at whatever time symbols are bound.
 *
 * meson.build compiles this three ways. The argument says whether the program must have copies, so that the test
 * cannot pass without having met them.
 */
#include <dlfcn.h>
#include <mpi.h>
#include <stdio.h>
#include <string.h>

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("line %d: %s\n", __LINE__, #condition);                                         \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

/* A pointer that the linker set, in data: what a program's static table of types looks like. */
static MPI_Datatype table[] = {MPI_INT, MPI_DOUBLE, MPI_BYTE, MPI_2INT};
static const int table_index[] = {39, 46, 1, 52};

/* The library knows its objects by number: index 0 .. n in the order of mpif-handles.h. */
static void check_numbers(void)
{
    CHECK(MPI_Comm_f2c(0) == MPI_COMM_WORLD);
    CHECK(MPI_Comm_f2c(1) == MPI_COMM_SELF);
    CHECK(MPI_Comm_f2c(2) == MPI_COMM_NULL);
    CHECK(MPI_Group_f2c(0) == MPI_GROUP_NULL);
    CHECK(MPI_Group_f2c(1) == MPI_GROUP_EMPTY);
    CHECK(MPI_Type_f2c(0) == MPI_DATATYPE_NULL);
    CHECK(MPI_Type_f2c(34) == MPI_CHAR);
    CHECK(MPI_Type_f2c(45) == MPI_FLOAT);
    CHECK(MPI_Op_f2c(0) == MPI_OP_NULL);
    CHECK(MPI_Op_f2c(3) == MPI_SUM);
    CHECK(MPI_Op_f2c(12) == MPI_MINLOC);
    CHECK(MPI_Errhandler_f2c(0) == MPI_ERRHANDLER_NULL);
    CHECK(MPI_Errhandler_f2c(1) == MPI_ERRORS_ARE_FATAL);
    CHECK(MPI_Errhandler_f2c(2) == MPI_ERRORS_RETURN);
    CHECK(MPI_Info_f2c(0) == MPI_INFO_NULL);
    CHECK(MPI_Info_f2c(1) == MPI_INFO_ENV);
    CHECK(MPI_Message_f2c(0) == MPI_MESSAGE_NULL);
    CHECK(MPI_Message_f2c(1) == MPI_MESSAGE_NO_PROC);
    CHECK(MPI_Request_f2c(0) == MPI_REQUEST_NULL);
    CHECK(MPI_Win_f2c(0) == MPI_WIN_NULL);
    CHECK(MPI_File_f2c(0) == MPI_FILE_NULL);
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        CHECK(MPI_Type_c2f(table[i]) == table_index[i]);
}

/* What the library returns is what the program compares with. */
static void check_returned(void)
{
    MPI_Errhandler handler;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Datatype type;
    MPI_Comm comm;
    MPI_Status status;
    char text[MPI_MAX_OBJECT_NAME];
    int length, rank = -1, size = -1, result = 0, one = 1, flag = 0;

    CHECK(MPI_Comm_rank(MPI_COMM_WORLD, &rank) == MPI_SUCCESS && rank == 0);
    CHECK(MPI_Comm_size(MPI_COMM_SELF, &size) == MPI_SUCCESS && size == 1);
    MPI_Comm_get_errhandler(MPI_COMM_WORLD, &handler);
    CHECK(handler == MPI_ERRORS_ARE_FATAL);
    MPI_Errhandler_free(&handler);
    CHECK(handler == MPI_ERRHANDLER_NULL);
    MPI_Type_match_size(MPI_TYPECLASS_REAL, 8, &type);
    CHECK(type == MPI_REAL8);
    MPI_Comm_get_name(MPI_COMM_WORLD, text, &length);
    CHECK(strcmp(text, "MPI_COMM_WORLD") == 0);
    MPI_Type_get_name(MPI_LONG_DOUBLE_INT, text, &length);
    CHECK(strcmp(text, "MPI_LONG_DOUBLE_INT") == 0);
    CHECK(MPI_Wait(&request, &status) == MPI_SUCCESS);
    CHECK(status.MPI_SOURCE == MPI_ANY_SOURCE && status.MPI_TAG == MPI_ANY_TAG);
    CHECK(MPI_Reduce_local(&one, &result, 1, MPI_INT, MPI_SUM) == MPI_SUCCESS && result == 1);
    MPI_Isend(&one, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD, &request);
    CHECK(MPI_Test(&request, &flag, MPI_STATUS_IGNORE) == MPI_SUCCESS && flag);
    CHECK(request == MPI_REQUEST_NULL);
    MPI_Type_contiguous(2, MPI_INT, &type);
    MPI_Type_free(&type);
    CHECK(type == MPI_DATATYPE_NULL);
    MPI_Comm_get_parent(&comm);
    CHECK(comm == MPI_COMM_NULL);
}

int main(int argc, char **argv)
{
    int copies_expected = argc > 1 && strcmp(argv[1], "copies") == 0;
    void *library = dlopen("libmpi.so.40", RTLD_NOW | RTLD_NOLOAD);
    void *world = library ? dlsym(library, "ompi_mpi_comm_world") : NULL;

    if (!world) {
        printf("%s\n", dlerror());
        return 1;
    }
    printf("MPI_COMM_WORLD is %p here, and %p where the library defines it\n",
           (void *)MPI_COMM_WORLD, world);
    CHECK(((void *)MPI_COMM_WORLD != world) == copies_expected);

    check_numbers(); /* before MPI_Init, as PETSc does */
    MPI_Init(&argc, &argv);
    check_numbers();
    check_returned();
    MPI_Finalize();
    return failures != 0;
}
