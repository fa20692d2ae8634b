#!/usr/bin/env bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Shows what l4gate does, on this machine, in about a minute:
#
#   sudo ./scripts/demo.sh
#
# Installs what is missing, builds, makes a client, a gateway and three servers
# out of network namespaces, and sends real traffic through them. Fails if
# anything it sees is not as it should be. Leaves nothing behind but packages
# and the build directory.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=../tests/netns/lib.sh
. "$ROOT/tests/netns/lib.sh"
# shellcheck source=build.sh
. "$ROOT/scripts/build.sh"
MANIFESTS=$ROOT/scripts/demo

FLOWS=2000
TOLERANCE=4 # percentage points; four standard deviations of 2000 flows

# ---------------------------------------------------------------- telling

title() {
  printf '\n%s%s%s\n\n' "$BOLD$CYAN" "$*" "$PLAIN"
}

tell() {
  printf '  %s\n' "$*"
}

good() {
  printf '  %sok%s %s\n' "$GREEN" "$PLAIN" "$*"
}

wrong() {
  printf '\n  %swrong:%s %s\n' "$RED" "$PLAIN" "$*" >&2
  exit 1
}

# show COMMAND...: the command as one would type it, then what it prints.
show() {
  printf '  %s$ l4gate %s%s\n' "$BOLD" "$*" "$PLAIN"
  (cd "$MANIFESTS" && l4 "$@") >"$WORK/shown" 2>&1 || {
    cat "$WORK/shown"
    wrong "l4gate $* failed"
  }
  sed 's/^/  /' "$WORK/shown"
  printf '\n'
}

bar() {
  local i length=$((($1 + 1) / 2)) mark='#'
  [[ $(locale charmap 2>/dev/null) != UTF-8 ]] || mark='█'
  for ((i = 0; i < length; i++)); do printf '%s' "$mark"; done
}

picture() {
  cat <<'EOT'
                         +-------------------+
   +-----------+         |  gateway node     |      +--- v1   nginx    10.2.0.11
   |  client   |         |                   |      |
   | 10.1.0.2  +---------+ cl0  l4gate   be0 +------+--- v2   nginx    10.2.0.12
   | fd00:1::2 |         |                   |      |
   +-----------+         |  192.0.2.10       |      +--- dns  dnsmasq  10.2.0.13
                         |  2001:db8::10     |
                         |  tcp/80  udp/53   |           (and fd00:2::11 to 13)
                         +-------------------+
EOT
}

# ---------------------------------------------------------------- seeing

# compare JSON NAME WANTED: one line of the table, checked.
compare() {
  local got
  got=$(jq -r --arg name "$2" '(.answers[$name] // 0) * 1000 / .count | round / 10' <<<"$1")
  printf '    %-6s %5s %%   %5s %%   %s%s%s\n' "$2" "$3" "$got" "$CYAN" "$(bar "${got%.*}")" "$PLAIN"
  jq -ne --argjson got "$got" --argjson want "$3" --argjson t "$TOLERANCE" \
    '$got - $want | fabs <= $t' >/dev/null || wrong "$2 got $got %, not $3 %"
}

# observe KIND ADDRESS PORT NAME WANTED [NAME WANTED]...
observe() {
  local json kind=$1 address=$2 port=$3 count=$FLOWS what=connections
  shift 3
  [[ $kind != dns ]] || what=queries count=200
  json=$(split "$kind" "$address" "$port" --count "$count" --concurrency 10)
  printf '  %s%s %s to %s port %s, each from a fresh socket%s\n' \
    "$BOLD" "$count" "$what" "$address" "$port" "$PLAIN"
  printf '    %-6s %7s   %7s\n' '' wanted seen
  while (($#)); do
    compare "$json" "$1" "$2"
    shift 2
  done
  jq -e --argjson n "$count" '(.answers | add) == $n' <<<"$json" >/dev/null ||
    wrong "not all were answered: $json"
  printf '\n'
}

fetched() {
  stat -c %s "$WORK/fetched" 2>/dev/null || printf '0\n'
}

download_reaches() {
  (($(fetched) >= $1))
}

progress() {
  printf '    %-34s %s%3d %%%s of the download\n' "$1" "$DIM" $(($(fetched) / 100000)) "$PLAIN"
}

# The weights change while a slow download is under way.
shift_under_download() {
  local download
  at cl curl -sS --max-time 60 -o "$WORK/fetched" "http://$VIP4/data" &
  download=$!
  wait_for 10 'the download to start' download_reaches 500000
  progress 'download started'
  wait_for 10 'some of the download' download_reaches 3000000
  progress 'now the weights change'
  show apply -f gateway.yaml -f services.yaml -f routes-50-50.yaml
  progress 'new weights are in force'
  observe http "$VIP4" 80 v1 50 v2 50
  observe http "$VIP6" 80 v1 50 v2 50
  wait "$download" || wrong 'the download broke'
  progress 'download done'
  [[ $(sha256sum <"$WORK/fetched") == "$(sha256sum <"$WORK/data")" ]] ||
    wrong 'the download is damaged'
  good 'its SHA-256 is right: the connection stayed where it was'
}

# ---------------------------------------------------------------- the show

make_network() {
  # shellcheck disable=SC2034 # read by two_armed
  BACKENDS='v1 v2 dns'
  two_armed
  # Slow enough to change the weights in the middle.
  HTTP_DATA_OPTIONS='limit_rate 900k;' start_http v1 v2
  start_dns dns
}

look_around() {
  title 'What l4gate says'
  show get routes
  show get backends
  show stats
  expect_checksums
  good 'no packet with a wrong checksum, on any host'
  [[ -z $(pgrep -x l4gate) ]] || wrong 'a process of l4gate is running'
  good 'no process of l4gate is running: the kernel alone forwards'
}

remove() {
  title 'Remove it'
  show detach
  split http "$VIP4" 80 --count 2 --timeout 1 | jq -e '.answers == {}' >/dev/null ||
    wrong 'still forwarding after detach'
  good 'nothing is forwarded any more'
}

perform() {
  prepare_sandbox
  title 'The network'
  # Not a step: servers are to be ours, and a failure is to end all at once.
  tell 'starting a client, a gateway node, two nginx and a dnsmasq'
  printf '\n'
  make_network
  picture

  title 'Attach to the NICs, apply the manifests'
  show attach cl0 be0 --mode native
  show apply -f gateway.yaml -f services.yaml -f routes-90-10.yaml

  title 'TCPRoute: 90 % to v1, 10 % to v2'
  observe http "$VIP4" 80 v1 90 v2 10
  observe http "$VIP6" 80 v1 90 v2 10

  title 'UDPRoute: DNS'
  observe dns "$VIP4" 53 dns 100
  tell "dig @$VIP6 www.test: $(at cl dig +short +time=2 "@$VIP6" www.test AAAA)"

  title '50/50, in the middle of a download'
  shift_under_download

  look_around
  remove
}

main() {
  local start=$SECONDS
  need_root
  printf '%sl4gate%s: Kubernetes TCPRoute and UDPRoute in the kernel\n\n' "$BOLD" "$PLAIN"
  step 'packages' "$ROOT/scripts/deps.sh" demo
  step 'build' build
  WORK=$(mktemp -d)
  # shellcheck disable=SC2064 # the directory of now
  trap "rm -rf '$WORK'" EXIT
  export WORK O L4GATE
  enter_sandbox bash "${BASH_SOURCE[0]}" --inside
  printf '\n%sAll as it should be%s, in %d s. Nothing is left but the build in %s.\n' \
    "$BOLD$GREEN" "$PLAIN" $((SECONDS - start)) "$O"
}

if [[ ${1:-} == --inside ]]; then
  perform
else
  main
fi
