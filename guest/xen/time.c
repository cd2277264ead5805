/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/xen/time.h"
#include "guest/xen/hypercall.h"
#include "guest/xen/pvclock.h"
#include "guest/xen/shared.h"

uint64_t time_boot;

uint64_t time_now(void)
{
    static uint64_t last; /* two processors' clocks may differ by a little after a migration */

    last = MAX(last, pvclock_read(&shared_info.vcpu_info[0].time));
    return last;
}

uint64_t time_wall_offset(void)
{
    return pvclock_wall(&shared_info);
}

void time_init(void)
{
    time_boot = time_now();
    /* Xen gives each PV vCPU a 100 Hz timer: 100 needless Xen entries a second. */
    if (xen_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL))
        log_warning("the periodic timer cannot be stopped");
}
