/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tests/launch/domu_rank.c: a rank of the real am library, for domains that are played by fake_guest: joins, sends a message to
 * itself, waits for it, counts its descriptors, meets the others at a fence and leaves. A domain's control stream carries no descriptors;
 * so this one has none that it could have received, or made to be passed on.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "am/am.h"

enum { HANDLER = 1 };

static unsigned come;

static void on_message(struct am *am, const struct am_message *message, void *context)
{
    come += message->source == am_self(am) && message->args[0] == 42;
}

static unsigned count_entries(const char *path)
{
    DIR *directory = opendir(path);
    unsigned count = 0;

    while (directory && readdir(directory))
        count++;
    closedir(directory);
    return count - 2; /* . and .. */
}

/* So many nanoseconds from now. */
static uint64_t in(long nanoseconds)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)(now.tv_nsec + nanoseconds);
}

int main(void)
{
    uint64_t number = 42;
    unsigned before = count_entries("/proc/self/fd");
    struct am *am;
    int result = am_open(&am, NULL);

    if (result < 0)
        return 3;
    am_set_handler(am, HANDLER, on_message, NULL);
    while ((result = am_request(am, am_self(am), HANDLER, &number, 1, NULL, 0)) == -EAGAIN)
        am_poll(am);
    while (result >= 0 && !come)
        result = am_wait(am, in(1000000));
    if (result < 0)
        return 4;
    printf("process %u of %u, node %u, %u descriptors more, %u threads\n", am_self(am), am_size(am),
           am_node(am, am_self(am)), count_entries("/proc/self/fd") - before,
           count_entries("/proc/self/task"));
    /* Nothing more to do: sleep on the control stream. */
    am_wait(am, in(20000000));
    return am_close(am) < 0 ? 5 : 0;
}
