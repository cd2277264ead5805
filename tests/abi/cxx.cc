/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: a program that Open MPI's mpicxx linked needs libmpi_cxx.so.40, whose insides expect Open MPI's insides: it runs
 * on ours, with the callbacks and error handlers of the C++ bindings.
 */
#include <cstdio>
#include <cstring>
#include <mpi.h>

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::printf("line %d: %s\n", __LINE__, #condition);                                    \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static void largest(const void *in, void *inout, int count, const MPI::Datatype &type)
{
    const int *x = static_cast<const int *>(in);
    int *y = static_cast<int *>(inout);

    CHECK(type == MPI::INT);
    for (int i = 0; i < count; i++) {
        if (x[i] > y[i])
            y[i] = x[i];
    }
}

static void test_operation()
{
    int in[3] = {1, 7, 3}, inout[3] = {4, 5, 6};
    MPI::Op op;

    op.Init(largest, true);
    MPI_Reduce_local(in, inout, 3, MPI_INT, op);
    CHECK(inout[0] == 4 && inout[1] == 7 && inout[2] == 6);
    MPI::COMM_SELF.Allreduce(in, inout, 3, MPI::INT, op);
    CHECK(inout[1] == 7 && inout[2] == 3);
    op.Free();
}

static int copies, deletes;

static int copy(const MPI::Comm &comm, int keyval, void *state, void *in, void *out, bool &flag)
{
    copies++;
    CHECK(state == &copies);
    *static_cast<void **>(out) = static_cast<char *>(in) + 1;
    flag = true;
    return MPI_SUCCESS;
}

static int delete_(MPI::Comm &comm, int keyval, void *value, void *state)
{
    deletes++;
    return MPI_SUCCESS;
}

static void test_attributes()
{
    int keyval = MPI::Comm::Create_keyval(copy, delete_, &copies);
    MPI::Intracomm comm = MPI::COMM_WORLD.Dup(), copied;
    char place[4];
    void *value = NULL;

    comm.Set_attr(keyval, place);
    copied = comm.Dup();
    CHECK(copies == 1);
    CHECK(copied.Get_attr(keyval, &value) && value == place + 1);
    copied.Free();
    comm.Free();
    CHECK(deletes == 2);
    MPI::Comm::Free_keyval(keyval);
}

static int handled;

static void handler(MPI::Comm &comm, int *code, ...)
{
    handled = *code;
}

/* MPI::ERRORS_THROW_EXCEPTIONS sets MPI::mpi_errno where the bindings were built without exceptions, as Debian's are. */
static void test_errors()
{
    MPI::Intracomm comm = MPI::COMM_WORLD.Dup();
    MPI::Errhandler own = MPI::Comm::Create_errhandler(handler);
    int value = 0, caught = 0;

    comm.Set_errhandler(MPI::ERRORS_THROW_EXCEPTIONS);
#if OMPI_HAVE_CXX_EXCEPTION_SUPPORT
    try {
        comm.Send(&value, 1, MPI::INT, 99, 0);
    } catch (MPI::Exception &exception) {
        caught = exception.Get_error_class();
    }
#else
    comm.Send(&value, 1, MPI::INT, 99, 0);
    caught = MPI::mpi_errno;
#endif
    CHECK(caught == MPI_ERR_RANK);
    comm.Set_errhandler(own);
    comm.Send(&value, 1, MPI::INT, 0, -3);
    CHECK(handled == MPI_ERR_TAG);
    comm.Free();
    own.Free();
}

int main(int argc, char **argv)
{
    int length;
    char version[MPI_MAX_LIBRARY_VERSION_STRING];

    MPI::Init(argc, argv);
    MPI_Get_library_version(version, &length);
    std::printf("%s, rank %d of %d\n", version, MPI::COMM_WORLD.Get_rank(),
                MPI::COMM_WORLD.Get_size());
    CHECK(std::strstr(version, "Caravan") != NULL);
    test_operation();
    test_attributes();
    test_errors();
    MPI::Finalize();
    return failures != 0;
}
