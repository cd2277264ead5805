#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Give the installed packet helper CAP_NET_RAW, so that users who are not root can run jobs over frames.
helper=${MESON_INSTALL_DESTDIR_PREFIX:?run by meson install}/bin/caravan-packet

if command -v setcap >/dev/null 2>&1 && setcap cap_net_raw+ep "$helper" 2>/dev/null; then
    exit 0
fi
echo "caravan-packet has no file capability: only root can run jobs over frames. As root:"
echo "    setcap cap_net_raw+ep $helper"
