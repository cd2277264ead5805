/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/completion.c: Wait and Test of any, some and all (MPI 3.1 section 3.7.5). Hot: all of them.
 *
 * Programs poll over a thousand requests of which few or none are complete. core.completed says how many complete
 * ones there are at all: at 0 nothing is looked through, and a search ends with the last one.
 */
#include "mpi-shim/core/completion.h"
#include "mpi-shim/core/p2p.h"

static int foreign_among(int index)
{
    return error_note(ERR_REQUEST, "requests[%d] is no request, or one that was freed", index);
}

/* Is any request of the array active? 1, 0, or -1 with *index where one is no request. */
static int any_active(int count, struct request **requests, int *index)
{
    for (int i = 0; i < count; i++) {
        if (unlikely(!request_valid(requests[i]))) {
            *index = i;
            return -1;
        }
        if (requests[i]->active)
            return 1;
    }
    return 0;
}

/* Find an active request that is complete: its index; -1 where none is active, -2 where none is complete,
 * -3 with *foreign where one is no request. */
static int find_complete(int count, struct request **requests, int *foreign)
{
    bool active = false;

    if (core.completed == 0) {
        int any = any_active(count, requests, foreign);

        return any < 0 ? -3 : any ? -2 : -1;
    }
    for (int i = 0; i < count; i++) {
        struct request *request = requests[i];

        if (unlikely(!request_valid(request))) {
            *foreign = i;
            return -3;
        }
        if (!request->active)
            continue;
        if (request->complete)
            return i;
        active = true;
    }
    return active ? -2 : -1;
}

static int any_result(int found, int foreign, struct request **requests, int *index,
                      struct status *status)
{
    if (found == -3)
        return foreign_among(foreign);
    if (found == -1) {
        *index = UNDEFINED;
        status_empty(status);
        return 0;
    }
    *index = found;
    return request_finish(&requests[found], status);
}

int request_waitany(int count, struct request **requests, int *index, struct status *status)
{
    int foreign = 0, found, error;

    core_lock();
    while ((found = find_complete(count, requests, &foreign)) == -2)
        core_wait(&(struct waiting){.call = "MPI_Waitany", .requests = requests, .count = count});
    error = any_result(found, foreign, requests, index, status);
    core_unlock();
    return error;
}

int request_testany(int count, struct request **requests, int *index, int *flag,
                    struct status *status)
{
    int foreign = 0, found, error = 0;

    core_lock();
    found = find_complete(count, requests, &foreign);
    if (found == -2) {
        core_poll();
        found = find_complete(count, requests, &foreign);
    }
    *flag = found != -2;
    *index = UNDEFINED;
    if (*flag)
        error = any_result(found, foreign, requests, index, status);
    core_unlock();
    return error;
}

/* Finish all of an array of complete requests. */
static int finish_all(int count, struct request **requests, struct status *statuses)
{
    bool broken = false;

    for (int i = 0; i < count; i++) {
        int error = request_finish(&requests[i], statuses ? &statuses[i] : NULL);

        if (likely(error == 0 && !broken))
            continue;
        /* From the first error on, every status says how its operation ended. */
        if (!broken) {
            broken = true;
            for (int j = 0; statuses && j < i; j++)
                statuses[j].error = 0;
        }
        if (statuses)
            statuses[i].error = error;
    }
    return broken ? ERR_IN_STATUS : 0;
}

int request_waitall(int count, struct request **requests, struct status *statuses)
{
    int error;

    core_lock();
    for (int i = 0; i < count; i++) {
        if (unlikely(!request_valid(requests[i]))) {
            core_unlock();
            return foreign_among(i);
        }
        while (!requests[i]->complete)
            core_wait(
                &(struct waiting){.call = "MPI_Waitall", .requests = requests, .count = count});
    }
    error = finish_all(count, requests, statuses);
    core_unlock();
    return error;
}

int request_testall(int count, struct request **requests, int *flag, struct status *statuses)
{
    bool polled = false;
    int error = 0;

    core_lock();
    *flag = 0;
    for (int i = 0; i < count; i++) {
        if (unlikely(!request_valid(requests[i]))) {
            core_unlock();
            return foreign_among(i);
        }
        if (requests[i]->complete)
            continue;
        if (!polled) {
            core_poll();
            polled = true;
        }
        if (!requests[i]->complete) {
            core_unlock();
            return 0;
        }
    }
    *flag = 1;
    error = finish_all(count, requests, statuses);
    core_unlock();
    return error;
}

/* Finish those of the array that are complete. *completed is UNDEFINED where none is active. */
static int finish_some(int count, struct request **requests, int *completed, int *indices,
                       struct status *statuses)
{
    bool active = false, broken = false;
    int done = 0;

    for (int i = 0; i < count; i++) {
        struct request *request = requests[i];
        int error;

        if (unlikely(!request_valid(request)))
            return foreign_among(i);
        if (!request->active)
            continue;
        active = true;
        if (core.completed == 0)
            break;
        if (!request->complete)
            continue;
        error = request_finish(&requests[i], statuses ? &statuses[done] : NULL);
        if (unlikely(error != 0 && !broken)) {
            broken = true;
            for (int j = 0; statuses && j < done; j++)
                statuses[j].error = 0;
        }
        if (unlikely(broken && statuses))
            statuses[done].error = error;
        indices[done++] = i;
    }
    *completed = active ? done : UNDEFINED;
    return broken ? ERR_IN_STATUS : 0;
}

int request_waitsome(int count, struct request **requests, int *completed, int *indices,
                     struct status *statuses)
{
    int error;

    core_lock();
    for (;;) {
        error = finish_some(count, requests, completed, indices, statuses);
        if (error || *completed != 0)
            break;
        core_wait(&(struct waiting){.call = "MPI_Waitsome", .requests = requests, .count = count});
    }
    core_unlock();
    return error;
}

int request_testsome(int count, struct request **requests, int *completed, int *indices,
                     struct status *statuses)
{
    int error;

    core_lock();
    core_poll();
    error = finish_some(count, requests, completed, indices, statuses);
    core_unlock();
    return error;
}

int coll_waitall(int count, struct request **requests)
{
    int error = 0;

    for (int i = 0; i < count; i++) {
        int ended = request_wait_in(NULL, &requests[i], NULL);

        error = error ? error : ended;
    }
    return error;
}
