/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tests/launch/fake_xenstore.c: so much of libxenstore as launch/xenlib.c uses, over the directory that fake_xl keeps. A domain's
 * control/shutdown is the file shutdown-NUMBER there.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

void *xs_open(unsigned long flags);
void xs_close(void *store);
int xs_fileno(void *store);
bool xs_watch(void *store, const char *path, const char *token);
char **xs_check_watch(void *store);
void *xs_read(void *store, unsigned transaction, const char *path, unsigned *length);
char **xs_directory(void *store, unsigned transaction, const char *path, unsigned *count);
bool xs_write(void *store, unsigned transaction, const char *path, const void *value,
              unsigned length);
bool xs_is_domain_introduced(void *store, unsigned domain);

static int changes = -1;

void *xs_open(unsigned long flags)
{
    changes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    inotify_add_watch(changes, getenv("FAKE_XL"), IN_CREATE | IN_DELETE | IN_MOVED_TO);
    return &changes;
}

void xs_close(void *store)
{
    close(changes);
}

int xs_fileno(void *store)
{
    return changes;
}

bool xs_watch(void *store, const char *path, const char *token)
{
    return true;
}

char **xs_check_watch(void *store)
{
    char events[4096];

    while (read(changes, events, sizeof(events)) > 0)
        ;
    return NULL;
}

static void place_of(char place[256], const char *prefix, int domain)
{
    snprintf(place, 256, "%s/%s%d", getenv("FAKE_XL"), prefix, domain);
}

void *xs_read(void *store, unsigned transaction, const char *path, unsigned *length)
{
    char place[256], key[64], name[64] = "";
    int domain;
    FILE *file;

    if (sscanf(path, "/local/domain/%d/%63s", &domain, key) != 2)
        return NULL;
    bool named = strcmp(key, "name") == 0 || strcmp(key, "control/shutdown") == 0;

    place_of(place, !named ? "socket-" : *key == 'n' ? "name-" : "shutdown-", domain);
    if (!named)
        return access(place, F_OK) == 0 ? strdup("7") : NULL;
    file = fopen(place, "re");
    if (!file)
        return NULL;
    if (fscanf(file, "%63s", name) != 1)
        name[0] = '\0';
    fclose(file);
    return strdup(name);
}

bool xs_write(void *store, unsigned transaction, const char *path, const void *value,
              unsigned length)
{
    char place[256];
    int domain;
    FILE *file;

    if (sscanf(path, "/local/domain/%d/control/shutdown", &domain) != 1)
        return false;
    place_of(place, "shutdown-", domain);
    file = fopen(place, "we");
    if (!file)
        return false;
    fwrite(value, 1, length, file);
    return fclose(file) == 0;
}

char **xs_directory(void *store, unsigned transaction, const char *path, unsigned *count)
{
    char **list = calloc(1, 64 * (sizeof(char *) + 16)), *text = (char *)(list + 64);
    DIR *directory = opendir(getenv("FAKE_XL"));
    struct dirent *entry;

    *count = 0;
    while (directory && (entry = readdir(directory)) && *count < 64)
        if (strspn(entry->d_name, "0123456789") == strlen(entry->d_name)) {
            list[*count] = text + 16 * *count;
            snprintf(list[(*count)++], 16, "%.15s", entry->d_name);
        }
    closedir(directory);
    return list;
}

bool xs_is_domain_introduced(void *store, unsigned domain)
{
    char place[256];

    place_of(place, "", (int)domain);
    return access(place, F_OK) == 0;
}
