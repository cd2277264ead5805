/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/job_start.c: who goes where, and telling the agents of it.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/control.h"
#include "launch/domain.h"
#include "launch/job_private.h"

/* Variables that tell of the machine or the session that mpirun is in, which other hosts have themselves. */
static bool is_of_this_machine(const char *assignment)
{
    static const char *const names[] = {"HOSTNAME=",        "HOST=",   "PWD=",     "OLDPWD=",
                                        "SHLVL=",           "_=",      "DISPLAY=", "XAUTHORITY=",
                                        "WAYLAND_DISPLAY=", "TMPDIR=", "MAIL=",    "TTY="};
    static const char *const prefixes[] = {"SSH_", "XDG_",  "DBUS_",
                                           "PMI_", "PMIX_", "CARAVAN_CONTROL="};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strncmp(assignment, names[i], strlen(names[i])) == 0)
            return true;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
        if (strncmp(assignment, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static void make_environment(struct job *job, const struct option_program *program, bool here,
                             struct strings *environment)
{
    extern char **environ;

    for (char **item = environ; !here && *item; item++)
        if (!is_of_this_machine(*item) && **item && **item != '=' && strchr(*item, '='))
            strings_set(environment, *item);
    for (size_t i = 0; i < job->options->parameters.count; i++)
        strings_setf(environment, "OMPI_MCA_%s", job->options->parameters.list[i]);
    if (job->options->check)
        strings_set(environment, "CARAVAN_CHECK=1");
    for (size_t i = 0; i < program->environment.count; i++) {
        const char *item = program->environment.list[i];
        const char *value = strchr(item, '=') ? NULL : getenv(item);

        if (value)
            strings_setf(environment, "%s=%s", item, value);
        else if (strchr(item, '='))
            strings_set(environment, item);
    }
}

/* Where the ranks of a program start; NULL: where the agent is. The caller frees it. */
static char *find_directory(const struct option_program *program, bool here)
{
    char own[PATH_MAX];

    if (program->directory && program->directory[0] == '/')
        return text_copy(program->directory);
    if (!program->directory && here)
        return NULL;
    if (!getcwd(own, sizeof(own)))
        return program->directory ? text_copy(program->directory) : NULL;
    return program->directory ? text_format("%s/%s", own, program->directory) : text_copy(own);
}

static unsigned count_ranks(const struct job *job, uint32_t program)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < job->layout.size; i++)
        count += job->layout.program_of[i] == program;
    return count;
}

static int send_program(struct agent_state *agent, uint32_t index)
{
    struct job *job = agent->job;
    const struct option_program *program = &job->options->programs[index];
    struct strings environment = {0};
    char *directory = find_directory(program, agent->node->local);
    char escaped[CONTROL_MAX_LINE - 512] = "";
    int result = 0;

    make_environment(job, program, agent->node->local, &environment);
    if (directory) {
        strings_setf(&environment, "PWD=%s", directory);
        result = control_escape(escaped, sizeof(escaped), directory);
    }
    if (result >= 0)
        result = channel_send_line(agent->channel,
                                   "cmd=caravan_program index=%u total=%u domu=%d needed=%d "
                                   "arguments=%zu environment=%zu%s%s",
                                   index, count_ranks(job, index), program->domu,
                                   program->directory != NULL, program->arguments.count,
                                   environment.count, directory ? " directory=" : "", escaped);
    for (size_t i = 0; i < program->arguments.count && result == 0; i++)
        result = channel_send(agent->channel, CHANNEL_STRING, program->arguments.list[i],
                              strlen(program->arguments.list[i]), NULL, 0);
    for (size_t i = 0; i < environment.count && result == 0; i++)
        result = channel_send(agent->channel, CHANNEL_STRING, environment.list[i],
                              strlen(environment.list[i]), NULL, 0);
    strings_clear(&environment);
    free(directory);
    return result;
}

static unsigned count_agents(const struct job *job)
{
    unsigned count = 0;

    for (size_t i = 0; i < job->layout.node_count; i++)
        count += job->layout.nodes[i].ranks > 0;
    return count;
}

static void send_job(struct agent_state *agent)
{
    struct job *job = agent->job;
    const struct options *options = job->options;
    char key[2 * sizeof(job->key) + 1], interfaces[3 * 1024] = "";
    int result;

    control_write_bytes(key, job->key, sizeof(job->key));
    if (options->interfaces)
        control_escape(interfaces, sizeof(interfaces), options->interfaces);
    result = channel_send_line(
        agent->channel,
        "cmd=caravan_job version=%d job=0x%08x key=%s node=%u nodes=%u size=%u link=%s terminal=%d"
        " stdin=%d bind=%d report=%d beside=%d frames=%d eth=%s ethertype=%u timeout=%u",
        CHANNEL_VERSION, job->id, key, agent->number, job->nodes, job->layout.size, options->link,
        isatty(1), job->input_direct, options->binding, options->report_bindings,
        count_agents(job) > 1 && strcmp(options->link, "wire") != 0,
        job->frames && agent->plain > 0, interfaces, options->ethertype, options->peer_timeout);
    explicit_bzero(key, sizeof(key));
    if (result == 0 && agent->domains > 0)
        result = channel_send_line(
            agent->channel, "cmd=caravan_domains count=%u memory=%u cpus=%s bridge=%s",
            agent->domains, options->memory, options->cpus ? options->cpus : "",
            options->bridge ? options->bridge : "");
    for (uint32_t i = 0; i < options->program_count && result == 0; i++)
        result = send_program(agent, i);
    for (uint32_t first = 0; first < job->layout.size && result == 0;) {
        uint32_t count = layout_run(&job->layout, first);

        if (job_agent_of(job, first) == agent)
            result = channel_send_line(agent->channel,
                                       "cmd=caravan_ranks first=%u count=%u program=%u", first,
                                       count, job->layout.program_of[first]);
        first += count;
    }
    if (result == 0)
        result = channel_send_line(agent->channel, "cmd=caravan_prepare");
    if (result < 0)
        job_fail(job, 1, "host %s: it cannot be told of the job: %s", agent->node->name,
                 strerror(-result));
}

/* Frames cannot reach a rank of the same node: a packet socket does not see what its own host sends. */
static bool check_links(struct job *job)
{
    if (strcmp(job->options->link, "wire") == 0)
        for (size_t i = 0; i < job->layout.node_count; i++)
            if (job->agents[i].plain > 1) {
                job_fail(
                    job, 1,
                    "--link wire: %u ranks are on %s, and a network interface does not give a host"
                    " the frames that it sent itself; use --link auto, or a node for each rank",
                    job->agents[i].plain, job->layout.nodes[i].name);
                return false;
            }
    if (strcmp(job->options->link, "ring") == 0 && job->nodes > 1) {
        job_fail(job, 1, "--link ring: the ranks are on %u nodes, and rings are memory of one node",
                 job->nodes);
        return false;
    }
    return true;
}

/* Nodes have numbers in the order of their agents: one for an agent's processes, one for each of its domains. */
static bool number_nodes(struct job *job)
{
    job->node_of = memory_zeroed(job->layout.size, sizeof(uint32_t));
    for (uint32_t i = 0; i < job->layout.size; i++) {
        if (job_is_domain(job, i))
            job_agent_of(job, i)->domains++;
        else
            job_agent_of(job, i)->plain++;
        if (job_is_domain(job, i) && i > DOMAIN_MAX_RANK) {
            job_fail(job, 1, "rank %u: domains have ranks up to %d", i, DOMAIN_MAX_RANK);
            return false;
        }
    }
    for (size_t i = 0; i < job->layout.node_count; i++) {
        struct agent_state *agent = &job->agents[i];

        agent->number = job->nodes;
        job->nodes += agent->plain > 0;
        for (uint32_t process = 0; process < job->layout.size; process++)
            if (job_agent_of(job, process) == agent)
                job->node_of[process] = job_is_domain(job, process) ? job->nodes++ : agent->number;
    }
    return true;
}

static void display_map(struct job *job)
{
    for (uint32_t first = 0; first < job->layout.size;) {
        uint32_t count = layout_run(&job->layout, first);
        const char *name = job_agent_of(job, first)->node->name;
        const char *program =
            job->options->programs[job->layout.program_of[first]].arguments.list[0];

        if (count == 1)
            job_say(job, "rank %u: %s, %s", first, name, program);
        else
            job_say(job, "ranks %u-%u: %s, %s", first, first + count - 1, name, program);
        first += count;
    }
}

/* Every agent has greeted: decide who runs what where, and tell them. */
void job_place(struct job *job)
{
    struct output_events events = {
        .room = job_room_again, .broken = job_output_broken, .context = job};
    char error[512];

    job->placed = true;
    for (size_t i = 0; i < job->layout.node_count; i++)
        if (job->layout.nodes[i].slots == 0)
            job->layout.nodes[i].slots = job->agents[i].cores;
    if (layout_place(&job->layout, job->options, error, sizeof(error)) < 0) {
        job_fail(job, 1, "%s", error);
        return;
    }
    job->processes = memory_zeroed(job->layout.size, sizeof(struct process_state));
    for (size_t i = 0; i < job->layout.node_count; i++) {
        struct agent_state *agent = &job->agents[i];

        if (agent->node->ranks > 0)
            continue;
        channel_close(agent->channel);
        agent->channel = NULL;
    }
    if (!number_nodes(job))
        return;
    job->frames = job->nodes > 1;
    if (!check_links(job))
        return;
    if (job->options->display_map)
        display_map(job);
    for (size_t i = 0; i < job->layout.node_count; i++) {
        struct layout_node *node = &job->layout.nodes[i];

        if (job->agents[i].plain > job->agents[i].cores && !job->options->oversubscribe) {
            job_warn(job, "%u ranks share the %u core%s of %s; waiting ranks will yield",
                     job->agents[i].plain, job->agents[i].cores,
                     job->agents[i].cores == 1 ? "" : "s", node->name);
            break;
        }
    }
    job->output = output_open(job->loop, job->options, job->layout.size, &events);
    if (!job->output) {
        job_set_status(job, 1);
        job_end(job, job->options->kill_grace);
        return;
    }
    job->input_direct = job_agent_of(job, 0)->node->local && !isatty(0);
    for (size_t i = 0; i < job->layout.node_count && !job->ending; i++)
        if (job->agents[i].channel)
            send_job(&job->agents[i]);
}

static void give_input(void *context, const char *bytes, size_t length)
{
    struct job *job = context;
    unsigned char head[4] = {0}; /* process 0 */
    struct agent_state *agent = job_agent_of(job, 0);

    if (agent->channel)
        channel_send(agent->channel, CHANNEL_INPUT, head, sizeof(head), bytes, length);
}

/* What all are told of the nodes that are on this agent's host. */
static void send_nodes(struct agent_state *to, const struct agent_state *of)
{
    struct job *job = of->job;
    const char *user = strrchr(of->node->name, '@');
    char host[3 * HOST_MAX_NAME + 1];

    control_escape(host, sizeof(host), user ? user + 1 : of->node->name);
    if (of->plain > 0)
        channel_send_line(to->channel, "cmd=caravan_node node=%u host=%s%s", of->number, host,
                          of->port);
    for (uint32_t i = 0; i < job->layout.size && of->domains > 0; i++) {
        uint8_t mac[6];
        char text[2 * sizeof(mac) + 1];

        if (job_agent_of(job, i) != of || !job_is_domain(job, i))
            continue;
        domain_mac(mac, job->id, i);
        control_write_bytes(text, mac, sizeof(mac));
        channel_send_line(to->channel, "cmd=caravan_node node=%u host=%s mac=%s mtu=%u",
                          job->node_of[i], host, text, of->domain_mtu);
    }
}

/* Where that agent says it is, to one that may be on the same Xen host. */
static void send_claim(struct agent_state *to, const struct agent_state *of)
{
    if (to != of && *to->claim && *of->claim)
        channel_send_line(to->channel, "cmd=caravan_claim node=%u nodes=%u %s", of->number,
                          (of->plain > 0) + of->domains, of->claim);
}

/* Every agent is ready: tell all of them where everybody is, and start. */
void job_start(struct job *job)
{
    job->running = true;
    loop_cancel_timer(job->loop, &job->start_deadline);
    for (size_t i = 0; i < job->layout.node_count && !job->ending; i++) {
        struct agent_state *agent = &job->agents[i];

        if (!agent->channel)
            continue;
        for (size_t j = 0; j < job->layout.node_count; j++) {
            struct agent_state *other = &job->agents[j];

            if (other->node->ranks > 0) {
                send_nodes(agent, other);
                send_claim(agent, other);
            }
        }
        for (uint32_t first = 0, end; first < job->layout.size; first = end) {
            for (end = first; end < job->layout.size && job->node_of[end] == job->node_of[first];)
                end++;
            channel_send_line(agent->channel, "cmd=caravan_place first=%u count=%u node=%u", first,
                              end - first, job->node_of[first]);
        }
        channel_send_line(agent->channel, "cmd=caravan_start");
        agent->started = true;
    }
    inquiry_open(job);
    if (!job->input_direct)
        job->input = input_open(job->loop, give_input, job);
}

void job_warn_ignored(struct job *job)
{
    char text[1024];
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < job->options->ignored.count && length < sizeof(text); i++) {
        const char *name = job->options->ignored.list[i];

        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%.*s",
                                   length ? ", " : "", (int)strcspn(name, "="), name);
    }
    if (*text)
        job_warn(job, "without meaning here, and ignored: %s", text);
    for (size_t i = 0; i < job->options->program_count; i++) {
        const struct strings *names = &job->options->programs[i].environment;

        for (size_t j = 0; j < names->count; j++)
            if (!strchr(names->list[j], '=') && !getenv(names->list[j]))
                job_warn(job, "-x %s: there is no such variable", names->list[j]);
    }
}
