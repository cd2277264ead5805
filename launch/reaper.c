/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/reaper.c: see reaper.h.
 */
#include "launch/reaper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/domain.h"
#include "launch/loop.h"
#include "launch/string_list.h"
#include "launch/xl.h"

enum {
    ROUNDS = 40, /* of looking for what is left, one look at least every quarter of a second */
    ROUND_MS = 250,
    DESTROY_MS = 10000, /* for one `xl destroy` */
    PLACE_MAX = 256,
};

/* What the agent tells, one packet each. */
enum request_kind { REAP_JOB = 1, REAP_ADD, REAP_REMOVE, REAP_FINISH };

struct request {
    uint32_t kind;
    uint32_t number; /* of the job, or of the process */
    char place[PLACE_MAX];
};

struct reaper {
    int fd;
    int lock;
    char place[PLACE_MAX]; /* the directory; "": none yet */
};

/* ---- files ------------------------------------------------------------------------------------ */

/* A flat directory with all that is in it. */
static void remove_directory(const char *path)
{
    int at = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = at < 0 ? NULL : fdopendir(at);
    struct dirent *entry;

    while (directory && (entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(at, entry->d_name, 0);
    if (directory)
        closedir(directory);
    rmdir(path);
}

/* A lock file that is locked by us and is the one of that name: whoever finds an unlocked one removes it. */
static int lock_file(const char *path, int operation)
{
    for (;;) {
        struct stat ours, there;
        int fd = open(path, (operation == LOCK_SH ? O_CREAT : 0) | O_RDWR | O_CLOEXEC | O_NOFOLLOW,
                      0600);

        if (fd < 0)
            return -errno;
        if (flock(fd, operation | LOCK_NB) < 0 || fstat(fd, &ours) < 0) {
            int error = errno;

            close(fd);
            if (error == EWOULDBLOCK && operation == LOCK_SH)
                continue; /* somebody removes it just now */
            return -error;
        }
        if (stat(path, &there) == 0 && there.st_ino == ours.st_ino && there.st_dev == ours.st_dev)
            return fd;
        close(fd);
        if (operation != LOCK_SH)
            return -ENOENT;
    }
}

static void lock_path(char path[PATH_MAX], const char *place)
{
    snprintf(path, PATH_MAX, "%s.lock", place);
}

/* ---- the reaper itself ------------------------------------------------------------------------ */

struct work {
    uint32_t job;
    uint32_t *processes;
    unsigned count;
    unsigned seen; /* in the list just read */
};

static bool is_ours(const struct work *work, uint32_t job, uint32_t process)
{
    if (job != work->job)
        return false;
    for (unsigned i = 0; i < work->count; i++)
        if (work->processes[i] == process)
            return true;
    return false;
}

/* Whether it ended well. */
static bool wait_for(pid_t pid, int milliseconds)
{
    uint64_t deadline = loop_now() + (uint64_t)milliseconds * 1000000;
    int status = -1;
    pid_t ended;

    while ((ended = waitpid(pid, &status, WNOHANG)) == 0) {
        if (loop_now() > deadline) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
            return false;
        }
        usleep(5000);
    }
    return ended == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* All at once: each takes a good part of a second. True: each was there, and is gone. */
static bool destroy_known(const struct work *work)
{
    pid_t *started = memory_zeroed(work->count, sizeof(pid_t));
    bool all = true;

    for (unsigned i = 0; i < work->count; i++) {
        char name[DOMAIN_MAX_NAME];

        domain_name(name, work->job, work->processes[i]);
        started[i] = xl_start((const char *const[]){"destroy", name, NULL});
    }
    for (unsigned i = 0; i < work->count; i++)
        all &= started[i] > 0 && wait_for(started[i], DESTROY_MS);
    free(started);
    return all;
}

static void destroy_listed(void *context, unsigned id, const char *uuid)
{
    struct work *work = context;
    uint32_t job, process;
    char number[16];
    pid_t pid;

    if (!domain_uuid_parse(uuid, &job, &process) || !is_ours(work, job, process))
        return;
    work->seen++;
    snprintf(number, sizeof(number), "%u", id);
    pid = xl_start((const char *const[]){"destroy", number, NULL});
    if (pid > 0)
        wait_for(pid, DESTROY_MS);
}

/* Until none is left: an `xl create` that was killed on its way may have made one that has no name yet. */
static void reap(struct work *work)
{
    char error[256];

    if (work->count == 0)
        return;
    if (destroy_known(work))
        return;
    for (unsigned round = 0; round < ROUNDS; round++) {
        work->seen = 0;
        if (domain_host_list(destroy_listed, work, error, sizeof(error)) == 0 && work->seen == 0)
            return;
        usleep(ROUND_MS * 1000);
    }
}

static void forget(struct work *work, uint32_t process)
{
    for (unsigned i = 0; i < work->count; i++)
        if (work->processes[i] == process)
            work->processes[i--] = work->processes[--work->count];
}

static void add(struct work *work, uint32_t process)
{
    uint32_t *grown = realloc(work->processes, (work->count + 1) * sizeof(uint32_t));

    if (!grown)
        return;
    work->processes = grown;
    work->processes[work->count++] = process;
}

static void serve(int fd)
{
    struct work work = {0};
    struct request request;
    char place[PLACE_MAX] = "", path[PATH_MAX];
    bool finish = false;
    int lock = -1;

    while (!finish) {
        ssize_t length = recv(fd, &request, sizeof(request), 0);

        if (length < 0 && errno == EINTR)
            continue;
        if (length != sizeof(request))
            break;
        switch (request.kind) {
        case REAP_JOB:
            work.job = request.number;
            request.place[PLACE_MAX - 1] = '\0';
            strcpy(place, request.place);
            lock_path(path, place);
            lock = lock_file(path, LOCK_SH);
            break;
        case REAP_ADD:
            add(&work, request.number);
            break;
        case REAP_REMOVE:
            forget(&work, request.number);
            break;
        case REAP_FINISH:
            finish = true;
            break;
        }
        /* Each is answered: what was told is known, should the agent die now. */
        if (!finish && send(fd, "", 1, MSG_NOSIGNAL) != 1)
            break;
    }
    reap(&work);
    if (*place) {
        remove_directory(place);
        unlink(path);
    }
    if (finish)
        send(fd, "", 1, MSG_NOSIGNAL);
    if (lock >= 0)
        close(lock);
    free(work.processes);
}

/* Nobody's child, of no session, with nothing open but the socket. */
static void become_reaper(int fd)
{
    int null = open("/dev/null", O_RDWR);
    sigset_t none;

    setsid();
    prctl(PR_SET_NAME, "caravan-reaper");
    prctl(PR_SET_PDEATHSIG, 0);
    if (chdir("/") < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
        dup2(fd, 3) < 0)
        _exit(1);
    close_range(4, ~0u, 0);
    fcntl(3, F_SETFD, FD_CLOEXEC);
    for (int i = 1; i < SIGRTMIN; i++)
        if (i != SIGKILL && i != SIGSTOP)
            signal(i, i == SIGCHLD ? SIG_DFL : SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    serve(3);
    _exit(0);
}

struct reaper *reaper_start(void)
{
    struct reaper *reaper = calloc(1, sizeof(*reaper));
    int fd[2], status;
    pid_t pid;

    if (!reaper || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) < 0) {
        free(reaper);
        return NULL;
    }
    /* Twice: the one in between ends, and leaves an orphan. */
    pid = fork();
    if (pid == 0) {
        pid = fork();
        if (pid == 0)
            become_reaper(fd[1]);
        _exit(pid < 0);
    }
    close(fd[1]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0 || status != 0) {
        close(fd[0]);
        free(reaper);
        errno = EAGAIN;
        return NULL;
    }
    /* Out of the way of those numbers that its holders want for something else. */
    reaper->fd = fcntl(fd[0], F_DUPFD_CLOEXEC, 16);
    reaper->lock = -1;
    close(fd[0]);
    if (reaper->fd < 0) {
        free(reaper);
        return NULL;
    }
    return reaper;
}

/* ---- the agent's part ------------------------------------------------------------------------- */

void reaper_forget(struct reaper *reaper)
{
    if (!reaper)
        return;
    close(reaper->fd);
    if (reaper->lock >= 0)
        close(reaper->lock);
    free(reaper);
}

int reaper_move(struct reaper *reaper, int fd)
{
    if (reaper->fd != fd && dup3(reaper->fd, fd, O_CLOEXEC) < 0)
        return -errno;
    if (reaper->fd != fd)
        close(reaper->fd);
    reaper->fd = fd;
    return 0;
}

static int tell(struct reaper *reaper, const struct request *request, int milliseconds)
{
    struct pollfd wait = {.fd = reaper->fd, .events = POLLIN};
    char answer;
    int ready;

    if (send(reaper->fd, request, sizeof(*request), MSG_NOSIGNAL) != sizeof(*request))
        return -EPIPE;
    do
        ready = poll(&wait, 1, milliseconds);
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        return -ETIMEDOUT;
    return recv(reaper->fd, &answer, 1, 0) == 1 ? 0 : -EPIPE;
}

enum { ANSWER_MS = 5000 };

const char *reaper_open(struct reaper *reaper, const char *base, uint32_t job, uint32_t node)
{
    struct request request = {.kind = REAP_JOB, .number = job};
    char path[PATH_MAX];
    int result;

    if ((mkdir(base, 0755) < 0 && errno != EEXIST) ||
        snprintf(request.place, sizeof(request.place), "%s/%08x.%u", base, job, node) >= PLACE_MAX)
        return NULL;
    lock_path(path, request.place);
    reaper->lock = lock_file(path, LOCK_SH);
    if (reaper->lock < 0) {
        errno = -reaper->lock;
        return NULL;
    }
    /* Programs and arguments of users lie there. */
    if (mkdir(request.place, 0700) < 0)
        return NULL;
    result = tell(reaper, &request, ANSWER_MS);
    if (result < 0) {
        remove_directory(request.place);
        unlink(path);
        errno = -result;
        return NULL;
    }
    strcpy(reaper->place, request.place);
    return reaper->place;
}

int reaper_add(struct reaper *reaper, uint32_t process)
{
    return tell(reaper, &(struct request){.kind = REAP_ADD, .number = process}, ANSWER_MS);
}

int reaper_remove(struct reaper *reaper, uint32_t process)
{
    return tell(reaper, &(struct request){.kind = REAP_REMOVE, .number = process}, ANSWER_MS);
}

int reaper_finish(struct reaper *reaper, int milliseconds)
{
    int result = tell(reaper, &(struct request){.kind = REAP_FINISH}, milliseconds);

    reaper_forget(reaper);
    return result;
}

/* ---- leftovers -------------------------------------------------------------------------------- */

struct leftovers {
    const char *base;
    uint32_t alive[64]; /* jobs */
    unsigned alive_count;
    unsigned destroyed;
};

static bool is_alive(const struct leftovers *left, uint32_t job)
{
    for (unsigned i = 0; i < left->alive_count; i++)
        if (left->alive[i] == job)
            return true;
    return left->alive_count == sizeof(left->alive) / sizeof(*left->alive);
}

/* JOB.NODE.lock: locked by somebody, or to be removed. */
static void look_at(struct leftovers *left, const char *name)
{
    char path[PATH_MAX], place[PATH_MAX];
    unsigned job, node;
    int length = 0, lock;

    if (sscanf(name, "%8x.%u.lock%n", &job, &node, &length) != 2 || name[length] != '\0' ||
        is_alive(left, job))
        return;
    snprintf(path, sizeof(path), "%s/%s", left->base, name);
    lock = lock_file(path, LOCK_EX);
    if (lock == -EWOULDBLOCK) {
        left->alive[left->alive_count++] = job;
    } else if (lock >= 0) {
        snprintf(place, sizeof(place), "%s/%08x.%u", left->base, job, node);
        remove_directory(place);
        unlink(path);
        close(lock);
    }
}

static void destroy_leftover(void *context, unsigned id, const char *uuid)
{
    struct leftovers *left = context;
    uint32_t job, process;
    char number[16];
    pid_t pid;

    /* Those of the root agent's are the root agent's. */
    if (!domain_uuid_parse(uuid, &job, &process) || is_alive(left, job))
        return;
    snprintf(number, sizeof(number), "%u", id);
    pid = xl_start((const char *const[]){"destroy", number, NULL});
    if (pid > 0)
        wait_for(pid, DESTROY_MS);
    left->destroyed++;
}

int reaper_clear_leftovers(const char *base, char *error, unsigned long size)
{
    struct leftovers left = {.base = base};
    DIR *directory = opendir(base);
    struct dirent *entry;
    int result;

    while (directory && (entry = readdir(directory)))
        look_at(&left, entry->d_name);
    if (directory)
        closedir(directory);
    result = domain_host_list(destroy_leftover, &left, error, size);
    return result < 0 ? result : (int)left.destroyed;
}
