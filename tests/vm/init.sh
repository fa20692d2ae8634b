#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Process 1 of the guest: see boot.sh.
export PATH=/usr/bin:/bin HOME=/root

/bin/busybox --install -s /bin 2>/dev/null
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs run /run
mount -t bpf bpf /sys/fs/bpf
while read -r module; do
  insmod "/modules/$module.ko" || echo "insmod $module failed"
done </modules/list
# Before 5.11, maps count as locked memory.
ulimit -l unlimited
ip link set lo up
printf '\nBOOT %s\n' "$(uname -r), $(cut -d' ' -f1 /proc/uptime) s"
cd /vm || poweroff -f
# Each line is a word.
# shellcheck disable=SC2046
/bin/sh ./$(cat command)
echo "EXIT $?"
poweroff -f
