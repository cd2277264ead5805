/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/xen/time.h: nanoseconds from Xen's clock page (xen/xen.h, struct vcpu_time_info). */
#ifndef GUEST_XEN_TIME_H
#define GUEST_XEN_TIME_H

#include "guest/kernel.h"

#define TIME_NEVER  UINT64_MAX
#define TIME_SECOND UINT64_C(1000000000)

/* Nanoseconds since Xen started (CLOCK_MONOTONIC). Never runs backwards. */
uint64_t time_now(void);

/* Nanoseconds since 1970 at time_now() == 0: add to time_now() for CLOCK_REALTIME. */
uint64_t time_wall_offset(void);

/* time_now() when the kernel was entered. */
extern uint64_t time_boot;

void time_init(void);

#endif
