/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/options.c: see options.h. To add an option: a line in `table`, a case in `take`, a line in docs/mpirun.md.
 */
#include "launch/options.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "launch/domain.h"
#include "launch/nearest.h"

enum id {
    OPT_RANKS,
    OPT_PER_NODE,
    OPT_ONE_PER_NODE,
    OPT_HOST,
    OPT_HOSTFILE,
    OPT_EXPORT,
    OPT_DIRECTORY,
    OPT_TAG_OUTPUT,
    OPT_TIMESTAMP_OUTPUT,
    OPT_MERGE_STDERR,
    OPT_OUTPUT_FILENAME,
    OPT_TIMEOUT,
    OPT_STALL_REPORT,
    OPT_BIND_TO,
    OPT_REPORT_BINDINGS,
    OPT_REPORT_PHASES,
    OPT_MAP_BY,
    OPT_MAP_BY_NODE,
    OPT_DISPLAY_MAP,
    OPT_MCA,
    OPT_LINK,
    OPT_ETH,
    OPT_ETHERTYPE,
    OPT_PEER_TIMEOUT,
    OPT_POCKET,
    OPT_LAUNCH_AGENT,
    OPT_START_TIMEOUT,
    OPT_KILL_GRACE,
    OPT_PREFIX,
    OPT_DOMU,
    OPT_MEMORY,
    OPT_CPUS,
    OPT_BRIDGE,
    OPT_CHECK,
    OPT_RECOVERY,
    OPT_OVERSUBSCRIBE,
    OPT_QUIET,
    OPT_HELP,
    OPT_VERSION,
    OPT_AS_IS,   /* what it asks for is the case anyway */
    OPT_IGNORED, /* has no meaning here, which is said once */
};

/* Each is taken with one dash or two, and with its argument as the next word or behind '='. */
static const struct option {
    const char *name;
    enum id id;
    unsigned arguments;
    const char *argument; /* its name in the help */
    const char *help;     /* NULL: another name of what is above, or not worth a line */
} table[] = {
    {"n", OPT_RANKS, 1, "N", "start N ranks of the program (also -np, -c); without it one a slot"},
    {"np", OPT_RANKS, 1, NULL, NULL},
    {"c", OPT_RANKS, 1, NULL, NULL},
    {"N", OPT_PER_NODE, 1, "N", "at most N ranks on each node (also -npernode)"},
    {"npernode", OPT_PER_NODE, 1, NULL, NULL},
    {"ppn", OPT_PER_NODE, 1, NULL, NULL},
    {"pernode", OPT_ONE_PER_NODE, 0, NULL, NULL},
    {"host", OPT_HOST, 1, "A,B:4,...", "the hosts, each with a number of slots (also -H)"},
    {"H", OPT_HOST, 1, NULL, NULL},
    {"hostfile", OPT_HOSTFILE, 1, "FILE",
     "the hosts, one a line: NAME slots=N (also -machinefile)"},
    {"machinefile", OPT_HOSTFILE, 1, NULL, NULL},
    {"x", OPT_EXPORT, 1, "NAME[=VALUE]", "set an environment variable for the ranks"},
    {"wdir", OPT_DIRECTORY, 1, "DIR", "start the ranks in this directory (also -wd)"},
    {"wd", OPT_DIRECTORY, 1, NULL, NULL},
    {"tag-output", OPT_TAG_OUTPUT, 0, NULL, "put [1,RANK]<stdout>: before every line"},
    {"timestamp-output", OPT_TIMESTAMP_OUTPUT, 0, NULL, "put the time before every line"},
    {"merge-stderr-to-stdout", OPT_MERGE_STDERR, 0, NULL,
     "send the ranks' standard error to standard output"},
    {"output-filename", OPT_OUTPUT_FILENAME, 1, "DIR[:nocopy]",
     "write each rank's output below DIR as well, or only there"},
    {"timeout", OPT_TIMEOUT, 1, "SECONDS", "end the job after that time, with status 110"},
    {"stall-report", OPT_STALL_REPORT, 1, "SECONDS",
     "tell what every rank waits for when no message has moved for that time"},
    {"bind-to", OPT_BIND_TO, 1, "OBJECT",
     "none (the default), hwthread, core, l3cache, numa, socket"},
    {"report-bindings", OPT_REPORT_BINDINGS, 0, NULL, "say what each rank was bound to"},
    {"map-by", OPT_MAP_BY, 1, "slot|node|ppr:N:node",
     "fill one node after the other (slot), or in turn (node)"},
    {"bynode", OPT_MAP_BY_NODE, 0, NULL, NULL},
    {"byslot", OPT_AS_IS, 0, NULL, NULL},
    {"display-map", OPT_DISPLAY_MAP, 0, NULL, "say which ranks go where"},
    {"mca", OPT_MCA, 2, "NAME VALUE", "set OMPI_MCA_NAME for the ranks"},
    {"gmca", OPT_MCA, 2, NULL, NULL},
    {"link", OPT_LINK, 1, "auto|ring|wire",
     "reach other ranks by shared memory, by frames, or as fits"},
    {"eth", OPT_ETH, 1, "NAME[,NAME]",
     "the network interface; of several the first that a node has"},
    {"ethertype", OPT_ETHERTYPE, 1, "NUMBER", "of the frames; 0x88B5 without it"},
    {"peer-timeout", OPT_PEER_TIMEOUT, 1, "SECONDS",
     "declare an unreachable node down after that time (10)"},
    {"pocket", OPT_POCKET, 0, NULL,
     "on a Xen host that runs in QEMU here, started if need be (docs/pocket.md)"},
    {"launch-agent", OPT_LAUNCH_AGENT, 1, "CMD",
     "enter every host by `CMD HOST COMMAND...` instead of ssh"},
    {"start-timeout", OPT_START_TIMEOUT, 1, "SECONDS", "for a host to answer (30)"},
    {"kill-grace", OPT_KILL_GRACE, 1, "MS", "between TERM and KILL when the job ends (1000)"},
    {"prefix", OPT_PREFIX, 1, "DIR", "where Caravan is installed on other hosts"},
    {"domu", OPT_DOMU, 0, NULL, "make every rank a Xen domain; for this program of several"},
    {"mem", OPT_MEMORY, 1, "MIB[G]", "memory of each domain (128)"},
    {"cpus", OPT_CPUS, 1, "LIST",
     "pin the domains of a host to these processors, as 1-3,6, in turn"},
    {"bridge", OPT_BRIDGE, 1, "NAME", "of the domains' network; without it the one that there is"},
    {"report-phases", OPT_REPORT_PHASES, 0, NULL,
     "say how long each domain took to make, to boot, to run and to destroy"},
    {"check", OPT_CHECK, 0, NULL,
     "ranks say at MPI_Finalize what they did not free, wait for or receive"},
    {"enable-recovery", OPT_RECOVERY, 0, NULL, "a rank that ends badly does not end the job"},
    {"continuous", OPT_RECOVERY, 0, NULL, NULL},
    {"quiet", OPT_QUIET, 0, NULL, "no warnings (also -q)"},
    {"q", OPT_QUIET, 0, NULL, NULL},
    {"help", OPT_HELP, 0, NULL, "this"},
    {"h", OPT_HELP, 0, NULL, NULL},
    {"version", OPT_VERSION, 0, NULL, "the version (also -V)"},
    {"V", OPT_VERSION, 0, NULL, NULL},
    {"oversubscribe", OPT_OVERSUBSCRIBE, 0, NULL,
     "no warning about more ranks than cores; slots refuse nothing"},
    {"allow-run-as-root", OPT_AS_IS, 0, NULL, "as always"},
    {"nooversubscribe", OPT_IGNORED, 0, NULL, NULL},
    {"use-hwthread-cpus", OPT_AS_IS, 0, NULL, NULL},
    {"bind-to-none", OPT_AS_IS, 0, NULL, NULL},
    {"disable-recovery", OPT_AS_IS, 0, NULL, NULL},
    {"rank-by", OPT_IGNORED, 1, NULL, NULL},
    {"verbose", OPT_IGNORED, 0, NULL, NULL},
    {"v", OPT_IGNORED, 0, NULL, NULL},
    {"display-allocation", OPT_IGNORED, 0, NULL, NULL},
    {"noprefix", OPT_AS_IS, 0, NULL, NULL},
    {"tune", OPT_IGNORED, 1, NULL, NULL},
    {"am", OPT_IGNORED, 1, NULL, NULL},
    {"cpu-set", OPT_IGNORED, 1, NULL, NULL},
    {"cpus-per-proc", OPT_IGNORED, 1, NULL, NULL},
    {"cpus-per-rank", OPT_IGNORED, 1, NULL, NULL},
};

enum { OPTIONS = sizeof(table) / sizeof(*table) };

void options_help(FILE *to)
{
    fputs("Usage: mpirun [OPTION]... PROGRAM [ARGUMENT]... [: [OPTION]... PROGRAM ...]\n"
          "Run ranks of an MPI program, or of any other, here or on several hosts.\n\n",
          to);
    for (size_t i = 0; i < OPTIONS; i++) {
        char left[48];

        if (!table[i].help)
            continue;
        snprintf(left, sizeof(left), "%s%s%s%s", strlen(table[i].name) > 1 ? "--" : "-",
                 table[i].name, table[i].argument ? " " : "",
                 table[i].argument ? table[i].argument : "");
        fprintf(to, "  %-30s %s\n", left, table[i].help);
    }
    fputs("\nNames may be written with one dash or two. docs/mpirun.md has the details.\n", to);
}

/* A whole number between `least` and `most`, in any base that C writes. */
static int parse_number(const char *text, unsigned long least, unsigned long most, unsigned *value)
{
    char *end;
    unsigned long number;

    if (!isdigit((unsigned char)text[0]))
        return -EINVAL;
    errno = 0;
    number = strtoul(text, &end, text[0] == '0' && text[1] ? 0 : 10);
    if (errno || *end || number < least || number > most)
        return -EINVAL;
    *value = (unsigned)number;
    return 0;
}

/* MiB: `256`, `256M`, `2G`. */
static int parse_memory(const char *text, unsigned *memory)
{
    size_t digits = strspn(text, "0123456789");
    bool gigabytes = strcasecmp(text + digits, "g") == 0;
    char number[16];

    if (!gigabytes && text[digits] && strcasecmp(text + digits, "m") != 0)
        return -EINVAL;
    snprintf(number, sizeof(number), "%.*s", (int)digits, text);
    if (parse_number(number, 1, gigabytes ? 1 << 10 : 1 << 20, memory) < 0)
        return -EINVAL;
    if (gigabytes)
        *memory <<= 10;
    return 0;
}

static void set_text(char **to, const char *text)
{
    free(*to);
    *to = text_copy(text);
}

/* `slot`, `node`, `core`, ..., `ppr:N:node`, with modifiers such as `:PE=2,OVERSUBSCRIBE` behind. */
static int take_mapping(struct options *options, struct option_program *program, const char *text)
{
    static const char *const by_slot[] = {"slot",    "core",  "hwthread", "socket",
                                          "package", "numa",  "l1cache",  "l2cache",
                                          "l3cache", "board", "dist",     "seq"};
    char word[32];
    unsigned count;

    if (strcasestr(text, ":oversubscribe") || strcasestr(text, ",oversubscribe"))
        options->oversubscribe = true;
    if (strncmp(text, "ppr:", 4) == 0) {
        size_t digits = strcspn(text + 4, ":");

        snprintf(word, sizeof(word), "%.*s", (int)digits, text + 4);
        if (parse_number(word, 1, MAX_RANKS, &count) < 0 || text[4 + digits] != ':' ||
            strncmp(text + 5 + digits, "node", 4) != 0)
            return -EINVAL;
        program->per_node = count;
        return 0;
    }
    snprintf(word, sizeof(word), "%.*s", (int)strcspn(text, ":"), text);
    if (strcmp(word, "node") == 0) {
        options->mapping = MAP_NODE;
        return 0;
    }
    options->mapping = MAP_SLOT;
    if (!*word && text[0] == ':')
        return 0; /* `:oversubscribe` alone */
    for (size_t i = 0; i < sizeof(by_slot) / sizeof(*by_slot); i++)
        if (strcmp(word, by_slot[i]) == 0)
            return 0;
    return -EINVAL;
}

static bool is_assignment(const char *text)
{
    size_t length = strcspn(text, "=");

    return length > 0;
}

static void take_output_directory(struct options *options, const char *text)
{
    size_t length = strcspn(text, ":");

    options->output_copied = !strstr(text + length, ":nocopy") && !strstr(text + length, ",nocopy");
    free(options->output_directory);
    options->output_directory = text_format("%.*s", (int)length, text);
}

/* 0, or -EINVAL when the argument makes no sense. */
static int take(struct options *options, struct option_program *program,
                const struct option *option, char *const *argument, char *error, size_t size)
{
    switch (option->id) {
    case OPT_RANKS:
        return parse_number(argument[0], 1, MAX_RANKS, &program->ranks);
    case OPT_PER_NODE:
        return parse_number(argument[0], 1, MAX_RANKS, &program->per_node);
    case OPT_ONE_PER_NODE:
        program->per_node = 1;
        return 0;
    case OPT_HOST:
        return hosts_parse_list(&program->hosts, argument[0], error, size);
    case OPT_HOSTFILE:
        set_text(&program->hostfile, argument[0]);
        return 0;
    case OPT_EXPORT:
        if (!is_assignment(argument[0]))
            return -EINVAL;
        if (strchr(argument[0], '='))
            strings_set(&program->environment, argument[0]);
        else
            strings_add(&program->environment, argument[0]);
        return 0;
    case OPT_DIRECTORY:
        set_text(&program->directory, argument[0]);
        return *argument[0] ? 0 : -EINVAL;
    case OPT_TAG_OUTPUT:
        options->tag_output = true;
        return 0;
    case OPT_TIMESTAMP_OUTPUT:
        options->timestamp_output = true;
        return 0;
    case OPT_MERGE_STDERR:
        options->merge_stderr = true;
        return 0;
    case OPT_OUTPUT_FILENAME:
        take_output_directory(options, argument[0]);
        return *options->output_directory ? 0 : -EINVAL;
    case OPT_TIMEOUT:
        return parse_number(argument[0], 1, INT_MAX, &options->timeout);
    case OPT_STALL_REPORT:
        return parse_number(argument[0], 1, 86400, &options->stall_report);
    case OPT_BIND_TO:
        return binding_parse(argument[0], &options->binding);
    case OPT_REPORT_BINDINGS:
        options->report_bindings = true;
        return 0;
    case OPT_REPORT_PHASES:
        options->report_phases = true;
        return 0;
    case OPT_MAP_BY:
        return take_mapping(options, program, argument[0]);
    case OPT_MAP_BY_NODE:
        options->mapping = MAP_NODE;
        return 0;
    case OPT_DISPLAY_MAP:
        options->display_map = true;
        return 0;
    case OPT_MCA:
        if (!*argument[0] || strchr(argument[0], '='))
            return -EINVAL;
        strings_setf(&options->parameters, "%s=%s", argument[0], argument[1]);
        return 0;
    case OPT_LINK:
        options->link = strcmp(argument[0], "auto") == 0   ? "auto"
                        : strcmp(argument[0], "ring") == 0 ? "ring"
                        : strcmp(argument[0], "wire") == 0 ? "wire"
                                                           : NULL;
        return options->link ? 0 : -EINVAL;
    case OPT_ETH:
        set_text(&options->interfaces, argument[0]);
        return *argument[0] && strlen(argument[0]) < 1024 ? 0 : -EINVAL;
    case OPT_ETHERTYPE:
        /* Below 0x600 the field is a length (IEEE 802.3). */
        return parse_number(argument[0], 0x600, 0xffff, &options->ethertype);
    case OPT_PEER_TIMEOUT:
        return parse_number(argument[0], 1, 86400, &options->peer_timeout);
    case OPT_POCKET:
        options->pocket = true;
        return 0;
    case OPT_LAUNCH_AGENT:
        set_text(&options->launch_agent, argument[0]);
        return strspn(argument[0], " \t") < strlen(argument[0]) ? 0 : -EINVAL;
    case OPT_START_TIMEOUT:
        return parse_number(argument[0], 1, 86400, &options->start_timeout);
    case OPT_KILL_GRACE:
        return parse_number(argument[0], 1, 600000, &options->kill_grace);
    case OPT_PREFIX:
        set_text(&options->prefix, argument[0]);
        return *argument[0] == '/' ? 0 : -EINVAL;
    case OPT_DOMU:
        program->domu = true;
        return 0;
    case OPT_MEMORY:
        return parse_memory(argument[0], &options->memory);
    case OPT_CPUS:
        set_text(&options->cpus, argument[0]);
        return domain_cpu(options->cpus, 0) < 0 ? -EINVAL : 0;
    case OPT_BRIDGE:
        set_text(&options->bridge, argument[0]);
        return domain_bridge_is_name(argument[0]) ? 0 : -EINVAL;
    case OPT_CHECK:
        options->check = true;
        return 0;
    case OPT_RECOVERY:
        options->recovery = true;
        return 0;
    case OPT_OVERSUBSCRIBE:
        options->oversubscribe = true;
        return 0;
    case OPT_QUIET:
        options->quiet = true;
        return 0;
    case OPT_HELP:
        options->action = ACTION_HELP;
        return 0;
    case OPT_VERSION:
        options->action = ACTION_VERSION;
        return 0;
    case OPT_AS_IS:
        return 0;
    case OPT_IGNORED:
        strings_setf(&options->ignored, "--%s=", option->name);
        return 0;
    }
    return -EINVAL;
}

static const struct option *find_option(const char *name, size_t length)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (strlen(table[i].name) == length && strncmp(table[i].name, name, length) == 0)
            return &table[i];
    return NULL;
}

static int unknown(const char *word, FILE *errors)
{
    char name[64];
    const char *start = word + strspn(word, "-"), *meant;

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(start, "="), start);
    meant = nearest(name, &table[0].name, OPTIONS, sizeof(table[0]));
    fprintf(errors, "mpirun: there is no option '%.100s'", word);
    if (meant)
        fprintf(errors, "; did you mean '%s%s'?", strlen(meant) > 1 ? "--" : "-", meant);
    fputs("\nmpirun: `mpirun --help` lists them all\n", errors);
    return -EINVAL;
}

/* One program with the options before it, up to ':' or the end. How many words it was, or -EINVAL. */
static int parse_program(struct options *options, int argc, char *const *argv, FILE *errors)
{
    struct option_program *program = &options->programs[options->program_count - 1];
    int i = 0;

    while (i < argc && argv[i][0] == '-' && argv[i][1]) {
        const char *word = argv[i], *name = word + (word[1] == '-' ? 2 : 1);
        size_t length = strcspn(name, "=");
        const struct option *option = find_option(name, length);
        char *given = name[length] == '=' ? argv[i] + (name - word) + length + 1 : NULL;
        char *const *arguments = given ? &given : &argv[i + 1];
        char error[256] = "";

        i++;
        if (strcmp(word, "--") == 0)
            break;
        if (!option)
            return unknown(word, errors);
        if (given && option->arguments != 1) {
            fprintf(errors, "mpirun: '%s%s' takes %s\n", strlen(option->name) > 1 ? "--" : "-",
                    option->name, option->arguments ? "two words behind it" : "no value");
            return -EINVAL;
        }
        if (!given) {
            if (argc - i < (int)option->arguments) {
                fprintf(errors, "mpirun: '%s' wants %s\n", word,
                        option->arguments == 2 ? "a name and a value" : "a value");
                return -EINVAL;
            }
            i += (int)option->arguments;
        }
        if (take(options, program, option, arguments, error, sizeof(error)) < 0) {
            if (*error)
                fprintf(errors, "mpirun: %s\n", error);
            else
                fprintf(errors, "mpirun: '%.100s' is not a value for '%s%s'%s%s\n", arguments[0],
                        strlen(option->name) > 1 ? "--" : "-", option->name,
                        option->argument ? ", which is written " : "",
                        option->argument ? option->argument : "");
            return -EINVAL;
        }
        if (options->action != ACTION_RUN)
            return argc;
    }
    for (; i < argc && strcmp(argv[i], ":") != 0; i++)
        strings_add(&program->arguments, argv[i]);
    if (program->arguments.count == 0) {
        fputs("mpirun: which program? (mpirun -n 2 ./program; `mpirun --help` lists the options)\n",
              errors);
        return -EINVAL;
    }
    return i;
}

int options_parse(struct options *options, int argc, char *const *argv, FILE *errors)
{
    *options = (struct options){
        .link = "auto",
        .ethertype = 0x88b5,
        .start_timeout = 30,
        .kill_grace = 1000,
        .peer_timeout = 10,
        .memory = DEFAULT_MEMORY,
        .output_copied = true,
    };
    for (int next = 0; next == 0 || next <= argc; next++) {
        struct option_program *grown = realloc(
            options->programs, (options->program_count + 1) * sizeof(struct option_program));

        if (!grown)
            return -ENOMEM;
        options->programs = grown;
        grown[options->program_count++] = (struct option_program){0};

        int words = parse_program(options, argc - next, argv + next, errors);

        if (words < 0)
            return words;
        next += words;
        if (next >= argc)
            break;
    }
    return 0;
}

/* Parameters that do something here, or that say how Open MPI should not get in the way of what is so here. */
static bool parameter_is_known(struct options *options, const char *name, const char *value)
{
    static const char *const as_is[] = {
        "rmaps_base_oversubscribe",
        "rmaps_base_no_oversubscribe",
        "mpi_yield_when_idle",
        "btl_vader_single_copy_mechanism",
        "btl_base_warn_component_unused",
        "orte_base_help_aggregate",
        "plm_rsh_no_tree_spawn",
        "hwloc_base_binding_policy",
        "mpi_show_mca_params",
        "plm_rsh_args",
        "orte_keep_fqdn_hostnames",
    };

    if (strcmp(name, "rmaps_base_oversubscribe") == 0)
        options->oversubscribe = true;
    for (size_t i = 0; i < sizeof(as_is) / sizeof(*as_is); i++)
        if (strcmp(name, as_is[i]) == 0)
            return true;
    if (strcmp(name, "orte_tag_output") == 0) {
        options->tag_output = atoi(value) != 0;
        return true;
    }
    /* Called as `AGENT HOST COMMAND...` there too; but it is for other hosts only, and a missing ssh is no error. */
    return strcmp(name, "plm_rsh_agent") == 0;
}

void options_read_environment(struct options *options, char *const *environment)
{
    static const char prefix[] = "OMPI_MCA_";

    for (; *environment; environment++) {
        if (strncmp(*environment, "MPIEXEC_TIMEOUT=", 16) == 0 && options->timeout == 0)
            parse_number(*environment + 16, 1, INT_MAX, &options->timeout);
        if (strncmp(*environment, prefix, sizeof(prefix) - 1) != 0)
            continue;

        const char *assignment = *environment + sizeof(prefix) - 1;
        char *name = text_format("%.*s", (int)strcspn(assignment, "="), assignment);

        /* The command line comes before the environment. */
        if (!strings_value(&options->parameters, name) && strchr(assignment, '='))
            strings_set(&options->parameters, assignment);
        free(name);
    }
    for (size_t i = 0; i < options->parameters.count; i++) {
        const char *assignment = options->parameters.list[i];
        char *name = text_format("%.*s", (int)strcspn(assignment, "="), assignment);

        if (!parameter_is_known(options, name, assignment + strlen(name) + 1))
            strings_setf(&options->ignored, "mca %s=", name);
        free(name);
    }
}

bool options_have_domains(const struct options *options)
{
    for (size_t i = 0; i < options->program_count; i++)
        if (options->programs[i].domu)
            return true;
    return false;
}

void options_clear(struct options *options)
{
    for (size_t i = 0; i < options->program_count; i++) {
        struct option_program *program = &options->programs[i];

        strings_clear(&program->arguments);
        strings_clear(&program->environment);
        hosts_clear(&program->hosts);
        free(program->directory);
        free(program->hostfile);
    }
    free(options->programs);
    free(options->launch_agent);
    free(options->prefix);
    free(options->output_directory);
    free(options->interfaces);
    free(options->cpus);
    free(options->bridge);
    strings_clear(&options->parameters);
    strings_clear(&options->ignored);
}
