/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/mpirun.c: mpirun and mpiexec; and, on other hosts, their agents.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "launch/agent.h"
#include "launch/enter.h"
#include "launch/job.h"
#include "launch/options.h"
#include "launch/pocket/machine.h"
#include "launch/pocket/pocket.h"
#include "launch/version.h"

/* Whoever closed a standard descriptor: something of ours would get its number, and the ranks would be given it. */
static void open_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
}

int main(int argc, char **argv)
{
    struct options options;
    int status;

    open_standard_descriptors();
    raise_descriptor_limit();
    if ((argc == 3 || argc == 4) && strcmp(argv[1], AGENT_WORD) == 0)
        return agent_main_entered(argv[2], argc == 4 && strcmp(argv[3], AGENT_DOMAINS_WORD) == 0);

    if (options_parse(&options, argc - 1, argv + 1, stderr) < 0) {
        options_clear(&options);
        return 1;
    }
    switch (options.action) {
    case ACTION_HELP:
        options_help(stdout);
        status = 0;
        break;
    case ACTION_VERSION:
        printf("mpirun (Caravan) %s\n", CARAVAN_VERSION);
        status = 0;
        break;
    default:
        options_read_environment(&options, environ);
        status = options.pocket && pocket_up(MACHINE_MEMORY, MACHINE_CPUS, MACHINE_BOOT_SECONDS) < 0
                     ? 1
                     : job_run(&options);
    }
    options_clear(&options);
    return status;
}
