/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/boot/fault.h: what is said when something dies. */
#ifndef GUEST_BOOT_FAULT_H
#define GUEST_BOOT_FAULT_H

#include "guest/boot/trap.h"

#include <asm/siginfo.h>

/* The program dies of `signal`: cause, address, registers, and a backtrace with names. */
void fault_report(const struct registers *registers, int signal, const siginfo_t *info);

/* The kernel itself faulted: say where, and crash the domain. */
void fault_kernel(const struct registers *registers, uint64_t address) __attribute__((noreturn));

#endif
