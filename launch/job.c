/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/job.c: one run of mpirun (docs/launching.md).
 *
 * The order: agents enter their hosts and greet; ranks are placed; agents prepare; when all have, they start. The
 * first thing that goes wrong decides the exit status, is said, and ends the job.
 */
#include "launch/job.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/descendants.h"
#include "launch/domain.h"
#include "launch/job_private.h"

enum {
    GIVE_UP_MS = 4000,          /* for agents to report after KILL */
    GIVE_UP_DOMAINS_MS = 20000, /* the same, where domains are to be destroyed */
    LAST_OUTPUT_MS = 2000,      /* for a slow reader of ours when the job was ended early */
    STATUS_TIMEOUT = 110,       /* Open MPI's (ETIMEDOUT) */
};

/* ---- saying it -------------------------------------------------------------------------------- */

static void say_list(struct job *job, const char *format, va_list list)
{
    char text[2048];
    int length = snprintf(text, sizeof(text), "mpirun: ");

    length += vsnprintf(text + length, sizeof(text) - (size_t)length - 1, format, list);
    if (length > (int)sizeof(text) - 2)
        length = sizeof(text) - 2;
    /* What ranks and hosts say is shown, not obeyed: no escape sequences, no second line. */
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    text[length++] = '\n';
    text[length] = '\0';
    if (job->output)
        output_message(job->output, text);
    else
        fputs(text, stderr);
}

void job_say(struct job *job, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    say_list(job, format, list);
    va_end(list);
}

void job_warn(struct job *job, const char *format, ...)
{
    va_list list;

    if (job->options->quiet)
        return;
    va_start(list, format);
    say_list(job, format, list);
    va_end(list);
}

struct agent_state *job_agent_of(struct job *job, uint32_t process)
{
    return &job->agents[job->layout.node_of[process]];
}

bool job_is_domain(const struct job *job, uint32_t process)
{
    return job->options->programs[job->layout.program_of[process]].domu;
}

/* `rank 1 on node2 (pid 4711, ./program)`, or (domain caravan-..., ./program) */
const char *job_describe(struct job *job, uint32_t process)
{
    static char text[2][512];
    static unsigned turn;
    const struct option_program *program = &job->options->programs[job->layout.program_of[process]];
    char pid[64] = "";

    turn = !turn;
    if (job_is_domain(job, process)) {
        uint32_t user = job_agent_of(job, process)->domain_user;
        char name[DOMAIN_MAX_NAME];

        if (user != 0)
            domain_user_name(name, job->id, process, user);
        else
            domain_name(name, job->id, process);
        snprintf(pid, sizeof(pid), "domain %s, ", name);
    } else if (job->processes[process].pid > 0)
        snprintf(pid, sizeof(pid), "pid %d, ", (int)job->processes[process].pid);
    snprintf(text[turn], sizeof(text[turn]), "rank %u on %s (%s%s)", process,
             job_agent_of(job, process)->node->name, pid, program->arguments.list[0]);
    return text[turn];
}

/* ---- ending ----------------------------------------------------------------------------------- */

void job_check_all_done(struct job *job)
{
    for (size_t i = 0; i < job->layout.node_count; i++)
        if (job->agents[i].channel && !job->agents[i].done)
            return;
    loop_stop(job->loop);
}

void job_end(struct job *job, unsigned grace)
{
    job->ending = true;
    for (size_t i = 0; i < job->layout.node_count; i++) {
        struct agent_state *agent = &job->agents[i];

        if (!agent->channel || agent->done)
            continue;
        if (agent->greeted) {
            channel_send_line(agent->channel, "cmd=caravan_end grace=%u", grace);
        } else {
            channel_close(agent->channel);
            agent->channel = NULL;
            if (!agent->reaped)
                kill(-agent->entered.pid, SIGTERM);
        }
    }
    loop_cancel_timer(job->loop, &job->start_deadline);
    loop_cancel_timer(job->loop, &job->timeout);
    loop_set_timer(
        job->loop, &job->give_up,
        (uint64_t)(grace + (options_have_domains(job->options) ? GIVE_UP_DOMAINS_MS : GIVE_UP_MS)) *
            1000000);
    job_check_all_done(job);
}

void job_set_status(struct job *job, int status)
{
    if (!job->failed)
        job->status = status;
    job->failed = true;
}

/* Say what went wrong, once, and end the job with this exit status. */
void job_fail(struct job *job, int status, const char *format, ...)
{
    va_list list;

    if (job->ending)
        return;
    va_start(list, format);
    say_list(job, format, list);
    va_end(list);
    job_set_status(job, status);
    job_end(job, job->options->kill_grace);
}

static void give_up(void *context)
{
    struct job *job = context;

    for (size_t i = 0; i < job->layout.node_count; i++) {
        struct agent_state *agent = &job->agents[i];

        if (agent->channel && !agent->done)
            job_say(job, "host %s: its agent does not say that all has ended there",
                    agent->node->name);
    }
    job_set_status(job, 1);
    loop_stop(job->loop);
}

static void timed_out(void *context)
{
    struct job *job = context;

    job_fail(job, STATUS_TIMEOUT, "the job has not ended after %u seconds (--timeout)",
             job->options->timeout);
}

static void start_late(void *context)
{
    struct job *job = context;
    bool all_greeted = job->placed;

    for (size_t i = 0; i < job->layout.node_count; i++) {
        struct agent_state *agent = &job->agents[i];

        if (agent->channel && !(all_greeted ? agent->prepared : agent->greeted))
            job_say(job, "host %s: %s within %u seconds (--start-timeout)%s%s", agent->node->name,
                    agent->greeted ? "its agent did not get ready" : "no answer",
                    job->options->start_timeout, *agent->last_error ? ": " : "", agent->last_error);
    }
    job_fail(job, 1, "the job was not started");
}

/* ---- signals ---------------------------------------------------------------------------------- */

static void forward(struct job *job, int number)
{
    for (size_t i = 0; i < job->layout.node_count; i++)
        if (job->agents[i].channel && job->agents[i].started)
            channel_send_line(job->agents[i].channel, "cmd=caravan_signal number=%d", number);
}

static void interrupt(struct job *job, int number)
{
    job->interrupts++;
    job_set_status(job, 128 + number);
    if (job->interrupts == 1)
        job_end(job, job->options->kill_grace);
    else if (job->interrupts == 2)
        job_end(job, 0);
    else
        loop_stop(job->loop);
}

static void reap(struct job *job)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < job->layout.node_count; i++)
            if (job->agents[i].entered.pid == pid) {
                job->agents[i].reaped = true;
                job->agents[i].exit_status = status;
            }
}

static void signal_ready(void *context, uint32_t events)
{
    struct job *job = context;
    struct signalfd_siginfo info;

    if (read(job->signal_fd, &info, sizeof(info)) != sizeof(info))
        return;
    switch (info.ssi_signo) {
    case SIGCHLD:
        reap(job);
        break;
    case SIGINT:
    case SIGTERM:
    case SIGHUP:
    case SIGQUIT:
        interrupt(job, (int)info.ssi_signo);
        break;
    case SIGTSTP:
        /* SIGTSTP does nothing to ranks in process groups of their own; SIGSTOP does. */
        forward(job, SIGSTOP);
        for (size_t i = 0; i < job->layout.node_count; i++)
            if (job->agents[i].channel)
                channel_drain(job->agents[i].channel, 100);
        raise(SIGSTOP);
        break;
    case SIGUSR1:
        inquiry_report(job);
        break;
    case SIGCONT:
        forward(job, SIGCONT);
        if (job->input)
            input_retry(job->input);
        break;
    default:
        forward(job, (int)info.ssi_signo);
    }
}

static void watch_signals(struct job *job)
{
    static const int numbers[] = {SIGCHLD, SIGINT,  SIGTERM, SIGHUP, SIGQUIT,
                                  SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT};
    sigset_t set;
    struct sigaction action;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        /* nohup, and shells that start a job in the background, mean it. */
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler == SIG_IGN &&
            numbers[i] != SIGCHLD)
            continue;
        sigaddset(&set, numbers[i]);
    }
    sigprocmask(SIG_SETMASK, &set, NULL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    job->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    job->signals = (struct watch){.ready = signal_ready, .context = job, .fd = -1};
    loop_watch(job->loop, &job->signals, job->signal_fd, EPOLLIN);
}

/* ---- the whole -------------------------------------------------------------------------------- */

static void release(struct job *job)
{
    inquiry_close(job);
    input_close(job->input);
    output_close(job->output);
    for (size_t i = 0; i < job->layout.node_count; i++)
        if (job->agents && job->agents[i].entered.errors > 0)
            close(job->agents[i].entered.errors);
    free(job->agents);
    free(job->processes);
    free(job->node_of);
    layout_clear(&job->layout);
    loop_close(job->loop);
    close(job->signal_fd);
    explicit_bzero(job->key, sizeof(job->key));
}

int job_run(const struct options *options)
{
    struct job job = {.options = options, .signal_fd = -1};
    uint64_t began = loop_now();
    char error[512];

    job.loop = loop_open();
    if (!job.loop || getrandom(&job.id, sizeof(job.id), 0) != sizeof(job.id) ||
        getrandom(job.key, sizeof(job.key), 0) != sizeof(job.key)) {
        job_say(&job, "cannot begin: %s", strerror(errno));
        return 1;
    }
    job_warn_ignored(&job);
    if (layout_find_nodes(&job.layout, options, error, sizeof(error)) < 0) {
        job_say(&job, "%s", error);
        layout_clear(&job.layout);
        loop_close(job.loop);
        return 1;
    }
    /* Before this process adopts orphans: it is to be none of ours. */
    if (options_have_domains(options)) {
        job.reaper = reaper_start();
        if (!job.reaper) {
            job_say(&job, "cannot start the process that cleans up behind domains: %s",
                    strerror(errno));
            layout_clear(&job.layout);
            loop_close(job.loop);
            return 1;
        }
    }
    descendants_adopt();
    watch_signals(&job);
    job.agents = memory_zeroed(job.layout.node_count, sizeof(struct agent_state));
    job.start_deadline = (struct timer){.run = start_late, .context = &job};
    job.timeout = (struct timer){.run = timed_out, .context = &job};
    job.give_up = (struct timer){.run = give_up, .context = &job};
    loop_set_timer(job.loop, &job.start_deadline, options->start_timeout * 1000000000ull);
    if (options->timeout)
        loop_set_timer(job.loop, &job.timeout, options->timeout * 1000000000ull);
    for (size_t i = 0; i < job.layout.node_count; i++) {
        struct agent_state *agent = &job.agents[i];

        agent->job = &job;
        agent->node = &job.layout.nodes[i];
        agent->errors.fd = -1;
    }
    for (size_t i = 0; i < job.layout.node_count && !job.ending; i++) {
        int result = job_enter(&job.agents[i]);

        if (result < 0)
            job_fail(&job, 1, "host %s: no agent could be started there: %s",
                     job.agents[i].node->name, strerror(-result));
    }
    /* The agent of this host has it now; while we held it as well, it would not see that one end. */
    reaper_forget(job.reaper);
    job.reaper = NULL;
    if (!job.ending)
        loop_run(job.loop);
    else if (job.ending)
        job_check_all_done(&job);
    if (job.output)
        output_finish(job.output, job.ending ? LAST_OUTPUT_MS : INT_MAX / 2);
    job_leave(&job);
    if (options->report_phases)
        job_say(&job, "from start to end %.2f s", (double)(loop_now() - began) / 1e9);
    release(&job);
    return job.status;
}
