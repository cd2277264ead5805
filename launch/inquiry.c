/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/inquiry.c: what every rank waits for, merged: on SIGUSR1, and with --stall-report when nothing moves.
 *
 * A job has stalled when for so many seconds no rank has sent or received a message and one at least waits in an MPI call.
 * That is found by asking all ranks now and then for the number of their messages; a rank that does not answer (it computes)
 * has moved nothing. A stall is reported once; the next one when messages have moved in between.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launch/job_private.h"

enum {
    LATE_MS = 4000, /* for an answer of an agent, which itself gives its ranks 2 s */
    ROUND_LEAST_MS = 250,
    ROUND_MOST_MS = 5000,
    ROUNDS = 4, /* within the time that makes a stall */
    MAX_LINES = 64,
    GROUPS_SAID = 64,
    DETAILED_RANKS = 32,
};

struct answer {
    bool awaited;
    bool waits;
    bool known;     /* `moved` is */
    uint64_t quiet; /* ms since which nothing has come */
    uint64_t moved;
    char *group;          /* the first line: ranks with the same one are told together */
    struct strings lines; /* the others */
};

struct inquiry {
    struct job *job;
    struct answer *answers; /* by process */
    uint64_t number;        /* of the question */
    uint32_t awaited;       /* answers */
    bool detail;            /* it is to be said */
    bool stall;             /* because nothing moves: if it still does not */
    char title[160];
    struct timer late;
    struct timer next;
    uint64_t asked_at; /* every answer is younger */
    uint64_t moved_at; /* a message moved, as far as known */
    bool reported;     /* the stall that began then */
};

static void ask(struct inquiry *inquiry, bool detail)
{
    struct job *job = inquiry->job;

    inquiry->number++;
    inquiry->asked_at = loop_now();
    inquiry->detail = detail;
    inquiry->awaited = job->layout.size;
    for (uint32_t i = 0; i < job->layout.size; i++) {
        struct answer *answer = &inquiry->answers[i];

        answer->awaited = true;
        answer->waits = false;
        free(answer->group);
        answer->group = NULL;
        strings_clear(&answer->lines);
    }
    for (size_t i = 0; i < job->layout.node_count; i++)
        if (job->agents[i].channel && job->agents[i].started)
            channel_send_line(job->agents[i].channel, "cmd=caravan_query number=%llu detail=%d",
                              (unsigned long long)inquiry->number, detail);
    loop_set_timer(job->loop, &inquiry->late, LATE_MS * 1000000ull);
}

/* ---- saying it -------------------------------------------------------------------------------- */

/* `0-2, 5` of a sorted list. */
static void list_ranks(char *text, size_t size, const struct answer *const *answers, size_t count,
                       const struct answer *first)
{
    size_t length = 0;

    for (size_t i = 0, end; i < count && length < size; i = end) {
        for (end = i + 1; end < count && answers[end] == answers[end - 1] + 1;)
            end++;
        length += (size_t)snprintf(text + length, size - length, "%s%td", i ? ", " : "",
                                   answers[i] - first);
        if (end > i + 1 && length < size)
            length += (size_t)snprintf(text + length, size - length, "-%td",
                                       answers[end - 1] - first);
        if (length > size - 32 && end < count) {
            snprintf(text + length, size - length, ", ...");
            return;
        }
    }
}

static int by_group(const void *a, const void *b)
{
    const struct answer *left = *(const struct answer *const *)a;
    const struct answer *right = *(const struct answer *const *)b;
    int order = strcmp(left->group, right->group);

    return order ? order : left < right ? -1 : left > right;
}

/* ` for 12 s`; nothing for ranks that did not say. */
static void say_quiet(char *text, size_t size, uint64_t least, uint64_t most)
{
    *text = '\0';
    if (most < 100)
        return;
    if (most < 1000)
        snprintf(text, size, " for 0.%llu s", (unsigned long long)(most / 100));
    else if (least / 1000 == most / 1000)
        snprintf(text, size, " for %llu s", (unsigned long long)(most / 1000));
    else
        snprintf(text, size, " for %llu to %llu s", (unsigned long long)(least / 1000),
                 (unsigned long long)(most / 1000));
}

static void say_group(struct inquiry *inquiry, const struct answer *const *answers, size_t count)
{
    uint64_t least = UINT64_MAX, most = 0;
    char quiet[64], ranks[160];

    for (size_t i = 0; i < count; i++) {
        least = answers[i]->quiet < least ? answers[i]->quiet : least;
        most = answers[i]->quiet > most ? answers[i]->quiet : most;
    }
    say_quiet(quiet, sizeof(quiet), least, most);
    list_ranks(ranks, sizeof(ranks), answers, count, inquiry->answers);
    if (count == 1)
        job_say(inquiry->job, "  rank %s %s%s", ranks, answers[0]->group, quiet);
    else
        job_say(inquiry->job, "  %zu ranks (%s) %s%s", count, ranks, answers[0]->group, quiet);
}

struct group {
    const struct answer *const *answers;
    size_t count;
};

/* The one with most ranks first: who is alone is most often the culprit, and stands last. */
static int by_size(const void *a, const void *b)
{
    const struct group *left = a, *right = b;

    if (left->count != right->count)
        return left->count > right->count ? -1 : 1;
    return left->answers[0] < right->answers[0] ? -1 : 1;
}

static void say_groups(struct inquiry *inquiry)
{
    uint32_t size = inquiry->job->layout.size;
    const struct answer **sorted = memory_zeroed(size, sizeof(*sorted));
    struct group *groups = memory_zeroed(size, sizeof(*groups));
    size_t count = 0, unsaid = 0;

    for (uint32_t i = 0; i < size; i++)
        sorted[i] = &inquiry->answers[i];
    qsort(sorted, size, sizeof(*sorted), by_group);
    for (uint32_t i = 0; i < size; i++) {
        if (i == 0 || strcmp(sorted[i]->group, sorted[i - 1]->group) != 0)
            groups[count++].answers = &sorted[i];
        groups[count - 1].count++;
    }
    qsort(groups, count, sizeof(*groups), by_size);
    for (size_t i = 0; i < count; i++) {
        if (i < GROUPS_SAID)
            say_group(inquiry, groups[i].answers, groups[i].count);
        else
            unsaid += groups[i].count;
    }
    if (unsaid)
        job_say(inquiry->job, "  %zu more ranks, each in another place", unsaid);
    free(groups);
    free(sorted);
}

static void say_details(struct inquiry *inquiry)
{
    uint32_t said = 0;

    for (uint32_t i = 0; i < inquiry->job->layout.size; i++) {
        const struct answer *answer = &inquiry->answers[i];

        if (answer->lines.count == 0)
            continue;
        if (said++ == DETAILED_RANKS) {
            job_say(inquiry->job, "  (further ranks' details are left out)");
            return;
        }
        job_say(inquiry->job, "  %s:", job_describe(inquiry->job, i));
        for (size_t j = 0; j < answer->lines.count; j++)
            job_say(inquiry->job, "    %s", answer->lines.list[j]);
    }
}

/* ---- rounds ----------------------------------------------------------------------------------- */

static bool somebody_waits(const struct inquiry *inquiry)
{
    for (uint32_t i = 0; i < inquiry->job->layout.size; i++)
        if (inquiry->answers[i].waits)
            return true;
    return false;
}

static void round_ended(struct inquiry *inquiry)
{
    const struct options *options = inquiry->job->options;
    uint64_t still = inquiry->asked_at > inquiry->moved_at ? inquiry->asked_at - inquiry->moved_at
                                                           : 0;

    loop_cancel_timer(inquiry->job->loop, &inquiry->late);
    if (inquiry->job->ending)
        return;
    if (inquiry->detail) {
        if (inquiry->stall && !inquiry->reported)
            return;
        job_say(inquiry->job, "%s", inquiry->title);
        say_groups(inquiry);
        say_details(inquiry);
    } else if (options->stall_report && !inquiry->reported && somebody_waits(inquiry) &&
               still >= options->stall_report * 1000000000ull) {
        inquiry->reported = true;
        snprintf(inquiry->title, sizeof(inquiry->title),
                 "no rank has sent or received a message for %llu s; what the %u ranks wait for:",
                 (unsigned long long)(still / 1000000000u), inquiry->job->layout.size);
        inquiry->stall = true;
        ask(inquiry, true);
    }
}

static void answered(struct inquiry *inquiry, struct answer *answer, const char *group)
{
    if (!answer->group)
        answer->group = text_copy(group);
    answer->awaited = false;
    if (--inquiry->awaited == 0)
        round_ended(inquiry);
}

static void late(void *context)
{
    struct inquiry *inquiry = context;

    for (uint32_t i = 0; inquiry->awaited > 0 && i < inquiry->job->layout.size; i++) {
        struct answer *answer = &inquiry->answers[i];

        if (answer->awaited) {
            answer->quiet = 0;
            answered(inquiry, answer, "gives no answer, nor does the agent of its node");
        }
    }
}

static void next_round(void *context)
{
    struct inquiry *inquiry = context;
    uint64_t pause = inquiry->job->options->stall_report * 1000ull / ROUNDS;

    if (inquiry->job->ending)
        return;
    /* Who is late has moved nothing. */
    if (inquiry->awaited > 0 && !inquiry->detail) {
        inquiry->awaited = 0;
        round_ended(inquiry);
    }
    if (inquiry->awaited == 0)
        ask(inquiry, false);
    pause = pause < ROUND_LEAST_MS ? ROUND_LEAST_MS : pause > ROUND_MOST_MS ? ROUND_MOST_MS : pause;
    loop_set_timer(inquiry->job->loop, &inquiry->next, pause * 1000000);
}

void inquiry_report(struct job *job)
{
    struct inquiry *inquiry = job->inquiry;

    if (!inquiry || job->ending) {
        job_say(job, "the job %s", job->ending ? "is ending" : "has not started yet");
        return;
    }
    if (inquiry->awaited > 0 && inquiry->detail && !inquiry->stall)
        return; /* it is being said already */
    snprintf(inquiry->title, sizeof(inquiry->title),
             "what the %u ranks wait for:", job->layout.size);
    inquiry->stall = false;
    ask(inquiry, true);
}

/* ---- what agents say -------------------------------------------------------------------------- */

static const char *silence(const char *state)
{
    static const struct {
        const char *state, *meaning;
    } known[] = {
        {"ended", "has ended"},
        {"outside", "has not called MPI_Init"},
        {"foreign", "is not a Caravan program"},
        {"finalized", "has left MPI_Finalize"},
        {"R", "gives no answer: it computes (state R)"},
        {"T", "gives no answer: it is stopped (state T)"},
        {"t", "gives no answer: a debugger holds it (state t)"},
        {"S", "gives no answer: it sleeps outside MPI (state S)"},
        {"D", "gives no answer: it waits in the kernel (state D)"},
        {"Z", "has ended"},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(known[i].state, state) == 0)
            return known[i].meaning;
    return "gives no answer";
}

static void take_moved(struct inquiry *inquiry, struct answer *answer,
                       const struct control_message *message)
{
    uint64_t moved = 0;

    control_get_number(message, "moved", UINT64_MAX, &moved);
    if (!answer->known || moved != answer->moved) {
        inquiry->moved_at = loop_now();
        inquiry->reported = false;
    }
    answer->known = true;
    answer->moved = moved;
}

static void take_answer(struct inquiry *inquiry, struct answer *answer,
                        const struct control_message *message)
{
    uint64_t waits = 0, quiet = 0;

    control_get_number(message, "waits", 1, &waits);
    control_get_number(message, "quiet", UINT64_MAX, &quiet);
    answer->waits = waits;
    answer->quiet = quiet;
    answered(inquiry, answer, "does not say what it does");
}

bool inquiry_take(struct job *job, uint32_t process, const struct control_message *message)
{
    struct inquiry *inquiry = job->inquiry;
    const char *command = message->command, *text;
    struct answer *answer;
    uint64_t number;

    if (strcmp(command, "caravan_told") != 0 && strcmp(command, "caravan_answer") != 0 &&
        strcmp(command, "caravan_silent") != 0)
        return false;
    if (!inquiry || control_get_number(message, "number", UINT64_MAX, &number) < 0)
        return false;
    answer = &inquiry->answers[process];
    if (strcmp(command, "caravan_answer") == 0)
        take_moved(inquiry, answer, message);
    if (number != inquiry->number || !answer->awaited)
        return true; /* to an earlier question */
    if (strcmp(command, "caravan_answer") == 0) {
        take_answer(inquiry, answer, message);
    } else if (strcmp(command, "caravan_silent") == 0) {
        text = control_get(message, "state");
        answer->quiet = 0;
        answered(inquiry, answer, silence(text ? text : ""));
    } else {
        text = control_get(message, "text");
        if (text && !answer->group)
            answer->group = text_copy(text);
        else if (text && answer->lines.count < MAX_LINES)
            strings_add(&answer->lines, text);
    }
    return true;
}

void inquiry_open(struct job *job)
{
    struct inquiry *inquiry = memory_zeroed(1, sizeof(*inquiry));

    inquiry->job = job;
    inquiry->answers = memory_zeroed(job->layout.size, sizeof(*inquiry->answers));
    inquiry->late = (struct timer){.run = late, .context = inquiry};
    inquiry->next = (struct timer){.run = next_round, .context = inquiry};
    inquiry->moved_at = loop_now();
    job->inquiry = inquiry;
    if (job->options->stall_report)
        next_round(inquiry);
}

void inquiry_close(struct job *job)
{
    struct inquiry *inquiry = job->inquiry;

    if (!inquiry)
        return;
    loop_cancel_timer(job->loop, &inquiry->late);
    loop_cancel_timer(job->loop, &inquiry->next);
    for (uint32_t i = 0; i < job->layout.size; i++) {
        free(inquiry->answers[i].group);
        strings_clear(&inquiry->answers[i].lines);
    }
    free(inquiry->answers);
    free(inquiry);
    job->inquiry = NULL;
}
