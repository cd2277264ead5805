/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/tags.h: tags of collective messages. One for each operation is enough: messages between two processes keep
 * their order, and every process calls the collectives of a communicator in the same order. They differ so that a
 * program which does not never gets the data of another call; how it is told, core/call.h says.
 */
#ifndef COLL_TAGS_H
#define COLL_TAGS_H

enum coll_tag { /* 0 belongs to core/context.c */
                TAG_BARRIER = 1,
                TAG_BCAST,
                TAG_REDUCE,
                TAG_ALLREDUCE,
                TAG_GATHER,
                TAG_ALLGATHER,
                TAG_SCATTER,
                TAG_ALLTOALL,
                TAG_REDUCE_SCATTER,
                TAG_SCAN,
};

/* Each schedule has a tag of its own, in turn; those from 1 << 29 on belong to core/intercomm.c and core/comm.c. */
enum { TAG_SCHEDULE = 1 << 28, SCHEDULE_TAGS = 1 << 28 };

#endif
