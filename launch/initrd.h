/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/initrd.h: write an initrd for the guest kernel: a cpio archive ("newc") whose files begin on pages.
 *
 * The kernel maps such files where they lie (guest/linux/cpio.c); the padding is NULs behind each name, which other readers
 * of cpio accept as well. The archive mirrors this host: a file is there under its real name, and every symbolic link
 * on the way to it is there as a link, so that the same file found under two names is one.
 */
#ifndef CARAVAN_INITRD_H
#define CARAVAN_INITRD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct initrd;

/* Begin an archive. NULL without memory. */
struct initrd *initrd_new(void);
void initrd_free(struct initrd *initrd);

/* Add the file, directory (alone) or link at `path`, an absolute one, with all that leads to it; once, however often it is added.
 * The contents are read when the archive is written. 0, or what the file system says; -ELOOP. */
int initrd_add(struct initrd *initrd, const char *path);

/* Add a file with these contents, which are copied, below directories of mode 755. -EEXIST. */
int initrd_add_bytes(struct initrd *initrd, const char *path, const void *bytes, size_t size,
                     mode_t mode);

/* Write the archive to `fd`. Its size, or a negative errno with what went wrong on which file in `error`; a file that has
 * changed its size since it was added is -EAGAIN. */
int64_t initrd_write(const struct initrd *initrd, int fd, char *error, size_t error_size);

#endif
