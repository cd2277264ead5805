/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fuzz target: a hostfile, and its text as an argument of --host. Names that come out must be fit for a command line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "launch/hostfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++) {
        const struct host *host = &hosts->list[i];

        if (host->name[0] == '-' || !*host->name ||
            strpbrk(host->name, " \t\n'\"$`;|&<>\\()*?!#") || strlen(host->name) > HOST_MAX_NAME ||
            host->slots > HOST_MAX_SLOTS)
            abort();
    }
    hosts_clear(hosts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), error[256];
    struct hosts hosts = {0};

    memcpy(text, data, size);
    text[size] = '\0';
    hosts_parse_list(&hosts, text, error, sizeof(error));
    check(&hosts);
    hosts_parse_file(&hosts, text, error, sizeof(error));
    check(&hosts);
    free(text);
    return 0;
}
