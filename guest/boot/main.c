/* SPDX-License-Identifier: BSD-2-Clause */
/* The order in which the kernel starts, and how it stops. */
#include "guest/boot/boot.h"
#include "guest/boot/options.h"
#include "guest/boot/trap.h"
#include "guest/linux/channel.h"
#include "guest/linux/file.h"
#include "guest/linux/host.h"
#include "guest/linux/process.h"
#include "guest/mm/page.h"
#include "guest/mm/table.h"
#include "guest/xen/console.h"
#include "guest/xen/hypercall.h"
#include "guest/xen/shared.h"
#include "guest/xen/time.h"
#include "guest/xen/xenstore.h"

/* What a shell makes of the same failures. */
#define EXIT_NOT_RUN   126
#define EXIT_NOT_FOUND 127

const struct start_info *boot_info;

static void directory_init(void)
{
    struct inode *directory = path_inode(process.directory);

    if (!directory || !S_ISDIR(directory->mode)) {
        log_error("the directory %s is not in the initrd: / instead", process.directory);
        return;
    }
    inode_hold(directory);
    inode_put(file_directory);
    file_directory = directory;
}

static struct registers first_registers;

void kernel_main(const struct start_info *info, uint64_t boot_stack)
{
    int error;

    boot_info = info;
    shared_init(info);
    time_init();
    page_init(info, boot_stack);
    console_init(info);
    xenstore_init(); /* dom0 has none */
    trap_init();
    table_init(info);
    cpu_init();
    file_tree_init();
    /* The initrd first: the options may name files of it. */
    if (info->mod_start && info->mod_len)
        cpio_unpack((char *)info->mod_start, info->mod_len);
    error = options_parse((const char *)info->cmd_line);
    if (error)
        process_exit(EXIT_NOT_FOUND);
    random_init(options.seed);
    device_init();
    proc_init(options.control);
    if (options.control) {
        error = channel_open();
        if (error == -ENOMEM)
            process_out_of_memory();
        if (error)
            process_exit(EXIT_NOT_RUN);
        channel_descriptors();
        snprintf(host_directory, sizeof host_directory, "%s", process.directory);
    } else {
        descriptor_init(options.standard_input);
        directory_init();
    }

    error = process_load(&first_registers);
    if (error == -ENOMEM)
        process_out_of_memory();
    if (error)
        process_exit(error == -ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUN);
    log_debug("%lu us from the first instruction to the program's",
              (time_now() - time_boot) / 1000);
    user_enter(&first_registers);
}

void boot_shutdown(unsigned reason)
{
    struct sched_shutdown op = {.reason = reason};

    console_drain();
    for (;;)
        xen_sched_op(SCHEDOP_shutdown, &op);
}

void panic(const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_print(LOG_ERROR, "kernel error: %s", text);
    boot_shutdown(SHUTDOWN_crash);
}
