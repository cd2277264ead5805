/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/rank.c: one rank: its start, its standard streams, its end.
 */
#include "launch/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "launch/binding.h"
#include "launch/prefix.h"

enum {
    OUTPUT_WINDOW =
        1 << 20, /* bytes that mpirun may owe this agent before it stops reading its ranks */
    OUTPUT_CHUNK = 64 << 10,
    PMI_FD_MIN = 64, /* above what shell scripts use for their own redirections */
};

/* ---- the start -------------------------------------------------------------------------------- */

/* A rank takes seven descriptors of its agent's: more than a thousand soon. Ranks themselves start with what mpirun was
 * given, since select(2) knows no more than 1024. */
static struct rlimit given_descriptors;

void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    given_descriptors = limit;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* What the child's side needs, made ready before the fork. */
struct start {
    int input, output[2], control, error;
    char *const *arguments;
    char *const *environment;
    struct keeper *keeper; /* NULL: the rank is a process */
    const char *path;      /* PATH of that environment */
    const char *directory;
    bool directory_needed;
    cpu_set_t *bind;
    pid_t parent;
};

struct start_error {
    int error;
    bool directory; /* it was chdir that failed */
};

static void start_failed(const struct start *start, int error, bool directory)
{
    struct start_error report = {.error = error, .directory = directory};
    ssize_t written = write(start->error, &report, sizeof(report));

    _exit(written == sizeof(report) ? 127 : 126);
}

/* As execvpe does, with the working directory as the last place to look (as Open MPI does). */
static int execute(const struct start *start)
{
    const char *program = start->arguments[0];
    const char *path = start->path ? start->path : "/usr/local/bin:/usr/bin:/bin";
    bool refused = false;

    if (strchr(program, '/')) {
        execve(program, start->arguments, start->environment);
        return errno;
    }
    for (;;) {
        char file[4096];
        size_t length = strcspn(path, ":");

        int printed = *path == '\0' || length == 0
                          ? snprintf(file, sizeof(file), "./%s", program)
                          : snprintf(file, sizeof(file), "%.*s/%s", (int)length, path, program);

        if (printed < (int)sizeof(file)) {
            execve(file, start->arguments, start->environment);
            if (errno == EACCES)
                refused = true;
            else if (errno != ENOENT && errno != ENOTDIR)
                return errno;
        }
        if (*path == '\0')
            return refused ? EACCES : ENOENT;
        path += length;
        if (*path == ':')
            path++;
    }
}

static void become_rank(const struct start *start)
{
    sigset_t none;

    setpgid(0, 0);
    /* The agent's death is the rank's, at once; grandchildren are swept by whoever adopts them. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != start->parent)
        _exit(126);
    if (start->bind)
        sched_setaffinity(0, sizeof(*start->bind), start->bind);
    if (dup2(start->input, 0) < 0 || dup2(start->output[0], 1) < 0 || dup2(start->output[1], 2) < 0)
        start_failed(start, errno, false);
    fcntl(start->control, F_SETFD, 0);
    if (given_descriptors.rlim_max)
        setrlimit(RLIMIT_NOFILE, &given_descriptors);
    if (start->directory && chdir(start->directory) < 0) {
        const char *home = getenv("HOME");

        if (start->directory_needed)
            start_failed(start, errno, true);
        /* Where mpirun runs is not everywhere: the home directory then, as Open MPI does. */
        if (!home || chdir(home) < 0)
            start_failed(start, ENOENT, true);
    }
    for (int i = 1; i < SIGRTMIN; i++)
        if (i != SIGKILL && i != SIGSTOP)
            signal(i, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (start->keeper) {
        start->keeper->control = start->control;
        start->keeper->told = start->error;
        start->keeper->environment = start->environment;
        keeper_run(start->keeper);
    }
    start_failed(start, execute(start), false);
}

/* A program that was built for Open MPI finds its libmpi.so.40 where the system has one: ours comes first. Programs built
 * with our mpicc have it in their RUNPATH. */
static void set_library_path(struct strings *environment)
{
    const char *path = strings_value(environment, "LD_LIBRARY_PATH");
    char *directory = prefix_library_directory();

    if (path && *path)
        strings_setf(environment, "LD_LIBRARY_PATH=%s:%s", directory, path);
    else
        strings_setf(environment, "LD_LIBRARY_PATH=%s", directory);
    free(directory);
}

void rank_environment(const struct agent *agent, const struct program *program,
                      struct strings *environment)
{
    extern char **environ;

    strings_copy(environment, environ);
    for (size_t i = 0; i < program->environment.count; i++)
        strings_set(environment, program->environment.list[i]);
    set_library_path(environment);
    strings_setf(environment, "OMPI_COMM_WORLD_SIZE=%u", agent->size);
    strings_setf(environment, "OMPI_UNIVERSE_SIZE=%u", agent->size);
    strings_setf(environment, "PMI_SIZE=%u", agent->size);
    strings_setf(environment, "CARAVAN_CONTROL=%d", CONTROL_VERSION);
    strings_setf(environment, "CARAVAN_DOMU=%d", program->domu); /* 0 too: ours may have one */
}

static void set_environment(const struct rank *rank, int control, struct strings *environment)
{
    rank_environment(rank->agent, rank->program, environment);
    strings_setf(environment, "OMPI_COMM_WORLD_RANK=%u", rank->process);
    strings_setf(environment, "OMPI_COMM_WORLD_LOCAL_RANK=%u", rank->local);
    strings_setf(environment, "OMPI_COMM_WORLD_LOCAL_SIZE=%u", rank->agent->rank_count);
    strings_setf(environment, "OMPI_COMM_WORLD_NODE_RANK=%u", rank->local);
    strings_setf(environment, "PMIX_RANK=%u", rank->process);
    strings_setf(environment, "PMI_RANK=%u", rank->process);
    strings_setf(environment, "PMI_FD=%d", control);
}

/* A pipe for a standard stream, or a terminal where mpirun's own output is one, so that programs write line by line
 * to it as they do without mpirun. */
static int open_output(bool terminal, int fd[2])
{
    if (terminal) {
        struct winsize window = {0};
        struct termios settings;

        if (openpty(&fd[0], &fd[1], NULL, NULL, &window) == 0) {
            tcgetattr(fd[1], &settings);
            cfmakeraw(&settings);
            tcsetattr(fd[1], TCSANOW, &settings);
            fcntl(fd[0], F_SETFD, FD_CLOEXEC);
            fcntl(fd[1], F_SETFD, FD_CLOEXEC);
            return 0;
        }
    }
    return pipe2(fd, O_CLOEXEC) < 0 ? -errno : 0;
}

static void output_ready(void *context, uint32_t events);
static void input_ready(void *context, uint32_t events);

static int watch_output(struct rank *rank, unsigned index, int fd)
{
    struct rank_output *output = &rank->output[index];

    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    output->rank = rank;
    output->fd = fd;
    output->which = (uint8_t)(index + 1);
    output->watch = (struct watch){.ready = output_ready, .context = output, .fd = -1};
    return loop_watch(rank->agent->loop, &output->watch, fd, EPOLLIN);
}

static void close_fds(const int *fd, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (fd[i] >= 0)
            close(fd[i]);
}

/* The rank's end of its standard input, and ours where there is one. */
static int open_input(struct rank *rank, int fd[2])
{
    struct agent *agent = rank->agent;

    fd[1] = -1;
    if (rank->process == 0 && agent->input_direct) {
        fd[0] = fcntl(0, F_DUPFD_CLOEXEC, 3);
        if (fd[0] >= 0)
            return 0;
    } else if (rank->process == 0) {
        return pipe2(fd, O_CLOEXEC) < 0 ? -errno : 0;
    }
    fd[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd[0] < 0 ? -errno : 0;
}

static void report_binding(const struct rank *rank, const cpu_set_t *set)
{
    char cpus[256], text[512];

    binding_describe(set, cpus, sizeof(cpus));
    if (control_escape(text, sizeof(text), cpus) > 0)
        channel_send_line(rank->agent->channel, "cmd=caravan_bound process=%u cpus=%s",
                          rank->process, text);
}

int rank_start(struct rank *rank)
{
    struct agent *agent = rank->agent;
    struct strings environment = {0};
    struct start start = {0};
    struct keeper keeper;
    cpu_set_t bind;
    /* Ours first, the child's second, of each pair. */
    int input[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, control[2] = {-1, -1},
        error[2] = {-1, -1};
    int result = open_input(rank, input);

    if (result == 0)
        result = open_output(agent->terminal, out);
    if (result == 0 && pipe2(err, O_CLOEXEC) < 0)
        result = -errno;
    if (result == 0 && pipe2(error, O_CLOEXEC) < 0)
        result = -errno;
    if (result == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0)
        result = -errno;
    if (result == 0) {
        int high = fcntl(control[1], F_DUPFD_CLOEXEC, PMI_FD_MIN);

        if (high >= 0) {
            close(control[1]);
            control[1] = high;
        }
    }
    if (result == 0 && agent->bind != BIND_NONE && !rank->program->domu) {
        result = binding_set((enum binding)agent->bind, rank->local, &bind);
        if (result == 0)
            start.bind = &bind;
        else if (rank->local == 0)
            channel_send_line(agent->channel, "cmd=caravan_unbound binding=%s",
                              binding_name((enum binding)agent->bind));
        result = 0;
    }
    if (result == 0) {
        set_environment(rank, control[1], &environment);
        start.input = input[0];
        start.output[0] = out[1];
        start.output[1] = err[1];
        start.control = control[1];
        start.error = error[1];
        start.arguments = rank->program->arguments.list;
        start.environment = environment.list;
        start.path = strings_value(&environment, "PATH");
        start.directory = rank->program->directory;
        start.directory_needed = rank->program->directory_needed;
        if (rank->program->domu) {
            domains_keeper(rank, &keeper);
            start.keeper = &keeper;
            start.directory = keeper.directory;
        }
        start.parent = getpid();
        rank->pid = fork();
        if (rank->pid == 0)
            become_rank(&start);
        result = rank->pid < 0 ? -errno : 0;
    }
    strings_clear(&environment);
    close_fds((int[]){input[0], out[1], err[1], control[1], error[1]}, 5);
    if (result < 0) {
        rank->pid = 0;
        close_fds((int[]){input[1], out[0], err[0], control[0], error[0]}, 5);
        return result;
    }

    /* Here as well as in the child: whoever is first. */
    setpgid(rank->pid, rank->pid);
    rank->running = true;
    rank->start_error = error[0];
    rank->input.fd = input[1];
    rank->input.watch = (struct watch){.ready = input_ready, .context = rank, .fd = -1};
    if (input[1] >= 0)
        fcntl(input[1], F_SETFL, fcntl(input[1], F_GETFL) | O_NONBLOCK);
    if (watch_output(rank, 0, out[0]) < 0 || watch_output(rank, 1, err[0]) < 0)
        return -ENOMEM;
    pmi_open(rank, control[0]);
    if (start.bind && agent->report_binding)
        report_binding(rank, &bind);
    return 0;
}

/* ---- standard output and error ---------------------------------------------------------------- */

static void close_output(struct rank_output *output)
{
    if (output->fd < 0)
        return;
    loop_unwatch(output->rank->agent->loop, &output->watch);
    close(output->fd);
    output->fd = -1;
    agent_check_finished(output->rank->agent);
}

/* Move one chunk to mpirun. False when there is none to move now. */
static bool move_output(struct rank_output *output)
{
    struct rank *rank = output->rank;
    struct agent *agent = rank->agent;
    char bytes[OUTPUT_CHUNK];
    unsigned char head[5] = {(unsigned char)rank->process, (unsigned char)(rank->process >> 8),
                             (unsigned char)(rank->process >> 16),
                             (unsigned char)(rank->process >> 24), output->which};

    if (output->fd < 0 || agent->output_untaken >= OUTPUT_WINDOW) {
        agent->output_held = true;
        return false;
    }

    ssize_t length = read(output->fd, bytes, sizeof(bytes));

    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    /* A terminal whose last writer is gone says EIO. */
    if (length <= 0) {
        channel_send(agent->channel, CHANNEL_OUTPUT, head, sizeof(head), NULL, 0);
        close_output(output);
        return false;
    }
    agent->output_untaken += (uint64_t)length;
    channel_send(agent->channel, CHANNEL_OUTPUT, head, sizeof(head), bytes, (size_t)length);
    return true;
}

static void output_ready(void *context, uint32_t events)
{
    struct rank_output *output = context;

    if (!move_output(output) && output->fd >= 0 && output->rank->agent->output_held)
        loop_unwatch(output->rank->agent->loop, &output->watch);
}

void rank_resume_output(struct rank *rank)
{
    for (unsigned i = 0; i < 2; i++) {
        struct rank_output *output = &rank->output[i];

        if (output->fd >= 0 && output->watch.fd < 0)
            loop_watch(rank->agent->loop, &output->watch, output->fd, EPOLLIN);
    }
}

void rank_drain_output(struct rank *rank)
{
    for (unsigned i = 0; i < 2; i++)
        while (move_output(&rank->output[i]))
            ;
}

void rank_close_output(struct rank *rank)
{
    for (unsigned i = 0; i < 2; i++)
        close_output(&rank->output[i]);
}

/* ---- standard input --------------------------------------------------------------------------- */

static void close_input(struct rank *rank)
{
    struct rank_input *input = &rank->input;

    if (input->fd >= 0) {
        loop_unwatch(rank->agent->loop, &input->watch);
        close(input->fd);
        input->fd = -1;
    }
    free(input->bytes);
    input->bytes = NULL;
    input->start = input->end = 0;
}

static void input_taken(struct rank *rank, size_t length)
{
    channel_send_line(rank->agent->channel, "cmd=caravan_input_taken bytes=%zu", length);
}

static void input_ready(void *context, uint32_t events)
{
    struct rank *rank = context;
    struct rank_input *input = &rank->input;

    while (input->start < input->end) {
        ssize_t written = write(input->fd, input->bytes + input->start, input->end - input->start);

        if (written < 0 && errno == EAGAIN) {
            if (input->watch.fd < 0)
                loop_watch(rank->agent->loop, &input->watch, input->fd, EPOLLOUT);
            return;
        }
        if (written < 0) {
            /* The rank reads no more. Taking nothing further makes mpirun stop reading as well. */
            close_input(rank);
            return;
        }
        input->start += (size_t)written;
        input_taken(rank, (size_t)written);
    }
    loop_unwatch(rank->agent->loop, &input->watch);
    if (input->ended)
        close_input(rank);
}

void rank_write_input(struct rank *rank, const char *bytes, size_t length)
{
    struct rank_input *input = &rank->input;

    if (input->fd < 0)
        return;
    if (length == 0) {
        input->ended = true;
    } else {
        if (input->start > 0) {
            memmove(input->bytes, input->bytes + input->start, input->end - input->start);
            input->end -= input->start;
            input->start = 0;
        }

        char *grown = realloc(input->bytes, input->end + length);

        if (!grown) {
            close_input(rank);
            return;
        }
        input->bytes = grown;
        memcpy(grown + input->end, bytes, length);
        input->end += length;
    }
    input_ready(rank, 0);
}

/* ---- the end ---------------------------------------------------------------------------------- */

void rank_signal(struct rank *rank, int signal)
{
    /* It may have left its process group for one of its own making. */
    if (rank->running && kill(-rank->pid, signal) < 0)
        kill(rank->pid, signal);
}

/* What a rank says in the pipe of its start. */
union last_word {
    struct start_error error; /* what kept the program from starting */
    struct keeper_told gone;  /* a keeper's domain is no more */
};

_Static_assert(sizeof(struct start_error) != sizeof(struct keeper_told), "told apart by length");

static size_t read_last_word(struct rank *rank, union last_word *word)
{
    ssize_t length = read(rank->start_error, word, sizeof(*word));

    close(rank->start_error);
    rank->start_error = -1;
    return length < 0 ? 0 : (size_t)length;
}

/* ` create=MICROSECONDS boot=...`, for a line to mpirun; "" where the domain's keeper did not tell. */
static void describe_phases(char *text, size_t size, const struct keeper_told *told)
{
    const uint64_t *phase = told->nanoseconds;

    snprintf(text, size, " create=%llu boot=%llu run=%llu destroy=%llu",
             (unsigned long long)phase[KEEPER_CREATE] / 1000,
             (unsigned long long)phase[KEEPER_BOOT] / 1000,
             (unsigned long long)phase[KEEPER_RUN] / 1000,
             (unsigned long long)phase[KEEPER_DESTROY] / 1000);
}

void rank_ended(struct rank *rank, int status)
{
    struct agent *agent = rank->agent;
    union last_word word;
    size_t length;
    char phases[128] = "";

    /* Its last words count: they may be `finalize`, or `abort`. */
    pmi_receive(rank);
    rank->running = false;
    agent->running--;
    pmi_close(rank);
    close_input(rank);
    rank_drain_output(rank);
    length = read_last_word(rank, &word);
    if (rank->program->domu)
        domains_ended(rank, length == sizeof(word.gone));
    if (length == sizeof(word.gone))
        describe_phases(phases, sizeof(phases), &word.gone);
    if (length == sizeof(word.error)) {
        const char *what = word.error.directory ? rank->program->directory
                                                : rank->program->arguments.list[0];
        char text[3072];

        if (control_escape(text, sizeof(text), what) < 0)
            strcpy(text, "?");
        channel_send_line(agent->channel,
                          "cmd=caravan_not_started process=%u error=%d directory=%d what=%s",
                          rank->process, word.error.error, word.error.directory, text);
        return;
    }
    channel_send_line(agent->channel,
                      "cmd=caravan_exited process=%u status=%d joined=%d finalized=%d%s",
                      rank->process, status, rank->joined, rank->finalized, phases);
}
