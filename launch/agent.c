/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/agent.c: the agent's side of the stream to mpirun (docs/agent-stream.md), and the order of things: be told,
 * start, serve, end everything.
 */
#include "launch/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/binding.h"
#include "launch/descendants.h"
#include "launch/version.h"

enum {
    MAX_PROGRAMS = 4096,
    MAX_PROCESSES = 1 << 20,
    SWEEP_MS = 2000, /* for the kernel to end what was killed */
    DESTROY_MS =
        5000, /* for keepers to destroy their domains, before the reaper does it for them */
};

#define FINISH_GRACE 1000000000u /* nanoseconds for output to end after everybody has */

struct rank *agent_rank(struct agent *agent, uint32_t process)
{
    for (unsigned i = 0; i < agent->rank_count; i++)
        if (agent->ranks[i].process == process)
            return &agent->ranks[i];
    return NULL;
}

static void send_text(struct agent *agent, const char *command, const char *format, va_list list)
{
    char text[1024], escaped[3 * sizeof(text)];

    vsnprintf(text, sizeof(text), format, list);
    control_escape(escaped, sizeof(escaped), text);
    channel_send_line(agent->channel, "%s=%s", command, escaped);
}

void agent_rank_failed(struct rank *rank, const char *format, ...)
{
    char command[64];
    va_list list;

    snprintf(command, sizeof(command), "cmd=caravan_failed process=%u reason", rank->process);
    va_start(list, format);
    send_text(rank->agent, command, format, list);
    va_end(list);
}

void agent_fail(struct agent *agent, const char *format, ...)
{
    va_list list;

    agent->failed = true;
    va_start(list, format);
    send_text(agent, "cmd=caravan_agent_failed reason", format, list);
    va_end(list);
}

/* ---- ending ----------------------------------------------------------------------------------- */

static void finish(void *context)
{
    struct agent *agent = context;

    /* Output that mpirun has no room for yet is not lost; output that never ends is somebody else's. */
    if (agent->finishing && agent->output_held) {
        loop_set_timer(agent->loop, &agent->finish_timer, FINISH_GRACE);
        return;
    }
    for (unsigned i = 0; i < agent->rank_count; i++)
        rank_close_output(&agent->ranks[i]);
}

void agent_check_finished(struct agent *agent)
{
    if (!agent->finishing)
        return;
    for (unsigned i = 0; i < agent->rank_count; i++)
        if (agent->ranks[i].output[0].fd >= 0 || agent->ranks[i].output[1].fd >= 0)
            return;
    agent->finishing = false;
    loop_cancel_timer(agent->loop, &agent->finish_timer);
    channel_send_line(agent->channel, "cmd=caravan_done");
}

/* Every rank has ended: so does all that they started, and then their output. */
static void start_finishing(struct agent *agent)
{
    loop_cancel_timer(agent->loop, &agent->kill_timer);
    if (!descendants_kill(SWEEP_MS))
        agent_fail(agent, "some processes of the job cannot be killed; they wait in the kernel");
    domains_finish(agent);
    agent->finishing = true;
    loop_set_timer(agent->loop, &agent->finish_timer, FINISH_GRACE);
    agent_check_finished(agent);
}

/* Domains are destroyed by their keepers, and by the reaper when these are killed: the latter is quick. */
static void kill_all(void *context)
{
    descendants_signal(SIGKILL, 0);
}

static void end_job(struct agent *agent, uint64_t milliseconds)
{
    bool first = !agent->ending;

    agent->ending = true;
    if (agent->running == 0) {
        if (first && agent->started)
            return; /* finishing already */
        if (first)
            start_finishing(agent);
        return;
    }
    if (milliseconds == 0) {
        kill_all(agent);
        return;
    }
    for (unsigned i = 0; i < agent->rank_count; i++) {
        rank_signal(&agent->ranks[i], SIGTERM);
        rank_signal(&agent->ranks[i], SIGCONT);
    }
    if (agent->domains.count > 0)
        milliseconds += DESTROY_MS;
    loop_set_timer(agent->loop, &agent->kill_timer, milliseconds * 1000000);
}

static void child_ended(void *context, uint32_t events)
{
    struct agent *agent = context;
    struct signalfd_siginfo info;
    bool before = agent->running > 0;
    pid_t pid;
    int status;

    while (read(agent->child_signal_fd, &info, sizeof(info)) == sizeof(info)) {
        /* Somebody asks this agent to end: mpirun sees its stream end, and ends the job. */
        if (info.ssi_signo != SIGCHLD) {
            loop_stop(agent->loop);
            return;
        }
    }
    /* Orphans of the ranks come here as well. */
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (unsigned i = 0; i < agent->rank_count; i++)
            if (agent->ranks[i].running && agent->ranks[i].pid == pid)
                rank_ended(&agent->ranks[i], status);
    if (before && agent->running == 0)
        start_finishing(agent);
}

/* ---- what mpirun says ------------------------------------------------------------------------- */

static bool number(const struct control_message *message, const char *key, uint64_t most,
                   uint64_t *value)
{
    return control_get_number(message, key, most, value) == 0;
}

static int take_job(struct agent *agent, struct control_message *message)
{
    uint64_t version, job, node, nodes, size, terminal, direct, bind, report, beside, frames,
        ethertype, timeout;
    const char *link = control_get(message, "link"), *interfaces = control_get(message, "eth");

    if (!number(message, "version", UINT32_MAX, &version))
        return -EPROTO;
    if (version != CHANNEL_VERSION) {
        agent_fail(agent, "launcher and agent do not fit together: launcher %llu, agent %d",
                   (unsigned long long)version, CHANNEL_VERSION);
        return 0;
    }
    if (!number(message, "job", UINT32_MAX, &job) ||
        !number(message, "nodes", MAX_PROCESSES, &nodes) || nodes == 0 ||
        !number(message, "node", nodes - 1, &node) ||
        !number(message, "size", MAX_PROCESSES, &size) || size == 0 ||
        !number(message, "terminal", 1, &terminal) || !number(message, "stdin", 1, &direct) ||
        !number(message, "bind", BINDINGS - 1, &bind) || !number(message, "report", 1, &report) ||
        !number(message, "beside", 1, &beside) || !number(message, "frames", 1, &frames) ||
        !number(message, "ethertype", 0xffff, &ethertype) ||
        !number(message, "timeout", 86400, &timeout) ||
        control_get_bytes(message, "key", agent->key, sizeof(agent->key)) < 0 || !link ||
        strlen(link) >= sizeof(agent->link) || !interfaces || agent->node_of)
        return -EPROTO;
    agent->job = (uint32_t)job;
    agent->node = (uint32_t)node;
    agent->nodes = (uint32_t)nodes;
    agent->size = (uint32_t)size;
    agent->terminal = terminal;
    agent->input_direct = direct && agent->forked;
    agent->bind = (unsigned)bind;
    agent->report_binding = report;
    agent->beside.wanted = beside;
    strcpy(agent->link, link);
    snprintf(agent->kvs_name, sizeof(agent->kvs_name), "kvs_%08x", agent->job);
    agent->node_of = memory_zeroed(agent->size, sizeof(uint32_t));
    agent->frames = frames;
    agent->interfaces = text_copy(interfaces);
    agent->ethertype = (uint16_t)ethertype;
    agent->peer_timeout = (unsigned)timeout;
    return 0;
}

static int take_program(struct agent *agent, struct control_message *message)
{
    const char *directory = control_get(message, "directory");
    uint64_t index, total, domu, needed, arguments, environment;

    if (!number(message, "index", MAX_PROGRAMS - 1, &index) || index != agent->program_count ||
        !number(message, "total", MAX_PROCESSES, &total) || !number(message, "domu", 1, &domu) ||
        !number(message, "needed", 1, &needed) ||
        !number(message, "arguments", 1 << 20, &arguments) || arguments == 0 ||
        !number(message, "environment", 1 << 20, &environment) || agent->rank_count > 0 ||
        agent->filling)
        return -EPROTO;

    struct program *grown = realloc(agent->programs,
                                    (agent->program_count + 1) * sizeof(struct program));

    if (!grown)
        return -ENOMEM;
    agent->programs = grown;
    agent->filling = &grown[agent->program_count++];
    *agent->filling = (struct program){
        .index = (unsigned)index,
        .total = (unsigned)total,
        .directory = directory ? text_copy(directory) : NULL,
        .directory_needed = needed,
        .domu = domu,
        .ramdisk_fd = -1,
        .arguments_due = arguments,
        .environment_due = environment,
    };
    return 0;
}

static int take_string(struct agent *agent, const char *text, size_t length)
{
    struct program *program = agent->filling;

    if (!program || strlen(text) != length)
        return -EPROTO;
    if (program->arguments_due > 0) {
        strings_add(&program->arguments, text);
        program->arguments_due--;
    } else {
        if (!strchr(text, '=') || program->environment_due == 0)
            return -EPROTO;
        strings_set(&program->environment, text);
        program->environment_due--;
    }
    if (program->arguments_due == 0 && program->environment_due == 0)
        agent->filling = NULL;
    return 0;
}

static int take_ranks(struct agent *agent, struct control_message *message)
{
    uint64_t first, count, program;

    if (agent->filling || agent->started || agent->size == 0 || agent->program_count == 0 ||
        !number(message, "first", agent->size - 1, &first) ||
        !number(message, "count", agent->size - first, &count) || count == 0 ||
        !number(message, "program", agent->program_count - 1, &program) ||
        agent->rank_count + count > agent->size)
        return -EPROTO;

    struct rank *grown = realloc(agent->ranks, (agent->rank_count + count) * sizeof(struct rank));

    if (!grown)
        return -ENOMEM;
    agent->ranks = grown;
    for (uint64_t i = 0; i < count; i++) {
        agent->ranks[agent->rank_count] = (struct rank){
            .agent = agent,
            .program = &agent->programs[program],
            .process = (uint32_t)(first + i),
            .local = agent->rank_count,
            .start_error = -1,
            .output = {{.fd = -1, .watch.fd = -1}, {.fd = -1, .watch.fd = -1}},
            .input = {.fd = -1, .watch.fd = -1},
            .doorbell = {-1, -1},
            .domain = agent->programs[program].domu ? -1 : 0,
            .port = -1,
        };
        if (agent->programs[program].domu && agent->domains.count == 0)
            return -EPROTO;
        agent->rank_count++;
    }
    return 0;
}

/* What the ranks are told of other nodes is passed on as it is. */
static int take_table(struct agent *agent, struct control_message *message, const char *line)
{
    uint64_t first, count, node;

    if (strcmp(message->command, "caravan_place") == 0) {
        if (agent->size == 0 || !number(message, "first", agent->size - 1, &first) ||
            !number(message, "count", agent->size - first, &count) ||
            !number(message, "node", agent->nodes - 1, &node))
            return -EPROTO;
        for (uint64_t i = 0; i < count; i++)
            agent->node_of[first + i] = (uint32_t)node;
    }
    strings_add(&agent->table, line);
    return 0;
}

/* MPICH asks the launcher where the ranks are: blocks of (first node, nodes, ranks on each). */
static void put_process_mapping(struct agent *agent)
{
    char text[KVS_MAX_VALUE];
    size_t length = (size_t)snprintf(text, sizeof(text), "(vector");

    for (uint32_t first = 0, end; first < agent->size; first = end) {
        for (end = first; end < agent->size && agent->node_of[end] == agent->node_of[first];)
            end++;
        length += (size_t)snprintf(text + length, sizeof(text) - length, ",(%u,1,%u)",
                                   agent->node_of[first], end - first);
        if (length + 2 > sizeof(text))
            return; /* too scattered to be told: it asks for host names instead */
    }
    strcpy(text + length, ")");
    kvs_put(&agent->kvs, "PMI_process_mapping", text, true);
}

static int start(struct agent *agent)
{
    if (agent->rank_count == 0 || agent->started || agent->filling || agent->ending)
        return agent->ending ? 0 : -EPROTO;
    agent->started = true;
    put_process_mapping(agent);
    for (unsigned i = 0; i < agent->rank_count; i++) {
        struct rank *rank = &agent->ranks[i];
        int error = rank_start(rank);

        if (rank->running) {
            agent->running++;
            channel_send_line(agent->channel, "cmd=caravan_started process=%u pid=%d",
                              rank->process, (int)rank->pid);
        }
        if (error < 0) {
            agent_rank_failed(rank, "it could not be started: %s", strerror(-error));
            break;
        }
    }
    /* None at all: mpirun hears `done` when it ends the job. */
    if (agent->running == 0)
        agent->started = false;
    return 0;
}

static int take_line(struct agent *agent, char *line)
{
    struct control_message message;
    char *copy = text_copy(line);
    const char *command;
    uint64_t value, process;
    int result = control_parse(line, &message);

    if (result < 0) {
        free(copy);
        return result;
    }
    command = message.command;
    if (strcmp(command, "caravan_taken") == 0) {
        if (number(&message, "bytes", agent->output_untaken, &value)) {
            agent->output_untaken -= value;
            if (agent->output_held) {
                agent->output_held = false;
                for (unsigned i = 0; i < agent->rank_count; i++)
                    rank_resume_output(&agent->ranks[i]);
            }
        } else {
            result = -EPROTO;
        }
    } else if (strcmp(command, "caravan_barrier_out") == 0) {
        beside_hide(agent); /* nobody got there without having looked */
        pmi_barrier_out(agent);
    } else if (strcmp(command, "caravan_put") == 0) {
        const char *key = control_get(&message, "key"), *text = control_get(&message, "value");

        result = key && text ? kvs_put(&agent->kvs, key, text, true) : -EPROTO;
        if (result == -EEXIST)
            result = 0; /* our own, coming back */
    } else if (strcmp(command, "caravan_signal") == 0) {
        if (number(&message, "number", 64, &value))
            for (unsigned i = 0; i < agent->rank_count; i++)
                rank_signal(&agent->ranks[i], (int)value);
    } else if (strcmp(command, "caravan_query") == 0) {
        uint64_t detail;

        if (number(&message, "number", UINT64_MAX, &value) &&
            number(&message, "detail", 1, &detail))
            query_ask(agent, value, detail);
        else
            result = -EPROTO;
    } else if (strcmp(command, "caravan_end") == 0) {
        end_job(agent, number(&message, "grace", 600000, &value) ? value : 0);
    } else if (strcmp(command, "caravan_down") == 0) {
        const char *reason = control_get(&message, "reason");

        if (number(&message, "process", UINT32_MAX, &process) && reason)
            pmi_down(agent, (uint32_t)process, reason);
    } else if (strcmp(command, "caravan_job") == 0) {
        result = take_job(agent, &message);
    } else if (strcmp(command, "caravan_domains") == 0) {
        result = domains_take(agent, &message);
    } else if (strcmp(command, "caravan_program") == 0) {
        result = take_program(agent, &message);
    } else if (strcmp(command, "caravan_ranks") == 0) {
        result = take_ranks(agent, &message);
    } else if (strcmp(command, "caravan_node") == 0 || strcmp(command, "caravan_place") == 0) {
        result = take_table(agent, &message, copy);
    } else if (strcmp(command, "caravan_claim") == 0) {
        result = beside_take(agent, &message);
    } else if (strcmp(command, "caravan_meet") == 0) {
        result = pmi_met(agent, &message);
    } else if (strcmp(command, "caravan_pass") == 0) {
        result = pmi_passed(agent, &message);
    } else if (strcmp(command, "caravan_prepare") == 0) {
        char text[512] = "";

        if (!agent->failed && (agent->domains.count == 0 || domains_open(agent))) {
            if (agent->frames)
                node_open(agent);
            beside_open(agent);
            node_describe(agent, text, sizeof(text));
            channel_send_line(agent->channel, "cmd=caravan_prepared%s", text);
        }
    } else if (strcmp(command, "caravan_start") == 0) {
        result = start(agent);
    } else {
        result = -EPROTO;
    }
    free(copy);
    return result;
}

static void take_input(struct agent *agent, const char *payload, size_t length)
{
    const unsigned char *head = (const unsigned char *)payload;
    uint32_t process;

    if (length < 4)
        return;
    process = head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;

    struct rank *rank = agent_rank(agent, process);

    if (rank)
        rank_write_input(rank, payload + 4, length - 4);
}

static void take_frame(void *context, enum channel_kind kind, char *payload, size_t length)
{
    struct agent *agent = context;
    int result = 0;

    switch (kind) {
    case CHANNEL_LINE:
        result = strlen(payload) == length ? take_line(agent, payload) : -EPROTO;
        break;
    case CHANNEL_STRING:
        result = take_string(agent, payload, length);
        break;
    case CHANNEL_INPUT:
        take_input(agent, payload, length);
        break;
    case CHANNEL_OUTPUT:
        result = -EPROTO;
        break;
    }
    if (result < 0) {
        agent_fail(agent, "mpirun and this agent do not understand each other (%s)",
                   strerror(-result));
        channel_drain(agent->channel, 1000);
        loop_stop(agent->loop);
    }
}

static void mpirun_ended(void *context, int error)
{
    struct agent *agent = context;

    loop_stop(agent->loop);
}

/* ---- the process ------------------------------------------------------------------------------ */

static unsigned count_cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (unsigned)CPU_COUNT(&set);
}

static void watch_signals(struct agent *agent)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_SETMASK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    agent->child_signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    agent->child_signal = (struct watch){.ready = child_ended, .context = agent, .fd = -1};
    loop_watch(agent->loop, &agent->child_signal, agent->child_signal_fd, EPOLLIN);
}

static void send_greeting(struct agent *agent)
{
    char host[256] = "", escaped[3 * sizeof(host)];

    gethostname(host, sizeof(host) - 1);
    control_escape(escaped, sizeof(escaped), host);
    channel_send_preamble(agent->channel);
    channel_send_line(agent->channel,
                      "cmd=caravan_agent version=%d release=%s host=%s pid=%d cores=%u",
                      CHANNEL_VERSION, CARAVAN_VERSION, escaped, (int)getpid(), agent->cores);
}

static void release(struct agent *agent)
{
    for (unsigned i = 0; i < agent->rank_count; i++) {
        pmi_close(&agent->ranks[i]);
        if (agent->ranks[i].port >= 0)
            close(agent->ranks[i].port);
    }
    agent->finishing = false;
    finish(agent);
    for (unsigned i = 0; i < agent->program_count; i++) {
        free(agent->programs[i].directory);
        free(agent->programs[i].path);
        free(agent->programs[i].start);
        free(agent->programs[i].ramdisk);
        if (agent->programs[i].ramdisk_fd >= 0)
            close(agent->programs[i].ramdisk_fd);
        strings_clear(&agent->programs[i].arguments);
        strings_clear(&agent->programs[i].environment);
    }
    node_close(agent);
    beside_close(agent);
    domains_close(agent);
    channel_close(agent->channel);
    loop_unwatch(agent->loop, &agent->child_signal);
    close(agent->child_signal_fd);
    loop_close(agent->loop);
    strings_clear(&agent->table);
    strings_clear(&agent->down);
    kvs_clear(&agent->kvs);
    explicit_bzero(agent->key, sizeof(agent->key));
    free(agent->programs);
    free(agent->ranks);
    free(agent->node_of);
    free(agent->interfaces);
}

int agent_main(int in, int out, const char *name, bool forked, struct reaper *reaper)
{
    struct agent agent = {.name = name,
                          .forked = forked,
                          .reaper = reaper,
                          .cores = count_cores(),
                          .beside = {.bus = -1}};
    struct channel_events events = {.frame = take_frame, .ended = mpirun_ended, .context = &agent};

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    agent.query_timer = (struct timer){.run = query_late, .context = &agent};
    agent.kill_timer = (struct timer){.run = kill_all, .context = &agent};
    agent.finish_timer = (struct timer){.run = finish, .context = &agent};
    agent.loop = loop_open();
    if (!agent.loop)
        return 1;
    watch_signals(&agent);
    agent.channel = channel_open(agent.loop, in, out, &events, false);
    if (!agent.channel)
        return 1;
    send_greeting(&agent);
    loop_run(agent.loop);

    /* mpirun has gone, or is content: in either case nothing of the job stays. */
    bool gone = descendants_kill(SWEEP_MS);

    release(&agent);
    return gone ? 0 : 1;
}

int agent_main_entered(const char *name, bool domains)
{
    struct reaper *reaper = domains ? reaper_start() : NULL;
    pid_t guarded = getpid();
    pid_t agent;
    int status;

    descendants_adopt();
    agent = fork();
    if (agent < 0)
        return 1;
    if (agent == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != guarded)
            return 1;

        /* Ranks do not hold the stream to mpirun open: it moves away from the standard descriptors. */
        int in = fcntl(0, F_DUPFD_CLOEXEC, 3), out = fcntl(1, F_DUPFD_CLOEXEC, 3);
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (in < 0 || out < 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
            return 1;
        return agent_main(in, out, name, false, reaper);
    }
    reaper_forget(reaper);

    /* The guard: whatever the agent leaves, killed as it may be, comes here. */
    close(0);
    close(1);
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    while (waitpid(agent, &status, 0) < 0)
        if (errno != EINTR)
            return 1;
    descendants_kill(SWEEP_MS);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
