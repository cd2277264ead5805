/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: a wrong argument is found, has the class that the standard gives it, reaches the right error handler, and is
 * explained to the user in one line that names the call, the argument and the rank.
 */
#include <check.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program;

/* ---- what ends the job -------------------------------------------------------------------------- */

static void fatal_send(void)
{
    int value = 0;

    MPI_Send(&value, 1, MPI_INT, 7, 0, MPI_COMM_WORLD);
}

static void fatal_unimplemented(void)
{
    MPI_Win win;

    MPI_Win_create(NULL, 0, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win);
}

static void fatal_named(void)
{
    int value = 0;
    MPI_Comm comm;

    MPI_Comm_dup(MPI_COMM_SELF, &comm);
    MPI_Comm_set_name(comm, "the ocean");
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_ARE_FATAL);
    MPI_Recv(&value, 1, MPI_INT, 0, -5, comm, MPI_STATUS_IGNORE);
}

static void fatal_type(void)
{
    MPI_Datatype type;

    MPI_Type_contiguous(2, MPI_INT, &type);
    MPI_Send(NULL, 1, type, 0, 0, MPI_COMM_WORLD);
}

static void fatal_abort(void)
{
    MPI_Abort(MPI_COMM_WORLD, 17);
}

static void fatal_abort_256(void)
{
    MPI_Abort(MPI_COMM_WORLD, 256);
}

static void early_send(void)
{
    fatal_send();
}

static const struct fatal {
    const char *name;
    void (*run)(void);
    int initialise;
    int status;
    const char *text[4]; /* all of these are in the message */
} fatals[] = {
    {"send", fatal_send, 1, MPI_ERR_RANK, {"MPI_Send", "rank 7", "MPI_COMM_WORLD of 1", "rank 0"}},
    {"unimplemented",
     fatal_unimplemented,
     1,
     MPI_ERR_UNSUPPORTED_OPERATION,
     {"MPI_Win_create", "not implemented yet by Caravan", "rank 0", "MPI_ERR_UNSUPPORTED"}},
    {"named", fatal_named, 1, MPI_ERR_TAG, {"MPI_Recv", "-5", "MPI_ERR_TAG", "rank 0"}},
    {"type", fatal_type, 1, MPI_ERR_TYPE, {"MPI_Send", "not committed", "rank 0", "MPI_ERR_TYPE"}},
    {"abort", fatal_abort, 1, 17, {"MPI_Abort", "17", "rank 0", "MPI_COMM_WORLD"}},
    {"abort256", fatal_abort_256, 1, 1, {"MPI_Abort", "256", "rank 0", "MPI_COMM_WORLD"}},
    {"early", early_send, 0, 1, {"MPI_Send", "before MPI_Init", "", ""}},
};

/* In a process of its own, whose messages are read. */
START_TEST(ends_the_job)
{
    const struct fatal *fatal = &fatals[_i];
    char command[4096], text[4096];
    size_t length;
    FILE *output;
    int status;

    snprintf(command, sizeof(command), "'%s' %s 2>&1", program, fatal->name);
    output = popen(command, "r");
    ck_assert_ptr_nonnull(output);
    length = fread(text, 1, sizeof(text) - 1, output);
    text[length] = '\0';
    status = pclose(output);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == fatal->status,
                  "status %d, not %d: %s", WEXITSTATUS(status), fatal->status, text);
    for (int i = 0; i < 4; i++)
        ck_assert_msg(strstr(text, fatal->text[i]), "no \"%s\" in: %s", fatal->text[i], text);
    ck_assert_msg(strchr(text, '\n') == text + length - 1, "more than one line: %s", text);
}
END_TEST

/* ---- classes ------------------------------------------------------------------------------------- */

#define EXPECT(class, call)                                                                        \
    do {                                                                                           \
        int code_ = call, class_ = -1;                                                             \
                                                                                                   \
        MPI_Error_class(code_, &class_);                                                           \
        ck_assert_msg(class_ == (class), "%s: class %d, not %s", #call, class_, #class);           \
    } while (0)

START_TEST(point_to_point)
{
    int value = 0, flag;
    MPI_Request request = MPI_REQUEST_NULL, bad = (MPI_Request)(void *)&value;
    MPI_Datatype type;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Comm world = MPI_COMM_WORLD;

    EXPECT(MPI_ERR_COMM, MPI_Send(&value, 1, MPI_INT, 0, 0, MPI_COMM_NULL));
    EXPECT(MPI_ERR_COMM, MPI_Send(&value, 1, MPI_INT, 0, 0, NULL));
    EXPECT(MPI_ERR_RANK, MPI_Send(&value, 1, MPI_INT, 1, 0, world));
    EXPECT(MPI_ERR_RANK, MPI_Send(&value, 1, MPI_INT, -1, 0, world));
    EXPECT(MPI_ERR_RANK, MPI_Send(&value, 1, MPI_INT, MPI_ANY_SOURCE, 0, world));
    EXPECT(MPI_ERR_TAG, MPI_Send(&value, 1, MPI_INT, 0, -1, world));
    EXPECT(MPI_ERR_COUNT, MPI_Send(&value, -1, MPI_INT, 0, 0, world));
    EXPECT(MPI_ERR_TYPE, MPI_Send(&value, 1, MPI_DATATYPE_NULL, 0, 0, world));
    EXPECT(MPI_ERR_BUFFER, MPI_Send(NULL, 1, MPI_INT, 0, 0, world));
    EXPECT(MPI_SUCCESS, MPI_Send(NULL, 0, MPI_INT, MPI_PROC_NULL, 0, world));
    EXPECT(MPI_ERR_RANK, MPI_Isend(&value, 1, MPI_INT, 1, 0, world, &request));
    EXPECT(MPI_ERR_ARG, MPI_Isend(&value, 1, MPI_INT, 0, 0, world, NULL));
    EXPECT(MPI_ERR_RANK, MPI_Ssend(&value, 1, MPI_INT, 1, 0, world));
    EXPECT(MPI_ERR_RANK, MPI_Rsend(&value, 1, MPI_INT, 1, 0, world));
    EXPECT(MPI_ERR_RANK, MPI_Bsend(&value, 1, MPI_INT, 1, 0, world));
    EXPECT(MPI_ERR_RANK, MPI_Recv(&value, 1, MPI_INT, 1, 0, world, MPI_STATUS_IGNORE));
    EXPECT(MPI_ERR_TAG, MPI_Recv(&value, 1, MPI_INT, 0, -2, world, MPI_STATUS_IGNORE));
    EXPECT(MPI_ERR_COUNT, MPI_Irecv(&value, -1, MPI_INT, 0, 0, world, &request));
    EXPECT(MPI_ERR_RANK, MPI_Iprobe(3, 0, world, &flag, MPI_STATUS_IGNORE));
    EXPECT(MPI_ERR_ARG, MPI_Iprobe(0, 0, world, NULL, MPI_STATUS_IGNORE));
    EXPECT(MPI_ERR_RANK, MPI_Send_init(&value, 1, MPI_INT, 9, 0, world, &request));
    EXPECT(MPI_ERR_RANK, MPI_Sendrecv(&value, 1, MPI_INT, 0, 0, &flag, 1, MPI_INT, 9, 0, world,
                                      MPI_STATUS_IGNORE));
    EXPECT(MPI_ERR_REQUEST, MPI_Mrecv(&value, 1, MPI_INT, &message, MPI_STATUS_IGNORE));
    EXPECT(MPI_ERR_REQUEST, MPI_Wait(NULL, MPI_STATUS_IGNORE));
    EXPECT(MPI_ERR_REQUEST, MPI_Wait(&bad, MPI_STATUS_IGNORE));
    EXPECT(MPI_ERR_REQUEST, MPI_Test(&bad, &flag, MPI_STATUS_IGNORE));
    EXPECT(MPI_ERR_REQUEST, MPI_Waitall(2, NULL, MPI_STATUSES_IGNORE));
    EXPECT(MPI_ERR_COUNT, MPI_Waitall(-1, &request, MPI_STATUSES_IGNORE));
    EXPECT(MPI_ERR_REQUEST, MPI_Start(&bad));
    EXPECT(MPI_ERR_REQUEST, MPI_Request_free(&request));

    MPI_Type_contiguous(2, MPI_INT, &type);
    EXPECT(MPI_ERR_TYPE, MPI_Send(&value, 0, type, 0, 0, world));
    MPI_Type_free(&type);

    /* A receive that is too small: found by the core, raised by the face. */
    {
        int pair[2] = {1, 2}, one = 0;

        MPI_Isend(pair, 2, MPI_INT, 0, 3, world, &request);
        EXPECT(MPI_ERR_TRUNCATE, MPI_Recv(&one, 1, MPI_INT, 0, 3, world, MPI_STATUS_IGNORE));
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    }
}
END_TEST

START_TEST(collective)
{
    int value = 0, other = 0;
    MPI_Comm world = MPI_COMM_WORLD;

    EXPECT(MPI_ERR_COMM, MPI_Barrier(MPI_COMM_NULL));
    EXPECT(MPI_ERR_ROOT, MPI_Bcast(&value, 1, MPI_INT, 1, world));
    EXPECT(MPI_ERR_ROOT, MPI_Bcast(&value, 1, MPI_INT, -1, world));
    EXPECT(MPI_ERR_OP, MPI_Allreduce(&value, &other, 1, MPI_INT, MPI_OP_NULL, world));
    EXPECT(MPI_ERR_OP, MPI_Allreduce(&value, &other, 1, MPI_INT, MPI_MAXLOC, world));
    EXPECT(MPI_ERR_OP, MPI_Allreduce(&value, &other, 1, MPI_FLOAT, MPI_BAND, world));
    EXPECT(MPI_ERR_OP, MPI_Allreduce(&value, &other, 1, MPI_INT, MPI_REPLACE, world));
    EXPECT(MPI_ERR_BUFFER, MPI_Allreduce(&value, MPI_IN_PLACE, 1, MPI_INT, MPI_SUM, world));
    EXPECT(MPI_ERR_COUNT, MPI_Reduce(&value, &other, -1, MPI_INT, MPI_SUM, 0, world));
    EXPECT(MPI_ERR_TYPE, MPI_Gather(&value, 1, MPI_INT, &other, 1, MPI_DATATYPE_NULL, 0, world));
    EXPECT(MPI_SUCCESS,
           MPI_Gather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, &other, 1, MPI_INT, 0, world));
    EXPECT(MPI_ERR_BUFFER, MPI_Allgather(NULL, 1, MPI_INT, &other, 1, MPI_INT, world));
}
END_TEST

START_TEST(objects)
{
    MPI_Comm comm = MPI_COMM_WORLD;
    MPI_Datatype type = MPI_INT;
    MPI_Op op = MPI_SUM;
    MPI_Group group;
    int rank = 5, value;

    EXPECT(MPI_ERR_COMM, MPI_Comm_free(&comm));
    EXPECT(MPI_ERR_COMM, MPI_Comm_rank(MPI_COMM_NULL, &value));
    EXPECT(MPI_ERR_ARG, MPI_Comm_rank(MPI_COMM_WORLD, NULL));
    EXPECT(MPI_ERR_COMM, MPI_Comm_remote_size(MPI_COMM_WORLD, &value));
    EXPECT(MPI_ERR_TYPE, MPI_Type_free(&type));
    EXPECT(MPI_ERR_COUNT, MPI_Type_contiguous(-1, MPI_INT, &type));
    EXPECT(MPI_ERR_TYPE, MPI_Type_contiguous(1, MPI_DATATYPE_NULL, &type));
    EXPECT(MPI_ERR_OP, MPI_Op_free(&op));
    EXPECT(MPI_ERR_GROUP, MPI_Group_size(MPI_GROUP_NULL, &value));
    MPI_Comm_group(MPI_COMM_WORLD, &group);
    EXPECT(MPI_ERR_RANK, MPI_Group_incl(group, 1, &rank, &group));
    MPI_Group_free(&group);
    ck_assert(group == MPI_GROUP_NULL);
    EXPECT(MPI_ERR_ARG, MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRHANDLER_NULL));
    EXPECT(MPI_ERR_ARG, MPI_Comm_split(MPI_COMM_WORLD, -3, 0, &comm));
}
END_TEST

/* ---- handlers ------------------------------------------------------------------------------------ */

static MPI_Comm called_with;
static int called_code, calls;

static void handler_function(MPI_Comm *comm, int *code, ...)
{
    called_with = *comm;
    called_code = *code;
    calls++;
}

/* The communicator's own handler takes its errors, and nobody else's. */
START_TEST(handlers)
{
    MPI_Errhandler handler, got;
    MPI_Comm comm, copy;
    int value = 0;

    ck_assert_int_eq(MPI_Comm_create_errhandler(handler_function, &handler), MPI_SUCCESS);
    MPI_Comm_dup(MPI_COMM_SELF, &comm);
    MPI_Comm_set_errhandler(comm, handler);
    MPI_Comm_get_errhandler(comm, &got);
    ck_assert(got == handler);
    MPI_Errhandler_free(&got);
    MPI_Errhandler_free(&handler); /* the communicator keeps it */
    ck_assert(handler == MPI_ERRHANDLER_NULL);

    calls = 0;
    EXPECT(MPI_ERR_RANK, MPI_Send(&value, 1, MPI_INT, 4, 0, comm));
    ck_assert_int_eq(calls, 1);
    ck_assert(called_with == comm);
    ck_assert_int_eq(called_code, MPI_ERR_RANK);
    EXPECT(MPI_ERR_RANK, MPI_Send(&value, 1, MPI_INT, 4, 0, MPI_COMM_WORLD));
    ck_assert_int_eq(calls, 1);

    /* What is not implemented goes the same way. */
    {
        MPI_Comm other;
        MPI_Win win;

        EXPECT(MPI_ERR_UNSUPPORTED_OPERATION, MPI_Comm_accept("", MPI_INFO_NULL, 0, comm, &other));
        ck_assert_int_eq(calls, 2);
        EXPECT(MPI_ERR_UNSUPPORTED_OPERATION,
               MPI_Win_create(&value, 4, 1, MPI_INFO_NULL, comm, &win));
        ck_assert_int_eq(calls, 3);
    }

    MPI_Comm_dup(comm, &copy); /* inherits the handler */
    MPI_Comm_call_errhandler(copy, MPI_ERR_OTHER);
    ck_assert_int_eq(calls, 4);
    ck_assert(called_with == copy);
    ck_assert_int_eq(called_code, MPI_ERR_OTHER);
    MPI_Comm_free(&copy);
    MPI_Comm_free(&comm);
}
END_TEST

/* Without a file, errors of files go to the handler of MPI_FILE_NULL, which returns them. */
START_TEST(files)
{
    MPI_Errhandler handler;
    MPI_File file;

    MPI_File_get_errhandler(MPI_FILE_NULL, &handler);
    ck_assert(handler == MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
    EXPECT(MPI_ERR_UNSUPPORTED_OPERATION,
           MPI_File_open(MPI_COMM_WORLD, "x", MPI_MODE_RDONLY, MPI_INFO_NULL, &file));
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
}
END_TEST

/* ---- classes and codes of the program's own ----------------------------------------------------------- */

START_TEST(added)
{
    int class, code, of, *last, flag, length;
    char text[MPI_MAX_ERROR_STRING];

    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_LASTUSEDCODE, &last, &flag);
    ck_assert(flag);
    ck_assert_int_ge(*last, MPI_ERR_LASTCODE);
    ck_assert_int_eq(MPI_Add_error_class(&class), MPI_SUCCESS);
    ck_assert_int_gt(class, MPI_ERR_LASTCODE);
    ck_assert_int_eq(*last, class);
    ck_assert_int_eq(MPI_Add_error_code(class, &code), MPI_SUCCESS);
    ck_assert_int_ne(code, class);
    ck_assert_int_eq(*last, code);
    MPI_Error_class(code, &of);
    ck_assert_int_eq(of, class);
    MPI_Error_string(code, text, &length);
    ck_assert_str_eq(text, "");
    MPI_Add_error_string(code, "the moon is down");
    MPI_Error_string(code, text, &length);
    ck_assert_str_eq(text, "the moon is down");
    ck_assert_int_eq(length, (int)strlen(text));
    ck_assert_int_eq(MPI_Add_error_string(MPI_ERR_RANK, "no"), MPI_ERR_ARG);
    ck_assert_int_eq(MPI_Error_string(9999, text, &length), MPI_ERR_ARG);
    for (int i = 0; i <= MPI_ERR_RMA_SHARED; i++) {
        ck_assert_int_eq(MPI_Error_string(i, text, &length), MPI_SUCCESS);
        ck_assert_int_gt(length, 8);
    }
}
END_TEST

/* Right after an error, its text tells what happened; another code's text is the class's alone. */
START_TEST(explained)
{
    int value = 0, length;
    char text[MPI_MAX_ERROR_STRING];

    EXPECT(MPI_ERR_RANK, MPI_Send(&value, 1, MPI_INT, 99, 0, MPI_COMM_WORLD));
    MPI_Error_string(MPI_ERR_RANK, text, &length);
    ck_assert_int_eq(length, (int)strlen(text));
    ck_assert_msg(strstr(text, "MPI_ERR_RANK: invalid rank") == text, "%s", text);
    ck_assert_msg(strstr(text, "MPI_Send: rank 99 is not in MPI_COMM_WORLD of 1"), "%s", text);
    MPI_Error_string(MPI_ERR_TAG, text, &length);
    ck_assert_str_eq(text, "MPI_ERR_TAG: invalid tag");
    /* As long as it gets: cut, not overrun. */
    EXPECT(
        MPI_ERR_INFO_KEY,
        MPI_Info_set(
            MPI_INFO_ENV,
            "a key that is much longer than the thirty-five characters that a key of an info "
            "object "
            "may have, so long that the line which explains it does not fit into the string of an "
            "error, which has two hundred and fifty-six characters with its end",
            "value"));
    MPI_Error_string(MPI_ERR_INFO_KEY, text, &length);
    ck_assert_int_eq(length, (int)strlen(text));
    ck_assert_int_eq(length, MPI_MAX_ERROR_STRING - 1);
}
END_TEST

/* A status is told of bytes; elements are counted in the type asked for. */
START_TEST(counts)
{
    MPI_Status status;
    int count, cancelled;

    memset(&status, 0, sizeof(status));
    MPI_Status_set_elements(&status, MPI_INT, 3);
    MPI_Get_count(&status, MPI_INT, &count);
    ck_assert_int_eq(count, 3);
    MPI_Get_count(&status, MPI_DOUBLE, &count);
    ck_assert_int_eq(count, MPI_UNDEFINED);
    MPI_Get_elements(&status, MPI_BYTE, &count);
    ck_assert_int_eq(count, 12);
    MPI_Status_set_cancelled(&status, 1);
    MPI_Test_cancelled(&status, &cancelled);
    ck_assert(cancelled);
    status._ucount = (size_t)1 << 40;
    MPI_Get_count(&status, MPI_BYTE, &count);
    ck_assert_int_eq(count, MPI_UNDEFINED);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("errors");
    TCase *test = tcase_create("errors");
    SRunner *runner;
    int failed, provided;

    program = argv[0];
    for (unsigned i = 0; argc > 1 && i < sizeof(fatals) / sizeof(fatals[0]); i++) {
        if (strcmp(argv[1], fatals[i].name) != 0)
            continue;
        if (fatals[i].initialise)
            MPI_Init(&argc, &argv);
        fatals[i].run();
        return 0; /* not reached where it is fatal */
    }
    MPI_Init_thread(&argc, &argv, getenv("THREADS") ? MPI_THREAD_MULTIPLE : MPI_THREAD_SINGLE,
                    &provided);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    tcase_add_loop_test(test, ends_the_job, 0, sizeof(fatals) / sizeof(fatals[0]));
    tcase_add_test(test, point_to_point);
    tcase_add_test(test, collective);
    tcase_add_test(test, objects);
    tcase_add_test(test, handlers);
    tcase_add_test(test, files);
    tcase_add_test(test, added);
    tcase_add_test(test, explained);
    tcase_add_test(test, counts);
    suite_add_tcase(suite, test);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    MPI_Finalize();
    return failed != 0;
}
