/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/packet.h: caravan-packet, beside this program, which opens packet sockets (am/port/packet_run.h).
 */
#ifndef CARAVAN_LAUNCH_PACKET_H
#define CARAVAN_LAUNCH_PACKET_H

/* Where it is. The caller frees it. */
char *packet_path(void);

#endif
