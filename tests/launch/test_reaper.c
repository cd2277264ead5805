/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: domains of a job are destroyed however its agent ends, within three seconds; those of other jobs are not; and what the
 * death of the reaper itself leaves behind, the next run clears. `xl` is tests/launch/fake_xl.
 */
#include "launch/reaper.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/domain.h"
#include "launch/loop.h"

static char root[64], state[80], base[80];
static unsigned next_id;

static void set_up(void)
{
    char path[256], link[80];

    strcpy(root, "/tmp/caravan-test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    snprintf(state, sizeof(state), "%s/domains", root);
    snprintf(base, sizeof(base), "%s/run", root);
    snprintf(link, sizeof(link), "%s/xl", root);
    ck_assert_int_eq(mkdir(state, 0755), 0);
    ck_assert_int_eq(symlink(getenv("FAKE_XL_SCRIPT"), link), 0);
    snprintf(path, sizeof(path), "%s:/usr/bin:/bin", root);
    setenv("PATH", path, 1);
    setenv("FAKE_XL", state, 1);
    next_id = 1;
}

static void tear_down(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    ck_assert_int_eq(system(command), 0);
}

/* As fake_xl keeps it. */
static void write_state(const char *prefix, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s%u", state, prefix, next_id);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "%s\n", text);
    fclose(file);
}

static void make_domain(uint32_t job, uint32_t process, bool named)
{
    char name[DOMAIN_MAX_NAME], uuid[DOMAIN_MAX_UUID];

    domain_name(name, job, process);
    domain_uuid(uuid, job, process);
    if (named)
        write_state("name-", name);
    write_state("", uuid);
    next_id++;
}

static unsigned count(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    unsigned found = 0;

    while (directory && (entry = readdir(directory)))
        found += entry->d_name[0] != '.' && strncmp(entry->d_name, "name-", 5) != 0;
    if (directory)
        closedir(directory);
    return found;
}

/* Until there are so many domains, and so many files of jobs. */
static void wait_for(unsigned domains, unsigned files)
{
    uint64_t end = loop_now() + 3000000000u;

    while (count(state) != domains || count(base) != files) {
        ck_assert_msg(loop_now() < end, "%u domains and %u files after 3 s", count(state),
                      count(base));
        usleep(5000);
    }
}

/* An agent with domains 0 and 1 of job 7, and then `end`. */
static pid_t start_agent(void (*end)(struct reaper *reaper))
{
    int ready[2];
    char byte;
    pid_t pid;

    ck_assert_int_eq(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        struct reaper *reaper = reaper_start();

        if (!reaper || !reaper_open(reaper, base, 7, 0) || reaper_add(reaper, 0) < 0 ||
            reaper_add(reaper, 1) < 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        end(reaper);
        _exit(0);
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void sleep_on(struct reaper *reaper)
{
    sleep(30);
}

static void exit_status_is(pid_t pid, int wanted)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, wanted);
}

START_TEST(agent_killed)
{
    pid_t agent = start_agent(sleep_on);

    make_domain(7, 0, true);
    make_domain(7, 1, false); /* no name yet: xl create was on its way */
    make_domain(7, 2, true);  /* another agent's, of the same job */
    make_domain(8, 0, true);
    ck_assert_uint_eq(count(base), 2);
    kill(agent, SIGKILL);
    exit_status_is(agent, SIGKILL);
    wait_for(2, 0);
}
END_TEST

static void finish(struct reaper *reaper)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/00000007.0/program.cpio", base);
    if (creat(path, 0600) < 0)
        _exit(2);
    make_domain(7, 0, true);
    make_domain(7, 3, true);
    if (reaper_remove(reaper, 1) < 0 || reaper_finish(reaper, 5000) < 0)
        _exit(3);
    /* All is done by now, and not a little later. */
    _exit(count(state) == 1 && count(base) == 0 ? 0 : 4);
}

START_TEST(agent_finishes)
{
    exit_status_is(start_agent(finish), 0);
}
END_TEST

static pid_t reaper_pid(void)
{
    DIR *directory = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;

    while ((entry = readdir(directory))) {
        char path[300], name[32] = "", line[4096] = "";
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
        file = fopen(path, "r");
        if (!file)
            continue;
        if (fgets(name, sizeof(name), file) && strcmp(name, "caravan-reaper\n") == 0) {
            snprintf(path, sizeof(path), "/proc/%s/environ", entry->d_name);

            FILE *environment = fopen(path, "r");

            /* Of this test: the environment has its parent's PATH, which is nobody else's. */
            if (environment) {
                size_t length = fread(line, 1, sizeof(line) - 1, environment);

                fclose(environment);
                if (memmem(line, length, getenv("REAPER_TEST_MARK"),
                           strlen(getenv("REAPER_TEST_MARK"))))
                    found = (pid_t)atoi(entry->d_name);
            }
        }
        fclose(file);
    }
    closedir(directory);
    return found;
}

START_TEST(reaper_killed)
{
    char error[256];
    pid_t agent = start_agent(sleep_on), reaper = reaper_pid();

    make_domain(7, 0, true);
    make_domain(8, 0, true);
    ck_assert_int_gt(reaper, 0);
    kill(reaper, SIGKILL);
    /* The agent lives: its domains are no leftovers; those of a job without any file are. */
    ck_assert_int_eq(reaper_clear_leftovers(base, error, sizeof(error)), 1);
    ck_assert_uint_eq(count(state), 1);
    ck_assert_uint_eq(count(base), 2);
    kill(agent, SIGKILL);
    exit_status_is(agent, SIGKILL);
    ck_assert_int_eq(reaper_clear_leftovers(base, error, sizeof(error)), 1);
    ck_assert_uint_eq(count(state), 0);
    ck_assert_uint_eq(count(base), 0);
    ck_assert_int_eq(reaper_clear_leftovers(base, error, sizeof(error)), 0);
}
END_TEST

static void tell_the_dead(struct reaper *reaper)
{
    pid_t pid = reaper_pid();

    kill(pid, SIGKILL);
    while (kill(pid, 0) == 0)
        usleep(1000);
    _exit(reaper_add(reaper, 2) == -EPIPE && reaper_finish(reaper, 1000) == -EPIPE ? 0 : 5);
}

START_TEST(reaper_gone)
{
    exit_status_is(start_agent(tell_the_dead), 0);
}
END_TEST

START_TEST(signals_do_not_end_it)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1};
    pid_t agent = start_agent(sleep_on), reaper = reaper_pid();

    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        kill(reaper, numbers[i]);
    make_domain(7, 1, true);
    usleep(20000);
    ck_assert_int_eq(kill(reaper, 0), 0);
    ck_assert_uint_eq(count(state), 1);
    kill(agent, SIGKILL);
    exit_status_is(agent, SIGKILL);
    wait_for(0, 0);
}
END_TEST

int main(void)
{
    char mark[64];

    /* Before any process of ours is started: it is in the environment of all of them, as exec left it. */
    if (!getenv("REAPER_TEST_MARK")) {
        snprintf(mark, sizeof(mark), "%d-%llx", (int)getpid(), (unsigned long long)loop_now());
        setenv("REAPER_TEST_MARK", mark, 1);
        execl("/proc/self/exe", "test_reaper", NULL);
        return 1;
    }

    Suite *suite = suite_create("launch reaper");
    TCase *tests = tcase_create("reaper");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, agent_killed);
    tcase_add_test(tests, agent_finishes);
    tcase_add_test(tests, reaper_killed);
    tcase_add_test(tests, reaper_gone);
    tcase_add_test(tests, signals_do_not_end_it);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
