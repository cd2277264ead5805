/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/linux/host.h: the files of the host, over the control channel (launch/files.h serves them).
 *
 * With a channel the tree in memory is a cache: what it holds as a file or link is read there, /dev, /proc and /sys are the
 * guest's own, and every other name is the host's. Names go there as absolute paths, for the host to follow. Opening to
 * write, or changing a name, takes the name out of the cache.
 */
#ifndef GUEST_LINUX_HOST_H
#define GUEST_LINUX_HOST_H

#include "guest/linux/file.h"

#include <asm/stat.h>
#include <asm/statfs.h>

/* The current directory, absolute and without links. */
extern char host_directory[FILE_PATH_MAX];

/* name.c: an absolute name (which path->host will point to) where the tree does not have it: path->host is set if it is the
 * host's. `change`: it is not only looked at. 0 or a negative errno. */
int host_name(const char *name, bool follow, bool change, struct path *path);

/* Is what was looked up the host's, by name or as an open file? */
bool host_has(const struct path *path);

/* The calls of the same names. Pointers are the kernel's, but for `bytes`. */
long host_open(const char *name, unsigned flags, unsigned mode);
long host_stat(const struct path *path, bool follow, struct stat *to);
long host_statfs(const struct path *path, struct statfs *to);
long host_access(const char *name, int mode);
long host_chmod(const struct path *path, unsigned mode);
long host_chown(const struct path *path, uint32_t owner, uint32_t group, bool follow);
long host_utimens(const struct path *path, const struct timespec times[2], bool follow);
long host_truncate(const char *name, uint64_t size);
long host_mkdir(const char *name, unsigned mode);
long host_unlink(const char *name, unsigned flags);
long host_rename(const char *from, const char *to, unsigned flags);
long host_link(const char *from, const char *to, bool follow);
long host_symlink(const char *target, const char *name);
ssize_t host_readlink(const char *name, char *bytes, size_t size);
long host_chdir(const char *name);

/* Before [offset, offset + length) of an open file is mapped: read it into the pages of its inode. */
long host_map(struct file *file, uint64_t offset, uint64_t length, bool shared_writable);

extern const struct file_ops host_file_ops;

#endif
