/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tests/launch/fake_rank.c: a rank that speaks the control stream as its arguments say, one step each, so that tests of
 * the agent need no library.
 *
 *   init hello finalize barrier        what a rank says, with the answer waited for
 *   put=KEY:VALUE get=KEY              PMI; `get` prints what it got
 *   ring=PEER                          offer a ring; prints the doorbell's peer when that comes (offer: does not wait)
 *   take-ring                          wait for a ring; prints who offered it and its size
 *   down                               wait for caravan_down; prints the process
 *   expect=COMMAND                     wait for that line; prints it
 *   version=N                          greet with this version
 *   greet=KEYS                         greet as a domain does, without descriptors, and with these keys besides the version
 *   raw=TEXT                           send a line as it is
 *   report=TEXT abort=STATUS:TEXT
 *   print=TEXT error=TEXT              to standard output, to standard error
 *   sleep=SECONDS close fork=SECONDS   `close`: the stream; `fork`: leave a child behind, in a session of its own
 *   ignore-term signal=N exit=N
 */
#include "control/control.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct control_stream *stream;
static struct control_message message;
static const char *rank = "0";

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "fake rank %s: %s\n", rank, what);
    exit(99);
}

static struct control_stream *get_stream(void)
{
    const char *fd = getenv("PMI_FD");

    if (!stream) {
        if (!fd)
            fail("no PMI_FD");
        stream = control_open(atoi(fd));
    }
    return stream;
}

static void receive(void)
{
    int result;

    control_close_fds(&message);
    while ((result = control_receive(get_stream(), &message)) == 0) {
        struct pollfd wait = {.fd = control_fd(stream), .events = POLLIN};

        if (poll(&wait, 1, 20000) == 0)
            fail("no answer");
    }
    if (result < 0)
        fail(strerror(-result));
}

/* Lines of other kinds may come at any time between. */
static void expect(const char *command)
{
    do
        receive();
    while (strcmp(message.command, command) != 0);
}

/* In one write: others print as well. */
static void print_message(void)
{
    char text[1024];
    size_t length = (size_t)snprintf(text, sizeof(text), "%s: %s", rank, message.command);

    for (unsigned i = 0; i < message.words && length < sizeof(text); i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, " %s=%s",
                                   message.word[i].key, message.word[i].value);
    puts(text);
    fflush(stdout);
}

static void learn_job(void)
{
    for (;;) {
        receive();
        if (strcmp(message.command, "caravan_ready") == 0)
            return;
        /* The job's key is secret. */
        if (strcmp(message.command, "caravan_welcome") == 0 && getenv("SHOW_WELCOME"))
            printf("welcome process=%s size=%s node=%s nodes=%s ranks=%s program=%s link=%s\n",
                   control_get(&message, "process"), control_get(&message, "size"),
                   control_get(&message, "node"), control_get(&message, "nodes"),
                   control_get(&message, "ranks"), control_get(&message, "program"),
                   control_get(&message, "link"));
        if (strcmp(message.command, "caravan_beside") == 0 && getenv("SHOW_BESIDE"))
            print_message();
        if (strcmp(message.command, "caravan_place") == 0 && getenv("SHOW_WELCOME"))
            printf("place first=%s count=%s node=%s\n", control_get(&message, "first"),
                   control_get(&message, "count"), control_get(&message, "node"));
        if (strcmp(message.command, "caravan_port") == 0 && getenv("SHOW_WELCOME"))
            printf("port interface=%s mac=%s mtu=%s fds=%u\n", control_get(&message, "interface"),
                   control_get(&message, "mac"), control_get(&message, "mtu"), message.fds);
    }
}

static void hello(int version)
{
    int fd[2] = {eventfd(0, EFD_CLOEXEC), memfd_create("doorbell", MFD_CLOEXEC)};

    if (control_send(get_stream(), fd, 2, "cmd=caravan_hello version=%d", version) < 0)
        fail("cannot greet");
    close(fd[0]);
    close(fd[1]);
    learn_job();
}

static void greet(const char *keys)
{
    if (control_send(get_stream(), NULL, 0, "cmd=caravan_hello version=%d %s", CONTROL_VERSION,
                     keys) < 0)
        fail("cannot greet");
    learn_job();
}

static char name[256]; /* of the key-value space */

static void find_name(void)
{
    if (*name)
        return;
    control_send(get_stream(), NULL, 0, "cmd=get_my_kvsname");
    expect("my_kvsname");
    snprintf(name, sizeof(name), "%s", control_get(&message, "kvsname"));
}

static void offer_ring(const char *peer, bool answered)
{
    int fd = memfd_create("ring", MFD_CLOEXEC);

    if (ftruncate(fd, 4096) < 0 ||
        control_send(get_stream(), &fd, 1, "cmd=caravan_ring peer=%s bytes=4096", peer) < 0)
        fail("cannot offer a ring");
    close(fd);
    if (!answered)
        return;
    expect("caravan_doorbell");
    if (message.fds != 2)
        fail("a doorbell without descriptors");
    printf("doorbell of %s\n", control_get(&message, "peer"));
}

static void take_ring(void)
{
    struct stat status;

    expect("caravan_ring");
    if (message.fds != 1 || fstat(message.fd[0], &status) < 0)
        fail("a ring without memory");
    printf("ring from %s of %s bytes, %lld\n", control_get(&message, "peer"),
           control_get(&message, "bytes"), (long long)status.st_size);
}

static void leave_child(unsigned seconds)
{
    if (fork() == 0) {
        setsid();
        signal(SIGTERM, SIG_IGN);
        if (fork() == 0)
            execlp("sleep", "sleep", "100", (char *)NULL);
        sleep(seconds);
        _exit(0);
    }
}

static void put(char *pair)
{
    char *value = strchr(pair, ':');

    find_name();
    *value++ = '\0';
    control_send(get_stream(), NULL, 0, "cmd=put kvsname=%s key=%s value=%s", name, pair, value);
    expect("put_result");
    if (strcmp(control_get(&message, "rc"), "0") != 0)
        printf("put: %s\n", control_get(&message, "msg"));
}

static void get(const char *key)
{
    find_name();
    control_send(get_stream(), NULL, 0, "cmd=get kvsname=%s key=%s", name, key);
    expect("get_result");
    printf("%s=%s\n", key,
           strcmp(control_get(&message, "rc"), "0") == 0 ? control_get(&message, "value") : "?");
}

static void abort_job(char *text)
{
    char *reason = strchr(text, ':'), escaped[1024];

    *reason++ = '\0';
    control_escape(escaped, sizeof(escaped), reason);
    control_send(get_stream(), NULL, 0, "cmd=abort exitcode=%s message=%s", text, escaped);
    sleep(20);
}

static void step(const char *command, char *value)
{
    char escaped[1024];

    if (strcmp(command, "init") == 0) {
        control_send(get_stream(), NULL, 0, "cmd=init pmi_version=1 pmi_subversion=1");
        expect("response_to_init");
    } else if (strcmp(command, "hello") == 0) {
        hello(CONTROL_VERSION);
    } else if (strcmp(command, "version") == 0) {
        hello(atoi(value));
    } else if (strcmp(command, "greet") == 0) {
        greet(value);
    } else if (strcmp(command, "barrier") == 0) {
        control_send(get_stream(), NULL, 0, "cmd=barrier_in");
        expect("barrier_out");
    } else if (strcmp(command, "finalize") == 0) {
        control_send(get_stream(), NULL, 0, "cmd=finalize");
        expect("finalize_ack");
    } else if (strcmp(command, "put") == 0) {
        put(value);
    } else if (strcmp(command, "get") == 0) {
        get(value);
    } else if (strcmp(command, "ring") == 0) {
        offer_ring(value, true);
    } else if (strcmp(command, "offer") == 0) {
        offer_ring(value, false);
    } else if (strcmp(command, "take-ring") == 0) {
        take_ring();
    } else if (strcmp(command, "down") == 0) {
        expect("caravan_down");
        printf("down %s\n", control_get(&message, "process"));
    } else if (strcmp(command, "expect") == 0) {
        expect(value);
        print_message();
    } else if (strcmp(command, "raw") == 0) {
        dprintf(atoi(getenv("PMI_FD")), "%s\n", value);
    } else if (strcmp(command, "report") == 0) {
        control_escape(escaped, sizeof(escaped), value);
        control_send(get_stream(), NULL, 0, "cmd=caravan_report text=%s", escaped);
    } else if (strcmp(command, "abort") == 0) {
        abort_job(value);
    } else if (strcmp(command, "print") == 0) {
        printf("%s\n", value);
    } else if (strcmp(command, "error") == 0) {
        fprintf(stderr, "%s\n", value);
    } else if (strcmp(command, "sleep") == 0) {
        fflush(stdout);
        usleep((useconds_t)(atof(value) * 1e6));
    } else if (strcmp(command, "close") == 0) {
        close(atoi(getenv("PMI_FD")));
    } else if (strcmp(command, "fork") == 0) {
        leave_child((unsigned)atoi(value));
    } else if (strcmp(command, "ignore-term") == 0) {
        signal(SIGTERM, SIG_IGN);
    } else if (strcmp(command, "signal") == 0) {
        fflush(stdout);
        signal(atoi(value), SIG_DFL); /* a sanitizer's handler would print, and exit */
        kill(getpid(), atoi(value));
    } else if (strcmp(command, "exit") == 0) {
        exit(atoi(value));
    } else {
        fail(command);
    }
}

/* `RANK:step` is done by that rank only. */
int main(int argc, char **argv)
{
    if (getenv("PMI_RANK"))
        rank = getenv("PMI_RANK");
    for (int i = 1; i < argc; i++) {
        char *command = argv[i], *value;
        size_t length = strlen(rank);

        if (*command >= '0' && *command <= '9') {
            if (strncmp(command, rank, length) != 0 || command[length] != ':')
                continue;
            command += length + 1;
        }
        value = strchr(command, '=');
        if (value)
            *value++ = '\0';
        step(command, value ? value : (char[]){""});
    }
    return 0;
}
