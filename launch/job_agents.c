/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/job_agents.c: mpirun's side of the streams to its agents (docs/agent-stream.md), and what follows from what they say.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "control/control.h"
#include "launch/descendants.h"
#include "launch/job_private.h"
#include "launch/version.h"

enum {
    LEAVE_MS = 2000, /* for agents to leave after they are done */
    STATUS_NOT_FOUND = 127,
    STATUS_NOT_EXECUTABLE = 126,
};

/* ---- what agents say -------------------------------------------------------------------------- */

static bool get_process(struct job *job, const struct control_message *message, uint32_t *process)
{
    uint64_t number;

    if (!job->processes ||
        control_get_number(message, "process", job->layout.size - 1, &number) < 0)
        return false;
    *process = (uint32_t)number;
    return true;
}

static const char *get_text(const struct control_message *message, const char *key)
{
    const char *text = control_get(message, key);

    return text ? text : "";
}

static void take_greeting(struct agent_state *agent, const struct control_message *message)
{
    struct job *job = agent->job;
    uint64_t version = 0, cores = 1;

    control_get_number(message, "version", UINT32_MAX, &version);
    control_get_number(message, "cores", 1 << 20, &cores);
    if (version != CHANNEL_VERSION) {
        job_fail(
            job, 1,
            "host %s: launcher and agent do not fit together: launcher %s (stream %d), agent %s"
            " (stream %llu)",
            agent->node->name, CARAVAN_VERSION, CHANNEL_VERSION, get_text(message, "release"),
            (unsigned long long)version);
        return;
    }
    agent->greeted = true;
    agent->cores = cores ? (unsigned)cores : 1;
    for (size_t i = 0; i < job->layout.node_count; i++)
        if (!job->agents[i].greeted)
            return;
    if (!job->placed && !job->ending)
        job_place(job);
}

static void take_prepared(struct agent_state *agent, const struct control_message *message)
{
    struct job *job = agent->job;
    uint8_t mac[6], token[16];
    uint64_t mtu, pack, user, domain, answers = 0;

    if (control_get_bytes(message, "mac", mac, sizeof(mac)) == 0 &&
        control_get_number(message, "mtu", 0xffff, &mtu) == 0) {
        char text[2 * sizeof(mac) + 1];

        control_get_number(message, "agent", 1, &answers);
        control_write_bytes(text, mac, sizeof(mac));
        snprintf(agent->port, sizeof(agent->port), " mac=%s mtu=%llu agent=%llu", text,
                 (unsigned long long)mtu, (unsigned long long)answers);
    }
    if (control_get_number(message, "domain", UINT16_MAX, &domain) == 0 &&
        control_get_bytes(message, "token", token, sizeof(token)) == 0)
        snprintf(agent->claim, sizeof(agent->claim), "domain=%u token=%s", (unsigned)domain,
                 get_text(message, "token"));
    if (control_get_number(message, "domain_mtu", 0xffff, &mtu) == 0)
        agent->domain_mtu = (unsigned)mtu;
    if (control_get_number(message, "domain_user", UINT32_MAX, &user) == 0)
        agent->domain_user = (uint32_t)user;
    if (job->options->report_phases && control_get_number(message, "pack", UINT64_MAX, &pack) == 0)
        job_say(job, "host %s: pack %.2f s", agent->node->name, (double)pack / 1e6);
    agent->prepared = true;
    for (size_t i = 0; i < job->layout.node_count; i++)
        if (job->agents[i].channel && !job->agents[i].prepared)
            return;
    if (!job->running && !job->ending)
        job_start(job);
}

/* Somebody waits for all processes, and one has ended: without this the job would hang. */
static void check_stuck(struct job *job)
{
    if (!job->some_ended || job->ending)
        return;
    for (size_t i = 0; i < job->layout.node_count; i++) {
        struct agent_state *agent = &job->agents[i];

        if (agent->waiting && agent->channel) {
            job_fail(job, 1,
                     "%s has ended without taking part, and rank %u waits for it (in MPI_Init,"
                     " MPI_Finalize or another fence of all ranks)",
                     job_describe(job, job->ended_process), agent->waiting_process);
            return;
        }
    }
}

static void tell_down(struct job *job, uint32_t process, const char *reason)
{
    char escaped[2048];

    if (control_escape(escaped, sizeof(escaped), reason) < 0)
        return;
    for (size_t i = 0; i < job->layout.node_count; i++)
        if (job->agents[i].channel)
            channel_send_line(job->agents[i].channel, "cmd=caravan_down process=%u reason=%s",
                              process, escaped);
}

/* A process ended badly: the end of the job, unless it is to go on without. */
__attribute__((format(printf, 4, 5))) static void
process_failed(struct job *job, uint32_t process, int status, const char *format, ...)
{
    char text[1024];
    va_list list;

    if (job->ending)
        return;
    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    if (!job->options->recovery) {
        job_fail(job, status, "%s", text);
        return;
    }
    job_say(job, "%s", text);
    job_set_status(job, status);
    tell_down(job, process, text);
}

static void report_phases(struct job *job, uint32_t process, const struct control_message *message)
{
    static const char *const names[] = {"create", "boot", "run", "destroy"};
    double seconds[4];

    for (unsigned i = 0; i < 4; i++) {
        uint64_t value;

        if (control_get_number(message, names[i], UINT64_MAX, &value) < 0)
            return;
        seconds[i] = (double)value / 1e6;
    }
    job_say(job, "%s: create %.2f s, boot %.2f s, run %.2f s, destroy %.2f s",
            job_describe(job, process), seconds[0], seconds[1], seconds[2], seconds[3]);
}

static void take_exit(struct job *job, uint32_t process, const struct control_message *message)
{
    uint64_t status = 0, joined = 0, finalized = 0;

    control_get_number(message, "status", INT_MAX, &status);
    control_get_number(message, "joined", 1, &joined);
    control_get_number(message, "finalized", 1, &finalized);
    if (job->processes[process].ended)
        return;
    job->processes[process].ended = true;
    if (job->options->report_phases)
        report_phases(job, process, message);
    if (WIFSIGNALED((int)status)) {
        int number = WTERMSIG((int)status);

        process_failed(job, process, 128 + number, "%s was killed by signal %d (%s%s)",
                       job_describe(job, process), number, strsignal(number),
                       WCOREDUMP((int)status) ? ", core dumped" : "");
    } else if (WEXITSTATUS((int)status) != 0) {
        process_failed(job, process, WEXITSTATUS((int)status), "%s ended with exit status %d",
                       job_describe(job, process), WEXITSTATUS((int)status));
    } else if (joined && !finalized) {
        process_failed(job, process, 1, "%s ended after MPI_Init without calling MPI_Finalize",
                       job_describe(job, process));
    } else if (!job->some_ended) {
        job->some_ended = true;
        job->ended_process = process;
        check_stuck(job);
    }
}

static void take_not_started(struct job *job, uint32_t process,
                             const struct control_message *message)
{
    uint64_t error = 0, directory = 0;
    const struct option_program *program = &job->options->programs[job->layout.program_of[process]];

    control_get_number(message, "error", 4096, &error);
    control_get_number(message, "directory", 1, &directory);
    job->processes[process].ended = true;
    if (directory)
        job_fail(job, 1, "rank %u on %s: cannot enter the directory '%s': %s", process,
                 job_agent_of(job, process)->node->name, get_text(message, "what"),
                 strerror((int)error));
    else
        job_fail(job, error == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE,
                 "rank %u on %s: cannot execute '%s': %s", process,
                 job_agent_of(job, process)->node->name, program->arguments.list[0],
                 strerror((int)error));
}

static void take_barrier(struct agent_state *agent)
{
    struct job *job = agent->job;

    agent->in_barrier = agent->waiting = true;
    for (size_t i = 0; i < job->layout.node_count; i++)
        if (job->agents[i].channel && job->layout.nodes[i].ranks > 0 &&
            !job->agents[i].in_barrier) {
            check_stuck(job);
            return;
        }
    for (size_t i = 0; i < job->layout.node_count; i++) {
        job->agents[i].in_barrier = job->agents[i].waiting = false;
        if (job->agents[i].channel && job->nodes > 1)
            channel_send_line(job->agents[i].channel, "cmd=caravan_barrier_out");
    }
}

static void relay_put(struct agent_state *agent, const char *line)
{
    struct job *job = agent->job;

    for (size_t i = 0; i < job->layout.node_count; i++)
        if (&job->agents[i] != agent && job->agents[i].channel)
            channel_send(job->agents[i].channel, CHANNEL_LINE, line, strlen(line), NULL, 0);
}

/* From one agent's process to another's, which share a Xen host: the agents know what it means. */
static int relay_beside(struct agent_state *agent, const struct control_message *message,
                        const char *line)
{
    struct job *job = agent->job;
    uint32_t process;
    uint64_t peer;

    if (!get_process(job, message, &process) || job_agent_of(job, process) != agent ||
        control_get_number(message, "peer", job->layout.size - 1, &peer) < 0)
        return -EPROTO;
    agent = job_agent_of(job, (uint32_t)peer);
    if (agent->channel)
        channel_send(agent->channel, CHANNEL_LINE, line, strlen(line), NULL, 0);
    return 0;
}

/* What an agent says of one process. False: it is not such a line. */
static bool take_process_line(struct agent_state *agent, const struct control_message *message)
{
    struct job *job = agent->job;
    const char *command = message->command;
    uint32_t process;
    uint64_t number;

    if (!get_process(job, message, &process) || job_agent_of(job, process) != agent)
        return false;
    if (strcmp(command, "caravan_started") == 0) {
        if (control_get_number(message, "pid", INT_MAX, &number) == 0)
            job->processes[process].pid = (pid_t)number;
    } else if (strcmp(command, "caravan_exited") == 0) {
        take_exit(job, process, message);
    } else if (strcmp(command, "caravan_not_started") == 0) {
        take_not_started(job, process, message);
    } else if (strcmp(command, "caravan_failed") == 0) {
        process_failed(job, process, 1, "%s: %s", job_describe(job, process),
                       get_text(message, "reason"));
    } else if (strcmp(command, "caravan_abort") == 0) {
        const char *text = get_text(message, "message");
        int code = atoi(get_text(message, "exitcode"));

        /* 256 is not success. */
        if (!job->ending)
            job_fail(job, code & 0xff ? code & 0xff : code != 0, "%s aborted the job%s%s",
                     job_describe(job, process), *text ? ": " : "", text);
    } else if (strcmp(command, "caravan_report") == 0) {
        job_say(job, "rank %u on %s: %s", process, agent->node->name, get_text(message, "text"));
    } else if (strcmp(command, "caravan_bound") == 0) {
        job_say(job, "rank %u on %s is bound to cpus %s", process, agent->node->name,
                get_text(message, "cpus"));
    } else if (strcmp(command, "caravan_waiting") == 0) {
        agent->waiting = true;
        agent->waiting_process = process;
        check_stuck(job);
    } else {
        return inquiry_take(job, process, message);
    }
    return true;
}

static int take_line(struct agent_state *agent, char *line)
{
    struct job *job = agent->job;
    struct control_message message;
    char *copy = text_copy(line);
    uint64_t number;
    int result = control_parse(line, &message);

    if (result < 0) {
        free(copy);
        return result;
    }
    if (strcmp(message.command, "caravan_agent") == 0) {
        take_greeting(agent, &message);
    } else if (strcmp(message.command, "caravan_prepared") == 0) {
        take_prepared(agent, &message);
    } else if (strcmp(message.command, "caravan_put") == 0) {
        relay_put(agent, copy);
    } else if (strcmp(message.command, "caravan_meet") == 0 ||
               strcmp(message.command, "caravan_pass") == 0) {
        result = relay_beside(agent, &message, copy);
    } else if (strcmp(message.command, "caravan_barrier") == 0) {
        if (control_get_number(&message, "process", UINT32_MAX, &number) == 0)
            agent->waiting_process = (uint32_t)number;
        take_barrier(agent);
    } else if (strcmp(message.command, "caravan_input_taken") == 0) {
        if (job->input && control_get_number(&message, "bytes", SIZE_MAX, &number) == 0)
            input_taken(job->input, (size_t)number);
    } else if (strcmp(message.command, "caravan_agent_failed") == 0) {
        job_fail(job, 1, "host %s: %s", agent->node->name, get_text(&message, "reason"));
    } else if (strcmp(message.command, "caravan_unbound") == 0) {
        job_warn(
            job,
            "host %s: it does not tell its processors' topology: --bind-to %s does nothing there",
            agent->node->name, get_text(&message, "binding"));
    } else if (strcmp(message.command, "caravan_done") == 0) {
        agent->done = true;
        job_check_all_done(job);
    } else if (!take_process_line(agent, &message)) {
        result = -EPROTO;
    }
    free(copy);
    return result;
}

static void acknowledge(struct agent_state *agent)
{
    if (agent->untaken > 0 && agent->channel)
        channel_send_line(agent->channel, "cmd=caravan_taken bytes=%llu",
                          (unsigned long long)agent->untaken);
    agent->untaken = 0;
}

void job_room_again(void *context)
{
    struct job *job = context;

    for (size_t i = 0; i < job->layout.node_count; i++)
        acknowledge(&job->agents[i]);
}

void job_output_broken(void *context, int error)
{
    struct job *job = context;

    if (job->ending)
        return;
    /* As a program that writes to a closed pipe: without a word. */
    job_set_status(job, error == -EPIPE ? 128 + SIGPIPE : 1);
    if (error != -EPIPE)
        job_say(job, "cannot write the ranks' output: %s", strerror(-error));
    job_end(job, job->options->kill_grace);
}

static int take_output(struct agent_state *agent, const char *payload, size_t length)
{
    const unsigned char *head = (const unsigned char *)payload;
    struct job *job = agent->job;
    uint32_t process;

    if (length < 5 || !job->output)
        return -EPROTO;
    process = head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;
    if (process >= job->layout.size || job_agent_of(job, process) != agent)
        return -EPROTO;
    output_write(job->output, process, head[4], payload + 5, length - 5);
    agent->untaken += length - 5;
    if (!output_is_full(job->output))
        acknowledge(agent);
    return 0;
}

static void agent_ended(void *context, int error);

static void take_frame(void *context, enum channel_kind kind, char *payload, size_t length)
{
    struct agent_state *agent = context;
    int result = -EPROTO;

    if (kind == CHANNEL_LINE && strlen(payload) == length)
        result = take_line(agent, payload);
    else if (kind == CHANNEL_OUTPUT)
        result = take_output(agent, payload, length);
    if (result < 0 && agent->channel)
        agent_ended(agent, result);
}

/* Its stream has ended, so the process does any moment. */
static void await_exit(struct agent_state *agent)
{
    for (unsigned i = 0; i < 300 && !agent->reaped; i++) {
        struct timespec pause = {.tv_nsec = 1000000};

        if (waitpid(agent->entered.pid, &agent->exit_status, WNOHANG) != 0)
            agent->reaped = true;
        else
            nanosleep(&pause, NULL);
    }
}

static void agent_ended(void *context, int error)
{
    struct agent_state *agent = context;
    struct job *job = agent->job;

    channel_close(agent->channel);
    agent->channel = NULL;
    if (!agent->done && !job->ending) {
        /* Why it could not is in its exit status, and in what ssh says. */
        await_exit(agent);
        if (agent->errors.fd >= 0)
            agent->errors.ready(agent, EPOLLIN);

        const char *colon = *agent->last_error ? ": " : "";

        if (error == -EPROTO)
            job_fail(job, 1, "host %s: its agent and mpirun do not understand each other",
                     agent->node->name);
        else if (!agent->greeted && agent->reaped && WIFEXITED(agent->exit_status))
            job_fail(job, 1, "host %s: no agent could be started there (status %d)%s%s",
                     agent->node->name, WEXITSTATUS(agent->exit_status), colon, agent->last_error);
        else if (!agent->greeted)
            job_fail(job, 1, "host %s: no agent could be started there%s%s", agent->node->name,
                     colon, agent->last_error);
        else if (agent->reaped && WIFSIGNALED(agent->exit_status))
            job_fail(job, 1, "host %s: its agent was killed by signal %d (%s)", agent->node->name,
                     WTERMSIG(agent->exit_status), strsignal(WTERMSIG(agent->exit_status)));
        else
            job_fail(job, 1, "host %s: its agent has ended, or cannot be reached any more%s%s",
                     agent->node->name, colon, agent->last_error);
    }
    if (job->ending)
        job_check_all_done(job);
}

/* ---- agents ----------------------------------------------------------------------------------- */

/* What ssh, or the agent's host, says on its standard error: kept for the one line about that host. After the start
 * it is shown as it comes. */
static void take_error_line(struct agent_state *agent, const char *line)
{
    if (!*line)
        return;
    snprintf(agent->last_error, sizeof(agent->last_error), "%s", line);
    if (agent->greeted)
        job_say(agent->job, "host %s: %s", agent->node->name, line);
}

static void errors_ready(void *context, uint32_t events)
{
    struct agent_state *agent = context;
    char bytes[1024];
    ssize_t length = read(agent->entered.errors, bytes, sizeof(bytes));

    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    for (ssize_t i = 0; i < length; i++) {
        size_t held = strlen(agent->partial);

        if (bytes[i] == '\n' || held + 2 > sizeof(agent->partial)) {
            take_error_line(agent, agent->partial);
            agent->partial[0] = '\0';
        } else if (bytes[i] != '\r' && bytes[i] != '\0') {
            agent->partial[held] = bytes[i];
            agent->partial[held + 1] = '\0';
        }
    }
    if (length <= 0) {
        take_error_line(agent, agent->partial);
        agent->partial[0] = '\0';
        loop_unwatch(agent->job->loop, &agent->errors);
    }
}

int job_enter(struct agent_state *agent)
{
    struct job *job = agent->job;
    struct channel_events events = {.frame = take_frame, .ended = agent_ended, .context = agent};
    int error = agent->node->local ? enter_here(&agent->entered, agent->node->name, job->reaper)
                                   : enter_host(&agent->entered, agent->node->name, job->options);

    if (error < 0)
        return error;
    setpgid(agent->entered.pid, agent->entered.pid);
    agent->channel = channel_open(job->loop, agent->entered.in, agent->entered.out, &events, true);
    agent->errors = (struct watch){.ready = errors_ready, .context = agent, .fd = -1};
    if (agent->entered.errors >= 0)
        loop_watch(job->loop, &agent->errors, agent->entered.errors, EPOLLIN);
    return agent->channel ? 0 : -ENOMEM;
}

/* Wait for the agents to leave, so that nothing of the job is there when mpirun ends. */
void job_leave(struct job *job)
{
    uint64_t end = loop_now() + LEAVE_MS * 1000000ull;
    sigset_t child;
    bool left = true;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    for (size_t i = 0; i < job->layout.node_count; i++) {
        channel_close(job->agents[i].channel);
        job->agents[i].channel = NULL;
    }
    while (left && loop_now() < end) {
        struct timespec wait = {.tv_nsec = 50000000};

        left = false;
        for (size_t i = 0; i < job->layout.node_count; i++) {
            struct agent_state *agent = &job->agents[i];

            if (agent->entered.pid > 0 && !agent->reaped &&
                waitpid(agent->entered.pid, NULL, WNOHANG) != 0)
                agent->reaped = true;
            left = left || (agent->entered.pid > 0 && !agent->reaped);
        }
        if (left)
            sigtimedwait(&child, NULL, &wait);
    }
    descendants_kill(LEAVE_MS);
}
