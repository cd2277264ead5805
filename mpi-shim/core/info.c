/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/info.c: info objects.
 */
#include <stdlib.h>
#include <string.h>

#include "mpi-shim/core/core.h"

/* The link that leads to `key`, or the last one. */
static struct info_entry **find(struct info *info, const char *key)
{
    struct info_entry **link = &info->first;

    while (*link && strcmp((*link)->key, key) != 0)
        link = &(*link)->next;
    return link;
}

int info_create(const struct info *from, struct info **made)
{
    struct info *info = calloc(1, sizeof(*info));
    int error = 0;

    if (!info)
        return error_note(ERR_NO_MEM, "no memory for an info object");
    info->magic = INFO_MAGIC;
    for (struct info_entry *entry = from ? from->first : NULL; entry && !error; entry = entry->next)
        error = info_set(info, entry->key, entry->value);
    if (error) {
        info_free(info);
        return error;
    }
    *made = info;
    return 0;
}

void info_free(struct info *info)
{
    struct info_entry *next;

    for (struct info_entry *entry = info->first; entry; entry = next) {
        next = entry->next;
        free(entry);
    }
    info->magic = FREED_MAGIC;
    free(info);
}

int info_set(struct info *info, const char *key, const char *value)
{
    struct info_entry **link = find(info, key);

    if (!*link) {
        *link = calloc(1, sizeof(**link));
        if (!*link)
            return error_note(ERR_NO_MEM, "no memory for an info entry");
        strcpy((*link)->key, key);
        info->count++;
    }
    strcpy((*link)->value, value);
    return 0;
}

int info_delete(struct info *info, const char *key)
{
    struct info_entry **link = find(info, key);
    struct info_entry *entry = *link;

    if (!entry)
        return error_note(ERR_INFO_NOKEY, "the info object has no key \"%s\"", key);
    *link = entry->next;
    free(entry);
    info->count--;
    return 0;
}

const char *info_get(const struct info *info, const char *key)
{
    struct info_entry *entry = *find((struct info *)info, key);

    return entry ? entry->value : NULL;
}

const char *info_key(const struct info *info, int n)
{
    struct info_entry *entry = info->first;

    while (entry && n-- > 0)
        entry = entry->next;
    return entry ? entry->key : NULL;
}
