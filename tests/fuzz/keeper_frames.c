/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fuzz target: what a hostile guest sends its keeper. Input: frames. Requests for files are served in a temporary directory;
 * the paths in them are replaced by a few short names there, so that none reaches anything of this machine.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch/guest_frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char place[64];

static void clean_up(void)
{
    char command[96];

    snprintf(command, sizeof(command), "rm -rf '%s'", place);
    if (system(command) != 0)
        _exit(1);
}

/* Files that are served are short; the fuzzer's own log is not. */
static void limit_files(bool serving)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) != 0)
        abort();
    limit.rlim_cur = serving ? 1 << 16 : limit.rlim_max;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        abort();
}

static void begin(void)
{
    strcpy(place, "/tmp/caravan-fuzz.XXXXXX");
    if (!mkdtemp(place) || atexit(clean_up) != 0)
        abort();
    signal(SIGXFSZ, SIG_IGN);
    umask(0);
}

static const char *harmless(const char *path)
{
    static const char *const names[] = {".", "a", "b", "d/c", "d"};

    return path ? names[(unsigned char)*path % 5] : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(8) char answer[FILES_MAX_DATA];
    struct byte_queue in = {0};
    struct channel_frame frame;
    struct files *files;
    char *payload;

    if (!*place)
        begin();
    limit_files(true);
    files = files_new(place);
    queue_add(&in, data, size);
    while (frame_next(&in, &frame, &payload) == 1) {
        struct file_request request;
        size_t given;

        if (frame.kind == FRAME_FILE && file_request_parse(payload, frame.length, &request) == 0) {
            int64_t result;

            if (request.path && strlen(request.path) >= CHANNEL_PATH)
                abort();
            request.path = harmless(request.path);
            request.second = harmless(request.second);
            result = files_serve(files, &request, answer, &given);
            if (given > sizeof(answer) || (result < 0 && given > 0) || result < -4095)
                abort();
        }
        frame_drop(&in, &frame);
    }
    files_free(files);
    queue_clear(&in);
    limit_files(false);
    return 0;
}
