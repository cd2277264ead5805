/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/port/packet_run.h: run the packet helper (packet_helper.h) and take what it passes.
 */
#ifndef CARAVAN_PACKET_RUN_H
#define CARAVAN_PACKET_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "control/control.h"

/* What it is asked for. */
struct packet_request {
    const char *path; /* of the helper */
    const char *
        interfaces; /* names with commas, of which the first that there is; "": the one that qualifies */
    uint16_t ethertype;
    uint32_t job;
    uint32_t node;       /* whose agent's socket comes last */
    char *const *ranges; /* of processes: FIRST-LAST */
    size_t range_count;
};

/* Each of its lines but the last goes to `take`, which returns 0 or an error. 0, or a negative errno with a line in `error`. Waits for
 * at most some seconds. */
int packet_run(const struct packet_request *request,
               int (*take)(void *context, struct control_message *message), void *context,
               char *error, size_t size);

#endif
