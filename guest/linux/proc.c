/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of /proc, /sys and /etc that run-time libraries read: glibc, libgomp, OpenBLAS, numpy. */
#include "guest/linux/file.h"
#include "guest/linux/process.h"
#include "guest/mm/page.h"
#include "guest/mm/vm.h"
#include "guest/xen/time.h"

#include <linux/mman.h>

static size_t cpuinfo_text(char *text, size_t size)
{
    return (size_t)snprintf(text, size,
                            "processor\t: 0\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n"
                            "model name\t: %s\nstepping\t: %u\nphysical id\t: 0\nsiblings\t: 1\n"
                            "core id\t\t: 0\ncpu cores\t: 1\n\n",
                            cpu.vendor, cpu.family, cpu.model, cpu.brand, cpu.stepping);
}

static size_t meminfo_text(char *text, size_t size)
{
    struct page_counts counts;

    page_count(&counts);
    return (size_t)snprintf(text, size,
                            "MemTotal:       %8lu kB\nMemFree:        %8lu kB\n"
                            "MemAvailable:   %8lu kB\nBuffers:               0 kB\n"
                            "Cached:                0 kB\nSwapTotal:             0 kB\n"
                            "SwapFree:              0 kB\n",
                            counts.total * 4, counts.free * 4, counts.free * 4);
}

static size_t maps_text(char *text, size_t size)
{
    size_t used = 0;

    for (struct area *area = vm_first(); area && used < size; area = area->next) {
        const char *name = area->name ? area->name : "";

        if (area->file)
            name = area->file->path ? area->file->path : process.executable;
        used += (size_t)snprintf(
            text + used, size - used, "%08lx-%08lx %c%c%c%c %08lx 00:01 %lu %s\n", area->start,
            area->end, area->prot & PROT_READ ? 'r' : '-', area->prot & PROT_WRITE ? 'w' : '-',
            area->prot & PROT_EXEC ? 'x' : '-', area->shared ? 's' : 'p',
            area->file ? area->offset : 0, area->file ? area->file->inode->number : 0, name);
    }
    return MIN(used, size);
}

static size_t status_text(char *text, size_t size)
{
    return (size_t)snprintf(text, size,
                            "Name:\t%s\nState:\tR (running)\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\n"
                            "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nVmPeak:\t%8lu kB\n"
                            "VmSize:\t%8lu kB\nVmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\nThreads:\t1\n"
                            "Cpus_allowed:\t1\nCpus_allowed_list:\t0\nMems_allowed_list:\t0\n",
                            process.name, PROCESS_ID, PROCESS_ID, PROCESS_PARENT, process.user,
                            process.user, process.user, process.user, process.group, process.group,
                            process.group, process.group, vm_reserved * 4, vm_reserved * 4,
                            vm_resident_peak * 4, vm_resident * 4);
}

static size_t statm_text(char *text, size_t size)
{
    return (size_t)snprintf(text, size, "%lu %lu 0 0 0 %lu 0\n", vm_reserved, vm_resident,
                            vm_resident);
}

static size_t cmdline_text(char *text, size_t size)
{
    size_t used = 0;

    for (unsigned i = 0; process.arguments[i] && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s", process.arguments[i]) + 1;
    return MIN(used, size);
}

static size_t stat_text(char *text, size_t size)
{
    uint64_t ticks = (time_now() - time_boot) / (TIME_SECOND / 100);

    return (size_t)snprintf(text, size, "cpu  %lu 0 0 0 0 0 0 0 0 0\ncpu0 %lu 0 0 0 0 0 0 0 0 0\n",
                            ticks, ticks);
}

static size_t uptime_text(char *text, size_t size)
{
    uint64_t hundredths = (time_now() - time_boot) / (TIME_SECOND / 100);

    return (size_t)snprintf(text, size, "%lu.%02lu 0.00\n", hundredths / 100, hundredths % 100);
}

static size_t zero_text(char *text, size_t size)
{
    return (size_t)snprintf(text, size, "0\n");
}

static size_t one_text(char *text, size_t size)
{
    return (size_t)snprintf(text, size, "1\n");
}

static size_t release_text(char *text, size_t size)
{
    return (size_t)snprintf(text, size, "6.1.0-caravan\n");
}

static size_t hostname_text(char *text, size_t size)
{
    return (size_t)snprintf(text, size, "%s\n", process_hostname);
}

static size_t mounts_text(char *text, size_t size)
{
    return (size_t)snprintf(text, size, "rootfs / rootfs rw 0 0\nproc /proc proc rw 0 0\n");
}

/* Who the process is, for those who ask for more than a number. */
static size_t passwd_text(char *text, size_t size)
{
    return (size_t)snprintf(text, size, "root:x:0:0:root:/:/bin/sh\n");
}

static size_t group_text(char *text, size_t size)
{
    return (size_t)snprintf(text, size, "root:x:0:\n");
}

static void text_make(const char *path, file_text *text)
{
    struct inode *inode = file_make(path, S_IFREG | 0444);

    if (inode && inode->size == 0) { /* unless the initrd brings its own */
        inode->ops = &file_text_ops;
        inode->text = text;
    }
}

void proc_init(bool host_files)
{
    static const struct {
        const char *path;
        file_text *text;
    } files[] = {
        {"/proc/cpuinfo", cpuinfo_text},
        {"/proc/meminfo", meminfo_text},
        {"/proc/mounts", mounts_text},
        {"/proc/stat", stat_text},
        {"/proc/uptime", uptime_text},
        {"/proc/self/maps", maps_text},
        {"/proc/self/status", status_text},
        {"/proc/self/statm", statm_text},
        {"/proc/self/cmdline", cmdline_text},
        {"/proc/sys/kernel/osrelease", release_text},
        {"/proc/sys/kernel/hostname", hostname_text},
        {"/proc/sys/vm/overcommit_memory", zero_text},
        {"/sys/devices/system/cpu/online", zero_text},
        {"/sys/devices/system/cpu/possible", zero_text},
        {"/sys/devices/system/cpu/present", zero_text},
        {"/sys/devices/system/cpu/cpu0/topology/thread_siblings", one_text},
        {"/sys/devices/system/node/online", zero_text},
        {"/sys/devices/system/node/node0/cpumap", one_text},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(files); i++)
        text_make(files[i].path, files[i].text);
    if (!host_files) {
        text_make("/etc/passwd", passwd_text);
        text_make("/etc/group", group_text);
    }
}
