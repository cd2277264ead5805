/* SPDX-License-Identifier: BSD-2-Clause */
/* text.h: the text of xenstore paths and values, where there is no printf. */
#ifndef CARAVAN_NETFRONT_TEXT_H
#define CARAVAN_NETFRONT_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define TEXT_DECIMAL_MAX 11 /* the largest uint32_t and a terminator */

/* Join strings, up to a NULL, in the `size` bytes at `to`. -ENAMETOOLONG, and an empty string, if
 * they do not fit. */
int text_join(char *to, size_t size, ...) __attribute__((sentinel));

/* Write `value` to the TEXT_DECIMAL_MAX bytes at `to`, and return it. */
const char *text_decimal(char *to, uint32_t value);

/* A whole decimal number up to `max`, and nothing else. -EINVAL. */
int text_number(const char *text, uint32_t max, uint32_t *value);

/* Six pairs of hexadecimal digits with colons between, and nothing else. -EINVAL. */
int text_mac(const char *text, uint8_t mac[6]);

#endif
