/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/error.c: error classes and codes, their texts, and the explanation that goes with an error.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mpi-shim/core/core.h"

enum { MAX_ERROR_STRING = 256 };

static const char *const texts[ERR_LASTCODE + 1] = {
    [0] = "MPI_SUCCESS: no errors",
    [ERR_BUFFER] = "MPI_ERR_BUFFER: invalid buffer pointer",
    [ERR_COUNT] = "MPI_ERR_COUNT: invalid count argument",
    [ERR_TYPE] = "MPI_ERR_TYPE: invalid datatype",
    [ERR_TAG] = "MPI_ERR_TAG: invalid tag",
    [ERR_COMM] = "MPI_ERR_COMM: invalid communicator",
    [ERR_RANK] = "MPI_ERR_RANK: invalid rank",
    [ERR_REQUEST] = "MPI_ERR_REQUEST: invalid request",
    [ERR_ROOT] = "MPI_ERR_ROOT: invalid root",
    [ERR_GROUP] = "MPI_ERR_GROUP: invalid group",
    [ERR_OP] = "MPI_ERR_OP: invalid reduce operation",
    [ERR_TOPOLOGY] = "MPI_ERR_TOPOLOGY: invalid communicator topology",
    [ERR_DIMS] = "MPI_ERR_DIMS: invalid topology dimension",
    [ERR_ARG] = "MPI_ERR_ARG: invalid argument of some other kind",
    [ERR_UNKNOWN] = "MPI_ERR_UNKNOWN: unknown error",
    [ERR_TRUNCATE] = "MPI_ERR_TRUNCATE: message truncated",
    [ERR_OTHER] = "MPI_ERR_OTHER: known error not in list",
    [ERR_INTERN] = "MPI_ERR_INTERN: internal error",
    [ERR_IN_STATUS] = "MPI_ERR_IN_STATUS: error code in status",
    [ERR_PENDING] = "MPI_ERR_PENDING: pending request",
    [ERR_ACCESS] = "MPI_ERR_ACCESS: invalid access mode",
    [ERR_AMODE] = "MPI_ERR_AMODE: invalid amode argument",
    [ERR_ASSERT] = "MPI_ERR_ASSERT: invalid assert argument",
    [ERR_BAD_FILE] = "MPI_ERR_BAD_FILE: bad file",
    [ERR_BASE] = "MPI_ERR_BASE: invalid base",
    [ERR_CONVERSION] = "MPI_ERR_CONVERSION: error in data conversion",
    [ERR_DISP] = "MPI_ERR_DISP: invalid displacement",
    [ERR_DUP_DATAREP] = "MPI_ERR_DUP_DATAREP: error duplicating data representation",
    [ERR_FILE_EXISTS] = "MPI_ERR_FILE_EXISTS: file exists already",
    [ERR_FILE_IN_USE] = "MPI_ERR_FILE_IN_USE: file already in use",
    [ERR_FILE] = "MPI_ERR_FILE: invalid file",
    [ERR_INFO_KEY] = "MPI_ERR_INFO_KEY: invalid key argument for info object",
    [ERR_INFO_NOKEY] = "MPI_ERR_INFO_NOKEY: unknown key for given info object",
    [ERR_INFO_VALUE] = "MPI_ERR_INFO_VALUE: invalid value argument for info object",
    [ERR_INFO] = "MPI_ERR_INFO: invalid info object",
    [ERR_IO] = "MPI_ERR_IO: input/output error",
    [ERR_KEYVAL] = "MPI_ERR_KEYVAL: invalid key value",
    [ERR_LOCKTYPE] = "MPI_ERR_LOCKTYPE: invalid lock",
    [ERR_NAME] = "MPI_ERR_NAME: invalid name argument",
    [ERR_NO_MEM] = "MPI_ERR_NO_MEM: out of memory",
    [ERR_NOT_SAME] = "MPI_ERR_NOT_SAME: objects are not identical",
    [ERR_NO_SPACE] = "MPI_ERR_NO_SPACE: no space left on device",
    [ERR_NO_SUCH_FILE] = "MPI_ERR_NO_SUCH_FILE: no such file or directory",
    [ERR_PORT] = "MPI_ERR_PORT: invalid port",
    [ERR_QUOTA] = "MPI_ERR_QUOTA: out of quota",
    [ERR_READ_ONLY] = "MPI_ERR_READ_ONLY: file is read only",
    [ERR_RMA_CONFLICT] = "MPI_ERR_RMA_CONFLICT: rma conflict during operation",
    [ERR_RMA_SYNC] = "MPI_ERR_RMA_SYNC: error executing rma sync",
    [ERR_SERVICE] = "MPI_ERR_SERVICE: unknown service name",
    [ERR_SIZE] = "MPI_ERR_SIZE: invalid size",
    [ERR_SPAWN] = "MPI_ERR_SPAWN: could not spawn processes",
    [ERR_UNSUPPORTED_DATAREP] = "MPI_ERR_UNSUPPORTED_DATAREP: data representation not supported",
    [ERR_UNSUPPORTED_OPERATION] = "MPI_ERR_UNSUPPORTED_OPERATION: operation not supported",
    [ERR_WIN] = "MPI_ERR_WIN: invalid window",
    [54] = "MPI_T_ERR_MEMORY: out of memory",
    [55] = "MPI_T_ERR_NOT_INITIALIZED: interface not initialized",
    [56] = "MPI_T_ERR_CANNOT_INIT: interface not in the state to be initialized",
    [57] = "MPI_T_ERR_INVALID_INDEX: index is invalid or has been deleted",
    [58] = "MPI_T_ERR_INVALID_ITEM: item index queried is out of range",
    [59] = "MPI_T_ERR_INVALID_HANDLE: handle is invalid",
    [60] = "MPI_T_ERR_OUT_OF_HANDLES: no more handles available",
    [61] = "MPI_T_ERR_OUT_OF_SESSIONS: no more sessions available",
    [62] = "MPI_T_ERR_INVALID_SESSION: session argument is not valid",
    [63] = "MPI_T_ERR_CVAR_SET_NOT_NOW: variable cannot be set at this moment",
    [64] = "MPI_T_ERR_CVAR_SET_NEVER: variable cannot be set until end of execution",
    [65] = "MPI_T_ERR_PVAR_NO_STARTSTOP: variable cannot be started or stopped",
    [66] = "MPI_T_ERR_PVAR_NO_WRITE: variable cannot be written or reset",
    [67] = "MPI_T_ERR_PVAR_NO_ATOMIC: variable cannot be read and written atomically",
    [ERR_RMA_RANGE] = "MPI_ERR_RMA_RANGE: invalid rma address range",
    [ERR_RMA_ATTACH] = "MPI_ERR_RMA_ATTACH: could not attach rma segment",
    [ERR_RMA_FLAVOR] = "MPI_ERR_RMA_FLAVOR: invalid type of window",
    [ERR_RMA_SHARED] = "MPI_ERR_RMA_SHARED: memory cannot be shared",
    [72] = "MPI_T_ERR_INVALID: invalid use of the interface or bad parameter value",
    [73] = "MPI_T_ERR_INVALID_NAME: the variable or category name is invalid",
};

/* The program's own classes and codes, from ERR_LASTCODE + 1 on; they are never removed. */
struct added {
    int class; /* its own number, for a class */
    char text[MAX_ERROR_STRING];
};

static struct added **added;
int error_last_used = ERR_LASTCODE;

static struct added *added_find(int code)
{
    return code > ERR_LASTCODE && code <= error_last_used ? added[code - ERR_LASTCODE - 1] : NULL;
}

const char *error_text(int code)
{
    const struct added *own = added_find(code);

    if (own)
        return own->text;
    return code >= 0 && code <= ERR_LASTCODE ? texts[code] : NULL;
}

int error_class(int code)
{
    const struct added *own = added_find(code);

    if (own)
        return own->class;
    return error_text(code) ? code : -1;
}

static int add(int class, int *code)
{
    size_t count = (size_t)(error_last_used - ERR_LASTCODE);
    struct added **more = realloc(added, (count + 1) * sizeof(*more));
    struct added *own = calloc(1, sizeof(*own));

    if (more)
        added = more;
    if (!more || !own) {
        free(own);
        return error_note(ERR_NO_MEM, "no memory for an error class or code");
    }
    *code = ERR_LASTCODE + 1 + (int)count;
    own->class = class ? class : *code;
    added[count] = own;
    error_last_used = *code;
    return 0;
}

int error_add_class(int *class)
{
    return add(0, class);
}

int error_add_code(int class, int *code)
{
    if (error_class(class) != class)
        return error_note(ERR_ARG, "%d is not an error class", class);
    return add(class, code);
}

int error_add_string(int code, const char *text)
{
    struct added *own = added_find(code);

    if (!own)
        return error_note(ERR_ARG, "%d is not a class or code that the program added", code);
    if (strlen(text) >= sizeof(own->text))
        return error_note(ERR_ARG, "the text is longer than %d characters", MAX_ERROR_STRING - 1);
    strcpy(own->text, text);
    return 0;
}

/* ---- the explanation ---------------------------------------------------------------------------- */

static __thread char note[MAX_ERROR_STRING];

int error_note(int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(note, sizeof(note), format, arguments);
    va_end(arguments);
    return error;
}

const char *error_noted(void)
{
    return note;
}

void error_forget(void)
{
    note[0] = '\0';
}
