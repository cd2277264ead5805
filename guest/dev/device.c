/* SPDX-License-Identifier: BSD-2-Clause */
/* /dev. */
#include "guest/dev/device.h"
#include "guest/boot/boot.h"

void device_init(void)
{
    static const struct {
        const char *path;
        uint32_t mode;
        uint32_t major, minor; /* Linux's numbers */
        const struct file_ops *ops;
    } devices[] = {
        {"/dev/null", S_IFCHR | 0666, 1, 3, &device_null_ops},
        {"/dev/zero", S_IFCHR | 0666, 1, 5, &device_zero_ops},
        {"/dev/full", S_IFCHR | 0666, 1, 7, &device_full_ops},
        {"/dev/random", S_IFCHR | 0666, 1, 8, &device_random_ops},
        {"/dev/urandom", S_IFCHR | 0666, 1, 9, &device_random_ops},
        {"/dev/tty", S_IFCHR | 0666, 5, 0, &device_tty_ops},
        {"/dev/xen/evtchn", S_IFCHR | 0600, 10, 60, &device_evtchn_ops},
        {"/dev/xen/gntalloc", S_IFCHR | 0600, 10, 61, &device_gntalloc_ops},
        {"/dev/xen/gntdev", S_IFCHR | 0600, 10, 62, &device_gntdev_ops},
        {"/dev/ethq0", S_IFCHR | 0600, 10, 63, &device_ethq_ops},
        {"/dev/console", S_IFIFO | 0600, 0, 0, &device_stream_ops},
    };

    file_make("/dev/shm", S_IFDIR | 01777); /* shm_open's */
    for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
        struct inode *inode = file_make(devices[i].path, devices[i].mode);

        if (!inode)
            panic("no memory for %s", devices[i].path);
        inode->mode = devices[i].mode;
        inode->device = devices[i].major << 8 | devices[i].minor;
        inode->ops = devices[i].ops;
    }
}
