#!/usr/bin/env bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Installs what l4gate needs from the distribution's packages, and nothing when
# all is there. Debian 12, Debian 13 and Ubuntu 24.04 use the same names but for
# the few that are looked up below.
#
#   deps.sh build    what `make` needs
#   deps.sh demo     build, and the servers and clients of scripts/demo.sh
#   deps.sh test     all of that, and what the tests and checks need
#   deps.sh bench    build, and what the benchmarks measure beside l4gate
#   deps.sh vm       all of that, and what `make check-vm` needs
set -euo pipefail

# "a|b" takes the first that the distribution has.
BUILD='clang llvm gcc make pkg-config libc6-dev libbpf-dev libelf-dev
  zlib1g-dev libyaml-dev libjansson-dev bpftool|linux-tools-generic'
DEMO='iproute2 ethtool procps util-linux jq curl nginx-light|nginx
  dnsmasq-base bind9-dnsutils|dnsutils python3'
TEST='libcmocka-dev iputils-ping netcat-openbsd socat strace redis-server
  redis-tools iperf3 python3-scapy bats shellcheck sparse universal-ctags
  clang-format clang-tidy clang-19 prometheus git traceroute postgresql
  sip-tester ngtcp2-client ngtcp2-server openssl'
BENCH='iproute2 ethtool procps util-linux jq python3 iperf3 nftables haproxy
  git'
VM='qemu-system-x86 busybox-static dash cpio xz-utils'

# Services that the packages above bring along; nothing here needs them as such.
SERVICES='nginx redis-server prometheus nftables haproxy postgresql'

UPDATED=
DISABLE=

die() {
  printf 'deps.sh: %s\n' "$*" >&2
  exit 1
}

installed() {
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

available() {
  apt-cache show --no-all-versions "$1" >/dev/null 2>&1
}

update_once() {
  [[ -z $UPDATED ]] || return 0
  printf 'deps.sh: updating the package lists\n'
  apt-get update -q >/dev/null
  UPDATED=1
}

# Prints the package to install for "a|b", or nothing when one is there.
missing() {
  local name names
  IFS='|' read -ra names <<<"$1"
  for name in "${names[@]}"; do
    if installed "$name"; then
      return
    fi
  done
  for name in "${names[@]}"; do
    if available "$name"; then
      printf '%s\n' "$name"
      return
    fi
  done
  printf '%s\n' "${names[0]}"
}

# A package that starts a server on installation would take ports of this
# machine: forbid that while we install, unless the machine has its own policy.
forbid_services() {
  local policy=/usr/sbin/policy-rc.d
  [[ ! -e $policy ]] || return 0
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

# ... and keep those that were not there before from starting at the next boot.
note_services() {
  local service
  for service in $SERVICES; do
    installed "$service" || DISABLE+=" $service"
  done
}

disable_services() {
  local service
  command -v systemctl >/dev/null || return 0
  for service in $DISABLE; do
    systemctl --root=/ disable "$service" >/dev/null 2>&1 || true
  done
}

install_packages() {
  ((EUID == 0)) || die "these packages are missing, and only root can install them: $*"
  forbid_services
  note_services
  printf 'deps.sh: installing %s\n' "$*"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    -o DPkg::Lock::Timeout=120 "$@" >/dev/null
  disable_services
}

ensure() {
  local want package packages=()
  for want in "$@"; do
    package=$(missing "$want")
    [[ -z $package ]] || packages+=("$package")
  done
  ((${#packages[@]})) || return 0
  if ((EUID == 0)); then
    update_once
    # The lists may have told us of a better name.
    packages=()
    for want in "$@"; do
      package=$(missing "$want")
      [[ -z $package ]] || packages+=("$package")
    done
  fi
  install_packages "${packages[@]}"
}

# libFuzzer and the sanitizers of clang are packaged by its major version.
ensure_clang_runtime() {
  local major
  major=$(clang -dumpversion | cut -d. -f1)
  ensure "libclang-rt-$major-dev"
}

main() {
  command -v apt-get >/dev/null ||
    die 'only Debian and Ubuntu are known here; README.md lists what is needed'
  # shellcheck disable=SC2086 # lists of words on purpose
  case ${1:-build} in
    build) ensure $BUILD ;;
    demo) ensure $BUILD $DEMO ;;
    test)
      ensure $BUILD $DEMO $TEST
      ensure_clang_runtime
      ;;
    bench) ensure $BUILD $BENCH ;;
    vm)
      ensure $BUILD $DEMO $TEST $VM
      ensure_clang_runtime
      ;;
    *)
      printf 'usage: deps.sh [build|demo|test|bench|vm]\n' >&2
      exit 2
      ;;
  esac
}

main "$@"
