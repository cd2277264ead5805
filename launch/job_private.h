/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/job_private.h: what the parts of mpirun's job share.
 *
 *   job.c         the whole: signals, deadlines, the end
 *   job_start.c   who goes where, and telling the agents
 *   job_agents.c  what agents say, and what follows from it
 *   inquiry.c     what the ranks wait for
 */
#ifndef CARAVAN_JOB_PRIVATE_H
#define CARAVAN_JOB_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "launch/channel.h"
#include "launch/enter.h"
#include "launch/input.h"
#include "launch/layout.h"
#include "launch/loop.h"
#include "launch/options.h"
#include "launch/output.h"
#include "launch/reaper.h"

struct agent_state {
    struct job *job;
    struct layout_node *node;
    unsigned plain;   /* its ranks that are Linux processes */
    unsigned domains; /* and Xen domains */
    unsigned number;  /* of the node that the processes are; or, without any, of its first domain */
    struct entered entered;
    struct channel *channel; /* NULL: ended */
    struct watch errors;
    char last_error[512]; /* what ssh, or the like, said last */
    char partial[512];
    unsigned cores;
    bool reaped;
    int exit_status;
    bool greeted;
    bool prepared;
    bool started;
    bool done;
    bool waiting; /* somebody on it waits for all others */
    uint32_t waiting_process;
    bool in_barrier;      /* all of it does */
    char port[256];       /* its interface, as the ranks are told */
    char claim[80];       /* the Xen domain that it says it is in, and how to know; empty: none */
    unsigned domain_mtu;  /* of its domains' */
    uint32_t domain_user; /* whose they are, where the root agent makes them; 0: root's */
    uint64_t untaken;     /* output that was not acknowledged yet, since ours is full */
};

struct process_state {
    pid_t pid;
    bool ended;
};

struct job {
    const struct options *options;
    struct loop *loop;
    struct layout layout;
    struct agent_state *agents; /* one a node of the layout */
    unsigned nodes;             /* with ranks; every domain is one by itself */
    uint32_t *node_of;          /* of each process */
    struct process_state *processes;
    struct output *output;
    struct input *input;
    struct inquiry *inquiry; /* NULL until the start */

    uint32_t id;
    uint8_t key[16];
    bool frames;
    struct reaper *reaper; /* for the agent of this host; NULL: no domains, or given */
    bool input_direct;
    bool placed;
    bool running; /* all agents were told to start */
    bool failed;
    int status;
    bool ending;
    unsigned interrupts;
    bool some_ended; /* some process has, well */
    uint32_t ended_process;
    bool stuck;

    int signal_fd;
    struct watch signals;
    struct timer start_deadline;
    struct timer timeout;
    struct timer give_up;
};

/* ---- job.c ------------------------------------------------------------------------------------ */

/* One line on standard error; `job_warn`'s not with --quiet. */
void job_say(struct job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));
void job_warn(struct job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Say what went wrong, once, and end the job with this exit status. */
void job_fail(struct job *job, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The exit status, where none was set yet. */
void job_set_status(struct job *job, int status);
/* TERM to every rank, KILL after `grace` milliseconds; 0: now. */
void job_end(struct job *job, unsigned grace);
/* Leave the loop when no agent is waited for any more. */
void job_check_all_done(struct job *job);

struct agent_state *job_agent_of(struct job *job, uint32_t process);
bool job_is_domain(const struct job *job, uint32_t process);
/* `rank 1 on node2 (pid 4711, ./program)`: valid until the next but one. */
const char *job_describe(struct job *job, uint32_t process);

/* ---- job_start.c ------------------------------------------------------------------------------ */

/* What was asked for and does nothing, in a line. */
void job_warn_ignored(struct job *job);
/* Every agent has greeted: decide who runs what where, and tell them. */
void job_place(struct job *job);
/* Every agent is ready: tell all of them where everybody is, and start. */
void job_start(struct job *job);

/* ---- inquiry.c -------------------------------------------------------------------------------- */

/* The ranks start: watch over them, with --stall-report. */
void inquiry_open(struct job *job);
void inquiry_close(struct job *job);
/* Ask every rank what it waits for, and say it once all have answered or are late. */
void inquiry_report(struct job *job);
/* What an agent says of a process in this. False: it is not such a line. */
bool inquiry_take(struct job *job, uint32_t process, const struct control_message *message);

/* ---- job_agents.c ----------------------------------------------------------------------------- */

/* Put an agent on its host. 0 or a negative errno. */
int job_enter(struct agent_state *agent);
/* Wait for the agents to leave, so that nothing of the job is there when mpirun ends. */
void job_leave(struct job *job);
/* Our output has room again, or nobody reads it any more. */
void job_room_again(void *context);
void job_output_broken(void *context, int error);

#endif
