/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/pmi_values.c: see pmi_values.h.
 */
#include "am/pmi_values.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "control/control.h"

enum { VALUE_VERSION = 1 };

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hexadecimal digits up to '-' or the end; *text is behind it then. How many bytes, or -EPROTO. */
static int read_hex(const char **text, void *bytes, size_t size)
{
    unsigned char *to = bytes;
    size_t count = 0;

    while (**text && **text != '-') {
        int high = digit((*text)[0]), low = high < 0 ? -1 : digit((*text)[1]);

        if (low < 0 || count == size)
            return -EPROTO;
        to[count++] = (unsigned char)(high << 4 | low);
        *text += 2;
    }
    if (**text == '-')
        ++*text;
    return (int)count;
}

/* As read_hex, for what has one length only. */
static int read_whole(const char **text, void *bytes, size_t size)
{
    int length = read_hex(text, bytes, size);

    return length < 0 || (size_t)length != size ? -EPROTO : 0;
}

/* Behind the version, or NULL: it is not ours. */
static const char *read_version(const char *text)
{
    return text[0] == '0' + VALUE_VERSION && text[1] == '-' ? text + 2 : NULL;
}

void pmi_value_write(const struct pmi_value *value, char text[PMI_VALUE])
{
    char name[2 * PMI_NAME + 1], host[2 * sizeof(value->host) + 1], place[2 * PMI_PLACE + 1];

    control_write_bytes(name, value->name.bytes, value->name.length);
    control_write_bytes(host, value->host, strlen(value->host));
    control_write_bytes(place, value->place, strlen(value->place));
    snprintf(text, PMI_VALUE, "%d-%s-%s-%s", VALUE_VERSION, name, host, place);
}

int pmi_value_read(const char *text, struct pmi_value *value)
{
    const char *next = read_version(text);
    int length;

    memset(value, 0, sizeof(*value));
    length = next ? read_hex(&next, value->name.bytes, sizeof(value->name.bytes)) : -EPROTO;
    if (length <= 0 || read_hex(&next, value->host, sizeof(value->host) - 1) < 0 ||
        read_hex(&next, value->place, sizeof(value->place) - 1) < 0)
        return -EPROTO;
    value->name.length = (size_t)length;
    return 0;
}

void pmi_secret_write(const struct pmi_secret *secret, char text[PMI_VALUE])
{
    char job[2 * sizeof(secret->job) + 1], key[2 * sizeof(secret->key) + 1];

    control_write_bytes(job, secret->job, sizeof(secret->job));
    control_write_bytes(key, secret->key, sizeof(secret->key));
    snprintf(text, PMI_VALUE, "%d-%s-%s", VALUE_VERSION, job, key);
    explicit_bzero(key, sizeof(key));
}

int pmi_secret_read(const char *text, struct pmi_secret *secret)
{
    const char *next = read_version(text);

    return next && read_whole(&next, secret->job, sizeof(secret->job)) == 0
               ? read_whole(&next, secret->key, sizeof(secret->key))
               : -EPROTO;
}

void pmi_port_write(const struct pmi_port *port, char text[PMI_VALUE])
{
    char mac[2 * sizeof(port->mac) + 1];

    control_write_bytes(mac, port->mac, sizeof(port->mac));
    snprintf(text, PMI_VALUE, "%d-%s-%04x-%04x", VALUE_VERSION, mac, port->mtu, port->ethertype);
}

int pmi_port_read(const char *text, struct pmi_port *port)
{
    const char *next = read_version(text);
    uint8_t mtu[2], ethertype[2];

    if (!next || read_whole(&next, port->mac, sizeof(port->mac)) < 0 ||
        read_whole(&next, mtu, sizeof(mtu)) < 0 ||
        read_whole(&next, ethertype, sizeof(ethertype)) < 0)
        return -EPROTO;
    port->mtu = (uint16_t)(mtu[0] << 8 | mtu[1]);
    port->ethertype = (uint16_t)(ethertype[0] << 8 | ethertype[1]);
    return 0;
}

/* ---- the mapping -------------------------------------------------------------------------------- */

/* A number and the sign behind it. */
static bool read_number(const char **text, char behind, uint32_t *number)
{
    uint64_t value = 0;
    const char *next = *text;

    while (*next >= '0' && *next <= '9' && value <= UINT32_MAX)
        value = 10 * value + (uint64_t)(*next++ - '0');
    if (next == *text || value > UINT32_MAX || *next != behind)
        return false;
    *number = (uint32_t)value;
    *text = next + 1;
    return true;
}

int pmi_mapping_read(const char *text, uint32_t size, uint32_t *node_of)
{
    static const char head[] = "(vector,";
    uint32_t process = 0;

    if (strncmp(text, head, sizeof(head) - 1) != 0)
        return -EPROTO;
    while (process < size) {
        const char *next = text + sizeof(head) - 1;
        uint32_t before = process, first, nodes, ranks;

        while (*next == '(') {
            next++;
            if (!read_number(&next, ',', &first) || !read_number(&next, ',', &nodes) ||
                !read_number(&next, ')', &ranks))
                return -EPROTO;
            for (uint32_t i = 0; i < nodes && process < size && ranks > 0; i++)
                for (uint32_t j = 0; j < ranks && process < size; j++)
                    node_of[process++] = first + i;
            if (*next == ',')
                next++;
        }
        if (process == before || strcmp(next, ")") != 0)
            return -EPROTO;
    }
    return 0;
}
