/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/domains.c: the agent's domains: what is looked at and packed before any is made, and what becomes of them.
 */
#include "launch/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "launch/domain.h"
#include "launch/pack.h"
#include "launch/prefix.h"
#include "launch/root/root.h"
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

/* Users who are not root go through the node's root agent. */
static bool is_root(void)
{
    return geteuid() == 0;
}

/* What a program is packed into: a file for xl, or one without a name that the root agent is given. */
static int open_ramdisk(struct agent *agent, struct program *program)
{
    int fd;

    if (!is_root()) {
        fd = memfd_create("caravan-program", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
            agent_fail(agent, "no memory file for a program: %s", strerror(errno));
        return fd;
    }
    program->ramdisk = text_format("%s/program-%u.cpio", agent->domains.place, program->index);
    fd = open(program->ramdisk, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        agent_fail(agent, "%s: %s", program->ramdisk, strerror(errno));
    return fd;
}

/* The root agent wants to know that it stays as it is. */
static bool keep_ramdisk(struct agent *agent, struct program *program, int fd)
{
    if (is_root()) {
        if (close(fd) == 0)
            return true;
        agent_fail(agent, "%s: %s", program->ramdisk, strerror(errno));
        return false;
    }
    program->ramdisk_fd = fd;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return true;
    agent_fail(agent, "a memory file cannot be sealed: %s", strerror(errno));
    return false;
}

static bool pack(struct agent *agent, struct program *program)
{
    struct agent_domains *domains = &agent->domains;
    struct strings environment = {0};
    char error[1024];
    int64_t size;
    int fd;

    program->start = start_directory(program);
    if (!program->start && !program->directory_needed)
        program->start = text_copy("/");
    if (!program->start) {
        agent_fail(agent, "the directory %s: %s", program->directory, strerror(errno));
        return false;
    }
    fd = open_ramdisk(agent, program);
    if (fd < 0)
        return false;
    rank_environment(agent, program, &environment);
    size = pack_program(fd, program->arguments.list[0], &environment, program->start,
                        &program->path, error, sizeof(error));
    strings_clear(&environment);
    if (!keep_ramdisk(agent, program, fd))
        return false;
    if (size < 0) {
        agent_fail(agent, "%s", error);
        return false;
    }
    if (domain_memory_check(domains->memory, (uint64_t)size, error, sizeof(error)) < 0) {
        agent_fail(agent, "%s: %s", program->arguments.list[0], error);
        return false;
    }
    return true;
}

/* Whether this host can have the job's domains: root looks itself, and others ask. 0, or a negative errno with a line. */
static int look_at_host(struct agent_domains *domains, unsigned *processors, char *error,
                        size_t size)
{
    int result = domain_host_check("/sys", error, size);

    if (result < 0)
        return result;
    if (!is_root())
        return root_look(domains->count, domains->memory, domains->wanted_bridge, domains->bridge,
                         &domains->mtu, processors, error, size);
    /* What dead jobs left is memory as well. */
    result = reaper_clear_leftovers(REAPER_DIRECTORY, error, size);
    if (result >= 0)
        result = domain_host_memory(domains->count, domains->memory, processors, error, size);
    if (result == 0)
        result = domain_host_bridge("/sys", domains->wanted_bridge, domains->bridge, &domains->mtu,
                                    error, size);
    return result;
}

/* What root's own domains need beside: a kernel, and a place for their files that the reaper knows. */
static bool prepare_own(struct agent *agent)
{
    struct agent_domains *domains = &agent->domains;

    if (!agent->reaper) {
        agent_fail(agent, "it was not told that there would be domains");
        return false;
    }
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
    return true;
}

bool domains_open(struct agent *agent)
{
    struct agent_domains *domains = &agent->domains;
    char error[1024];
    unsigned processors = 1;
    uint64_t began;

    if (look_at_host(domains, &processors, error, sizeof(error)) < 0) {
        agent_fail(agent, "%s", error);
        return false;
    }
    /* dom0 has to run beside them: it moves their frames. */
    domains->crowded = domains->count > (domains->cpus    ? domain_cpu_count(domains->cpus)
                                         : processors > 1 ? processors - 1
                                                          : 1);
    if (is_root() && !prepare_own(agent))
        return false;
    began = loop_now();
    for (unsigned i = 0; i < agent->program_count; i++)
        if (agent->programs[i].domu && !pack(agent, &agent->programs[i]))
            return false;
    domains->packing = loop_now() - began;
    for (unsigned i = 0; i < agent->rank_count; i++)
        if (is_root() && agent->ranks[i].program->domu &&
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
                   .extra = DOMAIN_EXTRA},
        .ramdisk = rank->program->ramdisk_fd,
        .program = rank->program->path,
        .arguments = rank->program->arguments.list,
        .directory = rank->program->start,
    };
}

bool domains_number(struct rank *rank, int domain)
{
    if (!rank->program->domu || rank->joined || rank->domain >= 0 || domain <= 0)
        return false;
    rank->domain = domain;
    return true;
}

/* A domain may map what another has granted to it; a process of this host only if it is root. */
bool domains_beside(const struct rank *one, const struct rank *other)
{
    return one != other && (one->program->domu || other->program->domu) &&
           (is_root() || (one->program->domu && other->program->domu)) &&
           strcmp(one->agent->link, "wire") != 0;
}

void domains_ended(struct rank *rank, bool gone)
{
    char name[DOMAIN_MAX_NAME];

    /* The root agent notices by itself. */
    if (!is_root())
        return;
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
