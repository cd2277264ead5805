/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/closure.c: see closure.h. Objects are visited in the order in which the dynamic linker would load them, breadth
 * first, since a library that is there already, by its name or its SONAME, is not searched for again.
 */
#include "launch/closure.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch/elf_file.h"

enum {
    MAX_OBJECTS = 4096,
    MAX_CACHE = 64 << 20,
};

#define MAX_FILE (UINT32_C(2) << 30) /* what one member of an initrd may hold */

struct object {
    char *path;   /* absolute, as it was found */
    char *origin; /* $ORIGIN */
    struct strings names;
    struct elf_file elf;
    struct object *loader;
    struct object *next;
};

struct finder {
    const struct closure_search *search;
    struct object *objects, **end;
    unsigned count;
    char *cache;
    size_t cache_size;
    char *error;
    size_t error_size;
};

/* A whole file; NULL and errno. */
static char *read_file(const char *path, size_t most, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    char *bytes = NULL;
    size_t got = 0;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) < 0 || (uint64_t)status.st_size > most || !S_ISREG(status.st_mode)) {
        close(fd);
        errno = S_ISDIR(status.st_mode) ? EISDIR : EFBIG;
        return NULL;
    }
    bytes = malloc((size_t)status.st_size + 1);
    while (bytes && got < (size_t)status.st_size) {
        ssize_t part = read(fd, bytes + got, (size_t)status.st_size - got);

        if (part <= 0)
            break;
        got += (size_t)part;
    }
    close(fd);
    *size = got;
    return bytes;
}

static char *absolute(const char *directory, const char *name)
{
    return *name == '/' ? text_copy(name) : text_format("%s/%s", directory, name);
}

char *closure_find_program(const char *name, const char *path, const char *directory, int *error)
{
    struct stat status;

    *error = -ENOENT;
    if (!path)
        path = "/usr/local/bin:/usr/bin:/bin";
    for (bool last = false; !last;) {
        size_t length = strcspn(path, ":");
        char *place, *file;

        last = *path == '\0' || strchr(name, '/');
        place = last || length == 0 ? text_copy("") : text_format("%.*s/", (int)length, path);
        if (last)
            file = absolute(directory, name);
        else
            file = *place == '/' ? text_format("%s%s", place, name)
                                 : text_format("%s/%s%s", directory, place, name);
        free(place);
        if (stat(file, &status) == 0 && S_ISREG(status.st_mode)) {
            if (access(file, X_OK) == 0) {
                *error = 0;
                return file;
            }
            *error = -EACCES;
        } else if (last && stat(file, &status) == 0) {
            *error = -EACCES; /* a directory, say: what execve says of it */
        }
        free(file);
        path += length;
        if (*path == ':')
            path++;
    }
    return NULL;
}

/* ---- where to look ---------------------------------------------------------------------------- */

/* The names that ld.so(8) calls dynamic string tokens: $ORIGIN or ${ORIGIN}. */
static char *expand(const char *text, size_t length, const char *origin)
{
    static const char *const tokens[] = {"ORIGIN", "LIB", "PLATFORM"};
    const char *const values[] = {origin, "lib/x86_64-linux-gnu", "x86_64"};
    char *expanded = text_copy("");

    for (size_t i = 0; i < length;) {
        const char *value = NULL;
        size_t taken = 1;

        for (size_t t = 0; text[i] == '$' && t < 3 && !value; t++) {
            size_t name = strlen(tokens[t]);
            bool braces = i + 1 < length && text[i + 1] == '{';
            size_t whole = 1 + name + (braces ? 2 : 0);

            if (i + whole > length || strncmp(text + i + 1 + braces, tokens[t], name) != 0 ||
                (braces && text[i + whole - 1] != '}'))
                continue;
            value = values[t];
            taken = whole;
        }

        char *longer = value ? text_format("%s%s", expanded, value)
                             : text_format("%s%c", expanded, text[i]);

        free(expanded);
        expanded = longer;
        i += taken;
    }
    return expanded;
}

static bool known(const struct finder *finder, const char *path)
{
    for (const struct object *object = finder->objects; object; object = object->next)
        if (strcmp(object->path, path) == 0)
            return true;
    return false;
}

/* Take the file at `path` (which becomes ours) as what `name` means. 1; 0 when there is none, or one of another machine; or an
 * error that ends the search. */
static int take(struct finder *finder, char *path, const char *name, struct object *loader,
                bool must)
{
    size_t size;
    char reason[256];
    char *bytes = read_file(path, MAX_FILE, &size);
    struct object *object;
    enum elf_kind kind;
    int result = 0;

    if (!bytes) {
        if (must) {
            result = errno ? -errno : -ENOMEM;
            snprintf(finder->error, finder->error_size, "%s: %s", path, strerror(-result));
        }
        free(path);
        return result;
    }
    if (finder->count == MAX_OBJECTS) {
        snprintf(finder->error, finder->error_size, "%s: more than %d libraries", path,
                 MAX_OBJECTS);
        free(path);
        free(bytes);
        return -E2BIG;
    }
    object = memory_zeroed(1, sizeof(*object));
    kind = elf_read(bytes, size, &object->elf, reason, sizeof(reason));
    free(bytes);
    if (kind != ELF_OK) {
        if (must || kind != ELF_FOREIGN) {
            snprintf(finder->error, finder->error_size, "%s %s%s%s", path, reason,
                     loader ? "; needed by " : "", loader ? loader->path : "");
            result = -ENOEXEC;
        }
        elf_clear(&object->elf);
        free(object);
        free(path);
        return result;
    }
    object->path = path;
    object->origin = text_format("%.*s", (int)(strrchr(path, '/') - path), path);
    object->loader = loader;
    strings_add(&object->names, name);
    if (object->elf.soname)
        strings_add(&object->names, object->elf.soname);
    *finder->end = object;
    finder->end = &object->next;
    finder->count++;
    return 1;
}

/* One directory, which becomes ours. */
static int look_in(struct finder *finder, char *directory, const char *name, struct object *loader)
{
    char *place = *directory == '/' || *directory == '\0'
                      ? directory
                      : text_format("%s/%s", finder->search->directory, directory);
    size_t length = strlen(place);

    while (length > 0 && place[length - 1] == '/')
        length--;

    char *path = text_format("%.*s/%s", (int)length, place, name);

    if (place != directory)
        free(place);
    free(directory);
    return take(finder, path, name, loader, false);
}

/* A list of directories as in a RPATH, or with ';' as well in LD_LIBRARY_PATH; an empty one is the working directory. */
static int look_in_list(struct finder *finder, const char *list, const char *separators,
                        const char *origin, const char *name, struct object *loader)
{
    for (;;) {
        size_t length = strcspn(list, separators);
        char *directory = expand(list, length, origin);

        if (*directory == '\0') {
            free(directory);
            directory = text_copy(finder->search->directory);
        }

        int result = look_in(finder, directory, name, loader);

        if (result != 0 || list[length] == '\0')
            return result;
        list += length + 1;
    }
}

/* glibc's cache, as elf/dl-cache.h and sysdeps/generic/dl-cache.h have it: offsets count from its beginning. */
struct cache_header {
    char magic[20]; /* glibc-ld.so.cache1.1 */
    uint32_t libraries, strings_size;
    uint8_t flags, zero[3];
    uint32_t extensions, unused[3];
};

struct cache_entry {
    int32_t flags;
    uint32_t name, path; /* offsets */
    uint32_t os_version;
    uint64_t hwcap; /* 0: for every processor */
};

static const char *cache_string(const struct finder *finder, uint32_t offset)
{
    if (offset >= finder->cache_size ||
        !memchr(finder->cache + offset, '\0', finder->cache_size - offset))
        return NULL;
    return finder->cache + offset;
}

static int look_in_cache(struct finder *finder, const char *name, struct object *loader)
{
    const int32_t elf_x86_64 = 0x0303; /* FLAG_ELF_LIBC6 | FLAG_X8664_LIB64 */
    struct cache_header header;

    if (!finder->cache || finder->cache_size < sizeof(header))
        return 0;
    memcpy(&header, finder->cache, sizeof(header));
    if (memcmp(header.magic, "glibc-ld.so.cache1.1", sizeof(header.magic)) != 0)
        return 0;
    for (uint32_t i = 0; i < header.libraries; i++) {
        struct cache_entry entry;
        size_t at = sizeof(header) + (size_t)i * sizeof(entry);
        const char *key, *path;

        if (at + sizeof(entry) > finder->cache_size)
            break;
        memcpy(&entry, finder->cache + at, sizeof(entry));
        key = cache_string(finder, entry.name);
        path = cache_string(finder, entry.path);
        if (entry.flags != elf_x86_64 || entry.hwcap != 0 || !key || !path || *path != '/' ||
            strcmp(key, name) != 0)
            continue;

        int result = take(finder, text_copy(path), name, loader, false);

        if (result != 0)
            return result;
    }
    return 0;
}

/* ---- the search ------------------------------------------------------------------------------- */

static bool has_name(const struct finder *finder, const char *name)
{
    for (const struct object *object = finder->objects; object; object = object->next)
        if (strings_contain(&object->names, name))
            return true;
    return false;
}

static int look_in_rpaths(struct finder *finder, const char *name, struct object *loader)
{
    int result = 0;

    /* The program's own comes last, and is at the end of the chain anyway. */
    for (struct object *object = loader; object && result == 0; object = object->loader)
        if (object->elf.rpath)
            result = look_in_list(finder, object->elf.rpath, ":", object->origin, name, loader);
    return result;
}

static int find_library(struct finder *finder, const char *written, struct object *loader)
{
    static const char *const defaults[] = {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
                                           "/lib", "/usr/lib"};
    const struct closure_search *search = finder->search;
    char *name = expand(written, strlen(written), loader->origin);
    int result = 0;

    if (has_name(finder, name)) {
        free(name);
        return 0;
    }
    if (strchr(name, '/')) {
        char *path = absolute(search->directory, name);

        result = known(finder, path) ? (free(path), 1) : take(finder, path, name, loader, true);
        free(name);
        return result < 0 ? result : 0;
    }
    if (!loader->elf.runpath)
        result = look_in_rpaths(finder, name, loader);
    if (result == 0 && search->library_path && *search->library_path)
        result = look_in_list(finder, search->library_path, ":;", finder->objects->origin, name,
                              loader);
    if (result == 0 && loader->elf.runpath)
        result = look_in_list(finder, loader->elf.runpath, ":", loader->origin, name, loader);
    if (result == 0 && !loader->elf.no_default)
        result = look_in_cache(finder, name, loader);
    for (size_t i = 0; result == 0 && !loader->elf.no_default && i < 4; i++)
        result = look_in(finder, text_copy(defaults[i]), name, loader);
    if (result == 0) {
        snprintf(finder->error, finder->error_size,
                 "%s needs the library %s, which is nowhere to be found%s", loader->path, name,
                 search->library_path && *search->library_path ? " (LD_LIBRARY_PATH was looked at)"
                                                               : " (there is no LD_LIBRARY_PATH)");
        result = -ENOENT;
    }
    free(name);
    return result < 0 ? result : 0;
}

static int find_preloads(struct finder *finder)
{
    const char *list = finder->search->preload;
    int result = 0;

    for (; list && *list && result == 0; list += strcspn(list, " :"), list += *list != '\0') {
        size_t length = strcspn(list, " :");
        char *name = text_format("%.*s", (int)length, list);

        /* One that is missing is no error to the dynamic linker either: it says so, and goes on. */
        if (length > 0 && find_library(finder, name, finder->objects) == -ENOEXEC)
            result = -ENOEXEC;
        free(name);
    }
    return result;
}

static int find_all(struct finder *finder, const char *program)
{
    char *real = realpath(program, NULL);
    int result;

    if (!real) {
        result = -errno;
        snprintf(finder->error, finder->error_size, "%s: %s", program, strerror(errno));
        return result;
    }
    result = take(finder, real, program, NULL, true);
    if (result < 0)
        return result;

    struct object *first = finder->objects;

    if (!first->elf.interpreter) {
        if (first->elf.needed.count == 0)
            return 0; /* a static program */
        snprintf(finder->error, finder->error_size, "%s is a library and not a program",
                 first->path);
        return -ENOEXEC;
    }
    /* Found by its path here, and by its SONAME when a library needs it. */
    result = take(finder, text_copy(first->elf.interpreter), first->elf.interpreter, first, true);
    if (result == 1)
        result = find_preloads(finder);
    for (struct object *object = first; object && result >= 0; object = object->next)
        for (size_t i = 0; i < object->elf.needed.count && result >= 0; i++)
            result = find_library(finder, object->elf.needed.list[i], object);
    return result < 0 ? result : 0;
}

int closure_find(const char *program, const struct closure_search *search, struct strings *files,
                 char *error, size_t size)
{
    struct finder finder = {.search = search, .error = error, .error_size = size};
    int result;

    finder.end = &finder.objects;
    finder.cache = read_file(search->cache ? search->cache : "/etc/ld.so.cache", MAX_CACHE,
                             &finder.cache_size);
    result = find_all(&finder, program);
    while (finder.objects) {
        struct object *object = finder.objects;

        finder.objects = object->next;
        if (result == 0)
            strings_add(files, object->path);
        free(object->path);
        free(object->origin);
        strings_clear(&object->names);
        elf_clear(&object->elf);
        free(object);
    }
    free(finder.cache);
    return result;
}
