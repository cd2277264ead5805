/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/info.h: info objects: an ordered list of key and value.
 */
#ifndef CORE_INFO_H
#define CORE_INFO_H

#include <stdbool.h>
#include <stdint.h>

enum { INFO_MAGIC = 0x494e464f };

struct info {
    uint32_t magic;
    bool predefined;
    int count;
    struct info_entry *first;
};

#endif
