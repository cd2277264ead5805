/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/dev/device.h: what device_init puts into /dev. */
#ifndef GUEST_DEV_DEVICE_H
#define GUEST_DEV_DEVICE_H

#include "guest/linux/file.h"

extern const struct file_ops device_null_ops, device_zero_ops, device_full_ops, device_random_ops;
extern const struct file_ops device_tty_ops, device_stream_ops;
extern const struct file_ops device_ethq_ops;
extern const struct file_ops device_gntalloc_ops, device_gntdev_ops, device_evtchn_ops;

/* The process ends: leave the network's backend in order. */
void device_ethq_stop(void);

#endif
