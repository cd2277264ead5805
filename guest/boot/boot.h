/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/boot/boot.h: start and end of the domain. */
#ifndef GUEST_BOOT_BOOT_H
#define GUEST_BOOT_BOOT_H

#include "guest/kernel.h"

#include <xen/xen.h>

extern const struct start_info *boot_info;

static inline bool boot_is_dom0(void)
{
    return boot_info->flags & SIF_INITDOMAIN;
}

void kernel_main(const struct start_info *info, uint64_t boot_stack);

/* End the domain: SHUTDOWN_poweroff, _reboot or _crash of xen/sched.h. */
void boot_shutdown(unsigned reason) __attribute__((noreturn));

#endif
