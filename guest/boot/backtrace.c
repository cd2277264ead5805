/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/boot/backtrace.h"

void backtrace_show(const struct registers *registers)
{
}
