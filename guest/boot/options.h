/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/boot/options.h: the kernel's command line.
 *
 *     [option=value ...] [--] program [argument ...]
 *
 * Words are separated by spaces; "double quotes" keep spaces and \ takes the next character as it is. The first word
 * that is no option begins the program's.
 *
 *     env=NAME=VALUE   a variable of the program's environment; may be repeated
 *     file=PATH        go on reading in this file of the initrd (1,024 bytes are all that Xen passes)
 *     cwd=PATH         the directory it starts in (/)
 *     stdin=PATH       a file of the initrd as standard input (/dev/null); /dev/tty: the console
 *     stack=KIB        its stack (8192)
 *     log=0..3         errors, warnings (the default), what is going on, debugging
 *     counters=1       counts of system calls, faults and memory when the program ends
 *     seed=TEXT        more for the random numbers' seed
 *     hostname=NAME    what uname tells
 *     control=1        all of it comes over the control channel (linux/channel.h), and no program is named here
 */
#ifndef GUEST_BOOT_OPTIONS_H
#define GUEST_BOOT_OPTIONS_H

#include "guest/kernel.h"

struct options {
    const char *standard_input;
    bool control;
    const char *seed;
};
extern struct options options;

/* Read the command line; the program and its arguments go to `process`. 0, or a negative errno after
 * a message. */
int options_parse(const char *line);

#endif
