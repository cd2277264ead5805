/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/handles.c: Fortran's INTEGER handles (MPI 3.1 section 17.2.4).
 *
 * An index leads to an object by a table, an object to its index by a hash of its address. The predefined objects have
 * the numbers of mpif-handles.h; the others get one when they are first asked for, and lose it when they are freed.
 * An object that ends elsewhere (a request that completes) keeps its number with its address: whatever is made
 * there next has the same handle in C, and so in Fortran.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "objects.h"

struct table {
    void **object;  /* by index; NULL where free */
    int *next_free; /* by index, while free */
    int count, room;
    int first_free; /* or -1 */
    int *bucket;    /* index + 1 by hash of address; 0 where empty */
    unsigned mask;
};

static struct table tables[HANDLE_KINDS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static unsigned hash(const void *object)
{
    return (unsigned)(((uintptr_t)object >> 4) * 0x9e3779b97f4a7c15u >> 32);
}

static void bucket_fill(struct table *table, int index)
{
    unsigned i = hash(table->object[index]) & table->mask;

    while (table->bucket[i] != 0)
        i = (i + 1) & table->mask;
    table->bucket[i] = index + 1;
}

/* Twice the room, and at least two buckets an object. */
static bool grow(struct table *table)
{
    int room = table->room ? 2 * table->room : 128;
    void **object = realloc(table->object, (size_t)room * sizeof(*object));
    int *next_free = realloc(table->next_free, (size_t)room * sizeof(*next_free));
    int *bucket = calloc((size_t)room * 2, sizeof(*bucket));

    if (object)
        table->object = object;
    if (next_free)
        table->next_free = next_free;
    if (!object || !next_free || !bucket) {
        free(bucket);
        return false;
    }
    free(table->bucket);
    table->bucket = bucket;
    table->mask = (unsigned)room * 2 - 1;
    table->room = room;
    for (int i = 0; i < table->count; i++) {
        if (table->object[i])
            bucket_fill(table, i);
    }
    return true;
}

static int find(const struct table *table, const void *object)
{
    for (unsigned i = hash(object) & table->mask; table->room && table->bucket[i] != 0;
         i = (i + 1) & table->mask) {
        if (table->object[table->bucket[i] - 1] == object)
            return table->bucket[i] - 1;
    }
    return -1;
}

static int add(struct table *table, void *object)
{
    int index = table->first_free;

    if (index >= 0) {
        table->first_free = table->next_free[index];
    } else {
        if (table->count == table->room && !grow(table))
            return -1;
        index = table->count++;
    }
    table->object[index] = object;
    bucket_fill(table, index);
    return index;
}

static void fill(void)
{
    for (int kind = 0; kind < HANDLE_KINDS; kind++)
        tables[kind].first_free = -1;
#define DATATYPE(object, element, name) add(&tables[HANDLE_DATATYPE], &object);
#define OP(object, operation, name)     add(&tables[HANDLE_OP], &object);
#define COMMUNICATOR(object)            add(&tables[HANDLE_COMM], &object);
#define GROUP(object)                   add(&tables[HANDLE_GROUP], &object);
#define ERRHANDLER(object)              add(&tables[HANDLE_ERRHANDLER], &object);
#define INFO(object)                    add(&tables[HANDLE_INFO], &object);
#define MESSAGE(object)                 add(&tables[HANDLE_MESSAGE], &object);
    FOR_EACH_DATATYPE(DATATYPE)
    FOR_EACH_OP(OP)
    FOR_EACH_COMMUNICATOR(COMMUNICATOR)
    FOR_EACH_GROUP(GROUP)
    FOR_EACH_ERRHANDLER(ERRHANDLER)
    FOR_EACH_INFO(INFO)
    FOR_EACH_MESSAGE(MESSAGE)
    add(&tables[HANDLE_REQUEST], MPI_REQUEST_NULL);
    add(&tables[HANDLE_WIN], MPI_WIN_NULL);
    add(&tables[HANDLE_FILE], MPI_FILE_NULL);
}

static MPI_Fint index_of(enum handle_kind kind, void *object)
{
    int index;

    pthread_once(&once, fill);
    pthread_mutex_lock(&mutex);
    index = find(&tables[kind], object);
    if (index < 0 && object)
        index = add(&tables[kind], object);
    pthread_mutex_unlock(&mutex);
    return index;
}

static void *object_of(enum handle_kind kind, MPI_Fint index, void *null)
{
    void *object = NULL;

    pthread_once(&once, fill);
    pthread_mutex_lock(&mutex);
    if (index >= 0 && index < tables[kind].count)
        object = tables[kind].object[index];
    pthread_mutex_unlock(&mutex);
    return object ? object : null;
}

/* Linear probing: what follows in the same run of buckets moves up. */
static void bucket_clear(struct table *table, unsigned hole)
{
    table->bucket[hole] = 0;
    for (unsigned i = (hole + 1) & table->mask; table->bucket[i] != 0; i = (i + 1) & table->mask) {
        int index = table->bucket[i] - 1;

        table->bucket[i] = 0;
        bucket_fill(table, index);
    }
}

void handle_forget(enum handle_kind kind, void *object)
{
    struct table *table = &tables[kind];

    pthread_once(&once, fill);
    pthread_mutex_lock(&mutex);
    for (unsigned i = hash(object) & table->mask; table->bucket[i] != 0;
         i = (i + 1) & table->mask) {
        int index = table->bucket[i] - 1;

        if (table->object[index] != object)
            continue;
        bucket_clear(table, i);
        table->object[index] = NULL;
        table->next_free[index] = table->first_free;
        table->first_free = index;
        break;
    }
    pthread_mutex_unlock(&mutex);
}

/* A number that is no handle gives the null handle. */
#define CONVERSION(name, handle, kind, null)                                                       \
    MPI_Fint P##name##_c2f(handle object)                                                          \
    {                                                                                              \
        return index_of(kind, object);                                                             \
    }                                                                                              \
    EXPORT(name##_c2f);                                                                            \
    handle P##name##_f2c(MPI_Fint index)                                                           \
    {                                                                                              \
        return object_of(kind, index, null);                                                       \
    }                                                                                              \
    EXPORT(name##_f2c)

CONVERSION(MPI_Comm, MPI_Comm, HANDLE_COMM, MPI_COMM_NULL);
CONVERSION(MPI_Group, MPI_Group, HANDLE_GROUP, MPI_GROUP_NULL);
CONVERSION(MPI_Request, MPI_Request, HANDLE_REQUEST, MPI_REQUEST_NULL);
CONVERSION(MPI_Message, MPI_Message, HANDLE_MESSAGE, MPI_MESSAGE_NULL);
CONVERSION(MPI_Type, MPI_Datatype, HANDLE_DATATYPE, MPI_DATATYPE_NULL);
CONVERSION(MPI_Op, MPI_Op, HANDLE_OP, MPI_OP_NULL);
CONVERSION(MPI_Errhandler, MPI_Errhandler, HANDLE_ERRHANDLER, MPI_ERRHANDLER_NULL);
CONVERSION(MPI_Info, MPI_Info, HANDLE_INFO, MPI_INFO_NULL);
CONVERSION(MPI_Win, MPI_Win, HANDLE_WIN, MPI_WIN_NULL);
CONVERSION(MPI_File, MPI_File, HANDLE_FILE, MPI_FILE_NULL);
