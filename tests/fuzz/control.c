/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fuzz target: the control stream, as a rank's agent and the rank itself read it. Input: what the other end wrote, in
 * pieces of which the first byte of each says how long it is, so that lines are cut at any place.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Everything that a reader may ask of a line, and what is written must be read back as it was. */
static void use(struct control_message *message)
{
    char escaped[3 * CONTROL_MAX_LINE], line[4 * CONTROL_MAX_LINE];
    unsigned char bytes[16];
    uint64_t number;

    for (unsigned i = 0; i < message->words; i++) {
        const char *key = message->word[i].key, *value = control_get(message, key);
        struct control_message again;

        control_get_number(message, key, UINT32_MAX, &number);
        control_get_bytes(message, key, bytes, sizeof(bytes));
        if (!value || control_escape(escaped, sizeof(escaped), value) < 0)
            abort();
        strcpy(stpcpy(line, "cmd=caravan_x v="), escaped);
        if (control_parse(line, &again) < 0 || strcmp(control_get(&again, "v"), value) != 0)
            abort();
    }
    control_take_fd(message, 0);
    control_close_fds(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct control_message message;
    struct control_stream *stream;
    int fd[2], result = 0;

    if (size > 1 << 16 || socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0)
        return 0;
    stream = control_open(fd[0]);
    while (size > 0 && result >= 0) {
        size_t length = data[0] < size - 1 ? data[0] : size - 1;

        if (length > 0 && send(fd[1], data + 1, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break;
        data += 1 + length;
        size -= 1 + length;
        while ((result = control_receive(stream, &message)) == 1)
            use(&message);
    }
    close(fd[1]);
    while (control_receive(stream, &message) == 1)
        use(&message);
    control_close(stream);
    return 0;
}
