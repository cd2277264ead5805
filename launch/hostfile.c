/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/hostfile.c: see hostfile.h.
 */
#include "launch/hostfile.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launch/nearest.h"
#include "launch/string_list.h"

enum { MAX_FILE = 16 << 20 };

/* Names reach a command line (ssh's): none may look like an option or hold what a shell would act on. */
static bool is_host_name(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length > HOST_MAX_NAME || name[0] == '-')
        return false;
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("._-@:%", *c) && !((unsigned char)*c & 0x80))
            return false;
    return true;
}

int hosts_add(struct hosts *hosts, const char *name, unsigned slots)
{
    if (!is_host_name(name))
        return -EINVAL;
    for (size_t i = 0; i < hosts->count; i++) {
        struct host *host = &hosts->list[i];

        if (strcmp(host->name, name) != 0)
            continue;
        if (host->slots + slots > HOST_MAX_SLOTS)
            return -E2BIG;
        host->slots += slots;
        return 0;
    }
    if (hosts->count == HOSTS_MAX || slots > HOST_MAX_SLOTS)
        return -E2BIG;

    /* Doubled at powers of two. */
    if ((hosts->count & (hosts->count - 1)) == 0) {
        size_t size = hosts->count ? 2 * hosts->count : 1;
        struct host *grown = realloc(hosts->list, size * sizeof(struct host));

        if (!grown)
            return -ENOMEM;
        hosts->list = grown;
    }
    hosts->list[hosts->count++] = (struct host){.name = text_copy(name), .slots = slots};
    return 0;
}

void hosts_clear(struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++)
        free(hosts->list[i].name);
    free(hosts->list);
    *hosts = (struct hosts){0};
}

/* A number of slots, whole and at least 1. */
static int parse_slots(const char *text, unsigned *slots)
{
    char *end;
    unsigned long value;

    if (!isdigit((unsigned char)*text))
        return -EINVAL;
    errno = 0;
    value = strtoul(text, &end, 10);
    if (*end || errno || value == 0 || value > HOST_MAX_SLOTS)
        return -EINVAL;
    *slots = (unsigned)value;
    return 0;
}

/* Cut `:N` off a name, and the brackets off an IPv6 address; one without brackets keeps its colons. */
static int cut_slots(char *name, unsigned *slots)
{
    char *colon = strrchr(name, ':'), *end;
    int result = 0;

    if (colon && (strchr(name, ':') == colon || colon[-1] == ']')) {
        *colon = '\0';
        if (strcmp(colon + 1, "*") == 0)
            *slots = 0;
        else
            result = parse_slots(colon + 1, slots);
    }
    end = name + strlen(name);
    if (name[0] == '[' && end[-1] == ']') {
        end[-1] = '\0';
        memmove(name, name + 1, strlen(name));
    }
    return result;
}

int hosts_parse_list(struct hosts *hosts, const char *text, char *error, size_t size)
{
    char *copy = text_copy(text), *place = NULL;
    int result = 0;

    for (char *item = strtok_r(copy, ",", &place); item && result == 0;
         item = strtok_r(NULL, ",", &place)) {
        unsigned slots = 1;

        result = cut_slots(item, &slots);
        if (result == 0)
            result = hosts_add(hosts, item, slots);
        if (result < 0)
            snprintf(error, size, "'%.100s' is not a host (HOST or HOST:SLOTS)", item);
    }
    free(copy);
    if (result == 0 && hosts->count == 0) {
        snprintf(error, size, "'%.100s' names no host", text);
        result = -EINVAL;
    }
    return result < 0 ? -EINVAL : 0;
}

/* `key=value` behind a name. */
static int parse_word(const char *word, unsigned *slots, char *error, size_t size)
{
    static const char *const keys[] = {"slots", "cpus", "count", "max_slots", "max-slots"};
    size_t length = strcspn(word, "=");
    char key[32];
    unsigned value;

    snprintf(key, sizeof(key), "%.*s", (int)length, word);
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        if (strcmp(key, keys[i]) != 0)
            continue;
        if (word[length] != '=' || parse_slots(word + length + 1, &value) < 0) {
            snprintf(error, size, "'%.100s' does not say how many slots", word);
            return -EINVAL;
        }
        /* max_slots is a limit that Open MPI refuses to pass; nothing is refused here. */
        if (i < 3)
            *slots = value;
        return 0;
    }

    const char *meant = nearest(key, keys, sizeof(keys) / sizeof(*keys), sizeof(*keys));

    snprintf(error, size, "'%.100s' has no meaning in a hostfile%s%s%s", word,
             meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
    return -EINVAL;
}

int hosts_parse_file(struct hosts *hosts, char *text, char *error, size_t size)
{
    unsigned number = 0;
    size_t before = hosts->count;

    for (char *line = text, *next; line; line = next) {
        char message[256] = "that is not a host name", *place = NULL, *name, *word;
        unsigned slots = 0;
        int result;

        number++;
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        line[strcspn(line, "#")] = '\0';
        name = strtok_r(line, " \t\r\f\v", &place);
        if (!name)
            continue;
        result = cut_slots(name, &slots);
        while (result == 0 && (word = strtok_r(NULL, " \t\r\f\v", &place)))
            result = parse_word(word, &slots, message, sizeof(message));
        if (result == 0)
            result = hosts_add(hosts, name, slots);
        if (result < 0) {
            snprintf(error, size, "line %u: %s", number, message);
            return -EINVAL;
        }
    }
    if (hosts->count == before) {
        snprintf(error, size, "it names no host");
        return -EINVAL;
    }
    return 0;
}

int hosts_read_file(struct hosts *hosts, const char *path, char *error, size_t size)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *text = NULL;
    size_t length = 0, room = 0;

    if (!file) {
        snprintf(error, size, "%s", strerror(errno));
        return -errno;
    }
    for (;;) {
        if (length + 1 >= room) {
            room = room ? 2 * room : 4096;

            char *grown = room > MAX_FILE ? NULL : realloc(text, room);

            if (!grown) {
                snprintf(error, size, "it is too large");
                break;
            }
            text = grown;
        }

        size_t count = fread(text + length, 1, room - length - 1, file);

        length += count;
        if (count == 0)
            break;
    }

    int result = -EINVAL;

    if (ferror(file)) {
        snprintf(error, size, "%s", strerror(EIO));
    } else if (room <= MAX_FILE && text) {
        text[length] = '\0';
        if (strlen(text) != length)
            snprintf(error, size, "it is not a text file");
        else
            result = hosts_parse_file(hosts, text, error, size);
    }
    if (file != stdin)
        fclose(file);
    free(text);
    return result;
}
