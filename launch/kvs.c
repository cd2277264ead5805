/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/kvs.c: see kvs.h.
 */
#include "launch/kvs.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Where `key` is, or would go. FNV-1a; the table is never full. */
static struct kvs_pair **find(struct kvs_pair **table, size_t size, const char *key)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (const char *c = key; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;

    size_t at = hash & (size - 1);

    while (table[at] && strcmp(table[at]->key, key) != 0)
        at = (at + 1) & (size - 1);
    return &table[at];
}

static int grow(struct kvs *kvs)
{
    size_t size = kvs->size ? 2 * kvs->size : 64;
    struct kvs_pair **table = calloc(size, sizeof(struct kvs_pair *));

    if (!table)
        return -ENOMEM;
    for (size_t i = 0; i < kvs->size; i++)
        if (kvs->table[i])
            *find(table, size, kvs->table[i]->key) = kvs->table[i];
    free(kvs->table);
    kvs->table = table;
    kvs->size = size;
    return 0;
}

int kvs_put(struct kvs *kvs, const char *key, const char *value, bool told)
{
    size_t key_size = strlen(key) + 1, value_size = strlen(value) + 1;

    if (key_size > KVS_MAX_KEY || value_size > KVS_MAX_VALUE)
        return -EMSGSIZE;
    if (kvs->count >= KVS_MAX_PAIRS)
        return -ENOMEM;
    if (2 * (kvs->count + 1) > kvs->size && grow(kvs) < 0)
        return -ENOMEM;

    struct kvs_pair **at = find(kvs->table, kvs->size, key);

    if (*at)
        return -EEXIST;

    struct kvs_pair *pair = malloc(sizeof(*pair) + key_size + value_size);

    if (!pair)
        return -ENOMEM;
    pair->key = (char *)(pair + 1);
    pair->value = pair->key + key_size;
    pair->told = told;
    memcpy(pair->key, key, key_size);
    memcpy(pair->value, value, value_size);
    *at = pair;
    kvs->count++;
    return 0;
}

const char *kvs_get(const struct kvs *kvs, const char *key)
{
    struct kvs_pair *pair = kvs->size ? *find(kvs->table, kvs->size, key) : NULL;

    return pair ? pair->value : NULL;
}

const struct kvs_pair *kvs_next_untold(struct kvs *kvs, size_t *place)
{
    while (*place < kvs->size) {
        struct kvs_pair *pair = kvs->table[(*place)++];

        if (pair && !pair->told) {
            pair->told = true;
            return pair;
        }
    }
    return NULL;
}

void kvs_clear(struct kvs *kvs)
{
    for (size_t i = 0; i < kvs->size; i++)
        free(kvs->table[i]);
    free(kvs->table);
    *kvs = (struct kvs){0};
}
