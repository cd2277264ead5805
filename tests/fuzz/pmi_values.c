/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a foreign launcher's key-value space holds: values of ranks, keys, ports, the process mapping (am/pmi_values.h). What is read
 * is what was written: text that is accepted is written again as it was, and a mapping gives each process a node.
 */
#include "am/pmi_values.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT = 2048, PROCESSES = 1000, NOWHERE = 0xdeadbeef };

static void same(const char *text, const char *again)
{
    if (strcmp(text, again) != 0)
        abort();
}

static void read_as_values(const char *text)
{
    char again[PMI_VALUE];
    struct pmi_value value;
    struct pmi_secret secret;
    struct pmi_port port;

    if (pmi_value_read(text, &value) == 0) {
        struct pmi_value twice;

        /* A NUL within a host ends it, so the text may be longer than what it says. */
        pmi_value_write(&value, again);
        if (pmi_value_read(again, &twice) < 0 || twice.name.length != value.name.length ||
            memcmp(twice.name.bytes, value.name.bytes, value.name.length) != 0)
            abort();
        same(value.host, twice.host);
        same(value.place, twice.place);
    }
    if (pmi_secret_read(text, &secret) == 0) {
        pmi_secret_write(&secret, again);
        if (strncmp(text, again, strlen(again)) != 0)
            abort();
    }
    if (pmi_port_read(text, &port) == 0) {
        pmi_port_write(&port, again);
        if (strncmp(text, again, strlen(again)) != 0)
            abort();
    }
}

static void read_as_mapping(const char *text, uint32_t processes)
{
    static uint32_t node_of[PROCESSES + 1];

    for (uint32_t i = 0; i <= processes; i++)
        node_of[i] = NOWHERE;
    if (pmi_mapping_read(text, processes, node_of) == 0 && node_of[processes] != NOWHERE)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TEXT];

    if (size < 2 || size - 2 >= sizeof(text))
        return 0;
    memcpy(text, data + 2, size - 2);
    text[size - 2] = '\0';
    read_as_values(text);
    read_as_mapping(text, 1 + (data[0] | (uint32_t)data[1] << 8) % PROCESSES);
    return 0;
}
