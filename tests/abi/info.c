/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: info objects keep what they are given, in order, and find what is too long or not there.
 */
#include <check.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(entries)
{
    MPI_Info info, copied;
    char key[MPI_MAX_INFO_KEY], value[MPI_MAX_INFO_VAL];
    int count, flag, length;

    ck_assert_int_eq(MPI_Info_create(&info), MPI_SUCCESS);
    MPI_Info_get_nkeys(info, &count);
    ck_assert_int_eq(count, 0);
    MPI_Info_set(info, "wind", "north");
    MPI_Info_set(info, "sea", "rough");
    MPI_Info_set(info, "wind", "north-west");
    MPI_Info_get_nkeys(info, &count);
    ck_assert_int_eq(count, 2);
    MPI_Info_get_nthkey(info, 0, key);
    ck_assert_str_eq(key, "wind");
    MPI_Info_get_nthkey(info, 1, key);
    ck_assert_str_eq(key, "sea");
    ck_assert_int_eq(MPI_Info_get_nthkey(info, 2, key), MPI_ERR_INFO_KEY);
    ck_assert_int_eq(MPI_Info_get_nthkey(info, -1, key), MPI_ERR_ARG);
    MPI_Info_get(info, "wind", MPI_MAX_INFO_VAL - 1, value, &flag);
    ck_assert(flag);
    ck_assert_str_eq(value, "north-west");
    memset(value, 'x', sizeof(value));
    MPI_Info_get(info, "wind", 5, value, &flag); /* as much as was asked for */
    ck_assert(flag);
    ck_assert_str_eq(value, "north");
    ck_assert_int_eq(value[6], 'x');
    MPI_Info_get_valuelen(info, "wind", &length, &flag);
    ck_assert(flag);
    ck_assert_int_eq(length, 10);
    MPI_Info_get(info, "sun", 5, value, &flag);
    ck_assert(!flag);

    MPI_Info_dup(info, &copied);
    ck_assert_int_eq(MPI_Info_delete(info, "wind"), MPI_SUCCESS);
    ck_assert_int_eq(MPI_Info_delete(info, "wind"), MPI_ERR_INFO_NOKEY);
    MPI_Info_get(info, "sea", 20, value, &flag);
    ck_assert_str_eq(value, "rough");
    MPI_Info_free(&info);
    ck_assert(info == MPI_INFO_NULL);
    MPI_Info_get(copied, "wind", 20, value, &flag);
    ck_assert(flag);
    MPI_Info_free(&copied);
}
END_TEST

START_TEST(limits)
{
    MPI_Info info, environment = MPI_INFO_ENV;
    char key[MPI_MAX_INFO_KEY + 1], value[MPI_MAX_INFO_VAL + 1], got[MPI_MAX_INFO_VAL];
    int flag;

    MPI_Info_create(&info);
    memset(key, 'k', sizeof(key));
    memset(value, 'v', sizeof(value));
    key[MPI_MAX_INFO_KEY] = value[MPI_MAX_INFO_VAL] = '\0';
    ck_assert_int_eq(MPI_Info_set(info, key, "x"), MPI_ERR_INFO_KEY);
    ck_assert_int_eq(MPI_Info_set(info, "", "x"), MPI_ERR_INFO_KEY);
    ck_assert_int_eq(MPI_Info_set(info, "x", value), MPI_ERR_INFO_VALUE);
    key[MPI_MAX_INFO_KEY - 1] = value[MPI_MAX_INFO_VAL - 1] = '\0';
    ck_assert_int_eq(MPI_Info_set(info, key, value), MPI_SUCCESS);
    MPI_Info_get(info, key, MPI_MAX_INFO_VAL - 1, got, &flag);
    ck_assert(flag);
    ck_assert_str_eq(got, value);
    MPI_Info_free(&info);
    ck_assert_int_eq(MPI_Info_set(MPI_INFO_NULL, "a", "b"), MPI_ERR_INFO);
    ck_assert_int_eq(MPI_Info_free(&environment), MPI_ERR_INFO);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("info");
    TCase *test = tcase_create("info");
    SRunner *runner;
    int failed, provided;

    MPI_Init_thread(&argc, &argv, getenv("THREADS") ? MPI_THREAD_MULTIPLE : MPI_THREAD_SINGLE,
                    &provided);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    tcase_add_test(test, entries);
    tcase_add_test(test, limits);
    suite_add_tcase(suite, test);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    MPI_Finalize();
    return failed != 0;
}
