/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/boot/backtrace.h: who called whom in the program, with names. */
#ifndef GUEST_BOOT_BACKTRACE_H
#define GUEST_BOOT_BACKTRACE_H

#include "guest/boot/trap.h"

/* Log the program's call chain from `registers` outwards. */
void backtrace_show(const struct registers *registers);

#endif
