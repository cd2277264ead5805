/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/pocket/pocket.h: `caravan pocket`: a Xen host in QEMU, one for each user (docs/pocket.md).
 */
#ifndef CARAVAN_POCKET_H
#define CARAVAN_POCKET_H

#include <stdbool.h>

/* The commands behind `caravan pocket`; an exit status. */
int pocket_main(int argc, char **argv);

/* Bring it up if it is not, telling on standard error what happens; booting may take so many seconds. 0, or -1 after
 * a message. */
int pocket_up(unsigned memory, unsigned cpus, unsigned seconds);

#endif
