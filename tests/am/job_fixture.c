/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/am/job_fixture.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/control.h"

void fixture_open(struct fixture_job *job, unsigned size, bool one_copy)
{
    setenv("CARAVAN_SINGLE_COPY", one_copy ? "yes" : "no", 1);
    memset(job, 0, sizeof(*job));
    job->size = size;
    for (unsigned i = 0; i < size; i++) {
        struct am_job own = {
            .job = 7,
            .process = i,
            .size = size,
            .nodes = 1,
            .ranks = 1,
            .cores = 2,
        };
        int ends[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        own.node_of = calloc(size, sizeof(*own.node_of));
        own.table = calloc(1, sizeof(*own.table));
        strcpy(own.table[0].host, "here");
        own.control = control_open(ends[0]);
        job->agent[i] = control_open(ends[1]);
        ck_assert_ptr_nonnull(own.control);
        ck_assert_int_eq(am_create(&job->am[i], &own, 0), 0);
    }
}

static void relay_line(struct fixture_job *job, unsigned from, struct control_message *message)
{
    uint64_t peer, bytes;

    if (strcmp(message->command, "caravan_ring") == 0) {
        int fd = control_take_fd(message, 0);
        int bells[2];

        ck_assert_int_eq(control_get_number(message, "peer", job->size - 1, &peer), 0);
        ck_assert_int_eq(control_get_number(message, "bytes", UINT32_MAX, &bytes), 0);
        bells[0] = job->am[peer]->bell.region.fd;
        bells[1] = job->am[peer]->bell.event;
        ck_assert_int_eq(control_send(job->agent[peer], &fd, 1,
                                      "cmd=caravan_ring peer=%u bytes=%llu", from,
                                      (unsigned long long)bytes),
                         0);
        ck_assert_int_eq(control_send(job->agent[from], bells, 2, "cmd=caravan_doorbell peer=%llu",
                                      (unsigned long long)peer),
                         0);
        close(fd);
    } else if (strcmp(message->command, "barrier_in") == 0) {
        if (++job->fencing == job->size) {
            job->fencing = 0;
            for (unsigned i = 0; i < job->size; i++)
                control_send(job->agent[i], NULL, 0, "cmd=barrier_out");
        }
    } else if (strcmp(message->command, "finalize") == 0) {
        control_send(job->agent[from], NULL, 0, "cmd=finalize_ack");
    } else {
        ck_abort_msg("an endpoint sent '%s'", message->command);
    }
}

void fixture_relay_lines(struct fixture_job *job)
{
    struct control_message message;

    for (unsigned i = 0; i < job->size; i++) {
        while (control_receive(job->agent[i], &message) > 0) {
            relay_line(job, i, &message);
            control_close_fds(&message);
        }
    }
}

void fixture_relay(struct fixture_job *job)
{
    fixture_relay_lines(job);
    for (unsigned i = 0; i < job->size; i++)
        job->am[i]->polls_to_control = 1;
}

int fixture_poll(struct fixture_job *job)
{
    int handled = 0;

    fixture_relay(job);
    for (unsigned i = 0; i < job->size; i++) {
        int result = am_poll(job->am[i]);

        ck_assert_int_ge(result, 0);
        handled += result;
    }
    return handled;
}

void fixture_settle(struct fixture_job *job)
{
    int quiet = 0;

    for (int rounds = 0; quiet < 3; rounds++) {
        ck_assert_int_lt(rounds, 1000000);
        quiet = fixture_poll(job) ? 0 : quiet + 1;
    }
}

void fixture_close(struct fixture_job *job)
{
    for (unsigned i = 0; i < job->size; i++) {
        /* Without the stream there is nobody to say goodbye to. */
        if (job->am[i]) {
            control_close(job->am[i]->job.control);
            job->am[i]->job.control = NULL;
            am_close(job->am[i]);
        }
        if (job->agent[i])
            control_close(job->agent[i]);
    }
}
