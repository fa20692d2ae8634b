#!/usr/bin/env bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Boots one kernel in QEMU, without KVM, and runs a script in it as root:
#
#   boot.sh KERNEL FILES SCRIPT [ARGUMENT...]
#
# KERNEL is an unpacked kernel package, FILES a directory that the guest sees as
# /vm, SCRIPT one of its files, for dash. What the guest says goes to the output;
# the exit code is the script's, or 125 if the guest did not get so far.
#
# PROGRAMS are programs of this machine, copied with their libraries; MODS are
# kernel modules, loaded before the script, with those that they need; what the
# kernel has built in or lacks is passed over. BOOT_SECONDS is the limit, MEM in
# MiB, SMP the number of CPUs. The guest has no network and no disk.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
KERNEL=${1:?KERNEL} FILES=${2:?FILES}
shift 2
: "${1:?SCRIPT}"

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
ROOT=$WORK/root

# with_libraries FILE TO: a program of this machine.
with_libraries() {
  local library
  install -D -m 755 "$(readlink -f "$1")" "$ROOT$2"
  while read -r library; do
    [[ -e $ROOT$library ]] || install -D -m 755 "$(readlink -f "$library")" "$ROOT$library"
  done < <(ldd "$1" 2>/dev/null | grep -o '/[^ ]*' || true)
}

# add_module NAME: what it needs first.
add_module() {
  local name=${1//-/_} file to need
  to=$ROOT/modules/$name.ko
  [[ ! -e $to ]] || return 0
  file=$(find "$KERNEL" -name "$name.ko*" -o -name "${name//_/-}.ko*" | head -n 1)
  [[ -n $file ]] || return 0
  case $file in
    *.xz) xz -dc "$file" >"$to" ;;
    *.zst) zstd -qdc "$file" >"$to" ;;
    *) cp "$file" "$to" ;;
  esac
  for need in $(tr '\0' '\n' <"$to" | sed -n 's/^depends=//p' | tr , ' '); do
    add_module "$need"
  done
  printf '%s\n' "$name" >>"$ROOT/modules/list"
}

make_root() {
  local program module file
  mkdir -p "$ROOT"/{bin,usr/bin,proc,sys,dev,run,tmp,etc,root,modules,vm}
  cp "$(command -v busybox)" "$ROOT/bin/busybox"
  install -m 755 "$HERE/init.sh" "$ROOT/init"
  : >"$ROOT/modules/list"
  for module in ${MODS:-}; do add_module "$module"; done
  # Not busybox's shell, which prefers its own `ip` to the real one.
  with_libraries "$(command -v dash)" /bin/sh
  for program in ${PROGRAMS:-}; do
    with_libraries "$(command -v "$program")" "/usr/bin/$program"
  done
  cp -r "$FILES"/. "$ROOT/vm"
  for file in "$FILES"/*; do
    if [[ -x $file && -f $file ]]; then
      with_libraries "$file" "/vm/${file##*/}"
    fi
  done
  printf '%s\n' "$@" >"$ROOT/vm/command"
  (cd "$ROOT" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -1) >"$WORK/initrd"
}

run() {
  # Nested KVM can't be relied upon, and this is about what a kernel accepts.
  timeout "${BOOT_SECONDS:-300}" qemu-system-x86_64 -accel tcg -cpu max \
    -m "${MEM:-1024}" -smp "${SMP:-2}" -nodefaults -no-user-config \
    -nographic -no-reboot -net none -serial stdio \
    -kernel "$(find "$KERNEL" -name 'vmlinuz*' -type f | head -n 1)" \
    -initrd "$WORK/initrd" -append 'console=ttyS0 quiet panic=-1' </dev/null 2>&1 |
    sed -u 's/\r$//; s/\x1b\[[?0-9;]*[a-zA-Z]//g' |
    tee "$WORK/output" || true
}

make_root "$@"
run
code=$(sed -n 's/^EXIT \([0-9]*\)$/\1/p' "$WORK/output" | tail -n 1)
exit "${code:-125}"
