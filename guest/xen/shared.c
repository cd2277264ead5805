/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/xen/shared.h"
#include "guest/xen/hypercall.h"

uint64_t shared_machine;
uint64_t hypercalls_made;

void shared_init(const struct start_info *info)
{
    shared_machine = info->shared_info;

    int error = xen_update_va_mapping((unsigned long)&shared_info, shared_machine | 0x63,
                                      UVMF_INVLPG);

    if (error)
        panic("shared_info at machine address 0x%lx cannot be mapped: error %d", shared_machine,
              error);
}
