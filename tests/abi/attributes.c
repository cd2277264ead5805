/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: attributes are copied and deleted when the standard says so, with the arguments that it says, in the order
 * that it says; what a callback refuses does not happen.
 */
#include <check.h>
#include <mpi.h>
#include <stdlib.h>

static int copies, deletes, refuse;
static int deleted[16];
static MPI_Comm copied_from;

static int copy(MPI_Comm comm, int keyval, void *state, void *in, void *out, int *flag)
{
    copies++;
    copied_from = comm;
    ck_assert_ptr_eq(state, &copies);
    *(void **)out = (char *)in + 1;
    *flag = 1;
    return MPI_SUCCESS;
}

static int delete_(MPI_Comm comm, int keyval, void *value, void *state)
{
    if (refuse)
        return MPI_ERR_OTHER;
    deleted[deletes++ % 16] = (int)(long)value;
    return MPI_SUCCESS;
}

START_TEST(predefined)
{
    static const int keyvals[] = {MPI_TAG_UB,          MPI_HOST,   MPI_IO,
                                  MPI_WTIME_IS_GLOBAL, MPI_APPNUM, MPI_LASTUSEDCODE,
                                  MPI_UNIVERSE_SIZE};
    int *value, flag, host;

    for (unsigned i = 0; i < sizeof(keyvals) / sizeof(keyvals[0]); i++) {
        flag = 0;
        ck_assert_int_eq(MPI_Comm_get_attr(MPI_COMM_WORLD, keyvals[i], &value, &flag), MPI_SUCCESS);
        ck_assert(flag);
        ck_assert_ptr_nonnull(value);
        ck_assert_int_eq(MPI_Comm_set_attr(MPI_COMM_WORLD, keyvals[i], value), MPI_ERR_KEYVAL);
    }
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &value, &flag);
    ck_assert_int_eq(*value, 2147483647);
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_UNIVERSE_SIZE, &value, &flag);
    ck_assert_int_ge(*value, 1);
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_HOST, &value, &flag);
    host = *value;
    ck_assert_int_eq(host, MPI_PROC_NULL);
}
END_TEST

START_TEST(on_communicators)
{
    MPI_Comm comm, copied;
    void *value;
    int keyval, old, flag;

    copies = deletes = 0;
    MPI_Comm_dup(MPI_COMM_SELF, &comm);
    MPI_Comm_create_keyval(copy, delete_, &keyval, &copies);
    MPI_Comm_get_attr(comm, keyval, &value, &flag);
    ck_assert(!flag);
    MPI_Comm_set_attr(comm, keyval, (void *)10);
    MPI_Comm_get_attr(comm, keyval, &value, &flag);
    ck_assert(flag && value == (void *)10);
    MPI_Comm_set_attr(comm, keyval, (void *)20); /* deletes the old value */
    ck_assert_int_eq(deletes, 1);
    ck_assert_int_eq(deleted[0], 10);

    MPI_Comm_dup(comm, &copied);
    ck_assert_int_eq(copies, 1);
    ck_assert(copied_from == comm);
    MPI_Comm_get_attr(copied, keyval, &value, &flag);
    ck_assert(flag && value == (void *)21);

    old = keyval; /* freed, it lives on in the attributes */
    MPI_Comm_free_keyval(&keyval);
    ck_assert_int_eq(keyval, MPI_KEYVAL_INVALID);
    ck_assert_int_eq(MPI_Comm_set_attr(MPI_COMM_WORLD, old, NULL), MPI_ERR_KEYVAL);
    MPI_Comm_get_attr(copied, old, &value, &flag);
    ck_assert(flag && value == (void *)21);
    MPI_Comm_free(&copied);
    ck_assert_int_eq(deletes, 2);
    ck_assert_int_eq(deleted[1], 21);

    refuse = 1;
    ck_assert_int_eq(MPI_Comm_free(&comm), MPI_ERR_OTHER);
    ck_assert(comm != MPI_COMM_NULL);
    refuse = 0;
    ck_assert_int_eq(MPI_Comm_free(&comm), MPI_SUCCESS);
    ck_assert_int_eq(deletes, 3);
    ck_assert_int_eq(MPI_Comm_get_attr(MPI_COMM_WORLD, old, &value, &flag), MPI_ERR_KEYVAL);
}
END_TEST

START_TEST(ready_made_callbacks)
{
    MPI_Comm comm, copied;
    void *value;
    int kept, lost, flag;

    MPI_Comm_create_keyval(MPI_COMM_DUP_FN, MPI_COMM_NULL_DELETE_FN, &kept, NULL);
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, MPI_COMM_NULL_DELETE_FN, &lost, NULL);
    MPI_Comm_dup(MPI_COMM_SELF, &comm);
    MPI_Comm_set_attr(comm, kept, (void *)1);
    MPI_Comm_set_attr(comm, lost, (void *)2);
    MPI_Comm_dup(comm, &copied);
    MPI_Comm_get_attr(copied, kept, &value, &flag);
    ck_assert(flag && value == (void *)1);
    MPI_Comm_get_attr(copied, lost, &value, &flag);
    ck_assert(!flag);
    ck_assert_int_eq(MPI_Comm_delete_attr(copied, lost), MPI_ERR_KEYVAL);
    ck_assert_int_eq(MPI_Comm_delete_attr(copied, kept), MPI_SUCCESS);
    MPI_Comm_free(&copied);
    MPI_Comm_free(&comm);
    MPI_Comm_free_keyval(&kept);
    MPI_Comm_free_keyval(&lost);
}
END_TEST

static int type_copy(MPI_Datatype type, int keyval, void *state, void *in, void *out, int *flag)
{
    *(void **)out = in;
    *flag = 1;
    return refuse ? MPI_ERR_INTERN : MPI_SUCCESS;
}

START_TEST(on_types)
{
    MPI_Datatype type, copied = MPI_DATATYPE_NULL;
    void *value;
    int keyval, other, flag;

    MPI_Type_create_keyval(type_copy, MPI_TYPE_NULL_DELETE_FN, &keyval, NULL);
    MPI_Type_contiguous(3, MPI_INT, &type);
    MPI_Type_set_attr(type, keyval, (void *)7);
    MPI_Type_dup(type, &copied);
    MPI_Type_get_attr(copied, keyval, &value, &flag);
    ck_assert(flag && value == (void *)7);
    MPI_Type_free(&copied);
    refuse = 1;
    ck_assert_int_eq(MPI_Type_dup(type, &copied), MPI_ERR_INTERN);
    refuse = 0;
    /* A key value is for one kind of object. */
    MPI_Comm_create_keyval(MPI_COMM_DUP_FN, MPI_COMM_NULL_DELETE_FN, &other, NULL);
    ck_assert_int_eq(MPI_Type_set_attr(type, other, NULL), MPI_ERR_KEYVAL);
    MPI_Comm_free_keyval(&other);
    MPI_Type_free_keyval(&keyval);
    MPI_Type_free(&type);
}
END_TEST

/* Many, deleted while others stay; and a callback that changes the set it is called from. */
static int delete_other(MPI_Comm comm, int keyval, void *value, void *state)
{
    int *other = state;

    if (*other != MPI_KEYVAL_INVALID) {
        int keyval_now = *other;

        *other = MPI_KEYVAL_INVALID;
        ck_assert_int_eq(MPI_Comm_delete_attr(comm, keyval_now), MPI_SUCCESS);
    }
    return MPI_SUCCESS;
}

START_TEST(many)
{
    enum { COUNT = 40 };
    int keyval[COUNT], chained, victim, flag;
    void *value;
    MPI_Comm comm;

    MPI_Comm_dup(MPI_COMM_SELF, &comm);
    for (int i = 0; i < COUNT; i++) {
        MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, MPI_COMM_NULL_DELETE_FN, &keyval[i], NULL);
        MPI_Comm_set_attr(comm, keyval[i], (void *)(long)i);
    }
    for (int i = 0; i < COUNT; i += 2)
        MPI_Comm_delete_attr(comm, keyval[i]);
    for (int i = 0; i < COUNT; i++) {
        MPI_Comm_get_attr(comm, keyval[i], &value, &flag);
        ck_assert_int_eq(flag, i % 2);
        ck_assert(!flag || value == (void *)(long)i);
    }
    victim = keyval[1];
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, delete_other, &chained, &victim);
    MPI_Comm_set_attr(comm, chained, NULL);
    ck_assert_int_eq(MPI_Comm_free(&comm), MPI_SUCCESS);
    ck_assert_int_eq(victim, MPI_KEYVAL_INVALID);
    for (int i = 0; i < COUNT; i++)
        MPI_Comm_free_keyval(&keyval[i]);
    MPI_Comm_free_keyval(&chained);
}
END_TEST

/* MPI_Finalize deletes the attributes of MPI_COMM_SELF, the last first, while MPI still works (section 8.7.1). */
static int at_finalize[2], finalize_calls;

static int finalizing(MPI_Comm comm, int keyval, void *value, void *state)
{
    int flag = 1;

    MPI_Finalized(&flag);
    if (!flag && comm == MPI_COMM_SELF)
        at_finalize[finalize_calls++] = (int)(long)value;
    return MPI_SUCCESS;
}

int main(int argc, char **argv)
{
    Suite *suite = suite_create("attributes");
    TCase *test = tcase_create("attributes");
    SRunner *runner;
    int failed, keyval, provided;

    MPI_Init_thread(&argc, &argv, getenv("THREADS") ? MPI_THREAD_MULTIPLE : MPI_THREAD_SINGLE,
                    &provided);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    tcase_add_test(test, predefined);
    tcase_add_test(test, on_communicators);
    tcase_add_test(test, ready_made_callbacks);
    tcase_add_test(test, on_types);
    tcase_add_test(test, many);
    suite_add_tcase(suite, test);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    for (int i = 1; i <= 2; i++) {
        MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, finalizing, &keyval, NULL);
        MPI_Comm_set_attr(MPI_COMM_SELF, keyval, (void *)(long)i);
        MPI_Comm_free_keyval(&keyval);
    }
    MPI_Finalize();
    return failed != 0 || finalize_calls != 2 || at_finalize[0] != 2 || at_finalize[1] != 1;
}
