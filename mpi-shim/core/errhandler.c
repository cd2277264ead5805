/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/errhandler.c: the life of error handlers.
 */
#include <stdlib.h>
#include <string.h>

#include "mpi-shim/core/core.h"

void errhandler_predefine(struct errhandler *handler, enum errhandler_kind kind)
{
    memset(handler, 0, sizeof(*handler));
    handler->kind = kind;
    handler->predefined = true;
    handler->magic = ERRHANDLER_MAGIC;
}

int errhandler_create(enum object_kind object, void *function, struct errhandler **made)
{
    struct errhandler *handler = calloc(1, sizeof(*handler));

    if (!handler)
        return error_note(ERR_NO_MEM, "no memory for an error handler");
    handler->kind = ERRHANDLER_USER;
    handler->object = object;
    handler->references = 1;
    handler->function = function;
    handler->magic = ERRHANDLER_MAGIC;
    *made = handler;
    return 0;
}

void errhandler_retain(struct errhandler *handler)
{
    if (!handler->predefined)
        handler->references++;
}

void errhandler_release(struct errhandler *handler)
{
    if (handler->predefined || --handler->references > 0)
        return;
    handler->magic = FREED_MAGIC;
    free(handler);
}
