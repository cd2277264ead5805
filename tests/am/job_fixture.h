/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A job inside one process: several endpoints of one node, and the agent's part played by hand. Everything runs in one
 * thread, in the order that the test says.
 */
#ifndef CARAVAN_JOB_FIXTURE_H
#define CARAVAN_JOB_FIXTURE_H

#include "am/core.h"

struct fixture_job {
    unsigned size;
    struct am *am[16];                /* NULL once the test has closed it */
    struct control_stream *agent[16]; /* the agent's ends */
    unsigned fencing;                 /* ranks that have entered the fence */
};

/* `size` endpoints on one node, with this choice of one-copy. Aborts the test on failure. */
void fixture_open(struct fixture_job *job, unsigned size, bool one_copy);
void fixture_close(struct fixture_job *job);

/* Pass on what the endpoints have sent to their agent; other threads may be using the endpoints. */
void fixture_relay_lines(struct fixture_job *job);

/* The same, and have the endpoints look for it at their next poll. */
void fixture_relay(struct fixture_job *job);

/* Relay and poll everybody once, in order; returns how many messages were handled. */
int fixture_poll(struct fixture_job *job);

/* Until a whole round handled nothing. */
void fixture_settle(struct fixture_job *job);

#endif
