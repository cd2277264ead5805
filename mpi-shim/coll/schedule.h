/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/schedule.h: a collective operation as a list of steps, which the core's progress carries out.
 *
 * A *plan* (plan.h) appends steps to a schedule. They begin in their order: a message is started, a copy or a reduction is
 * done at once. schedule_round makes what follows wait until every message before it has ended; so a plan puts one
 * before it reads what it received, and before it overwrites what it sends.
 *
 *     schedule_recv(schedule, other, count, type, partner, comm);
 *     schedule_send(schedule, mine, count, type, partner, comm);
 *     schedule_round(schedule);
 *     schedule_reduce(schedule, op, other, mine, count, type);
 *
 * No data moves while a plan is made, and a plan depends on its arguments only, so a schedule may be started again
 * (persistent collectives). Two processes must list the messages between them in the same order.
 *
 * Messages travel on the collective context with a tag that counts the communicator's schedules; every process makes
 * them in the same order, so they never mix, whatever the order in which they end.
 *
 * Plans need no lock. Types, operations and the communicator are retained when the schedule begins, until it is freed.
 */
#ifndef COLL_SCHEDULE_H
#define COLL_SCHEDULE_H

#include "mpi-shim/core/core.h"

struct schedule;

/* An empty one. What is done with it must be one of begin, keep, run. */
struct schedule *schedule_create(struct comm *comm, uint64_t called);

/* Start it; *request is the program's. [lock] 0 */
int schedule_begin(struct schedule *schedule, struct request **request);
/* Make an inactive persistent request of it. [lock] 0 */
int schedule_keep(struct schedule *schedule, struct request **request);
/* Start it and wait for its end; the operation's error. [lock] */
int schedule_run(struct schedule *schedule);
/* It came to nothing before any of these. */
void schedule_drop(struct schedule *schedule);

/* ---- steps -------------------------------------------------------------------------------------- */

void schedule_send(struct schedule *schedule, const void *buffer, size_t count,
                   struct datatype *type, int dest, struct comm *comm);
void schedule_recv(struct schedule *schedule, void *buffer, size_t count, struct datatype *type,
                   int source, struct comm *comm);
/* Local: what a message to oneself would do. */
void schedule_copy(struct schedule *schedule, const void *from, size_t from_count,
                   struct datatype *from_type, void *to, size_t to_count, struct datatype *to_type);
/* inout = in op inout: `in` is of the lower ranks. */
void schedule_reduce(struct schedule *schedule, struct op *op, const void *in, void *inout,
                     size_t count, struct datatype *type);
/* Call `function` with core_lock held. It may append steps. 0, or the error with which the operation ends. */
void schedule_call(struct schedule *schedule, int (*function)(struct schedule *, void *),
                   void *context);
void schedule_round(struct schedule *schedule);
/* For a function called by a step: what has failed so far, 0 if nothing. */
int schedule_error(const struct schedule *schedule);
/* Call `function` without core_lock when the operation has ended, before anybody is told, with its error or 0. */
void schedule_at_end(struct schedule *schedule, void (*function)(void *context, int error),
                     void *context);

/* Room for so many elements, as a program would give the buffer; it lasts as long as the schedule. */
void *schedule_scratch(struct schedule *schedule, size_t count, const struct datatype *type);
/* Have it freed with the schedule. */
void schedule_own(struct schedule *schedule, void *allocated);

/* The number that tells the schedules of a communicator apart, the same in all its processes; once begun. */
uint32_t schedule_number(const struct schedule *schedule);

#endif
