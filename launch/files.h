/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/files.h: the files of this host, for the guest of one rank.
 *
 * A guest asks, and what it asks is done by this process, with this process's rights and umask: those of the user who
 * called mpirun. A handle is a file descriptor of this process that the guest knows by a number; record locks are this process's,
 * which serves one rank, so they mean what they mean between processes.
 *
 * Files and directories are served, nothing else: a device or a FIFO could keep the keeper waiting (and a guest has /dev/null and
 * the like itself).
 */
#ifndef CARAVAN_FILES_H
#define CARAVAN_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "control/channel.h"

enum {
    FILES_MAX_OPEN = 4096,
    FILES_MAX_DATA = CHANNEL_FILE_DATA, /* of one read, write, or listing */
};

struct file_request {
    uint32_t operation;
    uint32_t handle;
    uint32_t flags;
    uint32_t mode;
    int64_t offset;
    uint64_t length;
    const char *path;   /* NULL: none */
    const char *second; /* NULL: none */
    const void *data;
    size_t data_size;
};

struct files;

/* Relative paths start in `directory`. NULL and errno. */
struct files *files_new(const char *directory);
void files_free(struct files *files);

/* Do what is asked. The result, or a negative errno; what belongs to it is in `answer`, which has room for FILES_MAX_DATA bytes,
 * and its length in `size`. Nothing in a request is trusted. */
int64_t files_serve(struct files *files, const struct file_request *request, void *answer,
                    size_t *size);

#endif
