/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Regions between Linux processes: sealed memfds. No file system is involved, so no /dev/shm that is too small or
 * left full, and the last process that maps the memory takes it along when it dies, however it dies. */
#include "am/region/region.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REGION_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static int region_map(struct region *region, int fd, size_t size)
{
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);

    if (base == MAP_FAILED)
        return -errno;
    region->base = base;
    region->size = size;
    return 0;
}

int region_create(struct region *region, size_t size)
{
    int fd = memfd_create("caravan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int result;

    region->base = NULL;
    region->fd = -1;
    if (fd < 0)
        return -errno;
    /* fallocate, not ftruncate alone: a memory limit is met here or never. */
    result = posix_fallocate(fd, 0, (off_t)size);
    if (result != 0 || fcntl(fd, F_ADD_SEALS, REGION_SEALS) < 0) {
        result = result != 0 ? result : errno;
        close(fd);
        return result == ENOSPC ? -ENOMEM : -result;
    }
    result = region_map(region, fd, size);
    if (result < 0) {
        close(fd);
        return result;
    }
    region->fd = fd;
    return 0;
}

int region_create_private(struct region *region, size_t size)
{
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    *region = (struct region){.fd = -1};
    if (base == MAP_FAILED)
        return -errno;
    region->base = base;
    region->size = size;
    return 0;
}

int region_attach(struct region *region, int fd, size_t size)
{
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);
    int result = -EPROTO;

    region->base = NULL;
    region->fd = -1;
    if (seals >= 0 && (seals & F_SEAL_SHRINK) && fstat(fd, &status) == 0 && status.st_size >= 0 &&
        (size_t)status.st_size == size)
        result = region_map(region, fd, size);
    close(fd);
    return result;
}

void region_close(struct region *region)
{
    if (region->base)
        munmap(region->base, region->size);
    if (region->fd >= 0)
        close(region->fd);
    region->base = NULL;
    region->fd = -1;
}
