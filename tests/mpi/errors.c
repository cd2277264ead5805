/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: with MPI_ERRORS_RETURN a wrong argument gives its class and harms nothing; a message that is longer than its
 * buffer gives MPI_ERR_TRUNCATE, eager and rendezvous, and writes nothing beyond; Waitall says which of its
 * requests failed. Any number of ranks from 2 on; ranks 0 and 1 take part.
 */
#include "mpi_test.h"

static int class_of(int error)
{
    int class;

    MPI_Error_class(error, &class);
    return class;
}

static void arguments(void)
{
    MPI_Request request = MPI_REQUEST_NULL;
    char data[8];
    int flag;

    require(class_of(MPI_Send(data, 1, MPI_BYTE, world_size, 0, MPI_COMM_WORLD)) == MPI_ERR_RANK);
    require(class_of(MPI_Send(data, 1, MPI_BYTE, -7, 0, MPI_COMM_WORLD)) == MPI_ERR_RANK);
    require(class_of(MPI_Send(data, 1, MPI_BYTE, 0, -1, MPI_COMM_WORLD)) == MPI_ERR_TAG);
    require(class_of(MPI_Send(data, -1, MPI_BYTE, 0, 0, MPI_COMM_WORLD)) == MPI_ERR_COUNT);
    require(class_of(MPI_Send(data, 1, MPI_DATATYPE_NULL, 0, 0, MPI_COMM_WORLD)) == MPI_ERR_TYPE);
    require(class_of(MPI_Send(data, 1, MPI_BYTE, 0, 0, MPI_COMM_NULL)) == MPI_ERR_COMM);
    require(class_of(MPI_Recv(data, 1, MPI_BYTE, -9, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE)) ==
            MPI_ERR_RANK);
    require(class_of(MPI_Irecv(data, 1, MPI_BYTE, 0, -5, MPI_COMM_WORLD, &request)) == MPI_ERR_TAG);
    require(class_of(MPI_Probe(world_size, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE)) == MPI_ERR_RANK);
    require(class_of(MPI_Bcast(data, 1, MPI_BYTE, world_size, MPI_COMM_WORLD)) == MPI_ERR_ROOT);
    request = MPI_REQUEST_NULL;
    require(class_of(MPI_Start(&request)) == MPI_ERR_REQUEST);
    require(MPI_Test(&request, &flag, MPI_STATUS_IGNORE) == MPI_SUCCESS && flag);
}

static void truncated(int length, int room, int early)
{
    unsigned char *data = malloc((size_t)length + 64);
    MPI_Status status;
    MPI_Request request;

    if (world_rank == 0) {
        pattern_write(data, (size_t)length, 9);
        MPI_Recv(NULL, 0, MPI_BYTE, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Send(data, length, MPI_BYTE, 1, 2, MPI_COMM_WORLD);
        MPI_Send(NULL, 0, MPI_BYTE, 1, 3, MPI_COMM_WORLD);
    } else if (world_rank == 1) {
        memset(data, 0xaa, (size_t)length + 64);
        if (early)
            MPI_Irecv(data, room, MPI_BYTE, 0, 2, MPI_COMM_WORLD, &request);
        MPI_Send(NULL, 0, MPI_BYTE, 0, 1, MPI_COMM_WORLD);
        if (early)
            require(class_of(MPI_Wait(&request, &status)) == MPI_ERR_TRUNCATE);
        else
            require(class_of(MPI_Recv(data, room, MPI_BYTE, 0, 2, MPI_COMM_WORLD, &status)) ==
                    MPI_ERR_TRUNCATE);
        require(status.MPI_SOURCE == 0 && status.MPI_TAG == 2);
        require(pattern_is(data, (size_t)room, 9));
        require(untouched(data + room, (size_t)(length + 64 - room), 0xaa));
        MPI_Recv(NULL, 0, MPI_BYTE, 0, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    free(data);
}

static void in_status(void)
{
    char data[3][16];
    MPI_Request requests[3];
    MPI_Status statuses[3];

    if (world_rank == 0) {
        for (int i = 0; i < 3; i++)
            MPI_Send(data[i], i == 1 ? 16 : 8, MPI_BYTE, 1, i, MPI_COMM_WORLD);
    } else if (world_rank == 1) {
        for (int i = 0; i < 3; i++)
            MPI_Irecv(data[i], 8, MPI_BYTE, 0, i, MPI_COMM_WORLD, &requests[i]);
        require(class_of(MPI_Waitall(3, requests, statuses)) == MPI_ERR_IN_STATUS);
        require(statuses[0].MPI_ERROR == MPI_SUCCESS);
        require(class_of(statuses[1].MPI_ERROR) == MPI_ERR_TRUNCATE);
        require(statuses[2].MPI_ERROR == MPI_SUCCESS);
        require(requests[1] == MPI_REQUEST_NULL);
    }
}

/* Ranks that do not agree on a collective call are told so where more comes than fits. */
static void disagreeing(void)
{
    char data[8] = {0}, text[MPI_MAX_ERROR_STRING];
    int error, length;

    error = MPI_Bcast(data, world_rank == 0 ? 8 : 4, MPI_BYTE, 0, MPI_COMM_WORLD);
    require(class_of(error) == (world_rank == 0 ? MPI_SUCCESS : MPI_ERR_TRUNCATE));
    if (world_rank > 0) {
        MPI_Error_string(error, text, &length);
        require(strstr(text, "MPI_Bcast") && strstr(text, "rank 0 sent 8 bytes") &&
                strstr(text, "expects 4"));
    }
    require(MPI_Barrier(MPI_COMM_WORLD) == MPI_SUCCESS);
}

/* Rank 1 of two takes part with twice as many bytes as rank 0 expects of it: that one is told the call, by whom, how many. */
static void too_much(void)
{
    enum { GATHER, GATHERV, ALLGATHER, ALLTOALL, ALLTOALLV, REDUCE, IGATHER, IALLTOALLV, CASES };
    static const char *const calls[CASES] = {
        "MPI_Gather",    "MPI_Gatherv", "MPI_Allgather", "MPI_Alltoall",
        "MPI_Alltoallv", "MPI_Reduce",  "MPI_Wait",      "MPI_Wait",
    };
    int in[16] = {0}, out[16], counts[2], places[] = {0, 8}, length, error = 0;
    char text[MPI_MAX_ERROR_STRING];
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Comm pair, comm;

    MPI_Comm_split(MPI_COMM_WORLD, world_rank < 2 ? 0 : MPI_UNDEFINED, 0, &pair);
    if (pair == MPI_COMM_NULL)
        return;
    for (int i = 0; i < CASES; i++) {
        int n = world_rank == 0 ? 2 : 4;

        counts[0] = counts[1] = n;
        MPI_Comm_dup(pair, &comm);
        MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
        memset(out, 0xaa, sizeof(out));
        if (i == GATHER)
            error = MPI_Gather(in, n, MPI_INT, out, 2, MPI_INT, 0, comm);
        else if (i == GATHERV)
            error = MPI_Gatherv(in, n, MPI_INT, out, counts, places, MPI_INT, 0, comm);
        else if (i == ALLGATHER)
            error = MPI_Allgather(in, n, MPI_INT, out, n, MPI_INT, comm);
        else if (i == ALLTOALL)
            error = MPI_Alltoall(in, n, MPI_INT, out, n, MPI_INT, comm);
        else if (i == ALLTOALLV)
            error = MPI_Alltoallv(in, counts, places, MPI_INT, out, counts, places, MPI_INT, comm);
        else if (i == REDUCE)
            error = MPI_Reduce(in, out, n, MPI_INT, MPI_SUM, 0, comm);
        else if (i == IGATHER)
            error = MPI_Igather(in, n, MPI_INT, out, 2, MPI_INT, 0, comm, &request);
        else
            error = MPI_Ialltoallv(in, counts, places, MPI_INT, out, counts, places, MPI_INT, comm,
                                   &request);
        if (i >= IGATHER)
            error = MPI_Wait(&request, MPI_STATUS_IGNORE);
        if (world_rank == 0) {
            require(class_of(error) == MPI_ERR_TRUNCATE);
            MPI_Error_string(error, text, &length);
            require(strstr(text, calls[i]) && strstr(text, "rank 1") && strstr(text, "16") &&
                    strstr(text, "8"));
            require(untouched(out + 10, sizeof(out) - 10 * sizeof(int), 0xaa));
        }
        MPI_Comm_free(&comm);
    }
    MPI_Comm_free(&pair);
}

/* What rank 0 of two gives to itself does not fit: only it is told, and what is between the two goes on. */
static void too_much_of_ones_own(void)
{
    enum { GATHER, GATHERV, ALLTOALLV, CASES };
    int in[6] = {1, 2, 3, 4, 5, 6}, out[8], two[] = {2, 2}, places[] = {0, 4}, error = 0;
    MPI_Comm pair;

    MPI_Comm_split(MPI_COMM_WORLD, world_rank < 2 ? 0 : MPI_UNDEFINED, 0, &pair);
    if (pair == MPI_COMM_NULL)
        return;
    MPI_Comm_set_errhandler(pair, MPI_ERRORS_RETURN);
    for (int i = 0; i < 2 * CASES; i++) {
        int own = world_rank == 0 && i % 2 == 0 ? 4 : 2, counts[] = {own, 2};
        int expected = own == 4 ? MPI_ERR_TRUNCATE : MPI_SUCCESS;

        memset(out, 0xaa, sizeof(out));
        if (i / 2 == GATHER)
            error = MPI_Gather(in, own, MPI_INT, out, 2, MPI_INT, 0, pair);
        else if (i / 2 == GATHERV)
            error = MPI_Gatherv(in, own, MPI_INT, out, two, places, MPI_INT, 0, pair);
        else
            error = MPI_Alltoallv(in, world_rank == 0 ? counts : two, places, MPI_INT, out, two,
                                  places, MPI_INT, pair);
        require(class_of(error) == expected);
        if (world_rank == 0 || i / 2 == ALLTOALLV) {
            const int *other = out + (i / 2 == GATHER ? 2 : places[1 - world_rank]);

            require(other[0] == in[i / 2 == ALLTOALLV ? places[world_rank] : 0]);
        }
    }
    MPI_Comm_free(&pair);
}

static int called[2];

static void count_own(MPI_Comm *comm, int *error, ...)
{
    char name[MPI_MAX_OBJECT_NAME];
    int length;

    MPI_Comm_get_name(*comm, name, &length);
    require(strcmp(name, "freed early") == 0 && class_of(*error) == MPI_ERR_TRUNCATE);
    called[0]++;
}

static void count_world(MPI_Comm *comm, int *error, ...)
{
    (void)comm, (void)error;
    called[1]++;
}

/* A request that fails has kept its communicator, which the program has freed: that one's handler takes the error. */
static void freed_communicator(void)
{
    MPI_Errhandler own, world;
    MPI_Request requests[2];
    MPI_Comm comm;
    char data[2][8];

    MPI_Comm_create_errhandler(count_own, &own);
    MPI_Comm_create_errhandler(count_world, &world);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, world);
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_set_name(comm, "freed early");
    MPI_Comm_set_errhandler(comm, own);
    MPI_Errhandler_free(&own);
    if (world_rank == 1)
        MPI_Irecv(data[0], 4, MPI_BYTE, 0, 0, comm, &requests[0]);
    MPI_Barrier(comm);
    if (world_rank == 0)
        MPI_Send(data[0], 8, MPI_BYTE, 1, 0, comm);
    MPI_Comm_free(&comm);
    if (world_rank == 1) {
        require(class_of(MPI_Wait(&requests[0], MPI_STATUS_IGNORE)) == MPI_ERR_TRUNCATE);
        require(called[0] == 1 && called[1] == 0);
        /* An error that is no communicator's goes to world's, not to the one that failed before. */
        requests[0] = requests[1] = MPI_REQUEST_NULL;
        require(class_of(MPI_Waitall(-1, requests, MPI_STATUSES_IGNORE)) == MPI_ERR_COUNT);
        require(called[0] == 1 && called[1] == 1);
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Errhandler_free(&world);
}

/* A duplicate that fails leaves a handle that is none, and all else as it was. */
static void failed_duplicate(void)
{
    long long in[20] = {0}, out[20];
    MPI_Comm comm, made = MPI_COMM_NULL;
    MPI_Request request;
    int size;

    MPI_Comm_split(MPI_COMM_WORLD, world_rank < 2 ? 0 : MPI_UNDEFINED, 0, &comm);
    if (comm == MPI_COMM_NULL)
        return;
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    if (world_rank == 0) {
        MPI_Comm_idup(comm, &made, &request);
        require(class_of(MPI_Wait(&request, MPI_STATUS_IGNORE)) == MPI_ERR_OTHER);
        require(class_of(MPI_Comm_size(made, &size)) == MPI_ERR_COMM);
    } else {
        MPI_Iallreduce(in, out, 20, MPI_LONG_LONG, MPI_MAX, comm, &request);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    }
    require(MPI_Comm_idup(comm, &made, &request) == MPI_SUCCESS);
    require(MPI_Wait(&request, MPI_STATUS_IGNORE) == MPI_SUCCESS);
    require(MPI_Barrier(made) == MPI_SUCCESS);
    MPI_Comm_free(&made);
    MPI_Comm_free(&comm);
}

static int refuse(MPI_Comm comm, int keyval, void *state, void *in, void *out, int *flag)
{
    (void)comm, (void)keyval, (void)state, (void)in, (void)out, (void)flag;
    return MPI_ERR_INTERN;
}

/* Rank 0's attribute does not let itself be copied: it gets the error at once, and the others their communicators. */
static void refused_duplicate(void)
{
    MPI_Comm comm, made = MPI_COMM_NULL;
    MPI_Request request;
    int keyval, error;

    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_create_keyval(refuse, MPI_COMM_NULL_DELETE_FN, &keyval, NULL);
    if (world_rank == 0)
        MPI_Comm_set_attr(comm, keyval, NULL);
    error = MPI_Comm_idup(comm, &made, &request);
    require(class_of(error) == (world_rank == 0 ? MPI_ERR_INTERN : MPI_SUCCESS));
    if (world_rank == 0) {
        require(made == MPI_COMM_NULL && request == MPI_REQUEST_NULL);
    } else {
        require(MPI_Wait(&request, MPI_STATUS_IGNORE) == MPI_SUCCESS);
        MPI_Comm_free(&made);
    }
    MPI_Comm_free_keyval(&keyval);
    MPI_Comm_free(&comm);
}

/* The block that a process gives to itself is held to the same: 12 bytes into room for 8, through either kind of type. */
static void own_block(void)
{
    enum { GATHER, SCATTER, ALLGATHER, ALLTOALL, CALLS };
    const int three = 3, two = 2, none = 0;
    int in[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[8];
    MPI_Datatype gap, wider;

    MPI_Type_create_resized(MPI_INT, 0, 2 * sizeof(int), &gap);
    MPI_Type_create_resized(MPI_INT, 0, 3 * sizeof(int), &wider);
    MPI_Type_commit(&gap);
    MPI_Type_commit(&wider);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    for (int i = 0; i < CALLS; i++) {
        for (int gaps = 0; gaps < 2; gaps++) {
            MPI_Datatype from = gaps ? gap : MPI_INT, to = gaps ? wider : MPI_INT;
            int step = gaps ? 3 : 1, error;

            for (int sent = 2; sent <= 3; sent++) {
                memset(out, 0xaa, sizeof(out));
                if (i == GATHER)
                    error = MPI_Gatherv(in, sent, from, out, &two, &none, to, 0, MPI_COMM_SELF);
                else if (i == SCATTER)
                    error = MPI_Scatterv(in, sent == 3 ? &three : &two, &none, from, out, 2, to, 0,
                                         MPI_COMM_SELF);
                else if (i == ALLGATHER)
                    error = MPI_Allgather(in, sent, from, out, 2, to, MPI_COMM_SELF);
                else
                    error = MPI_Alltoall(in, sent, from, out, 2, to, MPI_COMM_SELF);
                require(class_of(error) == (sent == 3 ? MPI_ERR_TRUNCATE : MPI_SUCCESS));
                require(out[0] == 1 && out[step] == (gaps ? 3 : 2));
                require(untouched(out + 1, (size_t)(step - 1) * sizeof(int), 0xaa));
                require(untouched(out + step + 1, sizeof(out) - (size_t)(step + 1) * sizeof(int),
                                  0xaa));
            }
        }
    }
    MPI_Type_free(&gap);
    MPI_Type_free(&wider);
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    arguments();
    for (int early = 0; early < 2; early++) {
        truncated(9, 8, early);
        truncated(1, 0, early);
        truncated(8192, 100, early);
        truncated(100000, 99999, early);
        truncated(100000, 0, early);
    }
    in_status();
    MPI_Barrier(MPI_COMM_WORLD);
    disagreeing();
    too_much();
    too_much_of_ones_own();
    own_block();
    freed_communicator();
    failed_duplicate();
    refused_duplicate();
    return test_end();
}
