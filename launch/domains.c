/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/domains.c: the agent's domains: what is looked at and packed before any is made, and what becomes of them.
 */
#include "launch/agent.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launch/domain.h"
#include "launch/pack.h"
#include "launch/prefix.h"
#include "launch/xl.h"

enum { FINISH_MS = 12000 }; /* for the reaper, when the job has not ended by itself */

int domains_take(struct agent *agent, const struct control_message *message)
{
    const char *cpus = control_get(message, "cpus"), *bridge = control_get(message, "bridge");
    struct agent_domains *domains = &agent->domains;
    uint64_t count, memory;

    if (control_get_number(message, "count", DOMAIN_MAX_RANK + 1, &count) < 0 || count == 0 ||
        control_get_number(message, "memory", 1 << 20, &memory) < 0 || !cpus || !bridge ||
        (*cpus && domain_cpu(cpus, 0) < 0) || (*bridge && !domain_bridge_is_name(bridge)) ||
        domains->count > 0)
        return -EPROTO;
    domains->count = (unsigned)count;
    domains->memory = (unsigned)memory;
    domains->cpus = *cpus ? text_copy(cpus) : NULL;
    domains->wanted_bridge = *bridge ? text_copy(bridge) : NULL;
    return 0;
}

/* Where a program starts, absolute; NULL: it cannot be entered. */
static char *start_directory(const struct program *program)
{
    return program->directory ? realpath(program->directory, NULL) : getcwd(NULL, 0);
}

static bool pack(struct agent *agent, struct program *program)
{
    struct agent_domains *domains = &agent->domains;
    char *to = text_format("%s/program-%u.cpio", domains->place, program->index);
    struct strings environment = {0};
    char error[1024];
    int64_t size;

    rank_environment(agent, program, &environment);
    program->start = start_directory(program);
    if (!program->start && !program->directory_needed)
        program->start = text_copy("/");
    if (!program->start) {
        agent_fail(agent, "the directory %s: %s", program->directory, strerror(errno));
        size = -errno;
    } else {
        size = pack_program(to, program->arguments.list[0], &environment, program->start,
                            &program->path, error, sizeof(error));
        if (size < 0)
            agent_fail(agent, "%s", error);
    }
    if (size >= 0 &&
        domain_memory_check(domains->memory, (uint64_t)size, error, sizeof(error)) < 0) {
        agent_fail(agent, "%s: %s", program->arguments.list[0], error);
        size = -ENOMEM;
    }
    strings_clear(&environment);
    program->ramdisk = to;
    return size >= 0;
}

static bool prepare(struct agent *agent)
{
    struct agent_domains *domains = &agent->domains;
    char error[1024];
    unsigned processors = 1;
    int result = domain_host_check("/sys", error, sizeof(error));

    if (!agent->reaper) {
        agent_fail(agent, "it was not told that there would be domains");
        return false;
    }
    /* What dead jobs left is memory as well. */
    if (result == 0)
        result = reaper_clear_leftovers(REAPER_DIRECTORY, error, sizeof(error));
    if (result >= 0)
        result = domain_host_memory(domains->count, domains->memory, &processors, error,
                                    sizeof(error));
    if (result == 0)
        result = domain_host_bridge("/sys", domains->wanted_bridge, domains->bridge, &domains->mtu,
                                    error, sizeof(error));
    if (result < 0) {
        agent_fail(agent, "%s", error);
        return false;
    }
    /* dom0 has to run beside them: it moves their frames. */
    domains->crowded = domains->count > (domains->cpus    ? domain_cpu_count(domains->cpus)
                                         : processors > 1 ? processors - 1
                                                          : 1);
    domains->kernel = prefix_guest_kernel();
    if (access(domains->kernel, R_OK) < 0) {
        agent_fail(agent, "the guest kernel %s: %s", domains->kernel, strerror(errno));
        return false;
    }
    domains->place = reaper_open(agent->reaper, REAPER_DIRECTORY, agent->job, agent->node);
    if (!domains->place) {
        agent_fail(agent, "a directory for this job's domains below %s: %s", REAPER_DIRECTORY,
                   strerror(errno));
        return false;
    }
    for (unsigned i = 0; i < agent->program_count; i++)
        if (agent->programs[i].domu && !pack(agent, &agent->programs[i]))
            return false;
    return true;
}

bool domains_open(struct agent *agent)
{
    if (!prepare(agent))
        return false;
    for (unsigned i = 0; i < agent->rank_count; i++)
        if (agent->ranks[i].program->domu &&
            reaper_add(agent->reaper, agent->ranks[i].process) < 0) {
            agent_fail(agent, "the process that cleans up behind domains has gone");
            return false;
        }
    return true;
}

void domains_keeper(const struct rank *rank, struct keeper *keeper)
{
    const struct agent *agent = rank->agent;
    const struct agent_domains *domains = &agent->domains;

    *keeper = (struct keeper){
        .domain = {.job = agent->job,
                   .process = rank->process,
                   .local = rank->local,
                   .memory = domains->memory,
                   .cpus = domains->cpus,
                   .bridge = domains->bridge,
                   .mtu = domains->mtu,
                   .kernel = domains->kernel,
                   .ramdisk = rank->program->ramdisk,
                   /* All else comes over the control channel. */
                   .extra = "control=1"},
        .place = domains->place,
        .program = rank->program->path,
        .arguments = rank->program->arguments.list,
        .directory = rank->program->start,
    };
}

void domains_ended(struct rank *rank, bool gone)
{
    char name[DOMAIN_MAX_NAME];

    /* A keeper leaves when its domain has gone, and says so; one that was killed leaves it to us. */
    if (gone) {
        reaper_remove(rank->agent->reaper, rank->process);
        return;
    }
    domain_name(name, rank->agent->job, rank->process);
    xl_start((const char *const[]){"destroy", name, NULL});
}

void domains_finish(struct agent *agent)
{
    struct reaper *reaper = agent->reaper;

    agent->reaper = NULL;
    if (!reaper || !agent->domains.place) {
        reaper_forget(reaper);
        return;
    }
    agent->domains.place = NULL;
    switch (reaper_finish(reaper, FINISH_MS)) {
    case -ETIMEDOUT:
        agent_fail(agent, "some domains of the job are still there; they are being destroyed");
        break;
    case -EPIPE:
        agent_fail(agent, "the process that cleans up behind domains was killed; what is left of"
                          " the job's domains goes when the next one starts");
        break;
    }
}

void domains_close(struct agent *agent)
{
    struct agent_domains *domains = &agent->domains;

    /* What is left is the reaper's, which hears that we are gone. */
    reaper_forget(agent->reaper);
    agent->reaper = NULL;
    free(domains->cpus);
    free(domains->wanted_bridge);
    free(domains->kernel);
}
