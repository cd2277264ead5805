/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What this process is doing, when mpirun asks (--stall-report, SIGUSR1). The question comes on the control stream, which is
 * looked at in am_poll and wakes am_wait; who computes does not answer, and the agent says so.
 *
 * The layer above puts it in words (am_on_query); here are only the state of the links, since when nothing has come, and a
 * number that stands still while no message moves.
 */
#include <stdarg.h>
#include <stdio.h>

#include "am/core.h"

enum { LINKS_TOLD = 8 };

void am_on_query(struct am *am, am_query *function, void *context)
{
    am->query_function = function;
    am->query_context = context;
}

void am_tell(struct am *am, const char *format, ...)
{
    char text[256];
    va_list arguments;

    if (am->told >= AM_TOLD)
        return;
    am->told++;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    control_tell(am, am->query, text);
}

static void tell_links(struct am *am)
{
    char text[200];
    unsigned told = 0;

    for (uint32_t peer = 0; peer < am->job.size && told < LINKS_TOLD; peer++) {
        if (!am->peers[peer].link || peer == am->job.process)
            continue;
        am_describe(am, peer, text, sizeof(text));
        am_tell(am, "process %u: %s", peer, text);
        told++;
    }
}

static uint64_t moved(const struct am *am)
{
    uint64_t sum = 0;

    for (uint32_t peer = 0; peer < am->job.size; peer++) {
        const struct am_link *link = am->peers[peer].link;

        if (link)
            sum += link->ops->moved(link);
    }
    return sum;
}

int query_answer(struct am *am, uint64_t number, bool detail)
{
    uint64_t quiet = am->quiet_since ? am_now(am) - am->quiet_since : 0;
    bool waits = am->quiet_since != 0;

    am->query = number;
    am->told = detail ? 0 : AM_TOLD;
    if (am->query_function)
        waits = am->query_function(am, am->query_context);
    else
        am_tell(am, waits ? "in am_wait" : "not in am_wait: it polls or computes");
    if (detail)
        tell_links(am);
    return control_answer(am, number, waits, quiet / 1000000, moved(am));
}
