/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/vdso/vdso.h: the page that kernel and vDSO share. */
#ifndef GUEST_VDSO_VDSO_H
#define GUEST_VDSO_VDSO_H

#include "guest/kernel.h"

struct vdso_last {
    uint64_t time; /* CLOCK_MONOTONIC: the latest that was told */
};

#endif
