/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What stands for netfront.c where the library was built without Xen's headers.
 */
#include <errno.h>
#include <stdio.h>

#include "am/port/netfront.h"

int netfront_open(struct am_port **port, const uint8_t mac[6], uint16_t mtu)
{
    *port = NULL;
    fprintf(stderr, "caravan: this library was built without Xen's headers (Debian: libxen-dev), "
                    "and cannot run in a domain\n");
    return -ENOSYS;
}
