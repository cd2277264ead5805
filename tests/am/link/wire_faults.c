/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: whatever the network does, every message arrives exactly once and in order, every transfer is whole, or the peer
 * is declared down by name; and all that within a bounded time.
 *
 * Each seed is a network of its own: how many processes, which faults, which partitions, who computes for how long, what is
 * sent. A failure prints its seed; `wire_faults --seed N` plays it again, and `wire_faults --messages N` runs as many seeds as N
 * messages take (for a long run: --small --each 100000 --messages 1000000000).
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/am/link/wire_net.h"

enum {
    PROCESSES_MOST = 6,
    HANDLER_MESSAGE = 1,
    HANDLER_ASK,
    HANDLER_ANSWER,
    HANDLER_PUT,
    TRANSFERS_MOST = 4, /* under way, of one process */
    TRANSFER_BYTES = 300000,
    REPORT_EVERY = 10000000,
    ROUNDS_MOST = 20000000,
    ROUNDS_HASTY = 200000,
};

#define SECOND 1000000000ull

struct transfer {
    bool busy;
    struct process *process;
    unsigned peer;
    size_t length, offset;
    uint64_t number;
    uint8_t *bytes;
};

struct process {
    struct trial *trial;
    unsigned self;
    uint64_t sent[PROCESSES_MOST];     /* messages, by destination */
    uint64_t received[PROCESSES_MOST]; /* by source */
    uint64_t asked[PROCESSES_MOST], answered[PROCESSES_MOST];
    bool down[PROCESSES_MOST];
    uint64_t transfers; /* ended */
    struct transfer transfer[TRANSFERS_MOST];
    uint8_t *window[PROCESSES_MOST];  /* what each peer may put into */
    uint8_t *library[PROCESSES_MOST]; /* and get from */
    struct am_memory memory[PROCESSES_MOST], readable[PROCESSES_MOST]; /* their names */
};

struct trial {
    uint64_t seed;
    uint64_t random;
    struct net net;
    unsigned size;
    uint64_t goal; /* messages of each process */
    bool fatal;    /* a node will be cut off for good */
    unsigned victim;
    struct process process[PROCESSES_MOST];
    uint64_t total;
};

static bool verbose;
static bool small; /* short messages only: for long runs */

static uint64_t draw(struct trial *trial, uint64_t limit)
{
    uint64_t z = trial->random += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    z ^= z >> 31;
    return limit ? z % limit : 0;
}

__attribute__((noreturn, format(printf, 2, 3))) static void fail(struct trial *trial,
                                                                 const char *format, ...)
{
    va_list list;
    char text[512];

    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    fprintf(stderr, "wire_faults: seed %llu: %s (virtual time %.6f s)\n",
            (unsigned long long)trial->seed, text, (double)net_now(&trial->net) / 1e9);
    for (unsigned i = 0; i < trial->size; i++) {
        for (unsigned j = 0; j < trial->size; j++) {
            const struct process *process = &trial->process[i];

            if (i == j || !trial->net.am[i])
                continue;
            fprintf(stderr,
                    "%u to %u: sent %llu, of them received %llu, asked %llu, answered %llu%s\n", i,
                    j, (unsigned long long)process->sent[j],
                    (unsigned long long)trial->process[j].received[i],
                    (unsigned long long)process->asked[j], (unsigned long long)process->answered[j],
                    process->down[j] ? ", down" : "");
            am_describe(trial->net.am[i], j, text, sizeof(text));
            fprintf(stderr, "    %s\n", text);
        }
    }
    exit(1);
}

/* The content of a message is a function of who sends it to whom and its number. */
static uint64_t mix(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t z = a * 0x9e3779b97f4a7c15 + b * 0xbf58476d1ce4e5b9 + c * 0x94d049bb133111eb + 1;

    z = (z ^ z >> 31) * 0xd6e8feb86659fd93;
    return z ^ z >> 32;
}

static size_t length_of(unsigned from, unsigned to, uint64_t number)
{
    uint64_t z = mix(from + 100, to, number);

    if (small)
        return z % 32;
    switch (z % 16) {
    case 0:
        return 0;
    case 1:
        return (z >> 8) % (AM_MAX_MEDIUM + 1);
    case 2:
        return (z >> 8) % 1500;
    default:
        return (z >> 8) % 64;
    }
}

static void fill(uint8_t *bytes, size_t length, unsigned from, unsigned to, uint64_t number)
{
    uint64_t z = mix(from, to, number);

    for (size_t i = 0; i < length; i += 8) {
        z = z * 6364136223846793005 + 1442695040888963407;
        memcpy(bytes + i, &z, length - i < 8 ? length - i : 8);
    }
}

static void check(struct trial *trial, const char *what, const uint8_t *bytes, size_t length,
                  unsigned from, unsigned to, uint64_t number)
{
    static uint8_t expected[TRANSFER_BYTES];

    fill(expected, length, from, to, number);
    if (length && memcmp(bytes, expected, length))
        fail(trial, "%s %llu from %u to %u has other bytes than were sent", what,
             (unsigned long long)number, from, to);
}

/* ---- handlers ------------------------------------------------------------------------------------------- */

static void on_message(struct am *am, const struct am_message *message, void *context)
{
    struct process *process = context;
    struct trial *trial = process->trial;
    unsigned from = message->source;

    if (process->down[from])
        fail(trial, "%u got a message from %u, which was declared down", process->self, from);
    if (message->nargs < 1 || message->args[0] != process->received[from])
        fail(trial, "%u got message %llu from %u, expected %llu", process->self,
             (unsigned long long)message->args[0], from,
             (unsigned long long)process->received[from]);
    if (message->length != length_of(from, process->self, message->args[0]))
        fail(trial, "message %llu from %u to %u is %zu bytes long",
             (unsigned long long)message->args[0], from, process->self, message->length);
    check(trial, "message", message->payload, message->length, from, process->self,
          message->args[0]);
    process->received[from]++;
    trial->total++;
}

static void on_ask(struct am *am, const struct am_message *message, void *context)
{
    struct process *process = context;
    uint8_t bytes[AM_MAX_REPLY];
    size_t length = message->args[0] % (AM_MAX_REPLY + 1);
    int result;

    fill(bytes, length, process->self + 50, message->source, message->args[0]);
    result = am_reply(am, message->source, message->token, HANDLER_ANSWER, message->args, 1, bytes,
                      length);
    if (result != 0 && result != -EHOSTDOWN)
        fail(process->trial, "am_reply returned %d", result);
}

static void on_answer(struct am *am, const struct am_message *message, void *context)
{
    struct process *process = context;
    unsigned from = message->source;

    if (message->args[0] != process->answered[from])
        fail(process->trial, "answer %llu from %u to %u, expected %llu",
             (unsigned long long)message->args[0], from, process->self,
             (unsigned long long)process->answered[from]);
    check(process->trial, "answer", message->payload, message->length, from + 50, process->self,
          message->args[0]);
    process->answered[from]++;
}

static void on_put(struct am *am, const struct am_message *message, void *context)
{
    struct process *process = context;

    /* number, offset, length */
    check(process->trial, "put", process->window[message->source] + message->args[1],
          message->args[2], message->source, process->self, message->args[0]);
}

static void on_nothing(struct am *am, const struct am_message *message, void *context)
{
}

static void on_done(struct am *am, void *context, int status)
{
    struct transfer *transfer = context;

    transfer->busy = false;
    if (status && status != -EHOSTDOWN)
        abort();
}

static void on_got(struct am *am, void *context, int status)
{
    struct transfer *transfer = context;
    struct process *process = transfer->process;

    if (status == 0)
        check(process->trial, "get", transfer->bytes, transfer->length, transfer->peer + 70,
              process->self, 0);
    else if (status != -EHOSTDOWN)
        fail(process->trial, "a get ended with %d", status);
    transfer->busy = false;
}

static void on_down(struct am *am, uint32_t peer, const char *reason, void *context)
{
    struct process *process = context;
    struct trial *trial = process->trial;
    char name[32];

    if (verbose)
        printf("  %u: down: %s\n", process->self, reason);
    if (process->down[peer])
        fail(trial, "%u was told twice that %u is down", process->self, peer);
    process->down[peer] = true;
    snprintf(name, sizeof(name), "process %u on node%u", peer, peer);
    if (!strstr(reason, name))
        fail(trial, "the reason does not name %s: %s", name, reason);
    if (!trial->fatal || (peer != trial->victim && process->self != trial->victim))
        fail(trial, "%u declared %u down, which is alive: %s", process->self, peer, reason);
}

/* ---- one seed ---------------------------------------------------------------------------------------------- */

static void start_transfer(struct trial *trial, struct process *process, unsigned peer)
{
    struct transfer *transfer = NULL;
    struct am *am = trial->net.am[process->self];
    struct process *other = &trial->process[peer];
    int result;

    for (int i = 0; i < TRANSFERS_MOST; i++)
        if (!process->transfer[i].busy)
            transfer = &process->transfer[i];
    if (!transfer)
        return;
    transfer->peer = peer;
    transfer->process = process;
    if (draw(trial, 2)) {
        transfer->length = draw(trial, 4) ? draw(trial, 5000) : draw(trial, TRANSFER_BYTES);
        transfer->busy = true;
        memset(transfer->bytes, 0, transfer->length);
        result = am_get(am, peer, &other->readable[process->self], 0, transfer->bytes,
                        transfer->length, HANDLER_MESSAGE + 10, NULL, 0, on_got, transfer);
    } else {
        /* One put at a time into a window: the handler checks it. */
        uint64_t args[3];

        for (int i = 0; i < TRANSFERS_MOST; i++)
            if (process->transfer[i].busy && process->transfer[i].peer == peer)
                return;
        transfer->number = process->transfers + 1;
        transfer->length = 1 +
                           (draw(trial, 4) ? draw(trial, 5000) : draw(trial, TRANSFER_BYTES - 1));
        transfer->offset = draw(trial, TRANSFER_BYTES - transfer->length + 1);
        fill(transfer->bytes, transfer->length, process->self, peer, transfer->number);
        args[0] = transfer->number;
        args[1] = transfer->offset;
        args[2] = transfer->length;
        transfer->busy = true;
        result = am_put(am, peer, &other->memory[process->self], transfer->offset, transfer->bytes,
                        transfer->length, HANDLER_PUT, args, 3, on_done, transfer);
    }
    if (result < 0)
        transfer->busy = false;
    else
        process->transfers++;
    if (result < 0 && result != -EAGAIN && result != -EHOSTDOWN)
        fail(trial, "a transfer from %u to %u returned %d", process->self, peer, result);
}

/* Let a process do a few things. */
static void act(struct trial *trial, struct process *process)
{
    static uint8_t bytes[AM_MAX_MEDIUM];
    struct am *am = trial->net.am[process->self];

    for (uint64_t burst = draw(trial, 12); burst; burst--) {
        unsigned peer = (unsigned)draw(trial, trial->size);
        uint64_t number = process->sent[peer];
        int result = 0;

        if (peer == process->self)
            continue;
        if (!small && draw(trial, 40) == 0 && process->transfers < trial->goal / 8) {
            start_transfer(trial, process, peer);
        } else if (draw(trial, 10) == 0 && process->asked[peer] < trial->goal / 4) {
            result = am_request_reply(am, peer, HANDLER_ASK, &process->asked[peer], 1, NULL, 0);
            if (result == 0)
                process->asked[peer]++;
        } else if (number < trial->goal) {
            size_t length = length_of(process->self, peer, number);
            uint64_t args[AM_MAX_ARGS] = {number};

            fill(bytes, length, process->self, peer, number);
            result = am_request(am, peer, HANDLER_MESSAGE, args,
                                1 + (unsigned)(number % AM_MAX_ARGS), bytes, length);
            if (result == 0)
                process->sent[peer]++;
        }
        if (result == -EAGAIN)
            break;
        if (result == -EHOSTDOWN ? !process->down[peer] : result < 0)
            fail(trial, "a request from %u to %u returned %d", process->self, peer, result);
    }
}

static bool finished(struct trial *trial)
{
    for (unsigned i = 0; i < trial->size; i++) {
        struct process *process = &trial->process[i];

        for (unsigned j = 0; j < trial->size; j++) {
            if (i == j || process->down[j] || trial->process[j].down[i])
                continue;
            if (process->sent[j] < trial->goal || trial->process[j].received[i] < trial->goal ||
                process->answered[j] < process->asked[j])
                return false;
        }
        for (int t = 0; t < TRANSFERS_MOST; t++)
            if (process->transfer[t].busy && !process->down[process->transfer[t].peer] &&
                !trial->process[process->transfer[t].peer].down[i])
                return false;
    }
    return true;
}

static void choose_faults(struct trial *trial, struct sim_faults *faults,
                          struct net_options *options)
{
    static const uint16_t mtus[] = {1500, 1500, 1500, 9000, 576, 2000};
    static const uint64_t delays[] = {2000, 5000, 20000, 200000, 3000000};

    *faults = (struct sim_faults){.delay = delays[draw(trial, 5)]};
    if (draw(trial, 8)) {
        faults->loss = draw(trial, 2) ? (uint32_t)draw(trial, 100000) : 0;
        faults->duplicate = draw(trial, 2) ? (uint32_t)draw(trial, 50000) : 0;
        faults->reorder = draw(trial, 2) ? (uint32_t)draw(trial, 200000) : 0;
        faults->damage = draw(trial, 2) ? (uint32_t)draw(trial, 20000) : 0;
        faults->truncate = draw(trial, 2) ? (uint32_t)draw(trial, 10000) : 0;
        faults->replay = draw(trial, 2) ? (uint32_t)draw(trial, 30000) : 0;
        faults->full = draw(trial, 4) == 0 ? (uint32_t)draw(trial, 300000) : 0;
        faults->jitter = draw(trial, 2) ? draw(trial, faults->delay + 1) : 0;
        faults->reorder_delay = draw(trial, 5 * faults->delay) + 1;
        if (draw(trial, 4) == 0)
            faults->path_mtu = (uint16_t)(600 + draw(trial, 1500));
    }
    options->mtu = mtus[draw(trial, 6)];
    options->rx_slots = draw(trial, 3) ? 256 : 16 + (uint32_t)draw(trial, 64);
    options->timeout = (1 + draw(trial, 10)) * SECOND;
    options->faults = faults;
}

static uint64_t run(uint64_t seed, uint64_t messages)
{
    struct trial *trial = calloc(1, sizeof(*trial));
    struct sim_faults faults;
    struct net_options options = {.seed = seed};
    uint64_t start, deadline, cut_at, total, next_away;

    trial->seed = trial->random = seed;
    choose_faults(trial, &faults, &options);
    trial->size = options.size = 2 + (unsigned)draw(trial, PROCESSES_MOST - 1);
    trial->goal = messages / (trial->size * (trial->size - 1)) + 1;
    trial->fatal = draw(trial, 8) == 0;
    trial->victim = (unsigned)draw(trial, trial->size);
    net_open(&trial->net, &options);
    trial->net.nap = 5000000; /* the next round may have something to send */
    trial->net.hasty = draw(trial, 4) == 0 && faults.delay < 1000000;
    for (unsigned i = 0; i < trial->size; i++) {
        struct process *process = &trial->process[i];
        struct am *am = trial->net.am[i];

        process->trial = trial;
        process->self = i;
        am_on_peer_down(am, on_down, process);
        am_set_handler(am, HANDLER_MESSAGE, on_message, process);
        am_set_handler(am, HANDLER_ASK, on_ask, process);
        am_set_handler(am, HANDLER_ANSWER, on_answer, process);
        am_set_handler(am, HANDLER_PUT, on_put, process);
        am_set_handler(am, HANDLER_MESSAGE + 10, on_nothing, process);
        for (int t = 0; t < TRANSFERS_MOST; t++)
            process->transfer[t].bytes = malloc(TRANSFER_BYTES);
        for (unsigned j = 0; j < trial->size; j++) {
            if (i == j)
                continue;
            process->window[j] = malloc(TRANSFER_BYTES);
            am_expose(am, j, process->window[j], TRANSFER_BYTES, AM_WRITE, &process->memory[j]);
            process->library[j] = malloc(TRANSFER_BYTES);
            fill(process->library[j], TRANSFER_BYTES, i + 70, j, 0);
            am_expose(am, j, process->library[j], TRANSFER_BYTES, AM_READ, &process->readable[j]);
        }
    }
    start = net_now(&trial->net);
    deadline = start + 600 * SECOND + messages * (SECOND / 100);
    cut_at = start + draw(trial, SECOND / 10);
    next_away = start + draw(trial, SECOND / 20);

    for (uint64_t rounds = 0; !finished(trial); rounds++) {
        uint64_t now = net_now(&trial->net);

        if (now > deadline || rounds > ROUNDS_MOST)
            fail(trial, "not finished in time, after %llu rounds", (unsigned long long)rounds);
        for (unsigned i = 0; i < trial->size; i++)
            if (trial->net.away[i] <= now)
                act(trial, &trial->process[i]);
        if (rounds == ROUNDS_HASTY)
            trial->net.nap = 5000000; /* the next round may have something to send */
        trial->net.hasty = false;
        if (trial->fatal && now >= cut_at) {
            /* Somebody pulls the cable. */
            sim_cut(trial->net.sim, net_mac(trial->victim), NULL, UINT64_MAX);
            cut_at = UINT64_MAX;
        } else if (now >= cut_at) {
            /* A partition that heals before anybody is declared down. */
            unsigned a = (unsigned)draw(trial, trial->size);
            unsigned b = (a + 1) % trial->size;

            sim_cut(trial->net.sim, net_mac(a), draw(trial, 2) ? net_mac(b) : NULL,
                    now + draw(trial, options.timeout / 2));
            cut_at = draw(trial, 2) ? UINT64_MAX : now + draw(trial, 20 * options.timeout);
        }
        if (now >= next_away) {
            /* A rank computes: far longer than the timeout now and then. */
            unsigned who = (unsigned)draw(trial, trial->size);

            trial->net.away[who] = now + (draw(trial, 20) ? draw(trial, SECOND / 100)
                                                          : draw(trial, 90 * SECOND));
            next_away = draw(trial, 3) ? now + draw(trial, SECOND / 2) : UINT64_MAX;
        }
        net_round(&trial->net);
    }
    if (verbose) {
        const char *name;

        printf("seed %llu: %u processes, %.3f s\n", (unsigned long long)seed, trial->size,
               (double)(net_now(&trial->net) - start) / 1e9);
        for (unsigned c = 0; am_counter(trial->net.am[0], c, &name), name; c++) {
            uint64_t sum = 0;

            for (unsigned i = 0; i < trial->size; i++)
                sum += am_counter(trial->net.am[i], c, &name);
            printf("  %-28s %llu\n", name, (unsigned long long)sum);
        }
    }
    for (unsigned i = 0; i < trial->size; i++) {
        for (unsigned j = 0; j < trial->size; j++) {
            if (i != j && trial->process[i].received[j] > trial->process[j].sent[i])
                fail(trial, "more arrived than was sent");
        }
    }
    total = trial->total;
    net_close(&trial->net);
    for (unsigned i = 0; i < trial->size; i++) {
        for (int t = 0; t < TRANSFERS_MOST; t++)
            free(trial->process[i].transfer[t].bytes);
        for (unsigned j = 0; j < trial->size; j++) {
            free(trial->process[i].window[j]);
            free(trial->process[i].library[j]);
        }
    }
    free(trial);
    return total;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'}, {"messages", required_argument, NULL, 'm'},
        {"each", required_argument, NULL, 'e'}, {"small", no_argument, NULL, 'l'},
        {"verbose", no_argument, NULL, 'v'},    {0},
    };
    uint64_t messages = 1000000, each = 1000, total = 0, told = 0, seeds = 0, first = 1;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        switch (option) {
        case 's':
            first = strtoull(optarg, NULL, 0);
            break;
        case 'm':
            messages = strtoull(optarg, NULL, 0);
            break;
        case 'e':
            each = strtoull(optarg, NULL, 0);
            break;
        case 'l':
            small = true;
            break;
        case 'v':
            verbose = true;
            break;
        default:
            fprintf(stderr, "usage: wire_faults [--seed FIRST] [--messages N] [--each N][--small] "
                            "[--verbose]\n");
            return 2;
        }
    }
    while (total < messages) {
        total += run(first + seeds, each);
        seeds++;
        if (total / REPORT_EVERY != told) {
            told = total / REPORT_EVERY;
            printf("%llu messages over %llu seeds\n", (unsigned long long)total,
                   (unsigned long long)seeds);
            fflush(stdout);
        }
    }
    printf("%llu messages over %llu seeds: each once and in order, or a peer down by name\n",
           (unsigned long long)total, (unsigned long long)seeds);
    return 0;
}
