/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/packet.h: call caravan-packet, beside this program, which opens packet sockets (am/port/packet_helper.h).
 */
#ifndef CARAVAN_LAUNCH_PACKET_H
#define CARAVAN_LAUNCH_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "control/control.h"
#include "launch/string_list.h"

/* Where it is. The caller frees it. */
char *packet_path(void);

/* Run it for the first of `interfaces` (names with commas) that there is (none given: the one that qualifies), for agent
 * `node` and the processes of `ranges` (FIRST-LAST). Each of its lines but the last goes to `take`, which returns 0 or an
 * error. 0, or a negative errno with a line in `error`. Waits for at most some seconds. */
int packet_run(const char *interfaces, uint16_t ethertype, uint32_t job, uint32_t node,
               const struct strings *ranges,
               int (*take)(void *context, struct control_message *message), void *context,
               char *error, size_t size);

#endif
