/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/plan_allreduce.c: allreduce: recursive doubling, and for long vectors halving and doubling; as
 * allreduce_doubling.c and allreduce_halving.c, which explain them.
 */
#include "mpi-shim/coll/plan_inter.h"

enum { LONG = 16 << 10 }; /* bytes */

/* Where the number of ranks is no power of two, the first 2 * `extra` are joined in pairs, and the odd one takes part. */
struct power {
    int extra;
    int size;
    int position; /* -1: of the even one of a pair */
};

static struct power power_of(const struct comm *comm)
{
    struct power power = {.size = 1};

    while (2 * power.size <= comm->size)
        power.size *= 2;
    power.extra = comm->size - power.size;
    if (comm->rank >= 2 * power.extra)
        power.position = comm->rank - power.extra;
    else
        power.position = comm->rank & 1 ? comm->rank / 2 : -1;
    return power;
}

static int rank_of(const struct power *power, int position)
{
    return position < power->extra ? 2 * position + 1 : position + power->extra;
}

static void pairs_join(struct schedule *schedule, const struct power *power, char *mine,
                       char *other, size_t count, struct datatype *type, struct op *op,
                       struct comm *comm)
{
    if (power->position < 0) {
        schedule_send(schedule, mine, count, type, comm->rank + 1, comm);
    } else if (comm->rank < 2 * power->extra) {
        schedule_recv(schedule, other, count, type, comm->rank - 1, comm);
        schedule_round(schedule);
        schedule_reduce(schedule, op, other, mine, count, type);
    }
}

static void pairs_part(struct schedule *schedule, const struct power *power, char *result,
                       size_t count, struct datatype *type, struct comm *comm)
{
    schedule_round(schedule);
    if (power->position < 0)
        schedule_recv(schedule, result, count, type, comm->rank + 1, comm);
    else if (comm->rank < 2 * power->extra)
        schedule_send(schedule, result, count, type, comm->rank - 1, comm);
}

static void doubling(struct schedule *schedule, char *buffer, size_t count, struct datatype *type,
                     struct op *op, struct comm *comm)
{
    struct power power = power_of(comm);
    char *mine = buffer, *received = schedule_scratch(schedule, count, type);

    pairs_join(schedule, &power, mine, received, count, type, op, comm);
    for (int mask = 1; power.position >= 0 && mask < power.size; mask <<= 1) {
        int partner = power.position ^ mask, peer = rank_of(&power, partner);

        schedule_recv(schedule, received, count, type, peer, comm);
        schedule_send(schedule, mine, count, type, peer, comm);
        schedule_round(schedule);
        if (partner < power.position || op_symmetric(op, type)) {
            schedule_reduce(schedule, op, received, mine, count, type);
        } else {
            char *combined = received;

            schedule_reduce(schedule, op, mine, received, count, type);
            received = mine;
            mine = combined;
        }
    }
    if (mine != buffer)
        schedule_copy(schedule, mine, count, type, buffer, count, type);
    pairs_part(schedule, &power, buffer, count, type, comm);
}

struct range {
    size_t first;
    size_t count;
};

static void halving(struct schedule *schedule, char *data, size_t count, struct datatype *type,
                    struct op *op, struct comm *comm)
{
    struct power power = power_of(comm);
    char *other = schedule_scratch(schedule, count, type);
    struct range kept[32] = {{0, count}};
    int rounds = 0;

    pairs_join(schedule, &power, data, other, count, type, op, comm);
    for (int mask = power.size / 2; power.position >= 0 && mask > 0; mask >>= 1) {
        int peer = rank_of(&power, power.position ^ mask);
        struct range whole = kept[rounds];
        struct range low = {whole.first, whole.count / 2};
        struct range high = {whole.first + low.count, whole.count - low.count};
        struct range keep = power.position & mask ? high : low;
        struct range give = power.position & mask ? low : high;
        ptrdiff_t at = (ptrdiff_t)keep.first * type->extent;

        schedule_recv(schedule, other + at, keep.count, type, peer, comm);
        schedule_send(schedule, data + (ptrdiff_t)give.first * type->extent, give.count, type, peer,
                      comm);
        schedule_round(schedule);
        schedule_reduce(schedule, op, other + at, data + at, keep.count, type);
        kept[++rounds] = keep;
    }
    for (int mask = 1; power.position >= 0 && mask < power.size; mask <<= 1, rounds--) {
        int peer = rank_of(&power, power.position ^ mask);
        struct range have = kept[rounds], whole = kept[rounds - 1];
        struct range need = {power.position & mask ? whole.first : have.first + have.count,
                             whole.count - have.count};

        schedule_recv(schedule, data + (ptrdiff_t)need.first * type->extent, need.count, type, peer,
                      comm);
        schedule_send(schedule, data + (ptrdiff_t)have.first * type->extent, have.count, type, peer,
                      comm);
        schedule_round(schedule);
    }
    pairs_part(schedule, &power, data, count, type, comm);
}

int plan_allreduce(struct schedule *schedule, const void *send, void *recv, size_t count,
                   struct datatype *type, struct op *op, struct comm *comm)
{
    if (comm->remote)
        return plan_inter_allreduce(schedule, send, recv, count, type, op, comm);
    if (count == 0)
        return 0;
    if (send != IN_PLACE)
        schedule_copy(schedule, send, count, type, recv, count, type);
    if (comm->size == 1)
        return 0;
    if (op->commutative && count * type->size > LONG && comm->size > 2 &&
        count >= (size_t)comm->size)
        halving(schedule, recv, count, type, op, comm);
    else
        doubling(schedule, recv, count, type, op, comm);
    return 0;
}
