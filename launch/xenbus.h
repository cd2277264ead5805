/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/xenbus.h: this domain's way to Xen's store, through its kernel: it needs no library and no dom0.
 *
 * A path that begins with no slash is below this domain's own directory, /local/domain/NUMBER.
 */
#ifndef CARAVAN_XENBUS_H
#define CARAVAN_XENBUS_H

#include <stddef.h>

/* A descriptor for the rest, or a negative errno: no Xen, or no right to it. */
int xenbus_open(void);

/* Of those below, -ETIMEDOUT: the store does not answer. What it answers later is taken for the answer to something else: ask no more. */

/* The value at `path`, as a string. Its length, or a negative errno (-ENOENT, -EACCES, -EMSGSIZE, ...). */
int xenbus_read(int bus, const char *path, char *value, size_t size);
int xenbus_write(int bus, const char *path, const char *value);
/* All domains may read what is at `path`, which is `owner`'s. */
int xenbus_show(int bus, const char *path, int owner);
int xenbus_remove(int bus, const char *path);

#endif
