/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Collective calls that do not fit together: other roots, other calls, other counts and types. Some rank is told, by the class
 * of error that it is, with call, rank and argument; nobody waits for ever; and where nothing is left under way the
 * communicator can be used again. Intra- and inter-communicators, messages of all lengths; blocking and not.
 */
#include <unistd.h>

#include "mpi_test.h"

enum { MIDDLE = 30000, LONG = 300000 }; /* ints: no eager messages */

static int *in, *out;

static int class_of(int error)
{
    int class;

    MPI_Error_class(error, &class);
    return class;
}

/* Everybody has been told by then, and nobody asks about a communicator that is gone. */
static void discard(MPI_Comm *comm, MPI_Comm among)
{
    MPI_Barrier(among);
    MPI_Comm_free(comm);
}

static MPI_Comm duplicate(MPI_Comm of)
{
    MPI_Comm comm;

    MPI_Comm_dup(of, &comm);
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    return comm;
}

/* `error` is of this class, and its text has all of these. */
static void told(int error, int class, const char *first, const char *second, const char *third)
{
    char text[MPI_MAX_ERROR_STRING];
    int length;

    MPI_Error_string(error, text, &length);
    if (class_of(error) != class || !strstr(text, first) || !strstr(text, second) ||
        !strstr(text, third)) {
        fprintf(stderr, "rank %d: not what was to be told (%s, %s, %s): class %d, %s\n", world_rank,
                first, second, third, class_of(error), text);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
}

/* Everybody is root: all send, nobody receives. Who has not been told by then is told in the next call. */
static void all_are_roots(int count)
{
    MPI_Comm comm = duplicate(MPI_COMM_WORLD);
    int error = MPI_Bcast(in, count, MPI_INT, world_rank, comm);

    if (!error)
        error = MPI_Barrier(comm);
    told(error, MPI_ERR_ROOT, "MPI_B", "names", "as root of MPI_Bcast");
    discard(&comm, MPI_COMM_WORLD);
}

/* Everybody waits for the next one. Then a call that fits. */
static void nobody_is_root(int count)
{
    enum { BCAST, SCATTER, GATHER, REDUCE, KINDS };
    static const char *const calls[KINDS] = {"MPI_Bcast", "MPI_Scatter", "MPI_Gather",
                                             "MPI_Reduce"};
    int next = (world_rank + 1) % world_size, sum, one = 1;

    for (int kind = 0; kind < KINDS; kind++) {
        MPI_Comm comm = duplicate(MPI_COMM_WORLD);
        char names[32];
        int error;

        if (kind == BCAST)
            error = MPI_Bcast(in, count, MPI_INT, next, comm);
        else if (kind == SCATTER)
            error = MPI_Scatter(in, count, MPI_INT, out, count, MPI_INT, next, comm);
        else if (kind == GATHER)
            error = MPI_Gather(in, count, MPI_INT, out, count, MPI_INT, world_rank, comm);
        else
            error = MPI_Reduce(in, out, count, MPI_INT, MPI_SUM, world_rank, comm);
        snprintf(names, sizeof(names), "this rank %d",
                 kind == BCAST || kind == SCATTER ? next : world_rank);
        told(error, MPI_ERR_ROOT, calls[kind], "as root of", names);
        MPI_Barrier(
            MPI_COMM_WORLD); /* who has been told must not run ahead of those who have not */
        if (count == 1)
            require(MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, comm) == MPI_SUCCESS &&
                    sum == world_size);
        discard(&comm, MPI_COMM_WORLD);
    }
}

/* Rank 0 makes another call than the others. */
static void other_calls(void)
{
    MPI_Comm comm = duplicate(MPI_COMM_WORLD), made;
    int error;

    if (world_rank == 0)
        error = MPI_Barrier(comm);
    else
        error = MPI_Bcast(in, 1, MPI_INT, 0, comm);
    if (world_rank == 0)
        told(error, MPI_ERR_OTHER, "MPI_Barrier", "MPI_Bcast", "rank ");
    else if (world_rank == 1)
        told(error, MPI_ERR_OTHER, "MPI_Bcast", "rank 0 is in MPI_Barrier",
             "this rank in MPI_Bcast");
    else
        require(class_of(error) == MPI_ERR_OTHER);
    discard(&comm, MPI_COMM_WORLD);

    comm = duplicate(MPI_COMM_WORLD);
    if (world_rank == 0)
        error = MPI_Comm_dup(comm, &made);
    else
        error = MPI_Allreduce(in, out, 1, MPI_INT, MPI_SUM, comm);
    if (world_rank < 2)
        told(error, MPI_ERR_OTHER, "MPI_Comm_dup", "MPI_Allreduce", "rank ");
    else /* rank 1 may have left */
        told(error, MPI_ERR_OTHER, "MPI_Allreduce", "rank ", "");
    discard(&comm, MPI_COMM_WORLD);

    comm = duplicate(MPI_COMM_WORLD);
    error = world_rank == 0 ? MPI_Allreduce(in, out, 1, MPI_INT, MPI_SUM, comm)
                            : MPI_Bcast(in, 1, MPI_INT, 1, comm);
    if (world_rank == 0)
        told(error, MPI_ERR_OTHER, "MPI_Allreduce", "rank ", "");
    discard(&comm, MPI_COMM_WORLD);
}

/* Rank 1 gives half of what rank 0 expects of it, or gets half. */
static void too_little(int count)
{
    enum {
        BCAST,
        SCATTER,
        SCATTERV,
        GATHER,
        GATHERV,
        ALLGATHER,
        ALLTOALL,
        ALLTOALLW,
        REDUCE,
        IBCAST,
        IGATHER,
        KINDS
    };
    static const char *const calls[KINDS] = {
        "MPI_Bcast",   "MPI_Scatter",   "MPI_Scatterv", "MPI_Gather",
        "MPI_Gatherv", "MPI_Allgather", "MPI_Alltoall", "MPI_Alltoallw",
        "MPI_Reduce",  "MPI_Wait",      "MPI_Wait",
    };
    MPI_Datatype types[2] = {MPI_INT, MPI_INT}, half;
    int counts[2] = {count, count}, halves[2] = {count / 2, count / 2}, places[2] = {0, count};
    int byte_places[2] = {0, 4 * count};
    MPI_Comm pair, comm;

    MPI_Comm_split(MPI_COMM_WORLD, world_rank < 2 ? 0 : MPI_UNDEFINED, 0, &pair);
    if (pair == MPI_COMM_NULL)
        return;
    /* As many elements as there are ints, of half the size. */
    MPI_Type_create_resized(MPI_SHORT, 0, 4, &half);
    MPI_Type_commit(&half);
    for (int kind = 0; kind < KINDS; kind++) {
        int teller = kind <= SCATTERV || kind == IBCAST;
        int mine = world_rank == teller ? count : count / 2;
        char sizes[2][32], from[16];
        MPI_Request request;
        int error;

        comm = duplicate(pair);
        switch (kind) {
        case BCAST:
            error = MPI_Bcast(in, mine, MPI_INT, 0, comm);
            break;
        case SCATTER:
            error = MPI_Scatter(in, count / 2, MPI_INT, out, mine, MPI_INT, 0, comm);
            break;
        case SCATTERV:
            error = MPI_Scatterv(in, halves, places, MPI_INT, out, mine, MPI_INT, 0, comm);
            break;
        case GATHER:
            error = MPI_Gather(in, world_rank == 0 ? count : count / 2, MPI_INT, out, count,
                               MPI_INT, 0, comm);
            break;
        case GATHERV:
            error = MPI_Gatherv(in, count, world_rank == 0 ? MPI_INT : half, out, counts, places,
                                MPI_INT, 0, comm);
            break;
        case ALLGATHER:
            error = MPI_Allgather(in, mine, MPI_INT, out, mine, MPI_INT, comm);
            break;
        case ALLTOALL:
            error = MPI_Alltoall(in, mine, MPI_INT, out, mine, MPI_INT, comm);
            break;
        case ALLTOALLW:
            types[0] = types[1] = world_rank == 0 ? MPI_INT : half;
            error = MPI_Alltoallw(in, counts, byte_places, types, out, counts, byte_places, types,
                                  comm);
            break;
        case REDUCE:
            error = MPI_Reduce(in, out, mine, MPI_INT, MPI_SUM, 0, comm);
            break;
        case IBCAST:
            error = MPI_Ibcast(in, mine, MPI_INT, 0, comm, &request);
            break;
        default:
            error = MPI_Igather(in, world_rank == 0 ? count : count / 2, MPI_INT, out, count,
                                MPI_INT, 0, comm, &request);
        }
        if (kind >= IBCAST)
            error = MPI_Wait(&request, MPI_STATUS_IGNORE);
        if (world_rank == teller) {
            snprintf(sizes[0], sizeof(sizes[0]), "sent %d bytes", 2 * count);
            snprintf(sizes[1], sizeof(sizes[1]), "expects %d", 4 * count);
            strcpy(from, world_rank == 0 ? "rank 1" : "rank 0");
            /* Long ones come in pieces, or the two are on different sides of a threshold. */
            if (kind == REDUCE && count > 2) {
                told(error, MPI_ERR_COUNT, calls[kind], "rank 1", "count");
            } else {
                told(error, MPI_ERR_COUNT, calls[kind], sizes[0], sizes[1]);
                told(error, MPI_ERR_COUNT, from, "same counts", "");
            }
        }
        discard(&comm, pair);
    }
    MPI_Type_free(&half);
    MPI_Comm_free(&pair);
}

/* What a process gives to itself is held to the same. */
static void own_too_little(void)
{
    MPI_Comm comm = duplicate(MPI_COMM_SELF);
    MPI_Request request;

    told(MPI_Allgather(in, 2, MPI_INT, out, 3, MPI_INT, comm), MPI_ERR_COUNT, "MPI_Allgather",
         "8 bytes", "12");
    MPI_Iallgather(in, 2, MPI_INT, out, 3, MPI_INT, comm, &request);
    told(MPI_Wait(&request, MPI_STATUS_IGNORE), MPI_ERR_COUNT, "MPI_Wait", "8 bytes", "12");
    discard(&comm, MPI_COMM_WORLD);
}

/* So different that they take different algorithms, which do not know each other's messages. */
static void other_algorithms(void)
{
    MPI_Comm comm = duplicate(MPI_COMM_WORLD);
    int errors[2], all[2];

    errors[0] = MPI_Bcast(in, world_rank == 0 ? 1 : LONG, MPI_INT, 0, comm) != MPI_SUCCESS;
    errors[1] = MPI_Allreduce(in, out, world_rank == 0 ? 1 : LONG, MPI_INT, MPI_SUM, comm) !=
                MPI_SUCCESS;
    MPI_Allreduce(errors, all, 2, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    require(all[0] > 0 && all[1] > 0);
    discard(&comm, MPI_COMM_WORLD);
}

/* Rank 0 takes part in another nonblocking operation than the rank to which it sends. */
static void other_operations(void)
{
    MPI_Comm comm = duplicate(MPI_COMM_WORLD);
    MPI_Request request;
    int error;

    if (world_rank == 0)
        MPI_Iscatter(in, 1, MPI_INT, out, 1, MPI_INT, 0, comm, &request);
    else
        MPI_Ibcast(in, 1, MPI_INT, 0, comm, &request);
    error = MPI_Wait(&request, MPI_STATUS_IGNORE);
    if (world_rank == 1)
        told(error, MPI_ERR_OTHER, "rank 0 is in MPI_Scatter", "this rank in MPI_Bcast",
             "MPI_Wait");
    discard(&comm, MPI_COMM_WORLD);
}

/* The even ranks and the odd ones: the odd ones name rank 0 as root, but the last of the even ones says that it is. */
static void between_groups(void)
{
    MPI_Comm group, joined, comm;
    int rank, size, error;

    MPI_Comm_split(MPI_COMM_WORLD, world_rank % 2, 0, &group);
    MPI_Comm_rank(group, &rank);
    MPI_Comm_size(group, &size);
    MPI_Intercomm_create(group, 0, MPI_COMM_WORLD, 1 - world_rank % 2, 0, &joined);
    comm = duplicate(joined);
    if (world_rank % 2 == 1)
        error = MPI_Bcast(in, 1, MPI_INT, 0, comm);
    else
        error = MPI_Bcast(in, 1, MPI_INT, rank == size - 1 ? MPI_ROOT : MPI_PROC_NULL, comm);
    if (world_rank == 1)
        told(error, MPI_ERR_ROOT, "MPI_Bcast", "names ", "this rank 0");
    discard(&comm, MPI_COMM_WORLD);
    MPI_Comm_free(&joined);
    MPI_Comm_free(&group);
}

/* Calls of no bytes send nothing, so that one may be far ahead in them. That is no mistake. */
static void far_ahead(void)
{
    enum { FAR = 40000 };
    MPI_Comm comm = duplicate(MPI_COMM_WORLD);
    int error = MPI_SUCCESS, flag;

    for (int i = 0; i < FAR && !error; i++)
        error = MPI_Bcast(NULL, 0, MPI_INT, 0, comm);
    MPI_Barrier(comm);
    for (int i = 0; i < FAR && !error; i++) {
        if (i == 0 && world_rank != 0) {
            usleep(50000);
            MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &flag, MPI_STATUS_IGNORE);
        }
        error = MPI_Bcast(NULL, 0, MPI_INT, 0, comm);
    }
    require(!error && MPI_Bcast(in, 1, MPI_INT, 0, comm) == MPI_SUCCESS);
    discard(&comm, MPI_COMM_WORLD);
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    in = calloc(2 * LONG * (size_t)world_size, sizeof(int));
    out = calloc(2 * LONG * (size_t)world_size, sizeof(int));
    own_too_little();
    if (world_size > 1) {
        all_are_roots(1);
        all_are_roots(LONG);
        nobody_is_root(1);
        nobody_is_root(LONG);
        other_calls();
        too_little(2);
        too_little(MIDDLE);
        too_little(LONG);
        other_algorithms();
        other_operations();
        far_ahead();
    }
    if (world_size > 2)
        between_groups();
    free(in);
    free(out);
    return test_end();
}
