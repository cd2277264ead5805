// SPDX-License-Identifier: BSD-2-Clause
/* unpause DOMID: let a domain go that `xl create -p` has made, and print the processor's time just
 * before. xl itself takes a second to start under emulation. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>
#include <xenctrl.h>

int main(int argc, char **argv)
{
    xc_interface *xen = xc_interface_open(NULL, NULL, 0);
    uint64_t time;

    if (argc != 2 || !xen)
        return 1;
    time = __rdtsc();
    if (xc_domain_unpause(xen, atoi(argv[1])) < 0) {
        perror("unpause");
        return 1;
    }
    printf("%" PRIu64 "\n", time);
    xc_interface_close(xen);
    return 0;
}
