// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char block[1 << 20];

int main(int count, char **arguments)
{
    if (strcmp(arguments[1], "touch") == 0) {
        for (;;) {
            char *more = malloc(sizeof block);
            if (!more)
                return 1;
            memset(more, 1, sizeof block);
        }
    }

    int failed = malloc(1ul << 30) != NULL;
    int fd = open("/tmp/full", O_WRONLY | O_CREAT, 0600);
    ssize_t written;
    memset(block, 7, sizeof block);
    while ((written = write(fd, block, sizeof block)) > 0)
        ;
    failed |= written != -1 || errno != ENOSPC;
    failed |= ftruncate(fd, 0) != 0;
    failed |= write(fd, block, sizeof block) != sizeof block;
    return failed;
}
