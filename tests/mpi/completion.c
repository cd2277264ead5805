/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: Wait and Test of any, some and all say what MPI 3.1 section 3.7.5 says, also of null and inactive requests; and
 * the loop of Time Warp simulators (16 receives from anyone, up to 1,024 sends, both polled with Testsome)
 * delivers every event once. Any number of ranks from 2 on.
 */
#include "mpi_test.h"

static void nothing_active(void)
{
    MPI_Request requests[3] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    MPI_Status status, statuses[3];
    int index, flag, count, indices[3], value;

    /* One of them persistent and not started. */
    MPI_Recv_init(&value, 1, MPI_INT, 0, 0, MPI_COMM_WORLD, &requests[1]);
    MPI_Waitany(3, requests, &index, &status);
    require(index == MPI_UNDEFINED && status.MPI_SOURCE == MPI_ANY_SOURCE &&
            status.MPI_TAG == MPI_ANY_TAG && count_of(&status) == 0);
    MPI_Testany(3, requests, &index, &flag, &status);
    require(flag && index == MPI_UNDEFINED);
    MPI_Waitsome(3, requests, &count, indices, statuses);
    require(count == MPI_UNDEFINED);
    MPI_Testsome(3, requests, &count, indices, statuses);
    require(count == MPI_UNDEFINED);
    MPI_Waitall(3, requests, statuses);
    require(statuses[0].MPI_SOURCE == MPI_ANY_SOURCE);
    MPI_Testall(3, requests, &flag, statuses);
    require(flag);
    MPI_Wait(&requests[1], &status);
    MPI_Test(&requests[0], &flag, &status);
    require(flag);
    MPI_Waitany(0, requests, &index, &status);
    require(index == MPI_UNDEFINED);
    MPI_Request_free(&requests[1]);
}

static void some_of_many(void)
{
    enum { COUNT = 40, HELD = 3 }; /* the last ones are sent only when asked for */
    MPI_Request requests[COUNT];
    MPI_Status statuses[COUNT], status;
    int values[COUNT], indices[COUNT], count, flag, done = 0, index;

    if (world_rank == 0) {
        for (int i = 0; i < COUNT; i++)
            MPI_Irecv(&values[i], 1, MPI_INT, 1, i, MPI_COMM_WORLD, &requests[i]);
        MPI_Testany(COUNT, requests, &index, &flag, &status);
        require(!flag && index == MPI_UNDEFINED);
        MPI_Testall(COUNT, requests, &flag, statuses);
        require(!flag);
        MPI_Request_get_status(requests[5], &flag, &status);
        require(!flag);
        MPI_Barrier(MPI_COMM_WORLD);
        while (done < COUNT - HELD) {
            MPI_Waitsome(COUNT, requests, &count, indices, statuses);
            require(count > 0);
            for (int i = 0; i < count; i++, done++) {
                require(requests[indices[i]] == MPI_REQUEST_NULL);
                require(values[indices[i]] == 1000 + indices[i]);
                require(statuses[i].MPI_TAG == indices[i] && statuses[i].MPI_SOURCE == 1);
            }
        }
        MPI_Send(&done, 1, MPI_INT, 1, 100, MPI_COMM_WORLD);
        /* The rest. get_status leaves the request as it is. */
        for (int i = 0; i < COUNT; i++) {
            if (requests[i] == MPI_REQUEST_NULL)
                continue;
            do
                MPI_Request_get_status(requests[i], &flag, &status);
            while (!flag);
            require(status.MPI_TAG == i && requests[i] != MPI_REQUEST_NULL);
        }
        MPI_Waitany(COUNT, requests, &index, &status);
        require(index >= 0 && values[index] == 1000 + index && status.MPI_TAG == index);
        MPI_Testall(COUNT, requests, &flag, statuses);
        require(flag);
    } else if (world_rank == 1) {
        MPI_Barrier(MPI_COMM_WORLD);
        for (int i = COUNT - 1; i >= 0; i--) {
            if (i == HELD - 1)
                MPI_Recv(&done, 1, MPI_INT, 0, 100, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            values[i] = 1000 + i;
            MPI_Send(&values[i], 1, MPI_INT, 0, i, MPI_COMM_WORLD);
        }
    } else {
        MPI_Barrier(MPI_COMM_WORLD);
    }
}

/* As ROSS does it. Each rank sends EVENTS to each rank, itself included, and counts what it gets. */
static void time_warp(void)
{
    enum { RECEIVES = 16, SENDS = 1024, EVENTS = 4000 };
    struct event {
        int sender, number;
        char load[40];
    };
    static struct event in[RECEIVES], out[SENDS];
    static MPI_Request receives[RECEIVES], sends[SENDS];
    static int indices[SENDS];
    static MPI_Status statuses[SENDS];
    int *sent = calloc((size_t)world_size, sizeof(*sent));
    int *seen = calloc((size_t)world_size, sizeof(*seen));
    long left_to_send = (long)EVENTS * world_size, left_to_get = left_to_send, pending = 0;
    uint64_t state = 88172645463325252u + (uint64_t)world_rank;

    for (int i = 0; i < RECEIVES; i++)
        MPI_Irecv(&in[i], sizeof(in[i]), MPI_BYTE, MPI_ANY_SOURCE, 1, MPI_COMM_WORLD, &receives[i]);
    for (int i = 0; i < SENDS; i++)
        sends[i] = MPI_REQUEST_NULL;
    while (left_to_send > 0 || left_to_get > 0 || pending > 0) {
        int count;

        for (int i = 0; i < SENDS && left_to_send > 0; i++) {
            int to = (int)(random_next(&state) % (uint32_t)world_size);

            if (sends[i] != MPI_REQUEST_NULL)
                continue;
            while (sent[to] == EVENTS)
                to = (to + 1) % world_size;
            out[i].sender = world_rank;
            out[i].number = sent[to]++;
            memset(out[i].load, out[i].number, sizeof(out[i].load));
            MPI_Isend(&out[i], sizeof(out[i]), MPI_BYTE, to, 1, MPI_COMM_WORLD, &sends[i]);
            left_to_send--;
            pending++;
        }
        MPI_Testsome(SENDS, sends, &count, indices, statuses);
        if (count != MPI_UNDEFINED)
            pending -= count;
        MPI_Testsome(RECEIVES, receives, &count, indices, statuses);
        require(count != MPI_UNDEFINED);
        for (int i = 0; i < count; i++) {
            struct event *event = &in[indices[i]];

            require(count_of(&statuses[i]) == sizeof(*event));
            require(statuses[i].MPI_SOURCE == event->sender);
            require(untouched(event->load, sizeof(event->load), event->number));
            seen[event->sender]++;
            left_to_get--;
            MPI_Irecv(event, sizeof(*event), MPI_BYTE, MPI_ANY_SOURCE, 1, MPI_COMM_WORLD,
                      &receives[indices[i]]);
        }
    }
    for (int i = 0; i < RECEIVES; i++) {
        MPI_Cancel(&receives[i]);
        MPI_Wait(&receives[i], MPI_STATUS_IGNORE);
    }
    for (int i = 0; i < world_size; i++)
        require(seen[i] == EVENTS);
    free(sent);
    free(seen);
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    nothing_active();
    some_of_many();
    MPI_Barrier(MPI_COMM_WORLD);
    time_warp();
    return test_end();
}
