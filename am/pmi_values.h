/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/pmi_values.h: what ranks under a foreign launcher put into its key-value space, and what that puts there itself.
 *
 *   caravan-RANK        version, name of its socket, host, where it runs (boot, network namespace, user)
 *   caravan-job         the job's number and key
 *   caravan-port-RANK   version, and its interface: address, largest frame, ether type
 *   PMI_process_mapping which rank is on which node
 *
 * Bytes are in hexadecimal, parts are divided by '-'. The launcher may hand out anything: what is not as it is here is -EPROTO.
 */
#ifndef CARAVAN_PMI_VALUES_H
#define CARAVAN_PMI_VALUES_H

#include <stddef.h>
#include <stdint.h>

enum {
    PMI_NAME = 32,   /* of an abstract socket that the kernel named: a NUL and five digits */
    PMI_PLACE = 128, /* bytes that tell where a rank runs */
    PMI_VALUE = 512,
};

struct pmi_name {
    unsigned char bytes[PMI_NAME];
    size_t length; /* 0: not on this node */
};

struct pmi_value {
    struct pmi_name name;
    char host[64];
    char place[PMI_PLACE];
};

struct pmi_secret {
    uint8_t job[4];
    uint8_t key[16];
};

struct pmi_port {
    uint8_t mac[6];
    uint16_t mtu;
    uint16_t ethertype;
};

void pmi_value_write(const struct pmi_value *value, char text[PMI_VALUE]);
int pmi_value_read(const char *text, struct pmi_value *value);

void pmi_secret_write(const struct pmi_secret *secret, char text[PMI_VALUE]);
int pmi_secret_read(const char *text, struct pmi_secret *secret);

void pmi_port_write(const struct pmi_port *port, char text[PMI_VALUE]);
int pmi_port_read(const char *text, struct pmi_port *port);

/* `(vector,(0,2,4),(2,1,3))`: of blocks (first node, nodes, ranks on each), again and again until each of `size` ranks has its
 * node, by the launcher's numbers. */
int pmi_mapping_read(const char *text, uint32_t size, uint32_t *node_of);

#endif
