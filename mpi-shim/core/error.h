/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/error.h: error classes, and how an error gets its explanation.
 *
 * A core function returns 0 or an error class (or a code made from one); the face raises it through the
 * error handler of the communicator. Values are those of the Open MPI ABI; abi/ asserts so.
 */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

enum {
    ERR_BUFFER = 1,
    ERR_COUNT = 2,
    ERR_TYPE = 3,
    ERR_TAG = 4,
    ERR_COMM = 5,
    ERR_RANK = 6,
    ERR_REQUEST = 7,
    ERR_ROOT = 8,
    ERR_GROUP = 9,
    ERR_OP = 10,
    ERR_TOPOLOGY = 11,
    ERR_DIMS = 12,
    ERR_ARG = 13,
    ERR_UNKNOWN = 14,
    ERR_TRUNCATE = 15,
    ERR_OTHER = 16,
    ERR_INTERN = 17,
    ERR_IN_STATUS = 18,
    ERR_PENDING = 19,
    ERR_ACCESS = 20,
    ERR_AMODE = 21,
    ERR_ASSERT = 22,
    ERR_BAD_FILE = 23,
    ERR_BASE = 24,
    ERR_CONVERSION = 25,
    ERR_DISP = 26,
    ERR_DUP_DATAREP = 27,
    ERR_FILE_EXISTS = 28,
    ERR_FILE_IN_USE = 29,
    ERR_FILE = 30,
    ERR_INFO_KEY = 31,
    ERR_INFO_NOKEY = 32,
    ERR_INFO_VALUE = 33,
    ERR_INFO = 34,
    ERR_IO = 35,
    ERR_KEYVAL = 36,
    ERR_LOCKTYPE = 37,
    ERR_NAME = 38,
    ERR_NO_MEM = 39,
    ERR_NOT_SAME = 40,
    ERR_NO_SPACE = 41,
    ERR_NO_SUCH_FILE = 42,
    ERR_PORT = 43,
    ERR_QUOTA = 44,
    ERR_READ_ONLY = 45,
    ERR_RMA_CONFLICT = 46,
    ERR_RMA_SYNC = 47,
    ERR_SERVICE = 48,
    ERR_SIZE = 49,
    ERR_SPAWN = 50,
    ERR_UNSUPPORTED_DATAREP = 51,
    ERR_UNSUPPORTED_OPERATION = 52,
    ERR_WIN = 53,
    ERR_RMA_RANGE = 68,
    ERR_RMA_ATTACH = 69,
    ERR_RMA_FLAVOR = 70,
    ERR_RMA_SHARED = 71,
    ERR_LASTCODE = 92,
};

/* Keep one line of explanation (printf's format, at most 255 bytes) for the error that this thread is about to
 * return; the face adds it to the class's text and forgets it. Returns `error`, so that one can write
 * `return error_note(ERR_RANK, "rank %d is not in 0 .. %d", ...)`. */
int error_note(int error, const char *format, ...) __attribute__((format(printf, 2, 3), cold));

/* The line kept by this thread, or "" ; it is forgotten by error_forget. */
const char *error_noted(void);
void error_forget(void);

/* The text of a class or code, "MPI_ERR_RANK: ..." ; NULL for a number that is none. */
const char *error_text(int code);
/* The class of a code; -1 for a number that is none. */
int error_class(int code);
/* The largest class or code in use: the value of MPI_LASTUSEDCODE. */
extern int error_last_used;

/* New ones of the program's (MPI 3.1 section 8.5). The caller holds core_lock. 0, or an error class. */
int error_add_class(int *class);
int error_add_code(int class, int *code);
int error_add_string(int code, const char *text);

#endif
