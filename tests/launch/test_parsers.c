/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: host lists, hostfiles and command lines are read as docs/mpirun.md says, wrong ones are refused with the place
 * named, and nearest() finds what was meant.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launch/hostfile.h"
#include "launch/nearest.h"
#include "launch/options.h"

static struct hosts hosts;
static char error[512];

static void tear_down(void)
{
    hosts_clear(&hosts);
    error[0] = '\0';
}

/* ---- hosts ------------------------------------------------------------------------------------ */

static void expect_host(size_t index, const char *name, unsigned slots)
{
    ck_assert_uint_lt(index, hosts.count);
    ck_assert_str_eq(hosts.list[index].name, name);
    ck_assert_uint_eq(hosts.list[index].slots, slots);
}

static int parse_file(const char *text)
{
    char *copy = strdup(text);
    int result = hosts_parse_file(&hosts, copy, error, sizeof(error));

    free(copy);
    return result;
}

START_TEST(lists)
{
    ck_assert_int_eq(hosts_parse_list(&hosts, "a,b:4,a,c:*,[fe80::1%eth0]:2,::1", error, 512), 0);
    ck_assert_uint_eq(hosts.count, 5);
    expect_host(0, "a", 2);
    expect_host(1, "b", 4);
    expect_host(2, "c", 0);
    expect_host(3, "fe80::1%eth0", 2);
    expect_host(4, "::1", 1);
}
END_TEST

START_TEST(wrong_lists)
{
    static const char *const wrong[] = {"",    ",",   "a:",   "a:0",  "a:-1",       "a:1x",
                                        "-a",  "a b", "a;rm", "$(x)", "a:99999999", ":4",
                                        "a/b", "[]",  "[a",   "a\nb", "'a'",        "a:b:c;"};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        error[0] = '\0';
        ck_assert_msg(hosts_parse_list(&hosts, wrong[i], error, 512) == -EINVAL, "'%s'", wrong[i]);
        ck_assert_msg(*error, "'%s' without a message", wrong[i]);
        hosts_clear(&hosts);
    }
}
END_TEST

START_TEST(files)
{
    ck_assert_int_eq(parse_file("# all of them\n"
                                "a slots=2 max_slots=4\n"
                                "\n"
                                "user@b  cpus=3 # and a comment\r\n"
                                "\tc:5\n"
                                "d\n"
                                "a slots=1\n"
                                "e count=7"),
                     0);
    ck_assert_uint_eq(hosts.count, 5);
    expect_host(0, "a", 3);
    expect_host(1, "user@b", 3);
    expect_host(2, "c", 5);
    expect_host(3, "d", 0);
    expect_host(4, "e", 7);
}
END_TEST

START_TEST(wrong_files)
{
    static const struct {
        const char *text, *message;
    } wrong[] = {
        {"", "it names no host"},
        {"# nothing\n\n", "it names no host"},
        {"a\nb slots\n", "line 2: 'slots' does not say how many slots"},
        {"a slots=x\n", "line 1: 'slots=x' does not say how many slots"},
        {"a slot=2\n", "line 1: 'slot=2' has no meaning in a hostfile; did you mean 'slots'?"},
        {"a\n\n-b\n", "line 3: that is not a host name"},
        {"a colour=red\n", "line 1: 'colour=red' has no meaning in a hostfile"},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        ck_assert_int_eq(parse_file(wrong[i].text), -EINVAL);
        ck_assert_str_eq(error, wrong[i].message);
        hosts_clear(&hosts);
    }
}
END_TEST

/* ---- command lines ---------------------------------------------------------------------------- */

static struct options options;
static char messages[4096];

static int parse(const char *line)
{
    char *copy = strdup(line), *words[64], *place = NULL;
    FILE *errors = fmemopen(messages, sizeof(messages), "w");
    int count = 0;

    for (char *word = strtok_r(copy, " ", &place); word; word = strtok_r(NULL, " ", &place))
        words[count++] = word;
    words[count] = NULL;
    messages[0] = '\0';

    int result = options_parse(&options, count, words, errors);

    fclose(errors);
    free(copy);
    return result;
}

START_TEST(options_and_programs)
{
    ck_assert_int_eq(parse("-n 2 --host=a,b:3 -x A=1 -x A=2 ./p -n 3 : --np 4 -wdir /tmp q : r"),
                     0);
    ck_assert_uint_eq(options.program_count, 3);
    ck_assert_uint_eq(options.programs[0].ranks, 2);
    ck_assert_uint_eq(options.programs[0].hosts.count, 2);
    ck_assert_uint_eq(options.programs[0].arguments.count, 3);
    ck_assert_str_eq(options.programs[0].arguments.list[1], "-n");
    ck_assert_uint_eq(options.programs[0].environment.count, 1);
    ck_assert_str_eq(options.programs[0].environment.list[0], "A=2");
    ck_assert_uint_eq(options.programs[1].ranks, 4);
    ck_assert_str_eq(options.programs[1].directory, "/tmp");
    ck_assert_uint_eq(options.programs[2].ranks, 0);
    options_clear(&options);
}
END_TEST

START_TEST(option_values)
{
    ck_assert_int_eq(parse("-mca btl tcp,self --link ring --ethertype 0x88b6 --map-by node:PE=2"
                           " --timeout 7 --bind-to core:overload-allowed --output-filename d:nocopy"
                           " --launch-agent x --eth eth0,eth1 -- -p"),
                     0);
    ck_assert_str_eq(strings_value(&options.parameters, "btl"), "tcp,self");
    ck_assert_str_eq(options.link, "ring");
    ck_assert_uint_eq(options.ethertype, 0x88b6);
    ck_assert_int_eq(options.mapping, MAP_NODE);
    ck_assert_uint_eq(options.timeout, 7);
    ck_assert_int_eq(options.binding, BIND_CORE);
    ck_assert_str_eq(options.output_directory, "d");
    ck_assert(!options.output_copied);
    ck_assert_str_eq(options.interfaces, "eth0,eth1");
    ck_assert_str_eq(options.programs[0].arguments.list[0], "-p");
    options_clear(&options);
}
END_TEST

START_TEST(domains)
{
    static const char *const wrong[] = {"--mem 0 p",     "--mem 12x p",   "--mem G p",
                                        "--cpus 1- p",   "--cpus p",      "--bridge a/b p",
                                        "--mem 2000G p", "--bridge .. p", "--domu=1 p"};

    ck_assert_int_eq(parse("-n 1 p : --domu --mem 2G --cpus 1-3,6 --bridge br0 q"), 0);
    ck_assert(!options.programs[0].domu && options.programs[1].domu);
    ck_assert(options_have_domains(&options));
    ck_assert_uint_eq(options.memory, 2048);
    ck_assert_str_eq(options.cpus, "1-3,6");
    ck_assert_str_eq(options.bridge, "br0");
    options_clear(&options);
    ck_assert_int_eq(parse("--mem 64m p"), 0);
    ck_assert_uint_eq(options.memory, 64);
    ck_assert(!options_have_domains(&options));
    options_clear(&options);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        ck_assert_msg(parse(wrong[i]) < 0, "%s", wrong[i]);
        options_clear(&options);
    }
}
END_TEST

START_TEST(wrong_command_lines)
{
    static const struct {
        const char *line, *message;
    } wrong[] = {
        {"", "which program?"},
        {"-n 2", "which program?"},
        {"a :", "which program?"},
        {": a", "which program?"},
        {"-n", "'-n' wants a value"},
        {"--mca a", "'--mca' wants a name and a value"},
        {"--mca=a b c", "'--mca' takes two words behind it"},
        {"--tag-output=yes a", "'--tag-output' takes no value"},
        {"-n x a", "'x' is not a value for '-n', which is written N"},
        {"--taag-output a", "did you mean '--tag-output'?"},
        {"--hostfiel x a", "did you mean '--hostfile'?"},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        ck_assert_msg(parse(wrong[i].line) == -EINVAL, "'%s'", wrong[i].line);
        ck_assert_msg(strstr(messages, wrong[i].message), "'%s': %s", wrong[i].line, messages);
        options_clear(&options);
    }
}
END_TEST

START_TEST(parameters_from_the_environment)
{
    char *const environment[] = {(char[]){"OMPI_MCA_btl=vader"},
                                 (char[]){"OMPI_MCA_rmaps_base_oversubscribe=1"},
                                 (char[]){"HOME=/"},
                                 (char[]){"OMPI_MCA_pml=ob1"},
                                 (char[]){"MPIEXEC_TIMEOUT=9"},
                                 NULL};

    ck_assert_int_eq(parse("--mca btl self p"), 0);
    options_read_environment(&options, environment);
    ck_assert_str_eq(strings_value(&options.parameters, "btl"), "self");
    ck_assert_str_eq(strings_value(&options.parameters, "pml"), "ob1");
    ck_assert_uint_eq(options.ignored.count, 2);
    ck_assert_uint_eq(options.timeout, 9);
    ck_assert(options.oversubscribe);
    options_clear(&options);
}
END_TEST

/* ---- the nearest name ------------------------------------------------------------------------- */

START_TEST(nearest_names)
{
    static const char *const names[] = {"hostfile", NULL, "tag-output", "n"};

    ck_assert_str_eq(nearest("hostfil", names, 4, sizeof(*names)), "hostfile");
    ck_assert_str_eq(nearest("hsotfile", names, 4, sizeof(*names)), "hostfile");
    ck_assert_str_eq(nearest("tagoutput", names, 4, sizeof(*names)), "tag-output");
    ck_assert_ptr_null(nearest("something-else", names, 4, sizeof(*names)));
    ck_assert_ptr_null(nearest("", names, 1, sizeof(*names)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch parsers");
    TCase *tests = tcase_create("parsers");

    tcase_add_checked_fixture(tests, NULL, tear_down);
    tcase_add_test(tests, lists);
    tcase_add_test(tests, wrong_lists);
    tcase_add_test(tests, files);
    tcase_add_test(tests, wrong_files);
    tcase_add_test(tests, options_and_programs);
    tcase_add_test(tests, option_values);
    tcase_add_test(tests, domains);
    tcase_add_test(tests, wrong_command_lines);
    tcase_add_test(tests, parameters_from_the_environment);
    tcase_add_test(tests, nearest_names);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
