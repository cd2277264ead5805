/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/job.c: mpirun's side of the streams to its agents (docs/agent-stream.md), and what follows from what they say.
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
#include <time.h>
#include <unistd.h>

#include "control/control.h"
#include "launch/channel.h"
#include "launch/descendants.h"
#include "launch/enter.h"
#include "launch/input.h"
#include "launch/layout.h"
#include "launch/output.h"
#include "launch/version.h"

enum {
    GIVE_UP_MS = 4000,     /* for agents to report after KILL */
    LEAVE_MS = 2000,       /* for agents to leave after that */
    LAST_OUTPUT_MS = 2000, /* for a slow reader of ours when the job was ended early */
    STATUS_TIMEOUT = 110,  /* Open MPI's (ETIMEDOUT) */
    STATUS_NOT_FOUND = 127,
    STATUS_NOT_EXECUTABLE = 126,
};

struct agent_state {
    struct job *job;
    struct layout_node *node;
    unsigned number; /* of the node, among those with ranks */
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
    bool in_barrier;  /* all of it does */
    char port[256];   /* its interface, as the ranks are told */
    uint64_t untaken; /* output that was not acknowledged yet, since ours is full */
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
    unsigned nodes;             /* with ranks */
    struct process_state *processes;
    struct output *output;
    struct input *input;

    uint32_t id;
    uint8_t key[16];
    bool frames;
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

__attribute__((format(printf, 2, 3))) static void say(struct job *job, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    say_list(job, format, list);
    va_end(list);
}

__attribute__((format(printf, 2, 3))) static void warn(struct job *job, const char *format, ...)
{
    va_list list;

    if (job->options->quiet)
        return;
    va_start(list, format);
    say_list(job, format, list);
    va_end(list);
}

static struct agent_state *agent_of(struct job *job, uint32_t process)
{
    return &job->agents[job->layout.node_of[process]];
}

/* `rank 1 on node2 (pid 4711, ./program)` */
static const char *describe(struct job *job, uint32_t process)
{
    static char text[2][512];
    static unsigned turn;
    const struct option_program *program = &job->options->programs[job->layout.program_of[process]];
    char pid[32] = "";

    turn = !turn;
    if (job->processes[process].pid > 0)
        snprintf(pid, sizeof(pid), "pid %d, ", (int)job->processes[process].pid);
    snprintf(text[turn], sizeof(text[turn]), "rank %u on %s (%s%s)", process,
             agent_of(job, process)->node->name, pid, program->arguments.list[0]);
    return text[turn];
}

/* ---- ending ----------------------------------------------------------------------------------- */

static void check_all_done(struct job *job)
{
    for (size_t i = 0; i < job->layout.node_count; i++)
        if (job->agents[i].channel && !job->agents[i].done)
            return;
    loop_stop(job->loop);
}

static void end_job(struct job *job, unsigned grace)
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
    loop_set_timer(job->loop, &job->give_up, (uint64_t)(grace + GIVE_UP_MS) * 1000000);
    check_all_done(job);
}

static void set_status(struct job *job, int status)
{
    if (!job->failed)
        job->status = status;
    job->failed = true;
}

/* Say what went wrong, once, and end the job with this exit status. */
__attribute__((format(printf, 3, 4))) static void fail(struct job *job, int status,
                                                       const char *format, ...)
{
    va_list list;

    if (job->ending)
        return;
    va_start(list, format);
    say_list(job, format, list);
    va_end(list);
    set_status(job, status);
    end_job(job, job->options->kill_grace);
}

static void give_up(void *context)
{
    struct job *job = context;

    for (size_t i = 0; i < job->layout.node_count; i++) {
        struct agent_state *agent = &job->agents[i];

        if (agent->channel && !agent->done)
            say(job, "host %s: its agent does not say that all has ended there", agent->node->name);
    }
    set_status(job, 1);
    loop_stop(job->loop);
}

static void timed_out(void *context)
{
    struct job *job = context;

    fail(job, STATUS_TIMEOUT, "the job has not ended after %u seconds (--timeout)",
         job->options->timeout);
}

static void start_late(void *context)
{
    struct job *job = context;
    bool all_greeted = job->placed;

    for (size_t i = 0; i < job->layout.node_count; i++) {
        struct agent_state *agent = &job->agents[i];

        if (agent->channel && !(all_greeted ? agent->prepared : agent->greeted))
            say(job, "host %s: %s within %u seconds (--start-timeout)%s%s", agent->node->name,
                agent->greeted ? "its agent did not get ready" : "no answer",
                job->options->start_timeout, *agent->last_error ? ": " : "", agent->last_error);
    }
    fail(job, 1, "the job was not started");
}

/* ---- starting --------------------------------------------------------------------------------- */

/* Variables that tell of the machine or the session that mpirun is in, which other hosts have themselves. */
static bool is_of_this_machine(const char *assignment)
{
    static const char *const names[] = {"HOSTNAME=",        "HOST=",   "PWD=",     "OLDPWD=",
                                        "SHLVL=",           "_=",      "DISPLAY=", "XAUTHORITY=",
                                        "WAYLAND_DISPLAY=", "TMPDIR=", "MAIL=",    "TTY="};
    static const char *const prefixes[] = {"SSH_", "XDG_", "DBUS_", "PMI_", "PMIX_", "CARAVAN_"};

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
        result = channel_send_line(
            agent->channel,
            "cmd=caravan_program index=%u total=%u needed=%d arguments=%zu environment=%zu%s%s",
            index, count_ranks(job, index), program->directory != NULL, program->arguments.count,
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
        " stdin=%d bind=%d report=%d frames=%d eth=%s ethertype=%u timeout=%u",
        CHANNEL_VERSION, job->id, key, agent->number, job->nodes, job->layout.size, options->link,
        isatty(1), job->input_direct, options->binding, options->report_bindings, job->frames,
        interfaces, options->ethertype, options->peer_timeout);
    explicit_bzero(key, sizeof(key));
    for (uint32_t i = 0; i < options->program_count && result == 0; i++)
        result = send_program(agent, i);
    for (uint32_t first = 0; first < job->layout.size && result == 0;) {
        uint32_t count = layout_run(&job->layout, first);

        if (agent_of(job, first) == agent)
            result = channel_send_line(agent->channel,
                                       "cmd=caravan_ranks first=%u count=%u program=%u", first,
                                       count, job->layout.program_of[first]);
        first += count;
    }
    if (result == 0)
        result = channel_send_line(agent->channel, "cmd=caravan_prepare");
    if (result < 0)
        fail(job, 1, "host %s: it cannot be told of the job: %s", agent->node->name,
             strerror(-result));
}

/* Frames cannot reach a rank of the same node: a packet socket does not see what its own host sends. */
static bool check_links(struct job *job)
{
    if (strcmp(job->options->link, "wire") == 0)
        for (size_t i = 0; i < job->layout.node_count; i++)
            if (job->layout.nodes[i].ranks > 1) {
                fail(job, 1,
                     "--link wire: %u ranks are on %s, and a network interface does not give a host"
                     " the frames that it sent itself; use --link auto, or a node for each rank",
                     job->layout.nodes[i].ranks, job->layout.nodes[i].name);
                return false;
            }
    if (strcmp(job->options->link, "ring") == 0 && job->nodes > 1) {
        fail(job, 1, "--link ring: the ranks are on %u nodes, and rings are memory of one node",
             job->nodes);
        return false;
    }
    return true;
}

static void display_map(struct job *job)
{
    for (uint32_t first = 0; first < job->layout.size;) {
        uint32_t count = layout_run(&job->layout, first);
        const char *name = agent_of(job, first)->node->name;
        const char *program =
            job->options->programs[job->layout.program_of[first]].arguments.list[0];

        if (count == 1)
            say(job, "rank %u: %s, %s", first, name, program);
        else
            say(job, "ranks %u-%u: %s, %s", first, first + count - 1, name, program);
        first += count;
    }
}

static void room_again(void *context);
static void output_broken(void *context, int error);

/* Every agent has greeted: decide who runs what where, and tell them. */
static void place(struct job *job)
{
    struct output_events events = {.room = room_again, .broken = output_broken, .context = job};
    char error[512];

    job->placed = true;
    for (size_t i = 0; i < job->layout.node_count; i++)
        if (job->layout.nodes[i].slots == 0)
            job->layout.nodes[i].slots = job->agents[i].cores;
    if (layout_place(&job->layout, job->options, error, sizeof(error)) < 0) {
        fail(job, 1, "%s", error);
        return;
    }
    job->processes = memory_zeroed(job->layout.size, sizeof(struct process_state));
    for (size_t i = 0; i < job->layout.node_count; i++) {
        struct agent_state *agent = &job->agents[i];

        if (agent->node->ranks > 0) {
            agent->number = job->nodes++;
            continue;
        }
        channel_close(agent->channel);
        agent->channel = NULL;
    }
    job->frames = job->nodes > 1;
    if (!check_links(job))
        return;
    if (job->options->display_map)
        display_map(job);
    for (size_t i = 0; i < job->layout.node_count; i++) {
        struct layout_node *node = &job->layout.nodes[i];

        if (node->ranks > job->agents[i].cores && !job->options->oversubscribe) {
            warn(job, "%u ranks share the %u core%s of %s; waiting ranks will yield", node->ranks,
                 job->agents[i].cores, job->agents[i].cores == 1 ? "" : "s", node->name);
            break;
        }
    }
    job->output = output_open(job->loop, job->options, job->layout.size, &events);
    if (!job->output) {
        set_status(job, 1);
        end_job(job, job->options->kill_grace);
        return;
    }
    job->input_direct = agent_of(job, 0)->node->local && !isatty(0);
    for (size_t i = 0; i < job->layout.node_count && !job->ending; i++)
        if (job->agents[i].channel)
            send_job(&job->agents[i]);
}

static void give_input(void *context, const char *bytes, size_t length)
{
    struct job *job = context;
    unsigned char head[4] = {0}; /* process 0 */
    struct agent_state *agent = agent_of(job, 0);

    if (agent->channel)
        channel_send(agent->channel, CHANNEL_INPUT, head, sizeof(head), bytes, length);
}

static void send_node(struct agent_state *to, const struct agent_state *node)
{
    const char *user = strrchr(node->node->name, '@');
    char host[3 * HOST_MAX_NAME + 1];

    control_escape(host, sizeof(host), user ? user + 1 : node->node->name);
    channel_send_line(to->channel, "cmd=caravan_node node=%u host=%s%s", node->number, host,
                      node->port);
}

/* Every agent is ready: tell all of them where everybody is, and start. */
static void start(struct job *job)
{
    job->running = true;
    loop_cancel_timer(job->loop, &job->start_deadline);
    for (size_t i = 0; i < job->layout.node_count && !job->ending; i++) {
        struct agent_state *agent = &job->agents[i];

        if (!agent->channel)
            continue;
        for (size_t j = 0; j < job->layout.node_count; j++) {
            struct agent_state *other = &job->agents[j];

            if (other->node->ranks > 0)
                send_node(agent, other);
        }
        for (uint32_t first = 0, end; first < job->layout.size; first = end) {
            for (end = first; end < job->layout.size && agent_of(job, end) == agent_of(job, first);)
                end++;
            channel_send_line(agent->channel, "cmd=caravan_place first=%u count=%u node=%u", first,
                              end - first, agent_of(job, first)->number);
        }
        channel_send_line(agent->channel, "cmd=caravan_start");
        agent->started = true;
    }
    if (!job->input_direct)
        job->input = input_open(job->loop, give_input, job);
}

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
        fail(job, 1,
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
        place(job);
}

static void take_prepared(struct agent_state *agent, const struct control_message *message)
{
    struct job *job = agent->job;
    uint8_t mac[6];
    uint64_t mtu, answers = 0;

    if (control_get_bytes(message, "mac", mac, sizeof(mac)) == 0 &&
        control_get_number(message, "mtu", 0xffff, &mtu) == 0) {
        char text[2 * sizeof(mac) + 1];

        control_get_number(message, "agent", 1, &answers);
        control_write_bytes(text, mac, sizeof(mac));
        snprintf(agent->port, sizeof(agent->port), " mac=%s mtu=%llu agent=%llu", text,
                 (unsigned long long)mtu, (unsigned long long)answers);
    }
    agent->prepared = true;
    for (size_t i = 0; i < job->layout.node_count; i++)
        if (job->agents[i].channel && !job->agents[i].prepared)
            return;
    if (!job->running && !job->ending)
        start(job);
}

/* Somebody waits for all processes, and one has ended: without this the job would hang. */
static void check_stuck(struct job *job)
{
    if (!job->some_ended || job->ending)
        return;
    for (size_t i = 0; i < job->layout.node_count; i++) {
        struct agent_state *agent = &job->agents[i];

        if (agent->waiting && agent->channel) {
            fail(job, 1,
                 "%s has ended without taking part, and rank %u waits for it (in MPI_Init,"
                 " MPI_Finalize or another fence of all ranks)",
                 describe(job, job->ended_process), agent->waiting_process);
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
        fail(job, status, "%s", text);
        return;
    }
    say(job, "%s", text);
    set_status(job, status);
    tell_down(job, process, text);
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
    if (WIFSIGNALED((int)status)) {
        int number = WTERMSIG((int)status);

        process_failed(job, process, 128 + number, "%s was killed by signal %d (%s%s)",
                       describe(job, process), number, strsignal(number),
                       WCOREDUMP((int)status) ? ", core dumped" : "");
    } else if (WEXITSTATUS((int)status) != 0) {
        process_failed(job, process, WEXITSTATUS((int)status), "%s ended with exit status %d",
                       describe(job, process), WEXITSTATUS((int)status));
    } else if (joined && !finalized) {
        process_failed(job, process, 1, "%s ended after MPI_Init without calling MPI_Finalize",
                       describe(job, process));
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
        fail(job, 1, "rank %u on %s: cannot enter the directory '%s': %s", process,
             agent_of(job, process)->node->name, get_text(message, "what"), strerror((int)error));
    else
        fail(job, error == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE,
             "rank %u on %s: cannot execute '%s': %s", process, agent_of(job, process)->node->name,
             program->arguments.list[0], strerror((int)error));
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

/* What an agent says of one process. False: it is not such a line. */
static bool take_process_line(struct agent_state *agent, const struct control_message *message)
{
    struct job *job = agent->job;
    const char *command = message->command;
    uint32_t process;
    uint64_t number;

    if (!get_process(job, message, &process) || agent_of(job, process) != agent)
        return false;
    if (strcmp(command, "caravan_started") == 0) {
        if (control_get_number(message, "pid", INT_MAX, &number) == 0)
            job->processes[process].pid = (pid_t)number;
    } else if (strcmp(command, "caravan_exited") == 0) {
        take_exit(job, process, message);
    } else if (strcmp(command, "caravan_not_started") == 0) {
        take_not_started(job, process, message);
    } else if (strcmp(command, "caravan_failed") == 0) {
        process_failed(job, process, 1, "%s: %s", describe(job, process),
                       get_text(message, "reason"));
    } else if (strcmp(command, "caravan_abort") == 0) {
        const char *text = get_text(message, "message");
        int code = atoi(get_text(message, "exitcode"));

        /* 256 is not success. */
        if (!job->ending)
            fail(job, code & 0xff ? code & 0xff : code != 0, "%s aborted the job%s%s",
                 describe(job, process), *text ? ": " : "", text);
    } else if (strcmp(command, "caravan_report") == 0) {
        say(job, "rank %u on %s: %s", process, agent->node->name, get_text(message, "text"));
    } else if (strcmp(command, "caravan_bound") == 0) {
        say(job, "rank %u on %s is bound to cpus %s", process, agent->node->name,
            get_text(message, "cpus"));
    } else if (strcmp(command, "caravan_waiting") == 0) {
        agent->waiting = true;
        agent->waiting_process = process;
        check_stuck(job);
    } else {
        return false;
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
    } else if (strcmp(message.command, "caravan_barrier") == 0) {
        if (control_get_number(&message, "process", UINT32_MAX, &number) == 0)
            agent->waiting_process = (uint32_t)number;
        take_barrier(agent);
    } else if (strcmp(message.command, "caravan_input_taken") == 0) {
        if (job->input && control_get_number(&message, "bytes", SIZE_MAX, &number) == 0)
            input_taken(job->input, (size_t)number);
    } else if (strcmp(message.command, "caravan_agent_failed") == 0) {
        fail(job, 1, "host %s: %s", agent->node->name, get_text(&message, "reason"));
    } else if (strcmp(message.command, "caravan_unbound") == 0) {
        warn(job,
             "host %s: it does not tell its processors' topology: --bind-to %s does nothing there",
             agent->node->name, get_text(&message, "binding"));
    } else if (strcmp(message.command, "caravan_done") == 0) {
        agent->done = true;
        check_all_done(job);
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

static void room_again(void *context)
{
    struct job *job = context;

    for (size_t i = 0; i < job->layout.node_count; i++)
        acknowledge(&job->agents[i]);
}

static void output_broken(void *context, int error)
{
    struct job *job = context;

    if (job->ending)
        return;
    /* As a program that writes to a closed pipe: without a word. */
    set_status(job, error == -EPIPE ? 128 + SIGPIPE : 1);
    if (error != -EPIPE)
        say(job, "cannot write the ranks' output: %s", strerror(-error));
    end_job(job, job->options->kill_grace);
}

static int take_output(struct agent_state *agent, const char *payload, size_t length)
{
    const unsigned char *head = (const unsigned char *)payload;
    struct job *job = agent->job;
    uint32_t process;

    if (length < 5 || !job->output)
        return -EPROTO;
    process = head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;
    if (process >= job->layout.size || agent_of(job, process) != agent)
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
            fail(job, 1, "host %s: its agent and mpirun do not understand each other",
                 agent->node->name);
        else if (!agent->greeted && agent->reaped && WIFEXITED(agent->exit_status))
            fail(job, 1, "host %s: no agent could be started there (status %d)%s%s",
                 agent->node->name, WEXITSTATUS(agent->exit_status), colon, agent->last_error);
        else if (!agent->greeted)
            fail(job, 1, "host %s: no agent could be started there%s%s", agent->node->name, colon,
                 agent->last_error);
        else if (agent->reaped && WIFSIGNALED(agent->exit_status))
            fail(job, 1, "host %s: its agent was killed by signal %d (%s)", agent->node->name,
                 WTERMSIG(agent->exit_status), strsignal(WTERMSIG(agent->exit_status)));
        else
            fail(job, 1, "host %s: its agent has ended, or cannot be reached any more%s%s",
                 agent->node->name, colon, agent->last_error);
    }
    if (job->ending)
        check_all_done(job);
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
        say(agent->job, "host %s: %s", agent->node->name, line);
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

static int enter(struct agent_state *agent)
{
    struct job *job = agent->job;
    struct channel_events events = {.frame = take_frame, .ended = agent_ended, .context = agent};
    int error = agent->node->local ? enter_here(&agent->entered, agent->node->name)
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
static void leave(struct job *job)
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
    set_status(job, 128 + number);
    if (job->interrupts == 1)
        end_job(job, job->options->kill_grace);
    else if (job->interrupts == 2)
        end_job(job, 0);
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

static void warn_ignored(struct job *job)
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
        warn(job, "without meaning here, and ignored: %s", text);
    for (size_t i = 0; i < job->options->program_count; i++) {
        const struct strings *names = &job->options->programs[i].environment;

        for (size_t j = 0; j < names->count; j++)
            if (!strchr(names->list[j], '=') && !getenv(names->list[j]))
                warn(job, "-x %s: there is no such variable", names->list[j]);
    }
}

static void release(struct job *job)
{
    input_close(job->input);
    output_close(job->output);
    for (size_t i = 0; i < job->layout.node_count; i++)
        if (job->agents && job->agents[i].entered.errors > 0)
            close(job->agents[i].entered.errors);
    free(job->agents);
    free(job->processes);
    layout_clear(&job->layout);
    loop_close(job->loop);
    close(job->signal_fd);
    explicit_bzero(job->key, sizeof(job->key));
}

int job_run(const struct options *options)
{
    struct job job = {.options = options, .signal_fd = -1};
    char error[512];

    job.loop = loop_open();
    if (!job.loop || getrandom(&job.id, sizeof(job.id), 0) != sizeof(job.id) ||
        getrandom(job.key, sizeof(job.key), 0) != sizeof(job.key)) {
        say(&job, "cannot begin: %s", strerror(errno));
        return 1;
    }
    warn_ignored(&job);
    if (layout_find_nodes(&job.layout, options, error, sizeof(error)) < 0) {
        say(&job, "%s", error);
        layout_clear(&job.layout);
        loop_close(job.loop);
        return 1;
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
        int result = enter(&job.agents[i]);

        if (result < 0)
            fail(&job, 1, "host %s: no agent could be started there: %s", job.agents[i].node->name,
                 strerror(-result));
    }
    if (!job.ending)
        loop_run(job.loop);
    else if (job.ending)
        check_all_done(&job);
    if (job.output)
        output_finish(job.output, job.ending ? LAST_OUTPUT_MS : INT_MAX / 2);
    leave(&job);
    release(&job);
    return job.status;
}
