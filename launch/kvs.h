/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/kvs.h: the key-value space of PMI, as one node sees it.
 */
#ifndef CARAVAN_KVS_H
#define CARAVAN_KVS_H

#include <stdbool.h>
#include <stddef.h>

enum {
    KVS_MAX_NAME = 64,
    KVS_MAX_KEY = 256,
    KVS_MAX_VALUE = 1024,
    KVS_MAX_PAIRS = 1 << 20,
};

struct kvs_pair {
    char *key;
    char *value;
    bool told; /* to mpirun, or by it */
};

struct kvs {
    struct kvs_pair **table; /* open addressing; `size` is a power of two or 0 */
    size_t size;
    size_t count;
};

/* 0; -EEXIST: the key has a value; -EMSGSIZE; -ENOMEM. */
int kvs_put(struct kvs *kvs, const char *key, const char *value, bool told);
/* NULL: no such key. */
const char *kvs_get(const struct kvs *kvs, const char *key);
/* The pairs that mpirun has not been told, one a call, and marks them told. NULL: no more. `*place` starts at 0. */
const struct kvs_pair *kvs_next_untold(struct kvs *kvs, size_t *place);
void kvs_clear(struct kvs *kvs);

#endif
