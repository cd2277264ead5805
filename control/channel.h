/* SPDX-License-Identifier: BSD-2-Clause
 *
 * control/channel.h: the control channel between a guest kernel and its keeper in dom0 (docs/control-channel.md).
 *
 * A stream of frames each way over a vchan that the guest serves. All numbers are little-endian; both ends are x86-64. Neither
 * end trusts the other: a frame that is not as it is here ends the channel, and with it the domain. The guest kernel
 * includes this header: it needs nothing but the fixed-size types.
 */
#ifndef CARAVAN_CONTROL_CHANNEL_H
#define CARAVAN_CONTROL_CHANNEL_H

#include <stdint.h>

enum {
    CHANNEL_FRAME_VERSION = 1,
    CHANNEL_FRAME_MAX = 96 << 10, /* bytes of a payload */
    CHANNEL_WINDOW = 64 << 10, /* bytes of a stream that its reader has granted at the beginning */
    CHANNEL_START_MAX = 4 << 20,  /* bytes of what a program is started with */
    CHANNEL_FILE_DATA = 64 << 10, /* of one request, or of one answer */
    CHANNEL_PATH = 4096,          /* a path with its NUL */
};

/* Below the domain's own directory in xenstore, `/local/domain/ID/`: ring-ref and event-channel (xen/io/libxenvchan.h). */
#define CHANNEL_STORE_PATH "data/caravan"

struct channel_frame {
    uint32_t length; /* of the payload */
    uint16_t kind;
    uint16_t stream;
};

enum channel_frame_kind {
    FRAME_HELLO = 1, /* guest, first: u32 version */
    FRAME_START,     /* keeper: a part of a channel_start, in order; once only */
    FRAME_CONTROL,   /* both: bytes of the rank's control stream */
    FRAME_OUTPUT,    /* guest: bytes of `stream` 1 or 2; none: it is closed */
    FRAME_INPUT,     /* keeper: bytes of standard input; none: its end */
    FRAME_CREDIT, /* both: u32, so many more bytes may be sent of `stream` (0: input, 1 and 2: output) */
    FRAME_FILE,   /* guest: a channel_file; keeper: a channel_file_answer. One at a time */
    FRAME_SIGNAL, /* keeper: u32, for the program */
    FRAME_LOG,  /* guest: a line of the kernel's own, for standard error; uses credit of stream 2 */
    FRAME_EXIT, /* guest, last: u32, as waitpid gives it; `stream`: an exit_reason. The keeper destroys the domain then */
};

enum exit_reason {
    EXIT_BY_PROGRAM,
    EXIT_OUT_OF_MEMORY, /* the domain's memory did not suffice: the status is SIGKILL */
};

/* What the program is started with, in FRAME_STARTs: this, then NUL-terminated strings, `arguments` + `environment` + 2 of
 * them: the program's path, the directory it starts in, its arguments (argv[0] first), its environment. */
struct channel_start {
    uint32_t size; /* of all of it, this included */
    uint32_t arguments;
    uint32_t environment;
    uint32_t mask; /* umask */
    uint32_t user, group;
    uint32_t terminal; /* bit N: descriptor N is a terminal */
    uint32_t control;  /* the descriptor that the control stream is to have (PMI_FD) */
};

/* What a guest may ask for. Numbers, structures and flags are those of Linux on x86-64, whose system calls it serves. */
enum file_operation {
    FILE_OPEN = 1, /* path, flags, mode -> handle, struct stat */
    FILE_CLOSE,    /* handle */
    FILE_READ,     /* handle, length; offset, or -1: where the file is -> bytes */
    FILE_WRITE,    /* handle, data; offset, or -1. All of it, or an error */
    FILE_SEEK,     /* handle, offset, flags: SEEK_SET, ... -> offset */
    FILE_STAT,     /* path (or handle, without one), flags: AT_SYMLINK_NOFOLLOW -> struct stat */
    FILE_STATFS,   /* path or handle -> struct statfs */
    FILE_TRUNCATE, /* path or handle, offset: the new length */
    FILE_ALLOCATE, /* handle, flags, offset, length: fallocate */
    FILE_SYNC,     /* handle; flags 1: the data alone */
    FILE_LIST,     /* handle, length -> struct linux_dirent64 ...; no bytes: the end */
    FILE_LOCK, /* handle, flags: F_GETLK or F_SETLK, data: struct flock -> struct flock. F_SETLKW: -EAGAIN, ask again */
    FILE_FLOCK,  /* handle, flags: LOCK_SH, ... always as with LOCK_NB */
    FILE_ACCESS, /* path, mode */
    FILE_MODE,   /* path or handle, mode: chmod */
    FILE_OWNER, /* path or handle, flags: AT_SYMLINK_NOFOLLOW, mode: the user, length: the group: chown */
    FILE_TIMES,    /* path or handle, flags, data: two struct timespec */
    FILE_UNLINK,   /* path, flags: AT_REMOVEDIR */
    FILE_MKDIR,    /* path, mode */
    FILE_RENAME,   /* path, second, flags as renameat2 */
    FILE_LINK,     /* path, second, flags: AT_SYMLINK_FOLLOW */
    FILE_SYMLINK,  /* path: what it leads to; second: the link */
    FILE_READLINK, /* path, length -> bytes */
    FILE_OPERATIONS,
};

/* One request for a file: this, then `path_size` bytes of path, `second_size` of a second one (each with its NUL; 0: none),
 * `data_size` of data. */
struct channel_file {
    uint32_t operation; /* enum file_operation */
    uint32_t handle;
    uint32_t flags;
    uint32_t mode;
    int64_t offset;
    uint64_t length;
    uint32_t path_size, second_size;
    uint32_t data_size, zero;
};

/* Its answer: this, then bytes. */
struct channel_file_answer {
    int64_t result; /* or a negative errno */
};

#endif
