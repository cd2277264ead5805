/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What languages.f90 calls: attributes as C sees them.
 */
#include <mpi.h>
#include <stdint.h>
#include <stdlib.h>

/* What the functions below were given, since it was last asked for. */
static int64_t sum;

static int64_t integer_at(const void *pointer, intptr_t bytes)
{
    return bytes == 4   ? *(const int32_t *)pointer
           : bytes == 8 ? *(const int64_t *)pointer
                        : (int64_t)(intptr_t)pointer;
}

/* The copy is a pointer of C, to twice the integer. */
static int copy(int64_t in, void *out, int *flag)
{
    static int64_t made[16];
    static int used;

    sum += in;
    made[used] = 2 * in;
    *(void **)out = &made[used++];
    *flag = 1;
    return MPI_SUCCESS;
}

static int comm_copy(MPI_Comm comm, int keyval, void *bytes, void *in, void *out, int *flag)
{
    (void)comm, (void)keyval;
    return copy(bytes ? integer_at(in, (intptr_t)bytes) : 0, out, flag);
}

static int type_copy(MPI_Datatype type, int keyval, void *bytes, void *in, void *out, int *flag)
{
    (void)type, (void)keyval;
    return copy(bytes ? integer_at(in, (intptr_t)bytes) : 0, out, flag);
}

static int comm_delete(MPI_Comm comm, int keyval, void *value, void *bytes)
{
    (void)comm, (void)keyval;
    sum += bytes ? integer_at(value, (intptr_t)bytes) : 0;
    return MPI_SUCCESS;
}

static int type_delete(MPI_Datatype type, int keyval, void *value, void *bytes)
{
    (void)type, (void)keyval;
    sum += bytes ? integer_at(value, (intptr_t)bytes) : 0;
    return MPI_SUCCESS;
}

int c_comm_keyval(int bytes);
int c_type_keyval(int bytes);
void c_set_comm(MPI_Fint comm, int keyval, intptr_t value);
void c_set_type(MPI_Fint type, int keyval, intptr_t value);
int64_t c_get_comm(MPI_Fint comm, int keyval, int bytes);
int64_t c_get_type(MPI_Fint type, int keyval, int bytes);
int64_t c_sum(void);

int c_comm_keyval(int bytes)
{
    int keyval;

    MPI_Comm_create_keyval(comm_copy, comm_delete, &keyval, (void *)(intptr_t)bytes);
    return keyval;
}

int c_type_keyval(int bytes)
{
    int keyval;

    MPI_Type_create_keyval(type_copy, type_delete, &keyval, (void *)(intptr_t)bytes);
    return keyval;
}

void c_set_comm(MPI_Fint comm, int keyval, intptr_t value)
{
    MPI_Comm_set_attr(MPI_Comm_f2c(comm), keyval, (void *)value);
}

void c_set_type(MPI_Fint type, int keyval, intptr_t value)
{
    MPI_Type_set_attr(MPI_Type_f2c(type), keyval, (void *)value);
}

int64_t c_get_comm(MPI_Fint comm, int keyval, int bytes)
{
    void *value = NULL;
    int flag = 0;

    MPI_Comm_get_attr(MPI_Comm_f2c(comm), keyval, &value, &flag);
    return flag ? integer_at(value, bytes) : INT64_MIN;
}

int64_t c_get_type(MPI_Fint type, int keyval, int bytes)
{
    void *value = NULL;
    int flag = 0;

    MPI_Type_get_attr(MPI_Type_f2c(type), keyval, &value, &flag);
    return flag ? integer_at(value, bytes) : INT64_MIN;
}

int64_t c_sum(void)
{
    int64_t was = sum;

    sum = 0;
    return was;
}
