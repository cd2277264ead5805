/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/enter.h: put an agent on a host.
 */
#ifndef CARAVAN_ENTER_H
#define CARAVAN_ENTER_H

#include <sys/types.h>

#include "launch/options.h"
#include "launch/reaper.h"

struct entered {
    pid_t pid;
    int in;     /* read what the agent says */
    int out;    /* and write to it */
    int errors; /* what ssh, or the like, says on its standard error; -1: none */
};

/* A child of our own, without exec, with the reaper where the job has domains. 0 or a negative errno. */
int enter_here(struct entered *entered, const char *name, struct reaper *reaper);

/* Through ssh, or `CMD HOST COMMAND...` of --launch-agent. */
int enter_host(struct entered *entered, const char *host, const struct options *options);

/* The word that makes mpirun be an agent. */
#define AGENT_WORD         "--be-agent-of"
/* Behind the host's name: the job has domains. */
#define AGENT_DOMAINS_WORD "--with-domains"

#endif
