/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/errhandler.h: error handlers. The face raises errors through them; the core only carries them.
 */
#ifndef CORE_ERRHANDLER_H
#define CORE_ERRHANDLER_H

#include <stdbool.h>
#include <stdint.h>

#include "mpi-shim/core/attribute.h"

enum { ERRHANDLER_MAGIC = 0x45525248 };

enum errhandler_kind {
    ERRHANDLER_NULL,
    ERRHANDLER_FATAL,
    ERRHANDLER_RETURN,
    ERRHANDLER_USER,
    ERRHANDLER_CXX, /* of C++'s bindings: called as the face knows */
};

struct errhandler {
    uint32_t magic;
    uint8_t kind;   /* of enum errhandler_kind */
    uint8_t object; /* what the user's function takes: enum object_kind */
    bool predefined;
    int references; /* under core_lock */
    void *function;
};

/* Fill in a predefined handler; make one of the program's, with one reference (0 or ERR_NO_MEM). */
void errhandler_predefine(struct errhandler *handler, enum errhandler_kind kind);
int errhandler_create(enum object_kind object, void *function, struct errhandler **made);

void errhandler_retain(struct errhandler *handler);
void errhandler_release(struct errhandler *handler);

#endif
