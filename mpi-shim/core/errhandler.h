/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/errhandler.h: error handlers. The face raises errors through them; the core only carries them.
 */
#ifndef CORE_ERRHANDLER_H
#define CORE_ERRHANDLER_H

#include <stdbool.h>
#include <stdint.h>

enum { ERRHANDLER_MAGIC = 0x45525248 };

enum errhandler_kind {
    ERRHANDLER_NULL,
    ERRHANDLER_FATAL,
    ERRHANDLER_RETURN,
    ERRHANDLER_USER,
};

struct errhandler {
    uint32_t magic;
    uint8_t kind;   /* of enum errhandler_kind */
    uint8_t object; /* what the user's function takes: enum object_kind */
    bool predefined;
    int references; /* under core_lock */
    void *function;
};

void errhandler_retain(struct errhandler *handler);
void errhandler_release(struct errhandler *handler);

#endif
