// SPDX-License-Identifier: BSD-2-Clause
/* boot_time [net]: what time it is at main() and how much memory the domain has used by then.
 *
 * The same static file is the program of our guest and the init of a Linux domU. The time is the
 * processor's own (tsc_mode "native"), so it compares with what unpause.c read in dom0. With `net`
 * it first takes the network interface into its hands, as a rank does.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>
#include <x86intrin.h>

#include "ethq.h"

/* KiB of ours in memory. Linux's other counters lag behind by up to 64 pages. */
static long resident(void)
{
    char line[128];
    long size = 0;
    FILE *file;

    mkdir("/proc", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    file = fopen("/proc/self/smaps_rollup", "r");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "Rss: %ld", &size) != 1)
        continue;
    return size;
}

int main(int argc, char **argv)
{
    uint64_t time = __rdtsc();
    struct sysinfo memory;
    long size;

    if (argc > 1 && strcmp(argv[1], "net") == 0) {
        int device = open("/dev/ethq0", O_RDWR);

        if (device < 0 || mmap(NULL, sizeof(struct ethq), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_POPULATE, device, 0) == MAP_FAILED) {
            perror("boot_time: /dev/ethq0");
            return 1;
        }
    }
    sysinfo(&memory);
    size = getpid() == 1 ? resident() : 0;
    printf("boot_time: tsc %llu total %llu free %llu resident %ld\n", (unsigned long long)time,
           (unsigned long long)memory.totalram * memory.mem_unit / 1024,
           (unsigned long long)memory.freeram * memory.mem_unit / 1024, size);
    fflush(stdout);
    if (getpid() == 1) /* on Linux, where init must not end */
        reboot(RB_POWER_OFF);
    return 0;
}
