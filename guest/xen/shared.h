/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/xen/shared.h: the page that Xen shares with the domain. */
#ifndef GUEST_XEN_SHARED_H
#define GUEST_XEN_SHARED_H

#include "guest/kernel.h"

#include <xen/xen.h>

/* A page of its own in the kernel image, mapped over by shared_init. */
extern struct shared_info shared_info;

/* Its machine address, for mapping it into the process. */
extern uint64_t shared_machine;

void shared_init(const struct start_info *info);

#endif
