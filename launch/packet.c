/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/packet.c: see packet.h.
 */
#include "launch/packet.h"

#include "am/port/packet_helper.h"
#include "launch/prefix.h"

char *packet_path(void)
{
    return prefix_program(PACKET_HELPER_PROGRAM);
}
