/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: a random program, the same on every rank from its seed, of messages between all pairs: any mode, any length from
 * 0 to 300,000 bytes, two communicators, receives posted early or late, exact or with wildcards, waited for in any way;
 * every byte is checked. Each phase is legal, so each must end.
 * Usage: stress [seed [phases]]; a failure names the seed and the phase.
 */
#include "mpi_test.h"

enum { MOST = 60 }; /* messages of a phase */

struct plan {
    int from, to, tag, length, mode, early, comm, wild;
};

static uint64_t state;
static MPI_Comm comms[2];

static uint32_t below(uint32_t bound)
{
    return random_next(&state) % bound;
}

static int random_length(void)
{
    switch (below(6)) {
    case 0:
        return (int)below(300001);
    case 1:
        return 8185 + (int)below(16);
    case 2:
        return (int)below(10000);
    default:
        return (int)below(100);
    }
}

static void post(const struct plan *plan, unsigned char *buffer, MPI_Request *request)
{
    /* Tags are unique in a phase, so a wildcard source cannot take another's message. */
    MPI_Irecv(buffer, plan->length + 8, MPI_BYTE, plan->wild ? MPI_ANY_SOURCE : plan->from,
              plan->tag, comms[plan->comm], request);
}

static void phase(uint32_t number)
{
    struct plan plan[MOST];
    unsigned char *buffer[MOST];
    MPI_Request request[MOST];
    MPI_Status status[MOST];
    int count = 1 + (int)below(MOST), left = 0, how = (int)below(4);

    for (int i = 0; i < count; i++) {
        plan[i] = (struct plan){.from = (int)below((uint32_t)world_size),
                                .to = (int)below((uint32_t)world_size),
                                .tag = i,
                                .length = random_length(),
                                .mode = (int)below(3),
                                .early = (int)below(2),
                                .comm = (int)below(2),
                                .wild = (int)below(2)};
        buffer[i] = NULL;
        request[i] = MPI_REQUEST_NULL;
        if (plan[i].to == world_rank || plan[i].from == world_rank)
            buffer[i] = malloc(2 * (size_t)plan[i].length + 16);
        if (plan[i].to == world_rank && plan[i].early) {
            memset(buffer[i], 0xcd, (size_t)plan[i].length + 8);
            post(&plan[i], buffer[i], &request[i]);
        }
    }
    /* A message to oneself is sent from the second half of its buffer, and needs a request of its own. */
    for (int i = 0; i < count; i++) {
        unsigned char *from = buffer[i] ? buffer[i] + plan[i].length + 8 : NULL;
        MPI_Request *one = &request[i], own;

        if (plan[i].from != world_rank)
            continue;
        if (plan[i].to == world_rank)
            one = &own;
        pattern_write(from, (size_t)plan[i].length, number * MOST + (uint32_t)i);
        if (plan[i].mode == 1)
            MPI_Issend(from, plan[i].length, MPI_BYTE, plan[i].to, plan[i].tag, comms[plan[i].comm],
                       one);
        else
            MPI_Isend(from, plan[i].length, MPI_BYTE, plan[i].to, plan[i].tag, comms[plan[i].comm],
                      one);
        if (one == &own) {
            if (!plan[i].early) {
                memset(buffer[i], 0xcd, (size_t)plan[i].length + 8);
                post(&plan[i], buffer[i], &request[i]);
            }
            MPI_Request_free(&own);
        }
    }
    for (int i = count - 1; i >= 0; i--) {
        if (plan[i].to == world_rank && plan[i].from != world_rank && !plan[i].early) {
            memset(buffer[i], 0xcd, (size_t)plan[i].length + 8);
            post(&plan[i], buffer[i], &request[i]);
        }
    }
    for (int i = 0; i < count; i++)
        left += request[i] != MPI_REQUEST_NULL;
    while (left > 0) {
        int index[MOST], some = 1;

        if (how == 0) {
            MPI_Waitall(count, request, status);
            break;
        }
        if (how == 1) {
            MPI_Waitany(count, request, &index[0], &status[0]);
        } else if (how == 2) {
            MPI_Waitsome(count, request, &some, index, status);
        } else {
            MPI_Testsome(count, request, &some, index, status);
        }
        left -= some;
    }
    for (int i = 0; i < count; i++) {
        if (plan[i].to == world_rank &&
            !(pattern_is(buffer[i], (size_t)plan[i].length, number * MOST + (uint32_t)i) &&
              untouched(buffer[i] + plan[i].length, 8, 0xcd))) {
            fprintf(stderr, "rank %d: message %d of phase %u is damaged\n", world_rank, i, number);
            MPI_Abort(MPI_COMM_WORLD, 1);
        }
    }
    /* The sends to oneself that were freed have been received; their buffers may go. */
    MPI_Barrier(comms[number & 1]);
    for (int i = 0; i < count; i++)
        free(buffer[i]);
}

int main(int argc, char **argv)
{
    unsigned long seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
    int phases = argc > 2 ? atoi(argv[2]) : 100;

    test_start(&argc, &argv);
    comms[0] = MPI_COMM_WORLD;
    MPI_Comm_dup(MPI_COMM_WORLD, &comms[1]);
    state = seed * 0x9e3779b97f4a7c15u + 1;
    for (int i = 0; i < phases; i++) {
        uint64_t before = state;

        phase((uint32_t)i);
        require(before != state);
    }
    MPI_Comm_free(&comms[1]);
    return test_end();
}
