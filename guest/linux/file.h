/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/linux/file.h: the tree of files in memory, open files and descriptors.
 *
 * An inode is a regular file (pages), a directory (entries), a symbolic link (text), or the face of
 * a device or of generated text. Counts keep it: one for each directory entry (links), one for each
 * open file or other holder (holders); it goes when both are 0, so a file can be unlinked while open.
 */
#ifndef GUEST_LINUX_FILE_H
#define GUEST_LINUX_FILE_H

#include "guest/kernel.h"
#include "guest/mm/tree.h"

#include <asm/fcntl.h>
#include <linux/stat.h>
#include <linux/time.h>
#include <xen/xen.h>
#include <xen/event_channel.h>

#define FILE_PATH_MAX 4096
#define FILE_NAME_MAX 255
#define FILE_COUNT    1024 /* descriptors */

struct area;
struct file;
struct inode;

/* What a kind of open file does. Missing operations fail as Linux's do (EINVAL, ENOTTY, ...). `bytes` is user
 * memory below USER_TOP, or the kernel's own. */
struct file_ops {
    int (*open)(struct file *file);
    void (*release)(struct file *file);
    ssize_t (*read)(struct file *file, void *bytes, size_t count, uint64_t offset);
    ssize_t (*write)(struct file *file, const void *bytes, size_t count, uint64_t offset);
    long (*ioctl)(struct file *file, unsigned command, void *argument);
    int (*mmap)(struct file *file, struct area *area);
    void (*unmap)(struct file *file, struct area *area);
    /* What lseek, ftruncate and so on do where it is not what the tree's files do. Pointers are the kernel's but for
     * `records`. */
    int64_t (*seek)(struct file *file, int64_t offset, int whence);
    long (*truncate)(struct file *file, uint64_t size);
    long (*allocate)(struct file *file, int mode, int64_t offset, int64_t length);
    long (*sync)(struct file *file, bool data_only);
    ssize_t (*list)(struct file *file, void *records, size_t size);
    long (*lock)(struct file *file, int command, struct flock *lock);
    long (*flock)(struct file *file, int operation);
    /* POLLIN and so on, at this moment. */
    unsigned (*poll)(struct file *file);
    /* The event channels whose events may change poll's answer: at most `room`; how many. */
    unsigned (*ports)(struct file *file, evtchn_port_t *ports, unsigned room);
    /* Not seekable: read and write have no position (ESPIPE for the others). */
    bool stream;
};

/* Text that is made when it is read (proc.c): written to `text`, at most `size` bytes; how many. */
typedef size_t file_text(char *text, size_t size);

struct entry {
    struct entry *next;
    struct inode *inode;
    uint32_t hash;
    uint16_t length;
    char name[];
};

struct inode {
    uint32_t mode;
    uint32_t links, holders;
    uint64_t number;
    uint64_t size;
    uint64_t device; /* st_rdev */
    uint32_t owner, group;
    uint64_t accessed, modified, changed; /* nanoseconds since 1970 */
    bool sealable;                        /* of memfd_create */
    unsigned seals;                       /* F_SEAL_ */
    const struct file_ops *ops;
    union {
        struct page_tree pages; /* S_IFREG */
        struct {                /* S_IFDIR */
            struct entry *entries;
            struct inode *parent;
        };
        char *target;    /* S_IFLNK */
        file_text *text; /* S_IFREG with ops == &file_text_ops */
    };
};

struct file {
    unsigned holders;
    unsigned flags; /* O_ACCMODE, O_APPEND, O_NONBLOCK, ... */
    struct inode *inode;
    const struct file_ops *ops;
    uint64_t position;
    void *state; /* the operations' own */
    char *path;  /* as it was opened, absolute; for /proc/self */
};

/* files.c: inodes and directories. */
extern struct inode *file_root, *file_directory;
void file_tree_init(void);
struct inode *inode_create(uint32_t mode);
void inode_hold(struct inode *inode);
void inode_put(struct inode *inode);
struct inode *directory_find(struct inode *directory, const char *name, size_t length);
int directory_add(struct inode *directory, const char *name, size_t length, struct inode *inode);
void directory_remove(struct inode *directory, struct entry *entry);
struct entry *directory_entry(struct inode *directory, const char *name, size_t length);
/* The absolute path of a directory into `path`; the length without the NUL, or -ERANGE. */
int directory_path(struct inode *directory, char *path, size_t size);
/* Make directories as needed and a file at the end of an absolute path: how the kernel fills its tree. */
struct inode *file_make(const char *path, uint32_t mode);
int inode_truncate(struct inode *inode, uint64_t size);
ssize_t inode_read(struct inode *inode, void *bytes, size_t count, uint64_t offset);
extern const struct file_ops file_regular_ops, file_directory_ops, file_text_ops;

/* memfd.c: seals. Files that can have none have none. */
long seals_get(const struct file *file);
long seals_add(struct file *file, unsigned seals);
bool seals_allow_size(const struct inode *inode, uint64_t size);
bool seals_allow_write(const struct inode *inode);
/* A shared mapping with this protection. */
bool seals_allow_mapping(const struct file *file, unsigned prot);

/* path.c: names. */
struct path {
    struct inode *parent; /* the directory of the last component; NULL for "/" */
    const char *name;     /* that component, in the caller's string; not "." or ".." */
    size_t length;        /* of it */
    bool directory;       /* a '/' followed it */
    struct inode *inode;  /* what is there, or NULL */
    struct file *file;    /* it was found as this open file, without a name of its own */
    const char
        *host; /* not NULL: an absolute name, the host's (host.h), and nothing of the above */
};
/* Look up `name` from `start`. `follow`: a symbolic link at the end is followed. 0 also where only the last
 * component is missing; else a negative errno. Nothing is held. */
int path_find(struct inode *start, const char *name, bool follow, struct path *path);
/* The inode at an absolute path, or NULL. */
struct inode *path_inode(const char *name);

/* open.c: open files. */
struct file *file_open(struct inode *inode, unsigned flags, int *error);
void file_hold(struct file *file);
void file_put(struct file *file);
/* Where its end is. */
int64_t file_end(struct file *file);
/* The open file of a descriptor, or NULL. */
struct file *file_of(int descriptor);
/* The lowest free descriptor from `least`; takes over the caller's hold. -EMFILE. */
int descriptor_install(struct file *file, int least, bool close_on_exec);
/* Put a file there, closing what was. */
void descriptor_replace(int descriptor, struct file *file);
bool descriptor_closing(int descriptor);
void descriptor_set_closing(int descriptor, bool on);
/* Descriptors 0, 1 and 2: a file for input, the console for output. */
void descriptor_init(const char *standard_input);

/* cpio.c: fill the tree from an initrd ("newc"). */
void cpio_unpack(char *archive, size_t size);

/* proc.c: /proc, /sys and (where the host's are not there) /etc files that run-time libraries read. */
void proc_init(bool host_files);

/* dev/: the devices. */
void device_init(void);
extern const struct file_ops device_stream_ops;

uint64_t file_now(void);

#endif
