/* SPDX-License-Identifier: BSD-2-Clause */
/* From names to inodes. */
#include "guest/linux/file.h"

#define LINKS_MAX 40 /* as Linux */

struct walk {
    struct inode *directory;
    unsigned links;
};

static int walk_name(struct walk *walk, const char *name, bool follow, struct path *path);

/* Go where a symbolic link says. */
static int walk_link(struct walk *walk, struct inode *link, struct path *path)
{
    if (++walk->links > LINKS_MAX)
        return -ELOOP;
    if (!link->target) /* one that ran out of memory while it was made */
        return -ENOENT;
    return walk_name(walk, link->target, true, path);
}

static int walk_name(struct walk *walk, const char *name, bool follow, struct path *path)
{
    if (!*name)
        return -ENOENT;
    if (*name == '/')
        walk->directory = file_root;
    for (;;) {
        const char *end;
        size_t length;
        struct inode *inode;
        bool last;

        while (*name == '/')
            name++;
        for (end = name; *end && *end != '/'; end++)
            ;
        length = (size_t)(end - name);
        if (length > FILE_NAME_MAX)
            return -ENAMETOOLONG;
        if (!S_ISDIR(walk->directory->mode))
            return -ENOTDIR;
        if (length == 0 || (length == 1 && name[0] == '.')) {
            if (*end) {
                name = end;
                continue;
            }
            /* "/", "a/" (handled below) or ".": the directory itself has no name here. */
            *path = (struct path){.inode = walk->directory, .directory = true};
            return 0;
        }
        if (length == 2 && name[0] == '.' && name[1] == '.') {
            walk->directory = walk->directory->parent ? walk->directory->parent : file_root;
            name = end;
            if (!*end) {
                *path = (struct path){.inode = walk->directory, .directory = true};
                return 0;
            }
            continue;
        }

        const char *rest = end;

        while (*rest == '/')
            rest++;
        last = !*rest;
        inode = directory_find(walk->directory, name, length);
        if (!inode) {
            if (!last)
                return -ENOENT;
            *path = (struct path){walk->directory, name, length, *end == '/', NULL, NULL, NULL};
            return 0;
        }
        if (S_ISLNK(inode->mode) && (!last || follow || *end == '/')) {
            int error = walk_link(walk, inode, path);

            if (error)
                return error;
            if (last) {
                if (*end == '/' && path->inode && !S_ISDIR(path->inode->mode))
                    return -ENOTDIR;
                return 0;
            }
            inode = path->inode;
            if (!inode)
                return -ENOENT;
        }
        if (last) {
            if (*end == '/' && !S_ISDIR(inode->mode))
                return -ENOTDIR;
            *path = (struct path){walk->directory, name, length, *end == '/', inode, NULL, NULL};
            return 0;
        }
        if (!S_ISDIR(inode->mode))
            return -ENOTDIR;
        walk->directory = inode;
        name = end;
    }
}

int path_find(struct inode *start, const char *name, bool follow, struct path *path)
{
    struct walk walk = {.directory = start};

    return walk_name(&walk, name, follow, path);
}

struct inode *path_inode(const char *name)
{
    struct path path;

    return path_find(file_root, name, true, &path) ? NULL : path.inode;
}
