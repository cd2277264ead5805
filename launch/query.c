/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/query.c: the agent asks its ranks what they wait for (docs/control-stream.md).
 *
 * A rank answers from inside its MPI calls, asleep or not. One that computes cannot, nor one that is stopped; the kernel tells
 * which. Such a rank is not asked again before it has answered, however often mpirun asks: its stream would fill.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "launch/agent.h"

#define PATIENCE 2000000000u /* nanoseconds for an answer */

enum { MAX_TOLD = 64 }; /* lines of an answer */

/* The process's state as in proc(5), or '?'. */
static char process_state(const struct rank *rank)
{
    char path[64], text[512];
    const char *name_end;
    ssize_t length;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)rank->pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return '?';
    length = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (length <= 0)
        return '?';
    text[length] = '\0';
    name_end = strrchr(text, ')');
    return name_end && name_end[1] == ' ' && name_end[2] ? name_end[2] : '?';
}

static void tell_silent(struct rank *rank, const char *state)
{
    rank->awaited = false;
    channel_send_line(rank->agent->channel, "cmd=caravan_silent process=%u number=%llu state=%s",
                      rank->process, (unsigned long long)rank->agent->query, state);
}

static void ask(struct rank *rank)
{
    rank->asked = rank->agent->query;
    pmi_send(rank, "cmd=caravan_query number=%llu detail=%d", (unsigned long long)rank->asked,
             rank->agent->query_detail);
}

void query_ask(struct agent *agent, uint64_t number, bool detail)
{
    agent->query = number;
    agent->query_detail = detail;
    for (unsigned i = 0; i < agent->rank_count; i++) {
        struct rank *rank = &agent->ranks[i];

        rank->awaited = true;
        rank->told = 0;
        if (!rank->running)
            tell_silent(rank, "ended");
        else if (!rank->hello || !rank->control)
            tell_silent(rank, rank->joined ? "foreign" : "outside");
        else if (rank->finalized)
            tell_silent(rank, "finalized");
        else if (!rank->asked)
            ask(rank);
    }
    loop_set_timer(agent->loop, &agent->query_timer, PATIENCE);
}

void query_late(void *context)
{
    struct agent *agent = context;

    for (unsigned i = 0; i < agent->rank_count; i++) {
        struct rank *rank = &agent->ranks[i];
        char state[2] = {process_state(rank), '\0'};

        if (rank->awaited)
            tell_silent(rank, rank->running ? state : "ended");
    }
}

/* Does this line belong to the question that mpirun waits for? */
static bool is_wanted(const struct rank *rank, const struct control_message *message)
{
    uint64_t number;

    return rank->awaited && control_get_number(message, "number", UINT64_MAX, &number) == 0 &&
           number == rank->agent->query;
}

void query_told(struct rank *rank, struct control_message *message)
{
    const char *text = control_get(message, "text");
    char escaped[1024];

    if (!is_wanted(rank, message) || !text || rank->told++ >= MAX_TOLD ||
        control_escape(escaped, sizeof(escaped), text) < 0)
        return;
    channel_send_line(rank->agent->channel, "cmd=caravan_told process=%u number=%llu text=%s",
                      rank->process, (unsigned long long)rank->agent->query, escaped);
}

void query_answered(struct rank *rank, struct control_message *message)
{
    uint64_t number = rank->asked, waits = 0, quiet = 0, moved = 0;
    bool wanted = is_wanted(rank, message);

    if (number == 0)
        return;
    rank->asked = 0;
    if (wanted)
        rank->awaited = false;
    else if (rank->awaited) /* it has come to an older question just now */
        ask(rank);
    control_get_number(message, "waits", 1, &waits);
    control_get_number(message, "quiet", UINT64_MAX, &quiet);
    control_get_number(message, "moved", UINT64_MAX, &moved);
    channel_send_line(rank->agent->channel,
                      "cmd=caravan_answer process=%u number=%llu waits=%llu quiet=%llu moved=%llu",
                      rank->process, (unsigned long long)number, (unsigned long long)waits,
                      (unsigned long long)quiet, (unsigned long long)moved);
}
