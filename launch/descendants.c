/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/descendants.c: see descendants.h.
 */
#include "launch/descendants.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "launch/loop.h"

struct process {
    pid_t pid;
    pid_t parent;
    bool below;
};

static pid_t *spared;
static size_t spared_count;

/* The parent of process `pid`; 0 when it is gone or a zombie. */
static pid_t parent_of(pid_t pid)
{
    char path[64], text[512];
    char state;
    int parent;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);

    FILE *file = fopen(path, "re");

    if (!file)
        return 0;

    size_t length = fread(text, 1, sizeof(text) - 1, file);

    fclose(file);
    text[length] = '\0';

    /* The name in parentheses may hold anything, parentheses too. */
    char *name_end = strrchr(text, ')');

    if (!name_end || sscanf(name_end + 1, " %c %d", &state, &parent) != 2 || state == 'Z')
        return 0;
    return parent;
}

static bool is_spared(pid_t pid)
{
    for (size_t i = 0; i < spared_count; i++)
        if (spared[i] == pid)
            return true;
    return false;
}

/* Every process of the machine with its parent, in a block of `*count` that the caller frees. */
static struct process *list_processes(size_t *count)
{
    DIR *directory = opendir("/proc");
    struct process *list = NULL;
    struct dirent *entry;
    size_t size = 0;

    *count = 0;
    if (!directory)
        return NULL;
    while ((entry = readdir(directory))) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;

        pid_t pid = (pid_t)atoi(entry->d_name);
        pid_t parent = parent_of(pid);

        if (parent == 0)
            continue;
        if (*count == size) {
            struct process *grown = realloc(list, (size = size ? 2 * size : 256) * sizeof(*list));

            if (!grown)
                break;
            list = grown;
        }
        list[(*count)++] = (struct process){.pid = pid, .parent = parent};
    }
    closedir(directory);
    return list;
}

/* Mark what is below this process; numbers may have wrapped, so a parent can come after its child. */
static void mark_descendants(struct process *list, size_t count, pid_t except)
{
    pid_t self = getpid();
    bool found = true;

    while (found) {
        found = false;
        for (size_t i = 0; i < count; i++) {
            if (list[i].below || list[i].pid == except || is_spared(list[i].pid))
                continue;

            bool below = list[i].parent == self;

            for (size_t j = 0; j < count && !below; j++)
                below = list[j].below && list[j].pid == list[i].parent;
            if (below)
                list[i].below = found = true;
        }
    }
}

void descendants_adopt(void)
{
    siginfo_t info;
    size_t count;

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD)
        return;

    struct process *list = list_processes(&count);

    spared = malloc(count * sizeof(*spared));
    for (size_t i = 0; i < count && spared; i++)
        if (list[i].parent == getpid())
            spared[spared_count++] = list[i].pid;
    free(list);
}

unsigned descendants_signal(int signal, pid_t except)
{
    size_t count;
    unsigned signalled = 0;
    struct process *list = list_processes(&count);

    mark_descendants(list, count, except);
    for (size_t i = 0; i < count; i++)
        if (list[i].below && kill(list[i].pid, signal) == 0)
            signalled++;
    free(list);
    return signalled;
}

bool descendants_kill(int milliseconds)
{
    uint64_t end = loop_now() + (uint64_t)milliseconds * 1000000;

    for (;;) {
        /* Reap first: with no child left there is nothing to look for, and that is the common case. */
        pid_t pid;

        do
            pid = waitpid(-1, NULL, WNOHANG);
        while (pid > 0);
        if (pid < 0)
            return true;
        if (descendants_signal(SIGKILL, 0) == 0 && spared_count > 0)
            return true;
        if (loop_now() > end)
            return false;

        struct timespec pause = {.tv_nsec = 1000000};

        nanosleep(&pause, NULL);
    }
}
